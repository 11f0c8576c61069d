/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A ring that breaks its rules, messages that nobody asked for, and far too many of them. */

#include <string.h>

#include "common/le.h"
#include "tests/e2e/wicked.h"

#define FLOOD 3000

static void ring_bell(struct backend *b)
{
    b->dom0->ops->evtchn_notify(b->dom0, (uint32_t)b->port);
}

/* ---- the ring ---- */

static void producer_unaligned(struct backend *b)
{
    wicked_connect(b);
    b->ring.shared->to_frontend.prod += 3;
    ring_bell(b);
    wicked_quiet(b, WICKED_QUIET_MS);
}

static void producer_overtakes(struct backend *b)
{
    wicked_connect(b);
    b->ring.shared->to_frontend.prod = (b->ring.out.cons + b->ring.size + 8) % (2 * b->ring.size);
    ring_bell(b);
    wicked_quiet(b, WICKED_QUIET_MS);
}

static void consumer_ahead(struct backend *b)
{
    wicked_connect(b);
    b->ring.shared->to_backend.cons = 0xfffffff8u;
    /* Who sends looks at it once there is little room. */
    for (unsigned i = 0; i < 8; i++)
        wicked_show_disk(b, WICKED_QUIET_MS);
}

/* A record of this size where the next one is awaited. */
static void send_record(struct backend *b, uint16_t size)
{
    uint8_t bytes[MSG_WIDE_HEADER] = {MSG_TYPE_BUS, 0x03};

    wicked_connect(b);
    le16_put(bytes + 4, MSG_WIDE_HEADER);
    b->lossy = true;
    backend_send_bytes(b, bytes, sizeof(bytes));
    /* The ring's code lets nobody put such a thing. */
    memcpy(b->ring.out.bytes + (b->ring.out.prod - sizeof(bytes)) % b->ring.size + 4,
           &(uint16_t){size}, sizeof(size));
    wicked_turn(b, 0);
    wicked_quiet(b, WICKED_QUIET_MS);
}

static void record_too_small(struct backend *b)
{
    send_record(b, 3);
}

static void record_too_large(struct backend *b)
{
    send_record(b, 0xffff);
}

static void other_header(struct backend *b)
{
    wicked_connect(b);
    memset(b->pages, 0xff, RING_HEADER_SIZE);
    ring_bell(b);
    wicked_quiet(b, WICKED_QUIET_MS);
}

/* ---- messages ---- */

/* All types and ids there can be, with a device that is there and without. */
static void unknown_messages(struct backend *b)
{
    struct backend_device *d;

    wicked_connect(b);
    d = wicked_add_disk(b);
    wicked_quiet(b, WICKED_QUIET_MS);
    b->lossy = true;
    for (unsigned i = 0; i < 2048; i++) {
        uint8_t bytes[MSG_WIDE_HEADER + 32] = {(uint8_t)(i >> 8), (uint8_t)i, 1};

        le16_put(bytes + 4, sizeof(bytes));
        le64_put(bytes + 8, i & 1 ? d->number : 0);
        memset(bytes + MSG_WIDE_HEADER, (int)i, sizeof(bytes) - MSG_WIDE_HEADER);
        backend_send_bytes(b, bytes, sizeof(bytes));
        if (i % 32 == 0)
            wicked_turn(b, 1);
    }
    wicked_lose(b, d);
}

/* As many as the ring takes, for some time. */
static void flood(struct backend *b, struct msg m)
{
    struct backend_device *d;

    wicked_connect(b);
    d = wicked_add_disk(b);
    wicked_quiet(b, WICKED_QUIET_MS);
    m.dev_num = m.kind == MSG_event_device || m.kind == MSG_ping_request ? 0 : d->number;
    b->lossy = true;
    for (unsigned i = 0; i < FLOOD; i++) {
        if (m.kind == MSG_event_config) {
            le64_put(d->config, 1 + i % 2);
            m.event_config.generation = d->generation = i;
        }
        backend_send(b, &m);
        if (i % 16 == 0)
            wicked_turn(b, 1);
    }
    wicked_lose(b, d);
}

static void config_flood(struct backend *b)
{
    flood(b, (struct msg){.kind = MSG_event_config, .event_config.device_status = 15});
}

static void device_flood(struct backend *b)
{
    flood(b, (struct msg){.kind = MSG_event_device,
                          .event_device = {.device_bus_state = DEVICE_BUS_STATE_ADDED}});
}

static void used_flood(struct backend *b)
{
    flood(b, (struct msg){.kind = MSG_event_used});
}

static void ping_flood(struct backend *b)
{
    flood(b, (struct msg){.kind = MSG_ping_request, .token = 1});
}

/* Bells without a word. */
static void bell_flood(struct backend *b)
{
    wicked_connect(b);
    for (unsigned i = 0; i < FLOOD; i++)
        ring_bell(b);
    wicked_quiet(b, WICKED_QUIET_MS);
}

const struct attack wicked_bus_attacks[] = {
    {"producer-unaligned", "a producer index that is no multiple of 8", producer_unaligned},
    {"producer-overtakes", "a producer index past all that can be there", producer_overtakes},
    {"consumer-ahead", "a consumer index of what was never sent", consumer_ahead},
    {"record-too-small", "a record of 3 bytes", record_too_small},
    {"record-too-large", "a record of 65535 bytes", record_too_large},
    {"other-header", "the ring's header overwritten", other_header},
    {"unknown-messages", "messages of all types and ids", unknown_messages},
    {"config-flood", "EVENT_CONFIG, a disk's size another each time", config_flood},
    {"device-flood", "EVENT_DEVICE as fast as can be", device_flood},
    {"used-flood", "EVENT_USED as fast as can be", used_flood},
    {"ping-flood", "PING without waiting for answers", ping_flood},
    {"bell-flood", "events without messages", bell_flood},
    {NULL, NULL, NULL},
};
