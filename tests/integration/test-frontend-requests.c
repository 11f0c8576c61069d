/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's requests and areas: each ends once, as a response or a failure. */

#include <errno.h>
#include <string.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

#define SECOND UINT64_C(1000000000)

static struct backend *start(void)
{
    struct backend *b = backend_connected();

    backend_add_disk(b, 3, "disk0");
    backend_add_disk(b, 4, "disk1");
    backend_settle(b);
    return b;
}

static void advance(struct backend *b, uint64_t nanoseconds)
{
    fake_xen_advance(b->fx, nanoseconds);
    xvmsg_process(b->h);
    backend_settle(b);
}

/* ---- one call per message ---- */

static void every_message_brings_its_response(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w[13] = {0};
    struct xvmsg_vqueue queue = {.index = 0, .flags = 1, .size = 8, .desc_addr = 16};
    uint32_t features[2] = {0, 0};
    uint8_t config[8];
    uint8_t bitmap[2] = {0xff, 0xff};

    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w[0]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_features(b->h, 3, 0, 2, features, xvmsg_wake, &w[1]), 0);
    CU_ASSERT_EQUAL(xvmsg_set_driver_features(b->h, 3, 0, 2, features, xvmsg_wake, &w[2]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_config(b->h, 3, 0, 8, config, xvmsg_wake, &w[3]), 0);
    CU_ASSERT_EQUAL(xvmsg_set_config(b->h, 3, 0, 8, 4, "abcd", xvmsg_wake, &w[4]), 0);
    CU_ASSERT_EQUAL(xvmsg_set_device_status(b->h, 3, 1, xvmsg_wake, &w[5]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(b->h, 3, xvmsg_wake, &w[6]), 0);
    CU_ASSERT_EQUAL(xvmsg_set_vqueue(b->h, 3, &queue, xvmsg_wake, &w[7]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_vqueue(b->h, 3, 0, xvmsg_wake, &w[8]), 0);
    CU_ASSERT_EQUAL(xvmsg_reset_vqueue(b->h, 3, 0, xvmsg_wake, &w[9]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_shm(b->h, 3, 7, xvmsg_wake, &w[10]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_devices(b->h, 0, 16, bitmap, xvmsg_wake, &w[11]), 0);
    CU_ASSERT_EQUAL(xvmsg_ping(b->h, 0xffffffff, xvmsg_wake, &w[12]), 0);
    backend_settle(b);
    for (size_t i = 0; i < sizeof(w) / sizeof(w[0]); i++) {
        CU_ASSERT_TRUE(w[i].done);
        CU_ASSERT_EQUAL(w[i].reply.status, XVMSG_OK);
        CU_ASSERT_EQUAL(w[i].reply.device, i < 11 ? 3 : 0);
    }
    CU_ASSERT_EQUAL(w[0].reply.u.info.device_id, 2);
    CU_ASSERT_EQUAL(w[0].reply.u.info.config_size, 60);
    CU_ASSERT_EQUAL(w[1].reply.u.num_blocks, 2);
    CU_ASSERT_EQUAL(features[1], 3);
    CU_ASSERT_EQUAL(le64_get(config), BACKEND_DISK_BYTES / 512);
    CU_ASSERT_EQUAL(w[4].reply.u.config.length, 4);
    CU_ASSERT_EQUAL(memcmp(b->devices[0].config + 8, "abcd", 4), 0);
    CU_ASSERT_EQUAL(w[6].reply.u.device_status, 1);
    CU_ASSERT_EQUAL(w[8].reply.u.vqueue.desc_addr, 16);
    CU_ASSERT_EQUAL(w[8].reply.u.vqueue.max_size, 256);
    CU_ASSERT_EQUAL(w[11].reply.u.devices.count, 8);
    CU_ASSERT_EQUAL(bitmap[0], 0x24);
    CU_ASSERT_EQUAL(bitmap[1], 0);
    backend_free(b);
}

static void the_compact_form_carries_them_too(void)
{
    struct backend *b = backend_new();
    struct xvmsg_waiter w = {0};

    backend_make_bus(b);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_set_wire_form(b->h, XVMSG_COMPACT), 0);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    backend_add_disk(b, 65535, "disk0");
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 65535, xvmsg_wake, &w), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 65536, xvmsg_wake, &w), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    backend_settle(b);
    CU_ASSERT_TRUE(w.done);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_OK);
    backend_free(b);
}

static void values_that_fit_no_message_are_refused_at_once(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w = {0};
    uint8_t buffer[512];
    uint32_t features[128] = {0};

    CU_ASSERT_EQUAL(xvmsg_get_config(b->h, 3, 0, 245, buffer, xvmsg_wake, &w), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_get_config(b->h, 3, 0, 0, buffer, xvmsg_wake, &w), -1);
    CU_ASSERT_EQUAL(xvmsg_set_config(b->h, 3, 0, 0, 245, buffer, xvmsg_wake, &w), -1);
    CU_ASSERT_EQUAL(xvmsg_get_device_features(b->h, 3, 0, 63, features, xvmsg_wake, &w), -1);
    CU_ASSERT_EQUAL(xvmsg_set_driver_features(b->h, 3, 0, 1u << 30, features, xvmsg_wake, &w), -1);
    CU_ASSERT_EQUAL(xvmsg_get_devices(b->h, 0, 1905, buffer, xvmsg_wake, &w), -1);
    backend_settle(b);
    CU_ASSERT_EQUAL(b->num_seen, 0);
    CU_ASSERT_FALSE(w.done);
    backend_free(b);
}

/* ---- order and time ---- */

static void one_request_at_a_time_to_each_device(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w[4] = {0};

    b->mute = true;
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(xvmsg_get_device_status(b->h, 3, xvmsg_wake, &w[i]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 4, xvmsg_wake, &w[3]), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(b->seen[MSG_get_device_status_request], 1);
    CU_ASSERT_EQUAL(b->seen[MSG_get_device_info_request], 1);
    backend_free(b); /* and the waiters are told that all was cancelled */
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(w[i].done);
        CU_ASSERT_EQUAL(w[i].reply.status, XVMSG_CANCELLED);
    }
}

static void what_is_not_answered_times_out(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w[3] = {0};

    b->mute = true;
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w[0]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(b->h, 3, xvmsg_wake, &w[1]), 0);
    CU_ASSERT_EQUAL(xvmsg_ping(b->h, 1, xvmsg_wake, &w[2]), 0);
    backend_settle(b);
    advance(b, 5 * SECOND - 1);
    CU_ASSERT_FALSE(w[0].done || w[1].done || w[2].done);
    advance(b, 1);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(w[i].done);
        CU_ASSERT_EQUAL(w[i].reply.status, XVMSG_TIMEOUT);
    }
    /* One that never left is not sent afterwards. */
    CU_ASSERT_EQUAL(b->seen[MSG_get_device_status_request], 0);
    backend_free(b);
}

static struct msg late[2];

static bool keep_for_later(struct backend *b, const struct msg *m)
{
    (void)b;
    if (m->kind == MSG_get_device_status_request) {
        late[0] = late[1];
        late[1] = *m;
    }
    return true;
}

static void a_late_response_is_not_the_next_one(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w[2] = {0};
    struct msg response;

    b->script = keep_for_later;
    CU_ASSERT_EQUAL(xvmsg_get_device_status(b->h, 3, xvmsg_wake, &w[0]), 0);
    backend_settle(b);
    advance(b, 5 * SECOND);
    CU_ASSERT_EQUAL(w[0].reply.status, XVMSG_TIMEOUT);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(b->h, 3, xvmsg_wake, &w[1]), 0);
    backend_settle(b);
    response = backend_response(&late[0]);
    response.get_device_status_response.status = 0x80;
    backend_send(b, &response);
    backend_settle(b);
    CU_ASSERT_FALSE(w[1].done);
    response = backend_response(&late[1]);
    response.get_device_status_response.status = 0x0f;
    backend_send(b, &response);
    backend_settle(b);
    CU_ASSERT_TRUE(w[1].done);
    CU_ASSERT_EQUAL(w[1].reply.u.device_status, 0x0f);
    backend_free(b);
}

static void a_full_ring_only_delays(void)
{
    struct backend *b = backend_new();
    struct xvmsg_waiter w[90] = {0};
    uint8_t buffer[8];

    /* One page: 1792 bytes to the backend hold 74 such requests. */
    backend_make_bus(b);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_set_ring_order(b->h, 0), 0);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    backend_add_disk(b, 3, "disk0");
    for (uint64_t i = 0; i < 90; i++)
        CU_ASSERT_EQUAL(xvmsg_get_config(b->h, i, 0, 8, buffer, xvmsg_wake, &w[i]), 0);
    CU_ASSERT_EQUAL(xvmsg_flush(b->h), 0);
    CU_ASSERT_TRUE(ring_has_room(&b->ring, 24)); /* only the other lane is full */
    backend_settle(b);
    CU_ASSERT_EQUAL(b->seen[MSG_get_config_request], 90);
    CU_ASSERT_TRUE(w[3].done);
    backend_free(b);
}

/* ---- the bus and devices go ---- */

static void requests_end_with_the_bus(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w[2] = {0};

    b->mute = true;
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w[0]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w[1]), 0);
    backend_settle(b);
    b->mute = false;
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_EQUAL(w[0].reply.status, XVMSG_BUS_CLOSED);
    CU_ASSERT_EQUAL(w[1].reply.status, XVMSG_BUS_CLOSED);
    CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
    backend_free(b);
}

static void requests_end_with_their_device(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w[2] = {0};

    b->mute = true;
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w[0]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 4, xvmsg_wake, &w[1]), 0);
    backend_settle(b);
    backend_vanish(b, 3);
    backend_settle(b);
    CU_ASSERT_TRUE(w[0].done);
    CU_ASSERT_EQUAL(w[0].reply.status, XVMSG_DEVICE_REMOVED);
    CU_ASSERT_FALSE(w[1].done);
    backend_free(b);
}

static void nothing_is_sent_without_a_bus(void)
{
    struct backend *b = backend_new();
    struct xvmsg_waiter w = {0};

    CU_ASSERT_EQUAL(xvmsg_ping(b->h, 0, xvmsg_wake, &w), -1);
    CU_ASSERT_EQUAL(errno, ENOTCONN);
    CU_ASSERT_PTR_NULL(xvmsg_area_new(b->h, 4096, NULL, NULL));
    CU_ASSERT_EQUAL(errno, ENOTCONN);
    CU_ASSERT_PTR_NULL(xvmsg_blk_open(b->h, 3, NULL, NULL));
    CU_ASSERT_EQUAL(errno, ENOTCONN);
    backend_free(b);
}

/* ---- areas ---- */

static enum xvmsg_status area_status;

static void area_done(struct xvmsg_area *area, enum xvmsg_status status, void *user)
{
    (void)area;
    (void)user;
    area_status = status;
}

static void shares_an_area_and_takes_it_back(void)
{
    /* Few pages go in the message; many need a directory, 1025 a second page of it. */
    static const size_t pages[] = {1, 61, 62, 300, 1024, 1025};

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct backend *b = start();
        unsigned before = fake_xen_counters(b->fx).shared_pages;
        struct xvmsg_area *area = xvmsg_area_new(b->h, pages[i] * 4096 - 1, area_done, NULL);

        area_status = XVMSG_TIMEOUT;
        CU_ASSERT_PTR_NOT_NULL_FATAL(area);
        backend_settle(b);
        CU_ASSERT_EQUAL(area_status, XVMSG_OK);
        CU_ASSERT_EQUAL(xvmsg_area_size(area), pages[i] * 4096);
        CU_ASSERT_EQUAL(b->last_area_flags, pages[i] <= 61 ? 0 : AREA_F_DIRECTORY);

        uint8_t *mine = xvmsg_area_memory(area);
        uint8_t *last = mine + pages[i] * 4096 - 1;
        uint8_t *theirs = backend_memory(b, xvmsg_area_address(area, last), 1);

        *last = 0xa5;
        CU_ASSERT_PTR_NOT_NULL_FATAL(theirs);
        CU_ASSERT_EQUAL(*theirs, 0xa5);
        /* The directory is gone already. */
        CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, before + pages[i]);
        b->mute = true;
        xvmsg_area_free(area);
        backend_settle(b);
        CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, before + pages[i]);
        b->mute = false;
        backend_answer(b, &b->last);
        backend_settle(b);
        CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, before);
        CU_ASSERT_EQUAL(fake_xen_counters(b->fx).unshared_while_mapped, 0);
        backend_free(b);
    }
}

static void a_refused_area_can_only_be_freed(void)
{
    struct backend *b = start();
    unsigned before = fake_xen_counters(b->fx).shared_pages;

    b->area_answer = AREA_NO_SPACE;

    struct xvmsg_area *area = xvmsg_area_new(b->h, 4096, area_done, NULL);

    backend_settle(b);
    CU_ASSERT_EQUAL(area_status, XVMSG_NO_MEMORY);
    xvmsg_area_free(area);
    b->area_answer = AREA_MAP_FAILED;
    area = xvmsg_area_new(b->h, 4096, area_done, NULL);
    backend_settle(b);
    CU_ASSERT_EQUAL(area_status, XVMSG_REFUSED);
    xvmsg_area_free(area);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, before);
    CU_ASSERT_PTR_NULL(xvmsg_area_new(b->h, 0, area_done, NULL));
    CU_ASSERT_PTR_NULL(xvmsg_area_new(b->h, SIZE_MAX, area_done, NULL));
    backend_free(b);
}

static void an_area_outlives_its_connection_until_it_is_freed(void)
{
    struct backend *b = start();
    struct xvmsg_area *kept = xvmsg_area_new(b->h, 4096, area_done, NULL);
    struct xvmsg_area *closed = xvmsg_area_new(b->h, 8192, area_done, NULL);

    backend_settle(b);
    b->mute = true;
    xvmsg_area_free(closed);
    backend_settle(b);
    b->mute = false;
    backend_advertise(b);
    backend_settle(b);
    *(uint8_t *)xvmsg_area_memory(kept) = 1; /* still memory */
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4 + 1);
    xvmsg_area_free(kept);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4);
    backend_free(b);
}

static void an_area_may_be_freed_before_it_is_shared(void)
{
    struct backend *b = start();
    struct xvmsg_area *area = xvmsg_area_new(b->h, 4096, area_done, NULL);

    area_status = XVMSG_TIMEOUT;
    xvmsg_area_free(area);
    backend_settle(b);
    CU_ASSERT_EQUAL(b->seen[MSG_area_unshare_request], 1);
    CU_ASSERT_EQUAL(area_status, XVMSG_TIMEOUT); /* nobody was told */
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4);
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(every_message_brings_its_response),
    TEST(the_compact_form_carries_them_too),
    TEST(values_that_fit_no_message_are_refused_at_once),
    TEST(one_request_at_a_time_to_each_device),
    TEST(what_is_not_answered_times_out),
    TEST(a_late_response_is_not_the_next_one),
    TEST(a_full_ring_only_delays),
    TEST(requests_end_with_the_bus),
    TEST(requests_end_with_their_device),
    TEST(nothing_is_sent_without_a_bus),
    TEST(shares_an_area_and_takes_it_back),
    TEST(a_refused_area_can_only_be_freed),
    TEST(an_area_outlives_its_connection_until_it_is_freed),
    TEST(an_area_may_be_freed_before_it_is_shared),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-requests", cases);
}
