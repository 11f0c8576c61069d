/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The device side of a virtqueue. */

#include <string.h>

#include "common/address.h"
#include "tests/harness.h"
#include "tests/unit/queue-guest.h"

/* ---- the ordinary ---- */

static void a_chain_goes_round(void)
{
    struct chain *chain;

    queue_guest_start();
    memcpy(g.area + QUEUE_GUEST_DATA, "request", 7);
    queue_guest_describe(2, queue_guest_data(0), 4, VRING_DESC_F_NEXT, 5);
    queue_guest_describe(5, queue_guest_data(4), 3, VRING_DESC_F_NEXT, 0);
    queue_guest_describe(0, queue_guest_data(64), 16, VRING_DESC_F_WRITE, 0);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    queue_guest_offer(2);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(iov_size(&chain->out), 7);
    CU_ASSERT_EQUAL(iov_size(&chain->in), 16);

    char text[7];

    CU_ASSERT_EQUAL(iov_take(&chain->out, text, sizeof(text)), 7);
    CU_ASSERT_NSTRING_EQUAL(text, "request", 7);
    CU_ASSERT_EQUAL(iov_fill(&chain->in, "answer", 6), 6);
    queue_push(g.queue, chain, 6);
    CU_ASSERT_EQUAL(g.used->idx, 1);
    CU_ASSERT_EQUAL(g.used->ring[0].id, 2);
    CU_ASSERT_EQUAL(g.used->ring[0].len, 6);
    CU_ASSERT_NSTRING_EQUAL(g.area + QUEUE_GUEST_DATA + 64, "answer", 6);
    CU_ASSERT_EQUAL(g.told, 1);
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

/* The 16-bit indices wrap, and completions may come in any order. */
static void many_rounds_in_any_order(void)
{
    struct chain *chains[QUEUE_GUEST_SIZE];

    queue_guest_start();
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
        queue_guest_describe(i, queue_guest_data(i), 1, VRING_DESC_F_WRITE, 0);
    for (unsigned round = 0; round < 0x10000 / QUEUE_GUEST_SIZE + 3; round++) {
        queue_begin_batch(g.queue);
        for (uint16_t i = 0; i < QUEUE_GUEST_SIZE; i++)
            queue_guest_offer(i);
        for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
            chains[i] = queue_pop(g.queue);
        for (unsigned i = QUEUE_GUEST_SIZE; i-- > 0;) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(chains[i]);
            queue_push(g.queue, chains[i], 1);
        }
        CU_ASSERT_EQUAL(g.used->idx, g.avail->idx);
        CU_ASSERT_EQUAL(g.used->ring[(uint16_t)(g.used->idx - 1) % QUEUE_GUEST_SIZE].id, 0);
    }
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

static void the_driver_may_forbid_notifications(void)
{
    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    g.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    queue_guest_offer(0);
    queue_push(g.queue, queue_pop(g.queue), 1);
    CU_ASSERT_EQUAL(g.used->idx, 1);
    CU_ASSERT_EQUAL(g.told, 0);
    queue_guest_end();
}

static void a_batch_ends(void)
{
    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++) {
        CU_ASSERT(!queue_batch_full(g.queue));
        queue_guest_offer(0);
        queue_push(g.queue, queue_pop(g.queue), 1);
    }
    queue_guest_offer(0);
    CU_ASSERT(queue_batch_full(g.queue));
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    queue_begin_batch(g.queue);
    queue_push(g.queue, queue_pop(g.queue), 1);
    queue_guest_end();
}

static void a_stopping_queue_leaves_the_guest_alone(void)
{
    struct chain *chain;

    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    queue_guest_describe(1, queue_guest_data(1), 1, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    queue_guest_offer(1);
    queue_stop(g.queue);
    CU_ASSERT(!queue_idle(g.queue));
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.idle, 0);
    queue_push(g.queue, chain, 1);
    CU_ASSERT_EQUAL(g.idle, 1);
    CU_ASSERT_EQUAL(g.used->idx, 0);
    CU_ASSERT_EQUAL(g.told, 0);
    queue_clear(g.queue);
    CU_ASSERT_EQUAL(queue_get_config(g.queue)->size, 0);
    CU_ASSERT(!queue_enabled(g.queue));
    /* Used again, it starts at the beginning. */
    g.avail->idx = 0;
    CU_ASSERT(queue_enable(g.queue, g.memory, &queue_guest_config));
    queue_begin_batch(g.queue);
    queue_guest_offer(1);
    queue_push(g.queue, queue_pop(g.queue), 1);
    CU_ASSERT_EQUAL(g.used->ring[0].id, 1);
    queue_guest_end();
}

static void areas_in_use_stay(void)
{
    struct msg_area_unshare_request unshare = {.area = QUEUE_GUEST_RO_AREA};
    struct chain *chain;

    queue_guest_start();
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_RO_AREA, 0), 8, 0, 0);
    queue_guest_offer(0);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_BUSY);
    queue_push(g.queue, chain, 0);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_OK);
    unshare.area = QUEUE_GUEST_AREA;
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_BUSY);
    queue_stop(g.queue);
    queue_clear(g.queue);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_OK);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_BAD_NUMBER);
    queue_guest_end();
}

/* ---- what a driver may not configure ---- */

static void refuses_bad_parameters(void)
{
    static const struct {
        const char *what;
        struct queue_config config;
    } bad[] = {
        {"size 0", {0, 0x1000000000000, 0x1000000000400, 0x1000000000800}},
        {"size not a power of two", {6, 0x1000000000000, 0x1000000000400, 0x1000000000800}},
        {"size too large", {16, 0x1000000000000, 0x1000000000400, 0x1000000000800}},
        {"misaligned descriptors", {8, 0x1000000000008, 0x1000000000400, 0x1000000000800}},
        {"misaligned available ring", {8, 0x1000000000000, 0x1000000000401, 0x1000000000800}},
        {"misaligned used ring", {8, 0x1000000000000, 0x1000000000400, 0x1000000000802}},
        {"address 0", {8, 0, 0x1000000000400, 0x1000000000800}},
        {"unknown area", {8, 0x7000000000000, 0x1000000000400, 0x1000000000800}},
        {"grant address", {8, 0x8000000000001000, 0x1000000000400, 0x1000000000800}},
        {"beyond the area", {8, 0x1000000000000, 0x1000000003ff0, 0x1000000000800}},
        {"far beyond the area", {8, 0x1fffffffffff0, 0x1000000000400, 0x1000000000800}},
        {"used ring in a read-only area", {8, 0x1000000000000, 0x1000000000400, 0x2000000000800}},
    };

    queue_guest_start();
    queue_stop(g.queue);
    queue_clear(g.queue);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (queue_enable(g.queue, g.memory, &bad[i].config) || queue_get_config(g.queue)->desc)
            CU_FAIL(bad[i].what);
    }
    CU_ASSERT(queue_enable(g.queue, g.memory, &queue_guest_config));
    CU_ASSERT(!queue_enable(g.queue, g.memory, &queue_guest_config));
    CU_ASSERT(!queue_configure(g.queue, &queue_guest_config));
    queue_guest_end();
}

/* ---- what a driver may not put in the ring ---- */

static void jump(void)
{
    g.avail->idx = QUEUE_GUEST_SIZE + 1;
}

static void go_back(void)
{
    g.avail->idx = UINT16_MAX;
}

static void head_beyond(void)
{
    queue_guest_offer(QUEUE_GUEST_SIZE);
}

static void next_beyond(void)
{
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 0xffff);
    queue_guest_offer(0);
}

static void self_loop(void)
{
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_NEXT, 0);
    queue_guest_offer(0);
}

static void long_loop(void)
{
    for (uint16_t i = 0; i < QUEUE_GUEST_SIZE; i++)
        queue_guest_describe(i, queue_guest_data(0), 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
                             (i + 1) % QUEUE_GUEST_SIZE);
    queue_guest_offer(3);
}

static void indirect(void)
{
    queue_guest_describe(0, queue_guest_data(0), 16, VRING_DESC_F_INDIRECT, 0);
    queue_guest_offer(0);
}

static void readable_after_writable(void)
{
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
    queue_guest_describe(1, queue_guest_data(0), 1, 0, 0);
    queue_guest_offer(0);
}

static void no_length(void)
{
    queue_guest_describe(0, queue_guest_data(0), 0, 0, 0);
    queue_guest_offer(0);
}

static void address_zero(void)
{
    queue_guest_describe(0, 0, 16, 0, 0);
    queue_guest_offer(0);
}

static void unknown_area(void)
{
    queue_guest_describe(0, address_of_area(9, 0), 16, 0, 0);
    queue_guest_offer(0);
}

static void grant_address(void)
{
    queue_guest_describe(0, ADDRESS_GRANT | 8 << 12, 16, 0, 0);
    queue_guest_offer(0);
}

static void one_byte_too_far(void)
{
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_AREA, QUEUE_GUEST_BYTES - 15), 16, 0, 0);
    queue_guest_offer(0);
}

static void length_wraps(void)
{
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_AREA, 16), UINT32_MAX, 0, 0);
    queue_guest_offer(0);
}

static void offset_wraps(void)
{
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_AREA, ADDRESS_OFFSET_MASK), 2, 0, 0);
    queue_guest_offer(0);
}

static void writes_to_read_only(void)
{
    queue_guest_describe(0, address_of_area(QUEUE_GUEST_RO_AREA, 0), 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
}

static void good_then_bad(void)
{
    queue_guest_describe(0, queue_guest_data(0), 16, VRING_DESC_F_NEXT, 1);
    queue_guest_describe(1, 0, 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
}

static const struct {
    const char *what;
    void (*write)(void);
    const char *named; /* what the fault's text must contain */
} hostile[] = {
    {"index jumps", jump, "available index 9"},
    {"index goes back", go_back, "available index 65535"},
    {"head beyond the queue", head_beyond, "descriptor 8 is beyond"},
    {"next beyond the queue", next_beyond, "descriptor 65535 is beyond"},
    {"descriptor names itself", self_loop, "loop"},
    {"all descriptors in a circle", long_loop, "loop"},
    {"indirect", indirect, "descriptor 0 is indirect"},
    {"readable after writable", readable_after_writable, "descriptor 1 is readable after"},
    {"length 0", no_length, "descriptor 0 has length 0"},
    {"address 0", address_zero, "no shared area"},
    {"unknown area", unknown_area, "no shared area"},
    {"grant address", grant_address, "no shared area"},
    {"one byte beyond the area", one_byte_too_far, "no shared area"},
    {"length of 4 GiB", length_wraps, "no shared area"},
    {"offset at the end of all", offset_wraps, "no shared area"},
    {"write to a read-only area", writes_to_read_only, "no writable area"},
    {"good descriptor, then a bad one", good_then_bad, "descriptor 1"},
};

static void names_what_is_wrong_in_the_ring(void)
{
    struct msg_area_unshare_request unshare = {.area = QUEUE_GUEST_AREA};

    for (unsigned i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        queue_guest_start();
        hostile[i].write();
        if (queue_pop(g.queue) || g.faults != 1 || !strstr(g.fault_text, hostile[i].named))
            CU_FAIL(hostile[i].what);
        /* Said once; nothing goes on, and nothing stays pinned. */
        queue_guest_offer(0);
        CU_ASSERT_PTR_NULL(queue_pop(g.queue));
        CU_ASSERT_EQUAL(g.faults, 1);
        queue_stop(g.queue);
        CU_ASSERT(queue_idle(g.queue));
        queue_clear(g.queue);
        CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_OK);
        queue_guest_end();
    }
}

static void refuses_a_head_that_is_in_use(void)
{
    struct chain *chain;

    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 1, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    chain = queue_pop(g.queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    queue_guest_offer(0);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.faults, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(g.fault_text, "in use"));
    queue_push(g.queue, chain, 1);
    queue_guest_end();
}

static const struct test_case cases[] = {
    TEST(a_chain_goes_round),
    TEST(many_rounds_in_any_order),
    TEST(the_driver_may_forbid_notifications),
    TEST(a_batch_ends),
    TEST(a_stopping_queue_leaves_the_guest_alone),
    TEST(areas_in_use_stay),
    TEST(refuses_bad_parameters),
    TEST(names_what_is_wrong_in_the_ring),
    TEST(refuses_a_head_that_is_in_use),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue", cases);
}
