/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What xvmsg-guest console puts between a port and whoever uses it: standard input and
 * output, a pseudo-terminal, or one with a command on it. */
#ifndef XVMSG_GUEST_TERMINAL_H
#define XVMSG_GUEST_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct terminal {
    int in;  /* bytes for the device come from here */
    int out; /* and what it sends goes here */
    int master; /* of the pseudo-terminal, or -1 */
    int slave;  /* held open while it waits for a user, or -1 */
    char path[64];    /* of the slave */
    const char *link; /* made to it, NULL: none */
    pid_t child;      /* the command, 0: none */
    int ended;        /* readable when it has ended, or -1 */
    bool raw;         /* standard input is, and was as `saved` says */
    struct termios saved;
};

#define TERMINAL_NONE {.in = -1, .out = -1, .master = -1, .slave = -1, .ended = -1}

/* Each 0, or -1 after a sentence; terminal_close() takes what is half made. */
int terminal_use_stdio(struct terminal *t);
/* The slave for anybody, in raw mode; `link`, if not NULL, will be a link to it. */
int terminal_open(struct terminal *t, const char *link);
/* The slave for this command alone, which runs when terminal_start() is called. */
int terminal_open_for_command(struct terminal *t);
int terminal_start(struct terminal *t, char **command);

/* Whoever uses the terminal is told. */
void terminal_resize(const struct terminal *t, unsigned columns, unsigned rows);

/* The exit status of the command, which has ended; 0 where there was none. */
int terminal_wait(struct terminal *t);

void terminal_close(struct terminal *t);

#endif
