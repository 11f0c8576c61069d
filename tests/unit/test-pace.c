/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* How long looking pays: whatever is measured, it stays within what was asked for. */

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/pace.h"
#include "tests/harness.h"

/* A time of our own, in which only these two take any; while `clock_ns` is 0, the real one. */
static uint64_t clock_ns, call_ns, time_ns;

int clock_gettime(clockid_t id, struct timespec *t)
{
    if (!clock_ns)
        return (int)syscall(SYS_clock_gettime, id, t);
    time_ns += clock_ns;
    t->tv_sec = (time_t)(time_ns / 1000000000);
    t->tv_nsec = (long)(time_ns % 1000000000);
    return 0;
}

pid_t getppid(void)
{
    time_ns += call_ns;
    return 1;
}

static void a_sleep_costs_what_may_be(void)
{
    uint64_t cost = pace_sleep(50000, 1000000);

    CU_ASSERT(cost >= 50000 && cost <= 1000000);
    CU_ASSERT_EQUAL(pace_sleep(7, 7), 7);
    CU_ASSERT(pace_sleep(0, UINT64_MAX) > 0);
}

/* In some guests reading the clock takes as long as several calls. */
static void a_slow_clock_is_not_taken_for_a_slow_machine(void)
{
    uint64_t cost;

    call_ns = 1000;
    clock_ns = 1;
    cost = pace_sleep(0, UINT64_MAX);
    clock_ns = 100000;
    CU_ASSERT_EQUAL(pace_sleep(0, UINT64_MAX), cost);
    call_ns = 2000;
    CU_ASSERT_EQUAL(pace_sleep(0, UINT64_MAX), 2 * cost);
    clock_ns = call_ns = 0;
}

static void looks_are_at_least_as_many_as_wanted(void)
{
    CU_ASSERT_EQUAL(pace_looks(0, 2000), 2000);
    CU_ASSERT(pace_looks(1000000000, 1) > 1);
}

static const struct test_case cases[] = {
    TEST(a_sleep_costs_what_may_be),
    TEST(a_slow_clock_is_not_taken_for_a_slow_machine),
    TEST(looks_are_at_least_as_many_as_wanted),
    {NULL, NULL},
};

int main(void)
{
    return test_main("pace", cases);
}
