/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's devices while they run: buffers, events, and how they end. */

#include <errno.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/driven.h"

static struct driven t;

static void push_one(void)
{
    struct xvmsg_area *area = xvmsg_device_buffers(t.device);
    uint8_t *memory = xvmsg_area_memory(area);
    struct xvmsg_buffer buffers[] = {
        {xvmsg_area_address(area, memory), 16},
        {xvmsg_area_address(area, memory + 512), 512},
        {xvmsg_area_address(area, memory + 16), 1},
    };

    memset(memory, 0, 16);
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(t.device, 0), buffers, 1, 2, memory), 0);
}

static void buffers_go_and_come_back(void)
{
    uint32_t written;

    driven_start_ready(&t);
    push_one();
    CU_ASSERT_EQUAL(xvmsg_flush(t.b->h), 0);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_event_avail], 1);
    CU_ASSERT_EQUAL(t.b->last.event_avail.next_offset, 0);
    CU_ASSERT_EQUAL(t.used_count, 1);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(xvmsg_device_queue(t.device, 0), &written),
                        xvmsg_area_memory(xvmsg_device_buffers(t.device)));
    CU_ASSERT_EQUAL(written, 513);
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(xvmsg_device_queue(t.device, 0), &written));
    CU_ASSERT_EQUAL(errno, EAGAIN);
    backend_free(t.b);
}

static void a_device_that_polls_is_not_told(void)
{
    struct vring_used *used;

    driven_start_ready(&t);
    used = backend_memory(t.b, t.disk->queues[0].set.device_addr, sizeof(*used));
    used->flags = VRING_USED_F_NO_NOTIFY;
    push_one();
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_event_avail], 0);
    CU_ASSERT_EQUAL(t.used_count, 1);
    used->flags = 0;
    push_one();
    push_one(); /* one event stands for both */
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_event_avail], 1);
    backend_free(t.b);
}

static void notifications_carry_the_index_when_negotiated(void)
{
    const uint64_t bit = UINT64_C(1) << 38;

    for (int i = 0; i < 4; i++) {
        bool offered = i & 1;
        bool asked = i & 2;

        driven_start(&t);
        t.disk->offered |= offered ? bit : 0;
        t.driver.features |= asked ? bit : 0;
        driven_open(&t);
        CU_ASSERT_EQUAL_FATAL(t.status, XVMSG_OK);
        CU_ASSERT_EQUAL(t.disk->driver_features & bit, offered && asked ? bit : 0);
        push_one();
        backend_settle(t.b);
        push_one();
        push_one();
        backend_settle(t.b);
        CU_ASSERT_EQUAL(t.b->seen[MSG_event_avail], 2);
        CU_ASSERT_EQUAL(t.b->last.event_avail.next_offset, offered && asked ? 3 : 0);
        backend_free(t.b);
    }
}

static void needs_reset_breaks_the_device(void)
{
    struct msg m = {.kind = MSG_event_config, .dev_num = 3, .event_config.device_status = 0x4f};
    struct xvmsg_buffer buffer = {1, 1};

    driven_start_ready(&t);
    backend_send(t.b, &m);
    backend_send(t.b, &m);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.broken_count, 1);
    CU_ASSERT_EQUAL(t.broke, XVMSG_NEEDS_RESET);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), "wants a reset"));
    CU_ASSERT_EQUAL(t.disk->status, 0); /* at once, before anybody closes it */
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(t.device, 0), &buffer, 1, 0, &buffer), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    xvmsg_device_close(t.device);
    t.ready = false;
    driven_open(&t);
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    backend_free(t.b);
}

static void removal_and_the_bus_break_it_too(void)
{
    driven_start_ready(&t);
    backend_vanish(t.b, 3);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.broken_count, 1);
    CU_ASSERT_EQUAL(t.broke, XVMSG_DEVICE_REMOVED);
    xvmsg_device_close(t.device);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(fake_xen_counters(t.b->fx).shared_pages, 4);
    CU_ASSERT_EQUAL(fake_xen_counters(t.b->fx).unshared_while_mapped, 0);
    backend_free(t.b);

    driven_start_ready(&t);
    backend_advertise(t.b);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.broken_count, 1);
    CU_ASSERT_EQUAL(t.broke, XVMSG_BUS_CLOSED);
    backend_free(t.b);
}

static void orderly_removal_ends_with_released(void)
{
    driven_start_ready(&t);
    backend_want_back(t.b, 3);
    backend_settle(t.b);
    CU_ASSERT_TRUE(backend_front_is(t.b, "device/3/state", "in-use"));
    t.b->num_seen = 0;
    xvmsg_device_close(t.device);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.disk->status, 0);
    CU_ASSERT_EQUAL(backend_first(t.b, MSG_set_device_status_request), 0);
    CU_ASSERT_EQUAL(t.b->seen[MSG_area_unshare_request], 2);
    CU_ASSERT_TRUE(backend_front_is(t.b, "device/3/state", "released"));
    CU_ASSERT_EQUAL(t.broken_count, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(t.b->fx).unshared_while_mapped, 0);
    backend_free(t.b);
}

static const struct test_case cases[] = {
    TEST(buffers_go_and_come_back),
    TEST(a_device_that_polls_is_not_told),
    TEST(notifications_carry_the_index_when_negotiated),
    TEST(needs_reset_breaks_the_device),
    TEST(removal_and_the_bus_break_it_too),
    TEST(orderly_removal_ends_with_released),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-device", cases);
}
