/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/doorbells.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "backend/ports.h"

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
    struct event_base *base;
    struct platform *platform;
    uint32_t frontend_domid;
    void *by_port; /* for tsearch() */
    TAILQ_HEAD(, doorbell) all;
    TAILQ_HEAD(, doorbell) due; /* to be rung when this turn's work is done */
    struct event *ring;
    struct event *readable; /* NULL: somebody else reads the platform's event channels */
    struct doorbells_owner owner;
};

static int compare(const void *a, const void *b)
{
    uint32_t x = ((const struct doorbell *)a)->port, y = ((const struct doorbell *)b)->port;

    return (x > y) - (x < y);
}

static void fail(struct doorbells *doorbells, const char *what)
{
    char why[DEVICE_WHY_MAX];

    snprintf(why, sizeof(why), "%s: %s", what, strerror(errno));
    doorbells->owner.failed(doorbells->owner.user, why);
}

/* A queue that used many buffers in a turn is told of once. */
static void on_ring(evutil_socket_t fd, short what, void *user)
{
    struct doorbells *doorbells = user;
    struct platform *platform = doorbells->platform;
    struct doorbell *bell;
    int error = 0;

    (void)fd, (void)what;
    while ((bell = TAILQ_FIRST(&doorbells->due))) {
        TAILQ_REMOVE(&doorbells->due, bell, in_due);
        bell->due = false;
        stats_count(&queue_stats(bell->device->queues[bell->index])->notifications);
        if (platform->ops->evtchn_notify(platform, bell->port) < 0)
            error = errno;
    }
    errno = error;
    if (error)
        fail(doorbells, "cannot ring a queue's doorbell");
    else if (doorbells->owner.rung)
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
    doorbells->base = base;
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
    if (doorbells->readable)
        event_free(doorbells->readable);
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
    bell->device->host->num_doorbells--;
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
    struct device_host *host = device->host;
    struct doorbell *bell;

    if (!port) {
        doorbells_drop(device, index);
        return DOORBELL_OK;
    }
    if (host->num_doorbells >= DOORBELLS_MAX || !has_slots(device))
        return DOORBELL_LIMIT;
    bell = new_bell(device_part(device, index)->lane->doorbells, port);
    if (!bell)
        return DOORBELL_NOT_BOUND;
    host->num_doorbells++;
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
    free_bell(device_part(device, index)->lane->doorbells, device->doorbells[index]);
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
    struct doorbells *doorbells = device_part(device, index)->lane->doorbells;

    if (!bell)
        return false;
    if (!bell->due) {
        bell->due = true;
        TAILQ_INSERT_TAIL(&doorbells->due, bell, in_due);
        event_active(doorbells->ring, 0, 0);
    }
    return true;
}

void doorbells_rang(struct doorbells *doorbells, uint32_t port)
{
    const struct doorbell key = {.port = port};
    struct doorbell **found = tfind(&key, &doorbells->by_port, compare);

    if (found)
        device_doorbell((*found)->device, (*found)->index);
}

static void on_fired(void *user, uint32_t port)
{
    doorbells_rang(user, port);
}

/* What cannot be read would be tried again without end. */
static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct doorbells *doorbells = user;
    const char *wrong = ports_read(doorbells->platform, on_fired, doorbells);

    (void)fd, (void)what;
    if (!wrong)
        return;
    event_del(doorbells->readable);
    fail(doorbells, wrong);
}

bool doorbells_listen(struct doorbells *doorbells)
{
    int fd = doorbells->platform->ops->evtchn_fd(doorbells->platform);

    doorbells->readable =
        event_new(doorbells->base, fd, EV_READ | EV_PERSIST, on_readable, doorbells);
    return doorbells->readable && event_add(doorbells->readable, NULL) == 0;
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
