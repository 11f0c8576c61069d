/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's source of random bytes against the whole backend, whose device is
 * the true one or one that does what the test wants. */

#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "backend/devices/table.h"
#include "frontend/xvmsg-rng.h"
#include "tests/harness.h"
#include "tests/integration/joined.h"

#define R B7 "/request/rng"

static struct joined j;
static struct xvmsg_rng *rng;
static enum xvmsg_status opened;
static uint8_t bytes[5][8192];

struct ended {
    unsigned count;
    enum xvmsg_status status;
    size_t length;
};

static struct ended ended[5];

/* ---- a device that gives what it is told to ---- */

static bool wicked;
static uint32_t gives; /* bytes that it says it wrote */
static bool writes;    /* and does: 0xaa */
static bool keeps;
static struct chain *kept[16];
static unsigned num_kept;

static void *wicked_create(struct device *device, const struct device_setup *setup, char *why)
{
    (void)setup, (void)why;
    return device;
}

static void wicked_destroy(void *state)
{
    (void)state;
}

static void wicked_kick(void *state, struct queue *queue)
{
    struct chain *chain;

    (void)state;
    while ((chain = queue_pop(queue))) {
        if (writes)
            memset(chain->in.pieces[0].iov_base, 0xaa, chain->in.pieces[0].iov_len);
        if (keeps)
            kept[num_kept++] = chain;
        else
            queue_push(queue, chain, gives);
    }
}

static void wicked_stop(void *state, struct queue *queue)
{
    (void)state;
    while (num_kept)
        queue_push(queue, kept[--num_kept], 0);
}

static const struct device_class wicked_class = {
    .name = "rng",
    .virtio_id = VIRTIO_ID_RNG,
    .num_queues = 1,
    .queue_size = 16,
    .no_target = true,
    .create = wicked_create,
    .destroy = wicked_destroy,
    .queue_kick = wicked_kick,
    .queue_stop = wicked_stop,
};

const struct device_class *table_find(const char *name)
{
    if (strcmp(name, "rng") == 0)
        return wicked ? &wicked_class : &rng_class;
    return strcmp(name, "blk") == 0 ? &blk_class : NULL;
}

/* ---- the stage ---- */

static void on_ready(struct xvmsg_rng *which, enum xvmsg_status status, void *user)
{
    (void)which, (void)user;
    opened = status;
}

static void on_done(struct xvmsg_rng *which, enum xvmsg_status status, size_t length, void *user)
{
    struct ended *e = user;

    CU_ASSERT_PTR_EQUAL(which, rng);
    e->count++;
    e->status = status;
    e->length = length;
}

static bool is_opened(struct joined *joined, void *user)
{
    (void)joined, (void)user;
    return opened != XVMSG_TIMEOUT;
}

static bool has_ended(struct joined *joined, void *user)
{
    (void)joined;
    return ((const struct ended *)user)->count;
}

static bool holds_one(struct joined *joined, void *user)
{
    (void)joined, (void)user;
    return num_kept;
}

static void open_rng(void)
{
    opened = XVMSG_TIMEOUT;
    rng = xvmsg_rng_open(j.h, 1, on_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rng);
    joined_run_until(&j, is_opened, NULL);
    CU_ASSERT_EQUAL_FATAL(opened, XVMSG_OK);
}

static void start(bool with_wicked)
{
    wicked = with_wicked;
    keeps = false;
    num_kept = 0;
    memset(ended, 0, sizeof(ended));
    memset(bytes, 0, sizeof(bytes));
    joined_open(&j);
    stage_write(j.s.toolstack, R "/type", "rng");
    joined_await_device(&j, 1);
    open_rng();
}

static int ask(unsigned i, size_t length)
{
    int rc = xvmsg_rng_read(rng, bytes[i], length, on_done, &ended[i]);

    xvmsg_flush(j.h);
    return rc;
}

static void expect(unsigned i, enum xvmsg_status status)
{
    joined_run_until(&j, has_ended, &ended[i]);
    CU_ASSERT_EQUAL(ended[i].count, 1);
    CU_ASSERT_EQUAL(ended[i].status, status);
    if (status != XVMSG_OK)
        CU_ASSERT_EQUAL(ended[i].length, 0);
}

static unsigned count_zeros(const uint8_t *some, size_t size)
{
    unsigned zeros = 0;

    for (size_t i = 0; i < size; i++)
        zeros += some[i] == 0;
    return zeros;
}

/* ---- a good device ---- */

static void bytes_come(void)
{
    start(false);
    CU_ASSERT_EQUAL(ask(0, 1000), 0);
    expect(0, XVMSG_OK);
    CU_ASSERT_EQUAL(ended[0].length, 1000);
    CU_ASSERT(count_zeros(bytes[0], 1000) < 100);
    CU_ASSERT_EQUAL(count_zeros(bytes[0] + 1000, 1000), 1000);
    CU_ASSERT_EQUAL(ask(1, 8192), 0);
    expect(1, XVMSG_OK);
    CU_ASSERT_EQUAL(ended[1].length, 4096);
    CU_ASSERT(memcmp(bytes[0], bytes[1], 1000) != 0);
    xvmsg_rng_close(rng);
    open_rng();
    xvmsg_rng_close(rng);
    joined_close(&j);
}

static void four_at_once(void)
{
    start(false);
    CU_ASSERT_EQUAL(ask(0, 0), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(ask(i, 4096), 0);
    CU_ASSERT_EQUAL(ask(4, 4096), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    for (unsigned i = 0; i < 4; i++)
        expect(i, XVMSG_OK);
    CU_ASSERT(memcmp(bytes[0], bytes[3], 4096) != 0);
    CU_ASSERT_EQUAL(ask(4, 1), 0);
    expect(4, XVMSG_OK);
    xvmsg_rng_close(rng);
    joined_close(&j);
}

static void a_disk_is_no_source_of_random_bytes(void)
{
    joined_open(&j);
    joined_request(&j, "disk", stage_target(&j.s, "disk", 512),
                   "7d444840-9dc0-11d1-b245-5ffdce74fad2");
    joined_await_device(&j, 1);
    opened = XVMSG_TIMEOUT;
    rng = xvmsg_rng_open(j.h, 1, on_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rng);
    joined_run_until(&j, is_opened, NULL);
    CU_ASSERT_EQUAL(opened, XVMSG_REFUSED);
    CU_ASSERT_EQUAL(ask(0, 1), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    xvmsg_rng_close(rng);
    joined_close(&j);
}

/* ---- the end of it ---- */

static void start_waiting(void)
{
    start(true);
    keeps = true;
    CU_ASSERT_EQUAL(ask(0, 100), 0);
    CU_ASSERT_EQUAL(ask(1, 100), 0);
    joined_run_until(&j, holds_one, NULL);
    CU_ASSERT_EQUAL(ended[0].count, 0);
}

static void closing_cancels(void)
{
    start_waiting();
    xvmsg_rng_close(rng);
    expect(0, XVMSG_CANCELLED);
    expect(1, XVMSG_CANCELLED);
    keeps = false;
    joined_close(&j);
}

static void the_end_of_the_handle_cancels(void)
{
    start_waiting();
    joined_stop_guest(&j);
    expect(0, XVMSG_CANCELLED);
    expect(1, XVMSG_CANCELLED);
    joined_close(&j);
}

static void a_removal_ends_reads(void)
{
    start_waiting();
    stage_write(j.s.toolstack, R "/remove", "force");
    expect(0, XVMSG_DEVICE_REMOVED);
    expect(1, XVMSG_DEVICE_REMOVED);
    CU_ASSERT_EQUAL(ask(2, 1), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    xvmsg_rng_close(rng);
    joined_close(&j);
}

static void close_it(struct xvmsg_rng *which, enum xvmsg_status status, size_t length, void *user)
{
    on_done(which, status, length, user);
    xvmsg_rng_close(which);
}

static void it_may_be_closed_from_a_callback(void)
{
    start(false);
    CU_ASSERT_EQUAL(xvmsg_rng_read(rng, bytes[0], 10, close_it, &ended[0]), 0);
    for (unsigned i = 1; i < 4; i++)
        CU_ASSERT_EQUAL(xvmsg_rng_read(rng, bytes[i], 10, on_done, &ended[i]), 0);
    xvmsg_flush(j.h);
    expect(0, XVMSG_OK);
    for (unsigned i = 1; i < 4; i++)
        expect(i, XVMSG_CANCELLED);
    /* When it is cancelled, too. */
    memset(ended, 0, sizeof(ended));
    open_rng();
    CU_ASSERT_EQUAL(xvmsg_rng_read(rng, bytes[0], 10, close_it, &ended[0]), 0);
    CU_ASSERT_EQUAL(xvmsg_rng_read(rng, bytes[1], 10, close_it, &ended[1]), 0);
    xvmsg_rng_close(rng);
    expect(0, XVMSG_CANCELLED);
    expect(1, XVMSG_CANCELLED);
    joined_close(&j);
}

/* ---- a bad device ---- */

static void an_empty_answer_is_none(void)
{
    start(true);
    gives = 0;
    CU_ASSERT_EQUAL(ask(0, 100), 0);
    expect(0, XVMSG_MALFORMED_RESPONSE);
    xvmsg_rng_close(rng);
    joined_close(&j);
}

static void nothing_is_handed_out_twice(void)
{
    start(true);
    gives = 100;
    writes = true;
    CU_ASSERT_EQUAL(ask(0, 100), 0);
    expect(0, XVMSG_OK);
    CU_ASSERT_EQUAL(bytes[0][99], 0xaa);
    writes = false;
    CU_ASSERT_EQUAL(ask(1, 100), 0);
    expect(1, XVMSG_OK);
    CU_ASSERT_EQUAL(count_zeros(bytes[1], 100), 100);
    xvmsg_rng_close(rng);
    joined_close(&j);
}

static void more_than_was_asked_for_breaks_it(void)
{
    start(true);
    gives = 101;
    CU_ASSERT_EQUAL(ask(0, 100), 0);
    expect(0, XVMSG_MALFORMED_RESPONSE);
    CU_ASSERT_EQUAL(count_zeros(bytes[0], 200), 200);
    CU_ASSERT_EQUAL(ask(1, 100), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    xvmsg_rng_close(rng);
    joined_close(&j);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(bytes_come),
        TEST(four_at_once),
        TEST(a_disk_is_no_source_of_random_bytes),
        TEST(closing_cancels),
        TEST(the_end_of_the_handle_cancels),
        TEST(a_removal_ends_reads),
        TEST(it_may_be_closed_from_a_callback),
        TEST(an_empty_answer_is_none),
        TEST(nothing_is_handed_out_twice),
        TEST(more_than_was_asked_for_breaks_it),
        {NULL, NULL},
    };

    return test_main("rng-ends", cases);
}
