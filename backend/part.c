/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/part.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/device-state.h"
#include "backend/mailbox.h"
#include "backend/threads.h"

#define BIT(n) (UINT64_C(1) << (n))

struct part_letters {
    struct part *part;
    struct letter kicked; /* to the thread: queues */
    struct letter used;   /* from it: queues */
    struct letter alone;  /* from it: queues that are to be served while it stands still */
    struct letter changed; /* from it: one is idle, or this: */
    bool broken; /* the device needs a reset, and why: */
    char why[DEVICE_WHY_MAX];
};

static const struct timeval next_turn = {0};

/* ---- serving ---- */

static bool is_broken(const struct part *part)
{
    return part->letters && part->letters->broken;
}

/* Not while the thread stands still: then it is served in the thread's place. */
static bool waits_to_be_alone(const struct part *part, const struct queue *queue)
{
    const struct device *device = part->device;

    if (!part->letters || !lane_here() || !device->class->queue_alone ||
        !device->class->queue_alone(device->state, queue))
        return false;
    mailbox_post(part->lane->outbox, &part->letters->alone, BIT(queue_index(queue)));
    return true;
}

static void serve_queue(struct part *part, uint32_t index)
{
    struct device *device = part->device;
    struct queue *queue = device->queues[index];

    queue_flush(queue);
    /* What it let go of is for those first who have waited for room longer. */
    if (part->kicked & BIT(index))
        return;
    if (!queue_enabled(queue) || !device_running(device) || is_broken(part) ||
        waits_to_be_alone(part, queue))
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

static void kick(struct part *part, uint64_t queues)
{
    part->kicked |= queues;
    event_active(part->work, 0, 0);
}

void part_kick(struct part *part, uint32_t index)
{
    if (part->letters && lane_here() != part->lane)
        mailbox_post(part->lane->inbox, &part->letters->kicked, BIT(index));
    else
        kick(part, BIT(index));
}

/* ---- letters ---- */

static void on_kicked(struct letter *letter, uint64_t queues)
{
    kick(((struct part_letters *)((char *)letter - offsetof(struct part_letters, kicked)))->part,
         queues);
}

static void on_used(struct letter *letter, uint64_t queues)
{
    const struct part_letters *letters =
        (struct part_letters *)((char *)letter - offsetof(struct part_letters, used));

    for (; queues; queues &= queues - 1)
        device_tell_used(letters->part->device, (uint32_t)__builtin_ctzll(queues));
}

static void on_alone(struct letter *letter, uint64_t queues)
{
    const struct part_letters *letters =
        (struct part_letters *)((char *)letter - offsetof(struct part_letters, alone));
    struct threads *threads = letters->part->device->host->threads;

    threads_hold(threads);
    serve_queues(letters->part, queues);
    threads_release(threads);
}

static void on_changed(struct letter *letter, uint64_t bits)
{
    struct part_letters *letters =
        (struct part_letters *)((char *)letter - offsetof(struct part_letters, changed));
    struct device *device = letters->part->device;

    (void)bits;
    threads_hold(device->host->threads);
    if (letters->broken)
        device_needs_reset(device, letters->why);
    device_look_if_idle(device);
    threads_release(device->host->threads);
}

void part_tell_used(struct part *part, uint32_t index)
{
    mailbox_post(part->lane->outbox, &part->letters->used, BIT(index));
}

void part_tell_idle(struct part *part)
{
    mailbox_post(part->lane->outbox, &part->letters->changed, 1);
}

void part_tell_broken(struct part *part, const char *why)
{
    if (part->letters->broken)
        return;
    part->letters->broken = true;
    snprintf(part->letters->why, sizeof(part->letters->why), "%s", why);
    mailbox_post(part->lane->outbox, &part->letters->changed, 1);
}

/* ---- life ---- */

static bool make_letters(struct part *part)
{
    struct part_letters *letters = calloc(1, sizeof(*letters));

    if (!letters)
        return false;
    letters->part = part;
    letters->kicked.read = on_kicked;
    letters->used.read = on_used;
    letters->alone.read = on_alone;
    letters->changed.read = on_changed;
    part->letters = letters;
    return true;
}

bool part_open(struct part *part, struct device *device, struct lane *lane)
{
    part->device = device;
    part->lane = lane;
    part->work = event_new(lane->base, -1, 0, on_work, part);
    return part->work && (!lane->inbox || make_letters(part));
}

void part_forget(struct part *part)
{
    struct part_letters *letters = part->letters;

    part->kicked = 0;
    if (!letters)
        return;
    mailbox_withdraw(part->lane->inbox, &letters->kicked);
    mailbox_withdraw(part->lane->outbox, &letters->used);
    mailbox_withdraw(part->lane->outbox, &letters->alone);
    mailbox_withdraw(part->lane->outbox, &letters->changed);
    letters->broken = false;
}

void part_close(struct part *part)
{
    if (part->letters)
        part_forget(part);
    free(part->letters);
    if (part->work)
        event_free(part->work);
    part->letters = NULL;
    part->work = NULL;
}
