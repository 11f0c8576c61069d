/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Every call that the library makes to Xen fails once, at every place: nothing
 * leaks, nothing crashes, every callback comes once, and what can go on goes on.
 */

#include <errno.h>

#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

/* More calls than the story below makes. */
#define MAX_CALLS 2000

static unsigned ends; /* of requests and disks whose callbacks ran */

static void on_ready(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    (void)blk;
    (void)status;
    (void)user;
    ends++;
}

static void on_done(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    (void)h;
    (void)reply;
    (void)user;
    ends++;
}

static void on_area(struct xvmsg_area *area, enum xvmsg_status status, void *user)
{
    (void)area;
    (void)status;
    (void)user;
    ends++;
}

/* Connects, uses everything once, loses the bus, connects again, ends. Returns
 * whether the failure happened before the end. */
static bool story(unsigned nth, int error)
{
    struct backend *b = backend_new();
    unsigned begun = 0;
    struct xvmsg_blk *blk;
    struct xvmsg_area *area;
    bool failed;

    ends = 0;
    backend_make_bus(b);
    backend_advertise(b);
    backend_add_disk(b, 3, "disk0");
    fake_xen_fail(b->fx, BACKEND_GUEST, NULL, nth, error);
    xvmsg_connect(b->h);
    backend_settle(b);
    begun += xvmsg_ping(b->h, 1, on_done, NULL) == 0;
    area = xvmsg_area_new(b->h, 100 * 4096, on_area, NULL);
    begun += area != NULL;
    blk = xvmsg_blk_open(b->h, 3, on_ready, NULL);
    begun += blk != NULL;
    backend_settle(b);
    xvmsg_area_free(area);
    backend_want_back(b, 3);
    backend_settle(b);
    xvmsg_blk_close(blk);
    backend_settle(b);
    backend_vanish(b, 3);
    backend_advertise(b);
    backend_settle(b);
    begun += xvmsg_ping(b->h, 2, on_done, NULL) == 0;
    backend_settle(b);
    failed = fake_xen_failed(b->fx);
    fake_xen_fail(b->fx, BACKEND_GUEST, NULL, 0, 0);
    backend_free(b);
    CU_ASSERT_EQUAL(ends, begun);
    return failed;
}

static void every_call_may_fail(void)
{
    static const int errors[] = {EIO, EACCES};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        unsigned nth = 1;

        while (nth < MAX_CALLS && story(nth, errors[i]))
            nth++;
        CU_ASSERT(nth > 100 && nth < MAX_CALLS);
    }
}

static void a_dead_handle_says_so(void)
{
    struct backend *b = backend_connected();

    fake_xen_fail(b->fx, BACKEND_GUEST, "xs_next_watch", 1, EIO);
    backend_add_disk(b, 3, "disk0");
    CU_ASSERT_EQUAL(xvmsg_process(b->h), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_STRING_NOT_EQUAL(xvmsg_error(b->h), "no error");
    CU_ASSERT_FALSE(xvmsg_is_connected(b->h));
    CU_ASSERT_EQUAL(xvmsg_process(b->h), -1);
    CU_ASSERT_EQUAL(xvmsg_flush(b->h), -1);
    CU_ASSERT_EQUAL(xvmsg_connect_wait(b->h, -1), -1);
    CU_ASSERT_EQUAL(xvmsg_ping(b->h, 1, on_done, NULL), -1);
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(every_call_may_fail),
    TEST(a_dead_handle_says_so),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-failures", cases);
}
