/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A program of the host's that the supervisor runs, and does not wait for: one of Xen's
 * hotplug scripts. It has its own process group, no input, and what it prints is kept for
 * people.
 */
#ifndef XVMSG_SCRIPT_H
#define XVMSG_SCRIPT_H

#include "backend/daemon.h"

struct script;

/* It ended, and is freed: `why` is NULL when it did well, else what it said last, or how
 * it ended. From the loop. */
typedef void script_done(void *user, const char *why);

/*
 * Starts argv[0] with `environment` ("NAME=VALUE", besides our own). One that takes
 * longer than daemon->script_timeout is killed with its children, and has failed. NULL with
 * errno.
 */
struct script *script_start(struct daemon *daemon, char *const argv[], char *const environment[],
                            script_done *done, void *user);

/* Kills it with its children; `done` runs when it is no more. */
void script_kill(struct script *script);

/* That child is no more. False: it was not a script's. */
bool script_reaped(struct daemon *daemon, pid_t pid, int status);

/* Lets whoever is left go on by themselves: `done` runs as if they had done well. */
void script_forget_all(struct daemon *daemon);

#endif
