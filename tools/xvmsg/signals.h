/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Signals that come through a descriptor, for commands that have to end properly. */
#ifndef XVMSG_TOOL_SIGNALS_H
#define XVMSG_TOOL_SIGNALS_H

#include <signal.h>

struct signals {
    int fd; /* readable when there is one */
    sigset_t before;
};

/* SIGINT, SIGTERM and SIGHUP, and those of `more`, up to a 0. -1 after a complaint. */
int signals_catch(struct signals *signals, const char *command, const int *more);

/* The next one; 0 when there is none. */
int signals_next(const struct signals *signals);

/* Lets them through again. What came and has done its work is forgotten. */
void signals_release(struct signals *signals);

#endif
