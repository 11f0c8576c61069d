/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The packed layout: one ring, in which we make descriptors available and the device
 * uses them, each in its turn. Both places are as packed.h counts. The slot a chain
 * starts in is its id; as many slots are taken as descriptors, wherever those lie.
 */

#include "common/packed.h"
#include "frontend/queue-layout.h"

/* The two event suppressions have a cache line each: one is written by the device. */
static struct queue_parts parts(uint32_t size)
{
    struct queue_parts parts = {.driver = queue_align(packed_desc_bytes(size))};

    parts.device = queue_align(parts.driver + packed_event_bytes(size));
    parts.bytes = queue_align(parts.device + packed_event_bytes(size));
    return parts;
}

static uint32_t slot_of(const struct xvmsg_queue *queue, uint32_t place)
{
    return packed_slot(place, queue->size);
}

/* As empty memory says in the split layout; here it would mean every single one. */
static void start(struct xvmsg_queue *queue)
{
    if (queue_uses_event_idx(queue))
        shared_store32(queue->driver_part, packed_event(queue->next_used, queue->size));
}

/* ---- offering ---- */

/* Plain stores, but the flags: the device may look only when the first descriptor's
 * say so. */
static void write_descriptor(struct vring_packed_desc *desc, const struct xvmsg_buffer *buffer,
                             uint16_t id)
{
    desc->addr = shared_swap64(buffer->address);
    desc->len = shared_swap32(buffer->length);
    desc->id = shared_swap16(id);
}

/* Their order is that of the table. */
static void write_table(void *table, const struct queue_chain *chain)
{
    struct vring_packed_desc *entries = table;

    for (unsigned i = 0; i < chain->count; i++) {
        write_descriptor(&entries[i], &chain->buffers[i], 0);
        entries[i].flags = shared_swap16(queue_flags_of(chain, i) & VRING_DESC_F_WRITE);
    }
}

/* From the last to the first, whose flags make all of them available. */
static uint32_t write_chain(struct xvmsg_queue *queue, const struct queue_chain *chain)
{
    struct vring_packed_desc *ring = queue->desc_part;

    for (unsigned i = chain->count; i-- > 0;) {
        uint32_t place = packed_advance(queue->next_avail, i, queue->size);
        struct vring_packed_desc *desc = &ring[slot_of(queue, place)];

        write_descriptor(desc, &chain->buffers[i], queue->free_head);
        /* Release: pairs with the device's acquire of the first one's flags, so that
         * it sees the rest of it, and all that follow. */
        shared_store16_release(&desc->flags, queue_flags_of(chain, i) |
                                                 packed_available(place, queue->size));
    }
    queue->next_avail = packed_advance(queue->next_avail, chain->count, queue->size);
    return chain->count;
}

static bool wants_notification(const struct xvmsg_queue *queue)
{
    uint32_t laps = 2 * queue->size, untold = smaller(queue->untold, laps);

    return packed_event_wanted(shared_load32(queue->device_part), queue_uses_event_idx(queue),
                               (queue->next_avail + laps - untold) % laps, untold, queue->size);
}

/* The wrap counter is the highest bit (O-30). */
static uint32_t next_offset(const struct xvmsg_queue *queue)
{
    return slot_of(queue, queue->next_avail) |
           (uint32_t)packed_wrap(queue->next_avail, queue->size) << 31;
}

/* ---- taking back ---- */

/* Of the descriptor that the device uses next. */
static uint16_t next_flags(const struct xvmsg_queue *queue)
{
    const struct vring_packed_desc *ring = queue->desc_part;

    /* Acquire: pairs with the device's release of these flags, so that we see the
     * rest of it and what was written into the buffers. */
    return shared_load16_acquire(&ring[slot_of(queue, queue->next_used)].flags);
}

static bool used(const struct xvmsg_queue *queue, uint16_t flags)
{
    return packed_owner(flags) == packed_used(queue->next_used, queue->size);
}

static bool has_used(const struct xvmsg_queue *queue)
{
    return used(queue, next_flags(queue));
}

static void read_used(const struct xvmsg_queue *queue, uint16_t flags, struct queue_used *found)
{
    const struct vring_packed_desc *ring = queue->desc_part;
    const struct vring_packed_desc *next = &ring[slot_of(queue, queue->next_used)];

    *found = (struct queue_used){
        .id = shared_load16(&next->id),
        /* Without WRITE the length means nothing. */
        .length = flags & VRING_DESC_F_WRITE ? shared_load32(&next->len) : 0,
    };
}

static enum queue_look look(struct xvmsg_queue *queue, struct queue_used *found)
{
    uint16_t flags = next_flags(queue);

    if (!used(queue, flags) && queue_uses_event_idx(queue)) {
        /* Nothing is left to do, so be told of the next one. The fence pairs with the
         * device's between using one and reading what we ask for: either it sees that,
         * or we see its flags now. */
        shared_store32(queue->driver_part, packed_event(queue->next_used, queue->size));
        shared_fence();
        flags = next_flags(queue);
    }
    if (used(queue, flags)) {
        if (!queue->in_flight)
            return queue_nonsense(queue, "the device used more buffers than it was given", 1);
        read_used(queue, flags, found);
        return QUEUE_USED;
    }
    /* As long as there are chains out this one is as we wrote it. */
    if (queue->in_flight && packed_owner(flags) != packed_available(queue->next_used, queue->size))
        return queue_nonsense(queue, "the device left a descriptor neither available nor used",
                              slot_of(queue, queue->next_used));
    return QUEUE_NOTHING;
}

static void pass(struct xvmsg_queue *queue, uint16_t length)
{
    queue->next_used = packed_advance(queue->next_used, length, queue->size);
}

const struct queue_layout queue_layout_packed = {
    .size_valid = packed_size_valid,
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
