/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both ends joined, for tests of hot-plug: a toolstack, the whole backend and the
 * library, each of which may end or die and come back. What the library tells is
 * held against its own rules: each device added once and gone once, and never
 * again under the same number.
 */
#ifndef XVMSG_JOINED_H
#define XVMSG_JOINED_H

#include "backend/worker.h"
#include "frontend/xvmsg.h"
#include "tests/integration/stage.h"

#define JOINED_THREADS 4u
#define JOINED_NUMBERS 8192u /* device numbers a test may use up */

/* What the library said of a number since it was started. */
enum joined_told { JOINED_NOTHING, JOINED_ADDED, JOINED_REMOVING, JOINED_GONE };

struct joined {
    struct stage s;
    struct platform *worker_xen;
    struct worker *worker;
    unsigned queue_threads; /* of each worker */
    struct platform *thread_xen[JOINED_THREADS];
    struct platform *guest; /* the library's */
    struct xvmsg *h;
    bool queue_doorbells; /* it wants them, from its next start on */
    enum xvmsg_addresses addresses; /* of libraries that are started from now on */
    bool connected;
    enum joined_told told[JOINED_NUMBERS];
    unsigned present; /* of them: added, not gone */
    /* REMOVING was told: let go of it. */
    void (*wanted_back)(struct joined *j, uint64_t number);
};

/* A bus without devices, daemon and library running. */
void joined_open(struct joined *j);
/* The same, with so many queue threads in the worker, and what the library wants of it. */
void joined_open_threads(struct joined *j, unsigned threads, bool queue_doorbells);
/* Checks that nothing is left. */
void joined_close(struct joined *j);

void joined_start_daemon(struct joined *j);
/* In order, or because the handle was killed. */
void joined_stop_daemon(struct joined *j);

void joined_start_guest(struct joined *j);
void joined_stop_guest(struct joined *j);

/* One turn of each end. */
void joined_turn(struct joined *j);

/* Turns until `done` holds; a test that never gets there ends by SIGALRM. */
void joined_run_until(struct joined *j, bool (*done)(struct joined *j, void *user), void *user);

/* Turns until the library has told of the device of that number. */
void joined_await_device(struct joined *j, uint64_t number);

/* As the toolstack: a request for a disk with this UUID, in place of any that has
 * its name. */
void joined_request(struct joined *j, const char *name, const char *target, const char *uuid);

/* The number in B/request/NAME, 0 when there is none. */
uint64_t joined_number(struct joined *j, const char *name);

/* How many children the node has. */
size_t joined_children(struct joined *j, const char *path);

#endif
