/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The sequences that open and close a device, as tables of steps. A step sends
 * one request (or shares one area); its answer decides whether the next follows.
 */
#ifndef XVMSG_STEPS_H
#define XVMSG_STEPS_H

#include "frontend/device.h"

enum outcome {
    NEXT,      /* go on */
    AGAIN,     /* start the same step once more, at once */
    LATER,     /* start it once more in a while */
    TIMED_OUT, /* it took too long */
    REFUSED,   /* failed, with a sentence */
    ELSEWHERE, /* a callback has broken or closed the device: nothing more to do here */
};

struct init_step {
    const char *name; /* NULL: the end of the sequence */
    /* 0: wait for the answer; 1: nothing to do, go on; -1: failed, with a sentence */
    int (*start)(struct xvmsg_device *d);
    /* Looks at a good answer; NULL: any will do. */
    enum outcome (*finish)(struct xvmsg_device *d, const struct xvmsg_reply *reply);
};

extern const struct init_step steps_opening[];
extern const struct init_step steps_closing[];
/* Where closing begins for a device that is gone and has nothing to reset. */
extern const struct init_step *const steps_closing_gone;

/* Steps for the queue d->queue; when a device is opened, for each in turn. */
int steps_get_queue(struct xvmsg_device *d);
int steps_set_queue(struct xvmsg_device *d);
enum outcome steps_verify_queue(struct xvmsg_device *d, const struct xvmsg_reply *reply);
/* Gives the queue an event channel of its own, if that was agreed on; in doorbell.c. */
int doorbell_start(struct xvmsg_device *d);
enum outcome steps_next_queue(struct xvmsg_device *d, const struct xvmsg_reply *reply);
/* An area for the rings and, if there is room for them as well, indirect tables of
 * queues. NULL with a sentence. */
struct xvmsg_area *steps_new_queue_area(struct xvmsg_device *d, size_t rings, size_t tables);

/* ---- in init.c: where the answers to all steps go ---- */

xvmsg_done init_answered;
xvmsg_area_done init_area_answered;

#endif
