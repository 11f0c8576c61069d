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

/*
 * Makes a worker on a loop, speaking ipc.h on `socket` (the worker's to close
 * from now on). `platform` needs event channels and PLATFORM_GNTTAB and stays
 * the caller's. `label` ("dom 3 bus 0") leads its log lines. When the supervisor
 * closes its end the worker breaks the loop. NULL with errno, the socket closed.
 */
struct worker *worker_new(struct event_base *base, struct platform *platform, int socket,
                          const char *label);

/*
 * Has queues of devices that allow it served by one more thread of the worker's, up to
 * THREADS_MAX, on a platform of its own (event channels and PLATFORM_GNTTAB) that stays the
 * caller's. Before there are devices. False, with a line in the log: it goes on without.
 */
bool worker_add_thread(struct worker *worker, struct platform *platform);

/* Runs its loop, with another thread for what takes long, until that is broken off. As
 * event_base_dispatch(). */
int worker_run(struct worker *worker);

/* Resets every device, unmaps everything, closes descriptors; NULL is fine. */
void worker_free(struct worker *worker);

/* The process, with as many queue threads: opens Xen for each, makes the loop, runs it
 * until the socket closes. Returns the exit status. */
int worker_main(int socket, const char *label, unsigned queue_threads);

#endif
