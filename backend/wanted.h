/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a request in B/request asks for: read strictly, key by key. */
#ifndef XVMSG_WANTED_H
#define XVMSG_WANTED_H

#include "backend/bus.h"

/*
 * Fills in all of *device but its number. Returns the target's name, to be
 * freed; NULL with EINVAL and a sentence in `why`, or with xenstore's errno.
 * `name` is a valid one.
 */
char *wanted_read(struct bus *bus, const char *name, struct ipc_device *device,
                  char why[WHY_SIZE]);

#endif
