/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What a disk promises: when bytes are on stable storage, and what its target is
 * made of. The tests see what the kernel is asked for, in which order, and that
 * nothing is answered before the kernel is done. That it keeps its word, and the
 * storage below it, cannot be seen from here.
 */

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/blk-guest.h"

#define CACHE (FEATURES | BIT(VIRTIO_BLK_F_CONFIG_WCE))
#define RANGES (BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES))
#define WCE 32u
#define FLUSH_MARK 'f'

/* ---- a kernel that is watched ---- */

/* One letter for each thing it was asked: w write, d durable write, f flush, h hole,
 * r read, ? anything else. */
static char asked[64];
static unsigned num_asked;
static bool hold_flushes; /* what comes after them waits, too */
static int wrong_file;    /* where the next operation goes instead, 0: no */

static char letter(const struct io_uring_sqe *sqe)
{
    switch (sqe->opcode) {
    case IORING_OP_READ:
    case IORING_OP_READV:
        return 'r';
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
        return sqe->rw_flags & RWF_DSYNC ? 'd' : 'w';
    case IORING_OP_FSYNC:
        return sqe->fsync_flags == IORING_FSYNC_DATASYNC ? FLUSH_MARK : '?';
    case IORING_OP_FALLOCATE:
        return 'h';
    default:
        return '?';
    }
}

/* In place of the library's. Nothing is handed over while a flush is held back: the
 * worker tries again later. */
int io_uring_submit(struct io_uring *ring)
{
    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];

        if (hold_flushes && letter(sqe) == FLUSH_MARK)
            return 0;
        if (wrong_file)
            sqe->fd = wrong_file;
        wrong_file = 0;
        asked[num_asked++ % (sizeof(asked) - 1)] = letter(sqe);
    }
    return io_uring_submit_and_wait(ring, 0);
}

/* ---- a target that is a block device ---- */

static bool block_device;
static struct {
    int block, aligned;
    unsigned physical, min_io, opt_io;
} says;

int fstat(int fd, struct stat *st)
{
    int result = fstatat(fd, "", st, AT_EMPTY_PATH);

    if (block_device && result == 0 && S_ISREG(st->st_mode))
        st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | S_IFBLK;
    return result;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    void *out;

    va_start(args, request);
    out = va_arg(args, void *);
    va_end(args);
    if (!block_device)
        return (int)syscall(SYS_ioctl, fd, request, out);
    switch (request) {
    case BLKGETSIZE64:
        *(uint64_t *)out = SECTORS * 512;
        return 0;
    case BLKSSZGET:
        *(int *)out = says.block;
        return 0;
    case BLKALIGNOFF:
        *(int *)out = says.aligned;
        return 0;
    case BLKPBSZGET:
        *(unsigned *)out = says.physical;
        return 0;
    case BLKIOMIN:
        *(unsigned *)out = says.min_io;
        return 0;
    case BLKIOOPT:
        *(unsigned *)out = says.opt_io;
        return 0;
    default:
        errno = ENOTTY;
        return -1;
    }
}

/* ---- */

static struct guest *start_with(bool read_only, uint64_t features)
{
    memset(asked, 0, sizeof(asked));
    num_asked = 0;
    return blk_guest_start(guest_disk(SECTORS), read_only, features);
}

/* What the kernel was asked since the last call. */
static const char *news(void)
{
    static char copy[sizeof(asked)];

    memcpy(copy, asked, sizeof(copy));
    memset(asked, 0, sizeof(asked));
    num_asked = 0;
    return copy;
}

static const uint8_t *read_config(struct guest *g, uint32_t offset, uint32_t length)
{
    struct msg m = guest_call(g, (struct msg){
                                     .kind = MSG_get_config_request,
                                     .dev_num = DEV,
                                     .get_config_request = {.offset = offset, .length = length},
                                 });

    CU_ASSERT_EQUAL_FATAL(m.get_config_response.length, length);
    return m.get_config_response.data.bytes;
}

static uint8_t cache_field(struct guest *g)
{
    return *read_config(g, WCE, 1);
}

static void write_config(struct guest *g, uint32_t offset, const char *bytes, uint32_t length)
{
    struct msg m = guest_call(
        g, (struct msg){
               .kind = MSG_set_config_request,
               .dev_num = DEV,
               .set_config_request = {
                   .offset = offset, .length = length, .data = {(const uint8_t *)bytes, length}}});

    CU_ASSERT_EQUAL(m.set_config_response.length, length);
}

static void write_one_sector(struct guest *g)
{
    uint32_t length;

    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_OUT, 1, 512, &length), VIRTIO_BLK_S_OK);
}

static void punch(struct guest *g, uint32_t type)
{
    uint32_t length;

    le64_put(g->area + GUEST_DATA, 8);
    le32_put(g->area + GUEST_DATA + 8, 8);
    le32_put(g->area + GUEST_DATA + 12,
             type == VIRTIO_BLK_T_DISCARD ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
    CU_ASSERT_EQUAL(blk_guest_request(g, type, 0, 16, &length), VIRTIO_BLK_S_OK);
}

/* ---- durability ---- */

static void a_flush_is_answered_when_the_kernel_is_done(void)
{
    struct guest *g = start_with(false, CACHE);

    write_one_sector(g);
    CU_ASSERT_STRING_EQUAL(news(), "w");
    hold_flushes = true;
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
    guest_kick(g, DEV);
    for (unsigned i = 0; i < 10; i++)
        guest_settle(g);
    CU_ASSERT_EQUAL(g->used->idx, 1);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], 0xee);
    CU_ASSERT_STRING_EQUAL(news(), "");
    hold_flushes = false;
    CU_ASSERT_EQUAL(guest_await_used(g), 1);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_OK);
    CU_ASSERT_STRING_EQUAL(news(), "f");
    blk_guest_stop(g);
}

/* One request after the other, with reads for comparison. */
static void expect_writes(struct guest *g, const char *writes, const char *ranges)
{
    uint32_t length;

    write_one_sector(g);
    CU_ASSERT_STRING_EQUAL(news(), writes);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, 1, 512, &length), VIRTIO_BLK_S_OK);
    CU_ASSERT_STRING_EQUAL(news(), "r");
    punch(g, VIRTIO_BLK_T_DISCARD);
    CU_ASSERT_STRING_EQUAL(news(), ranges);
    punch(g, VIRTIO_BLK_T_WRITE_ZEROES);
    CU_ASSERT_STRING_EQUAL(news(), ranges);
}

static void the_driver_chooses_between_cache_and_write_through(void)
{
    struct guest *g = start_with(false, CACHE | RANGES);

    CU_ASSERT_EQUAL(cache_field(g), 1);
    expect_writes(g, "w", "h");
    write_config(g, WCE, "\0", 1);
    CU_ASSERT_EQUAL(cache_field(g), 0);
    expect_writes(g, "d", "hf");
    write_config(g, WCE, "\1", 1);
    CU_ASSERT_EQUAL(cache_field(g), 1);
    expect_writes(g, "w", "h");
    guest_settle(g);
    CU_ASSERT_EQUAL(g->config_events, 0); /* it was the driver's own doing */
    blk_guest_stop(g);
}

/* Also as part of more, whose other bytes are read-only; and a value that is none. */
static void only_the_cache_field_can_be_written(void)
{
    struct guest *g = start_with(false, CACHE);
    uint8_t before[60];

    memcpy(before, read_config(g, 0, 60), sizeof(before));
    write_config(g, WCE + 1, "\0\0\0", 3);
    write_config(g, WCE - 4, "\0\0\0\0", 4);
    CU_ASSERT_EQUAL(memcmp(before, read_config(g, 0, 60), 60), 0);
    write_config(g, WCE - 3, "\0\0\0\0\0\0\0", 7);
    before[WCE] = 0;
    CU_ASSERT_EQUAL(memcmp(before, read_config(g, 0, 60), 60), 0);
    write_config(g, WCE, "\1", 1);
    CU_ASSERT_EQUAL(cache_field(g), 1);
    write_config(g, WCE, "\2", 1);
    CU_ASSERT_EQUAL(cache_field(g), 0);
    blk_guest_stop(g);
}

/* With FLUSH alone there is a cache; without FLUSH there is none, whatever is asked. */
static void the_cache_needs_what_was_agreed_on(void)
{
    static const struct {
        uint64_t features;
        const char *asks;
        const char *writes;
    } agreed[] = {
        {FEATURES, "\0", "w"},
        {FEATURES & ~BIT(VIRTIO_BLK_F_FLUSH), "\1", "d"},
        {CACHE & ~BIT(VIRTIO_BLK_F_FLUSH), "\1", "d"},
    };

    for (unsigned i = 0; i < sizeof(agreed) / sizeof(agreed[0]); i++) {
        struct guest *g = start_with(false, agreed[i].features | RANGES);
        const char *durable = agreed[i].writes;

        write_config(g, WCE, agreed[i].asks, 1);
        CU_ASSERT_EQUAL(cache_field(g), *durable == 'w');
        expect_writes(g, durable, *durable == 'w' ? "h" : "hf");
        blk_guest_stop(g);
    }
}

static void a_reset_forgets_the_choice(void)
{
    struct guest *g = start_with(false, CACHE);

    write_config(g, WCE, "\0", 1);
    CU_ASSERT_EQUAL(cache_field(g), 0);
    guest_start_device(g, DEV, CACHE);
    CU_ASSERT_EQUAL(cache_field(g), 1);
    write_one_sector(g);
    CU_ASSERT_STRING_EQUAL(news(), "w");
    blk_guest_stop(g);
}

/* A full disk, and one that cannot be flushed. */
static void nothing_is_acknowledged_that_failed(void)
{
    struct guest *g = start_with(false, CACHE);
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    uint32_t length;

    for (unsigned i = 0; i < 2; i++) {
        wrong_file = full;
        CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_OUT, 1, 512, &length),
                        VIRTIO_BLK_S_IOERR);
        CU_ASSERT_EQUAL(length, 1);
        wrong_file = full;
        CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_FLUSH, 0, 0, &length),
                        VIRTIO_BLK_S_IOERR);
        write_config(g, WCE, "\0", 1);
    }
    write_one_sector(g);
    close(full);
    blk_guest_stop(g);
}

/* ---- what the target is made of ---- */

/* blk_size, the four fields of the topology, discard_sector_alignment. */
static void expect_blocks(uint32_t block, unsigned exponent, unsigned aligned, unsigned min_io,
                          unsigned opt_io, unsigned discard)
{
    struct guest *g = start_with(false, FEATURES);
    const uint8_t *config = read_config(g, 20, 28);

    CU_ASSERT_EQUAL(le32_get(config), block);
    CU_ASSERT_EQUAL(config[4], exponent);
    CU_ASSERT_EQUAL(config[5], aligned);
    CU_ASSERT_EQUAL(le16_get(config + 6), min_io);
    CU_ASSERT_EQUAL(le32_get(config + 8), opt_io);
    CU_ASSERT_EQUAL(le32_get(config + 24), discard);
    blk_guest_stop(g);
}

static void a_file_is_made_of_the_blocks_of_its_file_system(void)
{
    int file = guest_disk(1);
    struct stat st;
    unsigned exponent = 0;

    CU_ASSERT_FATAL(fstat(file, &st) == 0);
    while (exponent < 3 && 1024 << exponent <= st.st_blksize)
        exponent++;
    expect_blocks(512, exponent, 0, 0, 0, 1u << exponent);
    close(file);
}

static void a_block_device_is_made_of_its_own(void)
{
    block_device = true;
    says.block = 512;
    says.physical = 4096;
    says.aligned = 3584;
    says.min_io = 4096;
    says.opt_io = 131072;
    expect_blocks(512, 3, 7, 8, 256, 8);
    says.block = 4096;
    says.physical = 16384;
    says.aligned = 0;
    says.min_io = 16384;
    expect_blocks(4096, 2, 0, 4, 32, 32);
    block_device = false;
}

/* Answers that make no sense, or do not fit, count as none. */
static void odd_blocks_are_not_passed_on(void)
{
    block_device = true;
    says.block = 520;
    says.physical = 520;
    says.aligned = -1;
    says.min_io = 0;
    says.opt_io = UINT32_MAX;
    expect_blocks(512, 0, 0, 0, UINT32_MAX / 512, 1);
    says.block = 0;
    says.physical = 0;
    says.aligned = INT32_MAX;
    says.min_io = UINT32_MAX;
    says.opt_io = 0;
    expect_blocks(512, 0, 0, 0, 0, 1);
    says.block = 4096;
    says.physical = 1u << 31;
    expect_blocks(4096, 0, 0, 0, 0, 8);
    block_device = false;
}

static const struct test_case cases[] = {
    TEST(a_flush_is_answered_when_the_kernel_is_done),
    TEST(the_driver_chooses_between_cache_and_write_through),
    TEST(only_the_cache_field_can_be_written),
    TEST(the_cache_needs_what_was_agreed_on),
    TEST(a_reset_forgets_the_choice),
    TEST(nothing_is_acknowledged_that_failed),
    TEST(a_file_is_made_of_the_blocks_of_its_file_system),
    TEST(a_block_device_is_made_of_its_own),
    TEST(odd_blocks_are_not_passed_on),
    {NULL, NULL},
};

int main(void)
{
    return test_main("blk-cache", cases);
}
