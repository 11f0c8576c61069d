/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Event channels of single queues (QUEUE_DOORBELL). A port is the queue's for as long
 * as its device is open; the backend lets go of its end whenever the queue is reset,
 * and is asked to bind it again. A queue that gets none is served by messages.
 */

#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "frontend/steps.h"

/* A queue by its port. */
struct bell {
    uint32_t port; /* first, for compare() */
    struct xvmsg_queue *queue;
    LIST_ENTRY(bell) in_all;
};

static int compare(const void *a, const void *b)
{
    uint32_t x = ((const struct bell *)a)->port, y = ((const struct bell *)b)->port;

    return (x > y) - (x < y);
}

/* ---- getting one ---- */

/* NULL: there is no memory or event channel left, which is no reason to fail. */
static struct bell *new_bell(struct xvmsg *h, struct xvmsg_queue *queue)
{
    struct platform *p = h->platform;
    struct bell *bell = calloc(1, sizeof(*bell));
    int port;

    if (!bell)
        return NULL;
    port = p->ops->evtchn_alloc(p, h->conn.backend_domid);
    if (port < 0)
        goto free_bell;
    bell->port = (uint32_t)port;
    bell->queue = queue;
    if (!tsearch(bell, &h->doorbells.by_port, compare))
        goto unbind;
    LIST_INSERT_HEAD(&h->doorbells.all, bell, in_all);
    return bell;

unbind:
    p->ops->evtchn_unbind(p, bell->port);
free_bell:
    free(bell);
    return NULL;
}

static void drop(struct xvmsg_queue *queue)
{
    struct xvmsg *h = queue->device->h;
    struct bell *bell = queue->bell;

    queue->bell = NULL;
    queue->bell_bound = false;
    if (!bell)
        return;
    h->platform->ops->evtchn_unbind(h->platform, bell->port);
    tdelete(bell, &h->doorbells.by_port, compare);
    LIST_REMOVE(bell, in_all);
    free(bell);
}

void doorbell_drop_all(struct xvmsg_device *d)
{
    for (unsigned i = 0; i < d->driver.num_queues; i++)
        drop(&d->queues[i]);
}

static enum xvmsg_status take_answer(const struct request *r, const struct msg *m,
                                     struct xvmsg_reply *reply)
{
    const struct msg_queue_doorbell_request *asked = &r->call.msg.queue_doorbell_request;
    const struct msg_queue_doorbell_response *response = &m->queue_doorbell_response;

    (void)reply;
    if (response->device_number != asked->device_number || response->vq_index != asked->vq_index)
        return XVMSG_MALFORMED_RESPONSE;
    return response->status == DOORBELL_OK ? XVMSG_OK : XVMSG_REFUSED;
}

static void answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_device *d = user;
    struct xvmsg_queue *queue = &d->queues[d->queue];
    struct xvmsg_reply passed = *reply;

    queue->bell_bound = queue->bell && reply->status == XVMSG_OK;
    if (reply->status == XVMSG_REFUSED) {
        drop(queue);
        passed.status = XVMSG_OK;
    }
    init_answered(h, &passed, d);
}

int doorbell_start(struct xvmsg_device *d)
{
    struct xvmsg *h = d->h;
    struct xvmsg_queue *queue = &d->queues[d->queue];

    if (!h->bus.doorbells || !d->driver.num_queues)
        return 1;
    if (!queue->bell)
        queue->bell = new_bell(h, queue);
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_queue_doorbell_request,
                                         .queue_doorbell_request =
                                             {
                                                 .device_number = d->number,
                                                 .vq_index = d->queue,
                                                 .port = queue->bell ? queue->bell->port : 0,
                                             }},
                                 .take = take_answer,
                                 .done = answered,
                                 .user = d,
                             });
}

void doorbell_forget(struct xvmsg_device *d)
{
    request_forget(d->h, answered, d);
}

/* ---- ringing, and being rung ---- */

bool doorbell_ring(struct xvmsg_queue *queue)
{
    struct xvmsg *h = queue->device->h;

    if (!queue->bell_bound)
        return false;
    if (h->platform->ops->evtchn_notify(h->platform, queue->bell->port) < 0)
        h->bus.mute = true;
    return true;
}

/* An EVENT_USED that came another way (BUS-39). */
void doorbell_fired(struct xvmsg *h, uint32_t port)
{
    const struct bell key = {.port = port};
    struct bell **found = tfind(&key, &h->doorbells.by_port, compare);

    if (found)
        device_used(h, (*found)->queue->device->number, (*found)->queue->index);
}

bool doorbell_look(struct xvmsg *h)
{
    struct bell *bell;

    LIST_FOREACH(bell, &h->doorbells.all, in_all) {
        struct xvmsg_queue *queue = bell->queue;

        if (queue->device->phase != DEVICE_READY || !queue->size || queue->resizing ||
            !queue_has_used(queue))
            continue;
        device_used(h, queue->device->number, queue->index);
        return true;
    }
    return false;
}
