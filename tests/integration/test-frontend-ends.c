/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Endings at awkward moments: what is closed, removed or cancelled while an
 * answer is on its way is told once, and not after it was closed; and a time
 * limit holds whatever the backend does.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

#define SECOND UINT64_C(1000000000)
#define SECTOR 512u

static struct backend *b;
static struct backend_device *disk;

static void start(void)
{
    b = backend_connected();
    disk = backend_add_disk(b, 3, "disk0");
    backend_settle(b);
}

/* ---- a device whose memory is on its way ---- */

static struct xvmsg_device *device;
static unsigned readies;
static enum xvmsg_status ready_status;
static struct msg share; /* the requests that the script holds back */
static struct msg reset;
static bool hold_resets;

static void on_ready(struct xvmsg_device *d, enum xvmsg_status status, void *user)
{
    (void)d;
    (void)user;
    readies++;
    ready_status = status;
}

static const struct xvmsg_driver driver = {
    .device_id = 2,
    .features = UINT64_C(1) << 9,
    .num_queues = 1,
    .queue_size = 64,
};

static bool hold(struct backend *backend, const struct msg *m)
{
    (void)backend;
    if (m->kind == MSG_area_share_request)
        share = *m;
    else if (hold_resets && m->kind == MSG_set_device_status_request)
        reset = *m;
    else
        return false;
    return true;
}

static void open_until_memory_is_shared(void)
{
    start();
    b->script = hold;
    hold_resets = false;
    readies = 0;
    share.kind = reset.kind = 0;
    device = xvmsg_device_open(b->h, 3, &driver, on_ready, NULL);
    backend_settle(b);
    CU_ASSERT_EQUAL_FATAL(share.kind, MSG_area_share_request);
}

/* As if it had mapped the area. */
static void answer_share(void)
{
    struct msg r = backend_response(&share);

    r.area_share_response.area = share.area_share_request.area;
    r.area_share_response.status = AREA_OK;
    backend_send(b, &r);
    backend_settle(b);
}

static void expect_released(void)
{
    CU_ASSERT_EQUAL(b->seen[MSG_area_unshare_request], 1);
    CU_ASSERT_EQUAL(disk->status, 0);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "released"));
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4); /* the ring */
    CU_ASSERT_EQUAL(readies, 0);
    backend_free(b);
    CU_ASSERT_EQUAL(readies, 0);
}

static void a_device_closed_while_its_memory_is_shared_is_reset_first(void)
{
    open_until_memory_is_shared();
    hold_resets = true;
    xvmsg_device_close(device);
    backend_settle(b);
    CU_ASSERT_EQUAL_FATAL(reset.kind, MSG_set_device_status_request);
    answer_share();
    CU_ASSERT_EQUAL(b->seen[MSG_area_unshare_request], 0);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "in-use"));
    hold_resets = false;
    backend_answer(b, &reset);
    backend_settle(b);
    expect_released();
}

static void a_device_closed_while_its_memory_is_shared_waits_for_the_answer(void)
{
    open_until_memory_is_shared();
    xvmsg_device_close(device);
    backend_settle(b); /* the reset is answered */
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "in-use"));
    answer_share();
    expect_released();
}

/* The answers to closing come one by one, after those to opening. */
static void a_device_closed_while_its_memory_is_shared_hears_no_late_answer(void)
{
    open_until_memory_is_shared();
    xvmsg_device_close(device);
    xvmsg_flush(b->h);
    answer_share();
    expect_released();
}

static void a_device_removed_while_its_memory_is_shared_is_told_once(void)
{
    open_until_memory_is_shared();
    backend_vanish(b, 3);
    backend_settle(b);
    CU_ASSERT_EQUAL(readies, 1);
    CU_ASSERT_EQUAL(ready_status, XVMSG_DEVICE_REMOVED);
    answer_share();
    fake_xen_advance(b->fx, 10 * SECOND);
    xvmsg_process(b->h);
    backend_settle(b);
    CU_ASSERT_EQUAL(readies, 1);
    CU_ASSERT_EQUAL(b->seen[MSG_set_vqueue_request], 0);
    xvmsg_device_close(device);
    backend_settle(b);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4);
    backend_free(b);
    CU_ASSERT_EQUAL(readies, 1);
}

/* ---- disks ---- */

static struct xvmsg_blk *blk;
static enum xvmsg_status last_status;
static unsigned ends;

static void on_blk(struct xvmsg_blk *which, enum xvmsg_status status, void *user)
{
    (void)which;
    (void)user;
    ends++;
    last_status = status;
}

static void close_blk(struct xvmsg_blk *which, enum xvmsg_status status, void *user)
{
    on_blk(which, status, user);
    xvmsg_blk_close(which);
}

static void a_disk_not_yet_opened_is_cancelled_with_the_handle(void)
{
    xvmsg_blk_ready *const callbacks[] = {on_blk, close_blk};

    for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++) {
        start();
        ends = 0;
        CU_ASSERT_PTR_NOT_NULL(xvmsg_blk_open(b->h, 3, callbacks[i], NULL));
        CU_ASSERT_PTR_NOT_NULL(xvmsg_blk_open(b->h, 4, callbacks[i], NULL));
        backend_free(b);
        CU_ASSERT_EQUAL(ends, 2);
        CU_ASSERT_EQUAL(last_status, XVMSG_CANCELLED);
    }
}

static void a_disk_closed_before_it_opened_says_no_more(void)
{
    start();
    ends = 0;
    blk = xvmsg_blk_open(b->h, 3, on_blk, NULL);
    xvmsg_blk_close(blk);
    backend_settle(b);
    backend_free(b);
    CU_ASSERT_EQUAL(ends, 0);
}

/* The disk is closed under a blocking call, by the callback of another request;
 * the call waits for room first, or for its own request. */
static void close_under_blocking_call(bool full)
{
    uint8_t *buffer = malloc(64 * SECTOR);
    unsigned flying = 0;

    start();
    blk = xvmsg_blk_open(b->h, 3, on_blk, NULL);
    backend_settle(b);
    CU_ASSERT_EQUAL_FATAL(last_status, XVMSG_OK);
    ends = 0;
    while (flying < (full ? 64 : 1) &&
           xvmsg_blk_read(blk, 0, buffer + flying * SECTOR, SECTOR, close_blk, NULL) == 0)
        flying++;
    backend_start(b);
    CU_ASSERT_EQUAL(xvmsg_blk_pread(blk, buffer, SECTOR, 0), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(ends, flying);
    backend_free(b);
    free(buffer);
}

static void a_disk_may_be_closed_under_a_blocking_call(void)
{
    close_under_blocking_call(false);
    close_under_blocking_call(true);
}

/* ---- time limits ---- */

/* More than fit the time limit of any test here; after these the backend stops. */
#define MOST_EVENTS 5000

static unsigned events;
static bool gave_up;

static void busy_backend(void)
{
    b = backend_new();
    backend_make_bus(b);
    CU_ASSERT_EQUAL(xvmsg_set_spin(b->h, 0), 0);
    CU_ASSERT_EQUAL(xvmsg_set_ring_order(b->h, 6), 0); /* room for a turn's messages */
    events = 0;
    gave_up = false;
}

/* Each event that is seen costs a millisecond and is followed by the next. */
static bool next_event(void)
{
    fake_xen_advance(b->fx, SECOND / 1000);
    gave_up = ++events == MOST_EVENTS;
    return !gave_up;
}

static void send_event(void)
{
    backend_send(b, &(struct msg){.kind = MSG_event_config, .dev_num = 99});
    ring_publish(&b->ring);
}

static void on_config(struct xvmsg *h, uint64_t number, uint32_t status, uint32_t offset,
                      uint32_t length, void *user)
{
    (void)h;
    (void)number;
    (void)status;
    (void)offset;
    (void)length;
    (void)user;
    if (next_event()) {
        ring_release(&b->ring);
        send_event();
    }
}

static void a_time_limit_holds_while_the_ring_is_never_empty(void)
{
    static const int limits[] = {0, 1, 1000};
    struct xvmsg_handlers handlers = {.config = on_config};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        busy_backend();
        backend_advertise(b);
        xvmsg_set_handlers(b->h, &handlers, NULL);
        CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
        backend_settle(b);
        send_event();
        CU_ASSERT_EQUAL(xvmsg_run(b->h, &gave_up, limits[i]), -1);
        CU_ASSERT_EQUAL(errno, ETIMEDOUT);
        CU_ASSERT(events >= 1); /* one turn at least */
        CU_ASSERT_FALSE(gave_up);
        xvmsg_set_handlers(b->h, &(struct xvmsg_handlers){0}, NULL);
        backend_free(b);
    }
}

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    (void)h;
    (void)user;
    if (event == XVMSG_DEVICE_ADDED && next_event())
        backend_write(b, store_path("device/%llu/state", (unsigned long long)number + 1).text,
                      "added");
}

static void a_time_limit_holds_while_xenstore_changes(void)
{
    static const int limits[] = {0, 1, 1000};
    struct xvmsg_handlers handlers = {.device = on_device};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        busy_backend();
        xvmsg_set_handlers(b->h, &handlers, NULL);
        CU_ASSERT_EQUAL(xvmsg_observe(b->h), 0);
        backend_settle(b);
        backend_write(b, "device/1/state", "added");
        CU_ASSERT_EQUAL(xvmsg_run(b->h, &gave_up, limits[i]), -1);
        CU_ASSERT_EQUAL(errno, ETIMEDOUT);
        CU_ASSERT(events >= 1);
        CU_ASSERT_FALSE(gave_up);
        xvmsg_set_handlers(b->h, &(struct xvmsg_handlers){0}, NULL);
        backend_free(b);
    }
}

static const struct test_case cases[] = {
    TEST(a_device_closed_while_its_memory_is_shared_is_reset_first),
    TEST(a_device_closed_while_its_memory_is_shared_waits_for_the_answer),
    TEST(a_device_closed_while_its_memory_is_shared_hears_no_late_answer),
    TEST(a_device_removed_while_its_memory_is_shared_is_told_once),
    TEST(a_disk_not_yet_opened_is_cancelled_with_the_handle),
    TEST(a_disk_closed_before_it_opened_says_no_more),
    TEST(a_disk_may_be_closed_under_a_blocking_call),
    TEST(a_time_limit_holds_while_the_ring_is_never_empty),
    TEST(a_time_limit_holds_while_xenstore_changes),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-ends", cases);
}
