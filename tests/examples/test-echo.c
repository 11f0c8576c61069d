/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The example of README.md, "A device of your own": both sides, together. */

#include <string.h>

#include "tests/harness.h"
#include "tests/integration/program.h"

int echo_driver_main(int argc, char **argv);

static char output[4096];

static int drive(const char *line)
{
    size_t length;

    return program_output(echo_driver_main, line, output, sizeof(output), &length);
}

static void bytes_come_back(void)
{
    program_begin("echo", NULL);
    CU_ASSERT_EQUAL(drive("echo-driver 1 hello 0"), 0);
    CU_ASSERT_STRING_EQUAL(output, "hello\n");
    CU_ASSERT_STRING_EQUAL(program_said, "");
    program_end();
}

static void with_what_the_configuration_says_added(void)
{
    program_begin("echo", NULL);
    CU_ASSERT_EQUAL(drive("echo-driver 1 HAL 1"), 0);
    CU_ASSERT_STRING_EQUAL(output, "IBM\n");
    CU_ASSERT_EQUAL(drive("echo-driver 1 IBM 255"), 0);
    CU_ASSERT_STRING_EQUAL(output, "HAL\n");
    program_end();
}

static void what_goes_wrong_is_told(void)
{
    program_begin("echo", NULL);
    CU_ASSERT_EQUAL(drive("echo-driver 1 hello"), 2);
    CU_ASSERT_EQUAL(drive("echo-driver 2 hello 0"), 1);
    CU_ASSERT(strncmp(program_said, "echo-driver: ", 13) == 0);
    CU_ASSERT_STRING_EQUAL(output, "");
    program_end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(bytes_come_back),
        TEST(with_what_the_configuration_says_added),
        TEST(what_goes_wrong_is_told),
        {NULL, NULL},
    };

    return test_main("echo", cases);
}
