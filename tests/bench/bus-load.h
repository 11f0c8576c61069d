/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What is measured through libxvmsg, over any Xen. */
#ifndef XVMSG_BENCH_BUS_LOAD_H
#define XVMSG_BENCH_BUS_LOAD_H

#include <stdint.h>
#include <xvmsg-blk.h>

/* Message round trips, a multiple of FIGURES_TRIPS. 0, or -1 with a line on stderr, as below. */
int bus_load_ping(struct xvmsg *h, unsigned count);

struct load_choice;

/* Opens the device as a disk, loads it as load_run() does, closes it. `hypercalls`
 * (may be NULL) is load_disk's, with its `user`. */
int bus_load_blk(struct xvmsg *h, uint64_t number, const struct load_choice *choice,
                 uint64_t (*hypercalls)(void *user), void *user);

#endif
