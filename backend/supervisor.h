/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The supervisor: finds the buses of this domain in xenstore, keeps each served,
 * and cleans up after domains that died.
 */
#ifndef XVMSG_SUPERVISOR_H
#define XVMSG_SUPERVISOR_H

#include "backend/daemon.h"

struct supervisor;

/*
 * Takes the lock "xvmsgd", sets the watches and looks at what there is, as soon
 * as the loop runs. `daemon` stays the caller's and outlives the supervisor.
 * NULL with a sentence in `why`.
 */
struct supervisor *supervisor_new(struct daemon *daemon, char why[WHY_SIZE]);

/* Lets every worker go; xenstore is left as it is, for the next daemon to
 * take up. NULL is fine. */
void supervisor_free(struct supervisor *supervisor);

#endif
