/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Disks whose file fails for a while: what the guest sees, and what the log says. */

#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/blk-guest.h"
#include "tests/integration/logged.h"

#define ANYWHERE UINT64_MAX

/* What the kernel is asked at `detour_offset` it does on this file instead. */
static int detour = -1;
static uint64_t detour_offset;
static uint64_t detour_to; /* offset there */

int io_uring_submit(struct io_uring *ring)
{
    for (unsigned i = ring->sq.sqe_head; detour >= 0 && i != ring->sq.sqe_tail; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];

        if (detour_offset != ANYWHERE && sqe->off != detour_offset)
            continue;
        sqe->flags &= (uint8_t)~IOSQE_FIXED_FILE;
        sqe->fd = detour;
        sqe->off = detour_to;
    }
    return io_uring_submit_and_wait(ring, 0);
}

static void begin_detour(const char *path, uint64_t offset, uint64_t to)
{
    detour = open(path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_FATAL(detour >= 0);
    detour_offset = offset;
    detour_to = to;
}

static void end_detour(void)
{
    close(detour);
    detour = -1;
}

/* ---- */

static uint8_t request(struct guest *g, uint32_t type, uint64_t sector)
{
    uint32_t length;

    return blk_guest_request(g, type, sector, 512, &length);
}

static void without_space_writes_fail_until_there_is_some(void)
{
    struct guest *g = blk_guest_start(guest_disk(SECTORS), false, FEATURES);
    const char *logged;

    CU_ASSERT_EQUAL(request(g, VIRTIO_BLK_T_OUT, 8), VIRTIO_BLK_S_OK);
    begin_detour("/dev/full", ANYWHERE, 0);
    logged_begin();
    for (unsigned i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(request(g, VIRTIO_BLK_T_OUT, 8), VIRTIO_BLK_S_IOERR);
    logged = logged_end();
    CU_ASSERT_EQUAL(logged_lines(logged), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "device disk0: /tmp/xvmsg-disk-"));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "cannot be written at byte 4096: No space left"));
    end_detour();
    CU_ASSERT_EQUAL(request(g, VIRTIO_BLK_T_OUT, 8), VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

/* Nothing is mapped at address 0 of this process: reading it there is EIO. */
static void a_medium_that_fails_fails_the_request_alone(void)
{
    struct guest *g = blk_guest_start(guest_disk(SECTORS), false, FEATURES);
    const char *logged;

    begin_detour("/proc/self/mem", 4096, 0);
    logged_begin();
    CU_ASSERT_EQUAL(request(g, VIRTIO_BLK_T_IN, 8), VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(request(g, VIRTIO_BLK_T_IN, 9), VIRTIO_BLK_S_OK);
    logged = logged_end();
    CU_ASSERT_EQUAL(logged_lines(logged), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "cannot be read at byte 4096: Input/output error"));
    end_detour();
    CU_ASSERT_EQUAL(request(g, VIRTIO_BLK_T_IN, 8), VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

static void a_file_cut_short_is_told_and_may_grow_again(void)
{
    struct guest *g = blk_guest_start(guest_disk(SECTORS), false, FEATURES);
    const char *logged;

    CU_ASSERT_EQUAL(ftruncate(blk_guest_disk, 4096), 0);
    logged_begin();
    CU_ASSERT_EQUAL(request(g, VIRTIO_BLK_T_IN, 8), VIRTIO_BLK_S_IOERR);
    logged = logged_end();
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "cannot be read at byte 4096: it has become shorter"));
    CU_ASSERT_EQUAL(ftruncate(blk_guest_disk, SECTORS * 512), 0);
    CU_ASSERT_EQUAL(request(g, VIRTIO_BLK_T_IN, 8), VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

/* Writes to one file are handed over together; what is wrong with one is no matter of the
 * others. */
static void one_bad_write_takes_no_other_with_it(void)
{
    struct guest *g = blk_guest_start(guest_disk(SECTORS), false, FEATURES);
    const char *logged;

    begin_detour("/dev/full", 2 * 512, 0);
    logged_begin();
    for (unsigned n = 0; n < 5; n++)
        blk_guest_prepare(g, n, VIRTIO_BLK_T_OUT, n, 512, 0);
    memset(g->area + GUEST_DATA, 0xc3, 512);
    guest_kick(g, DEV);
    for (unsigned n = 0; n < 5; n++)
        guest_await_used(g);
    logged = logged_end();
    end_detour();
    for (unsigned n = 0; n < 5; n++) {
        uint8_t byte = 0;

        CU_ASSERT_EQUAL(g->area[GUEST_STATUSES + n],
                        n == 2 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
        CU_ASSERT_EQUAL(pread(blk_guest_disk, &byte, 1, n * 512), 1);
        CU_ASSERT_EQUAL(byte, n == 2 ? 2 : 0xc3);
    }
    CU_ASSERT_EQUAL(logged_lines(logged), 1);
    blk_guest_stop(g);
}

static const struct test_case cases[] = {
    TEST(without_space_writes_fail_until_there_is_some),
    TEST(a_medium_that_fails_fails_the_request_alone),
    TEST(a_file_cut_short_is_told_and_may_grow_again),
    TEST(one_bad_write_takes_no_other_with_it),
    {NULL, NULL},
};

int main(void)
{
    return test_main("blk failures", cases);
}
