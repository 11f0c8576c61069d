/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The ring's backend against a peer that writes what it likes into the page. */

#include <string.h>

#include "common/le.h"
#include "common/ring.h"
#include "tests/harness.h"
#include "tests/unit/ring-pair.h"
#include "tests/unit/sample.h"

#define MAX MSG_WIDE_DEFAULT_MAX

static uint8_t message[MAX];

static bool put(struct ring *ring, size_t size)
{
    ring_pair_message(message, size, 0);
    return ring_put(ring, message, size);
}

/* A dead ring answers every call, says no, and has told the peer why. */
static void check_dead(struct ring_pair *pair, enum ring_fault fault)
{
    struct ring *ring = &pair->backend;

    CU_ASSERT_EQUAL(ring->fault, fault);
    CU_ASSERT_EQUAL(ring_peer_fault(&pair->frontend), fault);
    CU_ASSERT_EQUAL(ring_get(ring, message), 0);
    CU_ASSERT(!ring_has_room(ring, 16));
    CU_ASSERT(!put(ring, 16));
    CU_ASSERT(!ring_publish(ring));
    CU_ASSERT(!ring_release(ring));
    CU_ASSERT(!ring_await_message(ring));
    CU_ASSERT(!ring_await_room(ring, 16));
}

/* A pair whose backend has moved on: it gave back `moved` bytes, and has `held`
 * bytes taken but not given back. Multiples of 16. */
static void open_moved(struct ring_pair *pair, uint32_t moved, uint32_t held)
{
    ring_pair_open(pair, 0, MAX);
    for (uint32_t i = 0; i < moved + held; i += 16) {
        put(&pair->frontend, 16);
        ring_publish(&pair->frontend);
        ring_get(&pair->backend, message);
        if (i < moved) {
            ring_release(&pair->backend);
            ring_has_room(&pair->frontend, MAX);
        }
    }
}

/* Announces `prod` and asks for a message or for sleep. */
static void try_producer(uint32_t moved, uint32_t held, uint32_t prod, bool by_sleeping)
{
    struct ring_pair pair;
    uint32_t size = ring_lane_size(0);
    uint32_t offered = (prod + 2 * size - moved % (2 * size)) % (2 * size);
    bool possible = prod < 2 * size && prod % 8 == 0 && offered >= held && offered <= size;

    open_moved(&pair, moved, held);
    pair.page->to_backend.prod = prod;
    if (by_sleeping) {
        CU_ASSERT_EQUAL(ring_await_message(&pair.backend), possible && offered == held);
    } else {
        ring_get(&pair.backend, message);
    }
    if (!possible)
        check_dead(&pair, RING_BAD_PRODUCER);
    else
        CU_ASSERT_NOT_EQUAL(pair.backend.fault, RING_BAD_PRODUCER);
    ring_pair_close(&pair);
}

static const uint32_t far[] = {0x7ffffff8, 0x80000000, 0xfffffff8, UINT32_MAX};

static void every_producer_index(void)
{
    static const uint32_t moved[] = {0, 16, 1792, 3568, 3584 + 800};
    uint32_t size = ring_lane_size(0);

    for (size_t m = 0; m < sizeof(moved) / sizeof(moved[0]); m++)
        for (uint32_t held = 0; held <= 160; held += 160) {
            for (uint32_t prod = 0; prod < 2 * size + 20; prod += prod % 64 ? 1 : 4)
                try_producer(moved[m], held, prod, prod & 64);
            for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
                try_producer(moved[m], held, far[i], i & 1);
        }
}

/* The backend has announced `sent` bytes of which the peer took none yet. */
static void try_consumer(uint32_t sent, uint32_t cons)
{
    struct ring_pair pair;
    bool possible = cons <= sent && cons % 8 == 0;

    ring_pair_open(&pair, 0, MAX);
    for (uint32_t i = 0; i < sent; i += 16)
        put(&pair.backend, 16);
    ring_publish(&pair.backend);
    while (put(&pair.backend, 16))
        ; /* put, but not announced: the peer cannot have taken it */
    if (pair.backend.fault == RING_OK) {
        pair.page->to_frontend.cons = cons;
        CU_ASSERT_EQUAL(ring_has_room(&pair.backend, 16), possible && cons >= 16);
    }
    if (!possible)
        check_dead(&pair, RING_BAD_CONSUMER);
    else
        CU_ASSERT_EQUAL(pair.backend.fault, RING_OK);
    ring_pair_close(&pair);
}

static void every_consumer_index(void)
{
    uint32_t size = ring_lane_size(0);

    for (uint32_t sent = 0; sent <= size; sent += 448) {
        for (uint32_t cons = 0; cons < 2 * size + 20; cons += cons % 64 ? 1 : 4)
            try_consumer(sent, cons);
        for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
            try_consumer(sent, far[i]);
    }
}

/* A consumer index that was right may not go back either. */
static void consumer_goes_back(void)
{
    struct ring_pair pair;

    ring_pair_open(&pair, 0, MAX);
    while (put(&pair.backend, 16))
        ;
    ring_publish(&pair.backend);
    pair.page->to_frontend.cons = 64;
    CU_ASSERT(ring_has_room(&pair.backend, 64));
    pair.page->to_frontend.cons = 56;
    CU_ASSERT(!ring_await_room(&pair.backend, 128));
    check_dead(&pair, RING_BAD_CONSUMER);
    ring_pair_close(&pair);
}

static void try_record(uint16_t msg_size, uint32_t announced)
{
    struct ring_pair pair;
    bool possible = msg_size >= 16 && msg_size <= MAX && msg_size <= announced;

    ring_pair_open(&pair, 0, MAX);
    le16_put((uint8_t *)pair.page + RING_HEADER_SIZE + 4, msg_size);
    pair.page->to_backend.prod = announced;
    CU_ASSERT_EQUAL(ring_get(&pair.backend, message), possible ? msg_size : 0);
    if (!possible)
        check_dead(&pair, RING_BAD_RECORD);
    else
        CU_ASSERT_EQUAL(pair.backend.fault, RING_OK);
    ring_pair_close(&pair);
}

static void every_record_size(void)
{
    for (uint32_t size = 0; size <= 300; size++) {
        try_record((uint16_t)size, 1792);
        try_record((uint16_t)size, 24);
        try_record((uint16_t)size, 8);
        try_record((uint16_t)(65535 - size), 1792);
    }
}

/* Thresholds are the peer's own loss: any value is harmless. */
static void any_threshold(void)
{
    struct ring_pair pair;

    ring_pair_open(&pair, 0, MAX);
    for (uint32_t i = 0; i < 4000; i++) {
        pair.page->to_frontend.wake = (uint32_t)sample_random() >> i % 32;
        pair.page->to_backend.room = (uint32_t)sample_random() >> i % 32;
        CU_ASSERT(put(&pair.backend, 60));
        ring_publish(&pair.backend);
        CU_ASSERT_EQUAL(ring_get(&pair.frontend, message), 60);
        ring_release(&pair.frontend);
        CU_ASSERT(put(&pair.frontend, 60));
        ring_publish(&pair.frontend);
        CU_ASSERT_EQUAL(ring_get(&pair.backend, message), 60);
        ring_release(&pair.backend);
    }
    CU_ASSERT_EQUAL(pair.backend.fault, RING_OK);
    ring_pair_close(&pair);
}

static void first_fault_stays(void)
{
    struct ring_pair pair;

    ring_pair_open(&pair, 0, MAX);
    ring_poison(&pair.backend, RING_OK);
    CU_ASSERT_EQUAL(pair.backend.fault, RING_OK);
    ring_poison(&pair.backend, RING_BAD_MESSAGE);
    ring_poison(&pair.backend, RING_BAD_RECORD);
    check_dead(&pair, RING_BAD_MESSAGE);
    CU_ASSERT_EQUAL(ring_peer_fault(&pair.backend), RING_OK);
    pair.page->frontend_fault = 77;
    CU_ASSERT_EQUAL(ring_peer_fault(&pair.backend), RING_BAD_MESSAGE);
    pair.page->frontend_fault = RING_BAD_CONSUMER;
    CU_ASSERT_EQUAL(ring_peer_fault(&pair.backend), RING_BAD_CONSUMER);
    for (enum ring_fault fault = RING_OK; fault <= RING_BAD_MESSAGE; fault++)
        CU_ASSERT_STRING_NOT_EQUAL(ring_fault_text(fault), ring_fault_text(99));
    ring_pair_close(&pair);
}

/* One thing a hostile frontend may do to the page; `near` the truth often
 * enough that the backend stays alive for a while. */
static void meddle(struct ring_pair *pair)
{
    struct xvmsg_ring_abi *page = pair->page;
    uint8_t *bytes = (uint8_t *)page;
    uint32_t word = (uint32_t)sample_random();
    uint32_t near = word % (2 * ring_lane_size(0)) & ~7u;

    switch (sample_random() % 64) {
    case 0:
        page->to_backend.prod = word % 3 ? near : word;
        break;
    case 1:
        page->to_frontend.cons = word % 3 ? near : word;
        break;
    case 2:
        page->magic = word;
        page->lane_size = word;
        break;
    case 3:
        page->to_frontend.wake = page->to_backend.room = word % 2 ? near : word;
        break;
    case 4 ... 20:
        le16_put(bytes + (RING_HEADER_SIZE + word % ring_lane_size(0) / 8 * 8 + 4),
                 (uint16_t)(word >> 16) % (word % 8 ? 300 : 65536));
        break;
    case 21 ... 24:
        page->to_frontend.cons = page->to_frontend.prod;
        break;
    default:
        if (put(&pair->frontend, 16 + word % 200))
            ring_publish(&pair->frontend);
    }
}

static void use_backend(struct ring *ring)
{
    static uint8_t buffer[MAX];
    size_t size;

    switch (sample_random() % 8) {
    case 0:
    case 1:
    case 2:
        size = ring_get(ring, buffer);
        CU_ASSERT(!size || (size >= 16 && size <= MAX && le16_get(buffer + 4) == size));
        break;
    case 3:
        ring_release(ring);
        break;
    case 4:
        put(ring, 16 + sample_random() % 200);
        break;
    case 5:
        ring_publish(ring);
        break;
    case 6:
        ring_await_message(ring);
        break;
    default:
        ring_await_room(ring, 16 + sample_random() % 200);
    }
}

/* Whatever the frontend does, the backend ends every call, stays inside the
 * page (the sanitizer's to see), and writes only what is its own. */
static void random_peer(void)
{
    static uint8_t before[RING_PAGE_SIZE];
    unsigned deaths[RING_BAD_MESSAGE + 1] = {0};
    struct ring_pair pair;
    size_t mine = RING_HEADER_SIZE + ring_lane_size(0);

    ring_pair_open(&pair, 0, MAX);
    for (int i = 0; i < 300000; i++) {
        struct xvmsg_ring_abi *old = (struct xvmsg_ring_abi *)before;

        meddle(&pair);
        memcpy(before, pair.page, sizeof(before));
        use_backend(&pair.backend);

        CU_ASSERT(!memcmp(before + RING_HEADER_SIZE, (uint8_t *)pair.page + RING_HEADER_SIZE,
                          ring_lane_size(0)));
        CU_ASSERT(!memcmp(before + mine + ring_lane_size(0),
                          (uint8_t *)pair.page + mine + ring_lane_size(0),
                          sizeof(before) - mine - ring_lane_size(0)));
        CU_ASSERT_EQUAL(old->to_backend.prod, pair.page->to_backend.prod);
        CU_ASSERT_EQUAL(old->to_frontend.cons, pair.page->to_frontend.cons);
        CU_ASSERT_EQUAL(old->frontend_fault, pair.page->frontend_fault);
        if (pair.backend.fault) {
            deaths[pair.backend.fault]++;
            ring_pair_close(&pair);
            ring_pair_open(&pair, 0, MAX);
        }
    }
    CU_ASSERT(deaths[RING_BAD_PRODUCER] > 100);
    CU_ASSERT(deaths[RING_BAD_CONSUMER] > 100);
    CU_ASSERT(deaths[RING_BAD_RECORD] > 100);
    ring_pair_close(&pair);
}

static const struct test_case cases[] = {
    TEST(every_producer_index),
    TEST(every_consumer_index),
    TEST(consumer_goes_back),
    TEST(every_record_size),
    TEST(any_threshold),
    TEST(first_fault_stays),
    TEST(random_peer),
    {NULL, NULL},
};

int main(void)
{
    return test_main("ring-hostile", cases);
}
