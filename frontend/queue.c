/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Driver side of a virtqueue; what depends on its layout is in queue-split.c and
 * queue-packed.c. The device sees descriptors and rings; what we have to remember
 * about them lies in private memory and is never read back from the shared pages.
 * Of what the device writes only what says that a chain was used, and when to tell
 * it, is looked at, each field once, and checked.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/queue-layout.h"

/* An indirect table; a longer chain takes descriptors of the queue. */
#define TABLE_ENTRIES 8u
#define TABLE_BYTES (TABLE_ENTRIES * QUEUE_DESC_BYTES)
#define MAX_TABLES 256u

/* ---- the layout ---- */

static size_t align_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static const struct queue_layout *layout_of(const struct xvmsg_device *d)
{
    return d->features & FEATURE_RING_PACKED ? &queue_layout_packed : &queue_layout_split;
}

bool queue_size_valid(const struct xvmsg_device *d, unsigned size, unsigned max)
{
    return layout_of(d)->size_valid(size, max) &&
           (!d->h->grant_addresses || queue_bytes(d, size) <= PLATFORM_PAGE_SIZE);
}

size_t queue_bytes(const struct xvmsg_device *d, unsigned size)
{
    return layout_of(d)->parts(size).bytes;
}

size_t queue_pages(const struct xvmsg_device *d, size_t bytes)
{
    return d->h->grant_addresses ? align_up(bytes, PLATFORM_PAGE_SIZE) : bytes;
}

size_t queue_table_bytes(const struct xvmsg_queue *queue, unsigned size)
{
    bool negotiated = queue->device->features & FEATURE_INDIRECT_DESC;

    return negotiated ? smaller(size, MAX_TABLES) * TABLE_BYTES : 0;
}

/* As many tables as there is room for. */
static void set_up_tables(struct xvmsg_queue *queue, uint8_t *memory, uint64_t address)
{
    /* No table lies in two pages: these may have no references that follow each other. */
    size_t rings = align_up(queue_bytes(queue->device, queue->size),
                            queue->device->h->grant_addresses ? TABLE_BYTES : QUEUE_CACHE_LINE);
    size_t room = queue->room - rings, wanted = queue_table_bytes(queue, queue->size);

    queue->tables = memory + rings;
    queue->tables_address = address + rings;
    queue->num_tables = (unsigned)((room < wanted ? room : wanted) / TABLE_BYTES);
}

int queue_set_up(struct xvmsg_queue *queue, unsigned size, void *memory, uint64_t address)
{
    const struct queue_layout *layout = layout_of(queue->device);
    struct queue_parts parts = layout->parts(size);
    uint8_t *bytes = memory;

    queue->slots = calloc(size, sizeof(*queue->slots));
    if (!queue->slots)
        return handle_fail(queue->device->h, ENOMEM, "out of memory for queue %u", queue->index);
    queue->size = size;
    queue->layout = layout;
    queue->desc_part = memory;
    queue->driver_part = bytes + parts.driver;
    queue->device_part = bytes + parts.device;
    set_up_tables(queue, bytes, address);
    for (unsigned i = 0; i < size; i++)
        queue->slots[i].next = (uint16_t)(i + 1);
    queue->free_head = 0;
    queue->num_free = (uint16_t)size;
    queue->next_avail = 0;
    queue->next_used = 0;
    queue->in_flight = 0;
    queue->untold = 0;
    layout->start(queue);
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
    memset(memory, 0, queue_bytes(queue->device, size));
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

static uint32_t writable_bytes(const struct queue_chain *chain)
{
    uint64_t sum = 0;

    for (unsigned i = chain->out; i < chain->count; i++)
        sum += chain->buffers[i].length;
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* Does the chain go into the table of the slot that it would start in? */
static bool fits_table(const struct xvmsg_queue *queue, const struct queue_chain *chain)
{
    return chain->count > 1 && chain->count <= TABLE_ENTRIES &&
           queue->free_head < queue->num_tables;
}

static unsigned slots_needed(const struct xvmsg_queue *queue, const struct queue_chain *chain)
{
    return fits_table(queue, chain) ? 1 : chain->count;
}

static int check_push(const struct xvmsg_queue *queue, const struct queue_chain *chain,
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

static uint16_t slot_behind(const struct xvmsg_queue *queue, uint16_t slot, unsigned count)
{
    while (count--)
        slot = queue->slots[slot].next;
    return slot;
}

/* Directly, or as a table. Returns how far that moved next_avail. */
static uint32_t write_chain(struct xvmsg_queue *queue, const struct queue_chain *chain)
{
    size_t offset = queue->free_head * TABLE_BYTES;
    struct xvmsg_buffer table = {
        .address = queue->tables_address + offset,
        .length = chain->count * QUEUE_DESC_BYTES,
    };

    if (!fits_table(queue, chain))
        return queue->layout->write(queue, chain);
    if (queue->device->h->grant_addresses)
        table = area_resolve(queue->area, &table);
    queue->layout->write_table(queue->tables + offset, chain);
    return queue->layout->write(
        queue,
        &(struct queue_chain){.buffers = &table, .out = 1, .count = 1, .indirect = true});
}

/* As many chains as the counter can tell apart are enough to have passed everything. */
static void count_untold(struct xvmsg_queue *queue, uint32_t count)
{
    queue->untold = count < UINT32_MAX - queue->untold ? queue->untold + count : UINT32_MAX;
    pending_set(&queue->device->h->bus.events, &queue->device->events,
                PENDING_QUEUE(queue->index));
}

static int push(struct xvmsg_queue *queue, const struct xvmsg_buffer *buffers, unsigned out,
                unsigned in, void *token)
{
    /* Sums that wrap are too long as well. */
    bool sane = out <= queue->size && in <= queue->size;
    const struct queue_chain chain = {
        .buffers = buffers, .out = out, .count = sane ? out + in : 0};
    uint16_t head = queue->free_head;
    unsigned length;

    if (check_push(queue, &chain, token) < 0)
        return -1;
    length = slots_needed(queue, &chain);
    queue->slots[head].token = token;
    queue->slots[head].length = (uint16_t)length;
    queue->slots[head].writable = writable_bytes(&chain);
    count_untold(queue, write_chain(queue, &chain));
    queue->free_head = slot_behind(queue, head, length);
    queue->num_free -= (uint16_t)length;
    queue->in_flight++;
    return 0;
}

int xvmsg_queue_push(struct xvmsg_queue *queue, const struct xvmsg_buffer *buffers, unsigned out,
                     unsigned in, void *token)
{
    const struct xvmsg_device *d = queue->device;
    struct xvmsg_buffer wire[GRANT_MAX_CHAIN];
    unsigned wire_out, wire_in = 0;

    if (!d->h->grant_addresses || out > GRANT_MAX_CHAIN || in > GRANT_MAX_CHAIN)
        return push(queue, buffers, out, in, token);
    wire_out = grant_resolve(d, buffers, out, wire, GRANT_MAX_CHAIN);
    if (wire_out <= GRANT_MAX_CHAIN)
        wire_in = grant_resolve(d, buffers + out, in, wire + wire_out, GRANT_MAX_CHAIN - wire_out);
    /* What did not fit is longer than any queue here. */
    return push(queue, wire, wire_out, wire_in, token);
}

bool queue_wants_notification(const struct xvmsg_queue *queue)
{
    if (!queue->size || queue->resizing)
        return false;
    /* Pairs with the device's fence between asking for a notification and looking for
     * chains once more: either it sees ours, or we see that it asked. */
    shared_fence();
    return queue->layout->wants_notification(queue);
}

uint32_t queue_next_offset(const struct xvmsg_queue *queue)
{
    return queue->layout->next_offset(queue);
}

void queue_told(struct xvmsg_queue *queue)
{
    queue->untold = 0;
}

/* ---- taking back ---- */

bool queue_has_used(const struct xvmsg_queue *queue)
{
    return queue->layout->has_used(queue);
}

enum queue_look queue_nonsense(struct xvmsg_queue *queue, const char *what, unsigned value)
{
    struct xvmsg_device *d = queue->device;

    handle_fail(d->h, EIO, "device %llu, queue %u: %s (%u)", (unsigned long long)d->number,
                queue->index, what, value);
    device_break(d, XVMSG_MALFORMED_RESPONSE);
    return QUEUE_NONSENSE;
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

/* What the device used, and whether it was its to use. */
static enum queue_look look(struct xvmsg_queue *queue, struct queue_used *used)
{
    enum queue_look found = queue->layout->look(queue, used);

    if (found != QUEUE_USED)
        return found;
    if (used->id >= queue->size || !queue->slots[used->id].token)
        return queue_nonsense(queue, "the device used a buffer that is not its own", used->id);
    if (used->length > queue->slots[used->id].writable)
        return queue_nonsense(queue, "the device claims to have written past a buffer",
                              used->length);
    return QUEUE_USED;
}

void *xvmsg_queue_pop(struct xvmsg_queue *queue, uint32_t *written)
{
    struct queue_used used;
    enum queue_look found =
        queue->device->phase == DEVICE_READY ? look(queue, &used) : QUEUE_NONSENSE;

    if (found != QUEUE_USED) {
        errno = found == QUEUE_NOTHING ? EAGAIN : EIO;
        return NULL;
    }
    queue->layout->pass(queue, queue->slots[used.id].length);
    if (written)
        *written = used.length;
    return reclaim(queue, (uint16_t)used.id);
}
