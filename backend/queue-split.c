/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The split layout: an available ring and a used ring of heads of chains. */

#include "backend/queue-state.h"
#include "common/barrier.h"
#include "common/split.h"

/* Where descriptors are read: in the queue's table or in the copy of an indirect one. */
struct table {
    const struct vring_desc *entries;
    uint32_t size;
    const char *kind; /* what a fault says before the word descriptor */
};

_Static_assert(sizeof(struct vring_desc) == QUEUE_DESC_BYTES, "size of a descriptor");

/* ---- the available ring ---- */

/* Is there an entry in the available ring that we have not taken? */
static bool look(struct queue *queue)
{
    const struct vring_avail *avail = queue->driver;
    /* Acquire: pairs with the driver's barrier before it moves its index, so
     * that we read the ring entries and descriptors it wrote before. */
    uint16_t index = shared_load16_acquire(&avail->idx);

    if ((uint16_t)(index - queue->split.next_avail) > queue->config.size)
        return queue_fault(queue, "available index %u is more than the queue's size ahead of %u",
                           index, queue->split.next_avail);
    queue->split.seen_avail = index;
    return index != queue->split.next_avail;
}

/* Have the driver notify us of the next entry. It is not asked as long as we are
 * busy: what comes meanwhile is found without. */
static void ask_for_notification(struct queue *queue)
{
    shared_store16(split_avail_event(queue->device, queue->config.size), queue->split.next_avail);
    /* Pairs with the driver's fence between moving its index and reading what we
     * ask for: either it sees that, or we see its index when we look once more. */
    shared_fence();
}

static bool look_for_more(struct queue *queue)
{
    if (queue->split.next_avail != queue->split.seen_avail || look(queue))
        return true;
    if (queue->faulty || !queue->event_idx)
        return false;
    ask_for_notification(queue);
    return look(queue);
}

/* Everything before this index is the driver's again. The guest may have written any: it
 * is then held against the available index as ours always is. */
static void resume(struct queue *queue)
{
    const struct vring_used *used = queue->device;
    uint16_t index = shared_load16(&used->idx);

    queue->split = (struct split_place){
        .next_avail = index, .seen_avail = index, .next_used = index};
}

static bool has_news(const struct queue *queue, uint16_t *seen)
{
    const struct vring_avail *avail = queue->driver;
    uint16_t index = shared_load16(&avail->idx), before = *seen;

    *seen = index;
    return index != queue->split.next_avail && index != before;
}

/* ---- one chain ---- */

static struct descriptor copy_descriptor(const struct vring_desc *shared, uint16_t *next)
{
    *next = shared_load16(&shared->next);
    return (struct descriptor){
        /* __u64 and uint64_t are two names of 64 bits that C keeps apart. */
        .address = shared_load64((const uint64_t *)(const void *)&shared->addr),
        .length = shared_load32(&shared->len),
        .flags = shared_load16(&shared->flags),
    };
}

/*
 * Adds the pieces of a chain, from the descriptor *index on, as far as they are in
 * this table. It may end with an indirect descriptor: the last one is in *index and
 * *last.
 */
static bool read_table(struct queue *queue, const struct table *table, uint32_t *index,
                       struct walk *walk, struct descriptor *last)
{
    uint32_t first = *index;
    uint16_t next;

    for (uint32_t steps = 0;; steps++) {
        if (*index >= table->size)
            return queue_fault(queue, "%sdescriptor %u is beyond its table's size of %u",
                               table->kind, *index, table->size);
        if (steps == table->size)
            return queue_fault(queue, "the %sdescriptor chain at %u is a loop", table->kind, first);
        *last = copy_descriptor(&table->entries[*index], &next);
        if (last->flags & VRING_DESC_F_INDIRECT)
            return true;
        if (!queue_add_piece(queue, walk, table->kind, *index, last))
            return false;
        if (!(last->flags & VRING_DESC_F_NEXT))
            return true;
        *index = next;
    }
}

static bool read_indirect(struct queue *queue, uint32_t index, const struct descriptor *d,
                          struct walk *walk)
{
    struct table table = {.entries = queue->indirect_table, .kind = "indirect "};
    struct descriptor last;

    table.size = queue_copy_table(queue, index, d);
    index = 0;
    if (!table.size || !read_table(queue, &table, &index, walk, &last))
        return false;
    if (last.flags & VRING_DESC_F_INDIRECT)
        return queue_fault(queue, "indirect descriptor %u is indirect itself", index);
    return true;
}

static bool read_chain(struct queue *queue, struct walk *walk)
{
    const struct table table = {.entries = queue->desc, .size = queue->config.size, .kind = ""};
    const struct vring_avail *avail = queue->driver;
    struct descriptor last;
    uint32_t index;

    walk->id = shared_load16(&avail->ring[queue->split.next_avail & (queue->config.size - 1)]);
    queue->split.next_avail++;
    index = walk->id;
    if (!read_table(queue, &table, &index, walk, &last))
        return false;
    return !(last.flags & VRING_DESC_F_INDIRECT) || read_indirect(queue, index, &last, walk);
}

static void peek(const struct queue *queue, queue_want_table *want, struct tables *tables)
{
    const struct vring_avail *avail = queue->driver;
    const struct vring_desc *desc = queue->desc;
    uint32_t size = queue->config.size;

    for (uint16_t i = queue->split.next_avail; i != queue->split.seen_avail; i++) {
        uint16_t head = shared_load16(&avail->ring[i & (size - 1)]), next;
        struct descriptor d;

        if (head >= size)
            return;
        d = copy_descriptor(&desc[head], &next);
        if (d.flags & VRING_DESC_F_INDIRECT && !want(tables, d.address, d.length))
            return;
    }
}

/* ---- giving them back ---- */

/* Does the driver want to be told of the used entries from number `first` on? */
static bool driver_listens(const struct queue *queue, uint16_t first)
{
    const struct vring_avail *avail = queue->driver;
    uint16_t event;

    if (!queue->event_idx)
        return !(shared_load16(&avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
    event = shared_load16(split_used_event(avail, queue->config.size));
    return (uint16_t)(event - first) < (uint16_t)(queue->split.next_used - first);
}

static bool give_back(struct queue *queue, const struct chain_list *chains)
{
    struct vring_used *used = queue->device;
    uint16_t first = queue->split.next_used;
    const struct chain *chain;

    STAILQ_FOREACH(chain, chains, in_list) {
        uint16_t index = queue->split.next_used++;
        struct vring_used_elem *entry = &used->ring[index & (queue->config.size - 1)];

        shared_store32(&entry->id, chain->id);
        shared_store32(&entry->len, chain->written);
    }
    /* Release: pairs with the driver's barrier after it reads our index, so that
     * it sees the entries and the data. */
    shared_store16_release(&used->idx, queue->split.next_used);
    /* Pairs with the driver's fence between asking for a notification, by its flag
     * or its index, and looking at our index once more. */
    shared_fence();
    return driver_listens(queue, first);
}

const struct queue_layout queue_split = {
    .size_valid = split_size_valid,
    .desc = {SPLIT_DESC_ALIGN, split_desc_bytes, false},
    .driver = {SPLIT_AVAIL_ALIGN, split_avail_bytes, false},
    .device = {SPLIT_USED_ALIGN, split_used_bytes, true},
    .look = look_for_more,
    .has_news = has_news,
    .resume = resume,
    .read = read_chain,
    .peek = peek,
    .give_back = give_back,
};
