/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/terminal-run.h"

#include <errno.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness.h"

void terminal_run_start(struct terminal_run *run, unsigned rows, unsigned columns,
                        int (*program)(void))
{
    const struct winsize size = {
        .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    test_alarm(TEST_PATIENCE);
    fflush(NULL);
    *run = (struct terminal_run){.size = 0};
    run->pid = forkpty(&run->screen, NULL, NULL, &size);
    CU_ASSERT_FATAL(run->pid >= 0);
    if (run->pid == 0) {
        int status;

        test_alarm(TEST_PATIENCE);
        status = program();
        fflush(NULL);
        _exit(status);
    }
}

/* False at the end. */
static bool read_more(struct terminal_run *run)
{
    ssize_t got = read(run->screen, run->output + run->size,
                       TERMINAL_OUTPUT_MAX - 1 - run->size);

    /* The last one who has the other side has closed it. */
    if (got < 0 && errno == EIO)
        return false;
    CU_ASSERT_FATAL(got > 0);
    run->size += (size_t)got;
    run->output[run->size] = '\0';
    return true;
}

void terminal_run_await(struct terminal_run *run, const char *words)
{
    while (!strstr(run->output, words))
        if (!read_more(run)) {
            printf("# it ended with: %s\n", run->output);
            CU_FAIL_FATAL(words);
        }
}

void terminal_run_forget(struct terminal_run *run)
{
    run->size = 0;
    run->output[0] = '\0';
}

void terminal_run_type(struct terminal_run *run, const char *keys)
{
    CU_ASSERT_EQUAL(write(run->screen, keys, strlen(keys)), (ssize_t)strlen(keys));
}

void terminal_run_resize(struct terminal_run *run, unsigned rows, unsigned columns)
{
    const struct winsize size = {
        .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    CU_ASSERT(ioctl(run->screen, TIOCSWINSZ, &size) == 0);
}

void terminal_run_await_stop(const struct terminal_run *run)
{
    int status;

    CU_ASSERT(waitpid(run->pid, &status, WUNTRACED) == run->pid && WIFSTOPPED(status));
}

bool terminal_run_is_restored(const struct terminal_run *run)
{
    struct termios now;

    return tcgetattr(run->screen, &now) == 0 && (now.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO);
}

int terminal_run_end(struct terminal_run *run)
{
    int status;

    while (read_more(run))
        ;
    CU_ASSERT(waitpid(run->pid, &status, 0) == run->pid);
    close(run->screen);
    test_alarm(0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
