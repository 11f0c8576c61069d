/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Queues at work: notifications, used buffers, and a queue that gets another size. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "frontend/device.h"
#include "tests/conformance/driver/scene.h"
#include "tests/harness.h"

#define TOKENS 64u

static struct scene s;
static uint8_t tokens[TOKENS];
static unsigned num_pushed;

/* ---- buffers ---- */

/* A flush; -1 with errno as xvmsg_queue_push(). */
static int push(unsigned index)
{
    struct xvmsg_area *area = xvmsg_device_buffers(s.t.device);
    uint8_t *memory;
    struct xvmsg_buffer buffers[2];

    if (!area)
        return xvmsg_queue_push(xvmsg_device_queue(s.t.device, index), buffers, 1, 1, tokens);
    memory = xvmsg_area_memory(area);
    le32_put(memory, 4);
    buffers[0] = (struct xvmsg_buffer){xvmsg_area_address(area, memory), 16};
    buffers[1] = (struct xvmsg_buffer){xvmsg_area_address(area, memory + 16), 1};
    return xvmsg_queue_push(xvmsg_device_queue(s.t.device, index), buffers, 1, 1,
                            &tokens[num_pushed++ % TOKENS]);
}

static void push_and_settle(unsigned index)
{
    CU_ASSERT_EQUAL(push(index), 0);
    backend_settle(s.t.b);
}

static uint16_t available(unsigned index)
{
    const struct vring_avail *avail =
        backend_memory(s.t.b, s.t.disk->queues[index].set.driver_addr, 4);

    return avail ? avail->idx : 0xffff;
}

/* Takes whatever is used from both queues, as a driver does. */
static void take_used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct driven *t = user;

    t->device = device;
    while (xvmsg_queue_pop(xvmsg_device_queue(device, index), NULL))
        t->used_count++;
}

static void start_taking(void)
{
    num_pushed = 0;
    scene_start(&s);
    s.t.driver.used = take_used;
}

static const struct msg *event(unsigned nth)
{
    const struct recorded *e = recording_find(&s.tape, MSG_event_avail, nth);

    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    return &e->m;
}

/* ---- before DRIVER_OK ---- */

static struct driven *early;
static unsigned early_tries;

/* Tries at every message of the initialization. */
static bool push_early(struct backend *b, const struct msg *m)
{
    (void)b;
    (void)m;
    if (early->ready)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        struct xvmsg_buffer buffer = {UINT64_C(1) << 48, 16};
        struct xvmsg_queue *queue = xvmsg_device_queue(early->device, i);

        errno = 0;
        CU_ASSERT_EQUAL(xvmsg_queue_push(queue, &buffer, 1, 0, tokens), -1);
        CU_ASSERT_EQUAL(errno, EIO);
        early_tries++;
    }
    return false;
}

static void no_io_before_driver_ok(void)
{
    start_taking();
    early = &s.t;
    early_tries = 0;
    s.t.b->script = push_early;
    scene_ready(&s);
    CU_ASSERT(early_tries > 20);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_event_avail), 0);
    CU_ASSERT_EQUAL(available(0), 0);
    CU_ASSERT_EQUAL(available(1), 0);
    push_and_settle(0);
    CU_ASSERT(recording_place(&s.tape, MSG_event_avail, 0) >
              recording_place(&s.tape, MSG_set_device_status_response, 4));
    scene_end(&s);
}

static void no_io_on_a_queue_that_is_not_set(void)
{
    start_taking();
    s.t.driver.num_queues = 1;
    scene_ready(&s);
    CU_ASSERT_PTR_NULL(xvmsg_device_queue(s.t.device, 1));
    push_and_settle(0);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_event_avail), 1);
    CU_ASSERT_EQUAL(event(0)->event_avail.vq_index, 0);
    scene_end(&s);
}

/* ---- notifications ---- */

static void events_name_their_queue(void)
{
    start_taking();
    scene_ready(&s);
    for (unsigned i = 0; i < 4; i++) {
        push_and_settle(i % 2);
        CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_event_avail), i + 1);
        CU_ASSERT_EQUAL(event(i)->event_avail.vq_index, i % 2);
        CU_ASSERT_EQUAL(event(i)->dev_num, 3);
    }
    CU_ASSERT_EQUAL(s.t.used_count, 4);
    scene_end(&s);
}

static void offsets_are_zero(void)
{
    start_taking();
    s.t.disk->offered |= FEATURE_NOTIFICATION_DATA; /* offered, not asked for */
    scene_ready(&s);
    CU_ASSERT_EQUAL(s.t.disk->driver_features & FEATURE_NOTIFICATION_DATA, 0);
    for (unsigned i = 0; i < 70; i++)
        push_and_settle(0);
    for (unsigned i = 0; i < recording_count(&s.tape, MSG_event_avail); i++)
        CU_ASSERT_EQUAL(event(i)->event_avail.next_offset, 0);
    scene_end(&s);
}

/* Many times around a queue of two. */
static void offsets_are_positions(void)
{
    start_taking();
    s.t.disk->offered |= FEATURE_NOTIFICATION_DATA;
    s.t.driver.features |= FEATURE_NOTIFICATION_DATA;
    s.t.driver.queue_size = 2;
    scene_ready(&s);
    CU_ASSERT_EQUAL(s.t.disk->driver_features & FEATURE_NOTIFICATION_DATA,
                    FEATURE_NOTIFICATION_DATA);
    for (unsigned i = 0; i < 20; i++) {
        push_and_settle(1);
        CU_ASSERT_EQUAL(event(i)->event_avail.vq_index, 1);
        CU_ASSERT_EQUAL(event(i)->event_avail.next_offset, available(1));
        CU_ASSERT_EQUAL(event(i)->event_avail.next_offset, i + 1);
    }
    scene_end(&s);
}

/* Once around a queue of sixteen, with two descriptors at a time, which the device does
 * not use. */
static void offsets_have_a_wrap_counter(void)
{
    const uint64_t features = FEATURE_NOTIFICATION_DATA | FEATURE_RING_PACKED;

    start_taking();
    s.t.disk->offered |= features;
    s.t.disk->idle = true;
    s.t.driver.features |= FEATURE_NOTIFICATION_DATA;
    s.t.driver.queue_size = 16;
    scene_ready(&s);
    CU_ASSERT_EQUAL(s.t.disk->driver_features & features, features);
    for (unsigned i = 0; i < 8; i++) {
        push_and_settle(0);
        CU_ASSERT_EQUAL(event(i)->event_avail.next_offset,
                        i < 7 ? 2 * (i + 1) | UINT32_C(1) << 31 : 0);
    }
    scene_end(&s);
}

/* ---- used buffers ---- */

static void used_buffers_come_back(void)
{
    start_taking();
    scene_ready(&s);
    s.t.disk->idle = true;
    for (unsigned i = 0; i < 5; i++)
        push_and_settle(1);
    CU_ASSERT_EQUAL(s.t.used_count, 0);
    CU_ASSERT_EQUAL(xvmsg_queue_free(xvmsg_device_queue(s.t.device, 1)), 64 - 10);
    s.t.disk->idle = false;
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(s.t.used_count, 5);
    CU_ASSERT_EQUAL(xvmsg_queue_free(xvmsg_device_queue(s.t.device, 1)), 64);
    CU_ASSERT_EQUAL(xvmsg_queue_free(xvmsg_device_queue(s.t.device, 0)), 64);
    scene_end(&s);
}

/* ---- another size ---- */

static void start_resizable(void)
{
    start_taking();
    s.t.disk->offered |= FEATURE_RING_RESET;
    scene_ready(&s);
}

static void a_queue_is_reset_before_it_is_changed(void)
{
    long reset, look, set, ask, before;

    start_resizable();
    CU_ASSERT_EQUAL(s.t.disk->driver_features & FEATURE_RING_RESET, FEATURE_RING_RESET);
    before = recording_place(&s.tape, MSG_set_device_status_response, 4);
    CU_ASSERT_EQUAL(xvmsg_device_resize_queue(s.t.device, 1, 16, driven_done, &s.t), 0);
    errno = 0;
    CU_ASSERT_EQUAL(push(1), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(s.t.done_count, 1);
    CU_ASSERT_EQUAL(s.t.done_status, XVMSG_OK);
    reset = recording_place(&s.tape, MSG_reset_vqueue_response, 0);
    look = recording_place(&s.tape, MSG_get_vqueue_request, 4);
    set = recording_place(&s.tape, MSG_set_vqueue_request, 2);
    ask = recording_place(&s.tape, MSG_get_vqueue_request, 5);
    CU_ASSERT(before < reset && reset < look && look < set && set < ask);
    CU_ASSERT_EQUAL(s.tape.messages[set].m.set_vqueue_request.index, 1);
    CU_ASSERT_EQUAL(s.tape.messages[set].m.set_vqueue_request.size, 16);
    CU_ASSERT_EQUAL(s.tape.messages[set].m.set_vqueue_request.flags, SET_VQUEUE_ENABLE);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(s.t.device, 1)), 16);
    push_and_settle(1);
    push_and_settle(0);
    CU_ASSERT_EQUAL(s.t.used_count, 2);
    scene_end(&s);
}

static bool hold_reset(struct backend *b, const struct msg *m)
{
    (void)b;
    return m->kind == MSG_reset_vqueue_request;
}

/* Also what was in flight comes back, once. */
static void the_reset_is_waited_for(void)
{
    struct xvmsg_queue *queue;
    unsigned back = 0;
    struct msg request;
    size_t before;

    start_resizable();
    queue = xvmsg_device_queue(s.t.device, 0);
    s.t.disk->idle = true;
    push_and_settle(0);
    push_and_settle(0);
    s.t.b->script = hold_reset;
    CU_ASSERT_EQUAL(xvmsg_device_resize_queue(s.t.device, 0, 8, driven_done, &s.t), 0);
    backend_settle(s.t.b);
    before = s.tape.count;
    scene_wait(&s, SECOND);
    CU_ASSERT_EQUAL(s.t.done_count, 0);
    CU_ASSERT_EQUAL(s.tape.count, before);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_vqueue_request), 2);
    request = s.t.b->last;
    s.t.b->script = NULL;
    backend_answer(s.t.b, &request);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(s.t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(s.t.done_count, 1);
    while (xvmsg_queue_take_unused(queue))
        back++;
    CU_ASSERT_EQUAL(back, 2);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), 8);
    s.t.disk->idle = false;
    push_and_settle(0);
    CU_ASSERT_EQUAL(s.t.used_count, 1);
    scene_end(&s);
}

static void no_reset_without_ring_reset(void)
{
    start_taking();
    scene_ready(&s);
    CU_ASSERT_EQUAL(xvmsg_device_resize_queue(s.t.device, 0, 16, driven_done, &s.t), -1);
    CU_ASSERT_EQUAL(errno, ENOTSUP);
    backend_settle(s.t.b);
    xvmsg_device_close(s.t.device);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_reset_vqueue_request), 0);
    CU_ASSERT_EQUAL(s.t.done_count, 0);
    scene_end(&s);
}

/* A device may take less after a reset than it took before. */
static void a_later_queue_is_checked_as_well(void)
{
    start_resizable();
    s.t.disk->queues[0].max_size = 32;
    CU_ASSERT_EQUAL(xvmsg_device_resize_queue(s.t.device, 0, 128, driven_done, &s.t), 0);
    backend_settle(s.t.b);
    CU_ASSERT(s.t.done_count + s.t.broken_count > 0);
    CU_ASSERT(s.t.disk->queues[0].set.size <= 32);
    CU_ASSERT_TRUE(scene_bus_works(&s));
    scene_end(&s);

    start_resizable();
    for (unsigned bad = 0; bad < 70000; bad += 35000 - 1)
        CU_ASSERT_EQUAL(xvmsg_device_resize_queue(s.t.device, 1, bad, driven_done, &s.t), -1);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_reset_vqueue_request), 0);
    scene_end(&s);
}

static const struct test_case cases[] = {
    {"DRV-20 DRV-54: no buffer and no event before DRIVER_OK", no_io_before_driver_ok},
    {"DRV-55: no buffer and no event for a queue that is not set up",
     no_io_on_a_queue_that_is_not_set},
    {"DRV-56 DRV-57: EVENT_AVAIL announces buffers and names their queue",
     events_name_their_queue},
    {"DRV-58: next_offset is 0 without NOTIFICATION_DATA", offsets_are_zero},
    {"DRV-58: next_offset is the available index with NOTIFICATION_DATA", offsets_are_positions},
    {"DRV-58: of a packed queue it is place and wrap counter", offsets_have_a_wrap_counter},
    {"DRV-62: used buffers of the queue that is named come back", used_buffers_come_back},
    {"DRV-42 DRV-43 DRV-44 DRV-47: a queue is reset and looked at before it is set anew",
     a_queue_is_reset_before_it_is_changed},
    {"DRV-44: the completion of RESET_VQUEUE is waited for", the_reset_is_waited_for},
    {"DRV-46: no RESET_VQUEUE without RING_RESET", no_reset_without_ring_reset},
    {"DRV-37 DRV-47: a queue set up later is checked as the first was",
     a_later_queue_is_checked_as_well},
    {NULL, NULL},
};

int main(void)
{
    return test_main("driver-queues", cases);
}
