/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/doorbells.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct doorbell {
    uint32_t port; /* local; first, for compare() */
    struct device *device;
    uint32_t index;
    bool due;
    uint16_t seen; /* of the queue, by queue_has_news() */
    TAILQ_ENTRY(doorbell) in_due;
    TAILQ_ENTRY(doorbell) in_all;
};

struct doorbells {
    struct platform *platform;
    uint32_t frontend_domid;
    unsigned count;
    void *by_port; /* for tsearch() */
    TAILQ_HEAD(, doorbell) all;
    TAILQ_HEAD(, doorbell) due; /* to be rung when this turn's work is done */
    struct event *ring;
    struct doorbells_owner owner;
};

static int compare(const void *a, const void *b)
{
    uint32_t x = ((const struct doorbell *)a)->port, y = ((const struct doorbell *)b)->port;

    return (x > y) - (x < y);
}

/* A queue that used many buffers in a turn is told of once. */
static void on_ring(evutil_socket_t fd, short what, void *user)
{
    struct doorbells *doorbells = user;
    struct platform *platform = doorbells->platform;
    struct doorbell *bell;
    char why[DEVICE_WHY_MAX];
    bool failed = false;

    (void)fd, (void)what;
    while ((bell = TAILQ_FIRST(&doorbells->due))) {
        TAILQ_REMOVE(&doorbells->due, bell, in_due);
        bell->due = false;
        queue_stats(bell->device->queues[bell->index])->notifications++;
        if (platform->ops->evtchn_notify(platform, bell->port) == 0 || failed)
            continue;
        snprintf(why, sizeof(why), "cannot ring a queue's doorbell: %s", strerror(errno));
        failed = true;
    }
    if (failed)
        doorbells->owner.failed(doorbells->owner.user, why);
    else
        doorbells->owner.rung(doorbells->owner.user);
}

struct doorbells *doorbells_new(struct event_base *base, struct platform *platform,
                                uint32_t frontend_domid, const struct doorbells_owner *owner)
{
    struct doorbells *doorbells = calloc(1, sizeof(*doorbells));

    if (!doorbells)
        return NULL;
    TAILQ_INIT(&doorbells->all);
    TAILQ_INIT(&doorbells->due);
    doorbells->platform = platform;
    doorbells->frontend_domid = frontend_domid;
    doorbells->owner = *owner;
    doorbells->ring = event_new(base, -1, 0, on_ring, doorbells);
    if (!doorbells->ring) {
        free(doorbells);
        return NULL;
    }
    return doorbells;
}

void doorbells_free(struct doorbells *doorbells)
{
    if (!doorbells)
        return;
    event_free(doorbells->ring);
    free(doorbells);
}

/* ---- binding ---- */

static void free_bell(struct doorbells *doorbells, struct doorbell *bell)
{
    struct platform *platform = doorbells->platform;

    platform->ops->evtchn_unbind(platform, bell->port);
    if (bell->due)
        TAILQ_REMOVE(&doorbells->due, bell, in_due);
    TAILQ_REMOVE(&doorbells->all, bell, in_all);
    tdelete(bell, &doorbells->by_port, compare);
    doorbells->count--;
    free(bell);
}

static struct doorbell *new_bell(struct doorbells *doorbells, uint32_t remote_port)
{
    struct platform *platform = doorbells->platform;
    struct doorbell *bell = calloc(1, sizeof(*bell));
    int port;

    if (!bell)
        return NULL;
    port = platform->ops->evtchn_bind(platform, doorbells->frontend_domid, remote_port);
    if (port < 0)
        goto free_bell;
    bell->port = (uint32_t)port;
    if (!tsearch(bell, &doorbells->by_port, compare))
        goto unbind;
    TAILQ_INSERT_TAIL(&doorbells->all, bell, in_all);
    doorbells->count++;
    return bell;

unbind:
    platform->ops->evtchn_unbind(platform, bell->port);
free_bell:
    free(bell);
    return NULL;
}

/* Only for a device whose driver wants doorbells: there may be very many others. */
static bool has_slots(struct device *device)
{
    if (!device->doorbells)
        device->doorbells = calloc(device->num_queues, sizeof(struct doorbell *));
    return device->doorbells != NULL;
}

enum doorbell_status doorbells_bind(struct device *device, uint32_t index, uint32_t port)
{
    struct doorbells *doorbells = device->part.lane->doorbells;
    struct doorbell *bell;

    if (!port) {
        doorbells_drop(device, index);
        return DOORBELL_OK;
    }
    if (doorbells->count >= DOORBELLS_MAX || !has_slots(device))
        return DOORBELL_LIMIT;
    bell = new_bell(doorbells, port);
    if (!bell)
        return DOORBELL_NOT_BOUND;
    doorbells_drop(device, index);
    bell->device = device;
    bell->index = index;
    device->doorbells[index] = bell;
    return DOORBELL_OK;
}

void doorbells_drop(struct device *device, uint32_t index)
{
    if (!device->doorbells || !device->doorbells[index])
        return;
    free_bell(device->part.lane->doorbells, device->doorbells[index]);
    device->doorbells[index] = NULL;
}

void doorbells_drop_all(struct device *device)
{
    if (!device->doorbells)
        return;
    for (uint32_t i = 0; i < device->num_queues; i++)
        doorbells_drop(device, i);
    free(device->doorbells);
    device->doorbells = NULL;
}

/* ---- ringing, and being rung ---- */

bool doorbells_ring(struct device *device, uint32_t index)
{
    struct doorbell *bell = device->doorbells ? device->doorbells[index] : NULL;
    struct doorbells *doorbells = device->part.lane->doorbells;

    if (!bell)
        return false;
    if (!bell->due) {
        bell->due = true;
        TAILQ_INSERT_TAIL(&doorbells->due, bell, in_due);
        event_active(doorbells->ring, 0, 0);
    }
    return true;
}

bool doorbells_find(const struct doorbells *doorbells, uint32_t port, uint64_t *device,
                    uint32_t *index)
{
    const struct doorbell key = {.port = port};
    struct doorbell **found = tfind(&key, &doorbells->by_port, compare);

    if (!found)
        return false;
    *device = (*found)->device->number;
    *index = (*found)->index;
    return true;
}

bool doorbells_look(struct doorbells *doorbells)
{
    struct doorbell *bell;
    bool found = false;

    TAILQ_FOREACH(bell, &doorbells->all, in_all) {
        struct queue *queue = bell->device->queues[bell->index];

        if (!device_running(bell->device) || !queue_enabled(queue))
            continue;
        queue_stats(queue)->polls++;
        if (!queue_has_news(queue, &bell->seen))
            continue;
        queue_stats(queue)->polls_found++;
        device_kick(bell->device, bell->index);
        found = true;
    }
    return found;
}
