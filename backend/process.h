/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One worker as the supervisor sees it: a process and the socket to it. All
 * reports come from the loop, never from inside a call made here.
 */
#ifndef XVMSG_PROCESS_H
#define XVMSG_PROCESS_H

#include "backend/daemon.h"
#include "backend/ipc.h"

struct process_events {
    /* A message that parsed; what it says may still be a lie. */
    void (*message)(void *user, const struct ipc_message *message);
    /* "died (signal 9)" and the like. The process is freed afterwards. */
    void (*death)(void *user, const char *how);
};

/* Starts a worker. NULL with errno. */
struct process *process_start(struct daemon *daemon, const char *label,
                              const struct process_events *events, void *user);

/* 0, or -1 when the worker cannot take it; its death is reported in time. */
int process_send(struct process *process, const struct ipc_message *message, const struct fds *fds);

/* The same for what it can do without: a worker that cannot take it now is left
 * alone. -1 with errno. */
int process_offer(struct process *process, const struct ipc_message *message, const struct fds *fds);

/* Ends a worker that does not keep the agreement; its death is reported. */
void process_break(struct process *process);

/* The owner lets go: no more reports. The worker sees its socket close, drops
 * its guest and exits; one that does not is killed. NULL is fine. */
void process_release(struct process *process);

/* SIGCHLD came: collects who died and reports it. */
void process_reap(struct daemon *daemon);

/* Forgets whoever is left without waiting for them. */
void process_forget_all(struct daemon *daemon);

#endif
