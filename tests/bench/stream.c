/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The library lets one request to a device wait for the answer to the one before, as
 * virtio-msg wants it. What the ring can carry is seen when they do not wait, so this
 * takes the ring of a connected handle into its own hands. The messages are SET_CONFIGs, the
 * only requests of any size: the backend copies each, checks it, looks for its device and
 * answers it, which a stream of bytes would not ask of its reader. Answers are counted
 * and thrown away, bytes are those of the requests.
 */
#include "tests/bench/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "frontend/internal.h"
#include "tests/bench/figures.h"

#define PATIENCE_MS 10000
#define SET_CONFIG_BYTES 28 /* without its data, in the wide form */

struct stream {
    struct platform *platform;
    struct ring *ring;
    uint32_t port;
    size_t size;
    unsigned count;
    unsigned sent;
    unsigned answered;
    uint8_t message[STREAM_MAX_MESSAGE];
    uint8_t answer[STREAM_MAX_MESSAGE];
};

static int complain(const char *what)
{
    fprintf(stderr, "stream: %s\n", what);
    return -1;
}

static bool make_message(struct stream *s, uint64_t device, uint32_t size)
{
    static const uint8_t data[STREAM_MAX_MESSAGE];
    struct msg m = {
        .kind = MSG_set_config_request,
        .token = 1,
        .dev_num = device,
        .set_config_request = {.length = size - SET_CONFIG_BYTES,
                               .data = {data, size - SET_CONFIG_BYTES}},
    };

    s->size = msg_encode(MSG_WIDE, &m, s->message, sizeof(s->message), NULL);
    return s->size == size;
}

static int notify(struct stream *s)
{
    bool published = ring_publish(s->ring);
    bool released = ring_release(s->ring);

    if (!published && !released)
        return 0;
    return s->platform->ops->evtchn_notify(s->platform, s->port);
}

static int sleep_for_event(struct stream *s)
{
    const struct platform_ops *ops = s->platform->ops;
    struct pollfd pfd = {.fd = ops->evtchn_fd(s->platform), .events = POLLIN};
    int port;

    if (poll(&pfd, 1, PATIENCE_MS) <= 0)
        return complain("the backend does not answer");
    while ((port = ops->evtchn_next(s->platform)) >= 0)
        if (ops->evtchn_unmask(s->platform, (uint32_t)port) < 0)
            return complain("the event channel failed");
    return errno == EAGAIN ? 0 : complain("the event channel failed");
}

/* As much as goes now, in both directions; then waits for more of what is missing. */
static int turn(struct stream *s)
{
    bool may_sleep;

    while (s->sent < s->count && ring_put(s->ring, s->message, s->size))
        s->sent++;
    while (ring_get(s->ring, s->answer) > 0)
        s->answered++;
    if (notify(s) < 0 || s->ring->fault)
        return complain("the ring failed");
    if (s->answered >= s->count)
        return 0;
    may_sleep = s->sent < s->count ? ring_await_room(s->ring, s->size)
                                   : ring_await_message(s->ring);
    return may_sleep ? sleep_for_event(s) : 0;
}

static int measure(struct stream *s, uint64_t device, uint32_t size)
{
    uint64_t begun = figures_now();

    s->count = figures_stream_count(size);
    s->sent = s->answered = 0;
    if (!make_message(s, device, size))
        return complain("no such message");
    while (s->answered < s->count)
        if (turn(s) < 0)
            return -1;
    figures_stream("xen-virtio-msg", size, figures_now() - begun);
    return 0;
}

int stream_run(struct xvmsg *h, uint64_t device)
{
    static struct stream s;

    s.platform = h->platform;
    s.ring = &h->bus.ring;
    s.port = (uint32_t)h->bus.port;
    for (uint32_t size = 64; size <= STREAM_MAX_MESSAGE; size = size < 4096 ? 4096 : size * 8)
        if (measure(&s, device, size) < 0)
            return -1;
    return 0;
}
