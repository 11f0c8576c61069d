/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What a bus's worker tells of its counters, after control-protocol.h: packets of
 * whole records, then it closes. First the bus, then its devices in ascending order,
 * each followed by those of its queues that were ever enabled, in ascending order;
 * last a record that says that this was all. Each device is as it was at one moment,
 * but not all at the same one.
 */
#ifndef XVMSG_STATS_PROTOCOL_H
#define XVMSG_STATS_PROTOCOL_H

#include "backend/stats.h"

#define STATS_NAME_MAX 32   /* with the NUL behind it */
#define STATS_QUEUES_MAX 64 /* of a device */

enum stats_kind {
    STATS_BUS = 1,
    STATS_DEVICE,
    STATS_QUEUE,
    STATS_END,
};

/* Every record begins so. */
struct stats_head {
    uint32_t kind; /* enum stats_kind */
    uint32_t size; /* of the record: what stats_record_size() says of the kind */
};

struct stats_bus {
    struct stats_head head;
    struct channel_stats channel;
    struct memory_stats memory; /* of all connections */
    uint64_t connected;         /* 1: a guest's driver is there */
};

struct stats_device {
    struct stats_head head;
    uint64_t number;
    struct device_stats counts;
    uint32_t num_queues;
    uint32_t status; /* as the driver reads it */
    char name[STATS_NAME_MAX];
    char type[STATS_NAME_MAX];
};

struct stats_queue {
    struct stats_head head;
    uint64_t index;
    struct queue_stats counts;
};

/* No packet is longer. */
#define STATS_PACKET_MAX 16384u

_Static_assert(sizeof(struct stats_queue) <= STATS_PACKET_MAX, "a packet takes any record");
_Static_assert(sizeof(struct stats_bus) % 8 == 0 && sizeof(struct stats_device) % 8 == 0 &&
                   sizeof(struct stats_queue) % 8 == 0, "records stay aligned");

/* 0 for what is no kind. */
static inline uint32_t stats_record_size(uint32_t kind)
{
    switch (kind) {
    case STATS_BUS:
        return sizeof(struct stats_bus);
    case STATS_DEVICE:
        return sizeof(struct stats_device);
    case STATS_QUEUE:
        return sizeof(struct stats_queue);
    case STATS_END:
        return sizeof(struct stats_head);
    default:
        return 0;
    }
}

#endif
