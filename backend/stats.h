/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What a worker counts, each where it happens: plain increments, from the moment
 * the device (or the bus) is there, over resets and connections. `xvmsg stats` is
 * sent copies of these; see stats-protocol.h.
 */
#ifndef XVMSG_STATS_H
#define XVMSG_STATS_H

#include "backend/latency.h"

/* Of a queue, since it was first enabled. */
struct queue_stats {
    uint64_t requests;           /* taken from the guest */
    uint64_t bytes_from_guest;   /* that they had for us to read */
    uint64_t bytes_to_guest;     /* that we wrote for them */
    uint64_t depth;              /* requests under way */
    uint64_t depth_max;
    uint64_t doorbells;          /* notifications from the driver */
    uint64_t notifications;      /* of the driver */
    uint64_t suppressed;         /* that the driver did not want */
    uint64_t polls;              /* looks at the queue that nobody asked for */
    uint64_t polls_found;        /* of them: there was a request */
    uint64_t maps;               /* calls that map granted pages for its requests */
    uint64_t copies;             /* calls that copy from or to granted pages */
    uint64_t copied_bytes;
    uint64_t faults;             /* rings that make no sense */
    struct latency latency;      /* from taking a request to giving it back */
};

/* Of a device. */
struct device_stats {
    uint64_t needs_resets; /* times that it gave up */
    uint64_t resets;       /* by the driver, or because that went away */
};

/* Of a bus's message ring. */
struct channel_stats {
    uint64_t from_guest;    /* messages */
    uint64_t to_guest;      /* with events */
    uint64_t events;        /* of them */
    uint64_t dropped;       /* from the guest, that nobody took */
    uint64_t doorbells;     /* times the guest's event channel fired */
    uint64_t notifications; /* of the guest, by event channel */
    uint64_t looks;         /* at the ring */
    uint64_t polls;         /* of them: that nobody asked for */
    uint64_t polls_found;   /* of these: there was a message */
};

/* Of a bus's memory. */
struct memory_stats {
    uint64_t maps;         /* calls */
    uint64_t mapped_pages; /* now */
    uint64_t copies; /* calls */
    uint64_t copied_bytes;
};

/* What several threads may see happen. */
static inline void stats_count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

#endif
