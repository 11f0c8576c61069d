/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The queues of a device that one lane serves. */
#ifndef XVMSG_PART_H
#define XVMSG_PART_H

#include "backend/lane.h"
#include "backend/log.h"

struct device;

struct part {
    struct device *device;
    struct lane *lane;
    struct event *work;
    uint64_t kicked; /* queues to look at, by bit */
    uint32_t first;  /* of them */
    struct log_limit trouble_limit;
};

/* False: out of memory, and part_close() is still due. */
bool part_open(struct part *part, struct device *device, struct lane *lane);
void part_close(struct part *part);

/* Has a queue looked at when this turn ends. */
void part_kick(struct part *part, uint32_t index);

#endif
