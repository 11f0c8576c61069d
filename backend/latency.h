/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * How long requests took, as a histogram whose buckets grow with the time: four to
 * each power of two, so that a percentile is right to a quarter at worst, from 256
 * nanoseconds to 17 seconds. The last bucket has what took longer.
 */
#ifndef XVMSG_LATENCY_H
#define XVMSG_LATENCY_H

#include <stdint.h>

#define LATENCY_UNIT_BITS 8u /* nanoseconds are counted by 256 */
#define LATENCY_STEP_BITS 2u /* four buckets to a power of two */
#define LATENCY_STEPS (1u << LATENCY_STEP_BITS)
#define LATENCY_BUCKETS 100u

struct latency {
    uint64_t sum; /* nanoseconds, like max */
    uint64_t max;
    uint64_t buckets[LATENCY_BUCKETS]; /* requests in each */
};

static inline unsigned latency_bucket(uint64_t nanoseconds)
{
    uint64_t units = nanoseconds >> LATENCY_UNIT_BITS;
    unsigned power, bucket;

    if (units < LATENCY_STEPS)
        return (unsigned)units;
    power = 63u - (unsigned)__builtin_clzll(units);
    bucket = (power - 1) * LATENCY_STEPS +
             (unsigned)(units >> (power - LATENCY_STEP_BITS) & (LATENCY_STEPS - 1));
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* Where the bucket begins, in nanoseconds; that of the one behind it is its end. */
static inline uint64_t latency_begin(unsigned bucket)
{
    unsigned power = bucket / LATENCY_STEPS + 1;
    uint64_t units = bucket;

    if (bucket >= LATENCY_STEPS)
        units = (uint64_t)(LATENCY_STEPS + bucket % LATENCY_STEPS) << (power - LATENCY_STEP_BITS);
    return units << LATENCY_UNIT_BITS;
}

static inline void latency_add(struct latency *latency, uint64_t nanoseconds)
{
    latency->buckets[latency_bucket(nanoseconds)]++;
    latency->sum += nanoseconds;
    if (nanoseconds > latency->max)
        latency->max = nanoseconds;
}

#endif
