/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A function in a process of its own, with a terminal for its standard streams. */
#ifndef XVMSG_TEST_TERMINAL_RUN_H
#define XVMSG_TEST_TERMINAL_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TERMINAL_OUTPUT_MAX 65536

struct terminal_run {
    pid_t pid;
    int screen;                       /* what it writes comes here, what it reads goes in */
    char output[TERMINAL_OUTPUT_MAX]; /* all of it so far */
    size_t size;
};

/* It ends with what the function returns. */
void terminal_run_start(struct terminal_run *run, unsigned rows, unsigned columns,
                        int (*program)(void));

/* Reads on until these words have come. A program that never writes them ends the test
 * by SIGALRM. */
void terminal_run_await(struct terminal_run *run, const char *words);

/* Forgets what came. */
void terminal_run_forget(struct terminal_run *run);

void terminal_run_type(struct terminal_run *run, const char *keys);
void terminal_run_resize(struct terminal_run *run, unsigned rows, unsigned columns);

/* Until it has stopped itself, as by Ctrl-Z. */
void terminal_run_await_stop(const struct terminal_run *run);

/* Its keys are shown and come line by line, as a shell leaves a terminal. */
bool terminal_run_is_restored(const struct terminal_run *run);

/* Reads what is left; the exit status, or 128 and the signal that ended it. */
int terminal_run_end(struct terminal_run *run);

#endif
