/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A device's life: opening, events, breaking, closing. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>

#include "common/split.h"
#include "frontend/internal.h"
#include "xenstore-schema/schema.h"

/* ---- the list ---- */

/* Whoever uses the number now; those that wait for it are not meant. */
static struct xvmsg_device *find(const struct xvmsg *h, uint64_t number)
{
    for (struct xvmsg_device *d = h->devices; d; d = d->next)
        if (d->number == number && d->phase != DEVICE_WAITING && d->phase != DEVICE_CLOSED)
            return d;
    return NULL;
}

bool device_is_open(const struct xvmsg *h, uint64_t number)
{
    return find(h, number) != NULL;
}

static void append(struct xvmsg_device *d)
{
    struct xvmsg_device **link = &d->h->devices;

    while (*link)
        link = &(*link)->next;
    *link = d;
}

static void free_device(struct xvmsg_device *d)
{
    for (unsigned i = 0; i < MAX_QUEUES; i++)
        queue_tear_down(&d->queues[i]);
    free(d->config.bytes);
    free(d);
}

/* ---- opening ---- */

static bool driver_valid(const struct xvmsg_driver *driver)
{
    return driver->num_queues <= MAX_QUEUES &&
           (driver->num_queues == 0 || split_size_valid(driver->queue_size, SPLIT_MAX_SIZE));
}

static struct xvmsg_device *new_device(struct xvmsg *h, uint64_t number,
                                       const struct xvmsg_driver *driver,
                                       xvmsg_device_ready *ready, void *user)
{
    struct xvmsg_device *d = calloc(1, sizeof(*d));

    if (!d) {
        handle_fail(h, ENOMEM, "out of memory for device %llu", (unsigned long long)number);
        return NULL;
    }
    d->h = h;
    d->number = number;
    d->driver = *driver;
    d->ready = ready;
    d->user = user;
    d->poll_at = NEVER;
    d->events.bits = d->event_bits;
    d->events.num_bits = PENDING_QUEUE(driver->num_queues);
    for (unsigned i = 0; i < MAX_QUEUES; i++) {
        d->queues[i].device = d;
        d->queues[i].index = i;
    }
    return d;
}

static void start(struct xvmsg_device *d)
{
    d->phase = DEVICE_OPENING;
    if (hotplug_mark(d->h, d->number, XS_DEVICE_IN_USE) < 0)
        device_open_failed(d, XVMSG_REFUSED);
    else
        init_open(d);
}

struct xvmsg_device *xvmsg_device_open(struct xvmsg *h, uint64_t number,
                                       const struct xvmsg_driver *driver,
                                       xvmsg_device_ready *ready, void *user)
{
    const struct xvmsg_device *other = find(h, number);

    if (!h->conn.up) {
        handle_fail(h, ENOTCONN, "device %llu cannot be opened: the bus is not connected",
                    (unsigned long long)number);
        return NULL;
    }
    if (!driver_valid(driver)) {
        handle_fail(h, EINVAL, "a driver has at most %u queues of a power of two entries",
                    MAX_QUEUES);
        return NULL;
    }
    if (other && other->phase != DEVICE_CLOSING) {
        handle_fail(h, EBUSY, "device %llu is open already", (unsigned long long)number);
        return NULL;
    }

    struct xvmsg_device *d = new_device(h, number, driver, ready, user);

    if (!d)
        return NULL;
    /* Begins in the loop, so that `ready` never runs before this call returned. */
    d->phase = DEVICE_WAITING;
    append(d);
    handle_turn(h);
    return d;
}

void device_opened(struct xvmsg_device *d)
{
    d->phase = DEVICE_READY;
    d->ready(d, XVMSG_OK, d->user);
    config_catch_up(d);
}

void device_open_failed(struct xvmsg_device *d, enum xvmsg_status status)
{
    bool there = d->h->conn.up && status != XVMSG_DEVICE_REMOVED;

    d->phase = DEVICE_BROKEN;
    if (there)
        xvmsg_set_device_status(d->h, d->number, d->status | VIRTIO_CONFIG_S_FAILED, NULL, NULL);
    d->ready(d, status, d->user);
}

/* ---- breaking ---- */

void device_break(struct xvmsg_device *d, enum xvmsg_status status)
{
    enum device_phase phase = d->phase;

    if (phase == DEVICE_BROKEN || phase == DEVICE_CLOSING || phase == DEVICE_CLOSED)
        return;
    d->phase = DEVICE_BROKEN;
    init_forget(d);
    pending_drop(&d->h->bus.events, &d->events);
    config_write_end(d, status);
    resize_end(d, status);
    if (d->phase != DEVICE_BROKEN)
        return; /* closed from a callback */
    if (phase == DEVICE_READY && d->driver.broken)
        d->driver.broken(d, status, d->user);
    else if (phase != DEVICE_READY)
        d->ready(d, status, d->user);
}

void device_gone(struct xvmsg *h, uint64_t number)
{
    for (struct xvmsg_device *d = h->devices; d; d = d->next)
        if (d->number == number && d->phase != DEVICE_CLOSED) {
            d->gone = true;
            handle_fail(h, ENODEV, "device %llu was removed", (unsigned long long)number);
            device_break(d, XVMSG_DEVICE_REMOVED);
        }
}

void device_connection_lost(struct xvmsg *h)
{
    for (struct xvmsg_device *d = h->devices; d; d = d->next)
        if (d->phase == DEVICE_CLOSING)
            device_closed(d);
        else
            device_break(d, XVMSG_BUS_CLOSED);
}

/* ---- events ---- */

void device_status_seen(struct xvmsg_device *d, uint32_t status)
{
    d->status = status;
    if (!(status & VIRTIO_CONFIG_S_NEEDS_RESET))
        return;
    /* Whoever drives it may be slow to close it (DRV-52). */
    xvmsg_set_device_status(d->h, d->number, 0, NULL, NULL);
    handle_fail(d->h, EIO, "device %llu reports an error and wants a reset: open it again",
                (unsigned long long)d->number);
    device_break(d, XVMSG_NEEDS_RESET);
}

void device_used(struct xvmsg *h, uint64_t number, uint32_t queue)
{
    struct xvmsg_device *d = find(h, number);

    if (d && d->phase == DEVICE_READY && queue < d->driver.num_queues && d->driver.used)
        d->driver.used(d, queue, d->user);
}

void device_tell_config(struct xvmsg *h, uint64_t number, uint32_t status, uint32_t offset,
                        uint32_t length)
{
    if (h->handlers.config)
        h->handlers.config(h, number, status, offset, length, h->user);
}

void device_config_event(struct xvmsg *h, const struct msg *m)
{
    struct xvmsg_device *d = find(h, m->dev_num);
    const struct msg_event_config *event = &m->event_config;
    bool ready = d && d->phase == DEVICE_READY;

    if (!ready)
        device_tell_config(h, m->dev_num, event->device_status, event->offset, event->length);
    else
        device_status_seen(d, event->device_status);
    /* Also while it is being opened: what was read may not be the newest any more. */
    if (d && d->config.bytes && (d->phase == DEVICE_OPENING || d->phase == DEVICE_READY))
        config_event(d, event);
}

/* ---- closing ---- */

void device_closed(struct xvmsg_device *d)
{
    init_forget(d);
    resize_free_areas(d);
    xvmsg_area_free(d->rings);
    xvmsg_area_free(d->buffers);
    d->rings = NULL;
    d->buffers = NULL;
    d->phase = DEVICE_CLOSED;
}

void xvmsg_device_close(struct xvmsg_device *device)
{
    if (!device || device->phase == DEVICE_CLOSING || device->phase == DEVICE_CLOSED)
        return;

    bool started = device->phase != DEVICE_WAITING;

    pending_drop(&device->h->bus.events, &device->events);
    device->phase = DEVICE_CLOSING;
    resize_drop(device);
    if (device->h->conn.up && started)
        init_close(device);
    else
        device_closed(device);
    handle_turn(device->h);
}

/* ---- the loop ---- */

static void free_closed(struct xvmsg *h)
{
    struct xvmsg_device **link = &h->devices;

    while (*link) {
        struct xvmsg_device *d = *link;

        if (d->phase == DEVICE_CLOSED) {
            *link = d->next;
            free_device(d);
        } else {
            link = &d->next;
        }
    }
}

void device_tick(struct xvmsg *h)
{
    for (struct xvmsg_device *d = h->devices; d; d = d->next) {
        init_tick(d);
        resize_tick(d);
        if (d->phase == DEVICE_WAITING && !find(h, d->number))
            start(d);
    }
    free_closed(h);
}

uint64_t device_deadline(const struct xvmsg *h)
{
    uint64_t soonest = NEVER;

    for (const struct xvmsg_device *d = h->devices; d; d = d->next)
        if (d->poll_at < soonest)
            soonest = d->poll_at;
    return soonest;
}

void device_free_all(struct xvmsg *h)
{
    for (struct xvmsg_device *d = h->devices; d; d = d->next)
        if (d->phase == DEVICE_READY) {
            pending_drop(&h->bus.events, &d->events);
            config_write_end(d, XVMSG_CANCELLED);
            resize_end(d, XVMSG_CANCELLED);
        } else {
            device_break(d, XVMSG_CANCELLED);
        }
    while (h->devices) {
        struct xvmsg_device *d = h->devices;

        h->devices = d->next;
        free_device(d);
    }
}

/* ---- inspecting ---- */

uint64_t xvmsg_device_number(const struct xvmsg_device *device)
{
    return device->number;
}

const struct xvmsg_device_info *xvmsg_device_get_info(const struct xvmsg_device *device)
{
    return &device->info;
}

uint64_t xvmsg_device_features(const struct xvmsg_device *device)
{
    return device->features;
}

const void *xvmsg_device_config(const struct xvmsg_device *device)
{
    return device->config.bytes;
}

struct xvmsg_area *xvmsg_device_buffers(const struct xvmsg_device *device)
{
    return device->buffers;
}

struct xvmsg_queue *xvmsg_device_queue(const struct xvmsg_device *device, unsigned index)
{
    return index < device->driver.num_queues ? (struct xvmsg_queue *)&device->queues[index] : NULL;
}
