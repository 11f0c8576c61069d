/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The packed virtqueue's layout (virtio 1.x, 2.8), for both ends.
 *
 * Structures and flags are Linux's <linux/virtio_ring.h>; here are the sizes, the
 * rules an address or a size must keep, and where an end is in the ring.
 * Freestanding.
 */
#ifndef XVMSG_PACKED_H
#define XVMSG_PACKED_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#define PACKED_MAX_SIZE 32768u
#define PACKED_DESC_ALIGN 16u
#define PACKED_EVENT_ALIGN 4u

static inline bool packed_size_valid(uint32_t size, uint32_t max)
{
    return size && size <= max && size <= PACKED_MAX_SIZE;
}

static inline uint32_t packed_desc_bytes(uint32_t size)
{
    return size * (uint32_t)sizeof(struct vring_packed_desc);
}

/* The driver's event suppression and the device's are of one size. */
static inline uint32_t packed_event_bytes(uint32_t size)
{
    (void)size;
    return (uint32_t)sizeof(struct vring_packed_desc_event);
}

/*
 * A place in the ring, from 0 to 2 * size - 1: the wrap counter is 1 in the first
 * lap and 0 in the second, after which everything is as it was at the beginning.
 */
static inline uint32_t packed_slot(uint32_t place, uint32_t size)
{
    return place < size ? place : place - size;
}

static inline bool packed_wrap(uint32_t place, uint32_t size)
{
    return place < size;
}

/* `count` is at most `size`. */
static inline uint32_t packed_advance(uint32_t place, uint32_t count, uint32_t size)
{
    uint32_t next = place + count;

    return next < 2 * size ? next : next - 2 * size;
}

/* The two flags that say whose a descriptor is, as they are in this lap. */
#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1u << VRING_PACKED_DESC_F_USED)

static inline uint16_t packed_owner(uint16_t flags)
{
    return flags & (PACKED_AVAIL | PACKED_USED);
}

static inline uint16_t packed_available(uint32_t place, uint32_t size)
{
    return packed_wrap(place, size) ? PACKED_AVAIL : PACKED_USED;
}

static inline uint16_t packed_used(uint32_t place, uint32_t size)
{
    return packed_wrap(place, size) ? PACKED_AVAIL | PACKED_USED : 0;
}

/*
 * Event suppression, off_wrap and flags in one word so that neither is seen without
 * the other. "Tell me when this place is passed":
 */
#define PACKED_EVENT_WRAP (1u << VRING_PACKED_EVENT_F_WRAP_CTR)
#define PACKED_EVENT_FLAGS_SHIFT 16

static inline uint32_t packed_event(uint32_t place, uint32_t size)
{
    return packed_slot(place, size) | (packed_wrap(place, size) ? PACKED_EVENT_WRAP : 0) |
           (uint32_t)VRING_PACKED_EVENT_FLAG_DESC << PACKED_EVENT_FLAGS_SHIFT;
}

/* Does an end that asked so want to be told of the `count` descriptors from `place`
 * on? Who writes nonsense is told of everything. */
static inline bool packed_event_wanted(uint32_t event, bool event_idx, uint32_t place,
                                       uint32_t count, uint32_t size)
{
    uint32_t flags = event >> PACKED_EVENT_FLAGS_SHIFT & 3;
    uint32_t slot = event & (PACKED_EVENT_WRAP - 1);
    uint32_t wanted = event & PACKED_EVENT_WRAP ? slot : slot + size;

    if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
        return false;
    if (flags != VRING_PACKED_EVENT_FLAG_DESC || !event_idx || slot >= size)
        return true;
    return (wanted + 2 * size - place) % (2 * size) < count;
}

#endif
