/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/queue.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdlib.h>

#include "backend/queue-state.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))

static void on_room(struct memory_waiter *waiter)
{
    struct queue *queue = (struct queue *)((char *)waiter - offsetof(struct queue, room));

    queue->owner.attend(queue->owner.user, queue->index);
}

struct queue *queue_new(uint32_t index, uint32_t max_size, const struct queue_owner *owner)
{
    struct queue *queue = calloc(1, sizeof(*queue));

    if (!queue)
        return NULL;
    queue->index = index;
    queue->max_size = max_size;
    queue->owner = *owner;
    queue->room.again = on_room;
    STAILQ_INIT(&queue->order);
    STAILQ_INIT(&queue->ready);
    STAILQ_INIT(&queue->returning);
    queue->layout = &queue_split;
    return queue;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    queue_clear(queue);
    free(queue->stats);
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
    const struct queue_layout *layout = queue->layout;

    if (queue->enabled || (config->size && !layout->size_valid(config->size, queue->max_size)) ||
        config->desc % layout->desc.align || config->driver % layout->driver.align ||
        config->device % layout->device.align)
        return false;
    queue->config = *config;
    return true;
}

static void *pin_part(const struct queue *queue, struct memory *memory,
                      const struct queue_part *part, uint64_t address)
{
    return memory_pin(memory, address, part->bytes(queue->config.size), part->writable);
}

static bool pin_parts(struct queue *queue, struct memory *memory)
{
    const struct queue_layout *layout = queue->layout;
    const struct queue_config *config = &queue->config;

    queue->desc = pin_part(queue, memory, &layout->desc, config->desc);
    if (!queue->desc)
        goto fail;
    queue->driver = pin_part(queue, memory, &layout->driver, config->driver);
    if (!queue->driver)
        goto unpin_desc;
    queue->device = pin_part(queue, memory, &layout->device, config->device);
    if (!queue->device)
        goto unpin_driver;
    return true;

unpin_driver:
    memory_unpin(memory, config->driver);
unpin_desc:
    memory_unpin(memory, config->desc);
fail:
    return false;
}

static void free_arrays(struct queue *queue)
{
    free(queue->id_out);
    free(queue->pieces);
    free(queue->addresses);
    free(queue->indirect_table);
    queue->id_out = NULL;
    queue->pieces = NULL;
    queue->addresses = NULL;
    queue->indirect_table = NULL;
}

/* Only for a queue in use: of many devices most have nobody who drives them. */
static bool make_arrays(struct queue *queue, uint32_t size)
{
    queue->id_out = calloc(size, sizeof(*queue->id_out));
    queue->pieces = calloc(size, sizeof(*queue->pieces));
    queue->addresses = calloc(size, sizeof(*queue->addresses));
    queue->indirect_table = calloc(size, QUEUE_DESC_BYTES);
    if (!queue->stats)
        queue->stats = calloc(1, sizeof(*queue->stats));
    if (queue->id_out && queue->pieces && queue->addresses && queue->indirect_table &&
        queue->stats)
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
    if (!pin_parts(queue, memory))
        goto drop_arrays;
    queue->memory = memory;
    if (queue->resumes && queue->layout->resume)
        queue->layout->resume(queue);
    queue->enabled = true;
    return true;

drop_arrays:
    free_arrays(queue);
restore:
    queue->config = before;
    return false;
}

void queue_set_resume(struct queue *queue, bool resumes)
{
    queue->resumes = resumes;
}

void queue_negotiated(struct queue *queue, uint64_t features)
{
    queue->layout = features & FEATURE(VIRTIO_F_RING_PACKED) ? &queue_packed : &queue_split;
    queue->indirect = features & FEATURE(VIRTIO_RING_F_INDIRECT_DESC);
    queue->event_idx = features & FEATURE(VIRTIO_RING_F_EVENT_IDX);
}

void queue_stop(struct queue *queue)
{
    queue->stopping = true;
    queue_fetch_drop(queue);
}

void queue_clear(struct queue *queue)
{
    queue_fetch_drop(queue);
    if (queue->enabled) {
        memory_unpin(queue->memory, queue->config.desc);
        memory_unpin(queue->memory, queue->config.driver);
        memory_unpin(queue->memory, queue->config.device);
    }
    free_arrays(queue);
    queue->memory = NULL;
    queue->desc = NULL;
    queue->driver = NULL;
    queue->device = NULL;
    queue->config = (struct queue_config){0};
    queue->packed = (struct packed_place){0}; /* the larger of the two */
    queue->enabled = queue->stopping = queue->faulty = queue->torn = false;
}

/* ---- batches ---- */

void queue_begin_batch(struct queue *queue)
{
    queue->batch_left = queue->config.size;
    queue->batch_began = queue->owner.now(queue->owner.user, false);
}

bool queue_batch_full(const struct queue *queue)
{
    return !queue->batch_left;
}

/* ---- giving them back ---- */

static void tell_driver(struct queue *queue, const struct chain_list *chains)
{
    if (queue->layout->give_back(queue, chains))
        queue->owner.used(queue->owner.user, queue->index);
    else
        queue->stats->suppressed++;
}

/* Nothing of it is needed any more but what the driver is told. */
static void let_go(struct queue *queue, struct chain *chain)
{
    memory_unpin_all(queue->memory, chain->pins, chain->num_pins);
    memory_copy_free(chain->copy);
    queue->id_out[chain->id] = false;
    queue->chains_out--;
    queue->stats->depth = queue->chains_out;
}

static void free_all(struct chain_list *chains)
{
    struct chain *chain;

    while ((chain = STAILQ_FIRST(chains))) {
        STAILQ_REMOVE_HEAD(chains, in_list);
        free(chain);
    }
}

void queue_forget(struct queue *queue, struct chain_list *chains)
{
    struct chain *chain;

    STAILQ_FOREACH(chain, chains, in_list)
        let_go(queue, chain);
    free_all(chains);
}

void queue_give_back(struct queue *queue, struct chain_list *chains)
{
    struct chain *chain;

    STAILQ_FOREACH(chain, chains, in_list) {
        let_go(queue, chain);
        queue_stats_pushed(queue, chain, chain->written);
    }
    if (!queue->stopping && !queue->torn)
        tell_driver(queue, chains);
    free_all(chains);
    if (queue->stopping && !queue->chains_out)
        queue->owner.idle(queue->owner.user, queue->index);
}

/* Notes what is to be copied to the guest. False: nothing is. */
static bool copy_out(const struct chain *chain)
{
    return chain->copy &&
           memory_copy_out(chain->copy, chain->scattered ? UINT64_MAX : chain->written);
}

/* Moves the chains that are first in order and back; together, so that those stay so that
 * were popped in a row and pushed together. */
static void take_first(struct queue *queue, struct chain_list *list)
{
    struct chain *chain;

    while ((chain = STAILQ_FIRST(&queue->order)) && chain->done) {
        STAILQ_REMOVE_HEAD(&queue->order, in_list);
        STAILQ_INSERT_TAIL(list, chain, in_list);
        chain->last = !STAILQ_FIRST(&queue->order) || !STAILQ_FIRST(&queue->order)->done;
    }
}

void queue_push_together(struct queue *queue, struct chain *const *chains, const uint32_t *written,
                         uint32_t count)
{
    struct chain_list list = STAILQ_HEAD_INITIALIZER(list);
    struct chain *chain;
    bool copied = false;

    for (uint32_t i = 0; i < count; i++) {
        chains[i]->written = written[i];
        chains[i]->last = i == count - 1;
        chains[i]->done = true;
        if (!queue->resumes)
            STAILQ_INSERT_TAIL(&list, chains[i], in_list);
    }
    if (queue->resumes)
        take_first(queue, &list);
    if (STAILQ_EMPTY(&list))
        return;
    STAILQ_FOREACH(chain, &list, in_list) {
        if (!queue->stopping && copy_out(chain))
            copied = true;
    }
    /* Not before those that are still to be copied: to some drivers the order is what
     * they get. */
    if (!copied && STAILQ_EMPTY(&queue->returning)) {
        queue_give_back(queue, &list);
        return;
    }
    STAILQ_CONCAT(&queue->returning, &list);
    queue->owner.attend(queue->owner.user, queue->index);
}

void queue_push(struct queue *queue, struct chain *chain, uint32_t written)
{
    queue_push_together(queue, &chain, &written, 1);
}
