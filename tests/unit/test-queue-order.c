/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Queues that give chains back in the order in which they came, see queue_set_resume(). */

#include <linux/virtio_ring.h>

#include "common/address.h"
#include "tests/harness.h"
#include "tests/unit/queue-guest.h"

#define CHAINS 4u

static struct chain *chains[CHAINS];

/* An ordered queue, and `chains` from it, the first with a buffer at this address; the id of
 * each is its index. */
static void start_at(uint64_t first)
{
    queue_guest_start();
    queue_stop(g.queue);
    queue_clear(g.queue);
    queue_set_resume(g.queue, true);
    CU_ASSERT_FATAL(queue_enable(g.queue, g.memory, &queue_guest_config));
    queue_begin_batch(g.queue);
    for (unsigned i = 0; i < CHAINS; i++) {
        queue_guest_describe(i, i ? queue_guest_data(i) : first, 1, VRING_DESC_F_WRITE, 0);
        queue_guest_offer((uint16_t)i);
    }
    for (unsigned i = 0; i < CHAINS; i++) {
        chains[i] = queue_pop(g.queue);
        CU_ASSERT_PTR_NOT_NULL_FATAL(chains[i]);
    }
}

static void start(void)
{
    start_at(queue_guest_data(0));
}

/* As many as that come back now, in order from `first`, each with its number as length. */
static void expect_back(unsigned first, unsigned count)
{
    uint32_t id, length;

    for (unsigned i = first; i < first + count; i++) {
        CU_ASSERT(queue_guest_take(&id, &length));
        CU_ASSERT_EQUAL(id, i);
        CU_ASSERT_EQUAL(length, i);
    }
    CU_ASSERT(!queue_guest_take(&id, &length));
}

static void push(unsigned i)
{
    queue_push(g.queue, chains[i], i);
}

static void who_is_done_early_waits_for_those_before(void)
{
    start();
    push(2);
    push(1);
    expect_back(0, 0);
    CU_ASSERT_EQUAL(g.told, 0);
    push(0);
    expect_back(0, 3);
    CU_ASSERT_EQUAL(g.told, 1);
    push(3);
    expect_back(3, 1);
    CU_ASSERT(queue_idle(g.queue));
    queue_guest_end();
}

static void push_both(unsigned i, unsigned j)
{
    const uint32_t written[] = {i, j};

    queue_push_together(g.queue, (struct chain *[]){chains[i], chains[j]}, written, 2);
}

static void what_was_pushed_together_is_seen_together(void)
{
    start();
    push_both(1, 2);
    expect_back(0, 0);
    push(0);
    expect_back(0, 3);
    CU_ASSERT_EQUAL(g.told, 1);
    push(3);
    queue_guest_end();
}

/* Those that ended in one turn, as they ended. */
static void nobody_waits_for_those_behind(void)
{
    start();
    push_both(3, 1);
    expect_back(0, 0);
    push_both(2, 0);
    expect_back(0, 4);
    CU_ASSERT(queue_idle(g.queue));
    queue_guest_end();

    start();
    push_both(3, 0);
    expect_back(0, 1);
    push_both(2, 1);
    expect_back(1, 3);
    CU_ASSERT(queue_idle(g.queue));
    queue_guest_end();
}

static void a_queue_that_stops_is_idle_when_all_are_back(void)
{
    start();
    push(3);
    queue_stop(g.queue);
    push(1);
    push(2);
    CU_ASSERT(!queue_idle(g.queue));
    CU_ASSERT_EQUAL(g.idle, 0);
    push(0);
    CU_ASSERT(queue_idle(g.queue));
    CU_ASSERT_EQUAL(g.idle, 1);
    expect_back(0, 0);
    queue_clear(g.queue);
    queue_guest_end();
}

/* Where that is, others would take its place in the used ring. */
static void behind_what_did_not_reach_the_guest_nothing_does(void)
{
    start_at(address_of_grant(9999, 0));
    queue_push(g.queue, chains[0], 1);
    push(1);
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.faults, 1);
    push(2);
    queue_flush(g.queue);
    expect_back(0, 0);
    push(3);
    CU_ASSERT(queue_idle(g.queue));
    queue_guest_end();
}

static const struct test_case cases[] = {
    TEST(who_is_done_early_waits_for_those_before),
    TEST(what_was_pushed_together_is_seen_together),
    TEST(nobody_waits_for_those_behind),
    TEST(a_queue_that_stops_is_idle_when_all_are_back),
    TEST(behind_what_did_not_reach_the_guest_nothing_does),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue-order", cases);
}
