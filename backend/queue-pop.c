/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Taking requests: what a guest can get wrong in a chain is caught here, what it can
 * get wrong in a ring by the layouts. */

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/queue-state.h"

#define FAULT_TEXT_MAX 128

bool queue_fault(struct queue *queue, const char *format, ...)
{
    char why[FAULT_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    queue->faulty = true;
    queue->stats->faults++;
    queue->owner.fault(queue->owner.user, queue->index, why);
    return false;
}

/* ---- one chain ---- */

bool queue_add_piece(struct queue *queue, struct walk *walk, const char *kind, uint32_t index,
                     const struct descriptor *d)
{
    bool writable = d->flags & VRING_DESC_F_WRITE;
    bool copied;
    void *start;

    if (walk->count == queue->config.size)
        return queue_fault(queue,
                           "%sdescriptor %u makes a chain longer than the queue's size of %u", kind,
                           index, queue->config.size);
    if (!writable && walk->num_out < walk->count)
        return queue_fault(queue, "%sdescriptor %u is readable after a writable one", kind, index);
    if (!d->length)
        return queue_fault(queue, "%sdescriptor %u has length 0", kind, index);
    copied = memory_copied(d->address, d->length);
    start = copied ? NULL : memory_pin(queue->memory, d->address, d->length, writable);
    if (!copied && !start)
        return queue_fault(queue, "%sdescriptor %u: %u bytes at %#" PRIx64 " are in no %s area",
                           kind, index, d->length, d->address, writable ? "writable" : "shared");
    queue->pieces[walk->count] = (struct iovec){.iov_base = start, .iov_len = d->length};
    queue->addresses[walk->count] = d->address;
    walk->copied |= copied;
    walk->count++;
    if (!writable)
        walk->num_out++;
    return true;
}

static bool copy_entries(struct queue *queue, uint64_t address, uint32_t length)
{
    const void *start;

    if (memory_copied(address, length))
        return queue_fetch_table(queue, address, length);
    start = memory_pin(queue->memory, address, length, false);
    if (!start)
        return queue_fault(queue,
                           "an indirect table of %u bytes at %#" PRIx64 " is in no shared area",
                           length, address);
    memcpy(queue->indirect_table, start, length);
    memory_unpin(queue->memory, address);
    return true;
}

/* It may lie at any address, and the guest may change it meanwhile: from here on
 * there is only the copy. The WRITE flag of such a descriptor means nothing. */
uint32_t queue_copy_table(struct queue *queue, uint32_t index, const struct descriptor *d)
{
    if (!queue->indirect)
        return queue_fault(queue, "descriptor %u is indirect, which was not negotiated", index);
    if (d->flags & VRING_DESC_F_NEXT)
        return queue_fault(queue, "descriptor %u is indirect and has a next one", index);
    if (!d->length || d->length % QUEUE_DESC_BYTES)
        return queue_fault(queue, "an indirect table of %u bytes is no number of descriptors",
                           d->length);
    if (d->length / QUEUE_DESC_BYTES > queue->config.size)
        return queue_fault(queue,
                           "an indirect table of %u bytes is longer than the queue's size of %u",
                           d->length, queue->config.size);
    return copy_entries(queue, d->address, d->length) ? d->length / QUEUE_DESC_BYTES : 0;
}

/* One block: the chain, its pieces, its pins. */
static struct chain *make_chain(const struct queue *queue, const struct walk *walk)
{
    size_t pieces_size = walk->count * sizeof(struct iovec);
    size_t pins_size = walk->count * sizeof(uint64_t);
    struct chain *chain = malloc(sizeof(*chain) + pieces_size + pins_size);

    if (!chain)
        return NULL;

    struct iovec *pieces = (struct iovec *)(chain + 1);

    *chain = (struct chain){
        .id = (uint16_t)walk->id,
        .slots = walk->slots,
        .out = {.pieces = pieces, .count = walk->num_out},
        .in = {.pieces = pieces + walk->num_out, .count = walk->count - walk->num_out},
        .num_pins = walk->count,
        .pins = (uint64_t *)(pieces + walk->count),
    };
    memcpy(pieces, queue->pieces, pieces_size);
    memcpy(chain->pins, queue->addresses, pins_size);
    return chain;
}

/* Memory for what is to be copied. False: a fault, or the queue waits for room. */
static bool make_copy(struct queue *queue, const struct walk *walk, struct memory_copy **copy)
{
    *copy = NULL;
    if (!walk->copied)
        return true;
    *copy = memory_copy_new(queue->memory, queue->pieces, queue->addresses, walk->num_out,
                            walk->count);
    if (*copy) {
        memory_wait_no_more(queue->memory, &queue->room);
        return true;
    }
    if (errno == EAGAIN) {
        memory_wait(queue->memory, &queue->room);
        return false;
    }
    return queue_fault(queue, errno == E2BIG
                                  ? "a chain of %u descriptors has more bytes at grant addresses "
                                    "than the guest may use"
                                  : "no memory for a chain of %u descriptors",
                       walk->count);
}

static struct chain *take_chain(struct queue *queue)
{
    struct walk walk = {0};
    struct memory_copy *copy;
    struct chain *chain;

    if (!queue->layout->read(queue, &walk))
        goto unpin;
    if (queue->id_out[walk.id]) {
        queue_fault(queue, "id %u is offered again while it is in use", walk.id);
        goto unpin;
    }
    if (!make_copy(queue, &walk, &copy))
        goto unpin;
    chain = make_chain(queue, &walk);
    if (!chain) {
        queue_fault(queue, "no memory for a chain of %u descriptors", walk.count);
        goto free_copy;
    }
    chain->copy = copy;
    queue->id_out[walk.id] = true;
    queue->chains_out++;
    return chain;

free_copy:
    memory_copy_free(copy);
unpin:
    memory_unpin_all(queue->memory, queue->addresses, walk.count);
    return NULL;
}

bool queue_has_news(const struct queue *queue, uint16_t *seen)
{
    return queue->enabled && !queue->stopping && !queue->faulty &&
           queue->layout->has_news(queue, seen);
}

struct chain *queue_take(struct queue *queue)
{
    const struct packed_place before = queue->packed; /* or split, which is smaller */
    struct chain *chain;

    if (queue->faulty || queue->room.waits || !queue->batch_left || !queue->layout->look(queue))
        return NULL;
    queue->batch_left--;
    chain = take_chain(queue);
    if (chain)
        queue_stats_popped(queue, chain);
    if (queue->room.waits) {
        queue->packed = before;
        queue->batch_left++;
    }
    return chain;
}

/* To the class, which gives it back at any time. */
static struct chain *hand_out(struct queue *queue, struct chain *chain)
{
    if (queue->resumes)
        STAILQ_INSERT_TAIL(&queue->order, chain, in_list);
    return chain;
}

struct chain *queue_pop(struct queue *queue)
{
    struct chain *chain = STAILQ_FIRST(&queue->ready);

    if (!queue->enabled || queue->stopping || queue->faulty)
        return NULL;
    if (chain) {
        STAILQ_REMOVE_HEAD(&queue->ready, in_list);
        return hand_out(queue, chain);
    }
    chain = queue_take(queue);
    if (!chain)
        return NULL;
    if (!chain->copy || !memory_copy_in(chain->copy))
        return hand_out(queue, chain);
    return queue_fetch_chains(queue, chain);
}
