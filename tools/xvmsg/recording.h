/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#ifndef XVMSG_RECORDING_H
#define XVMSG_RECORDING_H

#include <stdbool.h>
#include <stdio.h>

/* Shows every message of a recording whose first bytes, PCAPNG_MAGIC, have been
 * read. False after a complaint that begins with `name`: the file is damaged. */
bool recording_show(FILE *in, const char *name, bool json);

#endif
