/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A connected message ring and its event channel, served on the worker's loop.
 *
 * A request is taken only when its response is sure to fit; messages that
 * nobody takes are dropped and counted. Pending events go when there is room.
 * Work is done in batches, so that completed I/O is not kept waiting.
 */
#ifndef XVMSG_CHANNEL_H
#define XVMSG_CHANNEL_H

#include <event2/event.h>

#include "backend/answer.h"
#include "backend/ipc.h"
#include "backend/log.h"
#include "backend/stats.h"
#include "backend/trace.h"
#include "common/pending.h"
#include "common/platform.h"

#define CHANNEL_WHY_MAX 128

struct channel;

/* Who the messages are for. */
struct channel_owner {
    enum answer_when (*serve)(void *user, const struct msg *message, struct answer *answer);
    /* Fills in answer->msg for a pending bit; it is sent for sure. */
    void (*build_event)(void *user, struct pending_source *source, uint32_t bit,
                        struct answer *answer);
    /* Another port than the ring's fired. */
    void (*rang)(void *user, uint32_t port);
    /* Looks for work that comes another way, without a system call; true when there was. */
    bool (*look)(void *user);
    /* Once: the channel is dead, and only channel_free() helps. */
    void (*failed)(void *user, const char *why);
    struct log_limit *drop_limit; /* for lines about dropped messages; outlives the channel */
    struct trace *trace;          /* so do these two */
    struct channel_stats *stats;
    uint64_t max_look;            /* ns to look for work before sleeping, at most; 0: none */
    void *user;
};

/*
 * Maps the ring, binds the event channel and begins to serve. `platform`,
 * `pending` and `label` stay the caller's. NULL, nothing mapped or bound, with a
 * sentence in why[CHANNEL_WHY_MAX].
 */
struct channel *channel_new(struct event_base *base, struct platform *platform,
                            const struct ipc_connect *connect, struct pending *pending,
                            const struct channel_owner *owner, const char *label, char *why);

/* Unmaps and unbinds; NULL is fine. */
void channel_free(struct channel *channel);

/* Serves no message and sends nothing any more; the guest's pages stay mapped. */
void channel_stop(struct channel *channel);

/* Something is pending: look at the end of this turn. */
void channel_wake(struct channel *channel);

#endif
