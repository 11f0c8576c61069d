/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A source of random bytes: each read is one buffer of the area, offered to the
 * device and copied from when it comes back. */

#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "frontend/device.h"

#define READS 4u /* at once, a power of two */
#define READ_BYTES 4096u

struct rng_read {
    bool busy;
    void *buffer; /* the user's */
    uint32_t length;
    xvmsg_rng_done *done;
    void *user;
};

struct xvmsg_rng {
    struct held held;
    struct xvmsg *h;
    struct xvmsg_device *device;
    xvmsg_rng_ready *ready;
    void *user;
    bool usable;
    bool completed; /* a read was, since somebody set this false */
    uint8_t *memory;
    uint32_t read_bytes;
    struct rng_read reads[READS];
};

/* ---- reads ---- */

static void end_read(struct xvmsg_rng *rng, struct rng_read *read, enum xvmsg_status status,
                     uint32_t length)
{
    read->busy = false;
    rng->completed = true;
    if (read->done)
        read->done(rng, status, length, read->user);
}

static void end_all(struct xvmsg_rng *rng, enum xvmsg_status status)
{
    rng->usable = false;
    for (unsigned i = 0; i < READS; i++)
        if (rng->reads[i].busy)
            end_read(rng, &rng->reads[i], status, 0);
}

/* A device that has nothing to give says so by not answering (virtio 5.4.6.2). What
 * was given is wiped, so that one that writes nothing does not give it again. */
static void complete(struct xvmsg_rng *rng, struct rng_read *read, uint32_t written)
{
    uint8_t *bytes = rng->memory + (size_t)(read - rng->reads) * rng->read_bytes;

    memcpy(read->buffer, bytes, written);
    memset(bytes, 0, written);
    end_read(rng, read, written ? XVMSG_OK : XVMSG_MALFORMED_RESPONSE, written);
}

static void used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct xvmsg_rng *rng = user;
    struct rng_read *read;
    uint32_t written;

    held_hold(&rng->held);
    while (rng->usable &&
           (read = xvmsg_queue_pop(xvmsg_device_queue(device, index), &written)))
        complete(rng, read, written);
    held_release(&rng->held);
}

static void broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_rng *rng = user;

    (void)device;
    held_hold(&rng->held);
    end_all(rng, status);
    held_release(&rng->held);
}

static struct rng_read *free_read(struct xvmsg_rng *rng)
{
    for (unsigned i = 0; i < READS; i++)
        if (!rng->reads[i].busy)
            return &rng->reads[i];
    return NULL;
}

int xvmsg_rng_read(struct xvmsg_rng *rng, void *buffer, size_t length, xvmsg_rng_done *done,
                   void *user)
{
    struct rng_read *read = free_read(rng);

    if (!rng->usable)
        return handle_fail(rng->h, EIO, "the source of random bytes cannot be used any more");
    if (!length)
        return handle_fail(rng->h, EINVAL, "no random bytes were asked for");
    if (!read || !xvmsg_queue_free(xvmsg_device_queue(rng->device, 0)))
        return handle_fail(rng->h, EAGAIN, "no room for another request for random bytes now");
    *read = (struct rng_read){
        .buffer = buffer, .length = smaller(length, rng->read_bytes), .done = done, .user = user};

    struct xvmsg_buffer in = {
        .address = xvmsg_area_address(xvmsg_device_buffers(rng->device),
                                      rng->memory + (size_t)(read - rng->reads) * rng->read_bytes),
        .length = read->length,
    };

    if (xvmsg_queue_push(xvmsg_device_queue(rng->device, 0), &in, 0, 1, read) < 0)
        return handle_fail(rng->h, errno, "a request for random bytes was not taken");
    read->busy = true;
    return 0;
}

/* ---- opening and closing ---- */

static void device_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_rng *rng = user;

    if (status == XVMSG_OK) {
        struct xvmsg_area *area = xvmsg_device_buffers(device);

        rng->memory = xvmsg_area_memory(area);
        rng->read_bytes = smaller(xvmsg_area_size(area) / READS, READ_BYTES);
        rng->usable = true;
    }
    rng->ready(rng, status, rng->user);
}

static void close_it(struct held *held)
{
    struct xvmsg_rng *rng = (struct xvmsg_rng *)held;

    xvmsg_device_close(rng->device);
    end_all(rng, XVMSG_CANCELLED);
}

static void break_off(struct held *held)
{
    device_break(((struct xvmsg_rng *)held)->device, XVMSG_CANCELLED);
}

static const struct held_class class = {
    .size = sizeof(struct xvmsg_rng), .close = close_it, .break_off = break_off};

struct xvmsg_rng *xvmsg_rng_open(struct xvmsg *h, uint64_t number, xvmsg_rng_ready *ready,
                                 void *user)
{
    static const struct xvmsg_driver driver = {
        .device_id = VIRTIO_ID_RNG,
        .num_queues = 1,
        .queue_size = READS,
        .buffer_bytes = READS * READ_BYTES,
        .used = used,
        .broken = broken,
    };
    struct xvmsg_rng *rng = held_new(h, &class, number);

    if (!rng)
        return NULL;
    rng->h = h;
    rng->ready = ready;
    rng->user = user;
    rng->device = xvmsg_device_open(h, number, &driver, device_ready, rng);
    return rng->device ? rng : held_fail(&rng->held);
}

void xvmsg_rng_close(struct xvmsg_rng *rng)
{
    if (rng)
        held_close(&rng->held);
}

/* ---- blocking ---- */

static void note_ready(struct xvmsg_rng *rng, enum xvmsg_status status, void *user)
{
    struct held_outcome *outcome = user;

    (void)rng;
    *outcome = (struct held_outcome){true, status, 0};
}

static void note_done(struct xvmsg_rng *rng, enum xvmsg_status status, size_t length, void *user)
{
    struct held_outcome *outcome = user;

    (void)rng;
    *outcome = (struct held_outcome){true, status, length};
}

struct xvmsg_rng *xvmsg_rng_open_wait(struct xvmsg *h, uint64_t number)
{
    struct held_outcome outcome = {0};
    struct xvmsg_rng *rng = xvmsg_rng_open(h, number, note_ready, &outcome);

    return rng ? held_await(&rng->held, h, &outcome) : NULL;
}

/* How many bytes, or -1. The caller holds the device. */
static ssize_t read_some(struct xvmsg_rng *rng, void *buffer, size_t length)
{
    struct held_outcome outcome = {0};

    for (;;) {
        rng->completed = false;
        if (xvmsg_rng_read(rng, buffer, length, note_done, &outcome) == 0)
            break;
        if (errno != EAGAIN || xvmsg_run(rng->h, &rng->completed, -1) < 0)
            return -1;
    }
    if (xvmsg_run(rng->h, &outcome.done, -1) < 0) {
        /* The handle is dead; what is under way ends when it is freed. */
        for (unsigned i = 0; i < READS; i++)
            if (rng->reads[i].user == &outcome)
                rng->reads[i].done = NULL;
        return -1;
    }
    if (outcome.status == XVMSG_OK)
        return (ssize_t)outcome.length;
    return handle_fail(rng->h, EIO, "no random bytes came: %s", xvmsg_status_text(outcome.status));
}

int xvmsg_rng_read_wait(struct xvmsg_rng *rng, void *buffer, size_t length)
{
    uint8_t *bytes = buffer;
    ssize_t got = 0;

    held_hold(&rng->held);
    while (length && (got = read_some(rng, bytes, length)) > 0) {
        bytes += got;
        length -= (size_t)got;
    }
    held_release(&rng->held);
    return got < 0 ? -1 : 0;
}
