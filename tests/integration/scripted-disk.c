/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/scripted-disk.h"

#include "tests/harness.h"

struct backend *b;
struct backend_device *disk;
struct xvmsg_blk *blk;
enum xvmsg_status ready_status;
unsigned done_count;
enum xvmsg_status last_status;

void disk_add(void)
{
    b = backend_connected();
    disk = backend_add_disk(b, 3, "disk0");
}

void disk_announce(void)
{
    backend_settle(b);
    done_count = 0;
}

void disk_open(void)
{
    ready_status = XVMSG_TIMEOUT;
    blk = xvmsg_blk_open(b->h, 3, disk_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(blk);
    backend_settle(b);
}

void disk_ready(struct xvmsg_blk *which, enum xvmsg_status status, void *user)
{
    (void)which, (void)user;
    ready_status = status;
}

void disk_done(struct xvmsg_blk *which, enum xvmsg_status status, void *user)
{
    (void)user;
    CU_ASSERT_PTR_EQUAL(which, blk);
    done_count++;
    last_status = status;
}
