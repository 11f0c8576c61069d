/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Messages that wait for busy devices keep their order and come up again. */

#include "backend/backlog.h"
#include "tests/harness.h"

static struct backlog backlog;

static void append(char message)
{
    CU_ASSERT(backlog_append(&backlog, &message, 1));
}

/* The next one of this run; '-' when none is. */
static char offer(void)
{
    char message;

    return backlog_offer(&backlog, &message) ? message : '-';
}

static void open_backlog(void)
{
    backlog_init(&backlog);
    append('a');
    append('b');
    append('c');
}

static void what_is_appended_waits_for_the_next_run(void)
{
    open_backlog();
    CU_ASSERT_EQUAL(offer(), '-');
    backlog_again(&backlog);
    CU_ASSERT_EQUAL(offer(), 'a');
    backlog_free(&backlog);
}

static void what_is_left_keeps_its_place(void)
{
    open_backlog();
    backlog_again(&backlog);
    backlog_leave(&backlog);
    CU_ASSERT_EQUAL(offer(), 'b');
    backlog_take(&backlog);
    backlog_again(&backlog); /* in the middle of a run */
    CU_ASSERT_EQUAL(offer(), 'a');
    backlog_leave(&backlog);
    CU_ASSERT_EQUAL(offer(), 'c');
    backlog_take(&backlog);
    CU_ASSERT_EQUAL(offer(), '-');
    append('d');
    CU_ASSERT_EQUAL(offer(), '-');
    backlog_again(&backlog);
    CU_ASSERT_EQUAL(offer(), 'a');
    backlog_take(&backlog);
    CU_ASSERT_EQUAL(offer(), 'd');
    backlog_take(&backlog);
    CU_ASSERT_EQUAL(offer(), '-');
    CU_ASSERT_EQUAL(backlog.count, 0);
    append('e');
    backlog_again(&backlog);
    CU_ASSERT_EQUAL(offer(), 'e');
    backlog_free(&backlog);
}

static void it_has_a_bound(void)
{
    backlog_init(&backlog);
    for (unsigned i = 0; i < BACKLOG_MAX; i++) {
        CU_ASSERT(!backlog_full(&backlog));
        append('x');
    }
    CU_ASSERT(backlog_full(&backlog));
    backlog_again(&backlog);
    backlog_take(&backlog);
    CU_ASSERT(!backlog_full(&backlog));
    backlog_free(&backlog);
}

static const struct test_case cases[] = {
    TEST(what_is_appended_waits_for_the_next_run),
    TEST(what_is_left_keeps_its_place),
    TEST(it_has_a_bound),
    {NULL, NULL},
};

int main(void)
{
    return test_main("backlog", cases);
}
