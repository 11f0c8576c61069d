/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The split virtqueue's layout (virtio 1.x, 2.7), for both ends.
 *
 * Structures and flags are Linux's <linux/virtio_ring.h>; here are only the
 * sizes and the rules an address or a size must keep. Freestanding.
 */
#ifndef XVMSG_SPLIT_H
#define XVMSG_SPLIT_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#define SPLIT_MAX_SIZE 32768u
#define SPLIT_DESC_ALIGN 16u
#define SPLIT_AVAIL_ALIGN 2u
#define SPLIT_USED_ALIGN 4u

static inline bool split_size_valid(uint32_t size, uint32_t max)
{
    return size && size <= max && size <= SPLIT_MAX_SIZE && !(size & (size - 1));
}

/* Bytes of each part; avail and used include the EVENT_IDX field at the end. */
static inline uint32_t split_desc_bytes(uint32_t size)
{
    return size * (uint32_t)sizeof(struct vring_desc);
}

static inline uint32_t split_avail_bytes(uint32_t size)
{
    return 6 + 2 * size;
}

static inline uint32_t split_used_bytes(uint32_t size)
{
    return 6 + (uint32_t)sizeof(struct vring_used_elem) * size;
}

/*
 * With EVENT_IDX each side writes behind its ring at which index of the other's it
 * wants to be notified, the driver the used index, the device the available one:
 * whoever moves its index past that value notifies.
 */
#define split_used_event(avail, size) (&(avail)->ring[size])

static inline uint16_t *split_avail_event(struct vring_used *used, uint32_t size)
{
    return (uint16_t *)(void *)&used->ring[size];
}

#endif
