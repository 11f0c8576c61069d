/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A worker from inside: what its files share. */
#ifndef XVMSG_WORKER_STATE_H
#define XVMSG_WORKER_STATE_H

#include "backend/channel.h"
#include "backend/device-state.h"
#include "backend/log.h"
#include "backend/roster.h"
#include "backend/stats-reader.h"
#include "backend/trace.h"
#include "backend/worker.h"

#define WORKER_LABEL_MAX 64

struct worker {
    char label[WORKER_LABEL_MAX];
    int socket;
    struct event *readable; /* the supervisor speaks */
    struct event *settle;   /* a reset is complete: see who waited for it */
    struct device_host host;
    struct roster roster;
    struct device *leaving;   /* those of the roster that go when they are quiet */
    struct channel *channel; /* NULL while no guest is connected */
    bool disconnecting;
    struct trace trace;
    struct channel_stats channel_stats; /* of all channels there were */
    struct memory_stats memory_stats;   /* of the memory that is let go of */
    struct stats_readers *readers;
    /* Here, so that a guest does not get new lines by connecting anew. */
    struct log_limit failed_limit;
    struct log_limit drop_limit;
};

/* ---- worker ---- */

void worker_tell(struct worker *worker, const struct ipc_message *message);

/* Of a connection that is of no more use: a line in the log, and word to the supervisor. */
void worker_tell_failed(void *user, const char *why);

/* ---- worker-guest: who is connected ---- */

/* Tells the supervisor what became of it. */
void worker_guest_connect(struct worker *worker, const struct ipc_message *message);

/* Unmaps everything of a guest whose devices are all quiet. Harmless when there is none. */
void worker_guest_forget(struct worker *worker);

/* Something waits to be told. */
void worker_guest_wake(void *user);

/* A doorbell of this worker's could not be rung, or read. */
void worker_guest_doorbell_failed(void *user, const char *why);

/* What was counted of the bus. */
void worker_guest_count(void *user, struct stats_bus *bus);

#endif
