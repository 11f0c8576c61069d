/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/barrier.h"
#include "common/split.h"

#define FAULT_TEXT_MAX 128

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
    uint16_t next_avail; /* our place in the available ring */
    uint16_t seen_avail; /* the guest's index as last checked */
    uint16_t next_used;
    bool enabled;
    bool stopping;
    bool faulty;

    /* While enabled, of config.size each. */
    bool *head_out;        /* heads of chains that are out */
    struct iovec *pieces;  /* of the chain being read */
    uint64_t *addresses;   /* likewise */
};

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

struct queue *queue_new(uint32_t index, uint32_t max_size, const struct queue_owner *owner)
{
    struct queue *queue = calloc(1, sizeof(*queue));

    if (!queue)
        return NULL;
    queue->index = index;
    queue->max_size = max_size;
    queue->owner = *owner;
    return queue;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    queue_clear(queue);
    free(queue);
}

uint32_t queue_index(const struct queue *queue)
{
    return queue->index;
}

uint32_t queue_max_size(const struct queue *queue)
{
    return queue->max_size;
}

bool queue_enabled(const struct queue *queue)
{
    return queue->enabled;
}

bool queue_idle(const struct queue *queue)
{
    return !queue->chains_out;
}

const struct queue_config *queue_get_config(const struct queue *queue)
{
    return &queue->config;
}

/* ---- setting up and letting go ---- */

bool queue_configure(struct queue *queue, const struct queue_config *config)
{
    if (queue->enabled || (config->size && !split_size_valid(config->size, queue->max_size)) ||
        config->desc % SPLIT_DESC_ALIGN || config->driver % SPLIT_AVAIL_ALIGN ||
        config->device % SPLIT_USED_ALIGN)
        return false;
    queue->config = *config;
    return true;
}

static bool pin_parts(struct queue *queue, struct memory *memory,
                      const struct queue_config *config)
{
    queue->desc = memory_pin(memory, config->desc, split_desc_bytes(config->size), false);
    if (!queue->desc)
        goto fail;
    queue->avail = memory_pin(memory, config->driver, split_avail_bytes(config->size), false);
    if (!queue->avail)
        goto unpin_desc;
    queue->used = memory_pin(memory, config->device, split_used_bytes(config->size), true);
    if (!queue->used)
        goto unpin_avail;
    return true;

unpin_avail:
    memory_unpin(memory, config->driver);
unpin_desc:
    memory_unpin(memory, config->desc);
fail:
    return false;
}

static void free_arrays(struct queue *queue)
{
    free(queue->head_out);
    free(queue->pieces);
    free(queue->addresses);
    queue->head_out = NULL;
    queue->pieces = NULL;
    queue->addresses = NULL;
}

/* Only for a queue in use: of many devices most have nobody who drives them. */
static bool make_arrays(struct queue *queue, uint32_t size)
{
    queue->head_out = calloc(size, sizeof(*queue->head_out));
    queue->pieces = calloc(size, sizeof(*queue->pieces));
    queue->addresses = calloc(size, sizeof(*queue->addresses));
    if (queue->head_out && queue->pieces && queue->addresses)
        return true;
    free_arrays(queue);
    return false;
}

bool queue_enable(struct queue *queue, struct memory *memory, const struct queue_config *config)
{
    struct queue_config before = queue->config;

    if (!config->size || !queue_configure(queue, config))
        return false;
    if (!make_arrays(queue, config->size))
        goto restore;
    if (!pin_parts(queue, memory, config))
        goto drop_arrays;
    queue->memory = memory;
    queue->enabled = true;
    return true;

drop_arrays:
    free_arrays(queue);
restore:
    queue->config = before;
    return false;
}

void queue_stop(struct queue *queue)
{
    queue->stopping = true;
}

void queue_clear(struct queue *queue)
{
    if (queue->enabled) {
        memory_unpin(queue->memory, queue->config.desc);
        memory_unpin(queue->memory, queue->config.driver);
        memory_unpin(queue->memory, queue->config.device);
    }
    free_arrays(queue);
    queue->memory = NULL;
    queue->desc = NULL;
    queue->avail = NULL;
    queue->used = NULL;
    queue->config = (struct queue_config){0};
    queue->next_avail = queue->seen_avail = queue->next_used = 0;
    queue->enabled = queue->stopping = queue->faulty = false;
}

/* ---- taking requests ---- */

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
    queue->owner.fault(queue->owner.user, queue->index, why);
    return false;
}

void queue_begin_batch(struct queue *queue)
{
    queue->batch_left = queue->config.size;
}

bool queue_batch_full(const struct queue *queue)
{
    return !queue->batch_left;
}

/* Is there an entry in the available ring that we have not taken? */
static bool look_for_more(struct queue *queue)
{
    uint16_t index;

    if (queue->next_avail != queue->seen_avail)
        return true;
    /* Acquire: pairs with the driver's barrier before it moves its index, so
     * that we read the ring entries and descriptors it wrote before. */
    index = shared_load16_acquire(&queue->avail->idx);
    if ((uint16_t)(index - queue->next_avail) > queue->config.size)
        return fault(queue, "available index %u is more than the queue's size ahead of %u", index,
                     queue->next_avail);
    queue->seen_avail = index;
    return index != queue->next_avail;
}

static struct descriptor copy_descriptor(const struct queue *queue, uint32_t index)
{
    const struct vring_desc *shared = &queue->desc[index];

    return (struct descriptor){
        /* __u64 and uint64_t are two names of 64 bits that C keeps apart. */
        .address = shared_load64((const uint64_t *)(const void *)&shared->addr),
        .length = shared_load32(&shared->len),
        .flags = shared_load16(&shared->flags),
        .next = shared_load16(&shared->next),
    };
}

static bool add_piece(struct queue *queue, struct walk *walk, uint32_t index,
                      const struct descriptor *d)
{
    bool writable = d->flags & VRING_DESC_F_WRITE;
    void *start;

    if (d->flags & VRING_DESC_F_INDIRECT)
        return fault(queue, "descriptor %u is indirect, which was not negotiated", index);
    if (!writable && walk->num_out < walk->count)
        return fault(queue, "descriptor %u is readable after a writable one", index);
    if (!d->length)
        return fault(queue, "descriptor %u has length 0", index);
    start = memory_pin(queue->memory, d->address, d->length, writable);
    if (!start)
        return fault(queue, "descriptor %u: %u bytes at %#" PRIx64 " are in no %s area", index,
                     d->length, d->address, writable ? "writable" : "shared");
    queue->pieces[walk->count] = (struct iovec){.iov_base = start, .iov_len = d->length};
    queue->addresses[walk->count] = d->address;
    walk->count++;
    if (!writable)
        walk->num_out++;
    return true;
}

static bool read_chain(struct queue *queue, uint32_t head, struct walk *walk)
{
    struct descriptor d = {.flags = VRING_DESC_F_NEXT, .next = (uint16_t)head};

    while (d.flags & VRING_DESC_F_NEXT) {
        uint32_t index = d.next;

        if (index >= queue->config.size)
            return fault(queue, "descriptor %u is beyond the queue's size of %u", index,
                         queue->config.size);
        if (walk->count == queue->config.size)
            return fault(queue, "the descriptor chain at %u is a loop", head);
        d = copy_descriptor(queue, index);
        if (!add_piece(queue, walk, index, &d))
            return false;
    }
    return true;
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

static void unpin_all(struct queue *queue, const uint64_t *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        memory_unpin(queue->memory, addresses[i]);
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
    unpin_all(queue, queue->addresses, walk.count);
    return NULL;
}

struct chain *queue_pop(struct queue *queue)
{
    uint16_t head;

    if (!queue->enabled || queue->stopping || queue->faulty || !queue->batch_left ||
        !look_for_more(queue))
        return NULL;
    head = shared_load16(&queue->avail->ring[queue->next_avail & (queue->config.size - 1)]);
    queue->next_avail++;
    queue->batch_left--;
    return take_chain(queue, head);
}

/* ---- giving them back ---- */

static void announce(struct queue *queue, uint16_t head, uint32_t written)
{
    struct vring_used_elem *entry = &queue->used->ring[queue->next_used & (queue->config.size - 1)];

    shared_store32(&entry->id, head);
    shared_store32(&entry->len, written);
    queue->next_used++;
    /* Release: pairs with the driver's barrier after it reads our index, so that
     * it sees the entry and the data. */
    shared_store16_release(&queue->used->idx, queue->next_used);
    /* Pairs with the driver's fence between allowing interrupts and looking at
     * our index once more. */
    shared_fence();
    if (!(shared_load16(&queue->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT))
        queue->owner.used(queue->owner.user, queue->index);
}

void queue_push(struct queue *queue, struct chain *chain, uint32_t written)
{
    unpin_all(queue, chain->pins, chain->num_pins);
    queue->head_out[chain->head] = false;
    queue->chains_out--;
    if (!queue->stopping)
        announce(queue, chain->head, written);
    free(chain);
    if (queue->stopping && !queue->chains_out)
        queue->owner.idle(queue->owner.user, queue->index);
}
