/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the workers of this domain's buses have counted, as they tell it. */
#ifndef XVMSG_TOOL_COUNTS_H
#define XVMSG_TOOL_COUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/stats-protocol.h"
#include "common/platform.h"
#include "tools/xvmsg/control.h"

struct counts_queue {
    uint32_t index;
    struct queue_stats stats;
};

struct counts_device {
    uint64_t number;
    char name[STATS_NAME_MAX];
    char type[STATS_NAME_MAX];
    struct device_stats stats;
    struct counts_queue *queues; /* that were ever enabled, ascending */
    size_t num_queues;
};

struct counts_bus {
    uint32_t domid;
    uint32_t bus;
    char domain[64]; /* its name, or its id where it has none */
    bool complete;   /* if not, `why` says what is wrong */
    char why[CONTROL_TOLD_MAX];
    bool connected;
    struct channel_stats channel;
    struct memory_stats memory;
    struct counts_device *devices; /* ascending */
    size_t num_devices;
};

struct counts {
    uint64_t time; /* when they were asked for, nanoseconds */
    struct counts_bus *buses; /* ascending, by domain and bus */
    size_t num_buses;
};

/* Which buses, and of them which devices. */
struct counts_order {
    const char *socket; /* the daemon's */
    const char *domain; /* name or id; NULL: every one */
    const char *device; /* number or name; NULL: every one */
    unsigned timeout;   /* seconds that workers have to answer */
    int until[2];       /* nor longer than until one of these is readable; -1: none */
};

/*
 * Asks all of them at once, and waits as long as ordered. 0, also when some did
 * not answer, as counts_complete() tells; -1 after a complaint. Free *counts in both
 * cases.
 */
int counts_collect(struct platform *p, const char *command, const struct counts_order *order,
                   struct counts *counts);
void counts_free(struct counts *counts);

/* Did all answer? Complains of those who did not. */
bool counts_complete(const char *command, const struct counts *counts);

/* ---- figures ---- */

/* What all queues of a device have counted. */
void counts_of_device(const struct counts_device *device, struct queue_stats *sum);

/* What has been counted since `before`, which is of the same device. `depth` and the
 * maxima stay as they are. */
void counts_since(struct queue_stats *now, const struct queue_stats *before);

uint64_t counts_timed(const struct latency *latency);

/* Nanoseconds within which so many of a hundred requests were done; 0 when there were
 * none. */
uint64_t counts_percentile(const struct latency *latency, unsigned percent);

#endif
