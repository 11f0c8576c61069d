/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Where queues are served: a loop, and what serving takes of it. A worker has one lane for
 * its own loop, which does everything else too, and one for each of its queue threads
 * (threads.h). What is in a lane is used by its own thread alone.
 */
#ifndef XVMSG_LANE_H
#define XVMSG_LANE_H

#include "backend/aio.h"
#include "backend/memory.h"
#include "backend/turn.h"

struct mailbox;

struct lane {
    struct event_base *base;
    struct platform *platform;
    struct aio *aio;
    struct turn turn;
    struct memory *memory;       /* NULL while no guest is connected */
    struct doorbells *doorbells; /* NULL unless queues may have event channels of their own */
    struct memory_log memory_log;
    /* Of a queue thread's; NULL in the worker's own. */
    struct mailbox *inbox;
    struct mailbox *outbox; /* to the worker's own loop */
};

/* A loop for a lane, which no guest keeps from turning. NULL without memory. */
struct event_base *lane_base_new(void);

/* The lane whose thread this is; NULL in the worker's own. */
const struct lane *lane_here(void);

/* A thread begins to serve it. */
void lane_enter(const struct lane *lane);

/* On a loop and a platform that stay the caller's, for a guest that is yet to connect.
 * False with errno; *why says in words what is missing, and lane_close() is still due. */
bool lane_open(struct lane *lane, struct event_base *base, struct platform *platform,
               const char **why);

/* Waits for what is in flight. A zeroed one is fine. */
void lane_close(struct lane *lane);

#endif
