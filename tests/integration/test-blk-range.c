/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* DISCARD and WRITE_ZEROES from their guest's side, on a temporary file. */

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/blk-guest.h"

#define RANGES (FEATURES | BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES))
#define UNMAP VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP
#define SEGMENT 16u
#define MAX_SEGMENTS 16u
#define MAX_ZEROES 32768u
#define DISK_BYTES (SECTORS * 512)

/* What the kernel was asked for: of the ranges, their modes in order. */
static int modes[64];
static unsigned num_modes;
static int spoil_at; /* the mode of so manieth range from now becomes spoiled_mode */
static int spoiled_mode;
static int spoiled_fd; /* or its file, when not 0 */
static bool spoiled_place; /* or where it is */
static unsigned num_writes;
static int spoiled_write_fd; /* the file of all writes, when not 0 */
static unsigned syncs_after_writes;

static void look_at(struct io_uring_sqe *sqe)
{
    if (sqe->opcode == IORING_OP_WRITE || sqe->opcode == IORING_OP_WRITEV) {
        num_writes++;
        syncs_after_writes = 0;
        if (spoiled_write_fd) {
            sqe->fd = spoiled_write_fd;
            sqe->flags &= (uint8_t)~IOSQE_FIXED_FILE;
        }
    }
    if (sqe->opcode == IORING_OP_FSYNC)
        syncs_after_writes++;
    if (sqe->opcode != IORING_OP_FALLOCATE)
        return;
    modes[num_modes++ % 64] = (int)sqe->len;
    if (spoil_at && --spoil_at == 0) {
        if (spoiled_fd)
            sqe->fd = spoiled_fd;
        else if (spoiled_place)
            sqe->off = UINT64_MAX;
        else
            sqe->len = (unsigned)spoiled_mode;
    }
}

/* In place of the library's: sees what is handed over. */
int io_uring_submit(struct io_uring *ring)
{
    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++)
        look_at(&ring->sq.sqes[i & *ring->sq.kring_mask]);
    return io_uring_submit_and_wait(ring, 0);
}

static struct guest *start_with(bool read_only, uint64_t features)
{
    num_modes = num_writes = 0;
    spoil_at = 0;
    return blk_guest_start(guest_disk(SECTORS), read_only, features);
}

static struct guest *start(void)
{
    return start_with(false, RANGES);
}

static void segment(struct guest *g, unsigned n, uint64_t sector, uint32_t count, uint32_t flags)
{
    uint8_t *bytes = g->area + GUEST_DATA + (size_t)n * SEGMENT;

    le64_put(bytes, sector);
    le32_put(bytes + 8, count);
    le32_put(bytes + 12, flags);
}

/* A request of as many bytes of segments. */
static uint8_t range_request(struct guest *g, uint32_t type, uint32_t size)
{
    uint32_t length;
    uint8_t status = blk_guest_request(g, type, 0, size, &length);

    CU_ASSERT_EQUAL(length, 1);
    return status;
}

static uint8_t one_range(struct guest *g, uint32_t type, uint64_t sector, uint32_t count,
                         uint32_t flags)
{
    segment(g, 0, sector, count, flags);
    return range_request(g, type, SEGMENT);
}

/* Sectors are as guest_disk() made them, but for those from `from` to `to` - 1. */
static bool zero_between(unsigned from, unsigned to)
{
    uint8_t now[DISK_BYTES];

    if (pread(blk_guest_disk, now, sizeof(now), 0) != (ssize_t)sizeof(now))
        return false;
    for (unsigned i = 0; i < DISK_BYTES; i++)
        if (now[i] != (i / 512 >= from && i / 512 < to ? 0 : (uint8_t)(i / 512)))
            return false;
    return lseek(blk_guest_disk, 0, SEEK_END) == DISK_BYTES;
}

/* ---- what it does ---- */

static void says_what_it_can(void)
{
    struct guest *g = start();
    struct msg m = {
        .kind = MSG_get_config_request,
        .dev_num = DEV,
        .get_config_request = {.offset = 36, .length = 24},
    };
    const uint8_t *config;

    m = guest_call(g, m);
    CU_ASSERT_EQUAL_FATAL(m.get_config_response.length, 24);
    config = m.get_config_response.data.bytes;
    CU_ASSERT(le32_get(config) >= SECTORS);
    CU_ASSERT_EQUAL(le32_get(config + 4), MAX_SEGMENTS);
    CU_ASSERT(le32_get(config + 8) >= 1);
    CU_ASSERT_EQUAL(le32_get(config + 12), MAX_ZEROES);
    CU_ASSERT_EQUAL(le32_get(config + 16), 1);
    CU_ASSERT_EQUAL(config[20], 1);
    blk_guest_stop(g);
}

static void discards(void)
{
    struct guest *g = start();

    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 8, 8, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(8, 16));
    CU_ASSERT_EQUAL(num_modes, 1);
    CU_ASSERT_EQUAL(modes[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 0, SECTORS, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(0, SECTORS));
    blk_guest_stop(g);
}

static void writes_zeroes_and_keeps_the_room_unless_told_otherwise(void)
{
    struct guest *g = start();

    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 3, 5, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(3, 8));
    CU_ASSERT_EQUAL(modes[0], FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 3, 61, UNMAP), VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(3, SECTORS));
    CU_ASSERT_EQUAL(modes[1], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    CU_ASSERT_EQUAL(num_modes, 2);
    blk_guest_stop(g);
}

/* Empty ranges are nothing to do, and not the end. */
static void discards_several_ranges_at_once(void)
{
    struct guest *g = start();

    for (unsigned i = 0; i < MAX_SEGMENTS; i++)
        segment(g, i, 10 + i / 2, i % 2, 0);
    CU_ASSERT_EQUAL(range_request(g, VIRTIO_BLK_T_DISCARD, MAX_SEGMENTS * SEGMENT),
                    VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(10, 18));
    CU_ASSERT_EQUAL(num_modes, 8);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, SECTORS, 0, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(num_modes, 8);
    blk_guest_stop(g);
}

/* Header and ranges cut in the most unusual places, header and first range in one. */
static void does_not_care_about_framing(void)
{
    struct guest *g = start();
    static const uint32_t cuts[] = {20, 1, 30, 5};
    uint64_t at = GUEST_HEADERS;

    blk_guest_prepare(g, 0, VIRTIO_BLK_T_DISCARD, 0, SEGMENT, 0);
    segment(g, 0, 20, 1, 0);
    segment(g, 1, 21, 1, 0);
    segment(g, 2, 22, 1, 0);
    memcpy(g->area + GUEST_HEADERS + 16, g->area + GUEST_DATA, 3 * SEGMENT);
    for (uint16_t i = 0; i < 4; at += cuts[i++])
        guest_describe(g, i, at, cuts[i], 0, (uint16_t)(i + 1));
    guest_describe(g, 4, at, 16 + 3 * SEGMENT - 56, 0, 5);
    guest_describe(g, 5, GUEST_STATUSES, 1, WRITE, 0);
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_await_used(g), 1);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(20, 23));
    blk_guest_stop(g);
}

/* ---- what it refuses ---- */

static void refuses_ranges_that_are_none(void)
{
    static const struct {
        uint32_t type;
        uint64_t sector;
        uint32_t count, flags;
        uint8_t status;
    } bad[] = {
        {VIRTIO_BLK_T_DISCARD, 0, 8, UNMAP, VIRTIO_BLK_S_UNSUPP},
        {VIRTIO_BLK_T_DISCARD, 0, 8, 2, VIRTIO_BLK_S_UNSUPP},
        {VIRTIO_BLK_T_DISCARD, 0, 0, UINT32_MAX, VIRTIO_BLK_S_UNSUPP},
        {VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 2, VIRTIO_BLK_S_UNSUPP},
        {VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0x80000001, VIRTIO_BLK_S_UNSUPP},
        {VIRTIO_BLK_T_DISCARD, SECTORS, 1, 0, VIRTIO_BLK_S_IOERR},
        {VIRTIO_BLK_T_DISCARD, SECTORS + 1, 0, 0, VIRTIO_BLK_S_IOERR},
        {VIRTIO_BLK_T_DISCARD, 0, SECTORS + 1, 0, VIRTIO_BLK_S_IOERR},
        {VIRTIO_BLK_T_DISCARD, 1, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR},
        {VIRTIO_BLK_T_DISCARD, UINT64_MAX, 1, 0, VIRTIO_BLK_S_IOERR},
        {VIRTIO_BLK_T_DISCARD, UINT64_MAX, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR},
        {VIRTIO_BLK_T_WRITE_ZEROES, SECTORS - 1, 2, UNMAP, VIRTIO_BLK_S_IOERR},
        {VIRTIO_BLK_T_WRITE_ZEROES, UINT64_C(1) << 55, 1, UNMAP, VIRTIO_BLK_S_IOERR},
    };
    struct guest *g = start();

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(one_range(g, bad[i].type, bad[i].sector, bad[i].count, bad[i].flags),
                        bad[i].status);
        /* What is good before it is not done either. */
        if (bad[i].type == VIRTIO_BLK_T_DISCARD) {
            segment(g, 0, 0, 8, 0);
            segment(g, 1, bad[i].sector, bad[i].count, bad[i].flags);
            CU_ASSERT_EQUAL(range_request(g, VIRTIO_BLK_T_DISCARD, 2 * SEGMENT), bad[i].status);
        }
    }
    CU_ASSERT_EQUAL(num_modes, 0);
    CU_ASSERT(zero_between(0, 0));
    blk_guest_stop(g);
}

static void refuses_requests_of_another_size(void)
{
    static const uint32_t sizes[] = {0,  1,  8,  15, 17, 31, (MAX_SEGMENTS + 1) * SEGMENT,
                                     512 * SEGMENT, 0x8000 + 8};
    struct guest *g = start();

    for (unsigned i = 0; i < 512; i++)
        segment(g, i, 1, 1, 0);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CU_ASSERT_EQUAL(range_request(g, VIRTIO_BLK_T_DISCARD, sizes[i]), VIRTIO_BLK_S_IOERR);
        CU_ASSERT_EQUAL(range_request(g, VIRTIO_BLK_T_WRITE_ZEROES, sizes[i]),
                        VIRTIO_BLK_S_IOERR);
    }
    CU_ASSERT_EQUAL(range_request(g, VIRTIO_BLK_T_WRITE_ZEROES, 2 * SEGMENT), VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(num_modes, 0);
    CU_ASSERT(zero_between(0, 0));
    blk_guest_stop(g);
}

/* A disk large enough for the limits to matter; of holes only. */
static void keeps_its_limits(void)
{
    int target = guest_disk(1);
    struct guest *g;

    CU_ASSERT(ftruncate(target, INT64_C(4) << 30) == 0);
    g = blk_guest_start(target, false, RANGES);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 0, 1 << 21, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 0, (1 << 21) + 1, 0), VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 0, MAX_ZEROES, UNMAP),
                    VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 0, MAX_ZEROES + 1, UNMAP),
                    VIRTIO_BLK_S_IOERR);
    blk_guest_stop(g);
}

static void does_neither_when_it_was_not_agreed_on(void)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t other = BIT(i ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES);
        struct guest *g = start_with(false, RANGES & ~other);

        CU_ASSERT_EQUAL(one_range(g, i ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, 0),
                        VIRTIO_BLK_S_UNSUPP);
        CU_ASSERT_EQUAL(num_modes, 0);
        CU_ASSERT(zero_between(0, 0));
        blk_guest_stop(g);
    }
}

static void a_read_only_disk_stays_as_it_is(void)
{
    struct guest *g = start_with(true, FEATURES);

    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 8, 8, 0), VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, UNMAP), VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(num_modes, 0);
    CU_ASSERT(zero_between(0, 0));
    blk_guest_stop(g);
}

/* Segments where the device should write, or without a status byte. */
static void segments_in_the_wrong_direction_are_none(void)
{
    struct guest *g = start();

    segment(g, 0, 8, 8, 0);
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_DISCARD, 0, SEGMENT, WRITE);
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_await_used(g), 1);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(le64_get(g->area + GUEST_DATA), 8);
    CU_ASSERT(zero_between(0, 0));
    blk_guest_stop(g);
}

/* ---- a target that cannot ---- */

/* A mode that no file system knows. */
static void spoil_mode(int nth)
{
    spoil_at = nth;
    spoiled_mode = 0x40000000;
}

/* Here as on a block device, of a range that is not made of its blocks. */
static void spoil_place(int nth)
{
    spoil_at = nth;
    spoiled_place = true;
}

/* It is a wish: what follows is done. */
static void a_discard_that_cannot_be_done_changes_nothing(void)
{
    struct guest *g = start();

    spoil_mode(2);
    for (unsigned i = 0; i < 3; i++)
        segment(g, i, 8 + i, 1, 0);
    CU_ASSERT_EQUAL(range_request(g, VIRTIO_BLK_T_DISCARD, 3 * SEGMENT), VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(num_modes, 3);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 9, 1, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(8, 11));
    spoil_place(1);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 16, 8, 0), VIRTIO_BLK_S_OK);
    spoiled_place = false;
    CU_ASSERT(zero_between(8, 11));
    CU_ASSERT_EQUAL(num_writes, 0);
    blk_guest_stop(g);
}

static void zeroes_are_written_where_there_is_no_call_for_them(void)
{
    struct guest *g = start();

    spoil_mode(1);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 8, 2, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(8, 10));
    spoil_mode(1);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 10, 2, UNMAP), VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(8, 12));
    spoil_place(1);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 12, SECTORS - 12, 0), VIRTIO_BLK_S_OK);
    spoiled_place = false;
    CU_ASSERT(zero_between(8, SECTORS));
    CU_ASSERT_EQUAL(num_writes, 3);
    blk_guest_stop(g);
}

/* The most that a request may zero, on a disk of ones with a sector more at either end,
 * whose driver has no FLUSH: it is durable. */
static void many_zeroes_are_written_in_pieces(void)
{
    const size_t zeroes = MAX_ZEROES * (size_t)512, size = zeroes + 1024;
    uint8_t *bytes = malloc(size), *expected = calloc(1, size);
    int target = guest_disk(1);
    struct guest *g;

    CU_ASSERT_FATAL(bytes && expected);
    memset(bytes, 1, size);
    memset(expected, 1, 512);
    memset(expected + size - 512, 1, 512);
    CU_ASSERT_FATAL(pwrite(target, bytes, size, 0) == (ssize_t)size);
    g = blk_guest_start(target, false, RANGES & ~BIT(VIRTIO_BLK_F_FLUSH));
    num_writes = 0;
    spoil_mode(1);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 1, MAX_ZEROES, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT(num_writes >= 8);
    CU_ASSERT_EQUAL(syncs_after_writes, 1);
    CU_ASSERT_EQUAL(pread(blk_guest_disk, bytes, size, 0), (ssize_t)size);
    CU_ASSERT(memcmp(bytes, expected, size) == 0);
    CU_ASSERT_EQUAL(lseek(blk_guest_disk, 0, SEEK_END), (off_t)size);
    blk_guest_stop(g);
    free(bytes);
    free(expected);
}

static void errors_of_the_target_reach_the_guest(void)
{
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    struct guest *g = start();

    spoiled_fd = full;
    spoil_at = 1;
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 16, 8, UNMAP), VIRTIO_BLK_S_IOERR);
    spoil_at = 1;
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 16, 8, 0), VIRTIO_BLK_S_IOERR);
    spoiled_fd = 0;
    spoiled_write_fd = full;
    spoil_mode(1);
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 16, 8, 0), VIRTIO_BLK_S_IOERR);
    spoiled_write_fd = 0;
    CU_ASSERT(zero_between(0, 0));
    CU_ASSERT_EQUAL(one_range(g, VIRTIO_BLK_T_DISCARD, 8, 8, 0), VIRTIO_BLK_S_OK);
    CU_ASSERT(zero_between(8, 16));
    close(full);
    blk_guest_stop(g);
}

static void a_file_that_shrank_does_not_grow_again(void)
{
    struct guest *g = start();

    CU_ASSERT(ftruncate(blk_guest_disk, 4 * 512) == 0);
    one_range(g, VIRTIO_BLK_T_DISCARD, 0, SECTORS, 0);
    one_range(g, VIRTIO_BLK_T_WRITE_ZEROES, 0, SECTORS, 0);
    CU_ASSERT_EQUAL(lseek(blk_guest_disk, 0, SEEK_END), 4 * 512);
    blk_guest_stop(g);
}

static void a_reset_waits_for_all_ranges_of_a_request(void)
{
    struct guest *g = start();

    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < MAX_SEGMENTS; i++)
            segment(g, i, i, 1, 0);
        for (unsigned n = 0; n < 5; n++)
            blk_guest_prepare(g, n, VIRTIO_BLK_T_DISCARD, 0, MAX_SEGMENTS * SEGMENT, 0);
        guest_kick(g, DEV);
        event_base_loop(g->base, EVLOOP_NONBLOCK);
        blk_guest_reset(g, RANGES);
    }
    blk_guest_stop(g);
}

static const struct test_case cases[] = {
    TEST(says_what_it_can),
    TEST(discards),
    TEST(writes_zeroes_and_keeps_the_room_unless_told_otherwise),
    TEST(discards_several_ranges_at_once),
    TEST(does_not_care_about_framing),
    TEST(refuses_ranges_that_are_none),
    TEST(refuses_requests_of_another_size),
    TEST(keeps_its_limits),
    TEST(does_neither_when_it_was_not_agreed_on),
    TEST(a_read_only_disk_stays_as_it_is),
    TEST(segments_in_the_wrong_direction_are_none),
    TEST(a_discard_that_cannot_be_done_changes_nothing),
    TEST(zeroes_are_written_where_there_is_no_call_for_them),
    TEST(many_zeroes_are_written_in_pieces),
    TEST(errors_of_the_target_reach_the_guest),
    TEST(a_file_that_shrank_does_not_grow_again),
    TEST(a_reset_waits_for_all_ranges_of_a_request),
    {NULL, NULL},
};

int main(void)
{
    return test_main("blk-range", cases);
}
