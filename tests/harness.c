/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/harness.h"

#include <CUnit/TestRun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned case_number;
static const char *skipped;

static void print_result(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
    printf("%sok %u - %s: %s", failure ? "not " : "", ++case_number, suite->pName, test->pName);
    if (skipped && !failure)
        printf(" # SKIP %s", skipped);
    putchar('\n');
    skipped = NULL;
    for (CU_pFailureRecord f = failure; f; f = f->pNext)
        printf("# %s:%u: %s\n", f->strFileName ? f->strFileName : "?", f->uiLineNumber,
               f->strCondition ? f->strCondition : "?");
    fflush(stdout);
}

void test_skip(const char *why)
{
    skipped = why;
}

/* `make check-valgrind` says so. */
static bool under_valgrind(void)
{
    return getenv("UNDER_VALGRIND") != NULL;
}

bool test_skip_under_valgrind(const char *why)
{
    if (!under_valgrind())
        return false;
    test_skip(why);
    return true;
}

void test_alarm(unsigned seconds)
{
    alarm(under_valgrind() ? 10 * seconds : seconds);
}

unsigned test_count_lines(void (*run)(void), const char *words)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    unsigned count = 0;
    char line[2048];

    if (!file || before < 0 || dup2(fileno(file), STDERR_FILENO) < 0)
        abort();
    run();
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    while (fgets(line, sizeof(line), file))
        count += strstr(line, words) != NULL;
    fclose(file);
    return count;
}

/* Returns the number of cases; -1 when CUnit has no memory for them. */
static int add_suite(const struct test_suite *suite)
{
    CU_pSuite registered = CU_add_suite(suite->name, suite->begin, NULL);
    int count = 0;

    if (!registered)
        return -1;
    for (; suite->cases[count].name; count++)
        if (!CU_add_test(registered, suite->cases[count].name, suite->cases[count].run))
            return -1;
    return count;
}

int test_main_suites(const struct test_suite *suites)
{
    int total = 0;
    bool good = CU_initialize_registry() == CUE_SUCCESS;

    for (; good && suites->name; suites++) {
        int count = add_suite(suites);

        good = count >= 0;
        total += count;
    }
    if (!good) {
        printf("Bail out! CUnit: %s\n", CU_get_error_msg());
        return 1;
    }
    printf("1..%d\n", total);
    CU_set_test_complete_handler(print_result);
    CU_run_all_tests();

    unsigned failed = CU_get_number_of_tests_failed();

    CU_cleanup_registry();
    return (int)failed;
}

int test_main(const char *suite, const struct test_case *cases)
{
    return test_main_suites((const struct test_suite[]){{suite, cases, NULL}, {0}});
}
