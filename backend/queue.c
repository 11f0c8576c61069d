/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/queue.h"

#include <stdlib.h>

#include "backend/queue-state.h"
#include "common/barrier.h"

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
    free(queue->indirect_table);
    queue->head_out = NULL;
    queue->pieces = NULL;
    queue->addresses = NULL;
    queue->indirect_table = NULL;
}

/* Only for a queue in use: of many devices most have nobody who drives them. */
static bool make_arrays(struct queue *queue, uint32_t size)
{
    queue->head_out = calloc(size, sizeof(*queue->head_out));
    queue->pieces = calloc(size, sizeof(*queue->pieces));
    queue->addresses = calloc(size, sizeof(*queue->addresses));
    queue->indirect_table = calloc(size, sizeof(*queue->indirect_table));
    if (!queue->stats)
        queue->stats = calloc(1, sizeof(*queue->stats));
    if (queue->head_out && queue->pieces && queue->addresses && queue->indirect_table &&
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

void queue_negotiated(struct queue *queue, bool indirect, bool event_idx)
{
    queue->indirect = indirect;
    queue->event_idx = event_idx;
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

/* Does the driver want to be told of the used entry number `index`? */
static bool driver_listens(const struct queue *queue, uint16_t index)
{
    if (queue->event_idx)
        return shared_load16(split_used_event(queue->avail, queue->config.size)) == index;
    return !(shared_load16(&queue->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

static void announce(struct queue *queue, uint16_t head, uint32_t written)
{
    struct vring_used_elem *entry = &queue->used->ring[queue->next_used & (queue->config.size - 1)];

    shared_store32(&entry->id, head);
    shared_store32(&entry->len, written);
    queue->next_used++;
    /* Release: pairs with the driver's barrier after it reads our index, so that
     * it sees the entry and the data. */
    shared_store16_release(&queue->used->idx, queue->next_used);
    /* Pairs with the driver's fence between asking for a notification, by its flag
     * or its index, and looking at our index once more. */
    shared_fence();
    if (driver_listens(queue, (uint16_t)(queue->next_used - 1)))
        queue->owner.used(queue->owner.user, queue->index);
    else
        queue->stats->suppressed++;
}

void queue_push(struct queue *queue, struct chain *chain, uint32_t written)
{
    struct memory_stats before = *memory_stats(queue->memory);

    memory_unpin_all(queue->memory, chain->pins, chain->num_pins);
    queue->head_out[chain->head] = false;
    queue->chains_out--;
    queue_stats_memory(queue, &before);
    queue_stats_pushed(queue, chain, written);
    if (!queue->stopping)
        announce(queue, chain->head, written);
    free(chain);
    if (queue->stopping && !queue->chains_out)
        queue->owner.idle(queue->owner.user, queue->index);
}
