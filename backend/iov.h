/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Byte-wise work on a private array of iovecs. Virtio says nothing about how a
 * request is cut into descriptors, so a device takes its header and status from
 * the bytes and never from "the first descriptor".
 */
#ifndef XVMSG_IOV_H
#define XVMSG_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* A run of bytes in pieces. The functions below change the pieces. */
struct iov {
    struct iovec *pieces;
    uint32_t count;
};

uint64_t iov_size(const struct iov *iov);

/* Takes the first `size` bytes away. */
void iov_skip(struct iov *iov, uint64_t size);

/* Copies up to `size` bytes out of (or into) the front and takes them away;
 * returns how many there were. */
size_t iov_take(struct iov *iov, void *to, size_t size);
size_t iov_fill(struct iov *iov, const void *from, size_t size);

/* Takes the last byte away and returns where it is; NULL when there is none. */
uint8_t *iov_take_last(struct iov *iov);

#endif
