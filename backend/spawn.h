/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Starting a worker as a process of its own. */
#ifndef XVMSG_SPAWN_H
#define XVMSG_SPAWN_H

#include <sys/types.h>

/* The hidden arguments with which this program becomes a worker. */
#define SPAWN_ARGUMENT "--worker"

#define SPAWN_ARGC 6

/*
 * Runs this program again as `PROGRAM --worker FD LOG-LEVEL QUEUE-THREADS LABEL`, with
 * nothing open but the standard streams and its socket FD. As daemon.h says of `spawn`;
 * `user` is an unsigned, how many queue threads it is to have, or NULL: none.
 */
int spawn_worker(void *user, const char *label, pid_t *pid);

#endif
