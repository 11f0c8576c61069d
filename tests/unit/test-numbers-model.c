/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A million random steps of device numbers, on a store that survives its
 * daemons, against a plain model: what is given, taken, used and released, by
 * daemons that end and die before any call, while time passes and the wire form
 * changes. The compact form has few numbers, so that it goes round all the time
 * and is often exhausted.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/numbers.h"
#include "common/store.h"
#include "tests/harness.h"
#include "tests/unit/memory-store.h"

#define BUS "/bus"
#define STEPS 250000u /* of each of four cases */
#define SPACE_MAX 64
#define HELD_MAX 96
#define CALLS_MAX 24 /* no transaction here makes more */
#define SECOND UINT64_C(1000000000)

/* ---- the model: no store, no nodes, no forms of text ---- */

enum state { FREE, TAKEN, IN_USE };

struct number {
    enum state state;
    bool released;     /* ever */
    uint64_t sequence; /* of its last release */
    uint64_t at;       /* and when */
};

/* Numbers somebody has, in no order. */
struct held {
    uint64_t list[HELD_MAX];
    size_t count;
};

static struct {
    uint64_t space;
    struct quarantine quarantine;
    uint64_t counter;
    bool compact;
    uint64_t releases;
    struct number numbers[SPACE_MAX + 1]; /* of the compact form */
    struct held taken;
    struct held in_use;
} model;

static struct {
    uint64_t taken, exhausted, again, deaths, restarts;
    size_t most_nodes;
} seen;

static struct memory_store store;
static struct numbers numbers;
static uint64_t seed;

static uint64_t random_below(uint64_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

/* By the rule, in whole seconds of the clock. */
static bool quarantined(const struct number *n)
{
    uint64_t seconds = store.now / SECOND - n->at / SECOND;

    return n->released && (model.releases - n->sequence - 1 < model.quarantine.count ||
                           (model.quarantine.seconds && seconds <= model.quarantine.seconds));
}

/* The number to be given next, and the counter that gives it; 0: none is free. */
static uint64_t expected(uint64_t *counter)
{
    *counter = model.counter;
    if (model.counter <= model.space || !model.compact)
        return model.counter;
    for (uint64_t i = 0; i < model.space; i++, (*counter)++) {
        uint64_t number = 1 + (*counter - 1) % model.space;

        if (model.numbers[number].state == FREE && !quarantined(&model.numbers[number]))
            return number;
    }
    return 0;
}

/* What must hold for a number that is given, whoever chose it. */
static void check_given(uint64_t number)
{
    if (number > model.space) {
        CU_ASSERT_EQUAL_FATAL(number, model.counter); /* which only grows */
        return;
    }

    const struct number *n = &model.numbers[number];

    CU_ASSERT_EQUAL_FATAL(n->state, FREE);
    if (!n->released)
        return;
    seen.again++;
    CU_ASSERT_FATAL(model.releases - n->sequence - 1 >= model.quarantine.count);
    CU_ASSERT_FATAL(store.now - n->at >= model.quarantine.seconds * SECOND);
}

static void set_state(uint64_t number, enum state state)
{
    if (number <= model.space)
        model.numbers[number].state = state;
}

static void note_taken(uint64_t number, uint64_t counter)
{
    check_given(number);
    model.counter = counter + 1;
    set_state(number, TAKEN);
    model.taken.list[model.taken.count++] = number;
    seen.taken++;
}

static uint64_t drop(struct held *held, size_t which)
{
    uint64_t number = held->list[which];

    held->list[which] = held->list[--held->count];
    return number;
}

static void note_released(uint64_t number)
{
    uint64_t sequence = model.releases++;

    if (number <= model.space)
        model.numbers[number] = (struct number){
            .released = true, .sequence = sequence, .at = store.now};
}

/* A new daemon releases what its predecessor took, the lowest first. */
static void note_start(void)
{
    while (model.taken.count) {
        size_t lowest = 0;

        for (size_t i = 1; i < model.taken.count; i++)
            if (model.taken.list[i] < model.taken.list[lowest])
                lowest = i;
        note_released(drop(&model.taken, lowest));
    }
}

/* ---- the same with the store, each in one transaction ---- */

static int commit(int (*body)(struct platform *p, platform_tx tx, void *user), void *user)
{
    return store_transaction(&store.base, body, user);
}

static struct store_path device(uint64_t number)
{
    return store_path(BUS "/device/%" PRIu64, number);
}

static int take_body(struct platform *p, platform_tx tx, void *user)
{
    char why[WHY_SIZE];

    (void)p;
    return numbers_take(&numbers, tx, "disk", user, why);
}

static int use_body(struct platform *p, platform_tx tx, void *user)
{
    const uint64_t *number = user;

    if (numbers_use(&numbers, tx, *number) < 0)
        return -1;
    return p->ops->xs_mkdir(p, tx, device(*number).text);
}

static int give_back_body(struct platform *p, platform_tx tx, void *user)
{
    (void)p;
    return numbers_give_back(&numbers, tx, *(const uint64_t *)user);
}

static int release_body(struct platform *p, platform_tx tx, void *user)
{
    const uint64_t *number = user;

    if (p->ops->xs_remove(p, tx, device(*number).text) < 0)
        return -1;
    return numbers_release(&numbers, tx, *number);
}

static int start_body(struct platform *p, platform_tx tx, void *user)
{
    (void)p;
    (void)user;
    return numbers_start(&numbers, tx);
}

static int form_body(struct platform *p, platform_tx tx, void *user)
{
    (void)p;
    return numbers_note_form(&numbers, tx, *(const bool *)user ? MSG_COMPACT : MSG_WIDE);
}

/* ---- steps: the model follows what was committed ---- */

static void step_take(void)
{
    uint64_t counter, number = 0, next = expected(&counter);

    if (model.taken.count + model.in_use.count == HELD_MAX)
        return;
    if (commit(take_body, &number) == 0) {
        CU_ASSERT_EQUAL_FATAL(number, next);
    } else if (!store.dead) {
        CU_ASSERT_EQUAL_FATAL(errno, ENOSPC);
        CU_ASSERT_EQUAL_FATAL(next, 0);
        seen.exhausted++;
    }
    if (store.committed)
        note_taken(next, counter);
}

static void step_use(void)
{
    size_t which = random_below(model.taken.count);

    commit(use_body, &model.taken.list[which]);
    CU_ASSERT_FATAL(store.committed || store.dead);
    if (!store.committed)
        return;

    uint64_t number = drop(&model.taken, which);

    set_state(number, IN_USE);
    model.in_use.list[model.in_use.count++] = number;
}

static void step_end(struct held *held,
                     int (*body)(struct platform *p, platform_tx tx, void *user))
{
    size_t which = random_below(held->count);

    commit(body, &held->list[which]);
    CU_ASSERT_FATAL(store.committed || store.dead);
    if (store.committed)
        note_released(drop(held, which));
}

static void step_start(void)
{
    numbers = (struct numbers){
        .platform = &store.base,
        .bus = BUS,
        .space = model.space,
        .quarantine = model.quarantine,
    };
    commit(start_body, NULL);
    CU_ASSERT_FATAL(store.committed || store.dead);
    if (store.committed)
        note_start();
    seen.restarts++;
}

static void step_form(void)
{
    bool compact = random_below(8) != 0;

    commit(form_body, &compact);
    if (store.committed)
        model.compact = compact;
}

static void act(void)
{
    uint64_t what = random_below(100);

    if (what < 1)
        step_start();
    else if (what < 2)
        step_form();
    else if (what < 30 && model.taken.count)
        step_use();
    else if (what < 34 && model.taken.count)
        step_end(&model.taken, give_back_body);
    else if (what < 60 && model.in_use.count)
        step_end(&model.in_use, release_body);
    else
        step_take();
}

static void step(void)
{
    if (random_below(4) == 0)
        store.now += random_below(2 * SECOND);
    if (random_below(16) == 0) {
        store.calls_left = 1 + (unsigned)random_below(CALLS_MAX);
        store.commits_at_last = random_below(2);
    }
    act();
    while (store.dead) {
        memory_store_revive(&store);
        seen.deaths++;
        step_start();
    }
    store.calls_left = 0;
}

/* ---- whole runs ---- */

static size_t count(const char *path)
{
    size_t nodes = 0;

    free(store.base.ops->xs_list(&store.base, PLATFORM_NO_TX, path, &nodes));
    return nodes;
}

/* What the store holds is what the model says, no more and no less. */
static void compare(void)
{
    uint64_t next;
    size_t nodes = count(BUS "/released");

    CU_ASSERT_EQUAL(count(BUS "/device"), model.in_use.count);
    CU_ASSERT_EQUAL(count(BUS "/taken"), model.taken.count);
    for (size_t i = 0; i < model.in_use.count; i++)
        CU_ASSERT(store_exists(&store.base, PLATFORM_NO_TX, device(model.in_use.list[i]).text));
    CU_ASSERT_EQUAL(store_read_u64(&store.base, PLATFORM_NO_TX, BUS, "device-number-next", 1,
                                   UINT64_MAX, &next), 0);
    CU_ASSERT_EQUAL(next, model.counter);
    if (nodes > seen.most_nodes)
        seen.most_nodes = nodes;
}

static void run(uint64_t space, uint32_t quarantine_count, uint32_t quarantine_seconds)
{
    memset(&model, 0, sizeof(model));
    memset(&seen, 0, sizeof(seen));
    model.space = space;
    model.quarantine = (struct quarantine){quarantine_count, quarantine_seconds};
    model.counter = 1;
    seed = 88172645463325252u + space;
    memory_store_open(&store);
    step_start();
    for (unsigned i = 0; i < STEPS; i++) {
        step();
        if (i % 1000 == 0)
            compare();
    }
    compare();
    printf("# %" PRIu64 " taken, %" PRIu64 " of them again, %" PRIu64 " times exhausted, %" PRIu64
           " deaths, %" PRIu64 " starts, at most %zu nodes of releases\n",
           seen.taken, seen.again, seen.exhausted, seen.deaths, seen.restarts, seen.most_nodes);
    /* It went where it was meant to go. */
    CU_ASSERT(seen.again > STEPS / 100);
    CU_ASSERT(seen.exhausted > STEPS / 1000);
    CU_ASSERT(seen.deaths > STEPS / 100);
    memory_store_close(&store);
}

static void few_numbers_and_little_quarantine(void)
{
    run(8, 2, 1);
}

static void few_numbers_and_much_quarantine(void)
{
    run(16, 12, 5);
}

static void quarantine_by_count_alone(void)
{
    run(24, 8, 0);
}

static void quarantine_over_several_nodes(void)
{
    run(SPACE_MAX, 40, 20);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(few_numbers_and_little_quarantine),
        TEST(few_numbers_and_much_quarantine),
        TEST(quarantine_by_count_alone),
        TEST(quarantine_over_several_nodes),
        {NULL, NULL},
    };

    return test_main("numbers against a model", cases);
}
