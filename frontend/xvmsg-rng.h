/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* libxvmsg: sources of random bytes (virtio-rng). */
#ifndef XVMSG_RNG_H
#define XVMSG_RNG_H

#include <xvmsg.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xvmsg_rng;

typedef void xvmsg_rng_ready(struct xvmsg_rng *rng, enum xvmsg_status status, void *user);
/* `length` bytes came: at least one with XVMSG_OK, none without. */
typedef void xvmsg_rng_done(struct xvmsg_rng *rng, enum xvmsg_status status, size_t length,
                            void *user);

/* Opens device `number` as a source of random bytes. NULL with errno as
 * xvmsg_device_open(). */
struct xvmsg_rng *xvmsg_rng_open(struct xvmsg *h, uint64_t number, xvmsg_rng_ready *ready,
                                 void *user);
/* As xvmsg_blk_close(). */
void xvmsg_rng_close(struct xvmsg_rng *rng);

/*
 * Asks for up to `length` random bytes into `buffer`, which is the library's until
 * `done` ran; fewer may come, and never more than 4096. The device takes its time when
 * it was asked for much. Up to four at once. -1 with EAGAIN (four are under way), EINVAL
 * (no length), EIO.
 */
int xvmsg_rng_read(struct xvmsg_rng *rng, void *buffer, size_t length, xvmsg_rng_done *done,
                   void *user);

/* Blocking versions; all `length` bytes or -1 with EIO, without a time limit. */
struct xvmsg_rng *xvmsg_rng_open_wait(struct xvmsg *h, uint64_t number);
int xvmsg_rng_read_wait(struct xvmsg_rng *rng, void *buffer, size_t length);

#ifdef __cplusplus
}
#endif

#endif
