/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's disks: discarding, zeroing, what they say of themselves, the cache. */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <string.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-disk.h"

#define KIB 1024u
#define BIT(n) (UINT64_C(1) << (n))
#define RANGES (BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES))
#define EVERYTHING                                                                           \
    (RANGES | BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_TOPOLOGY) |                      \
     BIT(VIRTIO_BLK_F_CONFIG_WCE))

/* Places in the configuration. */
#define BLK_SIZE 20
#define EXPONENT 24
#define ALIGNMENT 25
#define MIN_IO 26
#define OPT_IO 28
#define WCE 32
#define DISCARD_MAX 36
#define DISCARD_ALIGNMENT 44
#define ZEROES_MAX 48
#define MAY_UNMAP 56

/* A disk that can do all of it, 64 KiB of discarding and 8 of zeroes at a time. */
static void prepare(void)
{
    disk_add();
    disk->offered |= EVERYTHING;
    le32_put(disk->config + BLK_SIZE, 512);
    disk->config[WCE] = 1;
    le32_put(disk->config + DISCARD_MAX, 128);
    le32_put(disk->config + DISCARD_ALIGNMENT, 8);
    le32_put(disk->config + ZEROES_MAX, 16);
    disk->config[MAY_UNMAP] = 1;
    disk_announce();
}

static void open_disk(void)
{
    disk_open();
    CU_ASSERT_EQUAL_FATAL(ready_status, XVMSG_OK);
}

static void start(void)
{
    prepare();
    open_disk();
}

/* Submitted; runs both ends and tells how it ended. */
static enum xvmsg_status outcome(int submitted)
{
    unsigned before = done_count;

    CU_ASSERT_EQUAL_FATAL(submitted, 0);
    CU_ASSERT_EQUAL(done_count, before);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, before + 1);
    return last_status;
}

static bool holds(uint64_t from, uint64_t to, uint8_t byte)
{
    for (; from < to; from++)
        if (disk->disk[from] != byte)
            return false;
    return true;
}

/* ---- ranges ---- */

/* Of the n-th request: were these the bytes? */
static bool range_was(unsigned n, uint64_t offset, uint32_t length, uint32_t flags)
{
    const struct backend_range *r = &disk->ranges[n];

    return r->sector * 512 == offset && r->count * 512 == length && r->flags == flags;
}

static void discards_in_pieces_that_the_device_takes(void)
{
    start();
    CU_ASSERT_EQUAL(outcome(xvmsg_blk_discard(blk, 4096, 4096, disk_done, NULL)), XVMSG_OK);
    CU_ASSERT_EQUAL(disk->num_ranges, 1);
    CU_ASSERT(range_was(0, 4096, 4096, 0));
    CU_ASSERT(holds(4096, 8192, 0xdd));
    /* From an odd place on: the first piece ends where a good one begins. */
    disk->num_ranges = 0;
    CU_ASSERT_EQUAL(outcome(xvmsg_blk_discard(blk, 1024, 160 * KIB, disk_done, NULL)), XVMSG_OK);
    CU_ASSERT_EQUAL(disk->num_ranges, 3);
    CU_ASSERT(range_was(0, 1024, 63 * KIB, 0));
    CU_ASSERT(range_was(1, 64 * KIB, 64 * KIB, 0));
    CU_ASSERT(range_was(2, 128 * KIB, 33 * KIB, 0));
    CU_ASSERT(holds(1024, 161 * KIB, 0xdd));
    CU_ASSERT_FALSE(holds(161 * KIB, 161 * KIB + 512, 0xdd));
    backend_free(b);
}

/* More pieces than there are places for them. */
static void zeroes_a_disk_of_any_size(void)
{
    start();
    CU_ASSERT_EQUAL(
        outcome(xvmsg_blk_write_zeroes(blk, 0, BACKEND_DISK_BYTES, true, disk_done, NULL)),
        XVMSG_OK);
    CU_ASSERT_EQUAL(disk->num_ranges, BACKEND_DISK_BYTES / (8 * KIB));
    CU_ASSERT(
        range_was(1, disk->ranges[1].sector * 512, 8 * KIB, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP));
    CU_ASSERT(holds(0, BACKEND_DISK_BYTES, 0));
    disk->num_ranges = 0;
    CU_ASSERT_EQUAL(outcome(xvmsg_blk_write_zeroes(blk, 512, 512, false, disk_done, NULL)),
                    XVMSG_OK);
    CU_ASSERT(range_was(0, 512, 512, 0));
    backend_free(b);
}

static void does_not_ask_for_unmap_of_a_device_that_cannot(void)
{
    prepare();
    disk->config[MAY_UNMAP] = 0;
    open_disk();
    CU_ASSERT_EQUAL(outcome(xvmsg_blk_write_zeroes(blk, 0, 4096, true, disk_done, NULL)), XVMSG_OK);
    CU_ASSERT(range_was(0, 0, 4096, 0));
    backend_free(b);
}

static void expect_error(int result, int error)
{
    CU_ASSERT_EQUAL(result, -1);
    CU_ASSERT_EQUAL(errno, error);
}

static void refuses_what_is_no_range(void)
{
    static const uint64_t bad[][2] = {
        {0, 0}, {1, 512}, {0, 511}, {UINT64_MAX - 511, 512}, {512, UINT64_MAX - 511},
    };

    start();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_error(xvmsg_blk_discard(blk, bad[i][0], bad[i][1], disk_done, NULL), EINVAL);
        expect_error(xvmsg_blk_write_zeroes(blk, bad[i][0], bad[i][1], true, disk_done, NULL),
                     EINVAL);
    }
    CU_ASSERT_EQUAL(disk->num_ranges, 0);
    backend_free(b);
}

/* Not offered; offered, with limits of nothing; a configuration that ends before them. */
static void refuses_what_the_disk_cannot(void)
{
    for (int i = 0; i < 4; i++) {
        prepare();
        if (i == 0)
            disk->offered &= ~RANGES;
        if (i == 1) {
            le32_put(disk->config + DISCARD_MAX, 0);
            le32_put(disk->config + ZEROES_MAX, 0);
        }
        if (i == 2)
            disk->config_size = 39;
        if (i == 3)
            disk->offered |= BIT(VIRTIO_BLK_F_RO);
        open_disk();
        expect_error(xvmsg_blk_discard(blk, 0, 512, disk_done, NULL), i == 3 ? EROFS : ENOTSUP);
        expect_error(xvmsg_blk_write_zeroes(blk, 0, 512, true, disk_done, NULL),
                     i == 3 ? EROFS : ENOTSUP);
        CU_ASSERT_EQUAL(done_count, 0);
        backend_free(b);
    }
}

static void the_first_error_ends_it(void)
{
    static const struct {
        uint8_t answer;
        int written_offset;
        enum xvmsg_status expected;
    } answers[] = {
        {VIRTIO_BLK_S_UNSUPP, 0, XVMSG_UNSUPPORTED},
        {VIRTIO_BLK_S_IOERR, 0, XVMSG_IO_ERROR},
        {99, 0, XVMSG_MALFORMED_RESPONSE},
        {VIRTIO_BLK_S_OK, -1, XVMSG_IO_ERROR},           /* not even a status */
        {VIRTIO_BLK_S_OK, 16, XVMSG_MALFORMED_RESPONSE}, /* more than there was room for */
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        start();
        disk->answer = answers[i].answer;
        disk->written_offset = answers[i].written_offset;
        CU_ASSERT_EQUAL(
            outcome(xvmsg_blk_write_zeroes(blk, 0, BACKEND_DISK_BYTES, true, disk_done, NULL)),
            answers[i].expected);
        CU_ASSERT(disk->num_ranges < BACKEND_DISK_BYTES / (8 * KIB));
        backend_free(b);
    }
}

/* Strange limits: what remains is sectors, of which there are some. */
static void limits_of_any_kind_are_survived(void)
{
    static const uint32_t limits[][2] = {
        {1, 8}, {9, 8}, {UINT32_MAX, 0}, {UINT32_MAX, UINT32_MAX}, {3, UINT32_MAX / 512}, {7, 3},
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        prepare();
        le32_put(disk->config + DISCARD_MAX, limits[i][0]);
        le32_put(disk->config + DISCARD_ALIGNMENT, limits[i][1]);
        open_disk();
        CU_ASSERT_EQUAL(outcome(xvmsg_blk_discard(blk, 512, 16 * KIB, disk_done, NULL)), XVMSG_OK);
        CU_ASSERT(holds(512, 512 + 16 * KIB, 0xdd));
        CU_ASSERT_FALSE(holds(0, 512, 0xdd));
        CU_ASSERT(disk->ranges[0].count <= limits[i][0]);
        backend_free(b);
    }
}

static void ranges_end_with_the_disk(void)
{
    start();
    disk->idle = true;
    CU_ASSERT_EQUAL(xvmsg_blk_discard(blk, 0, BACKEND_DISK_BYTES, disk_done, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_blk_set_writeback(blk, false, disk_done, NULL), 0);
    xvmsg_blk_close(blk);
    CU_ASSERT_EQUAL(done_count, 2);
    CU_ASSERT_EQUAL(last_status, XVMSG_CANCELLED);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 2);
    backend_free(b);
}

/* ---- what it says ---- */

static void tells_what_the_device_says(void)
{
    struct xvmsg_blk_properties p;

    prepare();
    le32_put(disk->config + BLK_SIZE, 1024);
    disk->config[EXPONENT] = 2;
    disk->config[ALIGNMENT] = 3;
    le16_put(disk->config + MIN_IO, 4);
    le32_put(disk->config + OPT_IO, 512);
    open_disk();
    xvmsg_blk_get_properties(blk, &p);
    CU_ASSERT_EQUAL(p.block_size, 1024);
    CU_ASSERT_EQUAL(p.physical_block_size, 4096);
    CU_ASSERT_EQUAL(p.alignment_offset, 3072);
    CU_ASSERT_EQUAL(p.min_io_size, 4096);
    CU_ASSERT_EQUAL(p.opt_io_size, 512 * KIB);
    CU_ASSERT_EQUAL(p.max_discard, 64 * KIB);
    CU_ASSERT_EQUAL(p.discard_alignment, 4096);
    CU_ASSERT_EQUAL(p.max_write_zeroes, 8 * KIB);
    CU_ASSERT(p.zeroes_may_unmap && p.writeback && p.can_set_writeback);
    backend_free(b);
}

static void what_is_not_said_or_makes_no_sense_is_left_out(void)
{
    static const struct xvmsg_blk_properties nothing = {
        .block_size = 512, .physical_block_size = 512};
    struct xvmsg_blk_properties p;

    for (int i = 0; i < 2; i++) {
        prepare();
        memset(disk->config + BLK_SIZE, 0xff, 60 - BLK_SIZE);
        if (i == 0)
            disk->offered &= ~(EVERYTHING | BIT(VIRTIO_BLK_F_FLUSH));
        open_disk();
        memset(&p, 0, sizeof(p));
        xvmsg_blk_get_properties(blk, &p);
        CU_ASSERT_EQUAL(p.block_size, nothing.block_size);
        CU_ASSERT_EQUAL(p.physical_block_size, nothing.physical_block_size);
        CU_ASSERT_EQUAL(p.opt_io_size, 0);
        CU_ASSERT_EQUAL(p.max_discard % 512, 0);
        CU_ASSERT_EQUAL(p.max_discard != 0, i == 1);
        CU_ASSERT_EQUAL(p.writeback, i == 1);
        CU_ASSERT_EQUAL(p.can_set_writeback, i == 1);
        backend_free(b);
    }
}

/* ---- the cache ---- */

static bool writeback(void)
{
    struct xvmsg_blk_properties p;

    xvmsg_blk_get_properties(blk, &p);
    return p.writeback;
}

static void the_cache_is_turned_off_and_on(void)
{
    start();
    CU_ASSERT_EQUAL(outcome(xvmsg_blk_set_writeback(blk, false, disk_done, NULL)), XVMSG_OK);
    CU_ASSERT_EQUAL(disk->config[WCE], 0);
    CU_ASSERT_FALSE(writeback());
    CU_ASSERT_EQUAL(xvmsg_blk_set_writeback(blk, true, disk_done, NULL), 0);
    expect_error(xvmsg_blk_set_writeback(blk, false, disk_done, NULL), EBUSY);
    backend_settle(b);
    CU_ASSERT_EQUAL(done_count, 2);
    CU_ASSERT_EQUAL(disk->config[WCE], 1);
    CU_ASSERT(writeback());
    backend_free(b);
}

/* Says that it was written, and is as before. */
static bool ignores_writes(struct backend *backend, const struct msg *m)
{
    struct msg r;

    if (m->kind != MSG_set_config_request)
        return false;
    r = backend_response(m);
    r.set_config_response.offset = m->set_config_request.offset;
    r.set_config_response.length = m->set_config_request.length;
    backend_send(backend, &r);
    return true;
}

static void a_device_that_keeps_its_cache_refused(void)
{
    start();
    b->script = ignores_writes;
    CU_ASSERT_EQUAL(outcome(xvmsg_blk_set_writeback(blk, false, disk_done, NULL)), XVMSG_REFUSED);
    CU_ASSERT(writeback());
    backend_free(b);
}

static void a_cache_that_cannot_be_chosen_is_there_or_not(void)
{
    for (int i = 0; i < 2; i++) {
        prepare();
        disk->offered &= ~BIT(VIRTIO_BLK_F_CONFIG_WCE);
        if (i)
            disk->offered &= ~BIT(VIRTIO_BLK_F_FLUSH);
        open_disk();
        CU_ASSERT_EQUAL(writeback(), !i);
        expect_error(xvmsg_blk_set_writeback(blk, false, disk_done, NULL), ENOTSUP);
        CU_ASSERT_EQUAL(b->seen[MSG_set_config_request], 0);
        backend_free(b);
    }
}

/* ---- the blocking calls ---- */

static void blocking_calls_do_all_of_it(void)
{
    b = backend_new();
    backend_make_bus(b);
    disk = backend_add_disk(b, 3, "disk0");
    disk->offered |= RANGES;
    le32_put(disk->config + DISCARD_MAX, 8);
    le32_put(disk->config + ZEROES_MAX, 8);
    backend_advertise(b);
    backend_start(b);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect_wait(b->h, 10000), 0);
    blk = xvmsg_blk_open_wait(b->h, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(blk);
    CU_ASSERT_EQUAL(xvmsg_blk_discard_wait(blk, 0, BACKEND_DISK_BYTES), 0);
    CU_ASSERT(holds(0, BACKEND_DISK_BYTES, 0xdd));
    CU_ASSERT_EQUAL(xvmsg_blk_write_zeroes_wait(blk, 512, 100 * KIB, true), 0);
    CU_ASSERT(holds(512, 512 + 100 * KIB, 0));
    CU_ASSERT(holds(0, 512, 0xdd) && holds(512 + 100 * KIB, BACKEND_DISK_BYTES, 0xdd));
    CU_ASSERT_EQUAL(xvmsg_blk_discard_wait(blk, 0, 0), 0);
    expect_error(xvmsg_blk_discard_wait(blk, 0, 100), EINVAL);
    disk->answer = VIRTIO_BLK_S_UNSUPP;
    expect_error(xvmsg_blk_write_zeroes_wait(blk, 0, 512, false), ENOTSUP);
    disk->answer = VIRTIO_BLK_S_IOERR;
    expect_error(xvmsg_blk_discard_wait(blk, 0, 512), EIO);
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(discards_in_pieces_that_the_device_takes),
    TEST(zeroes_a_disk_of_any_size),
    TEST(does_not_ask_for_unmap_of_a_device_that_cannot),
    TEST(refuses_what_is_no_range),
    TEST(refuses_what_the_disk_cannot),
    TEST(the_first_error_ends_it),
    TEST(limits_of_any_kind_are_survived),
    TEST(ranges_end_with_the_disk),
    TEST(tells_what_the_device_says),
    TEST(what_is_not_said_or_makes_no_sense_is_left_out),
    TEST(the_cache_is_turned_off_and_on),
    TEST(a_device_that_keeps_its_cache_refused),
    TEST(a_cache_that_cannot_be_chosen_is_there_or_not),
    TEST(blocking_calls_do_all_of_it),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-blk-range", cases);
}
