/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Opening what a device stands on: a regular file or a block device. */
#ifndef XVMSG_TARGETS_H
#define XVMSG_TARGETS_H

#include <stdbool.h>

#include "backend/daemon.h"

#define TARGETS_SECTOR 512

/*
 * Opens `path` for a device. The descriptor, or -1 with a sentence in `why`.
 * Never waits for another process, whatever the path names.
 */
int targets_open(const char *path, bool read_only, char why[WHY_SIZE]);

#endif
