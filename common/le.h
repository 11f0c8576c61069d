/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Little-endian loads and stores at any alignment, on any host.
 *
 * Byte-wise on purpose: compilers turn each of these into one move where the
 * host is little-endian, and none of them ever makes an unaligned access.
 */
#ifndef XVMSG_LE_H
#define XVMSG_LE_H

#include <stdint.h>

static inline uint16_t le16_get(const void *from)
{
    const uint8_t *p = from;

    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32_get(const void *from)
{
    const uint8_t *p = from;

    return le16_get(p) | (uint32_t)le16_get(p + 2) << 16;
}

static inline uint64_t le64_get(const void *from)
{
    const uint8_t *p = from;

    return le32_get(p) | (uint64_t)le32_get(p + 4) << 32;
}

static inline void le16_put(void *to, uint16_t value)
{
    uint8_t *p = to;

    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void le32_put(void *to, uint32_t value)
{
    uint8_t *p = to;

    le16_put(p, (uint16_t)value);
    le16_put(p + 2, (uint16_t)(value >> 16));
}

static inline void le64_put(void *to, uint64_t value)
{
    uint8_t *p = to;

    le32_put(p, (uint32_t)value);
    le32_put(p + 4, (uint32_t)(value >> 32));
}

#endif
