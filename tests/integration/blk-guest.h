/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A scripted guest with one disk, and the requests that guests make of disks. */
#ifndef XVMSG_BLK_GUEST_H
#define XVMSG_BLK_GUEST_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include "tests/integration/scripted-guest.h"

#define DEV 4u
#define SECTORS 64u
#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_F_RING_RESET))
#define WRITE VRING_DESC_F_WRITE

/* The test's own view of the target. */
extern int blk_guest_disk;

/* A running device over `target`, which is blk_guest_disk until the end. */
struct guest *blk_guest_start(int target, bool read_only, uint64_t features);
void blk_guest_stop(struct guest *g);

/* Makes the n-th request available: header in descriptor 3n, data in 3n + 1, status
 * in 3n + 2. */
void blk_guest_prepare(struct guest *g, unsigned n, uint32_t type, uint64_t sector, uint32_t size,
                       uint16_t data_flags);

/* One request from start to end, its data in GUEST_DATA: its status; *length is
 * what was used. */
uint8_t blk_guest_request(struct guest *g, uint32_t type, uint64_t sector, uint32_t size,
                          uint32_t *length);

/* Resets the device while requests are under way: afterwards nothing of the guest's
 * is used or written any more. Then it runs again. */
void blk_guest_reset(struct guest *g, uint64_t features);

#endif
