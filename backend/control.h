/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The daemon's control socket: takes what `xvmsg trace` asks, as
 * trace-protocol.h has it, and passes the tool's socket on. File permissions
 * keep everybody but root away from it.
 */
#ifndef XVMSG_CONTROL_H
#define XVMSG_CONTROL_H

#include "backend/daemon.h"

struct control;

struct control_owner {
    /* 0 when somebody else answers on a copy of `socket`; -1 with a sentence. */
    int (*trace)(void *user, uint32_t frontend, uint32_t bus, int socket, char why[WHY_SIZE]);
    void *user;
};

/*
 * Listens on `path`, in place of what a daemon before us left there: the caller
 * holds the lock that says there is no other. NULL with a sentence.
 */
struct control *control_new(struct event_base *base, const char *path,
                            const struct control_owner *owner, char why[WHY_SIZE]);

/* Removes the socket's name, too; NULL is fine. */
void control_free(struct control *control);

#endif
