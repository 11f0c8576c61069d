/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Queues that go on (feature-queue-resume): the used ring alone tells what was under way
 * when a connection ended, and the next connection serves just that. A scripted guest
 * keeps its rings over connections, or writes into them what no driver would.
 */

#include <string.h>
#include <unistd.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/blk-guest.h"

#define OK_BITS (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

static void connect_bus(struct guest *g, bool resume)
{
    struct ipc_message offer = guest_offer(g, MSG_WIDE, 272);

    offer.connect.queue_resume = resume;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
    guest_share_area(g);
}

/* A connected bus with a disk that nobody drives yet. */
static struct guest *start(bool resume)
{
    struct guest *g = guest_new();

    blk_guest_disk = guest_disk(SECTORS);
    guest_add_blk(g, DEV, dup(blk_guest_disk), false);
    connect_bus(g, resume);
    return g;
}

/* A read, which takes its time, and a question, which is answered at once. */
static void prepare_slow_and_quick(struct guest *g)
{
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 7, 512, WRITE);
    blk_guest_prepare(g, 1, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES, WRITE);
}

static uint32_t id_used(struct guest *g, uint16_t index)
{
    return g->used->ring[index % GUEST_QUEUE_SIZE].id;
}

static void serve_slow_and_quick(struct guest *g)
{
    guest_start_device(g, DEV, FEATURES);
    prepare_slow_and_quick(g);
    guest_kick(g, DEV);
    guest_await_used(g);
    guest_await_used(g);
}

/* ---- the order ---- */

static void requests_are_used_in_the_order_in_which_they_came(void)
{
    struct guest *g = start(true);

    serve_slow_and_quick(g);
    CU_ASSERT_EQUAL(id_used(g, 0), 0);
    CU_ASSERT_EQUAL(id_used(g, 1), 3);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES + 1], VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

static void other_buses_use_them_as_they_end(void)
{
    struct guest *g = start(false);

    serve_slow_and_quick(g);
    CU_ASSERT_EQUAL(id_used(g, 0), 3);
    CU_ASSERT_EQUAL(id_used(g, 1), 0);
    blk_guest_stop(g);
}

/* What is done but waits for its turn does not keep a reset from its end. */
static void a_reset_finds_requests_that_wait_for_their_turn(void)
{
    struct guest *g = start(true);

    guest_start_device(g, DEV, FEATURES);
    prepare_slow_and_quick(g);
    guest_kick(g, DEV);
    blk_guest_reset(g, FEATURES);
    serve_slow_and_quick(g);
    blk_guest_stop(g);
}

/* ---- where a queue begins ---- */

/* The rings as another backend left them that had used `used` requests. */
static void leave_used(struct guest *g, uint16_t used)
{
    g->used->idx = used;
    g->used_seen = used;
    g->avail->idx = used;
}

static void serve_from(uint16_t index)
{
    struct guest *g = start(true);

    leave_used(g, index);
    prepare_slow_and_quick(g);
    guest_resume_device(g, DEV, FEATURES);
    guest_await_used(g);
    guest_await_used(g);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used->idx, (uint16_t)(index + 2));
    CU_ASSERT_EQUAL(id_used(g, index), 0);
    CU_ASSERT_EQUAL(id_used(g, (uint16_t)(index + 1)), 3);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES + 1], VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

static void a_queue_begins_where_its_used_ring_ends(void)
{
    serve_from(5);
    serve_from(GUEST_QUEUE_SIZE);
    serve_from(UINT16_MAX); /* and wraps */
}

static void other_buses_begin_at_0(void)
{
    struct guest *g = start(false);

    g->used->idx = 5;
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES, WRITE);
    guest_resume_device(g, DEV, FEATURES);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used->idx, 1);
    blk_guest_stop(g);
}

/* The same memory, shared anew. */
static void reconnect(struct guest *g)
{
    const uint8_t *before = g->area;

    guest_disconnect(g);
    connect_bus(g, true);
    memcpy(g->area, before, GUEST_PAGES * PLATFORM_PAGE_SIZE);
}

static void what_was_under_way_is_served_by_the_next_connection(void)
{
    struct guest *g = start(true);

    serve_slow_and_quick(g);
    /* The device stops before it serves the third. */
    guest_set_status(g, DEV, OK_BITS | VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED);
    blk_guest_prepare(g, 2, VIRTIO_BLK_T_IN, 9, 512, WRITE);
    guest_kick(g, DEV);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used->idx, 2);
    reconnect(g);
    guest_resume_device(g, DEV, FEATURES);
    guest_await_used(g);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used->idx, 3);
    CU_ASSERT_EQUAL(id_used(g, 2), 6);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES + 2], VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA], 9);
    blk_guest_stop(g);
}

/* ---- what cannot be ---- */

static void expect_needs_reset(uint16_t used, uint16_t available)
{
    struct msg ask = {.kind = MSG_get_device_status_request, .dev_num = DEV};
    struct guest *g = start(true);

    g->used->idx = used;
    g->avail->idx = available;
    guest_resume_device(g, DEV, FEATURES);
    guest_settle(g);
    CU_ASSERT((guest_call(g, ask).get_device_status_response.status &
               VIRTIO_CONFIG_S_NEEDS_RESET) != 0);
    CU_ASSERT_EQUAL(g->used->idx, used);
    blk_guest_stop(g);
}

static void a_used_index_that_no_device_left_stops_the_device(void)
{
    expect_needs_reset(1, 0);
    expect_needs_reset(1000, 900);
    expect_needs_reset(0, GUEST_QUEUE_SIZE + 1);
    expect_needs_reset(UINT16_MAX, GUEST_QUEUE_SIZE);
}

static void packed_queues_are_refused(void)
{
    struct msg features = {.kind = MSG_get_device_features_request,
                           .dev_num = DEV,
                           .get_device_features_request = {.num_blocks = 2}};
    struct guest *g = start(true);
    struct msg m = guest_call(g, features);
    uint64_t offered = le64_get(m.get_device_features_response.features.bytes);
    uint8_t blocks[8];

    CU_ASSERT((offered & BIT(VIRTIO_F_RING_RESET)) != 0);
    CU_ASSERT((offered & BIT(VIRTIO_F_RING_PACKED)) == 0);
    guest_set_status(g, DEV, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    le64_put(blocks, FEATURES | BIT(VIRTIO_F_RING_PACKED));
    guest_call(g, (struct msg){.kind = MSG_set_driver_features_request,
                               .dev_num = DEV,
                               .set_driver_features_request = {
                                   .num_blocks = 2,
                                   .features = {.bytes = blocks, .size = sizeof(blocks)}}});
    CU_ASSERT((guest_set_status(g, DEV, OK_BITS) & VIRTIO_CONFIG_S_FEATURES_OK) == 0);
    blk_guest_stop(g);
}

static const struct test_case cases[] = {
    TEST(requests_are_used_in_the_order_in_which_they_came),
    TEST(other_buses_use_them_as_they_end),
    TEST(a_reset_finds_requests_that_wait_for_their_turn),
    TEST(a_queue_begins_where_its_used_ring_ends),
    TEST(other_buses_begin_at_0),
    TEST(what_was_under_way_is_served_by_the_next_connection),
    TEST(a_used_index_that_no_device_left_stops_the_device),
    TEST(packed_queues_are_refused),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue-resume", cases);
}
