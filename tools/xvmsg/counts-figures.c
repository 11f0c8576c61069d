/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Sums, differences and percentiles of what was counted. A worker that lies gets
 * nonsense shown, and nothing worse: the sums are unsigned. */

#include "tools/xvmsg/counts.h"

static void add(struct queue_stats *sum, const struct queue_stats *more)
{
    sum->requests += more->requests;
    sum->bytes_from_guest += more->bytes_from_guest;
    sum->bytes_to_guest += more->bytes_to_guest;
    sum->depth += more->depth;
    sum->depth_max += more->depth_max;
    sum->doorbells += more->doorbells;
    sum->notifications += more->notifications;
    sum->suppressed += more->suppressed;
    sum->polls += more->polls;
    sum->polls_found += more->polls_found;
    sum->maps += more->maps;
    sum->copies += more->copies;
    sum->copied_bytes += more->copied_bytes;
    sum->faults += more->faults;
    sum->latency.sum += more->latency.sum;
    if (more->latency.max > sum->latency.max)
        sum->latency.max = more->latency.max;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        sum->latency.buckets[i] += more->latency.buckets[i];
}

void counts_of_device(const struct counts_device *device, struct queue_stats *sum)
{
    *sum = (struct queue_stats){0};
    for (size_t i = 0; i < device->num_queues; i++)
        add(sum, &device->queues[i].stats);
}

void counts_since(struct queue_stats *now, const struct queue_stats *before)
{
    now->requests -= before->requests;
    now->bytes_from_guest -= before->bytes_from_guest;
    now->bytes_to_guest -= before->bytes_to_guest;
    now->doorbells -= before->doorbells;
    now->notifications -= before->notifications;
    now->suppressed -= before->suppressed;
    now->polls -= before->polls;
    now->polls_found -= before->polls_found;
    now->maps -= before->maps;
    now->copies -= before->copies;
    now->copied_bytes -= before->copied_bytes;
    now->faults -= before->faults;
    now->latency.sum -= before->latency.sum;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        now->latency.buckets[i] -= before->latency.buckets[i];
}

uint64_t counts_timed(const struct latency *latency)
{
    uint64_t timed = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        timed += latency->buckets[i];
    return timed;
}

/* The requests of a bucket are taken to lie evenly in it. */
uint64_t counts_percentile(const struct latency *latency, unsigned percent)
{
    double wanted = (double)counts_timed(latency) * percent / 100;
    double passed = 0;
    uint64_t result = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS && passed < wanted; i++) {
        uint64_t begin = latency_begin(i), width = latency_begin(i + 1) - begin;
        double here = (double)latency->buckets[i];
        double part = here > 0 ? (wanted - passed) / here : 0;

        if (here > 0)
            result = begin + (uint64_t)((double)width * (part < 1 ? part : 1));
        passed += here;
    }
    return result < latency->max ? result : latency->max;
}
