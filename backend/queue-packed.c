/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The packed layout: one ring of descriptors, in which the driver makes them
 * available and we use them, each in its turn. A chain is made of descriptors that
 * follow each other and takes as many places when it is used.
 */

#include "backend/queue-state.h"
#include "common/barrier.h"
#include "common/packed.h"

/* A copy of one. */
struct entry {
    struct descriptor d;
    uint16_t id;
};

_Static_assert(sizeof(struct vring_packed_desc) == QUEUE_DESC_BYTES, "size of a descriptor");

/* ---- the next one ---- */

static uint32_t slot_of(const struct queue *queue, uint32_t place)
{
    return packed_slot(place, queue->config.size);
}

static bool available(const struct queue *queue, uint16_t flags)
{
    return packed_owner(flags) == packed_available(queue->packed.next_avail, queue->config.size);
}

static bool look(const struct queue *queue)
{
    const struct vring_packed_desc *ring = queue->desc;
    const struct vring_packed_desc *next = &ring[slot_of(queue, queue->packed.next_avail)];

    /* Acquire: pairs with the driver's release of the first descriptor's flags, which
     * it writes when the whole chain is there. */
    return available(queue, shared_load16_acquire(&next->flags));
}

static bool look_for_more(struct queue *queue)
{
    if (look(queue))
        return true;
    if (!queue->event_idx)
        return false;
    /* Have the driver notify us of the next one. It is not asked as long as we are
     * busy: what comes meanwhile is found without. */
    shared_store32(queue->device, packed_event(queue->packed.next_avail, queue->config.size));
    /* Pairs with the driver's fence between making a chain available and reading what
     * we ask for: either it sees that, or we see the chain now. */
    shared_fence();
    return look(queue);
}

/* What was seen is told by our place, since the driver has no index of its own. */
static bool has_news(const struct queue *queue, uint16_t *seen)
{
    uint16_t place = (uint16_t)(queue->packed.next_avail + 1);

    if (place == *seen || !look(queue))
        return false;
    *seen = place;
    return true;
}

/* ---- one chain ---- */

static struct entry copy_entry(const struct vring_packed_desc *shared)
{
    return (struct entry){
        /* __u64 and uint64_t are two names of 64 bits that C keeps apart. */
        .d.address = shared_load64((const uint64_t *)(const void *)&shared->addr),
        .d.length = shared_load32(&shared->len),
        .d.flags = shared_load16(&shared->flags),
        .id = shared_load16(&shared->id),
    };
}

/* A table has no order but its own: of the flags only WRITE means something. */
static bool read_indirect(struct queue *queue, struct walk *walk, uint32_t slot,
                          const struct descriptor *d)
{
    const struct vring_packed_desc *entries = queue->indirect_table;
    uint32_t count = queue_copy_table(queue, slot, d);

    for (uint32_t i = 0; i < count; i++) {
        const struct entry entry = copy_entry(&entries[i]);

        if (entry.d.flags & VRING_DESC_F_INDIRECT)
            return queue_fault(queue, "indirect descriptor %u is indirect itself", i);
        if (!queue_add_piece(queue, walk, "indirect ", i, &entry.d))
            return false;
    }
    return count;
}

/* Takes the next descriptor of the ring, which belongs to the chain. */
static bool read_entry(struct queue *queue, struct walk *walk, struct entry *entry)
{
    struct packed_place *place = &queue->packed;
    const struct vring_packed_desc *ring = queue->desc;
    uint32_t size = queue->config.size, slot = slot_of(queue, place->next_avail);

    if (place->slots_out == size)
        return queue_fault(queue, "descriptor %u is one more than the queue's size of %u", slot,
                           size);
    *entry = copy_entry(&ring[slot]);
    if (!available(queue, entry->d.flags))
        return queue_fault(queue, "descriptor %u continues a chain but is not available", slot);
    place->next_avail = packed_advance(place->next_avail, 1, size);
    place->slots_out++;
    walk->slots++;
    if (entry->d.flags & VRING_DESC_F_INDIRECT)
        return read_indirect(queue, walk, slot, &entry->d);
    return queue_add_piece(queue, walk, "", slot, &entry->d);
}

static bool read_chain(struct queue *queue, struct walk *walk)
{
    struct entry entry;

    do {
        if (!read_entry(queue, walk, &entry))
            return false;
    } while (entry.d.flags & VRING_DESC_F_NEXT);
    /* The last one has the id of the chain. */
    walk->id = entry.id;
    if (walk->id >= queue->config.size)
        return queue_fault(queue, "id %u is beyond the queue's size of %u", walk->id,
                           queue->config.size);
    return true;
}

static void peek(const struct queue *queue, queue_want_table *want, struct tables *tables)
{
    const struct vring_packed_desc *ring = queue->desc;
    uint32_t size = queue->config.size, place = queue->packed.next_avail;
    bool begins = true; /* a chain */

    for (uint32_t i = queue->packed.slots_out; i < size; i++) {
        const struct vring_packed_desc *next = &ring[packed_slot(place, size)];
        /* Acquire: as in look(). */
        uint16_t flags = shared_load16_acquire(&next->flags);
        struct entry entry;

        if (packed_owner(flags) != packed_available(place, size))
            return;
        entry = copy_entry(next);
        if (begins && entry.d.flags & VRING_DESC_F_INDIRECT &&
            !want(tables, entry.d.address, entry.d.length))
            return;
        begins = !(entry.d.flags & VRING_DESC_F_NEXT);
        place = packed_advance(place, 1, size);
    }
}

/* ---- giving them back ---- */

/* At this place. */
static void write_used(struct queue *queue, uint32_t place, uint16_t id, uint32_t written)
{
    struct vring_packed_desc *ring = queue->desc;
    struct vring_packed_desc *entry = &ring[slot_of(queue, place)];

    shared_store16(&entry->id, id);
    shared_store32(&entry->len, written);
    /* Release: pairs with the driver's acquire of these flags, so that it sees id,
     * length and the data, and of those given back with it what lies behind. */
    shared_store16_release(&entry->flags, (uint16_t)(packed_used(place, queue->config.size) |
                                                     (written ? VRING_DESC_F_WRITE : 0)));
}

/* The driver looks at one place after the other: the first is written last. */
static bool give_back(struct queue *queue, const struct chain_list *chains)
{
    const struct chain *head = STAILQ_FIRST(chains), *chain = head;
    uint32_t size = queue->config.size, first = queue->packed.next_used, slots = head->slots;

    while ((chain = STAILQ_NEXT(chain, in_list))) {
        write_used(queue, packed_advance(first, slots, size), chain->id, chain->written);
        slots += chain->slots;
    }
    write_used(queue, first, head->id, head->written);
    queue->packed.next_used = packed_advance(first, slots, size);
    queue->packed.slots_out -= slots;
    /* Pairs with the driver's fence between asking for a notification and looking at
     * these flags once more. */
    shared_fence();
    return packed_event_wanted(shared_load32(queue->driver), queue->event_idx, first, slots, size);
}

const struct queue_layout queue_packed = {
    .size_valid = packed_size_valid,
    .desc = {PACKED_DESC_ALIGN, packed_desc_bytes, true},
    .driver = {PACKED_EVENT_ALIGN, packed_event_bytes, false},
    .device = {PACKED_EVENT_ALIGN, packed_event_bytes, true},
    .look = look_for_more,
    .has_news = has_news,
    .read = read_chain,
    .peek = peek,
    .give_back = give_back,
};
