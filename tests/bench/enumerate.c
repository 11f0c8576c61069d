/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/bench/enumerate.h"

#include <poll.h>

#include "tests/bench/figures.h"

#define PATIENCE_MS 600000
#define WINDOW 1024u /* device numbers asked for at a time */
#define IN_FLIGHT 64u

struct enumeration {
    size_t count;
    uint64_t *numbers; /* as they were told of */
    size_t told;
    size_t asked;
    size_t answered;
    bool failed;
};

static int fail(const struct xvmsg *h, const char *what)
{
    fprintf(stderr, "enumerate: %s: %s\n", what, xvmsg_error(h));
    return -1;
}

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    struct enumeration *e = user;

    (void)h;
    if (event != XVMSG_DEVICE_ADDED || e->told == e->count)
        e->failed = true;
    else
        e->numbers[e->told++] = number;
}

static int run_until(struct xvmsg *h, const size_t *what, const struct enumeration *e)
{
    struct pollfd pfd = {.fd = xvmsg_fd(h), .events = POLLIN};

    while (*what < e->count && !e->failed)
        if (poll(&pfd, 1, PATIENCE_MS) <= 0 || xvmsg_process(h) < 0)
            return fail(h, "the library");
    return e->failed ? fail(h, "a device twice, gone, or without an answer") : 0;
}

static void print(const char *what, size_t count, uint64_t begun)
{
    char line[64];

    snprintf(line, sizeof(line), "%s (%zu)", what, count);
    printf("%-52s %14.3f s\n", line, (double)(figures_now() - begun) / 1e9);
    fflush(stdout);
}

static int walk(struct xvmsg *h, const struct enumeration *e)
{
    uint8_t bitmap[WINDOW / 8];
    uint64_t offset = 0;
    size_t seen = 0;

    do {
        struct xvmsg_waiter w = {0};

        if (xvmsg_get_devices(h, offset, WINDOW, bitmap, xvmsg_wake, &w) < 0 ||
            xvmsg_wait(h, &w) < 0)
            return fail(h, "GET_DEVICES");
        for (unsigned i = 0; i < w.reply.u.devices.count; i++)
            seen += bitmap[i / 8] >> i % 8 & 1;
        offset = w.reply.u.devices.next_offset;
    } while (offset);
    return seen == e->count ? 0 : fail(h, "GET_DEVICES shows other devices");
}

static void on_info(struct xvmsg *h, const struct xvmsg_reply *reply, void *user);

static void ask_next(struct xvmsg *h, struct enumeration *e)
{
    if (e->asked < e->count && xvmsg_get_device_info(h, e->numbers[e->asked++], on_info, e) < 0)
        e->failed = true;
}

static void on_info(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct enumeration *e = user;

    if (reply->status != XVMSG_OK)
        e->failed = true;
    e->answered++;
    ask_next(h, e);
}

static int run(struct xvmsg *h, struct enumeration *e)
{
    uint64_t begun = figures_now();

    if (xvmsg_connect(h) < 0 || run_until(h, &e->told, e) < 0)
        return -1;
    print("connect and be told of each device", e->count, begun);
    begun = figures_now();
    if (walk(h, e) < 0)
        return -1;
    print("GET_DEVICES of all", e->count, begun);
    begun = figures_now();
    for (unsigned i = 0; i < IN_FLIGHT; i++)
        ask_next(h, e);
    xvmsg_flush(h);
    if (run_until(h, &e->answered, e) < 0)
        return -1;
    print("GET_DEVICE_INFO of each", e->count, begun);
    return 0;
}

int enumerate_run(struct xvmsg *h, size_t count)
{
    struct enumeration e = {.count = count, .numbers = calloc(count, sizeof(uint64_t))};
    struct xvmsg_handlers handlers = {.device = on_device};
    int rc;

    if (!e.numbers)
        return fail(h, "out of memory");
    xvmsg_set_handlers(h, &handlers, &e);
    rc = run(h, &e);
    xvmsg_set_handlers(h, &(struct xvmsg_handlers){0}, NULL);
    free(e.numbers);
    return rc;
}
