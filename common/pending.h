/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Events that wait for room in the ring, as one bit each, so that a full ring
 * never loses an event and a repeated event costs nothing.
 *
 * Each device embeds a pending_source; bits are the owner's (by convention bit
 * 0 is EVENT_CONFIG and bit 1 + q the event of queue q). Sources with a bit set
 * stand in a round-robin list, and a source's bits take turns, so neither a busy
 * device nor a busy queue starves another. Freestanding; storage is the caller's.
 */
#ifndef XVMSG_PENDING_H
#define XVMSG_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#define PENDING_CONFIG 0u
#define PENDING_QUEUE(q) (1u + (q))
#define PENDING_WORDS(bits) (((bits) + 31u) / 32u)

/* The owner sets bits and num_bits and zeroes the rest. */
struct pending_source {
    struct pending_source *next;
    uint32_t *bits; /* PENDING_WORDS(num_bits) words, zeroed by the owner */
    uint32_t num_bits;
    uint32_t turn; /* bit to look at first */
    bool listed;
};

struct pending {
    struct pending_source *head;
    struct pending_source *tail;
};

static inline bool pending_empty(const struct pending *pending)
{
    return !pending->head;
}

/* Remembers the event; setting a set bit again does nothing, nor does a bit
 * that the source does not have. */
void pending_set(struct pending *pending, struct pending_source *source, uint32_t bit);

/*
 * The next event to send: its source and bit, still set. False when none waits.
 * The caller calls pending_done() once the event is in the ring.
 */
bool pending_next(const struct pending *pending, struct pending_source **source, uint32_t *bit);

/* Clears the bit and moves its source to the end of the list (or out of it).
 * Does nothing for a source dropped meanwhile. */
void pending_done(struct pending *pending, struct pending_source *source, uint32_t bit);

/* Forgets every event of a source: a reset, or the source is going away. */
void pending_drop(struct pending *pending, struct pending_source *source);

#endif
