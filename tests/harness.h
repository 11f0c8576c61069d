/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A CUnit program as a TAP producer: each case is one line for automake to
 * count, each failed assertion a comment below it.
 *
 *     static void wraps_at_the_end(void) { CU_ASSERT(...); }
 *     static const struct test_case cases[] = {
 *         TEST(wraps_at_the_end),
 *         {NULL, NULL},
 *     };
 *     int main(void) { return test_main("ring", cases); }
 */
#ifndef XVMSG_TEST_HARNESS_H
#define XVMSG_TEST_HARNESS_H

#include <CUnit/CUnit.h>
#include <stdbool.h>

struct test_case {
    const char *name;
    void (*run)(void);
};

#define TEST(function) {#function, function}

/* From within a case: it cannot be tested here, and why. */
void test_skip(const char *why);

/* Skips a case that valgrind's own ways would fail. False: this is not valgrind. */
bool test_skip_under_valgrind(const char *why);

/* Seconds that no case needs, on the busiest machine: one that takes longer hangs. */
#define TEST_PATIENCE 60

/* The program ends in so many seconds, ten times as many under valgrind; 0: it does not. */
void test_alarm(unsigned seconds);

/* How many of the lines that `run` writes to standard error contain `words`. */
unsigned test_count_lines(void (*run)(void), const char *words);

/* Runs the cases in order; returns the number of failed cases for exit(). */
int test_main(const char *suite, const struct test_case *cases);

/* The same for several suites; one without a name ends them. Cases that hold in more
 * than one setting stand in a suite for each, whose begin() (may be NULL) makes it. */
struct test_suite {
    const char *name;
    const struct test_case *cases;
    int (*begin)(void); /* 0 */
};

int test_main_suites(const struct test_suite *suites);

#endif
