/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a queue counts, and the histogram of how long requests took. */

#include "common/address.h"
#include "tests/harness.h"
#include "tests/unit/queue-guest.h"

#define MICROSECOND UINT64_C(1000)

/* ---- the histogram ---- */

static void every_time_lies_in_its_bucket(void)
{
    for (unsigned power = 0; power < 34; power++) {
        for (int off = -1; off <= 1; off++) {
            uint64_t ns = (UINT64_C(1) << power) + (uint64_t)off;
            unsigned bucket = latency_bucket(ns);

            CU_ASSERT(latency_begin(bucket) <= ns);
            CU_ASSERT(latency_begin(bucket + 1) > ns);
        }
    }
}

static void buckets_are_a_quarter_wide_at_most(void)
{
    CU_ASSERT_EQUAL(latency_begin(0), 0);
    for (unsigned bucket = LATENCY_STEPS; bucket < LATENCY_BUCKETS; bucket++) {
        uint64_t begin = latency_begin(bucket), end = latency_begin(bucket + 1);

        CU_ASSERT_EQUAL(latency_bucket(begin), bucket);
        CU_ASSERT_EQUAL(latency_bucket(begin - 1), bucket - 1);
        CU_ASSERT(end > begin && (end - begin) * 4 <= begin);
    }
}

static void what_takes_for_ever_is_in_the_last_bucket(void)
{
    struct latency latency = {0};

    latency_add(&latency, UINT64_MAX);
    latency_add(&latency, UINT64_C(1) << 34);
    CU_ASSERT_EQUAL(latency.buckets[LATENCY_BUCKETS - 1], 2);
    CU_ASSERT_EQUAL(latency.max, UINT64_MAX);
}

/* ---- the queue ---- */

static void offer_one(unsigned index, uint16_t flags, uint32_t length)
{
    queue_guest_describe(index, queue_guest_data(0), length, flags, 0);
    queue_guest_offer((uint16_t)index);
}

static void counts_requests_bytes_and_depth(void)
{
    const struct queue_stats *stats;
    struct chain *first, *second;

    queue_guest_start();
    stats = queue_stats(g.queue);
    offer_one(0, 0, 100);
    offer_one(1, VRING_DESC_F_WRITE, 200);
    first = queue_pop(g.queue);
    second = queue_pop(g.queue);
    CU_ASSERT_EQUAL(stats->requests, 2);
    CU_ASSERT_EQUAL(stats->depth, 2);
    queue_push(g.queue, second, 30);
    CU_ASSERT_EQUAL(stats->depth, 1);
    queue_push(g.queue, first, 0);
    CU_ASSERT_EQUAL(stats->bytes_from_guest, 100);
    CU_ASSERT_EQUAL(stats->bytes_to_guest, 30);
    CU_ASSERT_EQUAL(stats->depth, 0);
    CU_ASSERT_EQUAL(stats->depth_max, 2);
    queue_guest_end();
}

static void counts_from_taking_to_giving_back(void)
{
    const struct latency *latency;
    struct chain *slow, *quick;

    queue_guest_start();
    latency = &queue_stats(g.queue)->latency;
    offer_one(0, 0, 1);
    slow = queue_pop(g.queue);
    g.now += 900 * MICROSECOND;
    queue_begin_batch(g.queue);
    offer_one(1, 0, 1);
    quick = queue_pop(g.queue);
    g.now += 100 * MICROSECOND;
    queue_push(g.queue, slow, 0);
    queue_push(g.queue, quick, 0);
    CU_ASSERT_EQUAL(latency->sum, 1100 * MICROSECOND);
    CU_ASSERT_EQUAL(latency->max, 1000 * MICROSECOND);
    CU_ASSERT_EQUAL(latency->buckets[latency_bucket(1000 * MICROSECOND)], 1);
    CU_ASSERT_EQUAL(latency->buckets[latency_bucket(100 * MICROSECOND)], 1);
    queue_guest_end();
}

static void counts_what_the_driver_does_not_want_to_hear(void)
{
    queue_guest_start();
    g.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    offer_one(0, 0, 1);
    queue_push(g.queue, queue_pop(g.queue), 0);
    CU_ASSERT_EQUAL(queue_stats(g.queue)->suppressed, 1);
    g.avail->flags = 0;
    offer_one(0, 0, 1);
    queue_push(g.queue, queue_pop(g.queue), 0);
    CU_ASSERT_EQUAL(queue_stats(g.queue)->suppressed, 1);
    queue_guest_end();
}

static void counts_faults_and_outlives_a_reset(void)
{
    queue_guest_start();
    queue_guest_offer(QUEUE_GUEST_SIZE);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.faults, 1);
    queue_stop(g.queue);
    queue_clear(g.queue);
    CU_ASSERT_EQUAL(queue_stats(g.queue)->faults, 1);
    CU_ASSERT_EQUAL(queue_stats(g.queue)->requests, 0);
    CU_ASSERT(queue_enable(g.queue, g.memory, &queue_guest_config));
    CU_ASSERT_EQUAL(queue_stats(g.queue)->faults, 1);
    queue_guest_end();
}

static const struct test_case cases[] = {
    TEST(every_time_lies_in_its_bucket),
    TEST(buckets_are_a_quarter_wide_at_most),
    TEST(what_takes_for_ever_is_in_the_last_bucket),
    TEST(counts_requests_bytes_and_depth),
    TEST(counts_from_taking_to_giving_back),
    TEST(counts_what_the_driver_does_not_want_to_hear),
    TEST(counts_faults_and_outlives_a_reset),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue-stats", cases);
}
