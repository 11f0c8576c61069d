/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg top on a terminal and in a pipe; and what attach shows while it waits. Daemon
 * and worker are played here. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/unit/complaint.h"
#include "tests/unit/stats-daemon.h"
#include "tests/unit/terminal-run.h"
#include "tools/xvmsg/admin.h"

#define OWN_SCREEN "\033[?1049h"
#define FORMER_SCREEN "\033[?1049l"
#define SHOW_CURSOR "\033[?25h"

static struct stats_daemon d;
static struct top_order order;
static struct terminal_run run;

static int run_top(void)
{
    return top_run(d.dom0, &order, stdout);
}

static void start(unsigned rows, unsigned columns)
{
    stats_daemon_open(&d, 1);
    order = (struct top_order){.socket = d.socket, .milliseconds = 20, .timeout = 20};
    terminal_run_start(&run, rows, columns, run_top);
}

/* One more look, which has found so many requests in all; waits for these words. */
static void look(uint64_t requests, const char *words)
{
    terminal_run_forget(&run);
    stats_daemon_serve(&d, requests);
    terminal_run_await(&run, words);
}

/* The screen, the cursor and the keys are as they were. */
static void expect_end(int status)
{
    CU_ASSERT_EQUAL(terminal_run_end(&run), status);
    CU_ASSERT(strstr(run.output, SHOW_CURSOR FORMER_SCREEN) != NULL);
    stats_daemon_close(&d);
}

/* Though it has asked once more and nobody answers. */
static void quit(void)
{
    terminal_run_type(&run, "q");
    expect_end(EXIT_SUCCESS);
}

/* ---- on a terminal ---- */

static void shows_what_is_going_on(void)
{
    start(24, 160);
    stats_daemon_serve(&d, 100);
    terminal_run_await(&run, OWN_SCREEN);
    terminal_run_await(&run, "DOMAIN  BUS  DEV  NAME   TYPE  REQ/S");
    terminal_run_await(&run, "spare");
    CU_ASSERT(!terminal_run_is_restored(&run));
    /* 10 in one queue and 30 in the other, in a quarter of a second. */
    look(110, "web       0    1  data   blk");
    CU_ASSERT(strstr(run.output, "requests/s") != NULL);
    /* It may have asked already, and wants no answer to that then. */
    terminal_run_type(&run, "x");
    stats_daemon_serve(&d, 110);
    look(120, "requests/s");
    quit();
}

static void the_idle_come_last(void)
{
    const char *data, *spare;

    start(24, 160);
    stats_daemon_serve(&d, 100);
    look(110, "spare");
    data = strstr(run.output, "data");
    spare = strstr(run.output, "spare");
    CU_ASSERT(data && spare && data < spare);
    kill(run.pid, SIGTERM);
    expect_end(EXIT_SUCCESS);
}

static void a_signal_leaves_the_terminal_as_it_was(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        start(24, 80);
        stats_daemon_serve(&d, 1);
        terminal_run_await(&run, "spare");
        kill(run.pid, numbers[i]);
        expect_end(EXIT_SUCCESS);
    }
}

/* No line is longer than the terminal, and there are no more than fit. */
static void it_fits_and_follows_the_size(void)
{
    start(6, 40);
    stats_daemon_serve(&d, 1);
    terminal_run_await(&run, "spare");
    for (char *line = strtok(run.output, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned visible = 0;

        for (char *c = line; *c; c++) {
            if (*c == '\033')
                c += strcspn(c, "hlmHJK");
            else if (*c != '\r')
                visible++;
        }
        CU_ASSERT(visible <= 40);
    }
    terminal_run_forget(&run);
    terminal_run_resize(&run, 5, 200);
    terminal_run_await(&run, "COPIES/S");
    terminal_run_await(&run, "and 2 more");
    quit();
}

static void a_shell_gets_its_terminal_back_meanwhile(void)
{
    start(24, 80);
    stats_daemon_serve(&d, 1);
    terminal_run_await(&run, "spare");
    terminal_run_forget(&run);
    kill(run.pid, SIGTSTP);
    terminal_run_await(&run, FORMER_SCREEN);
    terminal_run_await_stop(&run);
    CU_ASSERT(terminal_run_is_restored(&run));
    kill(run.pid, SIGCONT);
    terminal_run_await(&run, OWN_SCREEN);
    terminal_run_await(&run, "spare");
    quit();
}

/* What it has to say is not wiped away with its screen. */
static void a_daemon_that_ends_is_told_in_the_end(void)
{
    uint32_t bus;
    int fd;

    start(24, 160);
    stats_daemon_serve(&d, 1);
    fd = stats_daemon_accept(&d, &bus);
    close(fd);
    terminal_run_await(&run, "its worker ended before it had told all");
    terminal_run_type(&run, "q");
    expect_end(EXIT_SUCCESS);
}

/* ---- in a pipe ---- */

static int run_batch(void)
{
    order.batch = true;
    order.count = 2;
    return run_top();
}

static void a_batch_is_plain_text(void)
{
    const char *second;

    stats_daemon_open(&d, 1);
    order = (struct top_order){.socket = d.socket, .milliseconds = 20, .timeout = 20};
    terminal_run_start(&run, 24, 40, run_batch);
    for (unsigned i = 0; i <= 2; i++)
        stats_daemon_serve(&d, 100 * (i + 1));
    CU_ASSERT_EQUAL(terminal_run_end(&run), EXIT_SUCCESS);
    CU_ASSERT_PTR_NULL(strchr(run.output, '\033'));
    CU_ASSERT(strncmp(run.output, "xvmsg top  ", 11) == 0);
    second = strstr(run.output + 1, "xvmsg top  ");
    CU_ASSERT(second && !strstr(second + 1, "xvmsg top  "));
    CU_ASSERT(strstr(run.output, "COPIES/S") != NULL);
    /* Of 400 requests 40 came with a doorbell, and the worker polls as often as that. */
    CU_ASSERT(strstr(run.output, "  100  ") != NULL);
    stats_daemon_close(&d);
}

/* ---- attach ---- */

static struct attach_request request;

static int run_attach(void)
{
    return attach_run(d.dom0, &request, stdout);
}

static void attach_shows_that_it_waits(void)
{
    stats_daemon_open(&d, 1);
    request = (struct attach_request){
        .domain = "web", .type = "rng", .timeout = 1};
    terminal_run_start(&run, 24, 80, run_attach);
    CU_ASSERT_EQUAL(terminal_run_end(&run), EXIT_FAILURE);
    CU_ASSERT(strstr(run.output, "\rxvmsg attach: waiting for xvmsgd: 0 s of at most 1 s") != NULL);
    CU_ASSERT_STRING_EQUAL(run.output + run.size - 4, "\r\033[K");

    request.timeout = 1;
    request.quiet = true;
    terminal_run_start(&run, 24, 80, run_attach);
    CU_ASSERT_EQUAL(terminal_run_end(&run), EXIT_FAILURE);
    CU_ASSERT_EQUAL(run.size, 0);
    stats_daemon_close(&d);
}

static const struct test_case cases[] = {
    TEST(shows_what_is_going_on),
    TEST(the_idle_come_last),
    TEST(a_signal_leaves_the_terminal_as_it_was),
    TEST(it_fits_and_follows_the_size),
    TEST(a_shell_gets_its_terminal_back_meanwhile),
    TEST(a_daemon_that_ends_is_told_in_the_end),
    TEST(a_batch_is_plain_text),
    TEST(attach_shows_that_it_waits),
    {NULL, NULL},
};

int main(void)
{
    return test_main("xvmsg-top", cases);
}
