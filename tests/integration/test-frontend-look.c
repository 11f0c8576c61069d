/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A loop that looks at the rings before it sleeps. */

#include <errno.h>
#include <poll.h>

#include "tests/harness.h"
#include "tests/integration/driven.h"

static struct driven t;
static void (*before_sleep)(void); /* once */

/* In place of the library's. */
int poll(struct pollfd *fds, nfds_t count, int milliseconds)
{
    const struct timespec limit = {.tv_sec = milliseconds / 1000,
                                   .tv_nsec = milliseconds % 1000 * 1000000L};
    void (*call)(void) = before_sleep;

    before_sleep = NULL;
    if (call)
        call();
    return ppoll(fds, count, milliseconds < 0 ? NULL : &limit, NULL);
}

static bool readable(void)
{
    struct pollfd fd = {.fd = xvmsg_fd(t.b->h), .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

/* Until it would sleep and nothing woke it. */
static void look_until_idle(void)
{
    unsigned count = 0;
    bool ready = false;
    int looked;

    do {
        looked = xvmsg_look(t.b->h, ready);
        ready = !looked && readable();
    } while ((looked > 0 || ready) && ++count < 10000);
    CU_ASSERT_EQUAL(looked, 0);
    CU_ASSERT(count < 10000);
}

/* NULL: only counts. */
static void (*while_used)(void);

static void on_used(struct xvmsg_device *device, unsigned index, void *user)
{
    (void)device, (void)index, (void)user;
    t.used_count++;
    if (while_used)
        while_used();
}

static void start(unsigned spin)
{
    struct backend *b = backend_new();

    backend_make_bus(b);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_set_spin(b->h, spin), 0);
    driven_start_on(&t, b);
    while_used = NULL;
    t.driver.used = on_used;
    driven_open(&t);
    CU_ASSERT_EQUAL_FATAL(t.status, XVMSG_OK);
    look_until_idle();
}

static void send_event(void)
{
    struct msg m = {.kind = MSG_event_used, .dev_num = 3};

    backend_send(t.b, &m);
    backend_step(t.b);
}

static void what_comes_is_seen_without_being_told(void)
{
    start(100);
    send_event();
    CU_ASSERT_EQUAL(xvmsg_look(t.b->h, false), 1);
    CU_ASSERT_EQUAL(t.used_count, 1);
    look_until_idle();
    CU_ASSERT_FALSE(readable());
    backend_free(t.b);
}

static void who_does_not_look_is_told(void)
{
    start(0);
    send_event();
    CU_ASSERT_EQUAL(xvmsg_look(t.b->h, false), 0);
    CU_ASSERT_EQUAL(t.used_count, 0);
    CU_ASSERT_TRUE_FATAL(readable());
    CU_ASSERT_EQUAL(xvmsg_look(t.b->h, true), 1);
    CU_ASSERT_EQUAL(t.used_count, 1);
    CU_ASSERT_EQUAL(xvmsg_look(t.b->h, false), 0);
    CU_ASSERT_FALSE(readable());
    send_event();
    look_until_idle();
    CU_ASSERT_EQUAL(t.used_count, 2);
    backend_free(t.b);
}

static struct xvmsg_waiter waiter;

static void end_waiting(void)
{
    waiter.done = true;
}

/* Whoever waits for an answer has it before the event channel costs system calls, which
 * shows when those fail; and they are made however much comes. */
static void what_came_is_taken_before_the_event_channel_is_read(void)
{
    start(0);
    while_used = end_waiting;
    for (unsigned i = 0; i < 2; i++) {
        waiter = (struct xvmsg_waiter){0};
        before_sleep = send_event;
        fake_xen_fail(t.b->fx, t.b->domid, "evtchn_next", 1, EIO);
        CU_ASSERT_EQUAL(xvmsg_wait(t.b->h, &waiter), i ? -1 : 0);
        CU_ASSERT_EQUAL(fake_xen_failed(t.b->fx), i);
        CU_ASSERT_EQUAL(waiter.done, !i);
    }
    backend_free(t.b);
}

static void what_was_gathered_is_sent(void)
{
    start(100);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(t.b->h, 3, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_look(t.b->h, false), 0);
    t.b->seen[MSG_get_device_status_request] = 0;
    backend_step(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_device_status_request], 1);
    backend_settle(t.b);
    backend_free(t.b);
}

static void ask(void)
{
    CU_ASSERT_EQUAL(xvmsg_get_device_status(t.b->h, 3, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_flush(t.b->h), 0);
    t.b->seen[MSG_get_device_status_request] = 0;
    backend_step(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_device_status_request], 1);
    CU_ASSERT_EQUAL(t.b->ring.shared->to_frontend.wake, RING_NEVER);
}

static void a_callback_sends_and_is_not_asleep_for_it(void)
{
    start(100);
    while_used = ask;
    send_event();
    CU_ASSERT_EQUAL(xvmsg_look(t.b->h, false), 1);
    CU_ASSERT_EQUAL(t.used_count, 1);
    look_until_idle();
    CU_ASSERT_NOT_EQUAL(t.b->ring.shared->to_frontend.wake, RING_NEVER);
    backend_free(t.b);
}

static void a_backend_that_never_stops_does_not_keep_the_loop(void)
{
    unsigned count = 0;
    int looked;

    start(100);
    do {
        send_event();
        looked = xvmsg_look(t.b->h, false);
    } while (looked > 0 && ++count < 10000);
    CU_ASSERT_EQUAL(looked, 0);
    CU_ASSERT(count > 1);
    CU_ASSERT_TRUE(readable());
    look_until_idle();
    backend_free(t.b);
}

static void a_bus_that_breaks_is_noticed(void)
{
    start(100);
    t.b->ring.shared->to_frontend.prod = 1;
    look_until_idle();
    CU_ASSERT_FALSE(xvmsg_is_connected(t.b->h));
    CU_ASSERT_EQUAL(t.broken_count, 1);
    backend_free(t.b);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(what_comes_is_seen_without_being_told),
        TEST(who_does_not_look_is_told),
        TEST(what_came_is_taken_before_the_event_channel_is_read),
        TEST(what_was_gathered_is_sent),
        TEST(a_callback_sends_and_is_not_asleep_for_it),
        TEST(a_backend_that_never_stops_does_not_keep_the_loop),
        TEST(a_bus_that_breaks_is_noticed),
        {NULL, NULL},
    };

    return test_main("test-frontend-look", cases);
}
