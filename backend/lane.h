/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Where queues are served: a loop, and what serving takes of it. What is in a lane is
 * used by its own loop alone.
 */
#ifndef XVMSG_LANE_H
#define XVMSG_LANE_H

#include "backend/aio.h"
#include "backend/memory.h"
#include "backend/turn.h"

struct lane {
    struct event_base *base;
    struct platform *platform;
    struct aio *aio;
    struct turn turn;
    struct memory *memory;       /* NULL while no guest is connected */
    struct doorbells *doorbells; /* NULL unless queues may have event channels of their own */
};

/* On a loop and a platform that stay the caller's, for a guest that is yet to connect.
 * False with errno; *why says in words what is missing, and lane_close() is still due. */
bool lane_open(struct lane *lane, struct event_base *base, struct platform *platform,
               const char **why);

/* Waits for what is in flight. A zeroed one is fine. */
void lane_close(struct lane *lane);

#endif
