/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A xenstore of one process and nothing else of Xen: no permissions, watches or
 * neighbours, one transaction at a time, and a process that can die before any
 * call. It is for tests of a million steps; the fake Xen is what others use.
 */
#ifndef XVMSG_TEST_MEMORY_STORE_H
#define XVMSG_TEST_MEMORY_STORE_H

#include "common/platform.h"

struct memory_node;

struct memory_store {
    struct platform base;
    struct memory_node *root;
    struct memory_undo *undo; /* of the open transaction, newest first */
    uint64_t now;             /* nanoseconds */

    unsigned calls_left;  /* the process dies before the next but so many; 0: it lives */
    bool commits_at_last; /* when that is a commit, xenstored had it already */
    bool dead;            /* every call fails with EIO */
    bool committed;       /* did the last transaction? */
};

void memory_store_open(struct memory_store *store);
void memory_store_close(struct memory_store *store);

/* Another process takes over; an open transaction is undone. */
void memory_store_revive(struct memory_store *store);

#endif
