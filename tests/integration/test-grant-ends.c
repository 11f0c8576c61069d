/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library and the whole backend, with queues and buffers at grant addresses. */

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontend/xvmsg-blk.h"
#include "tests/harness.h"
#include "tests/integration/joined.h"

#define DISK_BYTES (3 * 1024 * 1024)
#define BYTES (700 * 1024 + 512)
#define UUID "11223344-5566-7788-99aa-bbccddeeff00"

static struct joined j;
static struct xvmsg_blk *blk;
static unsigned waiting; /* for so many answers */
static enum xvmsg_status status;
static uint8_t bytes[BYTES], back[BYTES];

/* Everything a library starts anew with. */
static void begin(unsigned run)
{
    joined_open(&j);
    joined_stop_guest(&j);
    fake_xen_spread_refs(j.s.fx, run);
    j.addresses = XVMSG_ADDRESS_GRANT;
    joined_start_guest(&j);
    joined_request(&j, "disk", stage_target(&j.s, "disk", DISK_BYTES), UUID);
    joined_await_device(&j, 1);
    for (unsigned i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 4096);
    memset(back, 0, BYTES);
}

static void on_answer(struct xvmsg_blk *which, enum xvmsg_status how, void *user)
{
    (void)which, (void)user;
    if (how != XVMSG_OK)
        status = how;
    waiting--;
}

static bool all_answered(struct joined *joined, void *user)
{
    (void)joined, (void)user;
    return !waiting;
}

static enum xvmsg_status answers(unsigned count)
{
    waiting = count;
    status = XVMSG_OK;
    xvmsg_flush(j.h);
    joined_run_until(&j, all_answered, NULL);
    return status;
}

static enum xvmsg_status open_disk(void)
{
    blk = xvmsg_blk_open(j.h, 1, on_answer, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(blk);
    return answers(1);
}

static unsigned mapped(void)
{
    return fake_xen_counters(j.s.fx).mapped_pages;
}

static unsigned shared(void)
{
    return fake_xen_counters(j.s.fx).shared_pages;
}

static bool pages_are(struct joined *joined, void *user)
{
    (void)joined;
    return shared() == *(unsigned *)user;
}

static void close_disk(unsigned shared_before)
{
    xvmsg_blk_close(blk);
    xvmsg_flush(j.h);
    joined_run_until(&j, pages_are, &shared_before);
}

static void write_and_read(uint8_t *from, uint8_t *to)
{
    CU_ASSERT_EQUAL(xvmsg_blk_write(blk, 512, from, BYTES, on_answer, NULL), 0);
    CU_ASSERT_EQUAL(answers(1), XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 512, to, BYTES, on_answer, NULL), 0);
    CU_ASSERT_EQUAL(answers(1), XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(to, bytes, BYTES), 0);
}

static void disk_with_references(unsigned run)
{
    unsigned mapped_before, shared_before;
    char path[64];
    uint8_t *memory;
    size_t size;
    int fd;

    begin(run);
    mapped_before = mapped();
    shared_before = shared();
    CU_ASSERT_EQUAL_FATAL(open_disk(), XVMSG_OK);
    /* The three parts of its queue. */
    CU_ASSERT_EQUAL(mapped(), mapped_before + 3);
    write_and_read(bytes, back);
    snprintf(path, sizeof(path), "%s/disk", j.s.directory);
    fd = open(path, O_RDONLY);
    CU_ASSERT_EQUAL(pread(fd, back, BYTES, 512), BYTES);
    CU_ASSERT_EQUAL(memcmp(back, bytes, BYTES), 0);
    close(fd);

    /* And where no copy is made here, at an odd address of all. */
    memory = xvmsg_blk_memory(blk, &size);
    CU_ASSERT_FATAL(size > BYTES + 101);
    memcpy(memory + 101, bytes, BYTES);
    write_and_read(memory + 101, memory + 101);
    CU_ASSERT_EQUAL(mapped(), mapped_before + 3);

    close_disk(shared_before);
    CU_ASSERT_EQUAL(mapped(), mapped_before);
    CU_ASSERT_EQUAL(fake_xen_counters(j.s.fx).unshared_while_mapped, 0);
    joined_close(&j);
}

static void references_follow_each_other(void)
{
    disk_with_references(0);
}

static void each_reference_stands_alone(void)
{
    disk_with_references(1);
}

static void references_come_in_runs(void)
{
    disk_with_references(3);
}

/* ---- a device of any type, and its queue ---- */

static struct xvmsg_device *device;

static void on_ready(struct xvmsg_device *which, enum xvmsg_status how, void *user)
{
    (void)which, (void)user;
    status = how;
    waiting--;
}

static void a_queue_is_resized(void)
{
    static const struct xvmsg_driver driver = {
        .device_id = VIRTIO_ID_BLOCK, .num_queues = 1, .queue_size = 16};
    static const unsigned sizes[] = {128, 16, 64};
    unsigned mapped_before, shared_before;
    uint64_t maps;

    begin(1);
    mapped_before = mapped();
    shared_before = shared();
    device = xvmsg_device_open(j.h, 1, &driver, on_ready, NULL);
    CU_ASSERT_EQUAL_FATAL(answers(1), XVMSG_OK);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        maps = fake_xen_counters(j.s.fx).maps;
        CU_ASSERT_EQUAL(xvmsg_device_resize_queue(device, 0, sizes[i], on_ready, NULL), 0);
        CU_ASSERT_EQUAL(answers(1), XVMSG_OK);
        CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(device, 0)), sizes[i]);
        CU_ASSERT_EQUAL(fake_xen_counters(j.s.fx).maps, maps + 3);
        CU_ASSERT_EQUAL(mapped(), mapped_before + 3);
    }
    xvmsg_device_close(device);
    xvmsg_flush(j.h);
    joined_run_until(&j, pages_are, &shared_before);
    CU_ASSERT_EQUAL(mapped(), mapped_before);
    CU_ASSERT_EQUAL(fake_xen_counters(j.s.fx).unshared_while_mapped, 0);
    joined_close(&j);
}

/* More descriptors than the queue has, for pages that stand alone. */
static void a_buffer_of_too_many_runs_is_refused(void)
{
    static const struct xvmsg_driver driver = {
        .device_id = VIRTIO_ID_BLOCK, .num_queues = 1, .queue_size = 4, .buffer_bytes = 32768};
    struct xvmsg_area *area;
    struct xvmsg_buffer buffer;

    begin(1);
    device = xvmsg_device_open(j.h, 1, &driver, on_ready, NULL);
    CU_ASSERT_EQUAL_FATAL(answers(1), XVMSG_OK);
    area = xvmsg_device_buffers(device);
    buffer = (struct xvmsg_buffer){xvmsg_area_address(area, xvmsg_area_memory(area)), 5 * 4096};
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(device, 0), &buffer, 0, 1, &buffer), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    buffer.length = 4 * 4096;
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(device, 0), &buffer, 0, 1, &buffer), 0);
    joined_close(&j);
}

static void many_small_requests_take_few_calls(void)
{
    const unsigned count = 32;
    uint64_t before;

    begin(0);
    CU_ASSERT_EQUAL_FATAL(open_disk(), XVMSG_OK);
    before = fake_xen_counters(j.s.fx).copies;
    for (unsigned i = 0; i < count; i++)
        CU_ASSERT_EQUAL(xvmsg_blk_read(blk, i * 4096, back + i * 4096, 4096, on_answer, NULL), 0);
    CU_ASSERT_EQUAL(answers(count), XVMSG_OK);
    /* Each would take three, by itself. */
    CU_ASSERT(fake_xen_counters(j.s.fx).copies - before < count);
    joined_close(&j);
}

static bool was_told_of_a_reset(struct joined *joined, void *user)
{
    (void)joined, (void)user;
    return !waiting;
}

static void a_copy_that_fails_costs_the_device_a_reset(void)
{
    unsigned shared_before;

    for (unsigned nth = 1; nth <= 3; nth++) {
        begin(0);
        shared_before = shared();
        CU_ASSERT_EQUAL_FATAL(open_disk(), XVMSG_OK);
        fake_xen_fail(j.s.fx, 0, "grant_copy", nth, EFAULT);
        CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, back, 4096, on_answer, NULL), 0);
        waiting = 1;
        status = XVMSG_OK;
        xvmsg_flush(j.h);
        joined_run_until(&j, was_told_of_a_reset, NULL);
        CU_ASSERT(fake_xen_failed(j.s.fx));
        CU_ASSERT_EQUAL(status, XVMSG_NEEDS_RESET);
        /* Opened anew it works. */
        close_disk(shared_before);
        CU_ASSERT_EQUAL_FATAL(open_disk(), XVMSG_OK);
        write_and_read(bytes, back);
        joined_close(&j);
    }
}

static void a_queue_that_cannot_be_mapped_is_refused(void)
{
    for (unsigned nth = 1; nth <= 3; nth++) {
        unsigned before;

        begin(0);
        before = mapped();
        fake_xen_fail(j.s.fx, 0, "grant_map", nth, ENOMEM);
        CU_ASSERT_EQUAL(open_disk(), XVMSG_REFUSED);
        CU_ASSERT(fake_xen_failed(j.s.fx));
        CU_ASSERT_EQUAL(mapped(), before);
        xvmsg_blk_close(blk);
        CU_ASSERT_EQUAL(open_disk(), XVMSG_OK);
        joined_close(&j);
    }
}

static bool disconnected(struct joined *joined, void *user)
{
    (void)user;
    return !joined->connected;
}

/* With requests under way, either end goes; nothing is left mapped. */
static void an_end_goes(void)
{
    begin(0);
    CU_ASSERT_EQUAL_FATAL(open_disk(), XVMSG_OK);
    for (unsigned i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, back + i * 4096, 4096, on_answer, NULL), 0);
    waiting = 8;
    xvmsg_flush(j.h);
    joined_turn(&j);
    joined_stop_guest(&j);
    joined_start_guest(&j);
    joined_await_device(&j, 1);
    CU_ASSERT_EQUAL_FATAL(open_disk(), XVMSG_OK);
    write_and_read(bytes, back);

    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, back, 4096, on_answer, NULL), 0);
    waiting = 1;
    xvmsg_flush(j.h);
    joined_stop_daemon(&j);
    CU_ASSERT_EQUAL(mapped(), 0);
    joined_start_daemon(&j);
    joined_run_until(&j, disconnected, NULL);
    joined_close(&j);
}

static const struct test_case cases[] = {
    TEST(references_follow_each_other),
    TEST(each_reference_stands_alone),
    TEST(references_come_in_runs),
    TEST(a_queue_is_resized),
    TEST(a_buffer_of_too_many_runs_is_refused),
    TEST(many_small_requests_take_few_calls),
    TEST(a_copy_that_fails_costs_the_device_a_reset),
    TEST(a_queue_that_cannot_be_mapped_is_refused),
    TEST(an_end_goes),
    {NULL, NULL},
};

int main(void)
{
    return test_main("grant-ends", cases);
}
