/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One virtqueue as the device sees it: split or packed, with indirect descriptors
 * and the event index, as the driver accepted them.
 *
 * Enabled, its three parts are pinned in the guest's memory. Popping copies a
 * descriptor chain once, an indirect table with it, checks the copy and pins what it
 * points to; pushing gives it back. A queue that is stopping takes nothing more from the guest and
 * writes nothing more to its rings; it is idle when every chain is back.
 *
 * The guest's mistakes do not return as errors: the owner's fault() is called
 * with words, once, and the queue pops nothing until it is cleared.
 */
#ifndef XVMSG_QUEUE_H
#define XVMSG_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "backend/iov.h"
#include "backend/memory.h"
#include "backend/stats.h"

/* What SET_VQUEUE sets; zeroes while unconfigured. */
struct queue_config {
    uint32_t size;
    uint64_t desc;   /* descriptor table, or the packed ring */
    uint64_t driver; /* available ring, or the driver's event suppression */
    uint64_t device; /* used ring, or the device's event suppression */
};

/* A request: what the guest wrote (`out`) and where it wants its answer (`in`),
 * both ours to cut up. */
struct chain {
    uint16_t id;    /* by which the driver knows it */
    uint16_t slots; /* descriptors of a packed ring it takes */
    struct iov out;
    struct iov in;
    /* For who writes elsewhere than from the start of `in`, a status byte at its end:
     * all of it is the guest's to have. */
    bool scattered;

    /* The queue's. */
    uint32_t num_pins;
    uint64_t *pins; /* addresses, one for each descriptor */
    uint64_t popped; /* when; the queue's own */
    struct memory_copy *copy; /* NULL: nothing of it is at grant addresses */
    uint32_t written;
    bool last; /* of those that were pushed together */
    bool done; /* pushed */
    STAILQ_ENTRY(chain) in_list;
};

/* Called from within the functions below. */
struct queue_owner {
    void (*used)(void *user, uint32_t index);  /* the driver wants to be told */
    void (*fault)(void *user, uint32_t index, const char *why);
    void (*idle)(void *user, uint32_t index);  /* stopping, and the last chain is back */
    /* Nanoseconds on a clock that never goes back; one that was read a little earlier
     * will do, unless `fresh`. */
    uint64_t (*now)(void *user, bool fresh);
    /* At the end of this turn queue_flush() is due, and then a look for requests. */
    void (*attend)(void *user, uint32_t index);
    void *user;
};

struct queue;

/* NULL with errno ENOMEM. `max_size` is a power of two; owner is copied. */
struct queue *queue_new(uint32_t index, uint32_t max_size, const struct queue_owner *owner);

/* No chain may be out. NULL is fine. */
void queue_free(struct queue *queue);

uint32_t queue_index(const struct queue *queue);
uint32_t queue_max_size(const struct queue *queue);
bool queue_enabled(const struct queue *queue);
bool queue_idle(const struct queue *queue); /* no chain is out */
const struct queue_config *queue_get_config(const struct queue *queue);

/*
 * Sets a disabled queue's parameters. False, nothing changed, when a size that
 * is not 0 is above the maximum or, of a split queue, not a power of two, or an
 * address is not aligned as the layout wants.
 */
bool queue_configure(struct queue *queue, const struct queue_config *config);

/* The same, then enables the queue. False, nothing changed, also when the size
 * an address is 0, a part does not lie in an area of `memory`, or memory of ours
 * is short. */
bool queue_enable(struct queue *queue, struct memory *memory, const struct queue_config *config);

/*
 * Of a disabled queue. One that resumes gives chains back in the order in which they were
 * made available, and begins at the index it finds in its used ring, if it is a split one:
 * so what another queue had under way in these rings when it ended, which is what lies
 * between used and available, is served by this one.
 */
void queue_set_resume(struct queue *queue, bool resumes);

/* The features the driver accepted, of which RING_PACKED, INDIRECT_DESC and EVENT_IDX
 * matter here; none, until this is called. Holds until it is called again. The layout
 * may change while the queue is disabled, the others before the first pop. */
void queue_negotiated(struct queue *queue, uint64_t features);

/* From now on: no pop, no write to the guest. The owner's idle() is called when
 * the last chain comes back; not when queue_idle() is true already. */
void queue_stop(struct queue *queue);

/* Back to unconfigured, nothing pinned. Only when idle. */
void queue_clear(struct queue *queue);

/*
 * The next request; NULL when there is none, after a fault, or when as many as
 * the queue's size were popped since queue_begin_batch(). It must come back
 * through queue_push(), at any later time and in any order. The driver is asked to
 * notify of further requests when NULL is returned because there is none: who stops
 * earlier has to come back without being told.
 */
struct chain *queue_pop(struct queue *queue);

/* Did the driver make requests available that were neither popped nor told of in here
 * before? `seen` is the caller's to keep. Asks for no notification. */
bool queue_has_news(const struct queue *queue, uint16_t *seen);

/* `written` bytes were written, from the start of the chain's writable part. What is
 * at grant addresses is copied, and the driver told, by queue_flush(). In a queue that
 * resumes the driver sees it when all that were popped before are back. */
void queue_push(struct queue *queue, struct chain *chain, uint32_t written);

/* The same for `count` chains, at least one, of which the driver sees all or none; in a
 * queue that resumes, if they were popped in a row. */
void queue_push_together(struct queue *queue, struct chain *const *chains, const uint32_t *written,
                         uint32_t count);

/* Gives the guest what was pushed and is still to be copied, all of it in one go. */
void queue_flush(struct queue *queue);

/* Starts a batch. A guest that refills as fast as we serve is served in
 * batches, so that the rest of the worker has its turn between them. */
void queue_begin_batch(struct queue *queue);
bool queue_batch_full(const struct queue *queue);

/* What it counts; NULL while it was never enabled. Whoever sees a doorbell, sends a
 * notification or polls counts it here. */
struct queue_stats *queue_stats(const struct queue *queue);

#endif
