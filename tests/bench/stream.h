/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a message ring carries: messages that do not wait for one another. */
#ifndef XVMSG_BENCH_STREAM_H
#define XVMSG_BENCH_STREAM_H

#include <stdint.h>

#include "frontend/xvmsg.h"

#define STREAM_MAX_MESSAGE 32768
#define STREAM_RING_ORDER 5 /* 64 KiB each way, as bench-vchan has */

/*
 * Prints a figure for messages of each size, on a connection made with the two settings
 * above. `device`: one without configuration, such as an rng. The handle can only be
 * freed afterwards, as its ring has been used past it. 0, or -1 with a line on stderr.
 */
int stream_run(struct xvmsg *h, uint64_t device);

#endif
