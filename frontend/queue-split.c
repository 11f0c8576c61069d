/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The split layout. Slots are descriptors; both places are the 16-bit indices of the
 * available and the used ring. */

#include "common/split.h"
#include "frontend/queue-layout.h"

/* The used ring gets its own cache line: the device writes it, we write the rest. */
static struct queue_parts parts(uint32_t size)
{
    struct queue_parts parts = {.driver = split_desc_bytes(size)};

    parts.device = queue_align(parts.driver + split_avail_bytes(size));
    parts.bytes = queue_align(parts.device + split_used_bytes(size));
    return parts;
}

static void start(struct xvmsg_queue *queue)
{
    (void)queue;
}

/* ---- offering ---- */

/* Plain stores: the device may look only after avail.idx says so. */
static void write_descriptor(struct vring_desc *desc, const struct queue_chain *chain, unsigned i,
                             uint16_t next)
{
    uint16_t flags = queue_flags_of(chain, i);

    desc->addr = shared_swap64(chain->buffers[i].address);
    desc->len = shared_swap32(chain->buffers[i].length);
    desc->flags = shared_swap16(flags);
    desc->next = shared_swap16(flags & VRING_DESC_F_NEXT ? next : 0);
}

static void write_table(void *table, const struct queue_chain *chain)
{
    struct vring_desc *entries = table;

    for (unsigned i = 0; i < chain->count; i++)
        write_descriptor(&entries[i], chain, i, (uint16_t)(i + 1));
}

static uint32_t write_chain(struct xvmsg_queue *queue, const struct queue_chain *chain)
{
    struct vring_desc *desc = queue->desc_part;
    struct vring_avail *avail = queue->driver_part;
    uint16_t slot = queue->free_head;

    for (unsigned i = 0; i < chain->count; i++) {
        uint16_t next = queue->slots[slot].next;

        write_descriptor(&desc[slot], chain, i, next);
        slot = next;
    }
    shared_store16(&avail->ring[queue->next_avail & (queue->size - 1)], queue->free_head);
    queue->next_avail = (uint16_t)(queue->next_avail + 1);
    /* Release: pairs with the device's acquire of avail.idx, so that it sees the
     * descriptors and the ring entry. */
    shared_store16_release(&avail->idx, (uint16_t)queue->next_avail);
    return 1;
}

/* Is the available entry of this index one the device has not been told of? The
 * distance wraps as the indices do; after as many chains as it can tell apart
 * every index was passed. */
static bool passed(const struct xvmsg_queue *queue, uint16_t index)
{
    return (uint16_t)(queue->next_avail - index - 1) < queue->untold;
}

static bool wants_notification(const struct xvmsg_queue *queue)
{
    struct vring_used *used = queue->device_part;

    if (queue_uses_event_idx(queue))
        return passed(queue, shared_load16(split_avail_event(used, queue->size)));
    return !(shared_load16(&used->flags) & VRING_USED_F_NO_NOTIFY);
}

/* Without a bit for the wrap (O-30). */
static uint32_t next_offset(const struct xvmsg_queue *queue)
{
    return queue->next_avail;
}

/* ---- taking back ---- */

/* How many used entries wait for us; whether there is nonsense among them is the
 * caller's to see. */
static uint16_t count_used(const struct xvmsg_queue *queue)
{
    const struct vring_used *used = queue->device_part;

    /* Acquire: pairs with the device's release of used.idx, so that we see the
     * element and what it wrote into the buffers. */
    return (uint16_t)(shared_load16_acquire(&used->idx) - queue->next_used);
}

static bool has_used(const struct xvmsg_queue *queue)
{
    return count_used(queue);
}

static enum queue_look look(struct xvmsg_queue *queue, struct queue_used *found)
{
    const struct vring_used *used = queue->device_part;
    const struct vring_used_elem *element = &used->ring[queue->next_used & (queue->size - 1)];
    uint16_t waiting = count_used(queue);

    if (!waiting && queue_uses_event_idx(queue)) {
        /* Nothing is left to do, so be told of the next one. The fence pairs with the
         * device's between moving used.idx and reading what we ask for: either it sees
         * that, or we see its index now. */
        shared_store16(split_used_event((struct vring_avail *)queue->driver_part, queue->size),
                       (uint16_t)queue->next_used);
        shared_fence();
        waiting = count_used(queue);
    }
    if (!waiting)
        return QUEUE_NOTHING;
    if (waiting > queue->in_flight)
        return queue_nonsense(queue, "the device used more buffers than it was given", waiting);
    *found = (struct queue_used){.id = shared_load32(&element->id),
                                 .length = shared_load32(&element->len)};
    return QUEUE_USED;
}

static void pass(struct xvmsg_queue *queue, uint16_t length)
{
    (void)length;
    queue->next_used = (uint16_t)(queue->next_used + 1);
}

const struct queue_layout queue_layout_split = {
    .size_valid = split_size_valid,
    .parts = parts,
    .start = start,
    .write_table = write_table,
    .write = write_chain,
    .wants_notification = wants_notification,
    .next_offset = next_offset,
    .has_used = has_used,
    .look = look,
    .pass = pass,
};
