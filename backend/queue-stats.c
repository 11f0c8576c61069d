/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a queue counts of each request. */

#include "backend/queue-state.h"

struct queue_stats *queue_stats(const struct queue *queue)
{
    return queue->stats;
}

void queue_stats_popped(struct queue *queue, struct chain *chain)
{
    struct queue_stats *stats = queue->stats;

    chain->popped = queue->batch_began;
    stats->requests++;
    stats->bytes_from_guest += iov_size(&chain->out);
    stats->depth = queue->chains_out;
    if (stats->depth > stats->depth_max)
        stats->depth_max = stats->depth;
}

/* One that ends in the turn that began it has to ask what time it is; those behind
 * it have the answer. */
void queue_stats_pushed(struct queue *queue, const struct chain *chain, uint32_t written)
{
    struct queue_stats *stats = queue->stats;
    uint64_t now = queue->owner.now(queue->owner.user, false);

    if (now == chain->popped)
        now = queue->owner.now(queue->owner.user, true);
    latency_add(&stats->latency, now - chain->popped);
    stats->bytes_to_guest += written;
    stats->depth = queue->chains_out;
}

void queue_stats_memory(struct queue *queue, const struct memory_stats *before)
{
    const struct memory_stats *after = memory_stats(queue->memory);

    queue->stats->maps += after->maps - before->maps;
    queue->stats->copies += after->copies - before->copies;
    queue->stats->copied_bytes += after->copied_bytes - before->copied_bytes;
}
