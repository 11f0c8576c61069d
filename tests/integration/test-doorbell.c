/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Event channels of single queues, the backend's side of them: a scripted guest binds
 * them, rings them without end, and asks for what cannot be.
 */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <unistd.h>

#include "backend/doorbells.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/blk-guest.h"

#define OTHER_DEV 5u
#define TURNS 8 /* in which a flood must let others through */
#define MANY 100 /* sleeps of the worker: it has looked before one of them */

/* ---- the guest ---- */

static struct guest *start(void)
{
    struct guest *g = guest_new();
    struct ipc_message offer;

    blk_guest_disk = guest_disk(SECTORS);
    guest_add_blk(g, DEV, dup(blk_guest_disk), false);
    offer = guest_offer(g, MSG_WIDE, 272);
    offer.connect.queue_doorbells = 1;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
    guest_share_area(g);
    guest_start_device(g, DEV, FEATURES);
    return g;
}

static uint32_t ask(struct guest *g, uint64_t device, uint32_t index, uint32_t port)
{
    struct msg request = {
        .kind = MSG_queue_doorbell_request,
        .queue_doorbell_request = {.device_number = device, .vq_index = index, .port = port},
    };
    struct msg response = guest_call(g, request);

    CU_ASSERT_EQUAL(response.queue_doorbell_response.device_number, device);
    CU_ASSERT_EQUAL(response.queue_doorbell_response.vq_index, index);
    return response.queue_doorbell_response.status;
}

static uint32_t new_port(struct guest *g)
{
    int port = g->domu->ops->evtchn_alloc(g->domu, 0);

    CU_ASSERT_FATAL(port > 0);
    return (uint32_t)port;
}

static uint32_t bind_new(struct guest *g)
{
    uint32_t port = new_port(g);

    CU_ASSERT_EQUAL_FATAL(ask(g, DEV, 0, port), DOORBELL_OK);
    return port;
}

static void ring(struct guest *g, uint32_t port)
{
    CU_ASSERT(g->domu->ops->evtchn_notify(g->domu, port) == 0);
}

/* How often this port fired; those of the ring do not count. */
static unsigned fired(struct guest *g, uint32_t port)
{
    const struct platform_ops *ops = g->domu->ops;
    unsigned count = 0;
    int next;

    while ((next = ops->evtchn_next(g->domu)) >= 0) {
        count += (uint32_t)next == port;
        ops->evtchn_unmask(g->domu, (uint32_t)next);
    }
    CU_ASSERT_EQUAL(errno, EAGAIN);
    return count;
}

/* With a doorbell that has not rung yet. */
static struct guest *start_bound(uint32_t *port)
{
    struct guest *g = start();

    *port = bind_new(g);
    fired(g, *port);
    return g;
}

/* The worker's ports: all there are but the guest's. */
static unsigned bound(struct guest *g, unsigned of_the_guest)
{
    return fake_xen_counters(g->fx).open_ports - of_the_guest;
}

static void prepare_read(struct guest *g)
{
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 7, 512, WRITE);
}

static void expect_read(struct guest *g)
{
    CU_ASSERT_EQUAL(guest_await_used(g), 513);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA], 7);
}

static void ring_for_read(struct guest *g, uint32_t port)
{
    prepare_read(g);
    ring(g, port);
    expect_read(g);
    guest_settle(g);
}

/* ---- notifications ---- */

static void a_doorbell_stands_for_both_events(void)
{
    uint32_t port;
    struct guest *g = start_bound(&port);

    ring_for_read(g, port);
    CU_ASSERT_EQUAL(fired(g, port), 1);
    CU_ASSERT_EQUAL(g->used_events, 0);
    blk_guest_stop(g);
}

static void the_ring_serves_a_queue_again_that_gave_its_doorbell_back(void)
{
    struct guest *g = start();
    uint32_t port = bind_new(g);

    CU_ASSERT_EQUAL(ask(g, DEV, 0, 0), DOORBELL_OK);
    CU_ASSERT_EQUAL(bound(g, 2), 1);
    fired(g, port);
    prepare_read(g);
    guest_kick(g, DEV);
    expect_read(g);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used_events, 1);
    CU_ASSERT_EQUAL(fired(g, port), 0);
    blk_guest_stop(g);
}

static void nobody_is_told_who_does_not_want_to_be(void)
{
    uint32_t port;
    struct guest *g = start_bound(&port);

    g->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    ring_for_read(g, port);
    CU_ASSERT_EQUAL(fired(g, port), 0);
    blk_guest_stop(g);
}

/* Many buffers used in one turn are one occurrence. */
static void a_batch_is_one_doorbell(void)
{
    uint32_t port;
    struct guest *g = start_bound(&port);

    for (unsigned n = 0; n < 4; n++)
        blk_guest_prepare(g, n, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES, WRITE);
    ring(g, port);
    for (unsigned n = 0; n < 4; n++)
        guest_await_used(g);
    guest_settle(g);
    CU_ASSERT_EQUAL(fired(g, port), 1);
    blk_guest_stop(g);
}

static void a_bus_with_doorbells_does_not_offer_notification_data(void)
{
    struct msg request = {.kind = MSG_get_device_features_request,
                          .dev_num = DEV,
                          .get_device_features_request = {.num_blocks = 2}};
    struct guest *g = start();
    struct msg m = guest_call(g, request);
    uint64_t offered = le64_get(m.get_device_features_response.features.bytes);

    CU_ASSERT((offered & BIT(VIRTIO_F_RING_RESET)) != 0);
    CU_ASSERT((offered & BIT(VIRTIO_F_NOTIFICATION_DATA)) == 0);
    blk_guest_stop(g);
}

/* ---- what cannot be ---- */

static void wrong_requests_are_refused(void)
{
    struct guest *g = start();
    uint32_t port = bind_new(g);

    CU_ASSERT_EQUAL(ask(g, DEV, 1, new_port(g)), DOORBELL_NO_QUEUE);
    CU_ASSERT_EQUAL(ask(g, DEV, UINT32_MAX, new_port(g)), DOORBELL_NO_QUEUE);
    CU_ASSERT_EQUAL(ask(g, 99, 0, new_port(g)), DOORBELL_NO_QUEUE);
    CU_ASSERT_EQUAL(ask(g, DEV, 0, 1000), DOORBELL_NOT_BOUND);
    CU_ASSERT_EQUAL(ask(g, DEV, 0, UINT32_MAX), DOORBELL_NOT_BOUND);
    CU_ASSERT_EQUAL(ask(g, DEV, 0, (uint32_t)g->port), DOORBELL_NOT_BOUND);
    CU_ASSERT_EQUAL(ask(g, DEV, 0, port), DOORBELL_NOT_BOUND);
    CU_ASSERT_EQUAL(bound(g, 5), 2);

    /* The queue kept what it had. */
    fired(g, port);
    ring_for_read(g, port);
    CU_ASSERT_EQUAL(fired(g, port), 1);
    blk_guest_stop(g);
}

static void another_port_replaces_the_first(void)
{
    struct guest *g = start();
    uint32_t first = bind_new(g), second = bind_new(g);

    CU_ASSERT_EQUAL(bound(g, 3), 2);
    ring(g, first); /* nobody is there */
    fired(g, second);
    prepare_read(g);
    ring(g, second);
    expect_read(g);
    guest_settle(g);
    CU_ASSERT_EQUAL(fired(g, second), 1);
    blk_guest_stop(g);
}

static void a_device_without_driver_gets_none(void)
{
    struct guest *g = start();

    guest_set_status(g, DEV, 0);
    CU_ASSERT_EQUAL(ask(g, DEV, 0, new_port(g)), DOORBELL_BAD_REQUEST);
    guest_set_status(g, DEV, 1);
    CU_ASSERT_EQUAL(ask(g, DEV, 0, new_port(g)), DOORBELL_BAD_REQUEST);
    CU_ASSERT_EQUAL(bound(g, 3), 1);
    blk_guest_stop(g);
}

static void there_is_a_limit(void)
{
    struct guest *g = start();
    unsigned count = 0;

    /* Each device has one queue here. */
    for (uint64_t number = 100; number < 100 + DOORBELLS_MAX + 1; number++) {
        guest_add_blk(g, number, dup(blk_guest_disk), true);
        guest_set_status(g, number, 3);
        if (ask(g, number, 0, new_port(g)) != DOORBELL_LIMIT)
            count++;
    }
    CU_ASSERT_EQUAL(count, DOORBELLS_MAX);
    CU_ASSERT_EQUAL(ask(g, DEV, 0, new_port(g)), DOORBELL_LIMIT);
    /* One that goes makes room for another. */
    guest_set_status(g, 100, 0);
    CU_ASSERT_EQUAL(ask(g, DEV, 0, new_port(g)), DOORBELL_OK);
    blk_guest_stop(g);
}

/* ---- the end of a doorbell ---- */

static void a_reset_takes_it_away(void)
{
    struct guest *g = start();
    uint32_t port = bind_new(g);

    prepare_read(g);
    ring(g, port); /* under way, or not seen yet */
    blk_guest_reset(g, FEATURES);
    CU_ASSERT_EQUAL(bound(g, 2), 1);
    fired(g, port);
    ring(g, port);
    guest_settle(g);
    CU_ASSERT_EQUAL(fired(g, port), 0);
    /* The port is free for the next. */
    CU_ASSERT_EQUAL(ask(g, DEV, 0, port), DOORBELL_OK);
    blk_guest_stop(g);
}

static void a_queue_reset_takes_it_away(void)
{
    struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = DEV};
    struct guest *g = start();
    uint32_t port = bind_new(g);

    guest_call(g, reset);
    CU_ASSERT_EQUAL(bound(g, 2), 1);

    /* A doorbell for a queue that is disabled is heard by nobody. */
    CU_ASSERT_EQUAL(ask(g, DEV, 0, port), DOORBELL_OK);
    ring(g, port);
    guest_settle(g);
    g->used_seen = 0;
    memset(g->area, 0, GUEST_HEADERS);
    guest_call(g, guest_queue_request(DEV, SET_VQUEUE_ENABLE));
    fired(g, port);
    ring_for_read(g, port);
    CU_ASSERT_EQUAL(fired(g, port), 1);
    blk_guest_stop(g);
}

static void a_device_that_goes_takes_it_along(void)
{
    struct guest *g = start();
    uint32_t port = bind_new(g);

    ring(g, port);
    guest_tell(g, &(struct ipc_message){.kind = IPC_DEVICE_REMOVE, .answer.number = DEV}, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
    CU_ASSERT_EQUAL(bound(g, 2), 1);
    ring(g, port);
    guest_settle(g);
    blk_guest_stop(g);
}

static void a_disconnect_takes_all_away(void)
{
    struct guest *g = start();
    uint32_t port = bind_new(g);

    prepare_read(g);
    ring(g, port);
    guest_disconnect(g);
    CU_ASSERT_EQUAL(bound(g, 2), 0);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
    blk_guest_stop(g);
}

/* ---- looking ---- */

static struct guest *start_looking(uint32_t microseconds)
{
    struct guest *g = guest_new();
    struct ipc_message offer = guest_offer(g, MSG_WIDE, 272);

    fake_xen_real_clock(g->fx);
    blk_guest_disk = guest_disk(SECTORS);
    guest_add_blk(g, DEV, dup(blk_guest_disk), false);
    offer.poll_us = microseconds;
    offer.connect.queue_doorbells = 1;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
    guest_share_area(g);
    guest_start_device(g, DEV, FEATURES);
    return g;
}

/* The request is there when the worker, done with something else, looks for more: at
 * once, or at one of its next attempts if looks did not help before. */
static void who_looks_needs_no_doorbell(void)
{
    struct guest *g = start_looking(1000);
    uint32_t port = bind_new(g);
    uint16_t before = g->used->idx;

    guest_settle(g);
    fired(g, port);
    prepare_read(g);
    for (int i = 0; i < MANY && g->used->idx == before; i++)
        guest_settle(g);
    CU_ASSERT_EQUAL_FATAL(g->used->idx, before + 1);
    expect_read(g);
    guest_settle(g);
    CU_ASSERT_EQUAL(fired(g, port), 1);
    blk_guest_stop(g);
}

static void who_does_not_look_waits_for_the_doorbell(void)
{
    struct guest *g = start_looking(0);
    uint32_t port = bind_new(g);
    uint16_t before = g->used->idx;

    guest_settle(g);
    fired(g, port);
    prepare_read(g);
    for (int i = 0; i < MANY; i++)
        guest_settle(g);
    CU_ASSERT_EQUAL(g->used->idx, before);
    ring(g, port);
    expect_read(g);
    blk_guest_stop(g);
}

/* ---- fairness ---- */

static void turn(struct guest *g)
{
    event_base_loop(g->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* However often it is rung, and whatever for: another device's request is served
 * within as many turns as without the flood. */
static unsigned turns_until_read(struct guest *g, uint32_t flood)
{
    struct msg kick = {.kind = MSG_event_avail, .dev_num = DEV};
    uint16_t before = g->used->idx;
    unsigned turns = 0;

    guest_settle(g);
    prepare_read(g);
    guest_send(g, &kick);
    while (g->used->idx == before && turns < 1000) {
        for (int i = 0; flood && i < 100; i++)
            ring(g, flood);
        turn(g);
        turns++;
    }
    expect_read(g);
    return turns;
}

static void a_flooded_doorbell_starves_nobody(void)
{
    struct guest *g = start();
    uint32_t port = new_port(g);
    unsigned quiet, flooded;

    guest_add_blk(g, OTHER_DEV, dup(blk_guest_disk), true);
    guest_set_status(g, OTHER_DEV, 3);
    CU_ASSERT_EQUAL(ask(g, OTHER_DEV, 0, port), DOORBELL_OK);
    quiet = turns_until_read(g, 0);
    flooded = turns_until_read(g, port);
    CU_ASSERT(flooded <= quiet + 2);
    blk_guest_stop(g);
}

/* The ring full of EVENT_AVAIL of one device, whose queue is never empty either. */
static void a_flood_of_messages_starves_nobody(void)
{
    struct msg kick = {.kind = MSG_event_avail, .dev_num = DEV};
    struct guest *g = start();
    uint32_t port;
    unsigned turns = 0;
    uint16_t before;

    guest_add_blk(g, OTHER_DEV, dup(blk_guest_disk), true);
    port = bind_new(g);
    fired(g, port);
    guest_settle(g);
    prepare_read(g);
    before = g->used->idx;
    ring(g, port);
    kick.dev_num = OTHER_DEV;
    while (g->used->idx == before && turns < 1000) {
        uint8_t bytes[64];
        size_t size = msg_encode(MSG_WIDE, &kick, bytes, sizeof(bytes), NULL);

        while (ring_put(&g->ring, bytes, size))
            ;
        ring_publish(&g->ring);
        ring(g, (uint32_t)g->port);
        turn(g);
        turns++;
    }
    CU_ASSERT(turns <= TURNS);
    expect_read(g);
    guest_settle(g);
    blk_guest_stop(g);
}

static const struct test_case cases[] = {
    TEST(a_doorbell_stands_for_both_events),
    TEST(the_ring_serves_a_queue_again_that_gave_its_doorbell_back),
    TEST(nobody_is_told_who_does_not_want_to_be),
    TEST(a_batch_is_one_doorbell),
    TEST(a_bus_with_doorbells_does_not_offer_notification_data),
    TEST(wrong_requests_are_refused),
    TEST(another_port_replaces_the_first),
    TEST(a_device_without_driver_gets_none),
    TEST(there_is_a_limit),
    TEST(a_reset_takes_it_away),
    TEST(a_queue_reset_takes_it_away),
    TEST(a_device_that_goes_takes_it_along),
    TEST(a_disconnect_takes_all_away),
    TEST(who_looks_needs_no_doorbell),
    TEST(who_does_not_look_waits_for_the_doorbell),
    TEST(a_flooded_doorbell_starves_nobody),
    TEST(a_flood_of_messages_starves_nobody),
    {NULL, NULL},
};

int main(void)
{
    return test_main("doorbell", cases);
}
