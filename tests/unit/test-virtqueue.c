/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Driver side of a virtqueue, against a device that does as it is told here. */

#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/device.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

#define SIZE 8u

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

/* A device that is ready, with one queue; no backend is needed to look at memory. */
static void start(unsigned size)
{
    fx = fake_xen_new();
    fake_xen_create_domain(fx, 5, "guest");
    h = xvmsg_new_on(fake_xen_domain(fx, 5));
    device = calloc(1, sizeof(*device) + sizeof(device->queues[0]));
    if (!h || !device || posix_memalign(&memory, 64, queue_layout(size).bytes) != 0)
        abort();
    memset(memory, 0, queue_layout(size).bytes);
    device->h = h;
    device->number = 3;
    device->phase = DEVICE_READY;
    device->driver.broken = on_broken;
    device->events.bits = device->event_bits;
    device->events.num_bits = PENDING_QUEUE(1);
    queue = &device->queues[0];
    queue->device = device;
    CU_ASSERT_EQUAL_FATAL(queue_set_up(queue, size, memory), 0);
    broken = 0;
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
    {NULL, NULL},
};

int main(void)
{
    return test_main("virtqueue", cases);
}
