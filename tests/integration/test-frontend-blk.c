/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's disks: asynchronous and blocking, in place and copied. */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-disk.h"

#define KIB 1024u
#define MIB (1024u * 1024)

static void prepare(void)
{
    disk_add();
    disk_announce();
    ready_status = XVMSG_TIMEOUT;
}

static void start(void)
{
    prepare();
    disk_open();
    CU_ASSERT_EQUAL_FATAL(ready_status, XVMSG_OK);
}

/* ---- one request ---- */

static void reads_and_writes_in_place_and_copied(void)
{
    uint8_t *copied = malloc(MIB);
    uint8_t *in_place;
    size_t size;

    start();
    CU_ASSERT_EQUAL(xvmsg_blk_size(blk), BACKEND_DISK_BYTES);
    CU_ASSERT_FALSE(xvmsg_blk_is_readonly(blk));
    in_place = xvmsg_blk_memory(blk, &size);
    CU_ASSERT_FATAL(size >= MIB);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 512, copied, MIB, disk_done, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 512, in_place + 512, MIB - 512, disk_done, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 2);
    CU_ASSERT_EQUAL(last_status, XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(copied, disk->disk + 512, MIB), 0);
    CU_ASSERT_EQUAL(memcmp(in_place + 512, disk->disk + 512, MIB - 512), 0);
    for (size_t i = 0; i < MIB; i++)
        in_place[i] = copied[i] = (uint8_t)(i * 31 + i / 512);
    CU_ASSERT_EQUAL(xvmsg_blk_write(blk, MIB, copied, MIB, disk_done, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(memcmp(disk->disk + MIB, copied, MIB), 0);
    CU_ASSERT_EQUAL(xvmsg_blk_write(blk, 0, in_place, 64 * KIB, disk_done, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(memcmp(disk->disk, copied, 64 * KIB), 0);
    CU_ASSERT_EQUAL(done_count, 4);
    backend_free(b);
    free(copied);
}

static void flushes_and_tells_its_id(void)
{
    char id[20];

    start();
    CU_ASSERT_EQUAL(xvmsg_blk_flush(blk, disk_done, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_blk_get_id(blk, id, disk_done, NULL), 0);
    CU_ASSERT_EQUAL(done_count, 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 2);
    CU_ASSERT_EQUAL(disk->flushes, 1);
    CU_ASSERT_STRING_EQUAL(id, "a scripted disk");
    backend_free(b);
}

static void a_disk_without_cache_is_flushed_at_once(void)
{
    prepare();
    disk->offered &= ~(UINT64_C(1) << VIRTIO_BLK_F_FLUSH);
    disk_open();
    CU_ASSERT_EQUAL(xvmsg_blk_flush(blk, disk_done, NULL), 0);
    CU_ASSERT_EQUAL(done_count, 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 1);
    CU_ASSERT_EQUAL(last_status, XVMSG_OK);
    CU_ASSERT_EQUAL(disk->flushes, 0);
    backend_free(b);
}

static void refuses_what_is_no_request(void)
{
    uint8_t sector[1024];

    prepare();
    disk->offered |= UINT64_C(1) << VIRTIO_BLK_F_RO;
    disk_open();
    CU_ASSERT_TRUE(xvmsg_blk_is_readonly(blk));
    CU_ASSERT_EQUAL(xvmsg_blk_write(blk, 0, sector, 512, disk_done, NULL), -1);
    CU_ASSERT_EQUAL(errno, EROFS);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 1, sector, 512, disk_done, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 511, disk_done, NULL), -1);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 0, disk_done, NULL), -1);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, (size_t)3 << 30, disk_done, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, UINT64_MAX - 511, sector, 1024, disk_done, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 0);
    backend_free(b);
}

static void many_requests_fly_together(void)
{
    uint8_t *buffer = malloc(64 * 4 * KIB);
    unsigned flying = 0;

    start();
    disk->idle = true;
    while (flying < 64 && xvmsg_blk_read(blk, flying * 8 * KIB, buffer + flying * 4 * KIB, 4 * KIB,
                                         disk_done, NULL) == 0)
        flying++;
    CU_ASSERT_EQUAL(errno, EAGAIN);
    CU_ASSERT(flying >= 32);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 0);
    CU_ASSERT_EQUAL(b->seen[MSG_event_avail], 1);
    disk->idle = false;
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, flying);
    for (unsigned i = 0; i < flying; i++)
        CU_ASSERT_EQUAL(memcmp(buffer + i * 4 * KIB, disk->disk + i * 8 * KIB, 4 * KIB), 0);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, buffer, 512, disk_done, NULL), 0);
    backend_free(b);
    CU_ASSERT_EQUAL(last_status, XVMSG_CANCELLED);
    CU_ASSERT_EQUAL(done_count, flying + 1);
    free(buffer);
}

/* ---- limits of the device ---- */

static uint32_t longest_segment;
static uint32_t most_segments;

/* Looks at the chains before the disk does. */
static bool measure(struct backend *backend, const struct msg *m)
{
    struct backend_queue *q = &disk->queues[0];
    struct vring_desc *desc = backend_memory(backend, q->set.desc_addr, 16u * q->set.size);
    struct vring_avail *avail = backend_memory(backend, q->set.driver_addr, 6 + 2u * q->set.size);

    if (m->kind != MSG_event_avail)
        return false;
    for (uint16_t at = q->avail_seen; at != avail->idx; at++) {
        uint16_t i = avail->ring[at % q->set.size];
        uint32_t segments = 0;

        for (; desc[i].flags & VRING_DESC_F_NEXT; segments++) {
            i = desc[i].next;
            if (desc[i].len > longest_segment)
                longest_segment = desc[i].len;
        }
        if (segments - 1 > most_segments)
            most_segments = segments - 1;
    }
    return false;
}

static void keeps_size_max_and_seg_max(void)
{
    uint8_t *copied = malloc(256 * KIB);
    uint8_t *in_place;
    size_t size;

    prepare();
    disk->offered |= UINT64_C(1) << VIRTIO_BLK_F_SIZE_MAX | UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX;
    le32_put(disk->config + 8, 5000);
    le32_put(disk->config + 12, 3);
    disk_open();
    CU_ASSERT_EQUAL(ready_status, XVMSG_OK);
    b->script = measure;
    longest_segment = most_segments = 0;
    in_place = xvmsg_blk_memory(blk, &size);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, copied, 256 * KIB, disk_done, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, in_place, 256 * KIB, disk_done, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 2);
    CU_ASSERT_EQUAL(longest_segment, 4608);
    CU_ASSERT_EQUAL(most_segments, 3);
    CU_ASSERT_EQUAL(memcmp(copied, disk->disk, 256 * KIB), 0);
    CU_ASSERT_EQUAL(memcmp(in_place, disk->disk, 256 * KIB), 0);
    backend_free(b);
    free(copied);
}

/* At grant addresses a segment ends where its page does, and what is left of the page
 * may be less than a sector: then nothing fits a request of one segment as it lies. */
static void less_than_a_sector_of_a_page_is_copied(void)
{
    uint8_t *memory;
    size_t size;

    b = backend_new();
    fake_xen_spread_refs(b->fx, 1);
    CU_ASSERT_EQUAL(xvmsg_set_addresses(b->h, XVMSG_ADDRESS_GRANT), 0);
    backend_make_bus(b);
    backend_advertise(b);
    xvmsg_connect(b->h);
    backend_settle(b);
    disk = backend_add_disk(b, 3, "disk0");
    disk->offered |= UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX;
    le32_put(disk->config + 12, 1);
    disk->idle = true;
    backend_settle(b);
    disk_open();
    CU_ASSERT_EQUAL_FATAL(ready_status, XVMSG_OK);
    memory = xvmsg_blk_memory(blk, &size);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, memory + 4096 - 100, 4096, disk_done, NULL), 0);
    backend_free(b);
}

static void disks_it_cannot_use_are_refused(void)
{
    static const uint32_t config_sizes[] = {7, 1, 0};

    for (int i = 0; i < 5; i++) {
        prepare();
        if (i == 0) {
            disk->offered |= UINT64_C(1) << VIRTIO_BLK_F_SIZE_MAX;
            le32_put(disk->config + 8, 511);
        }
        if (i == 1)
            disk->queues[0].max_size = 2;
        if (i >= 2)
            disk->config_size = config_sizes[i - 2];
        disk_open();
        CU_ASSERT_EQUAL(ready_status, XVMSG_REFUSED);
        if (i >= 2)
            CU_ASSERT_EQUAL(xvmsg_blk_size(blk), 0);
        CU_ASSERT_EQUAL(xvmsg_blk_flush(blk, disk_done, NULL), -1);
        CU_ASSERT_EQUAL(errno, EIO);
        xvmsg_blk_close(blk);
        backend_settle(b);
        CU_ASSERT_EQUAL(disk->status, 0);
        backend_free(b);
    }
}

static void a_guest_short_of_grants_gets_a_smaller_copy_space(void)
{
    size_t size;

    prepare();
    /* The ring's area first, then the buffers at full size. */
    fake_xen_fail(b->fx, BACKEND_GUEST, "grant_share", 2, ENOSPC);
    disk_open();
    CU_ASSERT_TRUE(fake_xen_failed(b->fx));
    CU_ASSERT_EQUAL(ready_status, XVMSG_OK);
    xvmsg_blk_memory(blk, &size);
    CU_ASSERT(size > 400 * KIB && size < MIB);
    backend_free(b);
}

/* ---- what a device may say ---- */

static void the_status_byte_decides(void)
{
    static const struct {
        uint8_t answer;
        int written_offset;
        enum xvmsg_status expected;
    } cases[] = {
        {VIRTIO_BLK_S_OK, 0, XVMSG_OK},
        {VIRTIO_BLK_S_IOERR, 0, XVMSG_IO_ERROR},
        {VIRTIO_BLK_S_UNSUPP, 0, XVMSG_UNSUPPORTED},
        {77, 0, XVMSG_MALFORMED_RESPONSE},
        {VIRTIO_BLK_S_OK, -1, XVMSG_IO_ERROR}, /* it did not write all */
    };
    uint8_t sector[512];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start();
        disk->answer = cases[i].answer;
        disk->written_offset = cases[i].written_offset;
        CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), 0);
        backend_settle(b);
        CU_ASSERT_EQUAL(done_count, 1);
        CU_ASSERT_EQUAL(last_status, cases[i].expected);
        backend_free(b);
    }
}

static void a_device_that_lies_about_its_buffers_is_broken(void)
{
    uint8_t sector[512];

    start();
    disk->written_offset = 1000;
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 1);
    CU_ASSERT_EQUAL(last_status, XVMSG_MALFORMED_RESPONSE);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "written past"));
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
    backend_free(b);
}

static unsigned changes;
static uint64_t changed_size;
static enum xvmsg_status changed_status;

static void on_changed(struct xvmsg_blk *which, enum xvmsg_status status, void *user)
{
    CU_ASSERT_PTR_EQUAL(which, user);
    changes++;
    changed_size = xvmsg_blk_size(which);
    changed_status = status;
}

static void the_size_follows_the_disk(void)
{
    struct msg m = {.kind = MSG_event_config, .dev_num = 3, .event_config.device_status = 0x0f};
    uint8_t sectors[8];

    start();
    changes = 0;
    xvmsg_blk_set_changed(blk, on_changed, blk);
    backend_settle(b);
    CU_ASSERT_EQUAL(changes, 0);
    le64_put(disk->config, 10000); /* an event that says only that something changed */
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_EQUAL(changes, 1);
    CU_ASSERT_EQUAL(changed_size, 10000 * 512);
    backend_send(b, &m); /* it did not */
    backend_settle(b);
    CU_ASSERT_EQUAL(changes, 1);
    le64_put(sectors, 7); /* one that brings the size */
    m.event_config.length = 8;
    m.event_config.data = (struct msg_tail){sectors, 8};
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_EQUAL(changes, 2);
    CU_ASSERT_EQUAL(changed_size, 7 * 512);
    CU_ASSERT_EQUAL(changed_status, XVMSG_OK);
    backend_vanish(b, 3);
    backend_settle(b);
    CU_ASSERT_EQUAL(changes, 3);
    CU_ASSERT_EQUAL(changed_status, XVMSG_DEVICE_REMOVED);
    backend_free(b);
}

static void a_disk_that_wants_a_reset_says_so(void)
{
    struct msg m = {.kind = MSG_event_config, .dev_num = 3, .event_config.device_status = 0x4f};
    uint8_t sector[512];

    start();
    disk->idle = true;
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), 0);
    backend_settle(b);
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 1);
    CU_ASSERT_EQUAL(last_status, XVMSG_NEEDS_RESET);
    CU_ASSERT_EQUAL(disk->status, 0);
    CU_ASSERT_EQUAL(xvmsg_blk_pread(blk, sector, 512, 0), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "wants a reset"));
    disk->idle = false;
    xvmsg_blk_close(blk);
    disk_open();
    CU_ASSERT_EQUAL(ready_status, XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(last_status, XVMSG_OK);
    backend_free(b);
}

/* ---- the end ---- */

static void requests_end_with_the_disk(void)
{
    uint8_t sector[512];

    start();
    disk->idle = true;
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), 0);
    backend_settle(b);
    backend_vanish(b, 3);
    backend_settle(b);
    CU_ASSERT_EQUAL(last_status, XVMSG_DEVICE_REMOVED);
    backend_free(b);

    start();
    disk->idle = true;
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), 0);
    backend_settle(b);
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_EQUAL(last_status, XVMSG_BUS_CLOSED);
    xvmsg_blk_close(blk);
    disk_open();
    CU_ASSERT_EQUAL(ready_status, XVMSG_OK);
    backend_free(b);

    start();
    disk->idle = true;
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), 0);
    xvmsg_blk_close(blk);
    CU_ASSERT_EQUAL(done_count, 1);
    CU_ASSERT_EQUAL(last_status, XVMSG_CANCELLED);
    backend_settle(b);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", "released"));
    backend_free(b);
}

static void close_in_callback(struct xvmsg_blk *which, enum xvmsg_status status, void *user)
{
    (void)user;
    done_count++;
    if (status == XVMSG_OK)
        xvmsg_blk_close(which);
}

static void a_disk_opened_while_it_is_wanted_back_may_vanish(void)
{
    uint8_t sector[512];

    b = backend_connected();
    disk = backend_add_disk(b, 3, "disk0");
    backend_want_back(b, 3); /* before anybody was told of it */
    backend_settle(b);
    done_count = 0;
    disk_open();
    CU_ASSERT_EQUAL_FATAL(ready_status, XVMSG_OK);
    disk->idle = true;
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, disk_done, NULL), 0);
    backend_settle(b);
    backend_vanish(b, 3);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 1);
    CU_ASSERT_EQUAL(last_status, XVMSG_DEVICE_REMOVED);
    xvmsg_blk_close(blk);
    backend_settle(b);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3", NULL));
    backend_free(b);
}

static void a_disk_may_be_closed_from_its_own_callback(void)
{
    uint8_t sector[512];

    start();
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, 512, close_in_callback, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 3);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 4);
    backend_free(b);
}

/* ---- blocking ---- */

static void blocking_calls_move_everything(void)
{
    size_t size = BACKEND_DISK_BYTES - 512;
    uint8_t *buffer = malloc(size);

    b = backend_new();
    backend_make_bus(b);
    disk = backend_add_disk(b, 3, "disk0");
    backend_advertise(b);
    backend_start(b);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect_wait(b->h, 10000), 0);
    blk = xvmsg_blk_open_wait(b->h, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(blk);
    CU_ASSERT_EQUAL(xvmsg_blk_pread(blk, buffer, size, 512), 0);
    CU_ASSERT_EQUAL(memcmp(buffer, disk->disk + 512, size), 0);
    memset(buffer, 0x5a, size);
    CU_ASSERT_EQUAL(xvmsg_blk_pwrite(blk, buffer, size, 512), 0);
    CU_ASSERT_EQUAL(xvmsg_blk_sync(blk), 0);
    CU_ASSERT_EQUAL(memcmp(buffer, disk->disk + 512, size), 0);
    CU_ASSERT_EQUAL(disk->flushes, 1);
    for (int i = 0; i < 200; i++)
        CU_ASSERT_EQUAL(xvmsg_blk_pread(blk, buffer, 512, (uint64_t)i * 512), 0);
    CU_ASSERT_EQUAL(xvmsg_blk_pread(blk, buffer, 100, 0), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    disk->answer = VIRTIO_BLK_S_IOERR;
    CU_ASSERT_EQUAL(xvmsg_blk_pread(blk, buffer, 512, 0), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "I/O error"));
    xvmsg_blk_close(blk);
    blk = xvmsg_blk_open_wait(b->h, 3); /* waits for the close */
    CU_ASSERT_PTR_NOT_NULL(blk);
    CU_ASSERT_PTR_NULL(xvmsg_blk_open_wait(b->h, 3));
    backend_free(b);
    free(buffer);
}

static void blocking_requests_wait_for_their_response(void)
{
    struct xvmsg_waiter w = {0};
    bool never = false;

    b = backend_new();
    backend_make_bus(b);
    disk = backend_add_disk(b, 3, "disk0");
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_set_timeout(b->h, 50), 0);
    CU_ASSERT_EQUAL(xvmsg_set_spin(b->h, 0), 0);
    backend_start(b);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect_wait(b->h, 10000), 0);
    for (uint32_t i = 0; i < 100; i++) {
        w = (struct xvmsg_waiter){0};
        CU_ASSERT_EQUAL(xvmsg_ping(b->h, i, xvmsg_wake, &w), 0);
        CU_ASSERT_EQUAL(xvmsg_wait(b->h, &w), 0);
    }
    w = (struct xvmsg_waiter){0};
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 99, xvmsg_wake, &w), 0); /* nobody answers */
    CU_ASSERT_EQUAL(xvmsg_wait(b->h, &w), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_TIMEOUT);
    CU_ASSERT_EQUAL(xvmsg_run(b->h, &never, 1), -1);
    CU_ASSERT_EQUAL(errno, ETIMEDOUT);
    CU_ASSERT_PTR_NULL(xvmsg_blk_open_wait(b->h, 99));
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(reads_and_writes_in_place_and_copied),
    TEST(flushes_and_tells_its_id),
    TEST(a_disk_without_cache_is_flushed_at_once),
    TEST(refuses_what_is_no_request),
    TEST(many_requests_fly_together),
    TEST(keeps_size_max_and_seg_max),
    TEST(less_than_a_sector_of_a_page_is_copied),
    TEST(disks_it_cannot_use_are_refused),
    TEST(a_guest_short_of_grants_gets_a_smaller_copy_space),
    TEST(the_status_byte_decides),
    TEST(a_device_that_lies_about_its_buffers_is_broken),
    TEST(the_size_follows_the_disk),
    TEST(a_disk_that_wants_a_reset_says_so),
    TEST(requests_end_with_the_disk),
    TEST(a_disk_opened_while_it_is_wanted_back_may_vanish),
    TEST(a_disk_may_be_closed_from_its_own_callback),
    TEST(blocking_calls_move_everything),
    TEST(blocking_requests_wait_for_their_response),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-blk", cases);
}
