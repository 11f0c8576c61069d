/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library looks after a bus that has fallen silent. */

#include <errno.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/driven.h"

#define MS UINT64_C(1000000)

static struct driven t;

static void advance(uint64_t nanoseconds)
{
    fake_xen_advance(t.b->fx, nanoseconds);
    xvmsg_process(t.b->h);
    backend_settle(t.b);
}

static void start(unsigned milliseconds)
{
    struct backend *b = backend_new();

    backend_make_bus(b);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_set_heartbeat(b->h, milliseconds), 0);
    driven_start_on(&t, b);
    CU_ASSERT_EQUAL(xvmsg_set_heartbeat(b->h, 1), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    driven_open(&t);
    CU_ASSERT_EQUAL_FATAL(t.status, XVMSG_OK);
}

static void a_silent_bus_is_asked(void)
{
    start(1000);
    advance(999 * MS);
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 0);
    advance(2 * MS);
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 1);
    for (int i = 0; i < 5; i++)
        advance(1001 * MS);
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 6);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_device_status_request], 0);
    CU_ASSERT_EQUAL(t.broken_count, 0);
    backend_free(t.b);
}

static void a_busy_bus_and_one_without_heartbeat_are_not(void)
{
    struct msg m = {.kind = MSG_event_used, .dev_num = 3};

    start(1000);
    for (int i = 0; i < 10; i++) {
        advance(600 * MS);
        backend_send(t.b, &m);
        backend_settle(t.b);
    }
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 0);
    backend_free(t.b);

    start(0);
    advance(1000000 * MS);
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 0);
    backend_free(t.b);
}

static bool answer_status;
static uint32_t lie;

static bool ignore_pings(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind == MSG_get_device_status_request && lie) {
        r.get_device_status_response.status = lie;
        backend_send(b, &r);
        return true;
    }
    return m->kind == MSG_ping_request ||
           (m->kind == MSG_get_device_status_request && !answer_status);
}

static void stop_answering(bool status, uint32_t what)
{
    start(1000);
    answer_status = status;
    lie = what;
    t.b->script = ignore_pings;
    advance(1001 * MS);
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 1);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_device_status_request], 0);
    advance(5000 * MS); /* the request timeout */
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_device_status_request], 1);
}

static void without_an_answer_the_devices_are_asked(void)
{
    stop_answering(true, 0);
    CU_ASSERT_EQUAL(t.broken_count, 0);
    advance(1001 * MS); /* and the bus again */
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 2);
    backend_free(t.b);
}

static void a_device_that_does_not_answer_is_broken(void)
{
    stop_answering(false, 0);
    CU_ASSERT_EQUAL(t.broken_count, 0);
    advance(5000 * MS);
    CU_ASSERT_EQUAL(t.broken_count, 1);
    CU_ASSERT_EQUAL(t.broke, XVMSG_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), "does not say how it is"));
    CU_ASSERT_TRUE(xvmsg_is_connected(t.b->h));
    backend_free(t.b);
}

static void what_the_status_says_counts(void)
{
    stop_answering(true, 0x4f);
    CU_ASSERT_EQUAL(t.broke, XVMSG_NEEDS_RESET);
    backend_free(t.b);
    stop_answering(true, 0x01);
    CU_ASSERT_EQUAL(t.broke, XVMSG_IO_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), "forgotten its driver"));
    backend_free(t.b);
}

static void a_device_may_be_closed_while_it_is_asked(void)
{
    stop_answering(false, 0);
    advance(1000 * MS);
    xvmsg_device_close(t.device);
    t.b->script = NULL;
    backend_settle(t.b);
    advance(4000 * MS); /* its turn comes when the question has timed out */
    CU_ASSERT_EQUAL(t.broken_count, 0);
    CU_ASSERT_EQUAL(t.disk->status, 0);
    backend_free(t.b);
}

static void a_new_connection_begins_anew(void)
{
    start(1000);
    t.b->script = ignore_pings;
    advance(1001 * MS);
    t.b->script = NULL;
    backend_advertise(t.b); /* with a PING on its way */
    backend_settle(t.b);
    CU_ASSERT_TRUE(xvmsg_is_connected(t.b->h));
    advance(999 * MS);
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 1);
    advance(2 * MS);
    CU_ASSERT_EQUAL(t.b->seen[MSG_ping_request], 2);
    backend_free(t.b);
}

static const struct test_case cases[] = {
    TEST(a_silent_bus_is_asked),
    TEST(a_busy_bus_and_one_without_heartbeat_are_not),
    TEST(without_an_answer_the_devices_are_asked),
    TEST(a_device_that_does_not_answer_is_broken),
    TEST(what_the_status_says_counts),
    TEST(a_device_may_be_closed_while_it_is_asked),
    TEST(a_new_connection_begins_anew),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-heartbeat", cases);
}
