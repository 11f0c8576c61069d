/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Room for copies, of which a guest has so much: who waits for it, and who has it next. */

#include <linux/virtio_ring.h>

#include "tests/harness.h"
#include "tests/unit/grants.h"

/* Takes all but 8 of the pages the guest may have, as the areas have 8. */
static void ask_for_much(const struct grant *grant)
{
    const uint32_t pages = QUEUE_GUEST_MAX_PAGES - 16;

    queue_guest_describe(0, grants_at(grant, 0), 16, VRING_DESC_F_NEXT, 1);
    queue_guest_describe(1, grants_at(grant, 16), pages * PAGE - 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
}

/* That request under way, and one that waits for its room. */
static struct chain *start_short_of_room(struct grant *grant)
{
    struct chain *chain;

    queue_guest_start();
    *grant = grants_share(0, true);
    ask_for_much(grant);
    queue_guest_describe(2, grants_at(grant, 0), 9 * PAGE, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(2);
    chain = grants_pop();
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    return chain;
}

static void a_request_waits_for_room(void)
{
    struct grant grant;
    struct chain *chain = start_short_of_room(&grant);

    CU_ASSERT_EQUAL(g.faults, 0);
    grants_answer(chain);
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.used->idx, 1);
    /* Once for the answer, once more because there is room now. */
    CU_ASSERT_EQUAL(g.attended, 2);
    queue_push(g.queue, grants_pop(), 0);
    CU_ASSERT_EQUAL(g.used->idx, 2);
    CU_ASSERT_EQUAL(g.used->ring[1].id, 2);
    queue_guest_end();
}

static void who_waits_for_room_can_be_stopped(void)
{
    struct grant grant;
    struct chain *chain = start_short_of_room(&grant);

    queue_stop(g.queue);
    grants_answer(chain);
    CU_ASSERT(queue_idle(g.queue));
    CU_ASSERT_EQUAL(g.attended, 0);
    queue_guest_end();
}

/* Two queues that wait would wake each other for ever, each with the table that it
 * reads before it finds that there is still no room. */
static void a_table_that_goes_makes_no_room(void)
{
    struct iovec piece = {.iov_len = 32};
    struct memory_copy *table;
    struct grant grant;
    struct chain *chain = start_short_of_room(&grant);

    table = memory_copy_table(g.memory, &piece, grants_at(&grant, 0));
    CU_ASSERT_PTR_NOT_NULL_FATAL(table);
    memory_copy_free(table);
    CU_ASSERT_EQUAL(g.attended, 0);
    queue_stop(g.queue);
    queue_push(g.queue, chain, 0);
    queue_guest_end();
}

/* Somebody who always wants more, of which there is enough for one at a time. */
struct eater {
    struct memory_waiter waiter;
    struct memory_copy *copy;
    unsigned served;
};

static struct grant meal;

static void eat(struct memory_waiter *waiter)
{
    struct eater *eater = (struct eater *)waiter;
    struct iovec piece = {.iov_len = (QUEUE_GUEST_MAX_PAGES / 2) * PAGE};
    uint64_t address = grants_at(&meal, 0);
    struct memory_copy *copy = memory_copy_new(g.memory, &piece, &address, 0, 1);

    if (copy) {
        eater->copy = copy;
        eater->served++;
        memory_wait_no_more(g.memory, waiter);
    }
    memory_wait(g.memory, waiter);
}

static void who_waits_longest_has_room_first(void)
{
    struct eater eaters[3] = {0};

    queue_guest_start();
    meal = grants_share(0, true);
    for (unsigned i = 0; i < 3; i++) {
        eaters[i].waiter.again = eat;
        eat(&eaters[i].waiter);
    }
    for (unsigned round = 0; round < 30; round++) {
        struct memory_copy *copy = NULL;

        for (unsigned i = 0; i < 3; i++) {
            if (!eaters[i].copy)
                continue;
            copy = eaters[i].copy;
            eaters[i].copy = NULL;
        }
        memory_copy_free(copy);
    }
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT(eaters[i].served >= 10);
        memory_wait_no_more(g.memory, &eaters[i].waiter);
        memory_copy_free(eaters[i].copy);
    }
    queue_guest_end();
}

static const struct test_case cases[] = {
    TEST(a_request_waits_for_room),
    TEST(who_waits_for_room_can_be_stopped),
    TEST(a_table_that_goes_makes_no_room),
    TEST(who_waits_longest_has_room_first),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue-room", cases);
}
