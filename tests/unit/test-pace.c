/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* How long looking pays: whatever is measured, it stays within what was asked for. */

#include "common/pace.h"
#include "tests/harness.h"

static void a_sleep_costs_what_may_be(void)
{
    uint64_t cost = pace_sleep(50000, 1000000);

    CU_ASSERT(cost >= 50000 && cost <= 1000000);
    CU_ASSERT_EQUAL(pace_sleep(7, 7), 7);
    CU_ASSERT(pace_sleep(0, UINT64_MAX) > 0);
}

static void looks_are_at_least_as_many_as_wanted(void)
{
    CU_ASSERT_EQUAL(pace_looks(0, 2000), 2000);
    CU_ASSERT(pace_looks(1000000000, 1) > 1);
}

static const struct test_case cases[] = {
    TEST(a_sleep_costs_what_may_be),
    TEST(looks_are_at_least_as_many_as_wanted),
    {NULL, NULL},
};

int main(void)
{
    return test_main("pace", cases);
}
