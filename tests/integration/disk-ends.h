/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library against the whole backend, supervisor, worker and disks of files, until a
 * flag is set or the store says something. */
#ifndef XVMSG_DISK_ENDS_H
#define XVMSG_DISK_ENDS_H

#include "backend/worker.h"
#include "frontend/xvmsg-blk.h"
#include "frontend/xvmsg.h"
#include "tests/integration/stage.h"

#define DISK_BYTES (3 * 1024 * 1024)

/* One at a time. */
struct disk_ends {
    struct stage s;
    struct platform *worker_xen;
    struct worker *worker;
    struct xvmsg *h;
    /* Of libraries that are started from now on. */
    enum xvmsg_queue_layout layout;
    bool doorbells; /* of queues */
    /* What the callbacks were told. */
    bool connected;
    char heard[128]; /* of devices: "+1 ?1 -1 " was added, is wanted back, is gone */
    bool done;
    enum xvmsg_status status;
};

extern struct disk_ends d;

/* Daemon and library, connected; disk_end() checks that nothing is left. */
void disk_start_in(enum xvmsg_wire_form form, bool strict);
void disk_start(enum xvmsg_wire_form form);
void disk_end(void);

/* Lets both ends run, in turns, until *what; until the store says so. */
void disk_run_until(const bool *what);
void disk_run_until_node(const char *path, const char *value);

/* A disk of DISK_BYTES, which gets that number: its file. */
const char *disk_attach(const char *name, const char *number);
struct xvmsg_blk *disk_open(uint64_t number);
/* A callback, which sets d.done and d.status. */
void disk_done(struct xvmsg_blk *blk, enum xvmsg_status how, void *user);
/* What was submitted is under way; runs until it ended well. */
void disk_finish(int submitted);

/* Event channels, of both ends. */
unsigned disk_open_ports(void);

#endif
