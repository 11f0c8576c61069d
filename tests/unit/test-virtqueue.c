/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Driver side of a virtqueue, against a device that does as it is told here. */

#include <errno.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/unit/queue-device.h"

#define SIZE QUEUE_DEVICE_SIZE

static char tokens[64];

static void start(unsigned size)
{
    queue_device_start(0, size, 0);
}

static void expect_pieces(const struct offered *chain, unsigned out, unsigned in)
{
    CU_ASSERT_EQUAL_FATAL(chain->count, out + in);
    for (unsigned i = 0; i < chain->count; i++) {
        CU_ASSERT_EQUAL(chain->pieces[i].address, 0x1000 + i);
        CU_ASSERT_EQUAL(chain->pieces[i].length, 100 + i);
        CU_ASSERT_EQUAL(chain->pieces[i].writable, i >= out);
    }
}

static void a_chain_is_as_virtio_wants_it(void)
{
    struct offered chain;

    start(SIZE);
    CU_ASSERT_FALSE(queue_device_take(&chain));
    CU_ASSERT_EQUAL(queue_device_push(2, 1, tokens), 0);
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), SIZE - 3);
    CU_ASSERT_TRUE(queue_device_take(&chain));
    expect_pieces(&chain, 2, 1);
    CU_ASSERT_EQUAL(chain.slots, 3);
    CU_ASSERT_FALSE(queue_device_take(&chain));
    queue_device_end();
}

static void parts_lie_apart_and_aligned(void)
{
    for (unsigned size = 1; size <= 32768; size *= 2) {
        start(size);

        const uint8_t *desc = dev.queue->desc_part, *driver = dev.queue->driver_part;
        const uint8_t *device = dev.queue->device_part, *end = desc + dev.rings;

        CU_ASSERT(driver >= desc + 16u * size);
        if (queue_device_is_packed()) {
            CU_ASSERT(device >= driver + 64);
            CU_ASSERT_EQUAL((driver - desc) % 64, 0);
            CU_ASSERT(end >= device + 4);
        } else {
            CU_ASSERT(device >= driver + 6 + 2u * size);
            CU_ASSERT(end >= device + 6 + 8u * size);
        }
        CU_ASSERT_EQUAL((device - desc) % 64, 0);
        CU_ASSERT_EQUAL(dev.rings % 64, 0);
        queue_device_end();
    }
}

static void chains_come_back_in_any_order(void)
{
    struct offered chains[3];
    uint32_t written;

    start(SIZE);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(queue_device_push(1, 1, tokens + i), 0);
        CU_ASSERT_TRUE(queue_device_take(&chains[i]));
    }
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(dev.queue, &written));
    CU_ASSERT_EQUAL(errno, EAGAIN);
    queue_device_use(chains[1].id, 5);
    queue_device_use(chains[2].id, 0);
    queue_device_use(chains[0].id, 101);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, &written), tokens + 1);
    CU_ASSERT_EQUAL(written, 5);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens + 2);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, &written), tokens);
    CU_ASSERT_EQUAL(written, 101);
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), SIZE);
    CU_ASSERT_EQUAL(dev.broken, 0);
    queue_device_end();
}

/* Chains of one to four descriptors, of which some lie across the end of the ring. */
static void indices_wrap(void)
{
    struct offered chain;

    start(SIZE);
    for (unsigned i = 0; i < 70000; i++) {
        CU_ASSERT_EQUAL_FATAL(queue_device_push(1 + i % 2, i % 3, tokens + i % 60), 0);
        CU_ASSERT_TRUE_FATAL(queue_device_take(&chain));
        CU_ASSERT_EQUAL_FATAL(chain.count, 1 + i % 2 + i % 3);
        queue_device_use(chain.id, 0);
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(dev.queue, NULL), tokens + i % 60);
        CU_ASSERT_PTR_NULL_FATAL(xvmsg_queue_pop(dev.queue, NULL));
    }
    CU_ASSERT_EQUAL(dev.broken, 0);
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), SIZE);
    queue_device_end();
}

static void what_does_not_fit_is_refused(void)
{
    struct offered chain;

    start(SIZE);
    CU_ASSERT_EQUAL(queue_device_push(0, 0, tokens), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(queue_device_push(1, 0, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(queue_device_push(SIZE, 1, tokens), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(queue_device_push(UINT32_MAX, 2, tokens), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(queue_device_push(5, 1, tokens), 0);
    CU_ASSERT_EQUAL(queue_device_push(2, 1, tokens), -1);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    CU_ASSERT_EQUAL(queue_device_push(1, 1, tokens), 0);
    CU_ASSERT_TRUE(queue_device_take(&chain));
    CU_ASSERT_TRUE(queue_device_take(&chain));
    CU_ASSERT_FALSE(queue_device_take(&chain));
    queue_device_end();
}

static void changed_descriptors_change_nothing(void)
{
    struct offered chain;

    start(SIZE);
    CU_ASSERT_EQUAL(queue_device_push(2, 2, tokens), 0);
    CU_ASSERT_TRUE(queue_device_take(&chain));
    memset(dev.queue->desc_part, 0xff, SIZE * 16u);
    queue_device_use(chain.id, 100);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), SIZE);
    CU_ASSERT_EQUAL(queue_device_push(4, 4, tokens), 0);
    queue_device_end();
}

/* Of any size, to the last of its descriptors. */
static void a_ring_of_seven(void)
{
    struct offered chain;

    start(7);
    for (unsigned i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL_FATAL(queue_device_push(2, 1, tokens), 0);
        CU_ASSERT_EQUAL_FATAL(queue_device_push(1, 3, tokens + 1), 0);
        CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens + 2), -1);
        CU_ASSERT_EQUAL(errno, ENOSPC);
        for (unsigned j = 0; j < 2; j++) {
            CU_ASSERT_TRUE_FATAL(queue_device_take(&chain));
            CU_ASSERT_EQUAL_FATAL(chain.count, 3 + j);
            queue_device_use(chain.id, 1);
        }
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(dev.queue, NULL), tokens + 1);
    }
    queue_device_end();
}

/* ---- notifications ---- */

static void the_flag_decides_whether_the_device_is_told(void)
{
    start(SIZE);
    CU_ASSERT_TRUE(queue_wants_notification(dev.queue));
    queue_device_forbid();
    CU_ASSERT_FALSE(queue_wants_notification(dev.queue));
    memset(dev.queue->device_part, 0xfe, 4); /* bits that nobody knows */
    CU_ASSERT_TRUE(queue_wants_notification(dev.queue));
    CU_ASSERT_TRUE(pending_empty(&dev.h->bus.events));
    CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens), 0);
    CU_ASSERT_FALSE(pending_empty(&dev.h->bus.events));
    queue_device_end();
}

/* NOTIFICATION_DATA: the place in the ring, and the wrap counter above it. */
static void the_next_offset_of_a_packed_queue(void)
{
    start(SIZE);
    for (unsigned i = 0; i < 40; i++) {
        CU_ASSERT_EQUAL(queue_next_offset(dev.queue),
                        i % SIZE | (i / SIZE % 2 ? 0 : UINT32_C(1) << 31));
        CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens), 0);
        queue_device_serve(0);
        CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
    }
    queue_device_end();
}

/* And of a split one: its available index, which has no such bit. */
static void the_next_offset_of_a_split_queue(void)
{
    start(SIZE);
    for (unsigned i = 0; i < 0x10000 + 10; i++) {
        CU_ASSERT_EQUAL_FATAL(queue_next_offset(dev.queue), (uint16_t)i);
        CU_ASSERT_EQUAL_FATAL(queue_device_push(1, 0, tokens), 0);
        queue_device_serve(0);
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
    }
    queue_device_end();
}

/* ---- indirect ---- */

static void a_chain_goes_into_a_table(void)
{
    struct offered chain;

    queue_device_start(FEATURE_INDIRECT_DESC, SIZE, SIZE);
    CU_ASSERT_EQUAL(queue_device_push(2, 1, tokens), 0);
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), SIZE - 1);
    CU_ASSERT_TRUE(queue_device_take(&chain));
    CU_ASSERT(chain.table);
    expect_pieces(&chain, 2, 1);
    /* One buffer needs no table. */
    CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens), 0);
    CU_ASSERT_TRUE(queue_device_take(&chain));
    CU_ASSERT(!chain.table);
    expect_pieces(&chain, 1, 0);
    queue_device_end();
}

/* As many chains as the queue has entries, each with a table of its own. */
static void tables_do_not_overlap(void)
{
    struct offered chains[SIZE];

    queue_device_start(FEATURE_INDIRECT_DESC, SIZE, SIZE);
    for (unsigned i = 0; i < SIZE; i++) {
        CU_ASSERT_EQUAL(queue_device_push(4, 4, tokens + i), 0);
        CU_ASSERT_TRUE_FATAL(queue_device_take(&chains[i]));
        CU_ASSERT(chains[i].table);
        for (unsigned j = 0; j < i; j++)
            CU_ASSERT(chains[i].table >= chains[j].table + 128 ||
                      chains[j].table >= chains[i].table + 128);
    }
    CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens), -1);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    for (unsigned i = 0; i < SIZE; i++) {
        queue_device_use(chains[i].id, 0);
        CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens + i);
    }
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), SIZE);
    CU_ASSERT_EQUAL(dev.broken, 0);
    queue_device_end();
}

/* Some slots have tables, the others not; whichever way, nothing is lost. */
static void with_little_room_some_go_directly(void)
{
    struct offered chains[3];

    queue_device_start(FEATURE_INDIRECT_DESC, SIZE, 2);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(queue_device_push(1, 2, tokens + i), 0);
        CU_ASSERT_TRUE_FATAL(queue_device_take(&chains[i]));
        CU_ASSERT_EQUAL(chains[i].table != 0, i < 2);
        expect_pieces(&chains[i], 1, 2);
    }
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), SIZE - 5);
    CU_ASSERT_EQUAL(queue_device_push(2, 2, tokens + 3), -1);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    for (unsigned i = 3; i-- > 0;) {
        queue_device_use(chains[i].id, 0);
        CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens + i);
    }
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), SIZE);
    queue_device_end();
}

static void long_chains_go_directly(void)
{
    struct offered chain;

    queue_device_start(FEATURE_INDIRECT_DESC, 2 * SIZE, 2 * SIZE);
    CU_ASSERT_EQUAL(queue_device_push(8, 1, tokens), 0);
    CU_ASSERT_TRUE(queue_device_take(&chain));
    CU_ASSERT(!chain.table);
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), 2 * SIZE - 9);
    queue_device_end();
    /* Also a table makes no chain longer than the queue. */
    queue_device_start(FEATURE_INDIRECT_DESC, 4, 4);
    CU_ASSERT_EQUAL(queue_device_push(2, 3, tokens), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(queue_device_push(2, 2, tokens), 0);
    CU_ASSERT_EQUAL(xvmsg_queue_free(dev.queue), 3);
    queue_device_end();
}

static void room_without_the_feature_is_left_alone(void)
{
    struct offered chain;

    queue_device_start(FEATURE_EVENT_IDX, SIZE, SIZE);
    CU_ASSERT_EQUAL(queue_device_push(1, 1, tokens), 0);
    CU_ASSERT_TRUE(queue_device_take(&chain));
    CU_ASSERT(!chain.table);
    queue_device_end();
}

/* ---- event index, with and without indirect descriptors ---- */

static void start_event_idx(unsigned indirect)
{
    queue_device_start(FEATURE_EVENT_IDX | (indirect ? FEATURE_INDIRECT_DESC : 0), SIZE, SIZE);
}

/* The device hears of the entry it asked for, among those pushed since last time. */
static void the_index_decides_whether_the_device_is_told(void)
{
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        start_event_idx(indirect);
        queue_device_tell_at(0);
        CU_ASSERT_FALSE(queue_wants_notification(dev.queue));
        CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens), 0);
        CU_ASSERT_TRUE(queue_wants_notification(dev.queue));
        /* Not told yet, as when the ring of messages is full. */
        CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens), 0);
        CU_ASSERT_TRUE(queue_wants_notification(dev.queue));
        queue_told(dev.queue);
        CU_ASSERT_FALSE(queue_wants_notification(dev.queue));
        CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens), 0);
        CU_ASSERT_FALSE(queue_wants_notification(dev.queue));
        queue_device_tell_at(2);
        CU_ASSERT_TRUE(queue_wants_notification(dev.queue));
        queue_device_tell_at(3);
        CU_ASSERT_FALSE(queue_wants_notification(dev.queue));
        queue_device_end();
    }
}

static void asks_when_it_found_nothing_used(void)
{
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        start_event_idx(indirect);
        /* Not of every one, as long as nobody has looked. */
        CU_ASSERT_TRUE(queue_device_asked_for(0));
        for (int i = 0; i < 3; i++) {
            CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens + i), 0);
            queue_device_serve(0);
        }
        for (unsigned i = 0; i < 3; i++) {
            CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens + i);
            CU_ASSERT_FALSE(queue_device_asked_for(i + 1));
        }
        CU_ASSERT_PTR_NULL(xvmsg_queue_pop(dev.queue, NULL));
        CU_ASSERT_EQUAL(errno, EAGAIN);
        CU_ASSERT_TRUE(queue_device_asked_for(3));
        queue_device_end();
    }
}

/* Every index a device may ask for, in every batch around the wrap. */
static void event_indices_wrap(void)
{
    start_event_idx(true);
    for (unsigned i = 0; i < 70000; i++) {
        queue_device_tell_at(i);
        CU_ASSERT_FALSE_FATAL(queue_wants_notification(dev.queue));
        CU_ASSERT_EQUAL_FATAL(queue_device_push(1, i % 3, tokens), 0);
        CU_ASSERT_TRUE_FATAL(queue_wants_notification(dev.queue));
        queue_device_tell_at(i + UINT16_MAX);
        CU_ASSERT_FALSE_FATAL(queue_wants_notification(dev.queue));
        queue_told(dev.queue);
        queue_device_serve(0);
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
        CU_ASSERT_PTR_NULL(xvmsg_queue_pop(dev.queue, NULL));
        CU_ASSERT_TRUE_FATAL(queue_device_asked_for(i + 1));
    }
    queue_device_end();
}

/* Who does not flush for that long has passed every index. */
static void more_chains_than_the_index_can_tell(void)
{
    start_event_idx(false);
    for (unsigned i = 0; i < 0x10000; i++) {
        CU_ASSERT_EQUAL_FATAL(queue_device_push(1, 0, tokens), 0);
        queue_device_serve(0);
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
    }
    for (unsigned i = 0; i < 0x10000; i++) {
        queue_device_tell_at(i);
        CU_ASSERT_TRUE_FATAL(queue_wants_notification(dev.queue));
    }
    queue_device_end();
}

static void without_it_the_places_mean_nothing(void)
{
    queue_device_start(FEATURE_INDIRECT_DESC, SIZE, SIZE);
    queue_device_tell_at(5);
    CU_ASSERT_EQUAL(queue_device_push(1, 1, tokens), 0);
    CU_ASSERT_TRUE(queue_wants_notification(dev.queue));
    queue_device_serve(0);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(dev.queue, NULL));
    CU_ASSERT_FALSE(queue_device_asked_for(1));
    queue_device_end();
}

static const struct test_case cases[] = {
    TEST(a_chain_is_as_virtio_wants_it),
    TEST(parts_lie_apart_and_aligned),
    TEST(chains_come_back_in_any_order),
    TEST(indices_wrap),
    TEST(what_does_not_fit_is_refused),
    TEST(changed_descriptors_change_nothing),
    TEST(the_flag_decides_whether_the_device_is_told),
    TEST(a_chain_goes_into_a_table),
    TEST(tables_do_not_overlap),
    TEST(with_little_room_some_go_directly),
    TEST(long_chains_go_directly),
    TEST(room_without_the_feature_is_left_alone),
    TEST(the_index_decides_whether_the_device_is_told),
    TEST(asks_when_it_found_nothing_used),
    TEST(event_indices_wrap),
    TEST(more_chains_than_the_index_can_tell),
    TEST(without_it_the_places_mean_nothing),
    {NULL, NULL},
};

static const struct test_case split_cases[] = {
    TEST(the_next_offset_of_a_split_queue),
    {NULL, NULL},
};

static const struct test_case packed_cases[] = {
    TEST(a_ring_of_seven),
    TEST(the_next_offset_of_a_packed_queue),
    {NULL, NULL},
};

static const struct test_suite suites[] = {
    {"virtqueue, split", cases, queue_device_split},
    {"virtqueue, packed", cases, queue_device_packed},
    {"virtqueue, split alone", split_cases, queue_device_split},
    {"virtqueue, packed alone", packed_cases, queue_device_packed},
    {0},
};

int main(void)
{
    return test_main_suites(suites);
}
