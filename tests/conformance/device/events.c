/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a device says unasked. */

#include <linux/virtio_ring.h>
#include <string.h>

#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"

/* Either nothing but "something", or a range with exactly its data. */
static bool known_shape(const struct msg_event_config *e)
{
    return (!e->offset && !e->length && !e->data.size) ||
           (e->length && e->data.size == e->length);
}

static void change_is_told(struct driver *d)
{
    uint32_t lengths[] = {1, 8, 100, d->info.config_size};

    driver_start(d, VERSION_1);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint8_t bytes[DRIVER_CONFIG_MAX];
        struct msg_event_config e;

        d->control->change(0, lengths[i]);
        e = driver_await_event(d, MSG_event_config).event_config;
        CU_ASSERT_EQUAL(e.device_status, 15);
        CU_ASSERT(known_shape(&e));
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 16 + e.data.size);
        if (e.data.size) {
            memcpy(bytes, e.data.bytes, e.data.size);
            CU_ASSERT_EQUAL(e.offset, 0);
            CU_ASSERT_EQUAL(e.length, lengths[i]);
            CU_ASSERT(memcmp(driver_read_config(d, 0, e.length < 16 ? e.length : 16)
                                 .get_config_response.data.bytes,
                             bytes, e.length < 16 ? e.length : 16) == 0);
        }
    }
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
}

/* The driver's own doing is no news to it. */
static void own_changes_are_not_told(struct driver *d)
{
    uint8_t now[8];

    driver_start(d, VERSION_1);
    memcpy(now, driver_read_config(d, 0, 8).get_config_response.data.bytes, 8);
    driver_write_config(d, 0, 0, now, 8);
    driver_set_status(d, 15);
    driver_set_status(d, 15 | 0x80);
    guest_settle(d->g);
    driver_reset(d);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
}

static void nobody_listens_yet(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    d->control->change(0, 8);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
    driver_reset(d);
    d->control->change(0, 8);
    driver_start(d, VERSION_1);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
}

/* It may have read the old values while it was setting up. */
static void told_at_driver_ok(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    d->control->change(0, 8);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 1);
}

static void each_use_is_told(struct driver *d)
{
    driver_start(d, VERSION_1);
    for (unsigned i = 0; i < 20; i++) {
        driver_offer(d, 0, 0);
        driver_kick(d, 0);
        CU_ASSERT_EQUAL(driver_await_event(d, MSG_event_used).event_used.vq_index, 0);
        CU_ASSERT_EQUAL(driver_used_index(d, 0), (uint16_t)(i + 1));
    }
}

static void queue_is_named(struct driver *d)
{
    driver_start(d, VERSION_1);
    for (uint32_t q = 1; q < DRIVER_QUEUES; q++)
        driver_enable_queue(d, q);
    for (uint32_t q = DRIVER_QUEUES; q-- > 0;) {
        driver_offer(d, q, 0);
        driver_kick(d, q);
        CU_ASSERT_EQUAL(driver_await_event(d, MSG_event_used).event_used.vq_index, q);
    }
}

static void no_interrupt(struct driver *d)
{
    driver_start(d, VERSION_1);
    d->queues[0].avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    driver_offer(d, 0, 0);
    driver_kick(d, 0);
    for (unsigned i = 0; i < DRIVER_MAX_POLLS && driver_used_index(d, 0) == 0; i++)
        guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 1);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->used_events, 0);
    /* And again when they are wanted. */
    d->queues[0].avail->flags = 0;
    driver_offer(d, 0, 1);
    driver_kick(d, 0);
    driver_await_event(d, MSG_event_used);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 2);
}

/* Many at once may share an event, but none is left without. */
static void none_is_lost(struct driver *d)
{
    driver_start(d, VERSION_1);
    for (unsigned round = 0; round < 10; round++) {
        for (uint16_t slot = 0; slot < DRIVER_SLOTS; slot++)
            driver_offer(d, 0, slot);
        driver_kick(d, 0);
        for (unsigned i = 0; i < DRIVER_SLOTS; i++)
            CU_ASSERT_EQUAL(driver_await_used(d, 0), DRIVER_WRITTEN);
    }
}

static void longer_notifications(struct driver *d)
{
    static const uint8_t payload[16];
    uint8_t bytes[RAW_MAX];

    driver_start(d, VERSION_1);
    driver_offer(d, 0, 0);
    for (size_t extra = 1; extra <= 8; extra++)
        guest_send_bytes(d->g, bytes, raw_build(d, bytes, 0, 0x41, 0, payload, 8 + extra));
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
}

const struct conform_case event_cases[] = {
    {"DEV-62 DEV-65 DEV-66 REC-08: a change is told, with its data or as 0, 0", change_is_told,
     NEEDS_CONTROL},
    {"DEV-62: what the driver itself changed is not told", own_changes_are_not_told, 0},
    {"DEV-62: nothing is told before DRIVER_OK or after a reset", nobody_listens_yet,
     NEEDS_CONTROL},
    {"DEV-62: a change during initialization is told at DRIVER_OK", told_at_driver_ok,
     NEEDS_CONTROL},
    {"DEV-67: EVENT_USED for used buffers", each_use_is_told, 0},
    {"DEV-67: EVENT_USED names the queue", queue_is_named, NEEDS_CONTROL},
    {"DEV-67: none while the driver does not want any", no_interrupt, 0},
    {"DEV-67: none is lost", none_is_lost, 0},
    {"REC-09: an EVENT_AVAIL that is longer than its layout is none", longer_notifications, 0},
    {NULL, NULL, 0},
};
