/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The only ways this project touches a field that the other domain may touch
 * at the same time. Fields in shared pages are little-endian; these convert.
 *
 * A caller states in a comment which access on the other side each acquire or
 * release pairs with.
 */
#ifndef XVMSG_BARRIER_H
#define XVMSG_BARRIER_H

#include <stdint.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define shared_swap16(x) __builtin_bswap16(x)
#define shared_swap32(x) __builtin_bswap32(x)
#define shared_swap64(x) __builtin_bswap64(x)
#else
#define shared_swap16(x) (x)
#define shared_swap32(x) (x)
#define shared_swap64(x) (x)
#endif

/* One load that the compiler may neither repeat nor tear. */
static inline uint16_t shared_load16(const uint16_t *field)
{
    return shared_swap16(__atomic_load_n(field, __ATOMIC_RELAXED));
}

static inline uint32_t shared_load32(const uint32_t *field)
{
    return shared_swap32(__atomic_load_n(field, __ATOMIC_RELAXED));
}

static inline uint64_t shared_load64(const uint64_t *field)
{
    return shared_swap64(__atomic_load_n(field, __ATOMIC_RELAXED));
}

static inline uint16_t shared_load16_acquire(const uint16_t *field)
{
    return shared_swap16(__atomic_load_n(field, __ATOMIC_ACQUIRE));
}

static inline uint32_t shared_load32_acquire(const uint32_t *field)
{
    return shared_swap32(__atomic_load_n(field, __ATOMIC_ACQUIRE));
}

static inline void shared_store8(uint8_t *field, uint8_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static inline void shared_store16(uint16_t *field, uint16_t value)
{
    __atomic_store_n(field, shared_swap16(value), __ATOMIC_RELAXED);
}

static inline void shared_store32(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, shared_swap32(value), __ATOMIC_RELAXED);
}

static inline void shared_store16_release(uint16_t *field, uint16_t value)
{
    __atomic_store_n(field, shared_swap16(value), __ATOMIC_RELEASE);
}

static inline void shared_store32_release(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, shared_swap32(value), __ATOMIC_RELEASE);
}

/* Orders an earlier store before a later load: "announce, then look again". */
static inline void shared_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
