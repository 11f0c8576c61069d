/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A queue from inside: what queue.c and queue-pop.c share, and what they leave to
 * the layout, of which there are two, queue-split.c and queue-packed.c.
 */
#ifndef XVMSG_QUEUE_STATE_H
#define XVMSG_QUEUE_STATE_H

#include "backend/queue.h"

STAILQ_HEAD(chain_list, chain);

/* Of a descriptor, in either layout. */
#define QUEUE_DESC_BYTES 16u

/* A copy, of what both layouts have: the guest may change the original while we
 * look at this one. */
struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
};

/* A chain being read into queue->pieces: readable ones, then writable ones. */
struct walk {
    uint32_t count;
    uint32_t num_out;
    uint32_t id;    /* by which the driver knows it; below the queue's size */
    uint16_t slots; /* descriptors of a packed ring it takes */
    bool copied;    /* some of them are to be */
};

/* One of a queue's three parts. */
struct queue_part {
    uint32_t align;
    uint32_t (*bytes)(uint32_t size);
    bool writable; /* by the device */
};

struct tables;

/* Somebody who wants to know where indirect tables are; false: no more. */
typedef bool queue_want_table(struct tables *tables, uint64_t address, uint32_t length);

struct queue_layout {
    bool (*size_valid)(uint32_t size, uint32_t max);
    struct queue_part desc, driver, device;
    /* Is there a chain to take? If not, asks the driver to tell of the next one. Also
     * false after a fault. */
    bool (*look)(struct queue *queue);
    /* For queue_has_news(). */
    bool (*has_news)(const struct queue *queue, uint16_t *seen);
    /* Takes the place that the rings tell of. NULL: they do not tell. */
    void (*resume)(struct queue *queue);
    /* Reads it, and moves on. False after a fault; what walk counts is pinned. */
    bool (*read)(struct queue *queue, struct walk *walk);
    /* Of the chains that are next, as far as they can be seen: the table each begins with. */
    void (*peek)(const struct queue *queue, queue_want_table *want, struct tables *tables);
    /* Gives chains back, at least one, of which the driver sees all or none. Does it want
     * to be told? */
    bool (*give_back)(struct queue *queue, const struct chain_list *chains);
};

extern const struct queue_layout queue_split;
extern const struct queue_layout queue_packed;

/* Where we are in the rings; all begins with 0. */
struct split_place {
    uint16_t next_avail; /* in the available ring */
    uint16_t seen_avail; /* the guest's index as last checked */
    uint16_t next_used;
};

struct packed_place {
    uint32_t next_avail; /* as packed.h counts */
    uint32_t next_used;
    uint32_t slots_out; /* descriptors of chains that are out */
};

_Static_assert(sizeof(struct packed_place) >= sizeof(struct split_place), "holds either");


struct queue {
    struct queue_owner owner;
    struct memory *memory;
    struct queue_config config;
    const struct queue_layout *layout;
    /* Shared with the guest while enabled. */
    void *desc;
    void *driver;
    void *device;

    uint32_t index;
    uint32_t max_size;
    uint32_t chains_out;
    uint32_t batch_left;
    uint64_t batch_began; /* when */
    union {
        struct split_place split;
        struct packed_place packed;
    };
    bool indirect;  /* what the driver accepted */
    bool event_idx;
    bool resumes;
    bool enabled;
    bool stopping;
    bool faulty;
    bool torn; /* it resumes, and one did not reach the guest: none behind it may */

    /* While enabled, of config.size each. */
    bool *id_out;          /* ids of chains that are out */
    struct iovec *pieces;  /* of the chain being read */
    uint64_t *addresses;   /* likewise */
    void *indirect_table;  /* its copy */

    struct queue_stats *stats; /* from the first queue_enable() on */

    struct chain_list order; /* if it resumes: chains the class had, in the order of pops */

    /* Of what is copied: chains that are here already but were not asked for, and such
     * as are back but have not reached the guest. */
    struct chain_list ready;
    struct chain_list returning;
    struct memory_waiter room; /* waits: the next chain does not fit now */
    struct tables *tables;     /* of chains that are next; NULL: there were none */
};

/* ---- queue-pop.c ---- */

/* The next chain. NULL when there is none, it must wait, or after a fault. */
struct chain *queue_take(struct queue *queue);

/* ---- queue-fetch.c ---- */

/* Copies an indirect table from a grant address to queue->indirect_table, and with it
 * those of the chains that are next. False: a fault. */
bool queue_fetch_table(struct queue *queue, uint64_t address, uint32_t length);

/* Copies in what was noted of this chain, together with those behind it, which are then
 * ready. NULL: a fault. */
struct chain *queue_fetch_chains(struct queue *queue, struct chain *first);

/* Lets go of all that neither the class nor the guest has. */
void queue_fetch_drop(struct queue *queue);

/* ---- queue.c ---- */

/* Frees chains that are back, and nobody is told. */
void queue_forget(struct queue *queue, struct chain_list *chains);

/* The same, and the driver is told of `written` bytes of each, of all or none at a time,
 * unless the queue stops. */
void queue_give_back(struct queue *queue, struct chain_list *chains);

/* ---- queue-pop.c, for the layouts ---- */

/* Always false, so that a check can end in `return queue_fault(...)`. */
bool queue_fault(struct queue *queue, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A buffer. `kind` is what a fault says before the words "descriptor `index`". */
bool queue_add_piece(struct queue *queue, struct walk *walk, const char *kind, uint32_t index,
                     const struct descriptor *d);

/* The number of descriptors in the table that this one tells of, now copied to
 * queue->indirect_table; 0 after a fault. */
uint32_t queue_copy_table(struct queue *queue, uint32_t index, const struct descriptor *d);

/* ---- queue-stats.c ---- */

void queue_stats_popped(struct queue *queue, struct chain *chain);
void queue_stats_pushed(struct queue *queue, const struct chain *chain, uint32_t written);

/* What has been mapped and copied since `before` was for this queue. */
void queue_stats_memory(struct queue *queue, const struct memory_stats *before);

#endif
