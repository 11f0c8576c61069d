/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Driver side of a virtqueue, against a device that does what it may not. */

#include <errno.h>
#include <string.h>

#include "common/packed.h"
#include "common/split.h"
#include "tests/harness.h"
#include "tests/unit/queue-device.h"

#define SIZE QUEUE_DEVICE_SIZE

static char tokens[64];

static void expect_broken(const char *named)
{
    uint32_t written = 77;

    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(dev.queue, &written));
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(dev.broken, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(dev.fault_text, named));
    CU_ASSERT_EQUAL(written, 77);
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(dev.queue, &written));
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(queue_device_push(1, 0, tokens), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(dev.broken, 1);
    queue_device_end();
}

/* A chain of two, which the device has taken; its id. */
static uint32_t start_with_chain(void)
{
    struct offered chain;

    queue_device_start(0, SIZE, 0);
    CU_ASSERT_EQUAL(queue_device_push(1, 1, tokens), 0);
    CU_ASSERT_TRUE_FATAL(queue_device_take(&chain));
    return chain.id;
}

static void more_used_than_given(void)
{
    uint32_t id = start_with_chain();

    queue_device_use(id, 0);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
    queue_device_use(id, 0);
    expect_broken("used more buffers than it was given");
}

static void an_id_beyond_the_queue(void)
{
    start_with_chain();
    queue_device_use(SIZE, 0);
    expect_broken("not its own (8)");
}

static void an_id_far_beyond_the_queue(void)
{
    start_with_chain();
    queue_device_use(UINT16_MAX, 0);
    expect_broken("not its own (65535)");
}

static void an_id_that_is_not_in_flight(void)
{
    uint32_t id = start_with_chain();

    queue_device_use((id + 1) % SIZE, 0);
    expect_broken("not its own");
}

static void a_chain_used_twice(void)
{
    uint32_t id = start_with_chain();

    CU_ASSERT_EQUAL(queue_device_push(1, 1, tokens), 0);
    queue_device_use(id, 0);
    queue_device_use(id, 0);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
    expect_broken("not its own");
}

static void more_written_than_there_was_room(void)
{
    queue_device_use(start_with_chain(), 102);
    expect_broken("past a buffer (102)");
}

static void a_length_of_4_gib(void)
{
    queue_device_use(start_with_chain(), UINT32_MAX);
    expect_broken("past a buffer");
}

static void more_written_than_a_table_had_room(void)
{
    queue_device_start(FEATURE_INDIRECT_DESC, SIZE, SIZE);
    CU_ASSERT_EQUAL(queue_device_push(1, 1, tokens), 0);
    queue_device_serve(102);
    expect_broken("past a buffer");
}

/* ---- of split queues alone ---- */

static void set_used_index(uint16_t index)
{
    ((struct vring_used *)dev.queue->device_part)->idx = index;
}

static void an_index_that_jumps(void)
{
    start_with_chain();
    set_used_index(2);
    expect_broken("more buffers than it was given (2)");
}

static void an_index_that_goes_back(void)
{
    start_with_chain();
    set_used_index(0xffff);
    expect_broken("more buffers than it was given (65535)");
}

static void a_number_of_more_than_16_bits(void)
{
    start_with_chain();
    queue_device_use(0x10000, 0);
    expect_broken("not its own (65536)");
}

/* ---- of packed queues alone ---- */

static struct vring_packed_desc *ring(void)
{
    return dev.queue->desc_part;
}

static void a_wrap_counter_that_jumped(void)
{
    uint32_t id = start_with_chain();

    ring()[0] = (struct vring_packed_desc){.id = (uint16_t)id, .flags = 0};
    expect_broken("neither available nor used (0)");
}

static void flags_that_mean_nothing(void)
{
    start_with_chain();
    ring()[0].flags = PACKED_USED;
    expect_broken("neither available nor used (0)");
}

static void used_without_having_anything(void)
{
    queue_device_start(0, SIZE, 0);
    ring()[0].flags = PACKED_USED | PACKED_AVAIL;
    expect_broken("more buffers than it was given");
}

/* What lies behind the next one does not matter yet. */
static void used_in_another_place(void)
{
    uint32_t id = start_with_chain();

    ring()[1] = (struct vring_packed_desc){.id = (uint16_t)id,
                                           .flags = PACKED_USED | PACKED_AVAIL};
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(dev.queue, NULL));
    CU_ASSERT_EQUAL(errno, EAGAIN);
    queue_device_use(id, 5);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, NULL), tokens);
    CU_ASSERT_EQUAL(dev.broken, 0);
    queue_device_end();
}

static void without_write_the_length_means_nothing(void)
{
    uint32_t written, id = start_with_chain();

    ring()[0] = (struct vring_packed_desc){
        .id = (uint16_t)id, .len = UINT32_MAX, .flags = PACKED_USED | PACKED_AVAIL};
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(dev.queue, &written), tokens);
    CU_ASSERT_EQUAL(written, 0);
    queue_device_end();
}

static const struct test_case cases[] = {
    TEST(more_used_than_given),
    TEST(an_id_beyond_the_queue),
    TEST(an_id_far_beyond_the_queue),
    TEST(an_id_that_is_not_in_flight),
    TEST(a_chain_used_twice),
    TEST(more_written_than_there_was_room),
    TEST(a_length_of_4_gib),
    TEST(more_written_than_a_table_had_room),
    {NULL, NULL},
};

static const struct test_case split_cases[] = {
    TEST(an_index_that_jumps),
    TEST(an_index_that_goes_back),
    TEST(a_number_of_more_than_16_bits),
    {NULL, NULL},
};

static const struct test_case packed_cases[] = {
    TEST(a_wrap_counter_that_jumped),
    TEST(flags_that_mean_nothing),
    TEST(used_without_having_anything),
    TEST(used_in_another_place),
    TEST(without_write_the_length_means_nothing),
    {NULL, NULL},
};

static const struct test_suite suites[] = {
    {"virtqueue-hostile, split", cases, queue_device_split},
    {"virtqueue-hostile, packed", cases, queue_device_packed},
    {"virtqueue-hostile, split alone", split_cases, queue_device_split},
    {"virtqueue-hostile, packed alone", packed_cases, queue_device_packed},
    {0},
};

int main(void)
{
    return test_main_suites(suites);
}
