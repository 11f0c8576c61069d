/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A message of each kind to measure with. */
#ifndef XVMSG_BENCH_EXAMPLE_H
#define XVMSG_BENCH_EXAMPLE_H

#include "common/codec.h"

/* All fields 0, except that a tail is 32 bytes long; these are static. */
struct msg example(enum msg_kind kind);

#endif
