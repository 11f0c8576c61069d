/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Driver side of a virtqueue, against a device that does as it is told here. */

#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "common/split.h"
#include "frontend/device.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

#define SIZE 8u
#define MEMORY_ADDRESS 0x1000000000000
#define TABLE_ENTRIES 8u
#define TABLE_BYTES (TABLE_ENTRIES * 16)

static struct fake_xen *fx;
static struct xvmsg *h;
static struct xvmsg_device *device;
static struct xvmsg_queue *queue;
static void *memory;
static unsigned broken;
static char tokens[64];

static void on_broken(struct xvmsg_device *d, enum xvmsg_status status, void *user)
{
    (void)user;
    CU_ASSERT_PTR_EQUAL(d, device);
    CU_ASSERT_EQUAL(status, XVMSG_MALFORMED_RESPONSE);
    broken++;
}

/* A device that is ready, with one queue; no backend is needed to look at memory.
 * There is room for `tables` indirect tables behind the rings. */
static void start_with(uint64_t features, unsigned size, unsigned tables)
{
    size_t room = queue_layout(size).bytes + tables * TABLE_BYTES;

    fx = fake_xen_new();
    fake_xen_create_domain(fx, 5, "guest");
    h = xvmsg_new_on(fake_xen_domain(fx, 5));
    device = calloc(1, sizeof(*device) + sizeof(device->queues[0]));
    if (!h || !device || posix_memalign(&memory, 64, room) != 0)
        abort();
    memset(memory, 0, room);
    device->h = h;
    device->number = 3;
    device->phase = DEVICE_READY;
    device->features = features;
    device->driver.broken = on_broken;
    device->events.bits = device->event_bits;
    device->events.num_bits = PENDING_QUEUE(1);
    queue = &device->queues[0];
    queue->device = device;
    queue->room = room;
    CU_ASSERT_EQUAL_FATAL(queue_set_up(queue, size, memory, MEMORY_ADDRESS), 0);
    broken = 0;
}

static void start(unsigned size)
{
    start_with(0, size, 0);
}

static void finish(void)
{
    pending_drop(&h->bus.events, &device->events);
    queue_tear_down(queue);
    free(memory);
    free(device);
    xvmsg_free(h);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static int push(unsigned out, unsigned in, void *token)
{
    struct xvmsg_buffer buffers[16];

    for (unsigned i = 0; i < 16; i++)
        buffers[i] = (struct xvmsg_buffer){0x1000 + i, 100 + i};
    return xvmsg_queue_push(queue, buffers, out, in, token);
}

/* As the device: puts a used element behind the last and announces it. */
static void use(uint32_t id, uint32_t length)
{
    uint16_t idx = queue->used->idx;

    queue->used->ring[idx % queue->size].id = id;
    queue->used->ring[idx % queue->size].len = length;
    queue->used->idx = (uint16_t)(idx + 1);
}

/* As the device: the head of the chain that was made available last. */
static uint16_t last_head(void)
{
    return queue->avail->ring[(uint16_t)(queue->avail->idx - 1) % queue->size];
}

static void a_chain_is_as_virtio_wants_it(void)
{
    const struct vring_desc *desc;

    start(SIZE);
    CU_ASSERT_EQUAL(push(2, 1, tokens), 0);
    CU_ASSERT_EQUAL(queue->avail->idx, 1);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE - 3);
    desc = &queue->desc[last_head()];
    CU_ASSERT_EQUAL(desc->addr, 0x1000);
    CU_ASSERT_EQUAL(desc->len, 100);
    CU_ASSERT_EQUAL(desc->flags, VRING_DESC_F_NEXT);
    desc = &queue->desc[desc->next];
    CU_ASSERT_EQUAL(desc->addr, 0x1001);
    CU_ASSERT_EQUAL(desc->flags, VRING_DESC_F_NEXT);
    desc = &queue->desc[desc->next];
    CU_ASSERT_EQUAL(desc->addr, 0x1002);
    CU_ASSERT_EQUAL(desc->len, 102);
    CU_ASSERT_EQUAL(desc->flags, VRING_DESC_F_WRITE);
    finish();
}

static void parts_lie_apart_and_aligned(void)
{
    for (unsigned size = 1; size <= 32768; size *= 2) {
        struct queue_layout layout = queue_layout(size);

        CU_ASSERT(layout.avail >= 16u * size);
        CU_ASSERT(layout.used >= layout.avail + 6 + 2u * size);
        CU_ASSERT(layout.bytes >= layout.used + 6 + 8u * size);
        CU_ASSERT_EQUAL(layout.used % 64, 0);
        CU_ASSERT_EQUAL(layout.bytes % 64, 0);
    }
}

static void chains_come_back_in_any_order(void)
{
    uint16_t heads[3];
    uint32_t written;

    start(SIZE);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(push(1, 1, tokens + i), 0);
        heads[i] = last_head();
    }
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(queue, &written));
    CU_ASSERT_EQUAL(errno, EAGAIN);
    use(heads[1], 5);
    use(heads[2], 0);
    use(heads[0], 101);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, &written), tokens + 1);
    CU_ASSERT_EQUAL(written, 5);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, NULL), tokens + 2);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, &written), tokens);
    CU_ASSERT_EQUAL(written, 101);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE);
    CU_ASSERT_EQUAL(broken, 0);
    finish();
}

static void indices_wrap(void)
{
    start(SIZE);
    for (unsigned i = 0; i < 70000; i++) {
        CU_ASSERT_EQUAL_FATAL(push(1, i % 3, tokens + i % 60), 0);
        use(last_head(), 0);
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(queue, NULL), tokens + i % 60);
    }
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE);
    finish();
}

static void what_does_not_fit_is_refused(void)
{
    start(SIZE);
    CU_ASSERT_EQUAL(push(0, 0, tokens), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(push(1, 0, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(push(SIZE, 1, tokens), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(push(UINT32_MAX, 2, tokens), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(push(5, 1, tokens), 0);
    CU_ASSERT_EQUAL(push(2, 1, tokens), -1);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    CU_ASSERT_EQUAL(queue->avail->idx, 2);
    finish();
}

/* ---- a device that lies ---- */

static void expect_broken(void)
{
    uint32_t written = 77;

    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(queue, &written));
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(broken, 1);
    CU_ASSERT_EQUAL(written, 77);
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(queue, &written));
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(push(1, 0, tokens), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(broken, 1);
    finish();
}

static void more_used_than_given(void)
{
    start(SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    queue->used->idx = 2;
    expect_broken();
}

static void an_index_that_goes_back(void)
{
    start(SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    queue->used->idx = 0xffff;
    expect_broken();
}

static void a_descriptor_beyond_the_queue(void)
{
    start(SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    use(SIZE, 0);
    expect_broken();
}

static void a_number_of_more_than_16_bits(void)
{
    start(SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    use(0x10000, 0);
    expect_broken();
}

static void a_descriptor_that_starts_no_chain(void)
{
    start(SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    use(queue->desc[last_head()].next, 0);
    expect_broken();
}

static void a_chain_used_twice(void)
{
    uint16_t head;

    start(SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    head = last_head();
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    use(head, 0);
    use(head, 0);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, NULL), tokens);
    expect_broken();
}

static void more_written_than_there_was_room(void)
{
    start(SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    use(last_head(), 102);
    expect_broken();
}

static void changed_descriptors_change_nothing(void)
{
    start(SIZE);
    CU_ASSERT_EQUAL(push(2, 2, tokens), 0);
    for (unsigned i = 0; i < SIZE; i++)
        queue->desc[i] = (struct vring_desc){UINT64_MAX, UINT32_MAX, 0xffff, 0xffff};
    use(last_head(), 100);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, NULL), tokens);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE);
    CU_ASSERT_EQUAL(push(4, 4, tokens), 0);
    finish();
}

/* ---- notifications ---- */

static void the_flag_decides_whether_the_device_is_told(void)
{
    start(SIZE);
    CU_ASSERT_TRUE(queue_wants_notification(queue));
    queue->used->flags = VRING_USED_F_NO_NOTIFY;
    CU_ASSERT_FALSE(queue_wants_notification(queue));
    queue->used->flags = 0xfffe;
    CU_ASSERT_TRUE(queue_wants_notification(queue));
    CU_ASSERT_TRUE(pending_empty(&h->bus.events));
    CU_ASSERT_EQUAL(push(1, 0, tokens), 0);
    CU_ASSERT_FALSE(pending_empty(&h->bus.events));
    finish();
}

/* ---- indirect ---- */

/* As the device: the table that the last descriptor made available names. */
static const struct vring_desc *last_table(unsigned entries)
{
    const struct vring_desc *desc = &queue->desc[last_head()];
    uint64_t offset = desc->addr - MEMORY_ADDRESS;

    CU_ASSERT_EQUAL(desc->flags, VRING_DESC_F_INDIRECT);
    CU_ASSERT_EQUAL(desc->len, entries * 16);
    CU_ASSERT_FATAL(offset >= queue_layout(SIZE).bytes && offset + desc->len <= queue->room);
    return (const struct vring_desc *)(void *)((uint8_t *)memory + offset);
}

static void a_chain_goes_into_a_table(void)
{
    const struct vring_desc *table;

    start_with(FEATURE_INDIRECT_DESC, SIZE, SIZE);
    CU_ASSERT_EQUAL(push(2, 1, tokens), 0);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE - 1);
    table = last_table(3);
    CU_ASSERT_EQUAL(table[0].addr, 0x1000);
    CU_ASSERT_EQUAL(table[0].flags, VRING_DESC_F_NEXT);
    CU_ASSERT_EQUAL(table[0].next, 1);
    CU_ASSERT_EQUAL(table[1].len, 101);
    CU_ASSERT_EQUAL(table[1].flags, VRING_DESC_F_NEXT);
    CU_ASSERT_EQUAL(table[1].next, 2);
    CU_ASSERT_EQUAL(table[2].addr, 0x1002);
    CU_ASSERT_EQUAL(table[2].flags, VRING_DESC_F_WRITE);
    /* One buffer needs no table. */
    CU_ASSERT_EQUAL(push(1, 0, tokens), 0);
    CU_ASSERT_EQUAL(queue->desc[last_head()].addr, 0x1000);
    CU_ASSERT_EQUAL(queue->desc[last_head()].flags, 0);
    finish();
}

/* As many chains as the queue has entries, each with a table of its own. */
static void tables_do_not_overlap(void)
{
    const struct vring_desc *tables[SIZE];

    start_with(FEATURE_INDIRECT_DESC, SIZE, SIZE);
    for (unsigned i = 0; i < SIZE; i++) {
        CU_ASSERT_EQUAL(push(4, 4, tokens + i), 0);
        tables[i] = last_table(8);
        for (unsigned j = 0; j < i; j++)
            CU_ASSERT(tables[i] >= tables[j] + 8 || tables[j] >= tables[i] + 8);
    }
    CU_ASSERT_EQUAL(push(1, 0, tokens), -1);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    for (unsigned i = 0; i < SIZE; i++) {
        use(queue->avail->ring[i], 0);
        CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, NULL), tokens + i);
    }
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE);
    CU_ASSERT_EQUAL(broken, 0);
    finish();
}

/* Some slots have tables, the others not; whichever way, nothing is lost. */
static void with_little_room_some_go_directly(void)
{
    start_with(FEATURE_INDIRECT_DESC, SIZE, 2);
    CU_ASSERT_EQUAL(push(1, 2, tokens), 0);
    last_table(3);
    CU_ASSERT_EQUAL(push(1, 2, tokens + 1), 0);
    last_table(3);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE - 2);
    CU_ASSERT_EQUAL(push(1, 2, tokens + 2), 0);
    CU_ASSERT_EQUAL(queue->desc[last_head()].flags, VRING_DESC_F_NEXT);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE - 5);
    CU_ASSERT_EQUAL(push(2, 2, tokens + 3), -1);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    for (unsigned i = 3; i-- > 0;) {
        use(queue->avail->ring[i], 0);
        CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, NULL), tokens + i);
    }
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), SIZE);
    finish();
}

static void long_chains_go_directly(void)
{
    start_with(FEATURE_INDIRECT_DESC, 2 * SIZE, 2 * SIZE);
    CU_ASSERT_EQUAL(push(8, 1, tokens), 0);
    CU_ASSERT_EQUAL(queue->desc[last_head()].flags, VRING_DESC_F_NEXT);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), 2 * SIZE - 9);
    finish();
    /* Also a table makes no chain longer than the queue. */
    start_with(FEATURE_INDIRECT_DESC, 4, 4);
    CU_ASSERT_EQUAL(push(2, 3, tokens), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(push(2, 2, tokens), 0);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), 3);
    finish();
}

static void more_written_than_a_table_had_room(void)
{
    start_with(FEATURE_INDIRECT_DESC, SIZE, SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    use(last_head(), 102);
    expect_broken();
}

static void room_without_the_feature_is_left_alone(void)
{
    start_with(FEATURE_EVENT_IDX, SIZE, SIZE);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    CU_ASSERT_EQUAL(queue->desc[last_head()].flags, VRING_DESC_F_NEXT);
    finish();
}

/* ---- event index, with and without indirect descriptors ---- */

static void set_avail_event(uint16_t index)
{
    *split_avail_event(queue->used, queue->size) = index;
}

static uint16_t used_event(void)
{
    return *split_used_event(queue->avail, queue->size);
}

static void start_event_idx(unsigned indirect)
{
    start_with(FEATURE_EVENT_IDX | (indirect ? FEATURE_INDIRECT_DESC : 0), SIZE, SIZE);
}

/* The device hears of the entry it asked for, among those pushed since last time. */
static void the_index_decides_whether_the_device_is_told(void)
{
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        start_event_idx(indirect);
        queue->used->flags = VRING_USED_F_NO_NOTIFY; /* means nothing now */
        CU_ASSERT_FALSE(queue_wants_notification(queue));
        CU_ASSERT_EQUAL(push(1, 0, tokens), 0);
        CU_ASSERT_TRUE(queue_wants_notification(queue));
        /* Not told yet, as when the ring of messages is full. */
        CU_ASSERT_EQUAL(push(1, 0, tokens), 0);
        CU_ASSERT_TRUE(queue_wants_notification(queue));
        queue_told(queue);
        CU_ASSERT_FALSE(queue_wants_notification(queue));
        CU_ASSERT_EQUAL(push(1, 0, tokens), 0);
        CU_ASSERT_FALSE(queue_wants_notification(queue));
        set_avail_event(2);
        CU_ASSERT_TRUE(queue_wants_notification(queue));
        set_avail_event(3);
        CU_ASSERT_FALSE(queue_wants_notification(queue));
        finish();
    }
}

static void asks_when_it_found_nothing_used(void)
{
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        start_event_idx(indirect);
        for (int i = 0; i < 3; i++) {
            CU_ASSERT_EQUAL(push(1, 1, tokens + i), 0);
            use(last_head(), 0);
        }
        for (int i = 0; i < 3; i++) {
            CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, NULL), tokens + i);
            CU_ASSERT_EQUAL(used_event(), 0);
        }
        CU_ASSERT_PTR_NULL(xvmsg_queue_pop(queue, NULL));
        CU_ASSERT_EQUAL(errno, EAGAIN);
        CU_ASSERT_EQUAL(used_event(), 3);
        CU_ASSERT_EQUAL(queue->avail->flags, 0);
        finish();
    }
}

/* Every index a device may ask for, in every batch around the wrap. */
static void event_indices_wrap(void)
{
    start_event_idx(true);
    for (unsigned i = 0; i < 70000; i++) {
        set_avail_event((uint16_t)i);
        CU_ASSERT_FALSE_FATAL(queue_wants_notification(queue));
        CU_ASSERT_EQUAL_FATAL(push(1, i % 3, tokens), 0);
        CU_ASSERT_TRUE_FATAL(queue_wants_notification(queue));
        set_avail_event((uint16_t)(i - 1));
        CU_ASSERT_FALSE_FATAL(queue_wants_notification(queue));
        queue_told(queue);
        use(last_head(), 0);
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(queue, NULL), tokens);
        CU_ASSERT_PTR_NULL(xvmsg_queue_pop(queue, NULL));
        CU_ASSERT_EQUAL_FATAL(used_event(), (uint16_t)(i + 1));
    }
    finish();
}

/* Who does not flush for that long has passed every index. */
static void more_chains_than_the_index_can_tell(void)
{
    start_event_idx(false);
    for (unsigned i = 0; i < 0x10000; i++) {
        CU_ASSERT_EQUAL_FATAL(push(1, 0, tokens), 0);
        use(last_head(), 0);
        CU_ASSERT_PTR_EQUAL_FATAL(xvmsg_queue_pop(queue, NULL), tokens);
    }
    for (unsigned i = 0; i < 0x10000; i++) {
        set_avail_event((uint16_t)i);
        CU_ASSERT_TRUE_FATAL(queue_wants_notification(queue));
    }
    finish();
}

static void without_it_the_fields_mean_nothing(void)
{
    start_with(FEATURE_INDIRECT_DESC, SIZE, SIZE);
    *split_used_event(queue->avail, SIZE) = 99;
    set_avail_event(77);
    CU_ASSERT_EQUAL(push(1, 1, tokens), 0);
    CU_ASSERT_TRUE(queue_wants_notification(queue));
    use(last_head(), 0);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(queue, NULL), tokens);
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(queue, NULL));
    CU_ASSERT_EQUAL(used_event(), 99);
    finish();
}

static const struct test_case cases[] = {
    TEST(a_chain_is_as_virtio_wants_it),
    TEST(parts_lie_apart_and_aligned),
    TEST(chains_come_back_in_any_order),
    TEST(indices_wrap),
    TEST(what_does_not_fit_is_refused),
    TEST(more_used_than_given),
    TEST(an_index_that_goes_back),
    TEST(a_descriptor_beyond_the_queue),
    TEST(a_number_of_more_than_16_bits),
    TEST(a_descriptor_that_starts_no_chain),
    TEST(a_chain_used_twice),
    TEST(more_written_than_there_was_room),
    TEST(changed_descriptors_change_nothing),
    TEST(the_flag_decides_whether_the_device_is_told),
    TEST(a_chain_goes_into_a_table),
    TEST(tables_do_not_overlap),
    TEST(with_little_room_some_go_directly),
    TEST(long_chains_go_directly),
    TEST(more_written_than_a_table_had_room),
    TEST(room_without_the_feature_is_left_alone),
    TEST(the_index_decides_whether_the_device_is_told),
    TEST(asks_when_it_found_nothing_used),
    TEST(event_indices_wrap),
    TEST(more_chains_than_the_index_can_tell),
    TEST(without_it_the_fields_mean_nothing),
    {NULL, NULL},
};

int main(void)
{
    return test_main("virtqueue", cases);
}
