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

/* What the driver remembers of a descriptor; the shared one is never read. */
struct queue_slot {
    void *token;        /* of the chain that starts here; NULL: none does */
    uint32_t writable;  /* bytes the device may write in that chain */
    uint16_t next;      /* in the chain, or in the free list */
    uint16_t length;    /* of the chain that starts here */
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

int queue_set_up(struct xvmsg_queue *queue, unsigned size, void *memory)
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
    for (unsigned i = 0; i < size; i++)
        queue->slots[i].next = (uint16_t)(i + 1);
    queue->free_head = 0;
    queue->num_free = (uint16_t)size;
    queue->avail_idx = 0;
    queue->used_idx = 0;
    queue->in_flight = 0;
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

int queue_renew(struct xvmsg_queue *queue, unsigned size, void *memory)
{
    forget_unused(queue);
    queue->unused = queue->slots;
    queue->num_unused = queue->size;
    queue->slots = NULL;
    queue->size = 0;
    queue->num_free = 0;
    memset(memory, 0, queue_layout(size).bytes);
    return queue_set_up(queue, size, memory);
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

static void write_descriptor(struct xvmsg_queue *queue, uint16_t slot,
                             const struct xvmsg_buffer *buffer, uint16_t flags)
{
    struct vring_desc *desc = &queue->desc[slot];

    /* Plain stores: the device may look only after avail.idx says so. */
    desc->addr = shared_swap64(buffer->address);
    desc->len = shared_swap32(buffer->length);
    desc->flags = shared_swap16(flags);
    desc->next = shared_swap16(flags & VRING_DESC_F_NEXT ? queue->slots[slot].next : 0);
}

static int check_push(const struct xvmsg_queue *queue, unsigned count, const void *token)
{
    if (queue->device->phase != DEVICE_READY) {
        errno = EIO;
        return -1;
    }
    if (queue->resizing) {
        errno = EAGAIN;
        return -1;
    }
    if (count == 0 || count > queue->size || !token) {
        errno = EINVAL;
        return -1;
    }
    if (count > queue->num_free) {
        errno = ENOSPC;
        return -1;
    }
    return 0;
}

int xvmsg_queue_push(struct xvmsg_queue *queue, const struct xvmsg_buffer *buffers, unsigned out,
                     unsigned in, void *token)
{
    unsigned count = out + in;
    uint16_t head = queue->free_head;
    uint16_t slot = head;
    uint64_t writable = 0;

    if (out > queue->size || in > queue->size)
        count = 0;
    if (check_push(queue, count, token) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = (i >= out ? VRING_DESC_F_WRITE : 0) |
                         (i + 1 < count ? VRING_DESC_F_NEXT : 0);

        write_descriptor(queue, slot, &buffers[i], flags);
        writable += i >= out ? buffers[i].length : 0;
        slot = queue->slots[slot].next;
    }
    queue->free_head = slot;
    queue->num_free -= (uint16_t)count;
    queue->in_flight++;
    queue->slots[head].token = token;
    queue->slots[head].length = (uint16_t)count;
    queue->slots[head].writable = writable < UINT32_MAX ? (uint32_t)writable : UINT32_MAX;

    shared_store16(&queue->avail->ring[queue->avail_idx & (queue->size - 1)], head);
    queue->avail_idx++;
    /* Release: pairs with the device's acquire of avail.idx, so that it sees the
     * descriptors and the ring entry. */
    shared_store16_release(&queue->avail->idx, queue->avail_idx);
    pending_set(&queue->device->h->bus.events, &queue->device->events,
                PENDING_QUEUE(queue->index));
    return 0;
}

bool queue_wants_notification(const struct xvmsg_queue *queue)
{
    if (!queue->size || queue->resizing)
        return false;
    /* Pairs with the device's fence between clearing NO_NOTIFY and looking at
     * avail.idx once more: either it sees our buffer, or we see the flag clear. */
    shared_fence();
    return !(shared_load16(&queue->used->flags) & VRING_USED_F_NO_NOTIFY);
}

/* ---- taking back ---- */

bool queue_has_used(const struct xvmsg_queue *queue)
{
    return shared_load16_acquire(&queue->used->idx) != queue->used_idx;
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

    /* Acquire: pairs with the device's release of used.idx, so that we see the
     * element and what it wrote into the buffers. */
    uint16_t used_idx = shared_load16_acquire(&queue->used->idx);
    uint16_t waiting = (uint16_t)(used_idx - queue->used_idx);

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
