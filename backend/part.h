/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The queues of a device that one lane serves. A lane of a queue thread's and the device,
 * whose state is the worker's own loop's, write to each other. */
#ifndef XVMSG_PART_H
#define XVMSG_PART_H

#include "backend/lane.h"
#include "backend/log.h"

struct device;
struct part_letters;

struct part {
    struct device *device;
    struct lane *lane;
    struct event *work;
    uint64_t kicked; /* queues to look at, by bit */
    uint32_t first;  /* of them */
    struct log_limit trouble_limit;
    struct part_letters *letters; /* NULL: the worker's own loop */
};

/* False: out of memory, and part_close() is still due. */
bool part_open(struct part *part, struct device *device, struct lane *lane);
void part_close(struct part *part);

/* The device is being reset: nothing is to be done about its queues. */
void part_forget(struct part *part);

/* ---- from any thread ---- */

/* Has a queue looked at when this turn ends. */
void part_kick(struct part *part, uint32_t index);

/* ---- from its queue thread ---- */

/* The driver wants to be told of used buffers. */
void part_tell_used(struct part *part, uint32_t index);
/* A queue that stops is idle. */
void part_tell_idle(struct part *part);
/* The device needs a reset; no more is served of this part until then. */
void part_tell_broken(struct part *part, const char *why);

#endif
