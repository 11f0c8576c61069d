/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Errands of the thread that runs a loop: calls that mostly take a moment, so that anything
 * but making them at once is dearer, but that nobody can promise to come back from, such as
 * a write to a file whose disk is gone.
 *
 * The loop is left for them. Should one take long, another thread, which has waited for
 * this, goes on with the loop; the first brings home what came of it, and is the
 * one that waits from then on. So callbacks are any of two threads', but never of both at once.
 */
#ifndef XVMSG_ERRANDS_H
#define XVMSG_ERRANDS_H

#include <event2/event.h>
#include <stdbool.h>

struct errands;

struct errand {
    /* Outside of the loop, and beside it if it takes long: touches nothing that callbacks
     * do, but the errand. */
    void (*run)(struct errand *errand);
    /* As a callback of the loop, which goes on although the errand is out. NULL: nothing. */
    void (*overtaken)(struct errand *errand);
    /* As a callback of the loop. */
    void (*ended)(struct errand *errand);
    bool late; /* told then: it took long */
};

/* None is run yet. NULL with errno. */
struct errands *errands_new(struct event_base *base);

/* NULL is fine. */
void errands_free(struct errands *errands);

/* From a callback of the loop, which goes on when the errand is done. False: not now. */
bool errands_start(struct errands *errands, struct errand *errand);

/* Runs the loop until it is broken off, and all errands to their end. As
 * event_base_dispatch(). */
int errands_run(struct errands *errands);

#endif
