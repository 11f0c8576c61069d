/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The line that says how far a command is, and the figures in it. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/progress.h"
#include "common/units.h"
#include "tests/harness.h"
#include "tests/unit/terminal-run.h"

#define MIB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000000)

/* ---- figures ---- */

static void figures_have_three_digits_and_a_unit(void)
{
    static const struct {
        const char *(*show)(char text[UNITS_SIZE], double value);
        double value;
        const char *text;
    } figures[] = {
        {units_bytes, 0, "0 B"},
        {units_bytes, 512, "512 B"},
        {units_bytes, 1024, "1.00 KiB"},
        {units_bytes, 1023.9, "1.00 KiB"},
        {units_bytes, 48.24 * (double)MIB, "48.2 MiB"},
        {units_bytes, 1e30, NULL /* it fits, no more */},
        {units_count, 999, "999"},
        {units_count, 0.5, "0.50"},
        {units_count, 12345, "12.3k"},
        {units_count, 999999, "1.00M"},
        {units_time, 750, "750 ns"},
        {units_time, 1530000, "1.53 ms"},
        {units_time, 99960, "100 us"},
        {units_time, 17e9, "17.0 s"},
    };
    char text[UNITS_SIZE];

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        const char *shown = figures[i].show(text, figures[i].value);

        CU_ASSERT(strlen(shown) < UNITS_SIZE);
        if (figures[i].text && strcmp(shown, figures[i].text) != 0)
            CU_FAIL(figures[i].text);
    }
}

static void times_are_read_as_on_a_clock(void)
{
    char text[UNITS_SIZE];

    CU_ASSERT_STRING_EQUAL(units_clock(text, 7), "0:07");
    CU_ASSERT_STRING_EQUAL(units_clock(text, 754), "12:34");
    CU_ASSERT_STRING_EQUAL(units_clock(text, 3723), "1:02:03");
    CU_ASSERT_STRING_EQUAL(units_clock(text, UINT64_MAX), "very long");
}

static void the_line_says_part_rate_and_rest(void)
{
    char text[128];

    progress_text(text, sizeof(text), "reading", 25 * MIB, 100 * MIB, 5 * SECOND);
    CU_ASSERT_STRING_EQUAL(text,
                           "reading:  25%  25.0 MiB of 100 MiB, 5.00 MiB/s, 0:15 left");
    progress_text(text, sizeof(text), "writing", 25 * MIB, 0, 5 * SECOND);
    CU_ASSERT_STRING_EQUAL(text, "writing: 25.0 MiB, 5.00 MiB/s");
    progress_text(text, sizeof(text), "reading", 0, 100 * MIB, 0);
    CU_ASSERT_STRING_EQUAL(text, "reading:   0%  0 B of 100 MiB, 0 B/s, unknown left");
    progress_text(text, sizeof(text), "reading", 200 * MIB, 100 * MIB, SECOND);
    CU_ASSERT(strstr(text, "100%") && strstr(text, "0:00 left"));
}

/* ---- on a terminal, and elsewhere ---- */

static struct terminal_run run;

static int move_bytes(void)
{
    progress_begin("reading", 2 * MIB);
    progress_bytes(MIB);
    progress_bytes(2 * MIB);
    progress_end();
    return 0;
}

static void a_terminal_shows_it_and_how_it_ended(void)
{
    terminal_run_start(&run, 24, 80, move_bytes);
    CU_ASSERT_EQUAL(terminal_run_end(&run), 0);
    CU_ASSERT(strstr(run.output, "\rreading:  50%  1.00 MiB of 2.00 MiB, ") != NULL);
    CU_ASSERT(strstr(run.output, "\r\033[Kreading: 2.00 MiB in ") != NULL);
    CU_ASSERT_STRING_EQUAL(run.output + run.size - 4, "/s\r\n");
}

static int fail_meanwhile(void)
{
    progress_begin("reading", 2 * MIB);
    progress_bytes(MIB);
    progress_erase();
    fputs("it failed\n", stderr);
    return 1;
}

static void what_else_is_said_has_a_line_of_its_own(void)
{
    terminal_run_start(&run, 24, 80, fail_meanwhile);
    CU_ASSERT_EQUAL(terminal_run_end(&run), 1);
    CU_ASSERT(strstr(run.output, "\r\033[Kit failed\r\n") != NULL);
}

/* Standard error is a file, and the terminal is still there. */
static int move_bytes_unseen(void)
{
    int null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    return move_bytes() + progress_begin("reading", 0);
}

static void nobody_else_is_told(void)
{
    terminal_run_start(&run, 24, 80, move_bytes_unseen);
    CU_ASSERT_EQUAL(terminal_run_end(&run), 0);
    CU_ASSERT_EQUAL(run.size, 0);
}

static const struct test_case cases[] = {
    TEST(figures_have_three_digits_and_a_unit),
    TEST(times_are_read_as_on_a_clock),
    TEST(the_line_says_part_rate_and_rest),
    TEST(a_terminal_shows_it_and_how_it_ended),
    TEST(what_else_is_said_has_a_line_of_its_own),
    TEST(nobody_else_is_told),
    {NULL, NULL},
};

int main(void)
{
    return test_main("progress", cases);
}
