/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Queues: their parameters, resetting them one by one, and requests for none. */

#include <string.h>

#include "common/address.h"
#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"

static void accurate_sizes(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);
    struct msg_get_vqueue_response q = driver_get_queue(d, 0);
    uint32_t max = q.max_size;

    CU_ASSERT(max >= DRIVER_QUEUE_SIZE);
    CU_ASSERT(driver_queue_is_clear(&q));
    driver_negotiate(d, VERSION_1);
    for (uint32_t size = 1; size <= DRIVER_QUEUE_SIZE; size *= 2) {
        set.flags = SET_VQUEUE_DISABLE | SET_VQUEUE_IGNORE_DEVICE;
        set.size = size;
        driver_set_queue(d, &set);
        q = driver_get_queue(d, 0);
        CU_ASSERT_EQUAL(q.cur_size, size);
        CU_ASSERT_EQUAL(q.max_size, max);
        CU_ASSERT_EQUAL(q.flags, 0);
    }
    set.size = max;
    driver_set_queue(d, &set);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).cur_size, max);
}

static void enabled_bit(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).flags, 0);
    driver_enable_queue(d, 0);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).flags, 1);
    driver_set_status(d, 15);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).flags, 1);
    driver_reset(d);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).flags, 0);
}

static void keeps_parameters(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);
    struct msg_get_vqueue_response q;

    driver_negotiate(d, VERSION_1);
    set.flags = SET_VQUEUE_KEEP;
    for (unsigned round = 0; round < 3; round++) {
        set.size /= 2;
        set.desc_addr += 16;
        set.driver_addr += 2;
        set.device_addr += 4;
        driver_set_queue(d, &set);
        q = driver_get_queue(d, 0);
        CU_ASSERT_EQUAL(q.cur_size, set.size);
        CU_ASSERT_EQUAL(q.desc_addr, set.desc_addr);
        CU_ASSERT_EQUAL(q.driver_addr, set.driver_addr);
        CU_ASSERT_EQUAL(q.device_addr, set.device_addr);
        CU_ASSERT_EQUAL(q.flags, 0);
    }
}

/* The queue in a page that is named by its reference. */
static void set_granted_queue(struct driver *d, uint32_t ref)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);

    set.desc_addr = address_of_grant(ref, 0);
    set.driver_addr = address_of_grant(ref, 0x400);
    set.device_addr = address_of_grant(ref, 0x800);
    driver_set_queue(d, &set);
}

static void parts_by_reference(struct driver *d)
{
    struct platform *p = d->g->domu;
    struct driver_queue *queue = &d->queues[0], in_area = *queue;
    struct msg_get_vqueue_response q;
    uint32_t ref;
    uint8_t *page = p->ops->grant_share(p, 0, 1, true, &ref);

    CU_ASSERT_PTR_NOT_NULL_FATAL(page);
    *queue = (struct driver_queue){
        .desc = (struct vring_desc *)(void *)page,
        .avail = (struct vring_avail *)(void *)(page + 0x400),
        .used = (struct vring_used *)(void *)(page + 0x800),
    };
    driver_negotiate(d, VERSION_1);
    set_granted_queue(d, ref);
    q = driver_get_queue(d, 0);
    CU_ASSERT_EQUAL(q.flags, GET_VQUEUE_ENABLED);
    CU_ASSERT_EQUAL(q.device_addr, address_of_grant(ref, 0x800));
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    driver_do_one(d, 0);
    /* From the reset on the page is the driver's alone. */
    driver_reset(d);
    CU_ASSERT_EQUAL(p->ops->grant_unshare(p, page, 1), 0);
    *queue = in_area;
    driver_negotiate(d, VERSION_1);
    set_granted_queue(d, ref);
    q = driver_get_queue(d, 0);
    CU_ASSERT(driver_queue_is_clear(&q));
}

static void unavailable(struct driver *d)
{
    uint32_t count = d->info.max_virtqueues;
    const uint32_t indices[] = {count, count + 1, 63, 64, 65, 255, 256, 0x10000, 0x80000000,
                                UINT32_MAX};

    driver_negotiate(d, VERSION_1 | RING_RESET);
    for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        struct msg_set_vqueue_request set = driver_good_queue(0);
        struct msg_get_vqueue_response q;

        set.index = indices[i];
        driver_set_queue(d, &set);
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d));
        driver_reset_queue(d, indices[i]);
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d));
        q = driver_get_queue(d, indices[i]);
        CU_ASSERT_EQUAL(q.max_size, 0);
        CU_ASSERT(driver_queue_is_clear(&q));
    }
    for (uint32_t q = 0; q < DRIVER_QUEUES && q < count; q++)
        CU_ASSERT_EQUAL(driver_get_queue(d, q).cur_size, 0);
}

static void after_driver_ok(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    driver_enable_queue(d, 0);
    driver_do_one(d, 0);
}

/* Offered before the device knew of the queue, and not announced again. */
static void finds_what_waits(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);

    driver_negotiate(d, VERSION_1);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    driver_offer(d, 0, 0);
    driver_set_queue(d, &set);
    CU_ASSERT_EQUAL(driver_await_used(d, 0), DRIVER_WRITTEN);
}

static void another_after_driver_ok(struct driver *d)
{
    driver_start(d, VERSION_1);
    driver_do_one(d, 0);
    for (uint32_t q = 1; q < DRIVER_QUEUES; q++) {
        driver_enable_queue(d, q);
        driver_do_one(d, q);
    }
    driver_do_one(d, 0);
}

static void reset_and_again(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    for (unsigned round = 0; round < 3; round++) {
        struct msg_get_vqueue_response q;

        driver_do_one(d, 0);
        driver_reset_queue(d, 0);
        q = driver_get_queue(d, 0);
        CU_ASSERT(driver_queue_is_clear(&q));
        CU_ASSERT(q.max_size > 0);
        driver_enable_queue(d, 0);
    }
    driver_do_one(d, 0);
    CU_ASSERT_EQUAL(driver_status(d), 15);
}

/* Nothing of it is pinned any more. */
static void reset_releases(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    driver_do_one(d, 0);
    CU_ASSERT_EQUAL(guest_unshare_area(d->g), AREA_BUSY);
    driver_reset_queue(d, 0);
    CU_ASSERT_EQUAL(guest_unshare_area(d->g), AREA_OK);
    guest_share_area(d->g);
}

static void send_reset(struct driver *d, uint32_t index, uint16_t token)
{
    struct msg m = driver_message(d, MSG_reset_vqueue_request);

    m.token = token;
    m.reset_vqueue_request.index = index;
    guest_send(d->g, &m);
}

/* Offers that many requests to a device that keeps them. */
static void fill(struct driver *d, uint32_t index, unsigned count)
{
    unsigned before = d->control->held();

    for (uint16_t slot = 0; slot < count; slot++)
        driver_offer(d, index, slot);
    driver_kick(d, index);
    guest_settle(d->g);
    CU_ASSERT_EQUAL_FATAL(d->control->held(), before + count);
}

static void reset_waits(struct driver *d)
{
    struct msg status = driver_message(d, MSG_get_device_status_request);
    struct msg_get_vqueue_response q;
    struct msg m;

    driver_start(d, VERSION_1 | RING_RESET);
    d->control->hold();
    fill(d, 0, 3);
    send_reset(d, 0, 4711);
    guest_settle(d->g);
    /* What comes behind it is answered behind it. */
    status.token = 4712;
    guest_send(d->g, &status);
    d->control->give_back();
    m = guest_receive_response(d->g);
    CU_ASSERT_EQUAL(m.kind, MSG_reset_vqueue_response);
    CU_ASSERT_EQUAL(m.token, 4711);
    CU_ASSERT_EQUAL(guest_receive_response(d->g).token, 4712);
    q = driver_get_queue(d, 0);
    CU_ASSERT(driver_queue_is_clear(&q));
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
    CU_ASSERT_EQUAL(d->g->used_events, 0);
    driver_enable_queue(d, 0);
    driver_do_one(d, 0);
}

static void reset_of_one(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    driver_enable_queue(d, 1);
    d->control->hold();
    fill(d, 0, 2);
    fill(d, 1, 1);
    send_reset(d, 0, 9);
    guest_settle(d->g);
    d->control->give_back();
    CU_ASSERT_EQUAL(guest_receive_response(d->g).kind, MSG_reset_vqueue_response);
    CU_ASSERT_EQUAL(driver_await_used(d, 1), DRIVER_WRITTEN);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
    CU_ASSERT_EQUAL(driver_get_queue(d, 1).flags, GET_VQUEUE_ENABLED);
    driver_do_one(d, 1);
}

/* The rings of a queue that was reset are read no more, whatever they say. */
static void stale_kicks(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    driver_reset_queue(d, 0);
    driver_offer(d, 0, 0);
    driver_kick(d, 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
    CU_ASSERT_EQUAL(d->g->used_events, 0);
}

static void reset_without_feature(struct driver *d)
{
    driver_start(d, VERSION_1);
    driver_reset_queue(d, 0);
    CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d));
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).flags, GET_VQUEUE_ENABLED);
    driver_do_one(d, 0);
}

static void bad_sets_are_answered(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);

    set.size = 3;
    driver_set_queue(d, &set);
    CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d));
    driver_negotiate(d, VERSION_1);
    driver_set_queue(d, &set);
    CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d));
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).cur_size, 0);
}

static void clear_after_reset(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    driver_do_one(d, 0);
    driver_reset(d);
    for (uint32_t i = 0; i < DRIVER_QUEUES; i++) {
        struct msg_get_vqueue_response q = driver_get_queue(d, i);

        CU_ASSERT(driver_queue_is_clear(&q));
    }
}

/* As a driver that tears its queues down after its own reset. */
static void at_status_0(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    driver_reset(d);
    for (uint32_t i = 0; i < DRIVER_QUEUES; i++) {
        struct msg_get_vqueue_response q;

        driver_reset_queue(d, i);
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d));
        q = driver_get_queue(d, i);
        CU_ASSERT(driver_queue_is_clear(&q));
    }
    CU_ASSERT_EQUAL(driver_status(d), 0);
}

const struct conform_case queue_cases[] = {
    {"DEV-39: GET_VQUEUE tells the maximum and the current size", accurate_sizes, 0},
    {"DEV-40: bit 0 of its flags is enabled, the others are zero", enabled_bit, 0},
    {"DEV-41: SET_VQUEUE's parameters are kept", keeps_parameters, 0},
    {"DEV-41 DEV-56: a queue's parts are at grant addresses, and let go of when it is reset",
     parts_by_reference, 0},
    {"REC-03 REC-04 DEV-49: a queue that is not there: answered, all zero", unavailable, 0},
    {"REC-04 DEV-49: a bad SET_VQUEUE is answered as a good one", bad_sets_are_answered, 0},
    {"REC-04 DEV-51: without RING_RESET a queue is not reset", reset_without_feature, 0},
    {"DEV-50: a queue set up after DRIVER_OK works", after_driver_ok, 0},
    {"DEV-50 DEV-61: and finds what was made available before", finds_what_waits, 0},
    {"DEV-50: and further ones beside it", another_after_driver_ok, NEEDS_CONTROL},
    {"DEV-51 REC-05: a queue is reset, clear, and set up again", reset_and_again, 0},
    {"DEV-51: a queue that was reset holds no memory", reset_releases, 0},
    {"DEV-51 DEV-52: RESET_VQUEUE is answered when nothing is in flight", reset_waits,
     NEEDS_CONTROL},
    {"DEV-51 DEV-52: other queues go on meanwhile", reset_of_one, NEEDS_CONTROL},
    {"DEV-52: rings of a queue that was reset are not touched", stale_kicks, 0},
    {"REC-05 DEV-55: after a reset every queue is clear", clear_after_reset, 0},
    {"REC-13: RESET_VQUEUE and GET_VQUEUE are answered at status 0", at_status_0, 0},
    {NULL, NULL, 0},
};
