/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the benchmarks share: a clock, percentiles, and one line per figure. */
#ifndef XVMSG_BENCH_FIGURES_H
#define XVMSG_BENCH_FIGURES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t figures_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline int figures_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Round trips of one sample, where each is short beside reading the clock. */
#define FIGURES_TRIPS 10u

/* Sorts `samples`; prints their median and 99th percentile in microseconds. */
static inline void figures_latency(const char *what, uint64_t *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), figures_compare);
    printf("%-60s p50 %10.1f us   p99 %10.1f us\n", what, (double)samples[count / 2] / 1e3,
           (double)samples[count - 1 - count / 100] / 1e3);
    fflush(stdout);
}

static inline void figures_rate(const char *what, double amount, uint64_t ns, const char *unit)
{
    printf("%-60s %14.1f %s\n", what, amount * 1e9 / (double)(ns ? ns : 1), unit);
    fflush(stdout);
}

static inline void figures_ratio(const char *what, double ratio, const char *unit)
{
    printf("%-60s %14.3f %s\n", what, ratio, unit);
    fflush(stdout);
}

/* How many messages of `size` bytes make a stream, wherever one is measured: 16 MiB, or
 * fewer when they are so small that it would take long. */
static inline unsigned figures_stream_count(uint32_t size)
{
    unsigned count = (16u << 20) / size;

    return count < 16384 ? count : 16384;
}

static inline void figures_stream(const char *who, uint32_t size, uint64_t ns)
{
    char what[64];

    snprintf(what, sizeof(what), "%s, stream, %u bytes each", who, size);
    figures_rate(what, (double)figures_stream_count(size) * size / 1e6, ns, "MB/s");
}

#endif
