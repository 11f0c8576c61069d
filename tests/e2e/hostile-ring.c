/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Rules of the bus: its ring, and the messages there. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "hostile.h"


void ring_kick(void)
{
    h->platform->ops->evtchn_notify(h->platform, (uint32_t)h->bus.port);
}

void ring_tell(uint32_t queue)
{
    const struct msg event = {
        .kind = MSG_event_avail, .dev_num = number, .event_avail.vq_index = queue};
    uint8_t message[MSG_WIDE_DEFAULT_MAX];
    size_t size = msg_encode(MSG_WIDE, &event, message, sizeof(message), NULL);

    if (!size || !ring_put(&h->bus.ring, message, size))
        give_up("no room in the ring");
    ring_publish(&h->bus.ring);
    ring_kick();
}

static void unaligned_index(void)
{
    h->bus.ring.shared->to_backend.prod += 3;
    ring_kick();
}

static void index_out_of_range(void)
{
    h->bus.ring.shared->to_backend.prod = 0xfffffff8u;
    ring_kick();
}

static void consumer_ahead(void)
{
    h->bus.ring.shared->to_frontend.cons = h->bus.ring.shared->to_frontend.prod + 64;
    /* A backend looks at it when it needs room; asking a lot makes it. */
    for (unsigned i = 0; i < 400 && xvmsg_is_connected(h); i++) {
        struct xvmsg_waiter w = {0};

        if (xvmsg_ping(h, i, xvmsg_wake, &w) < 0 || xvmsg_wait(h, &w) < 0)
            break;
    }
}

static void send_raw(uint8_t type, uint8_t id, uint16_t size)
{
    uint8_t message[MSG_WIDE_HEADER] = {type, id};
    struct ring *ring = &h->bus.ring;
    uint32_t at = ring->out.prod % ring->size;

    le16_put(message + 4, sizeof(message));
    le64_put(message + 8, type & MSG_TYPE_BUS ? 0 : number);
    if (!ring_put(ring, message, sizeof(message)))
        exit(1);
    le16_put(ring->out.bytes + at + 4, size);
    ring_publish(ring);
    ring_kick();
}

static void record_too_small(void)
{
    send_raw(0, 2, 3);
}

static void record_too_large(void)
{
    send_raw(0, 2, 60000);
}

/* Not answered, and no harm done: the next request is. */
static void unknown_ids(void)
{
    struct xvmsg_waiter w = {0};

    send_raw(0, 0x3f, MSG_WIDE_HEADER);
    send_raw(0, 0x7f, MSG_WIDE_HEADER);
    send_raw(0, 0x80, MSG_WIDE_HEADER);
    send_raw(MSG_TYPE_BUS, 0x3f, MSG_WIDE_HEADER);
    send_raw(MSG_TYPE_BUS, 0xff, MSG_WIDE_HEADER);
    if (xvmsg_ping(h, 1, xvmsg_wake, &w) == 0 && xvmsg_wait(h, &w) == 0)
        finish("ping", "answered");
}

/* ---- the ring's header, spoilt just before the backend is told of it ---- */

static struct platform_ops evil_ops;
static const struct platform_ops *good_ops;

static int evil_write(struct platform *p, platform_tx tx, const char *path, const char *value)
{
    const char *name = strrchr(path, '/');

    if (name && !strcmp(name, "/state") && !strcmp(value, "3"))
        ((struct xvmsg_ring_abi *)h->bus.pages)->magic ^= 1;
    return good_ops->xs_write(p, tx, path, value);
}

static void ring_header(void)
{
    good_ops = h->platform->ops;
    evil_ops = *good_ops;
    evil_ops.xs_write = evil_write;
    h->platform->ops = &evil_ops;
}

const struct hostile_case hostile_ring_cases[] = {
    {.name = "ring-header", .run = ring_header, .before_connecting = true},
    {.name = "unaligned-index", .run = unaligned_index},
    {.name = "index-out-of-range", .run = index_out_of_range},
    {.name = "consumer-ahead", .run = consumer_ahead},
    {.name = "record-too-small", .run = record_too_small},
    {.name = "record-too-large", .run = record_too_large},
    {.name = "unknown-ids", .run = unknown_ids},
    {.name = NULL},
};
