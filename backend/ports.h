/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Event channels that fired. */
#ifndef XVMSG_PORTS_H
#define XVMSG_PORTS_H

#include "common/platform.h"

/* Calls fired() for each, up to a turn's share, once it may fire again: it is told
 * before whoever asks looks at what it stands for. NULL, or what cannot be done, with
 * errno. */
const char *ports_read(struct platform *platform, void (*fired)(void *user, uint32_t port),
                       void *user);

#endif
