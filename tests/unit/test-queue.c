/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The device side of a virtqueue. */

#include <string.h>

#include "common/address.h"
#include "tests/harness.h"
#include "tests/unit/queue-guest.h"

/* Of the next that the device used. */
static void expect_used(uint32_t id, uint32_t length)
{
    uint32_t got_id = 77, got_length = 77;

    CU_ASSERT(queue_guest_take(&got_id, &got_length));
    CU_ASSERT_EQUAL(got_id, id);
    CU_ASSERT_EQUAL(got_length, length);
}

static bool anything_used(void)
{
    uint32_t id, length;

    return queue_guest_take(&id, &length);
}

/* ---- the ordinary ---- */

static void a_chain_goes_round(void)
{
    struct chain *chain;

    queue_guest_start();
    memcpy(g.area + QUEUE_GUEST_DATA, "request", 7);
    queue_guest_describe(2, queue_guest_data(0), 4, VRING_DESC_F_NEXT, 5);
    queue_guest_describe(5, queue_guest_data(4), 3, VRING_DESC_F_NEXT, 0);
    queue_guest_describe(0, queue_guest_data(64), 16, VRING_DESC_F_WRITE, 0);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    queue_guest_offer(2);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(iov_size(&chain->out), 7);
    CU_ASSERT_EQUAL(iov_size(&chain->in), 16);

    char text[7];

    CU_ASSERT_EQUAL(iov_take(&chain->out, text, sizeof(text)), 7);
    CU_ASSERT_NSTRING_EQUAL(text, "request", 7);
    CU_ASSERT_EQUAL(iov_fill(&chain->in, "answer", 6), 6);
    queue_push(g.queue, chain, 6);
    expect_used(2, 6);
    CU_ASSERT_NSTRING_EQUAL(g.area + QUEUE_GUEST_DATA + 64, "answer", 6);
    CU_ASSERT_EQUAL(g.told, 1);
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

/* Indices wrap, and completions may come in any order. */
static void many_rounds_in_any_order(void)
{
    struct chain *chains[QUEUE_GUEST_SIZE];

    queue_guest_start();
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
        queue_guest_describe(i, queue_guest_data(i), 1, VRING_DESC_F_WRITE, 0);
    for (unsigned round = 0; round < 0x10000 / QUEUE_GUEST_SIZE + 3; round++) {
        queue_begin_batch(g.queue);
        for (uint16_t i = 0; i < QUEUE_GUEST_SIZE; i++)
            queue_guest_offer(i);
        for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
            chains[i] = queue_pop(g.queue);
        for (unsigned i = QUEUE_GUEST_SIZE; i-- > 0;) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(chains[i]);
            queue_push(g.queue, chains[i], 1);
        }
        for (unsigned i = QUEUE_GUEST_SIZE; i-- > 0;)
            expect_used(i, 1);
    }
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

/* Of three descriptors each, so that they lie across the end of a packed ring. */
static void long_chains_in_any_order(void)
{
    struct chain *chains[2];

    queue_guest_start();
    for (uint16_t i = 0; i < 6; i++)
        queue_guest_describe(i, queue_guest_data(i), 1u + i,
                             (uint16_t)((i % 3 < 2 ? VRING_DESC_F_NEXT : 0) |
                                        (i % 3 ? VRING_DESC_F_WRITE : 0)),
                             (uint16_t)(i + 1));
    for (unsigned round = 0; round < 1000; round++) {
        queue_begin_batch(g.queue);
        for (uint16_t i = 0; i < 2; i++) {
            queue_guest_offer((uint16_t)(3 * i));
            chains[i] = queue_pop(g.queue);
            CU_ASSERT_PTR_NOT_NULL_FATAL(chains[i]);
            CU_ASSERT_EQUAL_FATAL(iov_size(&chains[i]->out), 1u + 3 * i);
            CU_ASSERT_EQUAL_FATAL(iov_size(&chains[i]->in), 5u + 6 * i);
        }
        queue_push(g.queue, chains[1], 11);
        queue_push(g.queue, chains[0], 0);
        expect_used(3, 11);
        expect_used(0, 0);
        CU_ASSERT(!anything_used());
    }
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

static void the_driver_may_forbid_notifications(void)
{
    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    queue_guest_forbid();
    queue_guest_offer(0);
    queue_push(g.queue, queue_pop(g.queue), 1);
    expect_used(0, 1);
    CU_ASSERT_EQUAL(g.told, 0);
    queue_guest_end();
}

static void a_batch_ends(void)
{
    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++) {
        CU_ASSERT(!queue_batch_full(g.queue));
        queue_guest_offer(0);
        queue_push(g.queue, queue_pop(g.queue), 1);
    }
    queue_guest_offer(0);
    CU_ASSERT(queue_batch_full(g.queue));
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    queue_begin_batch(g.queue);
    queue_push(g.queue, queue_pop(g.queue), 1);
    queue_guest_end();
}

static void a_stopping_queue_leaves_the_guest_alone(void)
{
    struct chain *chain;

    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    queue_guest_describe(1, queue_guest_data(1), 1, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    queue_guest_offer(1);
    queue_stop(g.queue);
    CU_ASSERT(!queue_idle(g.queue));
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.idle, 0);
    queue_push(g.queue, chain, 1);
    CU_ASSERT_EQUAL(g.idle, 1);
    CU_ASSERT(!anything_used());
    CU_ASSERT_EQUAL(g.told, 0);
    queue_clear(g.queue);
    CU_ASSERT_EQUAL(queue_get_config(g.queue)->size, 0);
    CU_ASSERT(!queue_enabled(g.queue));
    /* Used again, it starts at the beginning. */
    queue_guest_restart();
    queue_guest_describe(1, queue_guest_data(1), 1, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(1);
    queue_push(g.queue, queue_pop(g.queue), 1);
    expect_used(1, 1);
    queue_guest_end();
}

static void areas_in_use_stay(void)
{
    struct msg_area_unshare_request unshare = {.area = QUEUE_GUEST_RO_AREA};
    struct chain *chain;

    queue_guest_start();
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_RO_AREA, 0), 8, 0, 0);
    queue_guest_offer(0);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_BUSY);
    queue_push(g.queue, chain, 0);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_OK);
    unshare.area = QUEUE_GUEST_AREA;
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_BUSY);
    queue_stop(g.queue);
    queue_clear(g.queue);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_OK);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_BAD_NUMBER);
    queue_guest_end();
}

/* ---- what a driver may not configure ---- */

struct parameters {
    const char *what;
    struct queue_config config;
};

static void refuse(const struct parameters *bad, size_t count)
{
    queue_guest_start();
    queue_stop(g.queue);
    queue_clear(g.queue);
    for (size_t i = 0; i < count; i++) {
        if (queue_enable(g.queue, g.memory, &bad[i].config) || queue_get_config(g.queue)->desc)
            CU_FAIL(bad[i].what);
    }
    CU_ASSERT(queue_enable(g.queue, g.memory, &queue_guest_config));
    CU_ASSERT(!queue_enable(g.queue, g.memory, &queue_guest_config));
    CU_ASSERT(!queue_configure(g.queue, &queue_guest_config));
    queue_guest_end();
}

static void refuses_bad_parameters(void)
{
    static const struct parameters bad[] = {
        {"size 0", {0, 0x1000000000000, 0x1000000000400, 0x1000000000800}},
        {"size too large", {16, 0x1000000000000, 0x1000000000400, 0x1000000000800}},
        {"size far too large", {UINT32_MAX, 0x1000000000000, 0x1000000000400, 0x1000000000800}},
        {"misaligned descriptors", {8, 0x1000000000008, 0x1000000000400, 0x1000000000800}},
        {"misaligned driver's part", {8, 0x1000000000000, 0x1000000000401, 0x1000000000800}},
        {"misaligned device's part", {8, 0x1000000000000, 0x1000000000400, 0x1000000000802}},
        {"address 0", {8, 0, 0x1000000000400, 0x1000000000800}},
        {"unknown area", {8, 0x7000000000000, 0x1000000000400, 0x1000000000800}},
        {"grant address", {8, 0x8000000000001000, 0x1000000000400, 0x1000000000800}},
        {"beyond the area", {8, 0x1000000000000, 0x1000000004000, 0x1000000000800}},
        {"far beyond the area", {8, 0x1fffffffffff0, 0x1000000000400, 0x1000000000800}},
        {"device's part read-only", {8, 0x1000000000000, 0x1000000000400, 0x2000000000800}},
    };

    refuse(bad, sizeof(bad) / sizeof(bad[0]));
}

static void refuses_what_split_queues_may_not_have(void)
{
    static const struct parameters bad[] = {
        {"size not a power of two", {6, 0x1000000000000, 0x1000000000400, 0x1000000000800}},
        {"beyond the area", {8, 0x1000000000000, 0x1000000003ff0, 0x1000000000800}},
    };

    refuse(bad, sizeof(bad) / sizeof(bad[0]));
}

static void refuses_what_packed_queues_may_not_have(void)
{
    static const struct parameters bad[] = {
        {"the driver's event misaligned", {8, 0x1000000000000, 0x1000000000402, 0x1000000000800}},
        {"a read-only ring", {8, 0x2000000000000, 0x1000000000400, 0x1000000000800}},
    };

    refuse(bad, sizeof(bad) / sizeof(bad[0]));
}

/* ---- what a driver may not put in the ring ---- */

static void jump(void)
{
    g.avail->idx = QUEUE_GUEST_SIZE + 1;
}

static void go_back(void)
{
    g.avail->idx = UINT16_MAX;
}

static void head_beyond(void)
{
    queue_guest_offer(QUEUE_GUEST_SIZE);
}

static void next_beyond(void)
{
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 0xffff);
    queue_guest_offer(0);
}

static void self_loop(void)
{
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 0);
    queue_guest_offer(0);
}

static void long_loop(void)
{
    for (uint16_t i = 0; i < QUEUE_GUEST_SIZE; i++)
        queue_guest_describe(i, queue_guest_data(0), 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
                             (i + 1) % QUEUE_GUEST_SIZE);
    queue_guest_offer(3);
}

static void indirect(void)
{
    queue_guest_describe(0, queue_guest_data(0), 16, VRING_DESC_F_INDIRECT, 0);
    queue_guest_offer(0);
}

static void readable_after_writable(void)
{
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
    queue_guest_describe(1, queue_guest_data(0), 1, 0, 0);
    queue_guest_offer(0);
}

static void no_length(void)
{
    queue_guest_describe(0, queue_guest_data(0), 0, 0, 0);
    queue_guest_offer(0);
}

static void address_zero(void)
{
    queue_guest_describe(0, 0, 16, 0, 0);
    queue_guest_offer(0);
}

static void unknown_area(void)
{
    queue_guest_describe(0, address_of_area(9, 0), 16, 0, 0);
    queue_guest_offer(0);
}

static void grant_address(void)
{
    queue_guest_describe(0, ADDRESS_GRANT | 1000 << 12, 16, 0, 0);
    queue_guest_offer(0);
}

static void one_byte_too_far(void)
{
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_AREA, QUEUE_GUEST_BYTES - 15), 16, 0, 0);
    queue_guest_offer(0);
}

static void length_wraps(void)
{
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_AREA, 16), UINT32_MAX, 0, 0);
    queue_guest_offer(0);
}

static void offset_wraps(void)
{
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_AREA, ADDRESS_OFFSET_MASK), 2, 0, 0);
    queue_guest_offer(0);
}

static void writes_to_read_only(void)
{
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_RO_AREA, 0), 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
}

static void good_then_bad(void)
{
    queue_guest_describe(0, queue_guest_data(0), 16, VRING_DESC_F_NEXT, 1);
    queue_guest_describe(1, 0, 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
}

/* ---- in a packed one ---- */

/* A descriptor as it is, with the flags that make it available in the first lap. */
static void put(unsigned slot, uint16_t id, uint16_t flags)
{
    g.ring[slot] = (struct vring_packed_desc){
        .addr = queue_guest_data(0), .len = 1, .id = id, .flags = flags};
}

static void continued_by_nothing(void)
{
    put(0, 0, VRING_DESC_F_NEXT | PACKED_AVAIL);
}

static void continued_in_another_lap(void)
{
    put(0, 0, VRING_DESC_F_NEXT | PACKED_AVAIL);
    put(1, 0, PACKED_USED);
}

static void continued_by_a_used_one(void)
{
    put(0, 0, VRING_DESC_F_NEXT | PACKED_AVAIL);
    put(1, 0, PACKED_AVAIL | PACKED_USED);
}

static void longer_than_the_ring(void)
{
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
        put(i, 0, VRING_DESC_F_NEXT | PACKED_AVAIL);
}

static void id_beyond(void)
{
    put(0, QUEUE_GUEST_SIZE, PACKED_AVAIL);
}

static void id_far_beyond(void)
{
    put(0, 0, VRING_DESC_F_NEXT | PACKED_AVAIL);
    put(1, 0xffff, PACKED_AVAIL);
}

static const struct queue_guest_hostile hostile_packed[] = {
    {"continued by nothing", continued_by_nothing, "descriptor 1 continues a chain"},
    {"continued in another lap", continued_in_another_lap, "descriptor 1 continues a chain"},
    {"continued by a used one", continued_by_a_used_one, "descriptor 1 continues a chain"},
    {"longer than the ring", longer_than_the_ring, "descriptor 0 is one more than"},
    {"id beyond the queue", id_beyond, "id 8 is beyond"},
    {"id far beyond the queue", id_far_beyond, "id 65535 is beyond"},
};

static const struct queue_guest_hostile hostile_split[] = {
    {"index jumps", jump, "available index 9"},
    {"index goes back", go_back, "available index 65535"},
    {"head beyond the queue", head_beyond, "descriptor 8 is beyond"},
    {"next beyond the queue", next_beyond, "descriptor 65535 is beyond"},
    {"descriptor names itself", self_loop, "loop"},
    {"all descriptors in a circle", long_loop, "loop"},
};

static const struct queue_guest_hostile hostile[] = {
    {"indirect", indirect, "descriptor 0 is indirect"},
    {"readable after writable", readable_after_writable, "descriptor 1 is readable after"},
    {"length 0", no_length, "descriptor 0 has length 0"},
    {"address 0", address_zero, "no shared area"},
    {"unknown area", unknown_area, "no shared area"},
    {"grant address", grant_address, "not granted to us"},
    {"one byte beyond the area", one_byte_too_far, "no shared area"},
    {"length of 4 GiB", length_wraps, "no shared area"},
    {"offset at the end of all", offset_wraps, "no shared area"},
    {"write to a read-only area", writes_to_read_only, "no writable area"},
    {"good descriptor, then a bad one", good_then_bad, "descriptor 1"},
};

static void names_what_is_wrong_in_a_chain(void)
{
    queue_guest_expect_faults(hostile, sizeof(hostile) / sizeof(hostile[0]), false, false);
}

static void names_what_is_wrong_in_a_split_ring(void)
{
    queue_guest_expect_faults(hostile_split, sizeof(hostile_split) / sizeof(hostile_split[0]), false, false);
}

static void names_what_is_wrong_in_a_packed_ring(void)
{
    queue_guest_expect_faults(hostile_packed, sizeof(hostile_packed) / sizeof(hostile_packed[0]), false, false);
}

static void refuses_an_id_that_is_in_use(void)
{
    struct chain *chain;

    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    queue_guest_offer(0);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.faults, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(g.fault_text, "in use"));
    queue_push(g.queue, chain, 1);
    queue_guest_end();
}

/* ---- of packed queues alone ---- */

/* A driver whose wrap counter is not ours waits for ever; nothing else happens. */
static void other_laps_are_not_available(void)
{
    static const uint16_t flags[] = {0, PACKED_USED, PACKED_AVAIL | PACKED_USED};

    queue_guest_start();
    for (unsigned i = 0; i < 3; i++) {
        put(0, 0, flags[i]);
        CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    }
    CU_ASSERT_EQUAL(g.faults, 0);
    put(0, 0, PACKED_AVAIL);
    queue_push(g.queue, queue_pop(g.queue), 0);
    expect_used(0, 0);
    queue_guest_end();
}

/* More descriptors than there are, while the device has them all. */
static void refuses_the_next_lap_of_a_full_ring(void)
{
    struct chain *chains[QUEUE_GUEST_SIZE];

    queue_guest_start();
    for (uint16_t i = 0; i < QUEUE_GUEST_SIZE; i++) {
        queue_guest_describe(i, queue_guest_data(i), 1, VRING_DESC_F_WRITE, 0);
        queue_guest_offer(i);
        chains[i] = queue_pop(g.queue);
        CU_ASSERT_PTR_NOT_NULL_FATAL(chains[i]);
    }
    queue_begin_batch(g.queue);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.faults, 0);
    put(0, 3, PACKED_USED);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.faults, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(g.fault_text, "descriptor 0 is one more than"));
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
        queue_push(g.queue, chains[i], 1);
    queue_guest_end();
}

/* Its size is any; of a chain's ids the last one counts, of unknown flags none. */
static void a_ring_of_five(void)
{
    struct queue_config config = queue_guest_config;
    struct chain *chain;

    queue_guest_start();
    queue_stop(g.queue);
    queue_clear(g.queue);
    config.size = 5;
    CU_ASSERT_FATAL(queue_enable(g.queue, g.memory, &config));
    for (uint32_t place = 0, round = 0; round < 100; round++, place = (place + 2) % 10) {
        uint32_t second = (place + 1) % 10;

        put(packed_slot(second, 5), round % 5, packed_available(second, 5) | 0x1000);
        put(packed_slot(place, 5), 77, packed_available(place, 5) | VRING_DESC_F_NEXT);
        queue_begin_batch(g.queue);
        chain = queue_pop(g.queue);
        CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
        queue_push(g.queue, chain, 0);
        CU_ASSERT_EQUAL(g.ring[packed_slot(place, 5)].flags, packed_used(place, 5));
        CU_ASSERT_EQUAL(g.ring[packed_slot(place, 5)].id, round % 5);
    }
    queue_guest_end();
}

static const struct test_case cases[] = {
    TEST(a_chain_goes_round),
    TEST(many_rounds_in_any_order),
    TEST(long_chains_in_any_order),
    TEST(the_driver_may_forbid_notifications),
    TEST(a_batch_ends),
    TEST(a_stopping_queue_leaves_the_guest_alone),
    TEST(areas_in_use_stay),
    TEST(refuses_bad_parameters),
    TEST(names_what_is_wrong_in_a_chain),
    TEST(refuses_an_id_that_is_in_use),
    {NULL, NULL},
};

static const struct test_case split_cases[] = {
    TEST(refuses_what_split_queues_may_not_have),
    TEST(names_what_is_wrong_in_a_split_ring),
    {NULL, NULL},
};

static const struct test_case packed_cases[] = {
    TEST(refuses_what_packed_queues_may_not_have),
    TEST(names_what_is_wrong_in_a_packed_ring),
    TEST(other_laps_are_not_available),
    TEST(refuses_the_next_lap_of_a_full_ring),
    TEST(a_ring_of_five),
    {NULL, NULL},
};

static const struct test_suite suites[] = {
    {"queue, split", cases, queue_guest_split},
    {"queue, packed", cases, queue_guest_packed},
    {"queue, split alone", split_cases, queue_guest_split},
    {"queue, packed alone", packed_cases, queue_guest_packed},
    {0},
};

int main(void)
{
    return test_main_suites(suites);
}
