/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Giving a queue of a running device another size: it is reset, laid out anew,
 * and set up again (DRV-44). Until the reset is asked for a failure leaves the
 * queue as it was; after that only the whole device can be reset.
 */

#include <errno.h>

#include "frontend/steps.h"

/* ---- the end ---- */

/* Forgets it, and gives back what the queue did not take over. */
static struct resize take(struct xvmsg_device *d)
{
    struct resize r = d->resize;

    d->resize = (struct resize){0};
    if (r.queue)
        r.queue->resizing = false;
    xvmsg_area_free(r.area);
    return r;
}

void resize_end(struct xvmsg_device *d, enum xvmsg_status status)
{
    struct resize r = take(d);

    if (r.queue && r.done)
        r.done(d, status, r.user);
}

void resize_drop(struct xvmsg_device *d)
{
    take(d);
}

void resize_failed(struct xvmsg_device *d, enum xvmsg_status status)
{
    const struct xvmsg_queue *queue = d->resize.queue;

    if (d->resize.reset) {
        device_break(d, status);
        return;
    }
    /* What was pushed before may not have been told yet. */
    pending_set(&d->h->bus.events, &d->events, PENDING_QUEUE(queue->index));
    resize_end(d, status);
}

void resize_free_areas(struct xvmsg_device *d)
{
    for (unsigned i = 0; i < d->driver.num_queues; i++) {
        struct xvmsg_queue *queue = &d->queues[i];

        if (queue->area != d->rings)
            xvmsg_area_free(queue->area);
        queue->area = NULL;
    }
}

/* ---- the steps ---- */

static int share_start(struct xvmsg_device *d)
{
    const struct xvmsg_queue *queue = d->resize.queue;
    size_t bytes = queue_bytes(d, d->resize.size);

    if (bytes <= queue->room)
        return 1;
    d->resize.area = steps_new_queue_area(d, bytes, queue_table_bytes(queue, d->resize.size));
    return d->resize.area ? 0 : -1;
}

static int reset_start(struct xvmsg_device *d)
{
    d->resize.reset = true;
    d->resize.queue->bell_bound = false;
    return xvmsg_reset_vqueue(d->h, d->number, d->queue, init_answered, d);
}

/* Where the queue lies from now on: where it lay if there is room. */
static void *choose_memory(struct xvmsg_device *d)
{
    struct xvmsg_queue *queue = d->resize.queue;

    if (!d->resize.area)
        return queue->desc_part;
    if (queue->area != d->rings)
        xvmsg_area_free(queue->area);
    queue->area = d->resize.area;
    queue->room = xvmsg_area_size(queue->area);
    d->resize.area = NULL;
    return xvmsg_area_memory(queue->area);
}

static int renew(struct xvmsg_device *d)
{
    struct xvmsg_queue *queue = d->resize.queue;
    void *memory = choose_memory(d);

    return queue_renew(queue, d->resize.size, memory, xvmsg_area_address(queue->area, memory));
}

static enum outcome cleared_finish(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    const struct xvmsg_vqueue *got = &reply->u.vqueue;
    struct xvmsg_queue *queue = d->resize.queue;

    if (got->size || got->flags || got->desc_addr || got->driver_addr || got->device_addr) {
        handle_fail(d->h, EIO, "device %llu did not clear queue %u when it was reset",
                    (unsigned long long)d->number, d->queue);
        return REFUSED;
    }
    if (d->resize.size > got->max_size) {
        handle_fail(d->h, EIO, "device %llu now takes at most %u entries in queue %u",
                    (unsigned long long)d->number, got->max_size, d->queue);
        return REFUSED;
    }
    /* What the device had used by then has been done, and is not given back. */
    if (queue_has_used(queue) && d->driver.used)
        d->driver.used(d, queue->index, d->user);
    if (d->phase != DEVICE_READY)
        return ELSEWHERE;
    return renew(d) < 0 ? REFUSED : NEXT;
}

static const struct init_step steps[] = {
    {"sharing the queue", share_start, NULL},
    {"RESET_VQUEUE", reset_start, NULL},
    {"GET_VQUEUE", steps_get_queue, cleared_finish},
    {"SET_VQUEUE", steps_set_queue, NULL},
    {"GET_VQUEUE", steps_get_queue, steps_verify_queue},
    {"QUEUE_DOORBELL", doorbell_start, steps_next_queue},
    {NULL, NULL, NULL},
};

/* ---- the beginning ---- */

bool resize_waits(const struct xvmsg_device *d)
{
    return d->resize.queue && !d->resize.begun;
}

/* In the loop, so that `done` never runs before the call returned. */
void resize_tick(struct xvmsg_device *d)
{
    if (!resize_waits(d))
        return;
    d->resize.begun = true;
    init_resize(d, steps);
}

int xvmsg_device_resize_queue(struct xvmsg_device *device, unsigned index, unsigned size,
                              xvmsg_device_done *done, void *user)
{
    unsigned long long number = device->number;
    struct xvmsg *h = device->h;

    if (device->phase != DEVICE_READY)
        return handle_fail(h, EIO, "device %llu is not usable", number);
    if (!(device->features & FEATURE_RING_RESET))
        return handle_fail(h, ENOTSUP, "device %llu cannot reset a queue alone", number);
    if (index >= device->driver.num_queues ||
        !queue_size_valid(device, size, device->queues[index].max_size))
        return handle_fail(h, EINVAL, "device %llu: queue %u cannot have %u entries", number, index,
                           size);
    if (device->resize.queue)
        return handle_fail(h, EBUSY, "device %llu: a queue is being resized", number);
    device->resize = (struct resize){
        .queue = &device->queues[index], .size = size, .done = done, .user = user};
    device->queue = index;
    device_attend(device);
    device->queues[index].resizing = true;
    handle_turn(h);
    return 0;
}
