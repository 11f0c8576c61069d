/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's devices: initialization in order, and each step going wrong. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

#define SECOND UINT64_C(1000000000)

static struct backend *b;
static struct backend_device *disk;
static struct xvmsg_device *device;
static bool ready;
static enum xvmsg_status status;
static enum xvmsg_status broke;
static unsigned broken_count;
static unsigned used_count;
static unsigned config_count;
static uint32_t config_offset;

static void on_ready(struct xvmsg_device *d, enum xvmsg_status how, void *user)
{
    (void)user;
    CU_ASSERT_FALSE(ready);
    device = d;
    ready = true;
    status = how;
}

static void on_used(struct xvmsg_device *d, unsigned index, void *user)
{
    (void)user;
    CU_ASSERT_PTR_EQUAL(d, device);
    CU_ASSERT_EQUAL(index, 0);
    used_count++;
}

static void on_broken(struct xvmsg_device *d, enum xvmsg_status how, void *user)
{
    (void)user;
    CU_ASSERT_PTR_EQUAL(d, device);
    broke = how;
    broken_count++;
}

static void on_config(struct xvmsg *h, uint64_t number, uint32_t device_status, uint32_t offset,
                      uint32_t length, void *user)
{
    (void)h;
    (void)number;
    (void)device_status;
    (void)length;
    (void)user;
    config_count++;
    config_offset = offset;
}

static struct xvmsg_driver driver = {
    .device_id = 2,
    .features = UINT64_C(1) << 9 | UINT64_C(1) << 28 | UINT64_C(1) << 29,
    .num_queues = 2,
    .queue_size = 64,
    .buffer_bytes = 8192,
    .used = on_used,
    .broken = on_broken,
};

static void start(void)
{
    struct xvmsg_handlers handlers = {.config = on_config};

    b = backend_connected();
    xvmsg_set_handlers(b->h, &handlers, NULL);
    disk = backend_add_disk(b, 3, "disk0");
    disk->max_virtqueues = 2;
    backend_settle(b);
    device = NULL;
    ready = false;
    broken_count = used_count = config_count = 0;
}

static void open_device(void)
{
    device = xvmsg_device_open(b->h, 3, &driver, on_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(device);
    CU_ASSERT_FALSE(ready);
    backend_settle(b);
}

static void start_ready(void)
{
    start();
    open_device();
    CU_ASSERT_TRUE_FATAL(ready);
    CU_ASSERT_EQUAL_FATAL(status, XVMSG_OK);
}

/* ---- the good way ---- */

static void initialization_keeps_the_order(void)
{
    static const enum msg_kind order[] = {
        MSG_set_device_status_request,   /* reset */
        MSG_set_device_status_request,   /* ACKNOWLEDGE */
        MSG_set_device_status_request,   /* DRIVER */
        MSG_get_device_info_request,
        MSG_get_device_features_request,
        MSG_set_driver_features_request,
        MSG_set_device_status_request,   /* FEATURES_OK */
        MSG_get_config_request,
        MSG_get_vqueue_request,
        MSG_get_vqueue_request,
        MSG_area_share_request,
        MSG_area_share_request,
        MSG_set_vqueue_request,
        MSG_set_vqueue_request,
        MSG_get_vqueue_request,
        MSG_get_vqueue_request,
        MSG_set_device_status_request,   /* DRIVER_OK */
    };

    start_ready();
    CU_ASSERT_EQUAL_FATAL(b->num_seen, sizeof(order) / sizeof(order[0]));
    for (unsigned i = 0; i < b->num_seen; i++)
        CU_ASSERT_EQUAL(b->order[i], order[i]);
    CU_ASSERT_EQUAL(disk->status, 0x0f);
    /* Only what was offered and what the library can do is negotiated. */
    CU_ASSERT_EQUAL(disk->driver_features, UINT64_C(3) << 32 | UINT64_C(1) << 9);
    CU_ASSERT_EQUAL(xvmsg_device_features(device), disk->driver_features);
    CU_ASSERT_EQUAL(xvmsg_device_number(device), 3);
    CU_ASSERT_EQUAL(xvmsg_device_get_info(device)->max_virtqueues, 2);
    CU_ASSERT_EQUAL(memcmp(xvmsg_device_config(device), disk->config, 60), 0);
    CU_ASSERT_EQUAL(xvmsg_area_size(xvmsg_device_buffers(device)), 8192);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(device, 1)), 64);
    CU_ASSERT_PTR_NULL(xvmsg_device_queue(device, 2));
    for (unsigned i = 0; i < 2; i++) {
        const struct msg_set_vqueue_request *set = &disk->queues[i].set;

        CU_ASSERT_EQUAL(set->flags, SET_VQUEUE_ENABLE);
        CU_ASSERT_EQUAL(set->size, 64);
        CU_ASSERT_EQUAL(set->reserved, 0);
        CU_ASSERT_EQUAL(set->desc_addr % 16, 0);
        CU_ASSERT_EQUAL(set->driver_addr % 2, 0);
        CU_ASSERT_EQUAL(set->device_addr % 4, 0);
        CU_ASSERT_PTR_NOT_NULL(backend_memory(b, set->device_addr, 6 + 8 * 64));
    }
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "in-use"));
    backend_free(b);
    CU_ASSERT_EQUAL(broken_count, 0);
}

static void the_device_decides_how_large_a_queue_is(void)
{
    start();
    disk->queues[0].max_size = 24;
    disk->queues[1].max_size = 1;
    open_device();
    CU_ASSERT_EQUAL(status, XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(device, 0)), 16);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(device, 1)), 1);
    backend_free(b);
}

static void a_long_configuration_is_read_in_pieces(void)
{
    start();
    xvmsg_free(b->h);
    b->guest = fake_xen_domain(b->fx, BACKEND_GUEST);
    b->h = xvmsg_new_on(b->guest);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(b->h, 60), 0); /* 32 bytes a piece */
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    b->seen[MSG_get_config_request] = 0;
    disk->config[59] = 0x77;
    open_device();
    CU_ASSERT_EQUAL(status, XVMSG_OK);
    CU_ASSERT_EQUAL(b->seen[MSG_get_config_request], 2);
    CU_ASSERT_EQUAL(((const uint8_t *)xvmsg_device_config(device))[59], 0x77);
    backend_free(b);
}

/* ---- reset ---- */

static unsigned resets_to_wait;

static bool reset_slowly(struct backend *backend, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind == MSG_set_device_status_request && m->set_device_status_request.status == 0) {
        r.set_device_status_response.status = 0x0f;
    } else if (m->kind == MSG_get_device_status_request && resets_to_wait) {
        resets_to_wait--;
        r.get_device_status_response.status = 0x0f;
    } else {
        return false;
    }
    backend_send(backend, &r);
    return true;
}

static void a_pending_reset_is_waited_for(void)
{
    start();
    b->script = reset_slowly;
    resets_to_wait = 3;
    open_device();
    for (int i = 0; i < 4 && !ready; i++) {
        CU_ASSERT_EQUAL(backend_first(b, MSG_get_device_info_request), -1);
        fake_xen_advance(b->fx, SECOND / 10);
        xvmsg_process(b->h);
        backend_settle(b);
    }
    CU_ASSERT_TRUE(ready);
    CU_ASSERT_EQUAL(status, XVMSG_OK);
    CU_ASSERT_EQUAL(b->seen[MSG_get_device_status_request], 4);
    backend_free(b);
}

static void a_reset_that_never_ends_times_out(void)
{
    start();
    b->script = reset_slowly;
    resets_to_wait = 1000;
    open_device();
    for (int i = 0; i < 60 && !ready; i++) {
        fake_xen_advance(b->fx, SECOND / 10);
        xvmsg_process(b->h);
        backend_settle(b);
    }
    CU_ASSERT_TRUE(ready);
    CU_ASSERT_EQUAL(status, XVMSG_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "reset"));
    backend_free(b);
}

/* ---- each step going wrong ---- */

static void expect_failure(enum xvmsg_status expected, const char *words)
{
    CU_ASSERT_TRUE(ready);
    CU_ASSERT_EQUAL(status, expected);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), words));
    CU_ASSERT_TRUE(disk->status & VIRTIO_CONFIG_S_FAILED);
    CU_ASSERT_FALSE(disk->status & VIRTIO_CONFIG_S_DRIVER_OK);
    CU_ASSERT_EQUAL(broken_count, 0);
    xvmsg_device_close(device);
    backend_settle(b);
    CU_ASSERT_EQUAL(disk->status, 0);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "released"));
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4);
    CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
    backend_free(b);
}

static bool clear_features_ok(struct backend *backend, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_set_device_status_request || m->set_device_status_request.status != 0x0b)
        return false;
    disk->status = 0x03;
    r.set_device_status_response.status = disk->status;
    backend_send(backend, &r);
    return true;
}

static void a_device_that_rejects_the_features(void)
{
    start();
    b->script = clear_features_ok;
    open_device();
    CU_ASSERT_EQUAL(b->seen[MSG_set_vqueue_request], 0);
    expect_failure(XVMSG_REFUSED, "FEATURES_OK");
}

static void a_device_of_another_type(void)
{
    start();
    driver.device_id = 1;
    open_device();
    driver.device_id = 2;
    expect_failure(XVMSG_REFUSED, "its type is 2");
}

static void a_device_with_too_few_queues(void)
{
    start();
    disk->max_virtqueues = 1;
    open_device();
    expect_failure(XVMSG_REFUSED, "it has 1 queues");
}

static void a_device_with_a_huge_configuration(void)
{
    start();
    disk->config_size = UINT32_MAX;
    open_device();
    expect_failure(XVMSG_REFUSED, "too large");
}

static void a_device_without_what_the_bus_needs(void)
{
    start();
    disk->offered &= ~(UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM);
    open_device();
    expect_failure(XVMSG_REFUSED, "0x200000000 are missing");
}

static void a_device_without_what_the_driver_needs(void)
{
    start();
    driver.needed = UINT64_C(1) << 5;
    open_device();
    driver.needed = 0;
    expect_failure(XVMSG_REFUSED, "0x20 are missing");
}

static void a_queue_that_is_not_available(void)
{
    start();
    disk->queues[1].max_size = 0;
    open_device();
    expect_failure(XVMSG_REFUSED, "queue 1 is not available");
}

static bool enabled_already(struct backend *backend, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_vqueue_request)
        return false;
    r.get_vqueue_response.index = m->get_vqueue_request.index;
    r.get_vqueue_response.max_size = 64;
    r.get_vqueue_response.flags = GET_VQUEUE_ENABLED;
    backend_send(backend, &r);
    return true;
}

static void a_queue_enabled_after_the_reset(void)
{
    start();
    b->script = enabled_already;
    open_device();
    CU_ASSERT_EQUAL(b->seen[MSG_set_vqueue_request], 0);
    expect_failure(XVMSG_REFUSED, "still enabled");
}

static bool ignore_set_vqueue(struct backend *backend, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_set_vqueue_request)
        return false;
    backend_send(backend, &r);
    return true;
}

static void a_queue_that_was_not_taken_as_set(void)
{
    start();
    b->script = ignore_set_vqueue;
    open_device();
    expect_failure(XVMSG_REFUSED, "did not take queue 0");
}

static void a_backend_that_maps_no_area(void)
{
    start();
    b->area_answer = AREA_MAP_FAILED;
    open_device();
    expect_failure(XVMSG_REFUSED, "sharing the queues");
}

static enum msg_kind unanswered;

static bool do_not_answer(struct backend *backend, const struct msg *m)
{
    (void)backend;
    return m->kind == unanswered;
}

static void a_device_that_falls_silent(void)
{
    static const enum msg_kind kinds[] = {
        MSG_get_device_info_request, MSG_get_device_features_request,
        MSG_set_driver_features_request, MSG_get_config_request, MSG_get_vqueue_request,
        MSG_set_vqueue_request, MSG_area_share_request,
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        start();
        unanswered = kinds[i];
        b->script = do_not_answer;
        open_device();
        CU_ASSERT_FALSE(ready);
        fake_xen_advance(b->fx, 5 * SECOND);
        xvmsg_process(b->h);
        backend_settle(b);
        b->script = NULL;
        CU_ASSERT_TRUE(ready);
        CU_ASSERT_EQUAL(status, XVMSG_TIMEOUT);
        CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "timeout"));
        xvmsg_device_close(device);
        backend_settle(b);
        CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "released"));
        backend_free(b);
    }
}

static void a_device_that_goes_while_it_is_opened(void)
{
    start();
    unanswered = MSG_get_device_info_request;
    b->script = do_not_answer;
    open_device();
    backend_vanish(b, 3);
    backend_settle(b);
    CU_ASSERT_TRUE(ready);
    CU_ASSERT_EQUAL(status, XVMSG_DEVICE_REMOVED);
    xvmsg_device_close(device);
    backend_settle(b);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3", NULL));
    backend_free(b);
}

static void a_bus_that_goes_while_a_device_is_opened(void)
{
    start();
    unanswered = MSG_get_device_info_request;
    b->script = do_not_answer;
    open_device();
    b->script = NULL;
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_TRUE(ready);
    CU_ASSERT_EQUAL(status, XVMSG_BUS_CLOSED);
    xvmsg_device_close(device);
    ready = false;
    open_device(); /* on the new connection */
    CU_ASSERT_TRUE(ready);
    CU_ASSERT_EQUAL(status, XVMSG_OK);
    backend_free(b);
}

static void a_driver_that_makes_no_sense(void)
{
    struct xvmsg_driver bad = driver;

    start();
    bad.queue_size = 48;
    CU_ASSERT_PTR_NULL(xvmsg_device_open(b->h, 3, &bad, on_ready, NULL));
    CU_ASSERT_EQUAL(errno, EINVAL);
    bad = driver;
    bad.num_queues = 65;
    CU_ASSERT_PTR_NULL(xvmsg_device_open(b->h, 3, &bad, on_ready, NULL));
    CU_ASSERT_EQUAL(errno, EINVAL);
    open_device();
    CU_ASSERT_PTR_NULL(xvmsg_device_open(b->h, 3, &driver, on_ready, NULL));
    CU_ASSERT_EQUAL(errno, EBUSY);
    backend_free(b);
}

/* ---- while it runs ---- */

static void push_one(void)
{
    struct xvmsg_area *area = xvmsg_device_buffers(device);
    uint8_t *memory = xvmsg_area_memory(area);
    struct xvmsg_buffer buffers[] = {
        {xvmsg_area_address(area, memory), 16},
        {xvmsg_area_address(area, memory + 512), 512},
        {xvmsg_area_address(area, memory + 16), 1},
    };

    memset(memory, 0, 16);
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(device, 0), buffers, 1, 2, memory), 0);
}

static void buffers_go_and_come_back(void)
{
    uint32_t written;

    start_ready();
    push_one();
    CU_ASSERT_EQUAL(xvmsg_flush(b->h), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(b->seen[MSG_event_avail], 1);
    CU_ASSERT_EQUAL(b->last.event_avail.next_offset, 0);
    CU_ASSERT_EQUAL(used_count, 1);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(xvmsg_device_queue(device, 0), &written),
                        xvmsg_area_memory(xvmsg_device_buffers(device)));
    CU_ASSERT_EQUAL(written, 513);
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(xvmsg_device_queue(device, 0), &written));
    CU_ASSERT_EQUAL(errno, EAGAIN);
    backend_free(b);
}

static void a_device_that_polls_is_not_told(void)
{
    struct vring_used *used;

    start_ready();
    used = backend_memory(b, disk->queues[0].set.device_addr, sizeof(*used));
    used->flags = VRING_USED_F_NO_NOTIFY;
    push_one();
    backend_settle(b);
    CU_ASSERT_EQUAL(b->seen[MSG_event_avail], 0);
    CU_ASSERT_EQUAL(used_count, 1);
    used->flags = 0;
    push_one();
    push_one(); /* one event stands for both */
    backend_settle(b);
    CU_ASSERT_EQUAL(b->seen[MSG_event_avail], 1);
    backend_free(b);
}

static void configuration_events_refresh_what_the_driver_sees(void)
{
    struct msg m = {.kind = MSG_event_config, .dev_num = 3, .event_config.device_status = 0x0f};
    uint8_t bytes[4] = {9, 8, 7, 6};
    const uint8_t *config;

    start_ready();
    config = xvmsg_device_config(device);
    m.event_config.offset = 20;
    m.event_config.length = 4;
    m.event_config.data = (struct msg_tail){bytes, 4};
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_EQUAL(config_count, 1);
    CU_ASSERT_EQUAL(config_offset, 20);
    CU_ASSERT_EQUAL(memcmp(config + 20, bytes, 4), 0);
    CU_ASSERT_EQUAL(b->seen[MSG_get_config_request], 1); /* the one of the beginning */
    /* Without data, and with a range outside: it reads for itself. */
    disk->config[0] = 0x42;
    m.event_config.offset = m.event_config.length = 0;
    m.event_config.data = (struct msg_tail){0};
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_EQUAL(config_count, 2);
    CU_ASSERT_EQUAL(config[0], 0x42);
    m.event_config.offset = UINT32_MAX;
    m.event_config.length = 4;
    m.event_config.data = (struct msg_tail){bytes, 4};
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_EQUAL(config_count, 3);
    CU_ASSERT_EQUAL(b->seen[MSG_get_config_request], 3);
    CU_ASSERT_EQUAL(broken_count, 0);
    backend_free(b);
}

static void needs_reset_breaks_the_device(void)
{
    struct msg m = {.kind = MSG_event_config, .dev_num = 3, .event_config.device_status = 0x4f};
    struct xvmsg_buffer buffer = {1, 1};

    start_ready();
    backend_send(b, &m);
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_EQUAL(broken_count, 1);
    CU_ASSERT_EQUAL(broke, XVMSG_IO_ERROR);
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(device, 0), &buffer, 1, 0, &buffer), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    xvmsg_device_close(device);
    ready = false;
    open_device();
    CU_ASSERT_TRUE(ready);
    CU_ASSERT_EQUAL(status, XVMSG_OK);
    backend_free(b);
}

static void removal_and_the_bus_break_it_too(void)
{
    start_ready();
    backend_vanish(b, 3);
    backend_settle(b);
    CU_ASSERT_EQUAL(broken_count, 1);
    CU_ASSERT_EQUAL(broke, XVMSG_DEVICE_REMOVED);
    xvmsg_device_close(device);
    backend_settle(b);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).unshared_while_mapped, 0);
    backend_free(b);

    start_ready();
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_EQUAL(broken_count, 1);
    CU_ASSERT_EQUAL(broke, XVMSG_BUS_CLOSED);
    backend_free(b);
}

static void orderly_removal_ends_with_released(void)
{
    start_ready();
    backend_want_back(b, 3);
    backend_settle(b);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "in-use"));
    b->num_seen = 0;
    xvmsg_device_close(device);
    backend_settle(b);
    CU_ASSERT_EQUAL(disk->status, 0);
    CU_ASSERT_EQUAL(backend_first(b, MSG_set_device_status_request), 0);
    CU_ASSERT_EQUAL(b->seen[MSG_area_unshare_request], 2);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "released"));
    CU_ASSERT_EQUAL(broken_count, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).unshared_while_mapped, 0);
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(initialization_keeps_the_order),
    TEST(the_device_decides_how_large_a_queue_is),
    TEST(a_long_configuration_is_read_in_pieces),
    TEST(a_pending_reset_is_waited_for),
    TEST(a_reset_that_never_ends_times_out),
    TEST(a_device_that_rejects_the_features),
    TEST(a_device_of_another_type),
    TEST(a_device_with_too_few_queues),
    TEST(a_device_with_a_huge_configuration),
    TEST(a_device_without_what_the_bus_needs),
    TEST(a_device_without_what_the_driver_needs),
    TEST(a_queue_that_is_not_available),
    TEST(a_queue_enabled_after_the_reset),
    TEST(a_queue_that_was_not_taken_as_set),
    TEST(a_backend_that_maps_no_area),
    TEST(a_device_that_falls_silent),
    TEST(a_device_that_goes_while_it_is_opened),
    TEST(a_bus_that_goes_while_a_device_is_opened),
    TEST(a_driver_that_makes_no_sense),
    TEST(buffers_go_and_come_back),
    TEST(a_device_that_polls_is_not_told),
    TEST(configuration_events_refresh_what_the_driver_sees),
    TEST(needs_reset_breaks_the_device),
    TEST(removal_and_the_bus_break_it_too),
    TEST(orderly_removal_ends_with_released),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-device", cases);
}
