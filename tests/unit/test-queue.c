/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The device side of a virtqueue, and the areas it lives in. */

#include "backend/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "common/split.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

#define SIZE 8u
#define GUEST 3u
#define RW_AREA 1u
#define RO_AREA 2u
#define AREA_BYTES (4 * PLATFORM_PAGE_SIZE)
#define AVAIL_AT 0x400u
#define USED_AT 0x800u
#define DATA_AT 0x1000u

static struct fake_xen *fx;
static struct platform *dom0, *domu;
static struct memory *memory;
static struct queue *queue;
static uint8_t *area;
static struct vring_desc *desc;
static struct vring_avail *avail;
static struct vring_used *used;

static unsigned told, faults, idle;
static char fault_text[160];

static void on_used(void *user, uint32_t index)
{
    (void)user, (void)index;
    told++;
}

static void on_fault(void *user, uint32_t index, const char *why)
{
    (void)user, (void)index;
    faults++;
    snprintf(fault_text, sizeof(fault_text), "%s", why);
}

static void on_idle(void *user, uint32_t index)
{
    (void)user, (void)index;
    idle++;
}

static uint8_t *share(uint16_t number, uint16_t flags)
{
    uint32_t refs[4];
    uint8_t words[16];
    uint8_t *start = domu->ops->grant_share(domu, 0, 4, !(flags & AREA_F_READ_ONLY), refs);
    struct msg_area_share_request request = {
        .area = number,
        .flags = flags,
        .pages = 4,
        .num_refs = 4,
        .refs = {words, sizeof(words)},
    };

    for (unsigned i = 0; i < 4; i++)
        le32_put(words + 4 * i, refs[i]);
    CU_ASSERT_EQUAL_FATAL(memory_share(memory, &request), AREA_OK);
    return start;
}

static const struct queue_config good = {
    .size = SIZE,
    .desc = (uint64_t)RW_AREA << ADDRESS_AREA_SHIFT,
    .driver = ((uint64_t)RW_AREA << ADDRESS_AREA_SHIFT) + AVAIL_AT,
    .device = ((uint64_t)RW_AREA << ADDRESS_AREA_SHIFT) + USED_AT,
};

static void set_up(void)
{
    static const struct queue_owner owner = {.used = on_used, .fault = on_fault, .idle = on_idle};

    told = faults = idle = 0;
    fault_text[0] = '\0';
    fx = fake_xen_new();
    fake_xen_create_domain(fx, GUEST, "guest");
    dom0 = fake_xen_domain(fx, 0);
    domu = fake_xen_domain(fx, GUEST);
    memory = memory_new(dom0, GUEST, 64);
    area = share(RW_AREA, 0);
    share(RO_AREA, AREA_F_READ_ONLY);
    desc = (struct vring_desc *)(void *)area;
    avail = (struct vring_avail *)(void *)(area + AVAIL_AT);
    used = (struct vring_used *)(void *)(area + USED_AT);
    queue = queue_new(0, SIZE, &owner);
    CU_ASSERT_PTR_NOT_NULL_FATAL(queue);
    CU_ASSERT_FATAL(queue_enable(queue, memory, &good));
    queue_begin_batch(queue);
}

static void tear_down(void)
{
    queue_free(queue);
    memory_free(memory);
    platform_close(domu);
    CU_ASSERT_EQUAL(fake_xen_counters(fx).mapped_pages, 0);
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static void describe(unsigned index, uint64_t address, uint32_t length, uint16_t flags,
                     uint16_t next)
{
    desc[index] = (struct vring_desc){.addr = address, .len = length, .flags = flags, .next = next};
}

static uint64_t data(uint64_t offset)
{
    return address_of_area(RW_AREA, DATA_AT + offset);
}

static void offer(uint16_t head)
{
    avail->ring[avail->idx % SIZE] = head;
    avail->idx++;
}

/* ---- the ordinary ---- */

static void a_chain_goes_round(void)
{
    struct chain *chain;

    set_up();
    memcpy(area + DATA_AT, "request", 7);
    describe(2, data(0), 4, VRING_DESC_F_NEXT, 5);
    describe(5, data(4), 3, VRING_DESC_F_NEXT, 0);
    describe(0, data(64), 16, VRING_DESC_F_WRITE, 0);
    CU_ASSERT_PTR_NULL(queue_pop(queue));
    offer(2);
    chain = queue_pop(queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_PTR_NULL(queue_pop(queue));
    CU_ASSERT_EQUAL(iov_size(&chain->out), 7);
    CU_ASSERT_EQUAL(iov_size(&chain->in), 16);

    char text[7];

    CU_ASSERT_EQUAL(iov_take(&chain->out, text, sizeof(text)), 7);
    CU_ASSERT_NSTRING_EQUAL(text, "request", 7);
    CU_ASSERT_EQUAL(iov_fill(&chain->in, "answer", 6), 6);
    queue_push(queue, chain, 6);
    CU_ASSERT_EQUAL(used->idx, 1);
    CU_ASSERT_EQUAL(used->ring[0].id, 2);
    CU_ASSERT_EQUAL(used->ring[0].len, 6);
    CU_ASSERT_NSTRING_EQUAL(area + DATA_AT + 64, "answer", 6);
    CU_ASSERT_EQUAL(told, 1);
    CU_ASSERT_EQUAL(faults, 0);
    tear_down();
}

/* The 16-bit indices wrap, and completions may come in any order. */
static void many_rounds_in_any_order(void)
{
    struct chain *chains[SIZE];

    set_up();
    for (unsigned i = 0; i < SIZE; i++)
        describe(i, data(i), 1, VRING_DESC_F_WRITE, 0);
    for (unsigned round = 0; round < 0x10000 / SIZE + 3; round++) {
        queue_begin_batch(queue);
        for (uint16_t i = 0; i < SIZE; i++)
            offer(i);
        for (unsigned i = 0; i < SIZE; i++)
            chains[i] = queue_pop(queue);
        for (unsigned i = SIZE; i-- > 0;) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(chains[i]);
            queue_push(queue, chains[i], 1);
        }
        CU_ASSERT_EQUAL(used->idx, avail->idx);
        CU_ASSERT_EQUAL(used->ring[(uint16_t)(used->idx - 1) % SIZE].id, 0);
    }
    CU_ASSERT_EQUAL(faults, 0);
    tear_down();
}

static void the_driver_may_forbid_notifications(void)
{
    set_up();
    describe(0, data(0), 1, VRING_DESC_F_WRITE, 0);
    avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    offer(0);
    queue_push(queue, queue_pop(queue), 1);
    CU_ASSERT_EQUAL(used->idx, 1);
    CU_ASSERT_EQUAL(told, 0);
    tear_down();
}

static void a_batch_ends(void)
{
    set_up();
    describe(0, data(0), 1, VRING_DESC_F_WRITE, 0);
    for (unsigned i = 0; i < SIZE; i++) {
        CU_ASSERT(!queue_batch_full(queue));
        offer(0);
        queue_push(queue, queue_pop(queue), 1);
    }
    offer(0);
    CU_ASSERT(queue_batch_full(queue));
    CU_ASSERT_PTR_NULL(queue_pop(queue));
    queue_begin_batch(queue);
    queue_push(queue, queue_pop(queue), 1);
    tear_down();
}

static void a_stopping_queue_leaves_the_guest_alone(void)
{
    struct chain *chain;

    set_up();
    describe(0, data(0), 1, VRING_DESC_F_WRITE, 0);
    describe(1, data(1), 1, VRING_DESC_F_WRITE, 0);
    offer(0);
    chain = queue_pop(queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    offer(1);
    queue_stop(queue);
    CU_ASSERT(!queue_idle(queue));
    CU_ASSERT_PTR_NULL(queue_pop(queue));
    CU_ASSERT_EQUAL(idle, 0);
    queue_push(queue, chain, 1);
    CU_ASSERT_EQUAL(idle, 1);
    CU_ASSERT_EQUAL(used->idx, 0);
    CU_ASSERT_EQUAL(told, 0);
    queue_clear(queue);
    CU_ASSERT_EQUAL(queue_get_config(queue)->size, 0);
    CU_ASSERT(!queue_enabled(queue));
    /* Used again, it starts at the beginning. */
    avail->idx = 0;
    CU_ASSERT(queue_enable(queue, memory, &good));
    queue_begin_batch(queue);
    offer(1);
    queue_push(queue, queue_pop(queue), 1);
    CU_ASSERT_EQUAL(used->ring[0].id, 1);
    tear_down();
}

static void areas_in_use_stay(void)
{
    struct msg_area_unshare_request unshare = {.area = RO_AREA};
    struct chain *chain;

    set_up();
    describe(0, address_of_area(RO_AREA, 0), 8, 0, 0);
    offer(0);
    chain = queue_pop(queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_EQUAL(memory_unshare(memory, &unshare), AREA_BUSY);
    queue_push(queue, chain, 0);
    CU_ASSERT_EQUAL(memory_unshare(memory, &unshare), AREA_OK);
    unshare.area = RW_AREA;
    CU_ASSERT_EQUAL(memory_unshare(memory, &unshare), AREA_BUSY);
    queue_stop(queue);
    queue_clear(queue);
    CU_ASSERT_EQUAL(memory_unshare(memory, &unshare), AREA_OK);
    CU_ASSERT_EQUAL(memory_unshare(memory, &unshare), AREA_BAD_NUMBER);
    tear_down();
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

    set_up();
    queue_stop(queue);
    queue_clear(queue);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (queue_enable(queue, memory, &bad[i].config) || queue_get_config(queue)->desc)
            CU_FAIL(bad[i].what);
    }
    CU_ASSERT(queue_enable(queue, memory, &good));
    CU_ASSERT(!queue_enable(queue, memory, &good));
    CU_ASSERT(!queue_configure(queue, &good));
    tear_down();
}

/* ---- what a driver may not put in the ring ---- */

static void jump(void)
{
    avail->idx = SIZE + 1;
}

static void go_back(void)
{
    avail->idx = UINT16_MAX;
}

static void head_beyond(void)
{
    offer(SIZE);
}

static void next_beyond(void)
{
    describe(0, data(0), 1, VRING_DESC_F_NEXT, 0xffff);
    offer(0);
}

static void self_loop(void)
{
    describe(0, data(0), 1, VRING_DESC_F_NEXT, 0);
    offer(0);
}

static void long_loop(void)
{
    for (uint16_t i = 0; i < SIZE; i++)
        describe(i, data(0), 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, (i + 1) % SIZE);
    offer(3);
}

static void indirect(void)
{
    describe(0, data(0), 16, VRING_DESC_F_INDIRECT, 0);
    offer(0);
}

static void readable_after_writable(void)
{
    describe(0, data(0), 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
    describe(1, data(0), 1, 0, 0);
    offer(0);
}

static void no_length(void)
{
    describe(0, data(0), 0, 0, 0);
    offer(0);
}

static void address_zero(void)
{
    describe(0, 0, 16, 0, 0);
    offer(0);
}

static void unknown_area(void)
{
    describe(0, address_of_area(9, 0), 16, 0, 0);
    offer(0);
}

static void grant_address(void)
{
    describe(0, ADDRESS_GRANT | 8 << 12, 16, 0, 0);
    offer(0);
}

static void one_byte_too_far(void)
{
    describe(0, address_of_area(RW_AREA, AREA_BYTES - 15), 16, 0, 0);
    offer(0);
}

static void length_wraps(void)
{
    describe(0, address_of_area(RW_AREA, 16), UINT32_MAX, 0, 0);
    offer(0);
}

static void offset_wraps(void)
{
    describe(0, address_of_area(RW_AREA, ADDRESS_OFFSET_MASK), 2, 0, 0);
    offer(0);
}

static void writes_to_read_only(void)
{
    describe(0, address_of_area(RO_AREA, 0), 16, VRING_DESC_F_WRITE, 0);
    offer(0);
}

static void good_then_bad(void)
{
    describe(0, data(0), 16, VRING_DESC_F_NEXT, 1);
    describe(1, 0, 16, VRING_DESC_F_WRITE, 0);
    offer(0);
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
    struct msg_area_unshare_request unshare = {.area = RW_AREA};

    for (unsigned i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        set_up();
        hostile[i].write();
        if (queue_pop(queue) || faults != 1 || !strstr(fault_text, hostile[i].named))
            CU_FAIL(hostile[i].what);
        /* Said once; nothing goes on, and nothing stays pinned. */
        offer(0);
        CU_ASSERT_PTR_NULL(queue_pop(queue));
        CU_ASSERT_EQUAL(faults, 1);
        queue_stop(queue);
        CU_ASSERT(queue_idle(queue));
        queue_clear(queue);
        CU_ASSERT_EQUAL(memory_unshare(memory, &unshare), AREA_OK);
        tear_down();
    }
}

static void refuses_a_head_that_is_in_use(void)
{
    struct chain *chain;

    set_up();
    describe(0, data(0), 1, VRING_DESC_F_WRITE, 0);
    offer(0);
    chain = queue_pop(queue);
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    offer(0);
    CU_ASSERT_PTR_NULL(queue_pop(queue));
    CU_ASSERT_EQUAL(faults, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault_text, "in use"));
    queue_push(queue, chain, 1);
    tear_down();
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
