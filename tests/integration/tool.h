/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A tool of the administrator's that a worker serves over a socket, beside a scripted
 * guest: statistics, a trace. */
#ifndef XVMSG_TEST_TOOL_H
#define XVMSG_TEST_TOOL_H

#include "tests/integration/scripted-guest.h"

/* Hands the worker its end of a socket with a message of this kind; the tool's end. `room`:
 * what may wait there, in bytes, if not 0. */
int tool_start(struct guest *g, enum ipc_kind kind, int room);

/* As recv(), with the worker running meanwhile. */
ssize_t tool_receive(struct guest *g, int tool, void *bytes, size_t size);

/* Was it accepted? If not, `why` is in the reason. */
bool tool_is_accepted(struct guest *g, int tool, const char *why);

#endif
