/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the command lines of xvmsg's subcommands share. */
#ifndef XVMSG_TOOL_OPTIONS_H
#define XVMSG_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Prints the usage where it belongs, asked for or not; returns the exit status. */
int options_usage(const char *usage, bool asked);

/* An option's number; complains. */
int options_number(const char *command, const char *option, const char *text, uint32_t *number);

#endif
