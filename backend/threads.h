/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A worker's queue threads. Each serves queues in a lane of its own; all else (messages,
 * devices, areas) is the worker's own loop's, which has them stand still before it touches
 * anything that they may look at:
 *
 *     threads_hold(threads);
 *     ...
 *     threads_release(threads);
 *
 * So requests take no locks. A thread that stands still is in no callback of its loop:
 * what the holder does there, it does in the thread's place.
 *
 * All calls are the own loop's. `threads` may be NULL: there are none.
 */
#ifndef XVMSG_THREADS_H
#define XVMSG_THREADS_H

#include "backend/ipc.h"
#include "backend/lane.h"

#define THREADS_MAX 16u

struct threads;

struct threads_owner {
    /* A doorbell of one of them could not be rung, or read. They are held. */
    void (*failed)(void *user, const char *why);
    void *user;
};

/* None yet. NULL with errno. */
struct threads *threads_new(struct event_base *base, const struct threads_owner *owner);

/* One more, to begin later, on a platform of its own that stays the caller's. False with
 * errno and a word. */
bool threads_add(struct threads *threads, struct platform *platform, const char **why);

/* Has them begin, if they have not. How many there are; 0 also when they cannot. */
unsigned threads_start(struct threads *threads);

struct lane *threads_lane(struct threads *threads, unsigned index);

/* May be nested. */
void threads_hold(struct threads *threads);
void threads_release(struct threads *threads);

/* For a guest that has connected, with what of its memory the worker has: a thread that has
 * rung a doorbell of its looks for `max_look` ns at most for more work before it sleeps. And
 * for one that has left, when none of its queues is enabled. False: out of memory, and the
 * latter is due. */
bool threads_connect(struct threads *threads, struct memory *memory,
                     const struct ipc_connect *connect, uint64_t max_look);
void threads_disconnect(struct threads *threads);

/* Adds what they have counted since the guest connected. */
void threads_add_stats(const struct threads *threads, struct memory_stats *sum);

/* Ends them. Their operations go on, until they are waited for. */
void threads_stop(struct threads *threads);
void threads_drain(struct threads *threads);

/* Stopped and disconnected. */
void threads_free(struct threads *threads);

#endif
