/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Driver side of a split virtqueue. The device sees descriptors and rings; what
 * we have to remember about them lies in private memory and is never read back
 * from the shared pages. Of what the device writes only used.flags, used.idx and
 * the used elements are looked at, each once, and checked.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/barrier.h"
#include "common/split.h"
#include "frontend/device.h"

#define CACHE_LINE 64u

/* An indirect table; a longer chain takes descriptors of the queue. */
#define TABLE_ENTRIES 8u
#define TABLE_BYTES (TABLE_ENTRIES * sizeof(struct vring_desc))
#define MAX_TABLES 256u

/* What the driver remembers of a descriptor; the shared one is never read. */
struct queue_slot {
    void *token;        /* of the chain that starts here; NULL: none does */
    uint32_t writable;  /* bytes the device may write in that chain */
    uint16_t next;      /* in the chain, or in the free list */
    uint16_t length;    /* descriptors of the queue in the chain that starts here */
};

static size_t align_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

/* The used ring gets its own cache line: the device writes it, we write the rest. */
struct queue_layout queue_layout(unsigned size)
{
    struct queue_layout layout;

    layout.avail = split_desc_bytes(size);
    layout.used = align_up(layout.avail + split_avail_bytes(size), CACHE_LINE);
    layout.bytes = align_up(layout.used + split_used_bytes(size), CACHE_LINE);
    return layout;
}

size_t queue_table_bytes(const struct xvmsg_queue *queue, unsigned size)
{
    bool negotiated = queue->device->features & FEATURE_INDIRECT_DESC;

    return negotiated ? smaller(size, MAX_TABLES) * TABLE_BYTES : 0;
}

/* As many tables as there is room for. */
static void set_up_tables(struct xvmsg_queue *queue, uint8_t *memory, uint64_t address)
{
    size_t rings = queue_layout(queue->size).bytes;
    size_t room = queue->room - rings, wanted = queue_table_bytes(queue, queue->size);

    queue->tables = (struct vring_desc *)(void *)(memory + rings);
    queue->tables_address = address + rings;
    queue->num_tables = (unsigned)((room < wanted ? room : wanted) / TABLE_BYTES);
}

int queue_set_up(struct xvmsg_queue *queue, unsigned size, void *memory, uint64_t address)
{
    struct queue_layout layout = queue_layout(size);
    uint8_t *bytes = memory;

    queue->slots = calloc(size, sizeof(*queue->slots));
    if (!queue->slots)
        return handle_fail(queue->device->h, ENOMEM, "out of memory for queue %u", queue->index);
    queue->size = size;
    queue->desc = memory;
    queue->avail = (struct vring_avail *)(void *)(bytes + layout.avail);
    queue->used = (struct vring_used *)(void *)(bytes + layout.used);
    set_up_tables(queue, bytes, address);
    for (unsigned i = 0; i < size; i++)
        queue->slots[i].next = (uint16_t)(i + 1);
    queue->free_head = 0;
    queue->num_free = (uint16_t)size;
    queue->avail_idx = 0;
    queue->used_idx = 0;
    queue->in_flight = 0;
    queue->untold = 0;
    return 0;
}

/* ---- taking apart ---- */

static void forget_unused(struct xvmsg_queue *queue)
{
    free(queue->unused);
    queue->unused = NULL;
    queue->num_unused = 0;
    queue->next_unused = 0;
}

int queue_renew(struct xvmsg_queue *queue, unsigned size, void *memory, uint64_t address)
{
    forget_unused(queue);
    queue->unused = queue->slots;
    queue->num_unused = queue->size;
    queue->slots = NULL;
    queue->size = 0;
    queue->num_free = 0;
    memset(memory, 0, queue_layout(size).bytes);
    return queue_set_up(queue, size, memory, address);
}

void queue_tear_down(struct xvmsg_queue *queue)
{
    forget_unused(queue);
    free(queue->slots);
    queue->slots = NULL;
    queue->size = 0;
    queue->num_free = 0;
}

void *xvmsg_queue_take_unused(struct xvmsg_queue *queue)
{
    while (queue->next_unused < queue->num_unused) {
        void *token = queue->unused[queue->next_unused++].token;

        if (token)
            return token;
    }
    return NULL;
}

/* ---- what it is ---- */

unsigned xvmsg_queue_size(const struct xvmsg_queue *queue)
{
    return queue->size;
}

unsigned xvmsg_queue_free(const struct xvmsg_queue *queue)
{
    return queue->num_free;
}

/* ---- offering ---- */

/* Plain stores: the device may look only after avail.idx says so. */
static void write_descriptor(struct vring_desc *desc, const struct xvmsg_buffer *buffer,
                             uint16_t flags, uint16_t next)
{
    desc->addr = shared_swap64(buffer->address);
    desc->len = shared_swap32(buffer->length);
    desc->flags = shared_swap16(flags);
    desc->next = shared_swap16(flags & VRING_DESC_F_NEXT ? next : 0);
}

/* A chain of buffers, those the device writes last. */
struct chain {
    const struct xvmsg_buffer *buffers;
    unsigned out;
    unsigned count;
};

static uint16_t flags_of(const struct chain *chain, unsigned i)
{
    return (uint16_t)((i >= chain->out ? VRING_DESC_F_WRITE : 0) |
                      (i + 1 < chain->count ? VRING_DESC_F_NEXT : 0));
}

static uint32_t writable_bytes(const struct chain *chain)
{
    uint64_t sum = 0;

    for (unsigned i = chain->out; i < chain->count; i++)
        sum += chain->buffers[i].length;
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* Does the chain go into the table of the slot that it would start in? */
static bool fits_table(const struct xvmsg_queue *queue, const struct chain *chain)
{
    return chain->count > 1 && chain->count <= TABLE_ENTRIES &&
           queue->free_head < queue->num_tables;
}

static unsigned slots_needed(const struct xvmsg_queue *queue, const struct chain *chain)
{
    return fits_table(queue, chain) ? 1 : chain->count;
}

static int check_push(const struct xvmsg_queue *queue, const struct chain *chain,
                      const void *token)
{
    if (queue->device->phase != DEVICE_READY) {
        errno = EIO;
        return -1;
    }
    if (queue->resizing) {
        errno = EAGAIN;
        return -1;
    }
    /* Whichever way the chain goes: virtio wants it no longer than the queue. */
    if (chain->count == 0 || chain->count > queue->size || !token) {
        errno = EINVAL;
        return -1;
    }
    if (slots_needed(queue, chain) > queue->num_free) {
        errno = ENOSPC;
        return -1;
    }
    return 0;
}

/* Both return the slot behind the last they used. */

static uint16_t write_direct(struct xvmsg_queue *queue, const struct chain *chain)
{
    uint16_t slot = queue->free_head;

    for (unsigned i = 0; i < chain->count; i++) {
        uint16_t next = queue->slots[slot].next;

        write_descriptor(&queue->desc[slot], &chain->buffers[i], flags_of(chain, i), next);
        slot = next;
    }
    return slot;
}

static uint16_t write_indirect(struct xvmsg_queue *queue, const struct chain *chain)
{
    uint16_t slot = queue->free_head;
    struct vring_desc *table = queue->tables + slot * TABLE_ENTRIES;
    const struct xvmsg_buffer whole = {
        .address = queue->tables_address + slot * TABLE_BYTES,
        .length = (uint32_t)(chain->count * sizeof(struct vring_desc)),
    };

    for (unsigned i = 0; i < chain->count; i++)
        write_descriptor(&table[i], &chain->buffers[i], flags_of(chain, i), (uint16_t)(i + 1));
    write_descriptor(&queue->desc[slot], &whole, VRING_DESC_F_INDIRECT, 0);
    return queue->slots[slot].next;
}

static void make_available(struct xvmsg_queue *queue, uint16_t head)
{
    shared_store16(&queue->avail->ring[queue->avail_idx & (queue->size - 1)], head);
    queue->avail_idx++;
    if (queue->untold < UINT32_MAX)
        queue->untold++;
    /* Release: pairs with the device's acquire of avail.idx, so that it sees the
     * descriptors and the ring entry. */
    shared_store16_release(&queue->avail->idx, queue->avail_idx);
    pending_set(&queue->device->h->bus.events, &queue->device->events,
                PENDING_QUEUE(queue->index));
}

int xvmsg_queue_push(struct xvmsg_queue *queue, const struct xvmsg_buffer *buffers, unsigned out,
                     unsigned in, void *token)
{
    /* Sums that wrap are too long as well. */
    bool sane = out <= queue->size && in <= queue->size;
    const struct chain chain = {.buffers = buffers, .out = out, .count = sane ? out + in : 0};
    uint16_t head = queue->free_head;
    unsigned length;

    if (check_push(queue, &chain, token) < 0)
        return -1;
    length = slots_needed(queue, &chain);
    queue->free_head =
        fits_table(queue, &chain) ? write_indirect(queue, &chain) : write_direct(queue, &chain);
    queue->num_free -= (uint16_t)length;
    queue->in_flight++;
    queue->slots[head].token = token;
    queue->slots[head].length = (uint16_t)length;
    queue->slots[head].writable = writable_bytes(&chain);
    make_available(queue, head);
    return 0;
}

static bool uses_event_idx(const struct xvmsg_queue *queue)
{
    return queue->device->features & FEATURE_EVENT_IDX;
}

/* Is the available entry of this index one the device has not been told of? The
 * distance wraps as the indices do; after as many chains as it can tell apart
 * every index was passed. */
static bool passed(const struct xvmsg_queue *queue, uint16_t index)
{
    return (uint16_t)(queue->avail_idx - index - 1) < queue->untold;
}

bool queue_wants_notification(const struct xvmsg_queue *queue)
{
    if (!queue->size || queue->resizing)
        return false;
    /* Pairs with the device's fence between asking for a notification, by its flag
     * or its index, and looking at avail.idx once more: either it sees our buffer, or
     * we see that it asked. */
    shared_fence();
    if (uses_event_idx(queue))
        return passed(queue, shared_load16(split_avail_event(queue->used, queue->size)));
    return !(shared_load16(&queue->used->flags) & VRING_USED_F_NO_NOTIFY);
}

void queue_told(struct xvmsg_queue *queue)
{
    queue->untold = 0;
}

/* ---- taking back ---- */

bool queue_has_used(const struct xvmsg_queue *queue)
{
    return shared_load16_acquire(&queue->used->idx) != queue->used_idx;
}

/* How many used entries wait for us; whether there is nonsense among them is the
 * caller's to see. */
static uint16_t count_used(struct xvmsg_queue *queue)
{
    /* Acquire: pairs with the device's release of used.idx, so that we see the
     * element and what it wrote into the buffers. */
    uint16_t waiting = (uint16_t)(shared_load16_acquire(&queue->used->idx) - queue->used_idx);

    if (waiting || !uses_event_idx(queue))
        return waiting;
    /* Nothing is left to do, so be told of the next one. The fence pairs with the
     * device's between moving used.idx and reading what we ask for: either it sees
     * that, or we see its index now. */
    shared_store16(split_used_event(queue->avail, queue->size), queue->used_idx);
    shared_fence();
    return (uint16_t)(shared_load16_acquire(&queue->used->idx) - queue->used_idx);
}

static void *nonsense(struct xvmsg_queue *queue, const char *what, unsigned value)
{
    struct xvmsg_device *d = queue->device;

    handle_fail(d->h, EIO, "device %llu, queue %u: %s (%u)", (unsigned long long)d->number,
                queue->index, what, value);
    device_break(d, XVMSG_MALFORMED_RESPONSE);
    errno = EIO;
    return NULL;
}

static void *reclaim(struct xvmsg_queue *queue, uint16_t head)
{
    struct queue_slot *first = &queue->slots[head];
    void *token = first->token;
    uint16_t last = head;

    for (unsigned i = 1; i < first->length; i++)
        last = queue->slots[last].next;
    queue->slots[last].next = queue->free_head;
    queue->free_head = head;
    queue->num_free += first->length;
    queue->in_flight--;
    first->token = NULL;
    return token;
}

void *xvmsg_queue_pop(struct xvmsg_queue *queue, uint32_t *written)
{
    if (queue->device->phase != DEVICE_READY) {
        errno = EIO;
        return NULL;
    }

    uint16_t waiting = count_used(queue);

    if (!waiting) {
        errno = EAGAIN;
        return NULL;
    }
    if (waiting > queue->in_flight)
        return nonsense(queue, "the device used more buffers than it was given", waiting);

    const struct vring_used_elem *element = &queue->used->ring[queue->used_idx & (queue->size - 1)];
    uint32_t head = shared_load32(&element->id);
    uint32_t length = shared_load32(&element->len);

    if (head >= queue->size || !queue->slots[head].token)
        return nonsense(queue, "the device used a buffer that is not its own", head);
    if (length > queue->slots[head].writable)
        return nonsense(queue, "the device claims to have written past a buffer", length);
    queue->used_idx++;
    if (written)
        *written = length;
    return reclaim(queue, (uint16_t)head);
}
