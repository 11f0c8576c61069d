/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A device's life: opening, events, breaking, closing. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <search.h>
#include <stdlib.h>

#include "common/split.h"
#include "frontend/device.h"
#include "xenstore-schema/schema.h"

/* ---- the devices ---- */

static int compare(const void *a, const void *b)
{
    uint64_t x = ((const struct xvmsg_device *)a)->number;
    uint64_t y = ((const struct xvmsg_device *)b)->number;

    return (x > y) - (x < y);
}

static struct xvmsg_device *find_in(void *const *tree, uint64_t number)
{
    const struct xvmsg_device key = {.number = number};
    struct xvmsg_device **found = tfind(&key, tree, compare);

    return found ? *found : NULL;
}

/* Whoever uses the number now. */
static struct xvmsg_device *find(const struct xvmsg *h, uint64_t number)
{
    return find_in(&h->devices.users, number);
}

/* Whoever is to use it next. */
static struct xvmsg_device *find_waiting(const struct xvmsg *h, uint64_t number)
{
    return find_in(&h->devices.waiting, number);
}

bool device_is_open(const struct xvmsg *h, uint64_t number)
{
    return find(h, number) != NULL;
}

static void free_device(struct xvmsg_device *d)
{
    TAILQ_REMOVE(&d->h->devices.all, d, in_all);
    for (unsigned i = 0; i < d->driver.num_queues; i++)
        queue_tear_down(&d->queues[i]);
    doorbell_drop_all(d);
    free(d->config.bytes);
    free(d);
}

void device_attend(struct xvmsg_device *d)
{
    if (d->attended)
        return;
    d->attended = true;
    TAILQ_INSERT_TAIL(&d->h->devices.attended, d, in_attended);
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
    struct xvmsg_device *d = calloc(1, sizeof(*d) + driver->num_queues * sizeof(d->queues[0]));

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
    d->expires_at = NEVER;
    d->events.bits = d->event_bits;
    d->events.num_bits = PENDING_QUEUE(driver->num_queues);
    for (unsigned i = 0; i < driver->num_queues; i++) {
        d->queues[i].device = d;
        d->queues[i].index = i;
    }
    return d;
}

/* It waits for its number no longer. */
static void leave(struct xvmsg_device *d, enum device_phase phase)
{
    if (d->phase == DEVICE_WAITING)
        tdelete(d, &d->h->devices.waiting, compare);
    d->phase = phase;
}

static void start(struct xvmsg_device *d)
{
    if (!tsearch(d, &d->h->devices.users, compare)) {
        handle_fail(d->h, ENOMEM, "out of memory for device %llu", (unsigned long long)d->number);
        device_break(d, XVMSG_NO_MEMORY);
        return;
    }
    d->started = true;
    leave(d, DEVICE_OPENING);
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
    if ((other && other->phase != DEVICE_CLOSING) || find_waiting(h, number)) {
        handle_fail(h, EBUSY, "device %llu is open already", (unsigned long long)number);
        return NULL;
    }

    struct xvmsg_device *d = new_device(h, number, driver, ready, user);

    if (!d)
        return NULL;
    if (!tsearch(d, &h->devices.waiting, compare)) {
        handle_fail(h, ENOMEM, "out of memory for device %llu", (unsigned long long)number);
        free(d);
        return NULL;
    }
    /* Begins in the loop, so that `ready` never runs before this call returned. */
    d->phase = DEVICE_WAITING;
    TAILQ_INSERT_TAIL(&h->devices.all, d, in_all);
    device_attend(d);
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
    leave(d, DEVICE_BROKEN);
    init_forget(d);
    d->expires_at = NEVER;
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

static void removed(struct xvmsg_device *d)
{
    d->gone = true;
    handle_fail(d->h, ENODEV, "device %llu was removed", (unsigned long long)d->number);
    device_break(d, XVMSG_DEVICE_REMOVED);
}

void device_gone(struct xvmsg *h, uint64_t number)
{
    struct xvmsg_device *d = find_waiting(h, number);

    /* Who is told may open it once more, and be told the next time. */
    if (d)
        removed(d);
    d = find(h, number);
    if (d)
        removed(d);
}

void device_connection_lost(struct xvmsg *h)
{
    struct xvmsg_device *d;

    TAILQ_FOREACH(d, &h->devices.all, in_all) {
        doorbell_drop_all(d);
        if (d->phase == DEVICE_CLOSING)
            device_closed(d);
        else
            device_break(d, XVMSG_BUS_CLOSED);
    }
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
    if (d->started)
        tdelete(d, &d->h->devices.users, compare);
    d->phase = DEVICE_CLOSED;
    device_attend(d);
}

void xvmsg_device_close(struct xvmsg_device *device)
{
    if (!device || device->phase == DEVICE_CLOSING || device->phase == DEVICE_CLOSED)
        return;

    pending_drop(&device->h->bus.events, &device->events);
    leave(device, DEVICE_CLOSING);
    device->expires_at = NEVER;
    resize_drop(device);
    if (device->h->conn.up && device->started)
        init_close(device);
    else
        device_closed(device);
    handle_turn(device->h);
}

/* ---- the loop ---- */

static bool waits(const struct xvmsg_device *d)
{
    return d->phase == DEVICE_WAITING || d->poll_at != NEVER || d->expires_at != NEVER ||
           resize_waits(d);
}

void device_expire_at(struct xvmsg_device *d, uint64_t when)
{
    d->expires_at = when;
    if (when != NEVER)
        device_attend(d);
}

static void expire(struct xvmsg_device *d)
{
    if (d->expires_at != NEVER && handle_now(d->h) >= d->expires_at)
        device_break(d, XVMSG_TIMEOUT);
}

/* Frees the closed ones; those with nothing more to wait for are left alone. */
static void sweep(struct devices *devices)
{
    struct attended until_now = TAILQ_HEAD_INITIALIZER(until_now);
    struct xvmsg_device *d;

    TAILQ_CONCAT(&until_now, &devices->attended, in_attended);
    while ((d = TAILQ_FIRST(&until_now))) {
        TAILQ_REMOVE(&until_now, d, in_attended);
        d->attended = false;
        if (d->phase == DEVICE_CLOSED)
            free_device(d);
        else if (waits(d))
            device_attend(d);
    }
}

void device_tick(struct xvmsg *h)
{
    const struct xvmsg_device *last = TAILQ_LAST(&h->devices.attended, attended);
    struct xvmsg_device *d;

    /* What callbacks add has its turn the next time. */
    TAILQ_FOREACH(d, &h->devices.attended, in_attended) {
        init_tick(d);
        resize_tick(d);
        expire(d);
        if (d->phase == DEVICE_WAITING && !find(h, d->number))
            start(d);
        if (d == last)
            break;
    }
    sweep(&h->devices);
}

uint64_t device_deadline(const struct xvmsg *h)
{
    const struct xvmsg_device *d;
    uint64_t soonest = NEVER;

    TAILQ_FOREACH(d, &h->devices.attended, in_attended) {
        uint64_t due = d->poll_at < d->expires_at ? d->poll_at : d->expires_at;

        if (due < soonest)
            soonest = due;
    }
    return soonest;
}

static void keep(void *device)
{
    (void)device; /* the list frees it */
}

void device_free_all(struct xvmsg *h)
{
    struct xvmsg_device *d;

    TAILQ_FOREACH(d, &h->devices.all, in_all)
        if (d->phase == DEVICE_READY) {
            pending_drop(&h->bus.events, &d->events);
            config_write_end(d, XVMSG_CANCELLED);
            resize_end(d, XVMSG_CANCELLED);
        } else {
            device_break(d, XVMSG_CANCELLED);
        }
    tdestroy(h->devices.users, keep);
    while ((d = TAILQ_FIRST(&h->devices.all)))
        free_device(d);
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
