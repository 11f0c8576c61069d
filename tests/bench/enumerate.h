/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* How long a guest takes to meet every device of its bus. */
#ifndef XVMSG_BENCH_ENUMERATE_H
#define XVMSG_BENCH_ENUMERATE_H

#include <stddef.h>

#include "frontend/xvmsg.h"

/*
 * Connects the fresh handle and prints how long it takes until `count` devices
 * were told of, once each; until GET_DEVICES has shown them all; and until each
 * has answered GET_DEVICE_INFO. -1 with a line on stderr.
 */
int enumerate_run(struct xvmsg *h, size_t count);

#endif
