/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* How long a worker looks for work before it sleeps, and how little it may waste. */

#include "backend/poller.h"
#include "tests/harness.h"

#define US UINT64_C(1000)
#define MAX (200 * US)
#define SECOND UINT64_C(1000000000)

/* One sleep at *now that looks as long as it may; work comes after `gap`. Returns what
 * was spent on looking for nothing. */
static uint64_t one_sleep(struct poller *poller, uint64_t *now, uint64_t gap)
{
    uint64_t allowed = poller_wants(poller) ? poller_begin(poller, *now) : 0;
    bool found = gap < allowed;
    uint64_t took = found ? gap : allowed;

    if (found)
        poller_found(poller);
    else if (allowed)
        poller_missed(poller, *now + took, took);
    *now += gap;
    return found ? 0 : took;
}

static uint64_t wasted(struct poller *poller, uint64_t *now, uint64_t gap)
{
    uint64_t end = *now + SECOND, spent = 0;

    while (*now < end)
        spent += one_sleep(poller, now, gap);
    return spent;
}

static void off_is_off(void)
{
    struct poller poller;
    uint64_t now = SECOND;

    poller_init(&poller, 0);
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_FALSE(poller_wants(&poller));
        one_sleep(&poller, &now, US);
    }
}

static void it_goes_on_while_it_helps(void)
{
    struct poller poller;
    uint64_t now = SECOND;

    poller_init(&poller, MAX);
    CU_ASSERT_EQUAL(wasted(&poller, &now, 20 * US), 0);
    CU_ASSERT(poller_wants(&poller));
    CU_ASSERT_EQUAL(poller_begin(&poller, now), MAX);
}

/* One whose answers take most of the time there is, and now and then longer. */
static void being_late_once_ends_nothing(void)
{
    struct poller poller;
    uint64_t now = SECOND;

    poller_init(&poller, MAX);
    for (int i = 0; i < 100; i++) {
        CU_ASSERT(one_sleep(&poller, &now, 2 * MAX) > 0);
        for (int n = 0; n < 20; n++)
            CU_ASSERT_EQUAL(one_sleep(&poller, &now, MAX - MAX / 8), 0);
    }
}

static void it_stops_when_it_does_not_help(void)
{
    struct poller poller;
    uint64_t now = SECOND;
    unsigned looks = 0;

    poller_init(&poller, MAX);
    for (int i = 0; i < 320; i++)
        looks += one_sleep(&poller, &now, 10 * MAX) > 0;
    /* The first few, and an attempt now and then that is given up as quickly. */
    CU_ASSERT(looks > 0);
    CU_ASSERT(looks < 100);
}

static void it_comes_back_when_it_helps_again(void)
{
    struct poller poller;
    uint64_t now = SECOND;
    unsigned sleeps = 0;

    poller_init(&poller, MAX);
    wasted(&poller, &now, 10 * MAX);
    while (!poller_wants(&poller))
        sleeps++;
    CU_ASSERT(sleeps > 8);
    CU_ASSERT(sleeps < 64);
    CU_ASSERT_EQUAL(wasted(&poller, &now, MAX / 8), 0);
}

/* Whatever the guest's rhythm, and the worst one chosen for each moment. */
static void an_eighth_is_the_most(void)
{
    for (uint64_t gap = US; gap < 100 * MAX; gap += gap / 3 + 1) {
        struct poller poller;
        uint64_t now = SECOND;

        poller_init(&poller, MAX);
        CU_ASSERT(wasted(&poller, &now, gap) <= SECOND / 8 + SECOND / 80 + MAX);
    }
}

static void a_guest_that_just_misses_costs_no_more(void)
{
    struct poller poller;
    uint64_t now = SECOND, spent = 0;

    poller_init(&poller, MAX);
    while (now < 2 * SECOND) {
        uint64_t allowed = poller_wants(&poller) ? poller_begin(&poller, now) : 0;
        /* Pleases it once, so that it looks long again, then comes too late. */
        if (poller.missed == 3 && allowed)
            one_sleep(&poller, &now, allowed - 1);
        else
            spent += one_sleep(&poller, &now, MAX + US);
    }
    CU_ASSERT(spent <= SECOND / 8 + SECOND / 80 + MAX);
}

/* ---- looking ---- */

/* A machine on which looks take what is said, and asking for the time as well. */
struct machine {
    struct platform platform; /* first, so that one is the other */
    uint64_t now;
    uint64_t look_ns;
    unsigned readings;
    uint64_t found_at; /* 0: never */
};

static uint64_t read_clock(struct platform *platform)
{
    struct machine *machine = (struct machine *)platform;

    machine->readings++;
    return machine->now;
}

static const struct platform_ops machine_ops = {.now = read_clock};

static unsigned look(void *user)
{
    struct machine *machine = user;

    machine->now += machine->look_ns;
    return machine->found_at && machine->now >= machine->found_at;
}

static struct machine machine_of(uint64_t look_ns)
{
    return (struct machine){
        .platform.ops = &machine_ops, .now = SECOND, .look_ns = look_ns};
}

/* Reading the clock may cost as much as a hundred looks. */
static void the_clock_is_read_now_and_then(void)
{
    for (uint64_t look_ns = 10; look_ns < 2 * US; look_ns *= 2) {
        struct machine machine = machine_of(look_ns);
        struct poller poller;

        poller_init(&poller, MAX);
        CU_ASSERT_EQUAL(poller_look(&poller, &machine.platform, look, &machine), 0);
        CU_ASSERT(machine.readings <= 12);
        CU_ASSERT(machine.now - SECOND >= MAX);
        /* As many as there were before the clock was read at all, and as between two. */
        CU_ASSERT(machine.now - SECOND <= MAX + 2 * 65 * look_ns);
    }
}

static void what_comes_is_found_at_once(void)
{
    struct machine machine = machine_of(100);
    struct poller poller;

    machine.found_at = SECOND + MAX / 2 + 1;
    poller_init(&poller, MAX);
    CU_ASSERT_EQUAL(poller_look(&poller, &machine.platform, look, &machine), 1);
    CU_ASSERT(machine.now < machine.found_at + machine.look_ns);
    CU_ASSERT(poller_wants(&poller));
}

static const struct test_case cases[] = {
    TEST(the_clock_is_read_now_and_then),
    TEST(what_comes_is_found_at_once),
    TEST(off_is_off),
    TEST(it_goes_on_while_it_helps),
    TEST(being_late_once_ends_nothing),
    TEST(it_stops_when_it_does_not_help),
    TEST(it_comes_back_when_it_helps_again),
    TEST(an_eighth_is_the_most),
    TEST(a_guest_that_just_misses_costs_no_more),
    {NULL, NULL},
};

int main(void)
{
    return test_main("poller", cases);
}
