/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The ring between two ends that keep the agreement. */

#include <string.h>

#include "common/ring.h"
#include "tests/harness.h"
#include "tests/unit/ring-pair.h"
#include "tests/unit/sample.h"

#define MAX MSG_WIDE_DEFAULT_MAX

static uint8_t message[MAX];
static uint8_t received[MAX];

static bool put(struct ring *ring, size_t size, uint32_t number)
{
    ring_pair_message(message, size, number);
    return ring_put(ring, message, size);
}

/* The next message is this one, byte for byte. */
static bool get(struct ring *ring, size_t size, uint32_t number)
{
    ring_pair_message(message, size, number);
    memset(received, 0xaa, sizeof(received));
    return ring_get(ring, received) == size && !memcmp(message, received, size);
}

static void lane_sizes(void)
{
    CU_ASSERT_EQUAL(ring_lane_size(0), 1792);
    CU_ASSERT_EQUAL(ring_lane_size(1), 3840);
    CU_ASSERT_EQUAL(ring_lane_size(6), 130816);
    CU_ASSERT_EQUAL(ring_order_for(60), 0);
    CU_ASSERT_EQUAL(ring_order_for(448), 0);
    CU_ASSERT_EQUAL(ring_order_for(449), 1);
    CU_ASSERT_EQUAL(ring_order_for(65535), RING_MAX_ORDER);
}

static void refuse_header(struct ring_pair *pair, unsigned order, uint16_t max_message)
{
    struct ring ring;

    pair->page->backend_fault = 0;
    CU_ASSERT(!ring_attach(&ring, pair->page, order, RING_BACKEND, MSG_WIDE, max_message));
    CU_ASSERT_EQUAL(ring.fault, RING_BAD_HEADER);
    CU_ASSERT_EQUAL(pair->page->backend_fault, RING_BAD_HEADER);
    CU_ASSERT_EQUAL(ring_peer_fault(&pair->frontend), RING_BAD_HEADER);
}

static void header_must_be_as_agreed(void)
{
    struct ring_pair pair;
    struct ring ring;

    ring_pair_open(&pair, 1, MAX);
    refuse_header(&pair, 0, MAX);
    refuse_header(&pair, RING_MAX_ORDER + 1, MAX);
    refuse_header(&pair, UINT32_MAX, MAX);
    refuse_header(&pair, 1, 15);
    refuse_header(&pair, 1, 3841);
    pair.page->magic ^= 1;
    refuse_header(&pair, 1, MAX);
    pair.page->magic ^= 1;
    pair.page->version++;
    refuse_header(&pair, 1, MAX);
    pair.page->version--;
    pair.page->lane_size -= 8;
    refuse_header(&pair, 1, MAX);
    pair.page->lane_size += 8;
    pair.page->reserved = 5;
    CU_ASSERT(ring_attach(&ring, pair.page, 1, RING_BACKEND, MSG_WIDE, 3840));
    ring_pair_close(&pair);
}

static void messages_pass_both_ways(void)
{
    struct ring_pair pair;

    ring_pair_open(&pair, 0, MAX);
    CU_ASSERT(put(&pair.frontend, 60, 1));
    CU_ASSERT(put(&pair.backend, 21, 2));
    CU_ASSERT_EQUAL(ring_get(&pair.backend, received), 0); /* not published yet */
    ring_publish(&pair.frontend);
    ring_publish(&pair.backend);
    CU_ASSERT(get(&pair.backend, 60, 1));
    CU_ASSERT(get(&pair.frontend, 21, 2));
    CU_ASSERT_EQUAL(ring_get(&pair.backend, received), 0);
    CU_ASSERT_EQUAL(ring_get(&pair.frontend, received), 0);
    CU_ASSERT_EQUAL(pair.frontend.fault, RING_OK);
    ring_pair_close(&pair);
}

static void padding_is_zero(void)
{
    struct ring_pair pair;
    const uint8_t *lane;

    ring_pair_open(&pair, 0, MAX);
    lane = (const uint8_t *)pair.page + RING_HEADER_SIZE;
    memset((uint8_t *)pair.page + RING_HEADER_SIZE, 0xee, pair.frontend.size);
    for (size_t size = 17; size <= 24; size++) {
        static const uint8_t zeros[8];

        CU_ASSERT(put(&pair.frontend, size, 9));
        CU_ASSERT(!memcmp(lane + size, zeros, 24 - size));
        CU_ASSERT_EQUAL(lane[24], 0xee);
        lane += 24;
    }
    ring_pair_close(&pair);
}

static void full_and_empty(void)
{
    struct ring_pair pair;
    unsigned fits = ring_lane_size(0) / 64;

    ring_pair_open(&pair, 0, MAX);
    for (unsigned lap = 0; lap < 5; lap++) {
        for (unsigned i = 0; i < fits; i++)
            CU_ASSERT(put(&pair.frontend, 60, i));
        CU_ASSERT(!put(&pair.frontend, 16, 99));
        CU_ASSERT(!ring_has_room(&pair.frontend, 16));
        ring_publish(&pair.frontend);

        CU_ASSERT(get(&pair.backend, 60, 0));
        CU_ASSERT(!ring_has_room(&pair.frontend, 60)); /* not released yet */
        ring_release(&pair.backend);
        CU_ASSERT(ring_has_room(&pair.frontend, 64));
        CU_ASSERT(!ring_has_room(&pair.frontend, 65));
        for (unsigned i = 1; i < fits; i++)
            CU_ASSERT(get(&pair.backend, 60, i));
        CU_ASSERT_EQUAL(ring_get(&pair.backend, received), 0);
        ring_release(&pair.backend);
    }
    CU_ASSERT(!ring_has_room(&pair.frontend, MAX + 1));
    CU_ASSERT(!put(&pair.frontend, 15, 0));
    ring_pair_close(&pair);
}

static void idle_edge_rings_once_and_a_stream_never(void)
{
    struct ring_pair pair;

    ring_pair_open(&pair, 0, MAX);
    CU_ASSERT(ring_await_message(&pair.backend));
    CU_ASSERT(put(&pair.frontend, 20, 0));
    CU_ASSERT(ring_publish(&pair.frontend));
    CU_ASSERT(!ring_publish(&pair.frontend)); /* nothing new */
    CU_ASSERT(put(&pair.frontend, 20, 1));
    CU_ASSERT(!ring_publish(&pair.frontend)); /* it is awake already */
    CU_ASSERT(get(&pair.backend, 20, 0));
    CU_ASSERT(get(&pair.backend, 20, 1));

    /* Many times around, with the backend a message behind and never asleep. */
    CU_ASSERT(put(&pair.frontend, 60, 0));
    CU_ASSERT(!ring_publish(&pair.frontend));
    for (uint32_t i = 1; i < 1000; i++) {
        CU_ASSERT(put(&pair.frontend, 60, i));
        CU_ASSERT(!ring_publish(&pair.frontend));
        CU_ASSERT(get(&pair.backend, 60, i - 1));
        CU_ASSERT(!ring_release(&pair.backend));
    }
    ring_pair_close(&pair);
}

/* "From before it to it or past it": the index it stands at already is none. */
static void threshold_that_was_reached_before(void)
{
    struct ring_pair pair;

    ring_pair_open(&pair, 0, MAX);
    for (uint32_t index = 0; index < 4096; index += 64) {
        pair.page->to_backend.wake = pair.page->to_backend.prod;
        CU_ASSERT(put(&pair.frontend, 60, index));
        CU_ASSERT(!ring_publish(&pair.frontend));
        CU_ASSERT(get(&pair.backend, 60, index));
        ring_release(&pair.backend);
    }
    ring_pair_close(&pair);
}

static void no_sleep_when_a_message_is_there(void)
{
    struct ring_pair pair;

    ring_pair_open(&pair, 0, MAX);
    put(&pair.frontend, 20, 0);
    ring_publish(&pair.frontend);
    CU_ASSERT(!ring_await_message(&pair.backend));
    CU_ASSERT(get(&pair.backend, 20, 0));
    CU_ASSERT(ring_await_message(&pair.backend));
    CU_ASSERT(ring_await_message(&pair.backend)); /* asking twice is fine */
    ring_pair_close(&pair);
}

static void room_rings_when_there_is_enough(void)
{
    struct ring_pair pair;
    unsigned fits = ring_lane_size(0) / 64;

    ring_pair_open(&pair, 0, MAX);
    CU_ASSERT(!ring_await_room(&pair.frontend, MAX)); /* there is room */
    for (unsigned lap = 0; lap < 7; lap++) {
        for (unsigned i = 0; i < fits; i++)
            CU_ASSERT(put(&pair.frontend, 60, i));
        ring_publish(&pair.frontend);
        /* Two records of 64 bytes make room for one of 128, not of 129. */
        CU_ASSERT(ring_await_room(&pair.frontend, 128 + lap % 2));
        for (unsigned i = 0; i < fits; i++) {
            CU_ASSERT(get(&pair.backend, 60, i));
            CU_ASSERT_EQUAL(ring_release(&pair.backend), i == 1 + lap % 2);
        }
        CU_ASSERT(!ring_await_room(&pair.frontend, 129));
    }
    /* The wait is over: going around once more rings nothing. */
    for (unsigned i = 0; i < 3 * fits; i++) {
        CU_ASSERT(put(&pair.frontend, 60, i));
        ring_publish(&pair.frontend);
        CU_ASSERT(get(&pair.backend, 60, i));
        CU_ASSERT(!ring_release(&pair.backend));
    }
    CU_ASSERT(!ring_await_room(&pair.frontend, MAX + 1)); /* there never is */
    ring_pair_close(&pair);
}

static void compact_form_passes(void)
{
    static const uint8_t smallest[8] = {0, 2, 0, 0, 0, 0, 8, 0};
    struct ring_pair pair;

    ring_pair_open(&pair, 0, MAX);
    ring_attach(&pair.frontend, pair.page, 0, RING_FRONTEND, MSG_COMPACT, MSG_COMPACT_MIN_MAX);
    ring_attach(&pair.backend, pair.page, 0, RING_BACKEND, MSG_COMPACT, MSG_COMPACT_MIN_MAX);
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT(ring_await_message(&pair.backend));
        CU_ASSERT(ring_put(&pair.frontend, smallest, sizeof(smallest)));
        CU_ASSERT(ring_publish(&pair.frontend));
        CU_ASSERT_EQUAL(ring_get(&pair.backend, received), sizeof(smallest));
        CU_ASSERT(!memcmp(received, smallest, sizeof(smallest)));
        ring_release(&pair.backend);
    }
    ring_pair_close(&pair);
}

/* What a random walk knows about one direction: sequence numbers only. */
struct model {
    struct ring *producer;
    struct ring *consumer;
    size_t sizes[4096]; /* by number; more than fit in the lane */
    uint32_t put, published, taken;
    bool consumer_sleeps;
};

static void model_step(struct model *m)
{
    size_t size = 16 + sample_random() % (MAX - 15);

    switch (sample_random() % 5) {
    case 0:
        if (put(m->producer, size, m->put))
            m->sizes[m->put++ % 4096] = size;
        break;
    case 1: {
        bool edge = m->consumer_sleeps && m->put != m->published;

        CU_ASSERT_EQUAL(ring_publish(m->producer), edge);
        if (m->put != m->published)
            m->consumer_sleeps = false;
        m->published = m->put;
        break;
    }
    case 2:
        if (m->taken != m->published) {
            CU_ASSERT(get(m->consumer, m->sizes[m->taken % 4096], m->taken));
            m->taken++;
        } else {
            CU_ASSERT_EQUAL(ring_get(m->consumer, received), 0);
        }
        break;
    case 3:
        CU_ASSERT(!ring_release(m->consumer));
        break;
    case 4:
        m->consumer_sleeps = ring_await_message(m->consumer);
        CU_ASSERT_EQUAL(m->consumer_sleeps, m->taken == m->published);
        break;
    }
}

static void random_walk(void)
{
    for (unsigned order = 0; order <= 2; order++) {
        static struct model to_backend, to_frontend;
        struct ring_pair pair;

        ring_pair_open(&pair, order, MAX);
        to_backend = (struct model){.producer = &pair.frontend, .consumer = &pair.backend};
        to_frontend = (struct model){.producer = &pair.backend, .consumer = &pair.frontend};
        for (int i = 0; i < 50000; i++) {
            model_step(&to_backend);
            model_step(&to_frontend);
        }
        CU_ASSERT(to_backend.taken > 5000);
        CU_ASSERT_EQUAL(pair.frontend.fault, RING_OK);
        CU_ASSERT_EQUAL(pair.backend.fault, RING_OK);
        ring_pair_close(&pair);
    }
}

static const struct test_case cases[] = {
    TEST(lane_sizes),
    TEST(header_must_be_as_agreed),
    TEST(messages_pass_both_ways),
    TEST(padding_is_zero),
    TEST(full_and_empty),
    TEST(idle_edge_rings_once_and_a_stream_never),
    TEST(threshold_that_was_reached_before),
    TEST(no_sleep_when_a_message_is_there),
    TEST(room_rings_when_there_is_enough),
    TEST(compact_form_passes),
    TEST(random_walk),
    {NULL, NULL},
};

int main(void)
{
    return test_main("ring", cases);
}
