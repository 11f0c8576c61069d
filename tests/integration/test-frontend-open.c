/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A device's initialization by the library: in order, and each step going wrong. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/driven.h"

#define SECOND UINT64_C(1000000000)

static struct driven t;

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

    driven_start_ready(&t);
    CU_ASSERT_EQUAL_FATAL(t.b->num_seen, sizeof(order) / sizeof(order[0]));
    for (unsigned i = 0; i < t.b->num_seen; i++)
        CU_ASSERT_EQUAL(t.b->order[i], order[i]);
    CU_ASSERT_EQUAL(t.disk->status, 0x0f);
    /* Only what was offered and what the library can do is negotiated. */
    CU_ASSERT_EQUAL(t.disk->driver_features, UINT64_C(3) << 32 | UINT64_C(1) << 9);
    CU_ASSERT_EQUAL(xvmsg_device_features(t.device), t.disk->driver_features);
    CU_ASSERT_EQUAL(xvmsg_device_number(t.device), 3);
    CU_ASSERT_EQUAL(xvmsg_device_get_info(t.device)->max_virtqueues, 2);
    CU_ASSERT_EQUAL(memcmp(xvmsg_device_config(t.device), t.disk->config, 60), 0);
    CU_ASSERT_EQUAL(xvmsg_area_size(xvmsg_device_buffers(t.device)), 8192);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(t.device, 1)), 64);
    CU_ASSERT_PTR_NULL(xvmsg_device_queue(t.device, 2));
    for (unsigned i = 0; i < 2; i++) {
        const struct msg_set_vqueue_request *set = &t.disk->queues[i].set;

        CU_ASSERT_EQUAL(set->flags, SET_VQUEUE_ENABLE);
        CU_ASSERT_EQUAL(set->size, 64);
        CU_ASSERT_EQUAL(set->reserved, 0);
        CU_ASSERT_EQUAL(set->desc_addr % 16, 0);
        CU_ASSERT_EQUAL(set->driver_addr % 2, 0);
        CU_ASSERT_EQUAL(set->device_addr % 4, 0);
        CU_ASSERT_PTR_NOT_NULL(backend_memory(t.b, set->device_addr, 6 + 8 * 64));
    }
    CU_ASSERT_TRUE(backend_front_is(t.b, "device/3/state", "in-use"));
    backend_free(t.b);
    CU_ASSERT_EQUAL(t.broken_count, 0);
}

static void the_device_decides_how_large_a_queue_is(void)
{
    driven_start(&t);
    t.disk->queues[0].max_size = 24;
    t.disk->queues[1].max_size = 1;
    driven_open(&t);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(t.device, 0)), 16);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(t.device, 1)), 1);
    backend_free(t.b);
}

static void a_long_configuration_is_read_in_pieces(void)
{
    driven_start(&t);
    xvmsg_free(t.b->h);
    t.b->guest = fake_xen_domain(t.b->fx, BACKEND_GUEST);
    t.b->h = xvmsg_new_on(t.b->guest);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(t.b->h, 60), 0); /* 32 bytes a piece */
    CU_ASSERT_EQUAL(xvmsg_connect(t.b->h), 0);
    backend_settle(t.b);
    t.b->seen[MSG_get_config_request] = 0;
    t.disk->config[59] = 0x77;
    driven_open(&t);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 2);
    CU_ASSERT_EQUAL(((const uint8_t *)xvmsg_device_config(t.device))[59], 0x77);
    backend_free(t.b);
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
    driven_start(&t);
    t.b->script = reset_slowly;
    resets_to_wait = 3;
    driven_open(&t);
    for (int i = 0; i < 4 && !t.ready; i++) {
        CU_ASSERT_EQUAL(backend_first(t.b, MSG_get_device_info_request), -1);
        fake_xen_advance(t.b->fx, SECOND / 10);
        xvmsg_process(t.b->h);
        backend_settle(t.b);
    }
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_device_status_request], 4);
    backend_free(t.b);
}

static void a_reset_that_never_ends_times_out(void)
{
    driven_start(&t);
    t.b->script = reset_slowly;
    resets_to_wait = 1000;
    driven_open(&t);
    for (int i = 0; i < 60 && !t.ready; i++) {
        fake_xen_advance(t.b->fx, SECOND / 10);
        xvmsg_process(t.b->h);
        backend_settle(t.b);
    }
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, XVMSG_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), "reset"));
    backend_free(t.b);
}

/* ---- each step going wrong ---- */

static void expect_failure(enum xvmsg_status expected, const char *words)
{
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, expected);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), words));
    CU_ASSERT_TRUE(t.disk->status & VIRTIO_CONFIG_S_FAILED);
    CU_ASSERT_FALSE(t.disk->status & VIRTIO_CONFIG_S_DRIVER_OK);
    CU_ASSERT_EQUAL(t.broken_count, 0);
    xvmsg_device_close(t.device);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.disk->status, 0);
    CU_ASSERT_TRUE(backend_front_is(t.b, "device/3/state", "released"));
    CU_ASSERT_EQUAL(fake_xen_counters(t.b->fx).shared_pages, 4);
    CU_ASSERT_TRUE(xvmsg_is_connected(t.b->h));
    backend_free(t.b);
}

static bool clear_features_ok(struct backend *backend, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_set_device_status_request || m->set_device_status_request.status != 0x0b)
        return false;
    t.disk->status = 0x03;
    r.set_device_status_response.status = t.disk->status;
    backend_send(backend, &r);
    return true;
}

static void a_device_that_rejects_the_features(void)
{
    driven_start(&t);
    t.b->script = clear_features_ok;
    driven_open(&t);
    CU_ASSERT_EQUAL(t.b->seen[MSG_set_vqueue_request], 0);
    expect_failure(XVMSG_REFUSED, "FEATURES_OK");
}

static bool want_reset(struct backend *backend, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_set_device_status_request || m->set_device_status_request.status != 0x0f)
        return false;
    r.set_device_status_response.status = 0x4b;
    backend_send(backend, &r);
    return true;
}

static void a_device_that_does_not_take_driver_ok(void)
{
    driven_start(&t);
    t.b->script = want_reset;
    driven_open(&t);
    /* FAILED is added to what it said, and to nothing that it did not take. */
    CU_ASSERT_EQUAL(t.disk->status, 0x8b);
    expect_failure(XVMSG_REFUSED, "DRIVER_OK");
}

static uint32_t feature_blocks;

static bool say_feature_blocks(struct backend *backend, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_device_info_request)
        return false;
    r.get_device_info_response = (struct msg_get_device_info_response){
        .device_id = 2,
        .num_feature_blocks = feature_blocks,
        .config_size = 60,
        .max_virtqueues = 2,
    };
    backend_send(backend, &r);
    return true;
}

static void devices_have_any_number_of_feature_blocks(void)
{
    static const struct {
        uint32_t blocks;
        enum xvmsg_status expected;
        unsigned asked;
    } cases[] = {
        {0, XVMSG_REFUSED, 0}, {1, XVMSG_REFUSED, 1}, {2, XVMSG_OK, 2},
        {5, XVMSG_OK, 2},      {UINT32_MAX, XVMSG_OK, 2},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        driven_start(&t);
        feature_blocks = cases[i].blocks;
        t.b->script = say_feature_blocks;
        driven_open(&t);
        CU_ASSERT_TRUE(t.ready);
        CU_ASSERT_EQUAL(t.status, cases[i].expected);
        CU_ASSERT_EQUAL(t.b->seen[MSG_get_device_features_request], cases[i].asked ? 1 : 0);
        CU_ASSERT_EQUAL(t.b->seen[MSG_set_driver_features_request], cases[i].asked == 2);
        backend_free(t.b);
    }
}

static void a_device_of_another_type(void)
{
    driven_start(&t);
    t.driver.device_id = 1;
    driven_open(&t);
    expect_failure(XVMSG_REFUSED, "its type is 2");
}

static void a_device_with_too_few_queues(void)
{
    driven_start(&t);
    t.disk->max_virtqueues = 1;
    driven_open(&t);
    expect_failure(XVMSG_REFUSED, "it has 1 queues");
}

static void a_device_with_a_huge_configuration(void)
{
    driven_start(&t);
    t.disk->config_size = UINT32_MAX;
    driven_open(&t);
    expect_failure(XVMSG_REFUSED, "too large");
}

static void a_device_without_what_the_bus_needs(void)
{
    driven_start(&t);
    t.disk->offered &= ~(UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM);
    driven_open(&t);
    expect_failure(XVMSG_REFUSED, "0x200000000 are missing");
}

static void a_device_without_what_the_driver_needs(void)
{
    driven_start(&t);
    t.driver.needed = UINT64_C(1) << 5;
    driven_open(&t);
    expect_failure(XVMSG_REFUSED, "0x20 are missing");
}

static void a_queue_that_is_not_available(void)
{
    driven_start(&t);
    t.disk->queues[1].max_size = 0;
    driven_open(&t);
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
    driven_start(&t);
    t.b->script = enabled_already;
    driven_open(&t);
    CU_ASSERT_EQUAL(t.b->seen[MSG_set_vqueue_request], 0);
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
    driven_start(&t);
    t.b->script = ignore_set_vqueue;
    driven_open(&t);
    expect_failure(XVMSG_REFUSED, "did not take queue 0");
}

static void a_backend_that_maps_no_area(void)
{
    driven_start(&t);
    t.b->area_answer = AREA_MAP_FAILED;
    driven_open(&t);
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
        driven_start(&t);
        unanswered = kinds[i];
        t.b->script = do_not_answer;
        driven_open(&t);
        CU_ASSERT_FALSE(t.ready);
        fake_xen_advance(t.b->fx, 5 * SECOND);
        xvmsg_process(t.b->h);
        backend_settle(t.b);
        t.b->script = NULL;
        CU_ASSERT_TRUE(t.ready);
        CU_ASSERT_EQUAL(t.status, XVMSG_TIMEOUT);
        CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), "timeout"));
        xvmsg_device_close(t.device);
        backend_settle(t.b);
        CU_ASSERT_TRUE(backend_front_is(t.b, "device/3/state", "released"));
        backend_free(t.b);
    }
}

static void a_device_that_goes_while_it_is_opened(void)
{
    driven_start(&t);
    unanswered = MSG_get_device_info_request;
    t.b->script = do_not_answer;
    driven_open(&t);
    backend_vanish(t.b, 3);
    backend_settle(t.b);
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, XVMSG_DEVICE_REMOVED);
    xvmsg_device_close(t.device);
    backend_settle(t.b);
    CU_ASSERT_TRUE(backend_front_is(t.b, "device/3", NULL));
    backend_free(t.b);
}

static unsigned attempts;

static void try_again(struct xvmsg_device *device);

static void failed_again(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)user;
    if (status != XVMSG_OK)
        try_again(device);
}

/* A driver that does not give up. */
static void try_again(struct xvmsg_device *device)
{
    xvmsg_device_close(device);
    if (xvmsg_is_connected(t.b->h) && ++attempts < 1000)
        CU_ASSERT_PTR_NOT_NULL(xvmsg_device_open(t.b->h, xvmsg_device_number(device), &t.driver,
                                                 failed_again, NULL));
}

static void a_driver_that_tries_again_at_once_keeps_nobody(void)
{
    driven_start(&t);
    attempts = 0;
    t.driver.broken = failed_again;
    driven_open(&t);
    CU_ASSERT_EQUAL_FATAL(t.status, XVMSG_OK);
    backend_vanish(t.b, 3);
    xvmsg_process(t.b->h);
    CU_ASSERT(attempts > 0 && attempts < 5);
    backend_free(t.b);

    /* Opening fails before anything is asked: the wire form has no such number. */
    t.b = backend_connected_as(MSG_COMPACT, 0, false);
    attempts = 0;
    CU_ASSERT_PTR_NOT_NULL(xvmsg_device_open(t.b->h, 70000, &t.driver, failed_again, NULL));
    xvmsg_process(t.b->h);
    CU_ASSERT(attempts > 0 && attempts < 5);
    backend_free(t.b);
}

static void a_bus_that_goes_while_a_device_is_opened(void)
{
    driven_start(&t);
    unanswered = MSG_get_device_info_request;
    t.b->script = do_not_answer;
    driven_open(&t);
    t.b->script = NULL;
    backend_advertise(t.b);
    backend_settle(t.b);
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, XVMSG_BUS_CLOSED);
    xvmsg_device_close(t.device);
    t.ready = false;
    driven_open(&t); /* on the new connection */
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    backend_free(t.b);
}

static void a_driver_that_makes_no_sense(void)
{
    struct xvmsg_driver bad;

    driven_start(&t);
    bad = t.driver;
    bad.queue_size = 48;
    CU_ASSERT_PTR_NULL(driven_try(&t, &bad));
    CU_ASSERT_EQUAL(errno, EINVAL);
    bad = t.driver;
    bad.num_queues = 65;
    CU_ASSERT_PTR_NULL(driven_try(&t, &bad));
    CU_ASSERT_EQUAL(errno, EINVAL);
    driven_open(&t);
    CU_ASSERT_PTR_NULL(driven_try(&t, &t.driver));
    CU_ASSERT_EQUAL(errno, EBUSY);
    backend_free(t.b);
}

/* Also before the loop has had a turn, and while whoever had it before is being closed. */
static void a_device_has_one_user(void)
{
    struct xvmsg_device *next;

    driven_start(&t);
    t.device = driven_try(&t, &t.driver);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t.device);
    CU_ASSERT_PTR_NULL(driven_try(&t, &t.driver));
    CU_ASSERT_EQUAL(errno, EBUSY);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    xvmsg_device_close(t.device);
    next = driven_try(&t, &t.driver);
    CU_ASSERT_PTR_NOT_NULL(next);
    CU_ASSERT_PTR_NULL(driven_try(&t, &t.driver));
    CU_ASSERT_EQUAL(errno, EBUSY);
    xvmsg_device_close(next);
    t.ready = false;
    driven_open(&t);
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    backend_free(t.b);
}

static const struct test_case cases[] = {
    TEST(initialization_keeps_the_order),
    TEST(the_device_decides_how_large_a_queue_is),
    TEST(a_long_configuration_is_read_in_pieces),
    TEST(a_pending_reset_is_waited_for),
    TEST(a_reset_that_never_ends_times_out),
    TEST(a_device_that_rejects_the_features),
    TEST(a_device_that_does_not_take_driver_ok),
    TEST(devices_have_any_number_of_feature_blocks),
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
    TEST(a_driver_that_tries_again_at_once_keeps_nobody),
    TEST(a_bus_that_goes_while_a_device_is_opened),
    TEST(a_driver_that_makes_no_sense),
    TEST(a_device_has_one_user),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-open", cases);
}
