/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Both ends of a ring over one block of memory, for the ring tests. */
#ifndef XVMSG_TEST_RING_PAIR_H
#define XVMSG_TEST_RING_PAIR_H

#include "common/ring.h"

struct ring_pair {
    struct xvmsg_ring_abi *page;
    size_t size; /* of all pages */
    struct ring frontend;
    struct ring backend;
};

/* Zeroed, formatted, attached at both ends; wide form. */
void ring_pair_open(struct ring_pair *pair, unsigned order, uint16_t max_message);
void ring_pair_close(struct ring_pair *pair);

/* A message of `size` bytes whose every byte follows from `number`. */
void ring_pair_message(uint8_t *message, size_t size, uint32_t number);

#endif
