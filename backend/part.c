/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/part.h"

#include "backend/device-state.h"

#define BIT(n) (UINT64_C(1) << (n))

static const struct timeval next_turn = {0};

static void serve_queue(struct part *part, uint32_t index)
{
    struct device *device = part->device;
    struct queue *queue = device->queues[index];

    queue_flush(queue);
    /* What it let go of is for those first who have waited for room longer. */
    if (part->kicked & BIT(index))
        return;
    if (!queue_enabled(queue) || !device_running(device))
        return;
    queue_begin_batch(queue);
    device->class->queue_kick(device->state, queue);
    queue_flush(queue);
    if (!queue_batch_full(queue))
        return;
    part->kicked |= BIT(index);
    event_add(part->work, &next_turn);
}

static void serve_queues(struct part *part, uint64_t kicked)
{
    for (; kicked; kicked &= kicked - 1)
        serve_queue(part, (uint32_t)__builtin_ctzll(kicked));
}

/* Another queue begins each time: of room for copies there may not be enough for all. */
static void on_work(evutil_socket_t fd, short what, void *user)
{
    struct part *part = user;
    uint64_t kicked = part->kicked, ahead = kicked >> part->first << part->first;

    (void)fd, (void)what;
    part->kicked = 0;
    part->first = (part->first + 1) % part->device->num_queues;
    serve_queues(part, ahead);
    serve_queues(part, kicked & ~ahead);
}

void part_kick(struct part *part, uint32_t index)
{
    part->kicked |= BIT(index);
    event_active(part->work, 0, 0);
}

bool part_open(struct part *part, struct device *device, struct lane *lane)
{
    part->device = device;
    part->lane = lane;
    part->work = event_new(lane->base, -1, 0, on_work, part);
    return part->work;
}

void part_close(struct part *part)
{
    if (part->work)
        event_free(part->work);
    part->work = NULL;
}
