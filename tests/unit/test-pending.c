/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <string.h>

#include "common/pending.h"
#include "tests/harness.h"
#include "tests/unit/sample.h"

#define BITS 70u
#define SOURCES 5u

static struct pending pending;
static uint32_t words[SOURCES][PENDING_WORDS(BITS)];
static struct pending_source sources[SOURCES];

static void start(void)
{
    memset(&pending, 0, sizeof(pending));
    memset(words, 0, sizeof(words));
    for (unsigned i = 0; i < SOURCES; i++)
        sources[i] = (struct pending_source){.bits = words[i], .num_bits = BITS};
}

/* The next event is this one; it is then sent. */
static void expect(unsigned source, uint32_t bit)
{
    struct pending_source *found;
    uint32_t found_bit;

    CU_ASSERT_FATAL(pending_next(&pending, &found, &found_bit));
    CU_ASSERT_PTR_EQUAL(found, &sources[source]);
    CU_ASSERT_EQUAL(found_bit, bit);
    pending_done(&pending, found, found_bit);
}

static void expect_none(void)
{
    struct pending_source *found;
    uint32_t bit;

    CU_ASSERT(pending_empty(&pending));
    CU_ASSERT(!pending_next(&pending, &found, &bit));
}

static void repeated_events_are_one(void)
{
    start();
    expect_none();
    for (int i = 0; i < 3; i++)
        pending_set(&pending, &sources[0], PENDING_QUEUE(2));
    CU_ASSERT(!pending_empty(&pending));
    expect(0, 3);
    expect_none();
    pending_set(&pending, &sources[0], PENDING_QUEUE(2));
    expect(0, 3);
    expect_none();
}

static void event_stays_until_done(void)
{
    struct pending_source *found;
    uint32_t bit;

    start();
    pending_set(&pending, &sources[1], 69);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(pending_next(&pending, &found, &bit));
        CU_ASSERT_PTR_EQUAL(found, &sources[1]);
        CU_ASSERT_EQUAL(bit, 69);
    }
    expect(1, 69);
    expect_none();
}

static void devices_take_turns(void)
{
    start();
    for (uint32_t bit = 0; bit < 3; bit++)
        pending_set(&pending, &sources[0], bit);
    pending_set(&pending, &sources[1], 40);
    pending_set(&pending, &sources[2], 0);
    expect(0, 0);
    pending_set(&pending, &sources[0], 0);
    expect(1, 40);
    expect(2, 0);
    expect(0, 1);
    expect(0, 2);
    expect(0, 0);
    expect_none();
}

static void queues_take_turns(void)
{
    start();
    pending_set(&pending, &sources[0], 1);
    pending_set(&pending, &sources[0], 69);
    expect(0, 1);
    pending_set(&pending, &sources[0], 1); /* busy, but 69 waits */
    expect(0, 69);
    expect(0, 1);
    expect_none();
}

static void drop_forgets(void)
{
    start();
    for (unsigned i = 0; i < 3; i++)
        pending_set(&pending, &sources[i], i);
    pending_drop(&pending, &sources[1]);
    pending_drop(&pending, &sources[1]);
    pending_drop(&pending, &sources[4]);
    pending_done(&pending, &sources[1], 1);
    expect(0, 0);
    pending_drop(&pending, &sources[2]);
    expect_none();
    pending_set(&pending, &sources[1], 5);
    expect(1, 5);
    expect_none();
}

static void bits_that_are_not_there(void)
{
    struct pending_source none = {0};

    start();
    pending_set(&pending, &sources[0], BITS);
    pending_set(&pending, &sources[0], UINT32_MAX);
    pending_set(&pending, &none, 0);
    expect_none();
    pending_set(&pending, &sources[0], 0);
    pending_done(&pending, &sources[0], UINT32_MAX);
    expect(0, 0);
    expect_none();
}

/* Nothing is lost or invented, whatever the order of calls. */
static void random_events(void)
{
    bool set[SOURCES][BITS] = {{false}};
    unsigned waiting = 0;

    start();
    for (int i = 0; i < 100000; i++) {
        unsigned source = sample_random() % SOURCES;
        uint32_t bit = sample_random() % BITS;
        struct pending_source *found;

        if (sample_random() % 2) {
            pending_set(&pending, &sources[source], bit);
            waiting += !set[source][bit];
            set[source][bit] = true;
        } else if (sample_random() % 50 == 0) {
            pending_drop(&pending, &sources[source]);
            for (bit = 0; bit < BITS; bit++) {
                waiting -= set[source][bit];
                set[source][bit] = false;
            }
        } else if (pending_next(&pending, &found, &bit)) {
            source = (unsigned)(found - sources);
            CU_ASSERT(set[source][bit]);
            set[source][bit] = false;
            waiting--;
            pending_done(&pending, found, bit);
        }
        CU_ASSERT_EQUAL(pending_empty(&pending), waiting == 0);
    }
}

static const struct test_case cases[] = {
    TEST(repeated_events_are_one),
    TEST(event_stays_until_done),
    TEST(devices_take_turns),
    TEST(queues_take_turns),
    TEST(drop_forgets),
    TEST(bits_that_are_not_there),
    TEST(random_events),
    {NULL, NULL},
};

int main(void)
{
    return test_main("pending", cases);
}
