/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a request in B/request asks for: read strictly, key by key. */
#ifndef XVMSG_WANTED_H
#define XVMSG_WANTED_H

#include "backend/bus.h"

struct wanted {
    struct ipc_device device; /* all but its number */
    char *target;             /* file name, to be freed; NULL: it stands on none */
};

/* 0; or -1 with EINVAL and a sentence in `why`, or with xenstore's errno, and
 * nothing to free. `name` is a valid one. */
int wanted_read(struct bus *bus, platform_tx tx, const char *name, struct wanted *wanted,
                char why[WHY_SIZE]);

/*
 * What was asked for, small, to be held against a later reading: type, target and
 * those choices that last. To be freed; NULL when out of memory.
 */
struct asked *asked_new(const struct wanted *wanted);
bool asked_same(const struct asked *asked, const struct wanted *wanted);

#endif
