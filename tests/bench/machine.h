/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both ends joined by the fake Xen: libxvmsg and the admin tool on the caller's
 * thread, supervisor and worker on another, a temporary file as every disk.
 */
#ifndef XVMSG_BENCH_MACHINE_H
#define XVMSG_BENCH_MACHINE_H

#include <pthread.h>
#include <stdio.h>

#include "backend/daemon.h"
#include "backend/supervisor.h"
#include "backend/worker.h"
#include "frontend/xvmsg.h"
#include "tests/fake/fake-xen.h"

#define MACHINE_GUEST 1
#define MACHINE_GUEST_TEXT "1"
#define MACHINE_DISK_BYTES (64u << 20)
#define MACHINE_PATIENCE_SECONDS 30

struct machine {
    uint32_t poll_us; /* the caller's: how long the worker looks before it sleeps */
    struct fake_xen *fx;
    struct platform *toolstack;
    struct xvmsg *h;
    char target[32];
    FILE *file; /* the target; gone when closed */
    /* The backend's. The worker shares the supervisor's loop, which is idle
     * while requests run. */
    struct daemon daemon;
    struct supervisor *supervisor;
    struct platform *worker_xen;
    struct worker *worker;
    pthread_t thread;
    int stop_fd;
    struct event *stop;
};

/* Bytes that the caller's part of it allocated, given back one by one. */
struct machine_memory {
    size_t library;
    size_t supervisor;
    size_t worker;
};

/* Ends the program when something fails. */
void machine_start(struct machine *m);

/* Takes it apart. `memory` may be NULL. */
void machine_stop(struct machine *m, struct machine_memory *memory);

#endif
