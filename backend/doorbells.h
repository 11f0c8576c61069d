/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Event channels of single queues (QUEUE_DOORBELL), of one connection and one lane. One that the
 * guest rings stands for an EVENT_AVAIL of its queue, one that we ring for an
 * EVENT_USED.
 *
 * A doorbell lasts until the guest takes it back or replaces it, its queue or its
 * device is reset, or the connection ends. The guest's port is bound here and nowhere
 * else, so Xen itself refuses one that is taken: the ring's, or another queue's.
 */
#ifndef XVMSG_DOORBELLS_H
#define XVMSG_DOORBELLS_H

#include <event2/event.h>

#include "backend/device-state.h"

/* Of all devices of a guest's bus together. */
#define DOORBELLS_MAX 256u

struct doorbells;

/* Who is told. */
struct doorbells_owner {
    void (*rung)(void *user); /* a turn's doorbells; NULL: no matter */
    /* One of them could not be rung, or those that we listen to not be read. */
    void (*failed)(void *user, const char *why);
    void *user;
};

/* NULL without memory. */
struct doorbells *doorbells_new(struct event_base *base, struct platform *platform,
                                uint32_t frontend_domid, const struct doorbells_owner *owner);

/* Every device was reset. NULL is fine. */
void doorbells_free(struct doorbells *doorbells);

/* Gives a queue of the device this port of the guest's in place of the one it has;
 * port 0: none. When it fails the queue keeps what it has. */
enum doorbell_status doorbells_bind(struct device *device, uint32_t index, uint32_t port);

/* Takes the doorbell of a queue, or of all queues, away. Harmless when there is none. */
void doorbells_drop(struct device *device, uint32_t index);
void doorbells_drop_all(struct device *device);

/* Has the queue's doorbell rung at this turn's end. False: it has none. */
bool doorbells_ring(struct device *device, uint32_t index);

/* This local port fired, which may be nobody's any more. */
void doorbells_rang(struct doorbells *doorbells, uint32_t port);

/* Reads the platform's event channels itself: there are none but doorbells. False: out of
 * memory. */
bool doorbells_listen(struct doorbells *doorbells);

/* Looks at the available rings themselves: kicks every queue with a doorbell that has
 * new requests. True when there was one. */
bool doorbells_look(struct doorbells *doorbells);

#endif
