/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The time, for those who need it for each request but not to the nanosecond:
 * the clock is read once in a turn of the loop, however many ask.
 */
#ifndef XVMSG_TURN_H
#define XVMSG_TURN_H

#include <event2/event.h>
#include <stdbool.h>

#include "common/platform.h"

/* Zeroed, it works without a loop: every question reads the clock. */
struct turn {
    struct event *end; /* of the turn; what was read is then old */
    uint64_t now;      /* 0: not read yet */
};

/* False: out of memory. */
bool turn_open(struct turn *turn, struct event_base *base);
void turn_close(struct turn *turn);

/* Nanoseconds, as read in this turn. */
uint64_t turn_now(struct turn *turn, struct platform *platform);

/* The same, read at this moment. */
uint64_t turn_read(struct turn *turn, struct platform *platform);

#endif
