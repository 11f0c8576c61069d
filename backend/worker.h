/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One bus instance's worker: maps the guest's ring and areas, answers its
 * messages, runs its devices. Knows nothing of xenstore.
 */
#ifndef XVMSG_WORKER_H
#define XVMSG_WORKER_H

#include <event2/event.h>

#include "common/platform.h"

struct worker;

/* A loop as a worker needs it, which no guest keeps from turning. NULL without memory. */
struct event_base *worker_base_new(void);

/*
 * Makes a worker on a loop, speaking ipc.h on `socket` (the worker's to close
 * from now on). `platform` needs event channels and PLATFORM_GNTTAB and stays
 * the caller's. `label` ("dom 3 bus 0") leads its log lines. When the supervisor
 * closes its end the worker breaks the loop. NULL with errno, the socket closed.
 */
struct worker *worker_new(struct event_base *base, struct platform *platform, int socket,
                          const char *label);

/* Resets every device, unmaps everything, closes descriptors; NULL is fine. */
void worker_free(struct worker *worker);

/* The process: opens Xen, makes the loop, runs it until the socket closes.
 * Returns the exit status. */
int worker_main(int socket, const char *label);

#endif
