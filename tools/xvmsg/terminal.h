/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A terminal of its own screen, by the control sequences that every one knows. */
#ifndef XVMSG_TOOL_TERMINAL_H
#define XVMSG_TOOL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>
#include <termios.h>

#define TERMINAL_BOLD "\033[1m"
#define TERMINAL_REVERSE "\033[7m"
#define TERMINAL_DIM "\033[2m"
#define TERMINAL_PLAIN "\033[0m"

struct terminal {
    FILE *out;
    int keys; /* where they are typed; -1: nowhere */
    struct termios before;
    char held[1024];
};

/*
 * Takes the screen; keys come one by one and unseen. What was there comes back when it
 * is closed, and with it what was said on standard error meanwhile.
 */
void terminal_open(struct terminal *terminal, FILE *out);
void terminal_close(struct terminal *terminal);

/* Of now. */
void terminal_size(const struct terminal *terminal, unsigned *rows, unsigned *columns);

/*
 * A picture is drawn from the top over the one before: what stays the same does not
 * flicker. A line is cut at the terminal's width.
 */
void terminal_begin(const struct terminal *terminal);
void terminal_line(const struct terminal *terminal, const char *look, const char *text,
                   unsigned columns);
void terminal_end(const struct terminal *terminal);

#endif
