/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Device numbers: which is given when, in both wire forms, and what happens when
 * others write, or calls fail. The compact form has eight numbers here. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backend/numbers.h"
#include "common/store.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

#define BUS "/bus"
#define SPACE 8
#define SECOND UINT64_C(1000000000)

static struct fake_xen *fx;
static struct platform *p;
static struct numbers numbers;
static char why[WHY_SIZE];

static int start_body(struct platform *unused, platform_tx tx, void *user)
{
    (void)unused;
    (void)user;
    return numbers_start(&numbers, tx);
}

static void start(void)
{
    CU_ASSERT_EQUAL(store_transaction(p, start_body, NULL), 0);
}

static void set_up(uint32_t quarantine_count, uint32_t quarantine_seconds)
{
    fx = fake_xen_new();
    p = fake_xen_domain(fx, 0);
    numbers = (struct numbers){
        .platform = p,
        .owner = 0,
        .bus = BUS,
        .space = SPACE,
        .quarantine = {.count = quarantine_count, .seconds = quarantine_seconds},
    };
    CU_ASSERT_EQUAL(p->ops->xs_mkdir(p, PLATFORM_NO_TX, BUS), 0);
    start();
}

static void tear_down(void)
{
    platform_close(p);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static int take_body(struct platform *unused, platform_tx tx, void *user)
{
    (void)unused;
    why[0] = '\0';
    return numbers_take(&numbers, tx, "disk", user, why);
}

/* 0 with errno, and `why`, when none was given. */
static uint64_t take(void)
{
    uint64_t number;

    return store_transaction(p, take_body, &number) == 0 ? number : 0;
}

static struct store_path device(uint64_t number)
{
    return store_path(BUS "/device/%" PRIu64, number);
}

/* Takes one and makes the device; 0 when none was given. */
static uint64_t add(void)
{
    uint64_t number = take();

    if (number) {
        CU_ASSERT_EQUAL(numbers_use(&numbers, PLATFORM_NO_TX, number), 0);
        CU_ASSERT_EQUAL(p->ops->xs_mkdir(p, PLATFORM_NO_TX, device(number).text), 0);
    }
    return number;
}

static void release(uint64_t number)
{
    p->ops->xs_remove(p, PLATFORM_NO_TX, device(number).text);
    CU_ASSERT_EQUAL(numbers_release(&numbers, PLATFORM_NO_TX, number), 0);
}

static void speak(enum msg_form form)
{
    CU_ASSERT_EQUAL(numbers_note_form(&numbers, PLATFORM_NO_TX, form), 0);
}

/* Each number is given and, but the last one, released at once: the next is met
 * for a second time. */
static void go_round(void)
{
    speak(MSG_COMPACT);
    for (uint64_t i = 1; i <= SPACE; i++) {
        CU_ASSERT_EQUAL(add(), i);
        if (i < SPACE)
            release(i);
    }
}

/* ---- one counter ---- */

static void numbers_grow_from_one(void)
{
    set_up(0, 0);
    for (uint64_t i = 1; i <= 100; i++) {
        CU_ASSERT_EQUAL(add(), i);
        release(i);
    }
    tear_down();
}

static void the_last_number_is_given_and_then_none(void)
{
    set_up(0, 0);
    store_write_u64(p, PLATFORM_NO_TX, BUS, "device-number-next", UINT64_MAX - 1);
    CU_ASSERT_EQUAL(take(), UINT64_MAX - 1);
    CU_ASSERT_EQUAL(take(), 0);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    CU_ASSERT_STRING_EQUAL(why, "device-number-next: no device number is left");
    tear_down();
}

static void two_takers_never_get_the_same(void)
{
    platform_tx first, second;
    uint64_t a = 0, b = 0;

    set_up(0, 0);
    p->ops->xs_begin(p, &first);
    p->ops->xs_begin(p, &second);
    CU_ASSERT_EQUAL(numbers_take(&numbers, first, "a", &a, why), 0);
    CU_ASSERT_EQUAL(numbers_take(&numbers, second, "b", &b, why), 0);
    CU_ASSERT_EQUAL(p->ops->xs_end(p, first, false), 0);
    CU_ASSERT_EQUAL(p->ops->xs_end(p, second, false), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    CU_ASSERT_EQUAL(take(), a + 1);
    tear_down();
}

static void only_a_taken_number_may_be_used(void)
{
    set_up(0, 0);
    CU_ASSERT_EQUAL(numbers_use(&numbers, PLATFORM_NO_TX, 1), -1);
    take();
    CU_ASSERT(store_exists(p, PLATFORM_NO_TX, BUS "/taken/1"));
    CU_ASSERT_EQUAL(numbers_use(&numbers, PLATFORM_NO_TX, 1), 0);
    CU_ASSERT(!store_exists(p, PLATFORM_NO_TX, BUS "/taken/1"));
    CU_ASSERT_EQUAL(numbers_use(&numbers, PLATFORM_NO_TX, 2), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    tear_down();
}

static void a_failing_call_gives_no_number_twice(void)
{
    bool failed = true;

    set_up(0, 0);
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

/* ---- the compact form goes round ---- */

static void wide_numbers_pass_the_compact_space(void)
{
    set_up(0, 0);
    for (uint64_t i = 1; i <= 3 * SPACE; i++)
        CU_ASSERT_EQUAL(take(), i);
    tear_down();
}

static void compact_numbers_begin_again_and_skip_what_is_in_use(void)
{
    set_up(0, 0);
    go_round();
    CU_ASSERT_EQUAL(add(), 1);
    CU_ASSERT_EQUAL(take(), 2);
    CU_ASSERT_EQUAL(add(), 3);
    /* 8 is a device, 1 too, 2 is taken, 3 is a device. */
    release(3);
    for (uint64_t i = 4; i <= 7; i++)
        CU_ASSERT_EQUAL(add(), i);
    CU_ASSERT_EQUAL(add(), 3);
    tear_down();
}

static void a_bus_that_changes_form_meets_no_old_number(void)
{
    set_up(0, 0);
    go_round();
    CU_ASSERT_EQUAL(add(), 1);
    speak(MSG_WIDE);
    CU_ASSERT_EQUAL(add(), SPACE + 2);
    CU_ASSERT_EQUAL(add(), SPACE + 3);
    speak(MSG_COMPACT);
    CU_ASSERT_EQUAL(add(), 4);
    speak(MSG_WIDE);
    CU_ASSERT_EQUAL(add(), SPACE + 5);
    tear_down();
}

static void the_form_is_remembered_and_at_first_wide(void)
{
    set_up(0, 0);
    go_round();
    start();
    CU_ASSERT_EQUAL(add(), 1);
    store_remove(p, PLATFORM_NO_TX, BUS, "device-number-form");
    CU_ASSERT_EQUAL(add(), SPACE + 2);
    store_write_text(p, PLATFORM_NO_TX, BUS, "device-number-form", "middle");
    CU_ASSERT_EQUAL(add(), 0);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_STRING_EQUAL(why, "device-number-form: neither wide nor compact");
    tear_down();
}

/* ---- quarantine ---- */

static void enough_others_are_released_before_a_number_is_given_again(void)
{
    set_up(6, 0);
    go_round(); /* 1 to 7 were released: six of them after 1 */
    CU_ASSERT_EQUAL(add(), 1);
    CU_ASSERT_EQUAL(add(), 0);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    release(1);
    CU_ASSERT_EQUAL(add(), 2);
    tear_down();
}

static void enough_time_passes_before_a_number_is_given_again(void)
{
    set_up(0, 60);
    fake_xen_advance(fx, 1000 * SECOND + SECOND / 2);
    go_round();
    CU_ASSERT_EQUAL(add(), 0);
    fake_xen_advance(fx, 60 * SECOND - 1);
    CU_ASSERT_EQUAL(add(), 0);
    fake_xen_advance(fx, SECOND);
    CU_ASSERT_EQUAL(add(), 1);
    tear_down();
}

static void exhaustion_says_what_it_waits_for_and_ends(void)
{
    set_up(7, 60);
    fake_xen_advance(fx, 1000 * SECOND);
    go_round();
    fake_xen_advance(fx, 10 * SECOND);
    CU_ASSERT_EQUAL(add(), 0);
    CU_ASSERT_STRING_EQUAL(why, "all 8 device numbers of the compact form are in use or in "
                                "quarantine, the first of them until 1 more are released and "
                                "51 s have passed");
    release(8);
    fake_xen_advance(fx, 51 * SECOND);
    CU_ASSERT_EQUAL(add(), 1);
    CU_ASSERT_EQUAL(add(), 0);
    tear_down();
}

static void a_space_full_of_devices_says_so(void)
{
    set_up(0, 0);
    speak(MSG_COMPACT);
    for (unsigned i = 0; i < SPACE; i++)
        add();
    CU_ASSERT_EQUAL(add(), 0);
    CU_ASSERT_STRING_EQUAL(why, "all 8 device numbers of the compact form are in use");
    release(5);
    CU_ASSERT_EQUAL(add(), 5);
    tear_down();
}

static void what_was_taken_by_one_that_died_is_quarantined(void)
{
    set_up(0, 60);
    fake_xen_advance(fx, 1000 * SECOND);
    speak(MSG_COMPACT);
    for (uint64_t i = 1; i < SPACE; i++)
        add();
    CU_ASSERT_EQUAL(take(), SPACE);
    CU_ASSERT_EQUAL(take(), 0);
    start(); /* nobody knows of it any more */
    CU_ASSERT(!store_exists(p, PLATFORM_NO_TX, BUS "/taken/8"));
    CU_ASSERT_EQUAL(take(), 0);
    fake_xen_advance(fx, 61 * SECOND);
    CU_ASSERT_EQUAL(take(), SPACE);
    tear_down();
}

static void a_clock_that_begins_anew_holds_nothing_back_for_ever(void)
{
    set_up(0, 60);
    fake_xen_advance(fx, 30 * SECOND);
    store_write_text(p, PLATFORM_NO_TX, BUS, "released/0",
                     "1 900000,2 900000,3 900000,4 900000,5 900000,6 900000,7 900000,8 900000");
    store_write_u64(p, PLATFORM_NO_TX, BUS, "device-number-next", 9);
    speak(MSG_COMPACT);
    CU_ASSERT_EQUAL(take(), 0);
    fake_xen_advance(fx, 31 * SECOND);
    CU_ASSERT_EQUAL(take(), 1);
    tear_down();
}

/* ---- the list of releases ---- */

static size_t count_nodes(void)
{
    size_t count = 0;
    char **names = p->ops->xs_list(p, PLATFORM_NO_TX, BUS "/released", &count);

    free(names);
    return count;
}

static void releases_keep_their_order(void)
{
    struct releases r;

    set_up(100, 0);
    numbers.space = 1000;
    for (uint64_t i = 1; i <= 70; i++)
        release(i);
    CU_ASSERT_EQUAL(count_nodes(), 3);
    CU_ASSERT_EQUAL_FATAL(numbering_read(p, PLATFORM_NO_TX, BUS, &r), 0);
    CU_ASSERT_EQUAL_FATAL(r.count, 70);
    CU_ASSERT_EQUAL(r.end, 70);
    for (uint64_t i = 0; i < 70; i++) {
        CU_ASSERT_EQUAL(r.list[i].number, i + 1);
        CU_ASSERT_EQUAL(r.list[i].sequence, i);
    }
    free(r.list);
    tear_down();
}

static void old_releases_are_forgotten(void)
{
    set_up(100, 60);
    numbers.space = 1000;
    fake_xen_advance(fx, 1000 * SECOND);
    for (uint64_t i = 1; i <= 500; i++)
        release(i);
    CU_ASSERT_EQUAL(count_nodes(), 16); /* all in quarantine by time */
    fake_xen_advance(fx, 61 * SECOND);
    for (uint64_t i = 501; i <= 600; i++)
        release(i);
    CU_ASSERT(count_nodes() <= 100 / NUMBERING_PER_NODE + 2);
    CU_ASSERT(!store_exists(p, PLATFORM_NO_TX, BUS "/released/0"));
    tear_down();
}

static void numbers_never_given_again_are_not_kept(void)
{
    set_up(100, 60);
    for (uint64_t i = 1000; i < 2000; i++)
        release(i);
    CU_ASSERT_EQUAL(count_nodes(), 1);
    tear_down();
}

static void a_release_costs_the_same_however_many_there_were(void)
{
    uint64_t most = 0;

    set_up(1024, 60);
    numbers.space = 65535;
    for (uint64_t i = 1; i <= 3000; i++) {
        uint64_t before = fake_xen_counters(fx).xenstore_calls;

        CU_ASSERT_EQUAL(numbers_release(&numbers, PLATFORM_NO_TX, i), 0);
        before = fake_xen_counters(fx).xenstore_calls - before;
        most = before > most ? before : most;
        fake_xen_advance(fx, SECOND);
    }
    CU_ASSERT(most <= 6);
    tear_down();
}

static void a_release_of_nonsense_stops_no_release_but_the_giving(void)
{
    static const char *const nonsense[] = {
        "", "yesterday", "1", "1 ", "1 2,", ",1 2", "1 2,3", "1  2", "-1 2", "1 2 3",
        "1 2,,3 4", "18446744073709551616 1", "111111111111111111111 1",
    };

    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        set_up(0, 0);
        go_round();
        store_write_text(p, PLATFORM_NO_TX, BUS, "released/0", nonsense[i]);
        CU_ASSERT_EQUAL(take(), 0);
        CU_ASSERT_EQUAL(errno, EINVAL);
        CU_ASSERT_STRING_EQUAL(why, "released: not released numbers");
        release(8);
        CU_ASSERT(store_exists(p, PLATFORM_NO_TX, BUS "/released/32"));
        /* Out of quarantine, it is forgotten. */
        CU_ASSERT_EQUAL(take(), 1);
        tear_down();
    }
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(numbers_grow_from_one),
        TEST(the_last_number_is_given_and_then_none),
        TEST(two_takers_never_get_the_same),
        TEST(only_a_taken_number_may_be_used),
        TEST(a_failing_call_gives_no_number_twice),
        TEST(wide_numbers_pass_the_compact_space),
        TEST(compact_numbers_begin_again_and_skip_what_is_in_use),
        TEST(a_bus_that_changes_form_meets_no_old_number),
        TEST(the_form_is_remembered_and_at_first_wide),
        TEST(enough_others_are_released_before_a_number_is_given_again),
        TEST(enough_time_passes_before_a_number_is_given_again),
        TEST(exhaustion_says_what_it_waits_for_and_ends),
        TEST(a_space_full_of_devices_says_so),
        TEST(what_was_taken_by_one_that_died_is_quarantined),
        TEST(a_clock_that_begins_anew_holds_nothing_back_for_ever),
        TEST(releases_keep_their_order),
        TEST(old_releases_are_forgotten),
        TEST(numbers_never_given_again_are_not_kept),
        TEST(a_release_costs_the_same_however_many_there_were),
        TEST(a_release_of_nonsense_stops_no_release_but_the_giving),
        {NULL, NULL},
    };

    return test_main("numbers", cases);
}
