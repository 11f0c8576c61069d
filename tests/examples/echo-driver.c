/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device of one's own, the side in the guest; the device is echo-device.c.
 *
 *     cc -o echo-driver echo-driver.c $(pkg-config --cflags --libs libxvmsg)
 *     ./echo-driver NUMBER TEXT ADD
 *
 * has device NUMBER add ADD to each byte of TEXT, and prints what comes back.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xvmsg.h>

#define ECHO_DEVICE_ID 0xec0u
#define TEXT_MAX 1024u

/* What the callbacks below tell main(). */
struct echo {
    bool done;
    enum xvmsg_status status;
    uint32_t length; /* bytes that came back */
};

static void ended(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct echo *echo = user;

    (void)device;
    echo->done = true;
    echo->status = status;
}

/* The device has used buffers: here it can only be our one. */
static void used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct echo *echo = user;

    if (xvmsg_queue_pop(xvmsg_device_queue(device, index), &echo->length))
        ended(device, XVMSG_OK, user);
}

static const struct xvmsg_driver driver = {
    .device_id = ECHO_DEVICE_ID,
    .num_queues = 1,
    .queue_size = 2,
    .buffer_bytes = 2 * TEXT_MAX,
    .used = used,
    .broken = ended,
};

/* Runs the loop until a callback says done; was all well? */
static bool finish(struct xvmsg *h, struct echo *echo)
{
    bool well = xvmsg_run(h, &echo->done, -1) == 0 && echo->status == XVMSG_OK;

    echo->done = false;
    return well;
}

static bool set_add(struct xvmsg *h, struct echo *echo, struct xvmsg_device *device, unsigned add)
{
    /* Configuration is little-endian, whatever we are. */
    const uint8_t bytes[4] = {(uint8_t)add, (uint8_t)(add >> 8), (uint8_t)(add >> 16),
                              (uint8_t)(add >> 24)};

    return xvmsg_device_write_config(device, 0, bytes, sizeof(bytes), ended, echo) == 0 &&
           finish(h, echo);
}

/* One request: the text for the device to read, and as much room to write. NULL, or
 * the reply, which ends with a NUL. */
static const char *ask(struct xvmsg *h, struct echo *echo, struct xvmsg_device *device,
                       const char *text)
{
    struct xvmsg_area *area = xvmsg_device_buffers(device);
    size_t length = strlen(text), half = xvmsg_area_size(area) / 2;
    char *request = xvmsg_area_memory(area), *reply = request + half;
    struct xvmsg_buffer buffers[] = {
        {xvmsg_area_address(area, request), (uint32_t)length},
        {xvmsg_area_address(area, reply), (uint32_t)length},
    };

    if (length == 0 || length >= half)
        return NULL;
    memcpy(request, text, length);
    if (xvmsg_queue_push(xvmsg_device_queue(device, 0), buffers, 1, 1, echo) < 0 ||
        !finish(h, echo))
        return NULL;
    reply[echo->length] = '\0'; /* the library has seen to it that it is not more */
    return reply;
}

int main(int argc, char **argv)
{
    struct echo echo = {0};
    struct xvmsg_device *device;
    const char *reply, *why;
    struct xvmsg *h;
    int status = 1;

    if (argc != 4) {
        fprintf(stderr, "usage: echo-driver NUMBER TEXT ADD\n");
        return 2;
    }
    h = xvmsg_new(&why);
    if (!h) {
        fprintf(stderr, "echo-driver: %s\n", why);
        return 1;
    }
    if (xvmsg_connect_wait(h, 10000) == 0 &&
        (device = xvmsg_device_open(h, strtoull(argv[1], NULL, 10), &driver, ended, &echo)) &&
        finish(h, &echo) &&
        set_add(h, &echo, device, (unsigned)strtoul(argv[3], NULL, 10)) &&
        (reply = ask(h, &echo, device, argv[2]))) {
        puts(reply);
        status = 0;
    } else {
        fprintf(stderr, "echo-driver: %s\n", xvmsg_error(h));
    }
    xvmsg_free(h); /* and the device with it */
    return status;
}
