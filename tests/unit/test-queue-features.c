/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Indirect descriptors and the event index, as the device sees them. */

#include <string.h>

#include "common/address.h"
#include "tests/harness.h"
#include "tests/unit/queue-guest.h"

#define TABLE_AT 0x2000u
#define ENTRY sizeof(struct vring_desc)

/* Entries of the indirect table that offer_table() offers. */
static void write_entry(unsigned index, uint64_t address, uint32_t length, uint16_t flags,
                        uint16_t next)
{
    queue_guest_describe_in(TABLE_AT, index, address, length, flags, next);
}

static uint64_t table_address(uint64_t offset)
{
    return address_of_area(QUEUE_GUEST_AREA, TABLE_AT + offset);
}

static void offer_table(unsigned entries)
{
    queue_guest_describe(0, table_address(0), (uint32_t)(entries * ENTRY), VRING_DESC_F_INDIRECT,
                         0);
    queue_guest_offer(0);
}

static void start(bool indirect, bool event_idx)
{
    queue_guest_start();
    queue_guest_negotiate(indirect, event_idx);
}

static void expect_used(uint32_t id, uint32_t length)
{
    uint32_t got_id = 77, got_length = 77;

    CU_ASSERT(queue_guest_take(&got_id, &got_length));
    CU_ASSERT_EQUAL(got_id, id);
    CU_ASSERT_EQUAL(got_length, length);
}

/* ---- indirect ---- */

static void an_indirect_chain_goes_round(void)
{
    struct chain *chain;
    char text[7];

    start(true, false);
    memcpy(g.area + QUEUE_GUEST_DATA, "request", 7);
    write_entry(0, queue_guest_data(0), 4, VRING_DESC_F_NEXT, 1);
    write_entry(1, queue_guest_data(4), 3, VRING_DESC_F_NEXT, 2);
    write_entry(2, queue_guest_data(64), 16, VRING_DESC_F_WRITE, 0);
    offer_table(3);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    /* What the guest does to the table now changes nothing. */
    memset(g.area + TABLE_AT, 0xff, 3 * ENTRY);
    CU_ASSERT_EQUAL(iov_size(&chain->out), 7);
    CU_ASSERT_EQUAL(iov_size(&chain->in), 16);
    CU_ASSERT_EQUAL(iov_take(&chain->out, text, sizeof(text)), 7);
    CU_ASSERT_NSTRING_EQUAL(text, "request", 7);
    queue_push(g.queue, chain, 5);
    expect_used(0, 5);
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

/* Split, the order of a table is that of its `next`s; packed, its entries follow each
 * other whatever flags they have but WRITE and INDIRECT. */
static void the_order_of_a_table(void)
{
    struct chain *chain;
    char text[7];

    start(true, false);
    memcpy(g.area + QUEUE_GUEST_DATA, "request", 7);
    if (queue_guest_is_packed()) {
        write_entry(0, queue_guest_data(0), 4, 0, 9);
        write_entry(1, queue_guest_data(4), 3, PACKED_USED, 9);
    } else {
        write_entry(0, queue_guest_data(0), 4, VRING_DESC_F_NEXT, 2);
        write_entry(2, queue_guest_data(4), 3, VRING_DESC_F_NEXT, 1);
    }
    write_entry(queue_guest_is_packed() ? 2 : 1, queue_guest_data(64), 16, VRING_DESC_F_WRITE, 0);
    offer_table(3);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_EQUAL(iov_take(&chain->out, text, sizeof(text)), 7);
    CU_ASSERT_NSTRING_EQUAL(text, "request", 7);
    CU_ASSERT_EQUAL(iov_size(&chain->in), 16);
    queue_push(g.queue, chain, 16);
    expect_used(0, 16);
    queue_guest_end();
}

/* Descriptors of the queue may come first, the table has no alignment to keep, and
 * WRITE in the descriptor that names it means nothing. */
static void a_table_ends_a_chain(void)
{
    struct chain *chain;

    start(true, false);
    queue_guest_describe(3, queue_guest_data(0), 4, VRING_DESC_F_NEXT, 6);
    queue_guest_describe(6, table_address(0) - 3, 2 * ENTRY,
                         VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
    write_entry(0, queue_guest_data(4), 1, VRING_DESC_F_NEXT, 1);
    write_entry(1, queue_guest_data(64), 9, VRING_DESC_F_WRITE, 0);
    memmove(g.area + TABLE_AT - 3, g.area + TABLE_AT, 2 * ENTRY);
    queue_guest_offer(3);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_EQUAL(iov_size(&chain->out), 5);
    CU_ASSERT_EQUAL(iov_size(&chain->in), 9);
    queue_push(g.queue, chain, 0);
    expect_used(3, 0);
    queue_guest_end();
}

/* As many pieces as the queue has entries, in each of its chains. */
static void the_longest_chains(void)
{
    struct chain *chains[QUEUE_GUEST_SIZE];

    start(true, true);
    for (uint16_t i = 0; i < QUEUE_GUEST_SIZE; i++)
        write_entry(i, queue_guest_data(i), 1,
                    VRING_DESC_F_WRITE | (i < QUEUE_GUEST_SIZE - 1 ? VRING_DESC_F_NEXT : 0),
                    (uint16_t)(i + 1));
    for (uint16_t i = 0; i < QUEUE_GUEST_SIZE; i++) {
        queue_guest_describe(i, table_address(0), QUEUE_GUEST_SIZE * ENTRY, VRING_DESC_F_INDIRECT,
                             0);
        queue_guest_offer(i);
    }
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++) {
        chains[i] = queue_pop(g.queue);
        CU_ASSERT_PTR_NOT_NULL_FATAL(chains[i]);
        CU_ASSERT_EQUAL(iov_size(&chains[i]->in), QUEUE_GUEST_SIZE);
    }
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
        queue_push(g.queue, chains[i], 1);
    queue_guest_end();
}

/* ---- what a driver may not put in a table ---- */

static void good_entries(void)
{
    for (uint16_t i = 0; i <= QUEUE_GUEST_SIZE; i++)
        write_entry(i, queue_guest_data(0), 1, VRING_DESC_F_NEXT, (uint16_t)(i + 1));
}

static void describe_table(uint64_t address, uint32_t length, uint16_t flags)
{
    good_entries();
    queue_guest_describe(0, address, length, VRING_DESC_F_INDIRECT | flags, 1);
    queue_guest_describe(1, queue_guest_data(0), 1, 0, 0);
    queue_guest_offer(0);
}

static void empty(void)
{
    describe_table(table_address(0), 0, 0);
}

static void odd_length(void)
{
    describe_table(table_address(0), ENTRY + 8, 0);
}

static void too_long(void)
{
    describe_table(table_address(0), (QUEUE_GUEST_SIZE + 1) * ENTRY, 0);
}

static void far_too_long(void)
{
    describe_table(table_address(0), UINT32_MAX - 15, 0);
}

static void address_zero(void)
{
    describe_table(0, ENTRY, 0);
}

static void unknown_area(void)
{
    describe_table(address_of_area(9, 0), ENTRY, 0);
}

static void leaves_the_area(void)
{
    describe_table(address_of_area(QUEUE_GUEST_AREA, QUEUE_GUEST_BYTES - ENTRY), 2 * ENTRY, 0);
}

static void offset_wraps(void)
{
    describe_table(address_of_area(QUEUE_GUEST_AREA, ADDRESS_OFFSET_MASK), ENTRY, 0);
}

static void with_next(void)
{
    describe_table(table_address(0), ENTRY, VRING_DESC_F_NEXT);
}

static void nested(void)
{
    write_entry(0, table_address(0), ENTRY, VRING_DESC_F_INDIRECT, 0);
    offer_table(1);
}

static void nested_behind_a_good_one(void)
{
    write_entry(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 1);
    write_entry(1, table_address(0), ENTRY, VRING_DESC_F_INDIRECT, 0);
    offer_table(2);
}

static void next_beyond_the_table(void)
{
    write_entry(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 2);
    write_entry(2, queue_guest_data(0), 1, 0, 0);
    offer_table(2);
}

static void loop_in_the_table(void)
{
    write_entry(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 1);
    write_entry(1, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 0);
    offer_table(2);
}

static void longer_than_the_queue(void)
{
    good_entries();
    write_entry(QUEUE_GUEST_SIZE - 1, queue_guest_data(0), 1, 0, 0);
    queue_guest_describe(4, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 5);
    queue_guest_describe(5, table_address(0), QUEUE_GUEST_SIZE * ENTRY, VRING_DESC_F_INDIRECT, 0);
    queue_guest_offer(4);
}

static void readable_after_writable(void)
{
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
    queue_guest_describe(1, table_address(0), ENTRY, VRING_DESC_F_INDIRECT, 0);
    write_entry(0, queue_guest_data(0), 1, 0, 0);
    queue_guest_offer(0);
}

static void no_length(void)
{
    write_entry(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 1);
    write_entry(1, queue_guest_data(0), 0, VRING_DESC_F_WRITE, 0);
    offer_table(2);
}

static void buffer_in_no_area(void)
{
    write_entry(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 1);
    write_entry(1, address_of_area(QUEUE_GUEST_AREA, QUEUE_GUEST_BYTES - 1), 2, 0, 0);
    offer_table(2);
}

static const struct queue_guest_hostile hostile[] = {
    {"no entries", empty, "table of 0 bytes"},
    {"half an entry", odd_length, "table of 24 bytes"},
    {"more entries than the queue", too_long, "table of 144 bytes is longer"},
    {"4 GiB of entries", far_too_long, "table of 4294967280 bytes is longer"},
    {"table at 0", address_zero, "no shared area"},
    {"table in an unknown area", unknown_area, "no shared area"},
    {"table beyond the area", leaves_the_area, "no shared area"},
    {"table at the end of all", offset_wraps, "no shared area"},
    {"INDIRECT with NEXT", with_next, "descriptor 0 is indirect and has a next"},
    {"indirect in indirect", nested, "indirect descriptor 0 is indirect itself"},
    {"the same, later", nested_behind_a_good_one, "indirect descriptor 1 is indirect itself"},
    {"chain longer than the queue", longer_than_the_queue, "indirect descriptor 7 makes a chain"},
    {"readable after writable", readable_after_writable, "indirect descriptor 0 is readable after"},
    {"length 0", no_length, "indirect descriptor 1 has length 0"},
    {"buffer in no area", buffer_in_no_area, "indirect descriptor 1: 2 bytes"},
};

static const struct queue_guest_hostile hostile_split[] = {
    {"next beyond the table", next_beyond_the_table, "indirect descriptor 2 is beyond"},
    {"loop in the table", loop_in_the_table, "the indirect descriptor chain at 0 is a loop"},
};

static void expect_faults(const struct queue_guest_hostile *list, size_t count)
{
    queue_guest_expect_faults(list, count, true, false);
    queue_guest_expect_faults(list, count, true, true);
}

static void names_what_is_wrong_in_a_table(void)
{
    expect_faults(hostile, sizeof(hostile) / sizeof(hostile[0]));
}

static void names_what_is_wrong_in_a_split_table(void)
{
    expect_faults(hostile_split, sizeof(hostile_split) / sizeof(hostile_split[0]));
}

static void indirect_has_to_be_negotiated(void)
{
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        start(false, event_idx);
        write_entry(0, queue_guest_data(0), 1, 0, 0);
        offer_table(1);
        CU_ASSERT_PTR_NULL(queue_pop(g.queue));
        CU_ASSERT_PTR_NOT_NULL(strstr(g.fault_text, "was not negotiated"));
        queue_guest_end();
    }
}

/* ---- event index ---- */

static struct chain *pop_one(void)
{
    struct chain *chain = queue_pop(g.queue);

    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    return chain;
}

static void describe_bytes(void)
{
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
        queue_guest_describe(i, queue_guest_data(i), 1, VRING_DESC_F_WRITE, 0);
}

/* The driver is asked for a notification only when there is nothing left to do. */
static void asks_when_it_found_nothing(void)
{
    start(false, true);
    describe_bytes();
    for (uint16_t i = 0; i < 3; i++)
        queue_guest_offer(i);
    for (unsigned i = 0; i < 3; i++) {
        queue_push(g.queue, pop_one(), 1);
        CU_ASSERT(!queue_guest_asked_for(i + 1));
    }
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT(queue_guest_asked_for(3));
    queue_guest_end();
}

/* A full batch comes again by itself. */
static void does_not_ask_after_a_full_batch(void)
{
    start(false, true);
    describe_bytes();
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++) {
        queue_guest_offer(0);
        queue_push(g.queue, pop_one(), 1);
    }
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT(!queue_guest_asked_for(QUEUE_GUEST_SIZE));
    queue_begin_batch(g.queue);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT(queue_guest_asked_for(QUEUE_GUEST_SIZE));
    queue_guest_end();
}

static void tells_at_the_place_asked_for(void)
{
    start(false, true);
    describe_bytes();
    if (!queue_guest_is_packed())
        queue_guest_forbid(); /* means nothing now */
    queue_guest_tell_at(2);
    for (uint16_t i = 0; i < 5; i++) {
        queue_guest_offer(i);
        queue_push(g.queue, pop_one(), 1);
        CU_ASSERT_EQUAL(g.told, i >= 2);
    }
    queue_guest_tell_at(5);
    queue_guest_offer(5);
    queue_push(g.queue, pop_one(), 1);
    CU_ASSERT_EQUAL(g.told, 2);
    queue_guest_end();
}

/* Both around the wrap: a driver that always listens hears of all. */
static void event_places_wrap(void)
{
    start(false, true);
    describe_bytes();
    for (unsigned i = 0; i < 0x10000 + 5; i++) {
        CU_ASSERT_PTR_NULL(queue_pop(g.queue));
        CU_ASSERT_FATAL(queue_guest_asked_for(i));
        queue_guest_tell_at(i);
        queue_guest_offer(i % QUEUE_GUEST_SIZE);
        queue_begin_batch(g.queue);
        queue_push(g.queue, pop_one(), 1);
        CU_ASSERT_EQUAL_FATAL(g.told, i + 1);
    }
    queue_guest_end();
}

static void without_it_the_places_mean_nothing(void)
{
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        start(indirect, false);
        describe_bytes();
        queue_guest_tell_at(6);
        queue_guest_offer(0);
        queue_push(g.queue, pop_one(), 1);
        CU_ASSERT_EQUAL(g.told, 1);
        CU_ASSERT_PTR_NULL(queue_pop(g.queue));
        CU_ASSERT(!queue_guest_asked_for(1));
        queue_guest_end();
    }
}

/* RESET_VQUEUE: what was negotiated stays, the rings start anew. */
static void a_cleared_queue_keeps_what_was_negotiated(void)
{
    start(true, true);
    describe_bytes();
    queue_guest_tell_at(0);
    queue_guest_offer(0);
    queue_push(g.queue, pop_one(), 1);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    queue_guest_restart();
    queue_guest_tell_at(0);
    write_entry(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    offer_table(1);
    queue_push(g.queue, pop_one(), 1);
    CU_ASSERT_EQUAL(g.told, 2);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT(queue_guest_asked_for(1));
    queue_guest_end();
}

/* ---- several at once ---- */

static void take_three(void)
{
    uint32_t id, length;

    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT(queue_guest_take(&id, &length));
        CU_ASSERT_EQUAL(id, i);
        CU_ASSERT_EQUAL(length, 5 * i);
    }
    CU_ASSERT(!queue_guest_take(&id, &length));
}

/* Whichever of them the driver waits for, it is told once, when all are there. */
static void several_come_back_as_one(void)
{
    const uint32_t written[3] = {0, 5, 10};
    struct chain *chains[3];

    for (uint16_t awaited = 0; awaited < 4; awaited++) {
        start(false, true);
        describe_bytes();
        g.on_used = take_three;
        queue_guest_tell_at(awaited);
        for (uint16_t i = 0; i < 3; i++) {
            queue_guest_offer(i);
            chains[i] = pop_one();
        }
        queue_push_together(g.queue, chains, written, 3);
        CU_ASSERT_EQUAL(g.told, awaited < 3);
        if (awaited == 3)
            take_three();
        CU_ASSERT(queue_idle(g.queue));
        queue_guest_end();
    }
}

static void several_end_a_stop(void)
{
    const uint32_t written[2] = {1, 1};
    struct chain *chains[2];
    uint32_t id, length;

    start(false, false);
    describe_bytes();
    for (uint16_t i = 0; i < 2; i++) {
        queue_guest_offer(i);
        chains[i] = pop_one();
    }
    queue_stop(g.queue);
    queue_push_together(g.queue, chains, written, 2);
    CU_ASSERT_EQUAL(g.idle, 1);
    CU_ASSERT(!queue_guest_take(&id, &length));
    queue_guest_end();
}

/* ---- of packed queues alone ---- */

/* What is asked for may lie in the middle of a chain; the flags come before it, and
 * whoever writes nonsense hears of everything. */
static void places_and_flags(void)
{
    static const struct {
        uint32_t event;
        bool told;
    } asked[] = {
        {0, true},
        {VRING_PACKED_EVENT_FLAG_DISABLE << PACKED_EVENT_FLAGS_SHIFT, false},
        {1 | PACKED_EVENT_WRAP | VRING_PACKED_EVENT_FLAG_DISABLE << PACKED_EVENT_FLAGS_SHIFT,
         false},
        {3u << PACKED_EVENT_FLAGS_SHIFT, true},
        {2 | PACKED_EVENT_WRAP | VRING_PACKED_EVENT_FLAG_DESC << PACKED_EVENT_FLAGS_SHIFT, true},
        {3 | PACKED_EVENT_WRAP | VRING_PACKED_EVENT_FLAG_DESC << PACKED_EVENT_FLAGS_SHIFT, false},
        {2 | VRING_PACKED_EVENT_FLAG_DESC << PACKED_EVENT_FLAGS_SHIFT, false},
        {QUEUE_GUEST_SIZE | VRING_PACKED_EVENT_FLAG_DESC << PACKED_EVENT_FLAGS_SHIFT, true},
        {UINT16_MAX | VRING_PACKED_EVENT_FLAG_DESC << PACKED_EVENT_FLAGS_SHIFT, true},
    };

    for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        start(false, true);
        for (uint16_t j = 0; j < 3; j++)
            queue_guest_describe(j, queue_guest_data(j), 1, j < 2 ? VRING_DESC_F_NEXT : 0,
                                 (uint16_t)(j + 1));
        *g.driver_event = asked[i].event;
        queue_guest_offer(0);
        queue_push(g.queue, pop_one(), 0);
        CU_ASSERT_EQUAL(g.told, asked[i].told);
        queue_guest_end();
    }
}

static const struct test_case cases[] = {
    TEST(an_indirect_chain_goes_round),
    TEST(the_order_of_a_table),
    TEST(a_table_ends_a_chain),
    TEST(the_longest_chains),
    TEST(names_what_is_wrong_in_a_table),
    TEST(indirect_has_to_be_negotiated),
    TEST(asks_when_it_found_nothing),
    TEST(does_not_ask_after_a_full_batch),
    TEST(tells_at_the_place_asked_for),
    TEST(event_places_wrap),
    TEST(without_it_the_places_mean_nothing),
    TEST(a_cleared_queue_keeps_what_was_negotiated),
    TEST(several_come_back_as_one),
    TEST(several_end_a_stop),
    {NULL, NULL},
};

static const struct test_case split_cases[] = {
    TEST(names_what_is_wrong_in_a_split_table),
    {NULL, NULL},
};

static const struct test_case packed_cases[] = {
    TEST(places_and_flags),
    {NULL, NULL},
};

static const struct test_suite suites[] = {
    {"queue-features, split", cases, queue_guest_split},
    {"queue-features, packed", cases, queue_guest_packed},
    {"queue-features, split alone", split_cases, queue_guest_split},
    {"queue-features, packed alone", packed_cases, queue_guest_packed},
    {0},
};

int main(void)
{
    return test_main_suites(suites);
}
