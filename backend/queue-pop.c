/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Taking requests: everything a guest can get wrong in a ring is caught here. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/queue-state.h"
#include "common/barrier.h"

#define FAULT_TEXT_MAX 128

/* A copy: the guest may change the original while we look at this one. */
struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

/* A chain being read into queue->pieces: readable ones, then writable ones. */
struct walk {
    uint32_t count;
    uint32_t num_out;
};

/* Where descriptors are read: in the queue's table or in the copy of an indirect one. */
struct table {
    const struct vring_desc *entries;
    uint32_t size;
    const char *kind; /* what a fault says before the word descriptor */
};

static bool fault(struct queue *queue, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Always false, so that a check can end in `return fault(...)`. */
static bool fault(struct queue *queue, const char *format, ...)
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

/* ---- the available ring ---- */

/* Is there an entry in the available ring that we have not taken? */
static bool look(struct queue *queue)
{
    /* Acquire: pairs with the driver's barrier before it moves its index, so
     * that we read the ring entries and descriptors it wrote before. */
    uint16_t index = shared_load16_acquire(&queue->avail->idx);

    if ((uint16_t)(index - queue->next_avail) > queue->config.size)
        return fault(queue, "available index %u is more than the queue's size ahead of %u", index,
                     queue->next_avail);
    queue->seen_avail = index;
    return index != queue->next_avail;
}

/* Have the driver notify us of the next entry. It is not asked as long as we are
 * busy: what comes meanwhile is found without. */
static void ask_for_notification(struct queue *queue)
{
    shared_store16(split_avail_event(queue->used, queue->config.size), queue->next_avail);
    /* Pairs with the driver's fence between moving its index and reading what we
     * ask for: either it sees that, or we see its index when we look once more. */
    shared_fence();
}

static bool look_for_more(struct queue *queue)
{
    if (queue->next_avail != queue->seen_avail || look(queue))
        return true;
    if (queue->faulty || !queue->event_idx)
        return false;
    ask_for_notification(queue);
    return look(queue);
}

/* ---- one chain ---- */

static struct descriptor copy_descriptor(const struct vring_desc *shared)
{
    return (struct descriptor){
        /* __u64 and uint64_t are two names of 64 bits that C keeps apart. */
        .address = shared_load64((const uint64_t *)(const void *)&shared->addr),
        .length = shared_load32(&shared->len),
        .flags = shared_load16(&shared->flags),
        .next = shared_load16(&shared->next),
    };
}

static bool add_piece(struct queue *queue, struct walk *walk, const struct table *table,
                      uint32_t index, const struct descriptor *d)
{
    bool writable = d->flags & VRING_DESC_F_WRITE;
    const char *kind = table->kind;
    void *start;

    if (walk->count == queue->config.size)
        return fault(queue, "%sdescriptor %u makes a chain longer than the queue's size of %u",
                     kind, index, queue->config.size);
    if (!writable && walk->num_out < walk->count)
        return fault(queue, "%sdescriptor %u is readable after a writable one", kind, index);
    if (!d->length)
        return fault(queue, "%sdescriptor %u has length 0", kind, index);
    start = memory_pin(queue->memory, d->address, d->length, writable);
    if (!start)
        return fault(queue, "%sdescriptor %u: %u bytes at %#" PRIx64 " are in no %s area", kind,
                     index, d->length, d->address, writable ? "writable" : "shared");
    queue->pieces[walk->count] = (struct iovec){.iov_base = start, .iov_len = d->length};
    queue->addresses[walk->count] = d->address;
    walk->count++;
    if (!writable)
        walk->num_out++;
    return true;
}

static bool check_indirect(struct queue *queue, const struct table *table, uint32_t index,
                           const struct descriptor *d)
{
    if (!queue->indirect)
        return fault(queue, "descriptor %u is indirect, which was not negotiated", index);
    if (table->entries != queue->desc)
        return fault(queue, "%sdescriptor %u is indirect itself", table->kind, index);
    if (d->flags & VRING_DESC_F_NEXT)
        return fault(queue, "descriptor %u is indirect and has a next one", index);
    return true;
}

/*
 * Adds the pieces of a chain, from the descriptor `first` on, as far as they are
 * in this table. It may end with an indirect descriptor, which is then in *last.
 */
static bool read_table(struct queue *queue, const struct table *table, uint32_t first,
                       struct walk *walk, struct descriptor *last)
{
    uint32_t index = first;

    for (uint32_t steps = 0;; steps++) {
        if (index >= table->size)
            return fault(queue, "%sdescriptor %u is beyond its table's size of %u", table->kind,
                         index, table->size);
        if (steps == table->size)
            return fault(queue, "the %sdescriptor chain at %u is a loop", table->kind, first);
        *last = copy_descriptor(&table->entries[index]);
        if (last->flags & VRING_DESC_F_INDIRECT)
            return check_indirect(queue, table, index, last);
        if (!add_piece(queue, walk, table, index, last))
            return false;
        if (!(last->flags & VRING_DESC_F_NEXT))
            return true;
        index = last->next;
    }
}

/* Copies the table a descriptor tells of. It may lie at any address, and the guest
 * may change it meanwhile: from here on there is only the copy. The WRITE flag of
 * such a descriptor means nothing. */
static bool copy_table(struct queue *queue, const struct descriptor *d, struct table *table)
{
    const void *start;

    if (!d->length || d->length % sizeof(struct vring_desc))
        return fault(queue, "an indirect table of %u bytes is no number of descriptors", d->length);
    if (d->length > split_desc_bytes(queue->config.size))
        return fault(queue, "an indirect table of %u bytes is longer than the queue's size of %u",
                     d->length, queue->config.size);
    start = memory_pin(queue->memory, d->address, d->length, false);
    if (!start)
        return fault(queue, "an indirect table of %u bytes at %#" PRIx64 " is in no shared area",
                     d->length, d->address);
    memcpy(queue->indirect_table, start, d->length);
    memory_unpin(queue->memory, d->address);
    *table = (struct table){
        .entries = queue->indirect_table,
        .size = d->length / (uint32_t)sizeof(struct vring_desc),
        .kind = "indirect ",
    };
    return true;
}

static bool read_chain(struct queue *queue, uint32_t head, struct walk *walk)
{
    struct table table = {.entries = queue->desc, .size = queue->config.size, .kind = ""};
    struct descriptor last;

    if (!read_table(queue, &table, head, walk, &last))
        return false;
    if (!(last.flags & VRING_DESC_F_INDIRECT))
        return true;
    return copy_table(queue, &last, &table) && read_table(queue, &table, 0, walk, &last);
}

/* One block: the chain, its pieces, its pins. */
static struct chain *make_chain(const struct queue *queue, uint16_t head, const struct walk *walk)
{
    size_t pieces_size = walk->count * sizeof(struct iovec);
    size_t pins_size = walk->count * sizeof(uint64_t);
    struct chain *chain = malloc(sizeof(*chain) + pieces_size + pins_size);

    if (!chain)
        return NULL;

    struct iovec *pieces = (struct iovec *)(chain + 1);

    *chain = (struct chain){
        .head = head,
        .out = {.pieces = pieces, .count = walk->num_out},
        .in = {.pieces = pieces + walk->num_out, .count = walk->count - walk->num_out},
        .num_pins = walk->count,
        .pins = (uint64_t *)(pieces + walk->count),
    };
    memcpy(pieces, queue->pieces, pieces_size);
    memcpy(chain->pins, queue->addresses, pins_size);
    return chain;
}

static struct chain *take_chain(struct queue *queue, uint16_t head)
{
    struct walk walk = {0};
    struct chain *chain;

    if (head < queue->config.size && queue->head_out[head]) {
        fault(queue, "descriptor %u is offered again while it is in use", head);
        return NULL;
    }
    if (!read_chain(queue, head, &walk))
        goto unpin;
    chain = make_chain(queue, head, &walk);
    if (!chain) {
        fault(queue, "no memory for a chain of %u descriptors", walk.count);
        goto unpin;
    }
    queue->head_out[head] = true;
    queue->chains_out++;
    return chain;

unpin:
    memory_unpin_all(queue->memory, queue->addresses, walk.count);
    return NULL;
}

struct chain *queue_pop(struct queue *queue)
{
    struct memory_stats before;
    struct chain *chain;
    uint16_t head;

    if (!queue->enabled || queue->stopping || queue->faulty || !queue->batch_left ||
        !look_for_more(queue))
        return NULL;
    head = shared_load16(&queue->avail->ring[queue->next_avail & (queue->config.size - 1)]);
    queue->next_avail++;
    queue->batch_left--;
    before = *memory_stats(queue->memory);
    chain = take_chain(queue, head);
    queue_stats_memory(queue, &before);
    if (chain)
        queue_stats_popped(queue, chain);
    return chain;
}
