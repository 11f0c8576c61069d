/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A queue from inside: what queue.c and queue-pop.c share. */
#ifndef XVMSG_QUEUE_STATE_H
#define XVMSG_QUEUE_STATE_H

#include "backend/queue.h"
#include "common/split.h"

struct queue {
    struct queue_owner owner;
    struct memory *memory;
    struct queue_config config;
    /* Shared with the guest while enabled. */
    const struct vring_desc *desc;
    const struct vring_avail *avail;
    struct vring_used *used;

    uint32_t index;
    uint32_t max_size;
    uint32_t chains_out;
    uint32_t batch_left;
    uint64_t batch_began; /* when */
    uint16_t next_avail; /* our place in the available ring */
    uint16_t seen_avail; /* the guest's index as last checked */
    uint16_t next_used;
    bool indirect;  /* what the driver accepted */
    bool event_idx;
    bool enabled;
    bool stopping;
    bool faulty;

    /* While enabled, of config.size each. */
    bool *head_out;        /* heads of chains that are out */
    struct iovec *pieces;  /* of the chain being read */
    uint64_t *addresses;   /* likewise */
    struct vring_desc *indirect_table; /* its copy */

    struct queue_stats *stats; /* from the first queue_enable() on */
};

/* ---- queue-stats.c ---- */

void queue_stats_popped(struct queue *queue, struct chain *chain);
void queue_stats_pushed(struct queue *queue, const struct chain *chain, uint32_t written);

/* What has been mapped and copied since `before` was for this queue. */
void queue_stats_memory(struct queue *queue, const struct memory_stats *before);

#endif
