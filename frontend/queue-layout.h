/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What queue.c leaves to the layout of a queue: queue-split.c and queue-packed.c. */
#ifndef XVMSG_FRONTEND_QUEUE_LAYOUT_H
#define XVMSG_FRONTEND_QUEUE_LAYOUT_H

#include <linux/virtio_ring.h>

#include "common/barrier.h"
#include "frontend/device.h"

/* Of a descriptor, in either layout. */
#define QUEUE_DESC_BYTES 16u

/* What is written by one side lies in cache lines of its own. */
#define QUEUE_CACHE_LINE 64u

/* What the driver remembers of a descriptor; the shared one is never read. A chain is
 * known to the device by the slot it starts in. */
struct queue_slot {
    void *token;        /* of the chain that starts here; NULL: none does */
    uint32_t writable;  /* bytes the device may write in that chain */
    uint16_t next;      /* in the chain, or in the free list */
    uint16_t length;    /* descriptors of the queue in the chain that starts here */
};

/* Where the parts of a queue lie; the descriptors are at 0. */
struct queue_parts {
    size_t driver;
    size_t device;
    size_t bytes;
};

/* A chain of buffers, those the device writes last. */
struct queue_chain {
    const struct xvmsg_buffer *buffers;
    unsigned out;
    unsigned count;
    bool indirect; /* of one buffer, which is a table */
};

/* What the device says of a chain that it used. */
struct queue_used {
    uint32_t id;
    uint32_t length;
};

enum queue_look {
    QUEUE_NOTHING,
    QUEUE_USED,
    QUEUE_NONSENSE, /* the device is broken now */
};

struct queue_layout {
    bool (*size_valid)(uint32_t size, uint32_t max);
    struct queue_parts (*parts)(uint32_t size);
    /* Of a new queue in zeroed memory: with EVENT_IDX, asks to be told of the first used
     * chain alone. */
    void (*start)(struct xvmsg_queue *queue);
    /* Fills in an indirect table. */
    void (*write_table)(void *table, const struct queue_chain *chain);
    /* Makes a chain available that starts in the first free slot; there is room for
     * it. Returns how far that moved next_avail. */
    uint32_t (*write)(struct xvmsg_queue *queue, const struct queue_chain *chain);
    /* With untold chains, and a fence since the last of them was written. */
    bool (*wants_notification)(const struct xvmsg_queue *queue);
    uint32_t (*next_offset)(const struct xvmsg_queue *queue);
    bool (*has_used)(const struct xvmsg_queue *queue);
    /* The next used chain, still unchecked. With EVENT_IDX, asks the device to tell of
     * it when there is none. */
    enum queue_look (*look)(struct xvmsg_queue *queue, struct queue_used *used);
    /* Moves on past a chain of `length` descriptors that look() found. */
    void (*pass)(struct xvmsg_queue *queue, uint16_t length);
};

extern const struct queue_layout queue_layout_split;
extern const struct queue_layout queue_layout_packed;

/* Breaks the device; always QUEUE_NONSENSE. */
enum queue_look queue_nonsense(struct xvmsg_queue *queue, const char *what, unsigned value);

static inline size_t queue_align(size_t offset)
{
    return (offset + QUEUE_CACHE_LINE - 1) & ~(size_t)(QUEUE_CACHE_LINE - 1);
}

static inline uint16_t queue_flags_of(const struct queue_chain *chain, unsigned i)
{
    if (chain->indirect)
        return VRING_DESC_F_INDIRECT;
    return (uint16_t)((i >= chain->out ? VRING_DESC_F_WRITE : 0) |
                      (i + 1 < chain->count ? VRING_DESC_F_NEXT : 0));
}

static inline bool queue_uses_event_idx(const struct xvmsg_queue *queue)
{
    return queue->device->features & FEATURE_EVENT_IDX;
}

#endif
