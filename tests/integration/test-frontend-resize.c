/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Giving a queue of a running device another size: in order, and going wrong. */

#include <errno.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/driven.h"

#define RING_RESET (UINT64_C(1) << 40)

static struct driven t;
static unsigned popped;

static struct xvmsg_queue *queue(void)
{
    return xvmsg_device_queue(t.device, 0);
}

/* Chains of one descriptor, whose tokens are the bytes of the buffer area. */
static int push(unsigned i)
{
    struct xvmsg_area *area = xvmsg_device_buffers(t.device);
    uint8_t *memory = xvmsg_area_memory(area);
    struct xvmsg_buffer buffers[] = {
        {xvmsg_area_address(area, memory), 16},
        {xvmsg_area_address(area, memory + 1024), 1},
    };

    return xvmsg_queue_push(queue(), buffers, 1, 1, memory + i);
}

static void pop_all(struct xvmsg_device *device, unsigned index, void *user)
{
    (void)user;
    while (xvmsg_queue_pop(xvmsg_device_queue(device, index), NULL))
        popped++;
}

static void start(void)
{
    driven_start(&t);
    popped = 0;
    t.disk->offered |= RING_RESET;
    t.driver.used = pop_all;
    driven_open(&t);
    CU_ASSERT_EQUAL_FATAL(t.status, XVMSG_OK);
    t.b->num_seen = 0;
}

static int resize(unsigned size)
{
    return xvmsg_device_resize_queue(t.device, 0, size, driven_done, &t);
}

static void use_it(void)
{
    unsigned before = popped;

    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(push(i), 0);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(popped, before + 3);
}

static void a_queue_shrinks_and_grows(void)
{
    static const enum msg_kind order[] = {
        MSG_area_share_request, MSG_reset_vqueue_request, MSG_get_vqueue_request,
        MSG_set_vqueue_request, MSG_get_vqueue_request,
    };
    static const unsigned sizes[] = {64, 16, 128, 256, 1, 64, 8};

    start();
    use_it();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        /* More than it ever had needs memory of its own. */
        unsigned next = sizes[i] > 64 ? 0 : 1;

        t.done_count = t.b->num_seen = 0;
        CU_ASSERT_EQUAL(resize(sizes[i]), 0);
        CU_ASSERT_EQUAL(t.done_count, 0);
        backend_settle(t.b);
        CU_ASSERT_EQUAL(t.done_count, 1);
        CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
        for (unsigned k = 0; k < t.b->num_seen && next < 5; k++)
            if (t.b->order[k] != MSG_area_unshare_request)
                CU_ASSERT_EQUAL(t.b->order[k], order[next++]);
        CU_ASSERT_EQUAL(next, 5);
        CU_ASSERT_EQUAL(xvmsg_queue_size(queue()), sizes[i]);
        CU_ASSERT_EQUAL(xvmsg_queue_free(queue()), sizes[i]);
        CU_ASSERT_EQUAL(t.disk->queues[0].set.size, sizes[i]);
        CU_ASSERT_EQUAL(t.disk->queues[0].set.flags, SET_VQUEUE_ENABLE);
        if (sizes[i] >= 8)
            use_it();
    }
    xvmsg_device_close(t.device);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(fake_xen_counters(t.b->fx).shared_pages, 4);
    CU_ASSERT_EQUAL(fake_xen_counters(t.b->fx).unshared_while_mapped, 0);
    backend_free(t.b);
}

static void what_was_not_used_comes_back(void)
{
    unsigned seen = 0;
    uint8_t *token;

    start();
    for (unsigned i = 0; i < 4; i++) /* used, and popped only when it is announced */
        CU_ASSERT_EQUAL(push(i), 0);
    xvmsg_flush(t.b->h);
    backend_step(t.b);
    t.disk->idle = true;
    for (unsigned i = 4; i < 7; i++)
        CU_ASSERT_EQUAL(push(i), 0);
    CU_ASSERT_PTR_NULL(xvmsg_queue_take_unused(queue()));
    CU_ASSERT_EQUAL(resize(128), 0);
    CU_ASSERT_EQUAL(push(7), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(popped, 4);
    while ((token = xvmsg_queue_take_unused(queue())))
        seen |= 1u << (token - (uint8_t *)xvmsg_area_memory(xvmsg_device_buffers(t.device)));
    CU_ASSERT_EQUAL(seen, 0x70);
    t.disk->idle = false;
    use_it();
    backend_free(t.b);
}

static bool use_and_answer(struct backend *b, const struct msg *m)
{
    if (m->kind != MSG_reset_vqueue_request)
        return false;
    /* It uses what it has before it resets, and its event is lost. */
    t.disk->quiet = true;
    t.disk->idle = false;
    backend_device_serve(b, t.disk);
    t.disk->quiet = false;
    return false;
}

static void what_is_used_in_the_last_moment_is_announced(void)
{
    start();
    t.disk->idle = true;
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(push(i), 0);
    backend_settle(t.b);
    t.b->script = use_and_answer;
    CU_ASSERT_EQUAL(resize(32), 0);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(popped, 5);
    CU_ASSERT_PTR_NULL(xvmsg_queue_take_unused(queue()));
    use_it();
    backend_free(t.b);
}

static void requests_that_make_no_sense_are_refused(void)
{
    driven_start_ready(&t);
    CU_ASSERT_EQUAL(resize(32), -1);
    CU_ASSERT_EQUAL(errno, ENOTSUP);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_reset_vqueue_request], 0);
    backend_free(t.b);

    start();
    CU_ASSERT_EQUAL(resize(0), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(resize(48), -1);
    CU_ASSERT_EQUAL(resize(512), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_device_resize_queue(t.device, 2, 32, NULL, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(resize(32), 0);
    CU_ASSERT_EQUAL(xvmsg_device_resize_queue(t.device, 1, 32, NULL, NULL), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(xvmsg_device_resize_queue(t.device, 1, 32, NULL, NULL), 0);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(t.device, 1)), 32);
    backend_free(t.b);
}

static void no_queue_is_larger_than_virtio_has_them(void)
{
    driven_start(&t);
    t.disk->offered |= RING_RESET;
    t.disk->queues[0].max_size = 1u << 20; /* what it says it could do */
    driven_open(&t);
    CU_ASSERT_EQUAL_FATAL(t.status, XVMSG_OK);
    CU_ASSERT_EQUAL(resize(65536), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(resize(32768), 0);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue()), 32768);
    backend_free(t.b);
}

static void without_memory_the_queue_stays_as_it_was(void)
{
    start();
    t.b->area_answer = AREA_NO_SPACE;
    t.disk->idle = true;
    CU_ASSERT_EQUAL(push(0), 0); /* not told to the device yet */
    CU_ASSERT_EQUAL(resize(128), 0);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.done_count, 1);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_NO_MEMORY);
    CU_ASSERT_EQUAL(t.b->seen[MSG_reset_vqueue_request], 0);
    CU_ASSERT_EQUAL(t.b->seen[MSG_event_avail], 1);
    CU_ASSERT_EQUAL(xvmsg_queue_size(queue()), 64);
    t.disk->idle = false;
    backend_settle(t.b);
    CU_ASSERT_EQUAL(popped, 1);
    use_it();
    CU_ASSERT_EQUAL(t.broken_count, 0);
    backend_free(t.b);
}

/* ---- a device that goes wrong ---- */

static enum msg_kind spoiled;
static unsigned spoil_nth;

static bool spoil(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != spoiled || spoil_nth-- != 0)
        return false;
    if (m->kind == MSG_get_vqueue_request) {
        r.get_vqueue_response.index = m->get_vqueue_request.index;
        r.get_vqueue_response.max_size = 256;
        r.get_vqueue_response.cur_size = 17;
    }
    backend_send(b, &r);
    return true;
}

static void a_device_that_does_not_do_it_is_broken(void)
{
    static const struct {
        enum msg_kind kind;
        unsigned nth;
        const char *words;
    } cases[] = {
        {MSG_reset_vqueue_request, 0, "did not clear queue 0"},
        {MSG_get_vqueue_request, 0, "did not clear queue 0"},
        {MSG_set_vqueue_request, 0, "did not take queue 0"},
        {MSG_get_vqueue_request, 1, "did not take queue 0"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start();
        spoiled = cases[i].kind;
        spoil_nth = cases[i].nth;
        t.b->script = spoil;
        CU_ASSERT_EQUAL(resize(32), 0);
        backend_settle(t.b);
        CU_ASSERT_EQUAL(t.done_count, 1);
        CU_ASSERT_EQUAL(t.done_status, XVMSG_REFUSED);
        CU_ASSERT_EQUAL(t.broken_count, 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), cases[i].words));
        CU_ASSERT_EQUAL(push(0), -1);
        CU_ASSERT_EQUAL(errno, EIO);
        t.b->script = NULL;
        xvmsg_device_close(t.device);
        backend_settle(t.b);
        CU_ASSERT_EQUAL(fake_xen_counters(t.b->fx).shared_pages, 4);
        backend_free(t.b);
    }
}

static bool fall_silent(struct backend *b, const struct msg *m)
{
    (void)b;
    return m->kind == spoiled;
}

static void it_ends_with_its_device(void)
{
    static const enum msg_kind kinds[] = {
        MSG_area_share_request, MSG_reset_vqueue_request, MSG_get_vqueue_request,
        MSG_set_vqueue_request,
    };
    static const enum xvmsg_status ends[] = {
        XVMSG_DEVICE_REMOVED, XVMSG_BUS_CLOSED, XVMSG_CANCELLED, XVMSG_OK /* closed */};

    for (size_t i = 0; i < 16; i++) {
        enum xvmsg_status end = ends[i / 4];

        start();
        spoiled = kinds[i % 4];
        t.b->script = fall_silent;
        CU_ASSERT_EQUAL(resize(128), 0);
        backend_settle(t.b);
        CU_ASSERT_EQUAL(t.done_count, 0);
        t.b->script = NULL;
        if (end == XVMSG_DEVICE_REMOVED)
            backend_vanish(t.b, 3);
        else if (end == XVMSG_BUS_CLOSED)
            backend_advertise(t.b);
        else if (end == XVMSG_OK)
            xvmsg_device_close(t.device);
        if (end != XVMSG_CANCELLED)
            backend_settle(t.b);
        backend_free(t.b);
        CU_ASSERT_EQUAL(t.done_count, end == XVMSG_OK ? 0 : 1);
        CU_ASSERT_EQUAL(t.done_status, end);
    }
}

static void it_may_end_before_it_begins(void)
{
    start();
    CU_ASSERT_EQUAL(resize(32), 0);
    backend_free(t.b);
    CU_ASSERT_EQUAL(t.done_count, 1);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_CANCELLED);

    start();
    CU_ASSERT_EQUAL(resize(32), 0);
    xvmsg_device_close(t.device);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_reset_vqueue_request], 0);
    CU_ASSERT_EQUAL(t.disk->status, 0);
    CU_ASSERT_EQUAL(t.done_count, 0);
    backend_free(t.b);
}

static void a_close_gives_back_what_a_resize_had_not_used_yet(void)
{
    start();
    spoiled = MSG_reset_vqueue_request;
    t.b->script = fall_silent;
    CU_ASSERT_EQUAL(resize(128), 0);
    backend_settle(t.b);
    fake_xen_advance(t.b->fx, UINT64_C(1000000000));
    xvmsg_device_close(t.device);
    fake_xen_advance(t.b->fx, UINT64_C(4000000000)); /* then the reset has its turn */
    xvmsg_process(t.b->h);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.disk->status, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(t.b->fx).shared_pages, 4);
    backend_free(t.b);
}

static void a_silent_device_times_out(void)
{
    start();
    spoiled = MSG_reset_vqueue_request;
    t.b->script = fall_silent;
    CU_ASSERT_EQUAL(resize(32), 0);
    backend_settle(t.b);
    fake_xen_advance(t.b->fx, UINT64_C(5000000000));
    xvmsg_process(t.b->h);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_TIMEOUT);
    CU_ASSERT_EQUAL(t.broke, XVMSG_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), "RESET_VQUEUE"));
    backend_free(t.b);
}

static void close_it(struct xvmsg_device *device, unsigned index, void *user)
{
    (void)index;
    (void)user;
    popped++;
    xvmsg_device_close(device);
}

static void the_last_used_callback_may_close_the_device(void)
{
    driven_start(&t);
    popped = 0;
    t.disk->offered |= RING_RESET;
    t.driver.used = close_it;
    driven_open(&t);
    t.disk->idle = true;
    CU_ASSERT_EQUAL(push(0), 0);
    backend_settle(t.b);
    t.b->script = use_and_answer;
    CU_ASSERT_EQUAL(resize(32), 0);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(popped, 1);
    CU_ASSERT_EQUAL(t.done_count, 0);
    CU_ASSERT_EQUAL(t.disk->status, 0);
    CU_ASSERT_TRUE(backend_front_is(t.b, "device/3/state", "released"));
    backend_free(t.b);
}

static const struct test_case cases[] = {
    TEST(a_queue_shrinks_and_grows),
    TEST(what_was_not_used_comes_back),
    TEST(what_is_used_in_the_last_moment_is_announced),
    TEST(requests_that_make_no_sense_are_refused),
    TEST(no_queue_is_larger_than_virtio_has_them),
    TEST(without_memory_the_queue_stays_as_it_was),
    TEST(a_device_that_does_not_do_it_is_broken),
    TEST(it_ends_with_its_device),
    TEST(it_may_end_before_it_begins),
    TEST(a_close_gives_back_what_a_resize_had_not_used_yet),
    TEST(a_silent_device_times_out),
    TEST(the_last_used_callback_may_close_the_device),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-resize", cases);
}
