/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's disk on a scripted backend's device 3, and what its callbacks were told. */
#ifndef XVMSG_SCRIPTED_DISK_H
#define XVMSG_SCRIPTED_DISK_H

#include "tests/integration/scripted-backend.h"

/* One at a time. */
extern struct backend *b;
extern struct backend_device *disk;
extern struct xvmsg_blk *blk;
extern enum xvmsg_status ready_status; /* XVMSG_TIMEOUT: not yet */
extern unsigned done_count;
extern enum xvmsg_status last_status;

/* The disk is there, for a test to change; announced; and its driver opens it. */
void disk_add(void);
void disk_announce(void);
void disk_open(void);

/* Callbacks. */
void disk_ready(struct xvmsg_blk *which, enum xvmsg_status status, void *user);
void disk_done(struct xvmsg_blk *which, enum xvmsg_status status, void *user);

#endif
