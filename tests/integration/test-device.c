/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What every device gets for free: resets, the end of queues, a driver's and a
 * device's failure. */

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/keeper.h"

#define BIT(n) (UINT64_C(1) << (n))

static struct keeper k;

/* ---- the device's reset ---- */

static void a_reset_lasts_until_the_last_chain_is_back(void)
{
    const struct msg_area_unshare_request unshare = {.area = KEEPER_AREA};
    struct msg event;

    keeper_open(&k);
    keeper_start(&k, 0);
    keeper_offer(&k, 0, 3);
    keeper_offer(&k, 1, 1);
    CU_ASSERT_EQUAL(keeper_set_status(&k, 0), 15);
    CU_ASSERT_EQUAL(k.stops, KEEPER_QUEUES);
    CU_ASSERT_EQUAL(keeper_get_status(&k), 15);
    CU_ASSERT_EQUAL(keeper_set_status(&k, 0), 15); /* again: harmless */
    CU_ASSERT_EQUAL(keeper_set_status(&k, 1), 15); /* too early */
    CU_ASSERT_EQUAL(keeper_call(&k, (struct msg){.kind = MSG_get_device_info_request})
                        ->get_device_info_response.device_id, 42);
    keeper_give_back(&k, 0);
    CU_ASSERT_EQUAL(keeper_get_status(&k), 15);
    CU_ASSERT_EQUAL(k.settled, 0);
    keeper_give_back(&k, 1);
    CU_ASSERT_EQUAL(keeper_get_status(&k), 0);
    CU_ASSERT_EQUAL(k.settled, 1);
    CU_ASSERT_EQUAL(keeper_used_index(&k, 0) + keeper_used_index(&k, 1), 0);
    CU_ASSERT(!keeper_next_event(&k, &event));
    /* Nothing of the guest's is held any more. */
    CU_ASSERT_EQUAL(memory_unshare(k.host.lane.memory, &unshare), AREA_OK);
    keeper_share_area(&k);
    keeper_start(&k, 0);
    keeper_close(&k);
}

static void a_class_may_give_back_at_once(void)
{
    keeper_open(&k);
    keeper_start(&k, 0);
    k.give_back_on_stop = true;
    keeper_offer(&k, 0, 3);
    keeper_offer(&k, 1, 2);
    CU_ASSERT_EQUAL(keeper_set_status(&k, 0), 0);
    CU_ASSERT_EQUAL(keeper_used_index(&k, 0) + keeper_used_index(&k, 1), 0);
    keeper_close(&k);
}

static void events_that_wait_are_forgotten_by_a_reset(void)
{
    struct msg event;

    keeper_open(&k);
    keeper_start(&k, 0);
    keeper_offer(&k, 0, 1);
    keeper_give_back(&k, 0);
    device_config_changed(k.device, 0, 0);
    CU_ASSERT(k.waiting >= 2);
    CU_ASSERT_EQUAL(keeper_set_status(&k, 0), 0);
    CU_ASSERT(!keeper_next_event(&k, &event));
    keeper_close(&k);
}

static void areas_of_chains_that_are_out_stay(void)
{
    const struct msg_area_unshare_request unshare = {.area = KEEPER_AREA};

    keeper_open(&k);
    keeper_start(&k, 0);
    keeper_offer(&k, 0, 1);
    keeper_set_status(&k, 0);
    CU_ASSERT_EQUAL(memory_unshare(k.host.lane.memory, &unshare), AREA_BUSY);
    keeper_give_back(&k, 0);
    CU_ASSERT_EQUAL(memory_unshare(k.host.lane.memory, &unshare), AREA_OK);
    keeper_close(&k);
}

/* ---- one queue's reset ---- */

static enum answer_when reset_vqueue(uint32_t index)
{
    struct msg m = {
        .kind = MSG_reset_vqueue_request,
        .token = 5,
        .dev_num = KEEPER_NUMBER,
        .reset_vqueue_request.index = index,
    };

    return transport_serve(k.device, &m, &k.answer);
}

/* All zero but the maximum, as a driver checks it after RESET_VQUEUE. */
static void expect_no_queue(uint32_t index)
{
    struct msg ask = {.kind = MSG_get_vqueue_request, .get_vqueue_request.index = index};
    struct msg_get_vqueue_response q = keeper_call(&k, ask)->get_vqueue_response;

    CU_ASSERT_EQUAL(q.max_size, KEEPER_QUEUE_SIZE);
    CU_ASSERT(!q.cur_size && !q.flags && !q.desc_addr && !q.driver_addr && !q.device_addr);
}

static void a_queue_reset_waits_for_its_chains(void)
{
    struct msg ask = {.kind = MSG_get_device_status_request};
    struct msg event;

    keeper_open(&k);
    keeper_start(&k, BIT(VIRTIO_F_RING_RESET));
    keeper_offer(&k, 0, 2);
    keeper_offer(&k, 1, 1);
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_LATER);
    /* Later requests keep their place behind it; the other queue goes on. */
    CU_ASSERT_EQUAL(transport_serve(k.device, &ask, &k.answer), ANSWER_RETRY);
    keeper_give_back(&k, 1);
    CU_ASSERT_EQUAL(keeper_used_index(&k, 1), 1);
    CU_ASSERT(keeper_next_event(&k, &event));
    CU_ASSERT_EQUAL(event.kind, MSG_event_used);
    CU_ASSERT_EQUAL(event.event_used.vq_index, 1);
    CU_ASSERT(!keeper_next_event(&k, &event));

    keeper_give_back(&k, 0);
    CU_ASSERT_EQUAL(keeper_used_index(&k, 0), 0);
    CU_ASSERT(keeper_next_event(&k, &event));
    CU_ASSERT_EQUAL(event.kind, MSG_reset_vqueue_response);
    CU_ASSERT_EQUAL(event.token, 5);
    CU_ASSERT(!keeper_next_event(&k, &event));
    CU_ASSERT_EQUAL(keeper_get_status(&k), 15);
    expect_no_queue(0);
    memset(k.area, 0, KEEPER_QUEUE_SPAN);
    keeper_enable_queue(&k, 0);
    keeper_offer(&k, 0, 1);
    keeper_give_back(&k, 0);
    CU_ASSERT_EQUAL(keeper_used_index(&k, 0), 1);
    keeper_close(&k);
}

static void a_queue_reset_takes_its_event_with_it(void)
{
    struct msg event;

    keeper_open(&k);
    keeper_start(&k, BIT(VIRTIO_F_RING_RESET));
    keeper_offer(&k, 0, 1);
    keeper_give_back(&k, 0);
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_NOW);
    CU_ASSERT(!keeper_next_event(&k, &event));
    keeper_close(&k);
}

/* The guest of a device that is taken away need not be answered. */
static void a_device_reset_ends_a_queue_reset(void)
{
    struct msg event;

    keeper_open(&k);
    keeper_start(&k, BIT(VIRTIO_F_RING_RESET));
    keeper_offer(&k, 0, 1);
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_LATER);
    device_reset(k.device);
    CU_ASSERT(k.device->resetting);
    keeper_give_back(&k, 0);
    CU_ASSERT(!k.device->resetting);
    CU_ASSERT(!keeper_next_event(&k, &event));
    keeper_close(&k);
}

/* Nor need the one whose device was being reset already: who connects next would
 * get an answer to what it never asked. */
static void a_guest_that_leaves_takes_the_answer_with_it(void)
{
    struct msg event;

    keeper_open(&k);
    keeper_start(&k, BIT(VIRTIO_F_RING_RESET));
    keeper_offer(&k, 0, 1);
    CU_ASSERT_EQUAL(keeper_set_status(&k, 0), 15);
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_LATER);
    device_reset(k.device);
    keeper_give_back(&k, 0);
    CU_ASSERT(!k.device->resetting);
    CU_ASSERT(!keeper_next_event(&k, &event));
    CU_ASSERT_EQUAL(keeper_get_status(&k), 0);
    keeper_close(&k);
}

static void a_queue_reset_during_a_device_reset_tells_the_truth(void)
{
    struct msg event;

    keeper_open(&k);
    keeper_start(&k, BIT(VIRTIO_F_RING_RESET));
    keeper_offer(&k, 0, 1);
    CU_ASSERT_EQUAL(keeper_set_status(&k, 0), 15);
    CU_ASSERT_EQUAL(reset_vqueue(1), ANSWER_NOW);
    expect_no_queue(1); /* although the other one keeps the device from being reset */
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_LATER);
    keeper_give_back(&k, 0);
    CU_ASSERT(keeper_next_event(&k, &event));
    CU_ASSERT_EQUAL(event.kind, MSG_reset_vqueue_response);
    CU_ASSERT_EQUAL(keeper_get_status(&k), 0);
    expect_no_queue(0);
    keeper_close(&k);
}

/* ---- what goes wrong ---- */

static void asks_for_a_reset_once(void)
{
    struct msg event;

    keeper_open(&k);
    device_needs_reset(k.device, "nobody drives it: not said");
    CU_ASSERT_EQUAL(keeper_get_status(&k), 0);
    keeper_start(&k, 0);
    device_needs_reset(k.device, "first");
    device_needs_reset(k.device, "second");
    CU_ASSERT(keeper_next_event(&k, &event));
    CU_ASSERT_EQUAL(event.event_config.device_status, 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
    CU_ASSERT(!keeper_next_event(&k, &event));
    keeper_offer(&k, 0, 1);
    CU_ASSERT_EQUAL(k.count[0], 0);
    keeper_close(&k);
}

static void a_failed_driver_is_served_no_more(void)
{
    keeper_open(&k);
    keeper_start(&k, 0);
    keeper_set_status(&k, 15 | VIRTIO_CONFIG_S_FAILED);
    keeper_offer(&k, 0, 1);
    CU_ASSERT_EQUAL(k.count[0], 0);
    keeper_close(&k);
}

static void knows_what_was_negotiated(void)
{
    keeper_open(&k);
    keeper_start(&k, 0);
    CU_ASSERT(!device_has_feature(k.device, KEEPER_FEATURE));
    keeper_set_status(&k, 0);
    keeper_start(&k, BIT(KEEPER_FEATURE));
    CU_ASSERT(device_has_feature(k.device, KEEPER_FEATURE));
    keeper_close(&k);
}

/* Not before FEATURES_OK has confirmed it, and so no queue is reset either. */
static void nothing_is_negotiated_before_features_ok(void)
{
    uint8_t words[8];
    struct msg set = {
        .kind = MSG_set_driver_features_request,
        .set_driver_features_request = {0, 2, {words, 8}},
    };

    keeper_open(&k);
    le64_put(words, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET));
    keeper_set_status(&k, 3);
    keeper_call(&k, set);
    keeper_enable_queue(&k, 0);
    CU_ASSERT(!device_has_feature(k.device, VIRTIO_F_RING_RESET));
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_NOW);
    CU_ASSERT_EQUAL(keeper_call(&k, (struct msg){.kind = MSG_get_vqueue_request})
                        ->get_vqueue_response.flags, GET_VQUEUE_ENABLED);
    CU_ASSERT_EQUAL(keeper_set_status(&k, 11), 11);
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_NOW);
    expect_no_queue(0);
    keeper_close(&k);
}

/* While chains are out, the driver is answered, and nothing comes of it. */
static void a_device_being_reset_changes_in_no_way(void)
{
    uint8_t words[8] = {0};
    struct msg features = {
        .kind = MSG_set_driver_features_request,
        .set_driver_features_request = {0, 2, {words, 8}},
    };
    struct msg write = {
        .kind = MSG_set_config_request,
        .set_config_request = {0, 0, 4, {(const uint8_t *)"abcd", 4}},
    };
    struct msg event;

    keeper_open(&k);
    keeper_start(&k, 0);
    keeper_offer(&k, 0, 1);
    keeper_set_status(&k, 0);
    CU_ASSERT_EQUAL(keeper_set_status(&k, 15 | VIRTIO_CONFIG_S_FAILED), 15);
    keeper_call(&k, features);
    keeper_enable_queue(&k, 1);
    CU_ASSERT_EQUAL(keeper_call(&k, write)->set_config_response.length, 0);
    CU_ASSERT_EQUAL(k.config[0], 0);
    device_needs_reset(k.device, "too late");
    device_config_changed(k.device, 0, 4);
    CU_ASSERT_EQUAL(keeper_get_status(&k), 15);
    CU_ASSERT(!keeper_next_event(&k, &event));
    keeper_give_back(&k, 0);
    CU_ASSERT_EQUAL(keeper_get_status(&k), 0);
    CU_ASSERT(!keeper_next_event(&k, &event));
    keeper_close(&k);
}

/* ---- what it tells ---- */

static void tells_of_its_admin_queues(void)
{
    struct msg_get_device_info_response info;

    keeper_open(&k);
    info = keeper_call(&k, (struct msg){.kind = MSG_get_device_info_request})
               ->get_device_info_response;
    CU_ASSERT_EQUAL(info.max_virtqueues, KEEPER_QUEUES);
    CU_ASSERT_EQUAL(info.admin_vq_start, KEEPER_QUEUES - 1);
    CU_ASSERT_EQUAL(info.admin_vq_count, 1);
    for (size_t i = 0; i < sizeof(info.device_uuid.bytes); i++)
        CU_ASSERT_EQUAL(info.device_uuid.bytes[i], 0); /* none was given */
    keeper_close(&k);
}

static void tells_of_its_shared_memory(void)
{
    static const uint32_t unknown[] = {0, KEEPER_SHM + 1, 0x80000000, UINT32_MAX};
    struct msg ask = {.kind = MSG_get_shm_request, .get_shm_request.index = KEEPER_SHM};
    struct msg_get_shm_response shm;

    keeper_open(&k);
    shm = keeper_call(&k, ask)->get_shm_response;
    CU_ASSERT_EQUAL(shm.index, KEEPER_SHM);
    CU_ASSERT_EQUAL(shm.reserved, 0);
    CU_ASSERT_EQUAL(shm.length, KEEPER_SHM_LENGTH);
    CU_ASSERT_EQUAL(shm.address, KEEPER_SHM_ADDRESS);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        ask.get_shm_request.index = unknown[i];
        shm = keeper_call(&k, ask)->get_shm_response;
        CU_ASSERT_EQUAL(shm.index, unknown[i]);
        CU_ASSERT(!shm.reserved && !shm.length && !shm.address);
    }
    keeper_close(&k);
}

/* Whatever next_offset says: the ring itself tells what is available. */
static void a_position_in_a_notification_is_a_hint(void)
{
    static const uint32_t positions[] = {0, 1, KEEPER_QUEUE_SIZE, 0x7fffffff, 0x80000000,
                                         UINT32_MAX};
    struct msg kick = {.kind = MSG_event_avail};

    keeper_open(&k);
    keeper_start(&k, BIT(VIRTIO_F_NOTIFICATION_DATA));
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        kick.event_avail.next_offset = positions[i];
        CU_ASSERT_EQUAL(transport_serve(k.device, &kick, &k.answer), ANSWER_NEVER);
        event_base_loop(k.host.lane.base, EVLOOP_NONBLOCK);
        CU_ASSERT_EQUAL(k.count[0], 0);
    }
    keeper_offer(&k, 0, 2);
    CU_ASSERT_EQUAL(k.count[0], 2);
    CU_ASSERT_EQUAL(keeper_get_status(&k), 15);
    keeper_close(&k);
}

/* Descriptor `i` of a queue: more than half of the pages that the guest may use. */
static void offer_much(uint32_t queue, uint16_t i, uint32_t ref)
{
    uint8_t *at = k.area + queue * KEEPER_QUEUE_SPAN;
    struct vring_desc *desc = (struct vring_desc *)(void *)at;
    struct vring_avail *avail = (struct vring_avail *)(void *)(at + 0x400);

    desc[i] = (struct vring_desc){
        .addr = ADDRESS_GRANT | (uint64_t)ref << 12, .len = 40 << 12, .flags = VRING_DESC_F_WRITE};
    avail->ring[avail->idx % KEEPER_QUEUE_SIZE] = i;
    avail->idx++;
    device_doorbell(k.device, queue);
}

/* Each always has a request that waits for pages: they have them in turns. */
static void queues_share_the_room(void)
{
    unsigned served[KEEPER_QUEUES] = {0};
    uint32_t ref;

    keeper_open(&k);
    keeper_start(&k, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(k.domu->ops->grant_share(k.domu, 0, 1, true, &ref));
    for (uint32_t q = 0; q < KEEPER_QUEUES; q++)
        for (uint16_t i = 0; i < 2; i++)
            offer_much(q, i, ref);
    event_base_loop(k.host.lane.base, EVLOOP_NONBLOCK);
    for (unsigned round = 0; round < 20; round++) {
        uint32_t q = k.count[0] ? 0 : 1;
        uint16_t id;

        CU_ASSERT_EQUAL_FATAL(k.count[0] + k.count[1], 1);
        id = k.kept[q][0]->id;
        served[q]++;
        keeper_give_back(&k, q);
        event_base_loop(k.host.lane.base, EVLOOP_NONBLOCK);
        offer_much(q, id, ref);
        event_base_loop(k.host.lane.base, EVLOOP_NONBLOCK);
    }
    CU_ASSERT(served[0] >= 5);
    CU_ASSERT(served[1] >= 5);
    keeper_close(&k);
}

static const struct test_case cases[] = {
    TEST(a_reset_lasts_until_the_last_chain_is_back),
    TEST(a_class_may_give_back_at_once),
    TEST(events_that_wait_are_forgotten_by_a_reset),
    TEST(areas_of_chains_that_are_out_stay),
    TEST(a_queue_reset_waits_for_its_chains),
    TEST(a_queue_reset_takes_its_event_with_it),
    TEST(a_device_reset_ends_a_queue_reset),
    TEST(a_guest_that_leaves_takes_the_answer_with_it),
    TEST(a_queue_reset_during_a_device_reset_tells_the_truth),
    TEST(asks_for_a_reset_once),
    TEST(a_failed_driver_is_served_no_more),
    TEST(knows_what_was_negotiated),
    TEST(nothing_is_negotiated_before_features_ok),
    TEST(a_device_being_reset_changes_in_no_way),
    TEST(tells_of_its_admin_queues),
    TEST(tells_of_its_shared_memory),
    TEST(a_position_in_a_notification_is_a_hint),
    TEST(queues_share_the_room),
    {NULL, NULL},
};

int main(void)
{
    return test_main("device", cases);
}
