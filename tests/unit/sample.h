/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Random but valid messages of every kind, for the codec and print tests. */
#ifndef XVMSG_TEST_SAMPLE_H
#define XVMSG_TEST_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/codec.h"

#define SAMPLE_MAX 512

/* A fixed sequence, so that a failure comes again. */
uint64_t sample_random(void);

/* A message of this kind that the form can carry; tails are a few bytes long
 * and lie in static storage until the next call. */
struct msg sample_message(enum msg_form form, enum msg_kind kind);

/* Same header values, fields and tail bytes? */
bool sample_equal(const struct msg *a, const struct msg *b);

#endif
