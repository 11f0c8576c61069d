/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Device numbers: what happens to the counter when others write, or calls fail. */

#include <errno.h>
#include <stdlib.h>

#include "backend/numbers.h"
#include "common/store.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

#define BUS "/bus"

static struct fake_xen *fx;
static struct platform *p;
static struct numbers numbers;

static void set_up(void)
{
    fx = fake_xen_new();
    p = fake_xen_domain(fx, 0);
    numbers = (struct numbers){.platform = p, .owner = 0, .bus = BUS};
    CU_ASSERT_EQUAL(p->ops->xs_mkdir(p, PLATFORM_NO_TX, BUS), 0);
}

static void tear_down(void)
{
    platform_close(p);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static int take_body(struct platform *unused, platform_tx tx, void *user)
{
    (void)unused;
    return numbers_take(&numbers, tx, user);
}

/* 0 with errno when none was given. */
static uint64_t take(void)
{
    uint64_t number;

    return store_transaction(p, take_body, &number) == 0 ? number : 0;
}

static void numbers_grow_from_one(void)
{
    set_up();
    for (uint64_t i = 1; i <= 100; i++)
        CU_ASSERT_EQUAL(take(), i);
    tear_down();
}

static void the_last_number_is_given_and_then_none(void)
{
    set_up();
    store_write_u64(p, PLATFORM_NO_TX, BUS, "device-number-next", UINT64_MAX - 1);
    CU_ASSERT_EQUAL(take(), UINT64_MAX - 1);
    CU_ASSERT_EQUAL(take(), 0);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    tear_down();
}

static void two_takers_never_get_the_same(void)
{
    platform_tx first, second;
    uint64_t a = 0, b = 0;

    set_up();
    p->ops->xs_begin(p, &first);
    p->ops->xs_begin(p, &second);
    CU_ASSERT_EQUAL(numbers_take(&numbers, first, &a), 0);
    CU_ASSERT_EQUAL(numbers_take(&numbers, second, &b), 0);
    CU_ASSERT_EQUAL(p->ops->xs_end(p, first, false), 0);
    CU_ASSERT_EQUAL(p->ops->xs_end(p, second, false), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    CU_ASSERT_EQUAL(take(), a + 1);
    tear_down();
}

static void only_a_taken_number_passes_the_check(void)
{
    set_up();
    CU_ASSERT_EQUAL(numbers_check(&numbers, PLATFORM_NO_TX, 1), -1);
    take();
    CU_ASSERT_EQUAL(numbers_check(&numbers, PLATFORM_NO_TX, 1), 0);
    CU_ASSERT_EQUAL(numbers_check(&numbers, PLATFORM_NO_TX, 2), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    tear_down();
}

static void a_failing_call_gives_no_number_twice(void)
{
    bool failed = true;

    set_up();
    for (unsigned nth = 1; failed; nth++) {
        uint64_t before = take(), next;

        fake_xen_fail(fx, 0, NULL, nth, EIO);
        next = take();
        failed = fake_xen_failed(fx);
        fake_xen_fail(fx, 0, NULL, 0, 0);
        CU_ASSERT(next == 0 || next == before + 1);
        CU_ASSERT(take() > before);
    }
    tear_down();
}

static size_t count_released(void)
{
    size_t count = 0;
    char **names = p->ops->xs_list(p, PLATFORM_NO_TX, BUS "/released", &count);

    free(names);
    return count;
}

static void the_oldest_releases_are_forgotten(void)
{
    set_up();
    for (uint64_t i = 1; i <= 100; i++)
        CU_ASSERT_EQUAL(numbers_release(&numbers, PLATFORM_NO_TX, i, 1000 + i), 0);
    CU_ASSERT_EQUAL(count_released(), NUMBERS_RELEASED_KEPT);
    CU_ASSERT(!store_exists(p, PLATFORM_NO_TX, BUS "/released/36"));
    CU_ASSERT(store_exists(p, PLATFORM_NO_TX, BUS "/released/37"));
    CU_ASSERT(store_exists(p, PLATFORM_NO_TX, BUS "/released/100"));
    tear_down();
}

static void a_corrupt_release_is_the_first_to_go(void)
{
    set_up();
    for (uint64_t i = 1; i < NUMBERS_RELEASED_KEPT; i++)
        numbers_release(&numbers, PLATFORM_NO_TX, i, 1000 + i);
    store_write_text(p, PLATFORM_NO_TX, BUS "/released", "999", "yesterday");
    CU_ASSERT_EQUAL(numbers_release(&numbers, PLATFORM_NO_TX, 1000, 5000), 0);
    CU_ASSERT(!store_exists(p, PLATFORM_NO_TX, BUS "/released/999"));
    CU_ASSERT(store_exists(p, PLATFORM_NO_TX, BUS "/released/1"));
    tear_down();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(numbers_grow_from_one),
        TEST(the_last_number_is_given_and_then_none),
        TEST(two_takers_never_get_the_same),
        TEST(only_a_taken_number_passes_the_check),
        TEST(a_failing_call_gives_no_number_twice),
        TEST(the_oldest_releases_are_forgotten),
        TEST(a_corrupt_release_is_the_first_to_go),
        {NULL, NULL},
    };

    return test_main("numbers", cases);
}
