/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The tool's end of control-protocol.h. */
#ifndef XVMSG_TOOL_CONTROL_H
#define XVMSG_TOOL_CONTROL_H

#include <stddef.h>

#include "backend/control-protocol.h"

/* Room for one sentence about what went wrong. */
#define CONTROL_TOLD_MAX 512

/* A socket on which that was asked, or -1 with a sentence. */
int control_ask(const char *path, enum control_kind kind, uint32_t frontend, uint32_t bus,
                char why[CONTROL_TOLD_MAX]);

/* 0 when the daemon has accepted, and what comes now is the worker's; -1 with a
 * sentence: it does not answer within so long, or will not. */
int control_await(int fd, int milliseconds, char why[CONTROL_TOLD_MAX]);

#endif
