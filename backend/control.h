/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The daemon's control socket: takes what tools ask, as control-protocol.h has it,
 * and passes their sockets on. File permissions keep everybody but root away from
 * it.
 */
#ifndef XVMSG_CONTROL_H
#define XVMSG_CONTROL_H

#include "backend/control-protocol.h"
#include "backend/daemon.h"

struct control;

struct control_owner {
    /* 0 when somebody else answers on a copy of `socket`; -1 with a sentence. */
    int (*pass)(void *user, const struct control_request *request, int socket,
                char why[WHY_SIZE]);
    struct timeval retry_delay; /* when no socket could be had */
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
