/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Device status: its bits, resets, and what may run in which state. */

#include <string.h>

#include "common/address.h"
#include "tests/conformance/device/conform.h"
#include "tests/harness.h"

#define NEEDS_RESET 0x40u
#define FAILED 0x80u

static void accurate(struct driver *d)
{
    CU_ASSERT_EQUAL(driver_status(d), 0);
    CU_ASSERT_EQUAL(driver_set_status(d, 1), 1);
    CU_ASSERT_EQUAL(driver_status(d), 1);
    CU_ASSERT_EQUAL(driver_set_status(d, 3), 3);
    /* FEATURES_OK only for a set that is fine, DRIVER_OK only behind it. */
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 3);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 3);
    CU_ASSERT_EQUAL(driver_status(d), 3);
    driver_accept(d, VERSION_1);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 11);
    CU_ASSERT_EQUAL(driver_status(d), 11);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    CU_ASSERT_EQUAL(driver_set_status(d, 15 | FAILED), 15 | FAILED);
    CU_ASSERT_EQUAL(driver_status(d), 15 | FAILED);
}

/* What the driver cannot set it does not see set. */
static void foreign_bits(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    CU_ASSERT_EQUAL(driver_set_status(d, 11 | NEEDS_RESET), 11);
    for (unsigned bit = 8; bit < 32; bit++)
        CU_ASSERT_EQUAL(driver_set_status(d, 11 | 1u << bit), 11);
    CU_ASSERT_EQUAL(driver_set_status(d, 11 | 0x30), 11);
    CU_ASSERT_EQUAL(driver_status(d), 11);
}

static void bits_stay_until_reset(struct driver *d)
{
    driver_start(d, VERSION_1);
    CU_ASSERT_EQUAL(driver_set_status(d, 1), 15);
    CU_ASSERT_EQUAL(driver_set_status(d, 0x100), 15);
    driver_do_one(d, 0);
}

static void forgets_all(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    driver_do_one(d, 0);
    driver_reset(d);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).cur_size, 0);
    driver_set_status(d, 3);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 3); /* features are forgotten */
    driver_start(d, VERSION_1);
    driver_do_one(d, 0);
}

/* Its queue is gone with the reset; what it held back is not served later. */
static void discards_pending_work(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    driver_enable_queue(d, 0);
    driver_offer(d, 0, 0);
    driver_offer(d, 0, 1);
    driver_reset(d);
    driver_negotiate(d, VERSION_1);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    driver_kick(d, 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
}

static void reset_at_any_time(struct driver *d)
{
    static const uint32_t before[] = {0, 1, 3, 0x83};

    for (unsigned i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        if (before[i])
            driver_set_status(d, before[i]);
        driver_reset(d);
        CU_ASSERT_EQUAL(driver_status(d), 0);
    }
    for (unsigned i = 0; i < 5; i++) {
        driver_start(d, VERSION_1);
        for (uint16_t slot = 0; slot < DRIVER_SLOTS; slot++)
            driver_offer(d, 0, slot);
        driver_kick(d, 0);
        driver_reset(d);
    }
    driver_start(d, VERSION_1);
    driver_do_one(d, 0);
}

static void keep_three(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    d->control->hold();
    for (uint16_t slot = 0; slot < 3; slot++)
        driver_offer(d, 0, slot);
    driver_kick(d, 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL_FATAL(d->control->held(), 3);
}

static void slow_reset(struct driver *d)
{
    keep_three(d);
    CU_ASSERT(driver_set_status(d, 0) != 0);
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT(driver_status(d) != 0);
    CU_ASSERT(guest_unshare_area(d->g) == AREA_BUSY);
    d->control->give_back();
    CU_ASSERT_EQUAL(driver_status(d), 0);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->used_events, 0);
    driver_start(d, VERSION_1);
    driver_do_one(d, 0);
}

/* O-24: the old status, answers without effect, no events. */
static void while_resetting(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(1);

    keep_three(d);
    driver_set_status(d, 0);
    CU_ASSERT_EQUAL(driver_status(d), 15);
    CU_ASSERT_EQUAL(driver_set_status(d, 0), 15);
    CU_ASSERT_EQUAL(driver_set_status(d, 3), 15);
    CU_ASSERT_EQUAL(driver_set_status(d, 15 | FAILED), 15);
    CU_ASSERT_EQUAL(driver_call(d, driver_message(d, MSG_get_device_info_request))
                        .get_device_info_response.device_id, d->info.device_id);
    driver_accept(d, 0);
    driver_set_queue(d, &set);
    CU_ASSERT_EQUAL(driver_get_queue(d, 1).cur_size, 0);
    CU_ASSERT_EQUAL(driver_write_config(d, 0, 0, "ab", 2), 0);
    driver_kick(d, 0);
    d->control->change(0, 8);
    d->control->break_down();
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
    CU_ASSERT_EQUAL(d->control->held(), 3);
    d->control->give_back();
    CU_ASSERT_EQUAL(driver_status(d), 0);
}

/* As a driver that takes its queues down after its own reset (REC-13). */
static void queue_reset_while_resetting(struct driver *d)
{
    struct msg m = driver_message(d, MSG_reset_vqueue_request);
    struct msg_get_vqueue_response q;

    keep_three(d);
    CU_ASSERT_EQUAL(driver_set_status(d, 0), 15);
    m.token = 31;
    guest_send(d->g, &m);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->control->held(), 3);
    d->control->give_back();
    m = guest_receive_response(d->g);
    CU_ASSERT_EQUAL(m.kind, MSG_reset_vqueue_response);
    CU_ASSERT_EQUAL(m.token, 31);
    CU_ASSERT_EQUAL(driver_status(d), 0);
    q = driver_get_queue(d, 0);
    CU_ASSERT(driver_queue_is_clear(&q));
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
}

static void reset_in_the_reply(struct driver *d)
{
    driver_start(d, VERSION_1);
    /* Nothing is in flight: complete before the reply. */
    CU_ASSERT_EQUAL(driver_set_status(d, 0), 0);
    keep_three(d);
    CU_ASSERT_EQUAL(driver_set_status(d, 0), 15);
    d->control->give_back();
    CU_ASSERT_EQUAL(driver_status(d), 0);
}

static void many_resets(struct driver *d)
{
    for (unsigned i = 0; i < 20; i++) {
        keep_three(d);
        driver_set_status(d, 0);
        d->control->give_back();
        CU_ASSERT_EQUAL(driver_status(d), 0);
    }
}

/* ---- errors ---- */

/* A descriptor outside of every area. */
static void make_bad(struct driver *d)
{
    driver_offer(d, 0, 0);
    d->queues[0].desc[1].addr = address_of_area(99, 0);
    driver_kick(d, 0);
}

static void needs_reset(struct driver *d)
{
    struct msg m;

    driver_start(d, VERSION_1);
    make_bad(d);
    m = driver_await_event(d, MSG_event_config);
    CU_ASSERT_EQUAL(m.event_config.device_status, 15 | NEEDS_RESET);
    CU_ASSERT_EQUAL(m.event_config.offset, 0);
    CU_ASSERT_EQUAL(m.event_config.length, 0);
    CU_ASSERT_EQUAL(m.event_config.data.size, 0);
    CU_ASSERT_EQUAL(driver_status(d), 15 | NEEDS_RESET);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15 | NEEDS_RESET);
}

static void only_a_reset_helps(struct driver *d)
{
    driver_start(d, VERSION_1);
    make_bad(d);
    CU_ASSERT_EQUAL(driver_await_event(d, MSG_event_config).event_config.device_status,
                    15 | NEEDS_RESET);
    for (uint16_t slot = 1; slot < 4; slot++) {
        driver_offer(d, 0, slot);
        driver_kick(d, 0);
    }
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
    CU_ASSERT_EQUAL(d->g->used_events, 0);
    CU_ASSERT_EQUAL(d->g->config_events, 0); /* it was said once */
    driver_start(d, VERSION_1);
    driver_do_one(d, 0);
    CU_ASSERT_EQUAL(driver_status(d), 15);
}

static void own_failure(struct driver *d)
{
    driver_start(d, VERSION_1);
    d->control->break_down();
    CU_ASSERT_EQUAL(driver_await_event(d, MSG_event_config).event_config.device_status,
                    15 | NEEDS_RESET);
    CU_ASSERT_EQUAL(driver_status(d), 15 | NEEDS_RESET);
    driver_reset(d);
    CU_ASSERT_EQUAL(driver_status(d), 0);
}

/* ---- DRIVER_OK ---- */

static void nothing_before_driver_ok(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    driver_enable_queue(d, 0);
    driver_offer(d, 0, 0);
    for (unsigned i = 0; i < 3; i++)
        driver_kick(d, 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
    CU_ASSERT_EQUAL(d->g->used_events, 0);
    CU_ASSERT_EQUAL(driver_status(d), 11);
}

static void a_mistake_before_driver_ok(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    driver_enable_queue(d, 0);
    make_bad(d);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_status(d), 11);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
}

/* What was made available before is found without a further word. */
static void all_from_driver_ok(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    driver_enable_queue(d, 0);
    driver_offer(d, 0, 0);
    driver_kick(d, 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    CU_ASSERT_EQUAL(driver_await_used(d, 0), DRIVER_WRITTEN);
    driver_do_one(d, 0);
}

static void none_after_failed(struct driver *d)
{
    driver_start(d, VERSION_1);
    driver_set_status(d, 15 | FAILED);
    driver_offer(d, 0, 0);
    driver_kick(d, 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
}

/* The ring itself tells what is available, whatever the notification says. */
static void wrong_offsets(struct driver *d)
{
    static const uint32_t offsets[] = {0, 1, 2, 0x7fff, 0xffff, 0x10000, 0x80000000, UINT32_MAX};
    struct msg m = driver_message(d, MSG_event_avail);

    for (unsigned agreed = 0; agreed < 2; agreed++) {
        driver_start(d, VERSION_1 | (agreed ? d->offered & NOTIFICATION_DATA : 0));
        for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            m.event_avail.next_offset = offsets[i];
            guest_send(d->g, &m);
            driver_offer(d, 0, 0);
            guest_send(d->g, &m);
            CU_ASSERT_EQUAL(driver_await_used(d, 0), DRIVER_WRITTEN);
        }
        guest_settle(d->g);
        CU_ASSERT_EQUAL(driver_used_index(d, 0), sizeof(offsets) / sizeof(offsets[0]));
        CU_ASSERT_EQUAL(driver_status(d), 15);
    }
}

static void other_queues_are_not_kicked(struct driver *d)
{
    static const uint32_t indices[] = {1, 4, 63, 64, 65, 0x80000000, UINT32_MAX};

    driver_start(d, VERSION_1);
    driver_offer(d, 0, 0);
    for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++)
        driver_kick(d, indices[i]);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
    driver_kick(d, 0);
    CU_ASSERT_EQUAL(driver_await_used(d, 0), DRIVER_WRITTEN);
}

const struct conform_case status_cases[] = {
    {"DEV-53 DEV-54: the status is what the device made of it", accurate, 0},
    {"DEV-53: bits that are not the driver's cannot be set by it", foreign_bits, 0},
    {"DEV-53 DEV-54: bits are not cleared but by a reset", bits_stay_until_reset, 0},
    {"DEV-55: a reset forgets features and queues", forgets_all, 0},
    {"DEV-55: a reset discards work that waits", discards_pending_work, 0},
    {"DEV-55 DEV-58 REC-12: a reset is possible at any time, and ends", reset_at_any_time, 0},
    {"DEV-56 DEV-58: status 0 is reported when no request is out, nothing is written later",
     slow_reset, NEEDS_CONTROL},
    {"DEV-56: while a reset goes on, answers have no effect and there are no events",
     while_resetting, NEEDS_CONTROL},
    {"DEV-56 DEV-58 REC-13: a queue is reset while its device is", queue_reset_while_resetting,
     NEEDS_CONTROL},
    {"DEV-57: a reset is complete before the reply, or after it", reset_in_the_reply,
     NEEDS_CONTROL},
    {"DEV-58 REC-12: every reset ends as soon as its requests are back", many_resets,
     NEEDS_CONTROL},
    {"DEV-59 DEV-62: a bad descriptor sets DEVICE_NEEDS_RESET, and an event says so", needs_reset,
     0},
    {"DEV-13 DEV-59: then nothing but a reset helps, and it does", only_a_reset_helps, 0},
    {"DEV-59 DEV-62: so for a failure of the device's own", own_failure, NEEDS_CONTROL},
    {"DEV-60: rings are not touched before DRIVER_OK", nothing_before_driver_ok, 0},
    {"DEV-60: nor read", a_mistake_before_driver_ok, 0},
    {"DEV-61: from DRIVER_OK on they are, also what was there before", all_from_driver_ok, 0},
    {"DEV-60: nothing runs after FAILED", none_after_failed, 0},
    {"DEV-61: a notification's next_offset is only a hint", wrong_offsets, 0},
    {"DEV-61: a notification is for the queue it names", other_queues_are_not_kicked, 0},
    {NULL, NULL, 0},
};
