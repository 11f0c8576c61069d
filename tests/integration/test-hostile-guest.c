/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The lab's guest that misbehaves (tests/e2e/hostile.h), with the whole backend. Network
 * interfaces are abused there alone, where there are some. */

#include <string.h>

#include "tests/harness.h"
#include "tests/integration/program.h"

int hostile_main(int argc, char **argv);

static void abuse(const char *type, const char *line)
{
    static char output[8192];
    size_t length;

    program_begin_beside_disk(type);
    CU_ASSERT_EQUAL(program_output(hostile_main, line, output, sizeof(output), &length), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "good after all of that: it works\n"));
    CU_ASSERT_PTR_NULL(strstr(output, "bad "));
    CU_ASSERT_STRING_EQUAL(program_said, "");
    program_end();
}

static void of_a_source_of_random_bytes(void)
{
    abuse("rng", "hostile rng 1 2");
    abuse("rng", "hostile rng 1 2 packed");
}

static void of_a_console(void)
{
    abuse("console", "hostile console 1 2");
    abuse("console", "hostile console 1 2 packed");
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(of_a_source_of_random_bytes),
        TEST(of_a_console),
        {NULL, NULL},
    };

    return test_main("hostile-guest", cases);
}
