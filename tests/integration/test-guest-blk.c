/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest blk discard and zero, on a scripted disk. */

#include <getopt.h>
#include <linux/virtio_blk.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "frontend/guest/guest.h"
#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

#define BIT(n) (UINT64_C(1) << (n))

static struct backend *b;
static struct backend_device *disk;
static char sentence[256];

/* ---- the rest of the program ---- */

int guest_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    return 1;
}

int guest_usage(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    return EXIT_USAGE;
}

int guest_parse_number(const char *text, uint64_t *number)
{
    *number = strtoull(text, NULL, 10);
    return 0;
}

int guest_blk_watch(const struct guest_options *options, int argc, char **argv)
{
    (void)options, (void)argc, (void)argv;
    return 1;
}

/* The command frees it. */
struct xvmsg *guest_connect(const struct guest_options *options, uint64_t number)
{
    struct xvmsg *h = b->h;

    (void)options, (void)number;
    b->h = NULL;
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect_wait(h, 10000), 0);
    return h;
}

/* ---- */

static void start(uint64_t features)
{
    b = backend_new();
    backend_make_bus(b);
    disk = backend_add_disk(b, 3, "disk0");
    disk->offered |= features;
    le32_put(disk->config + 36, 64);
    le32_put(disk->config + 48, 64);
    memset(disk->disk, 1, BACKEND_DISK_BYTES);
    backend_advertise(b);
    backend_start(b);
    sentence[0] = '\0';
}

/* blk WHAT 3 --offset OFFSET --length LENGTH; NULL: to the end. */
static int run(const char *what, const char *offset, const char *length)
{
    static char program[] = "xvmsg-guest", number[] = "3", o[] = "--offset", l[] = "--length";
    char *argv[] = {program, (char *)what, number, o, (char *)offset, l, (char *)length, NULL};

    if (!length)
        argv[5] = NULL;
    optind = 0;
    return guest_blk(&(struct guest_options){0}, length ? 7 : 5, argv);
}

static bool holds(size_t from, size_t to, uint8_t byte)
{
    for (; from < to; from++)
        if (disk->disk[from] != byte)
            return false;
    return true;
}

static void zeroes_just_the_bytes(void)
{
    static const struct {
        const char *offset, *length;
        size_t from, to;
        unsigned ranges;
    } runs[] = {
        {"0", NULL, 0, BACKEND_DISK_BYTES, 64},
        {"512", "1024", 512, 1536, 1},
        {"100", "2000", 100, 2100, 1},
        {"100", "50", 100, 150, 0},
        {"500", "24", 500, 524, 0},
        {"1024", "5", 1024, 1029, 0},
        {"2097151", NULL, 2097151, BACKEND_DISK_BYTES, 0},
        {"700", "0", 700, 700, 0},
    };

    /* A disk that can, and one that has to be written. */
    for (size_t i = 0; i < 2 * sizeof(runs) / sizeof(runs[0]); i++) {
        size_t n = i / 2;

        start(i % 2 ? BIT(VIRTIO_BLK_F_WRITE_ZEROES) : 0);
        CU_ASSERT_EQUAL(run("zero", runs[n].offset, runs[n].length), 0);
        backend_stop(b);
        CU_ASSERT(holds(0, runs[n].from, 1));
        CU_ASSERT(holds(runs[n].from, runs[n].to, 0));
        CU_ASSERT(holds(runs[n].to, BACKEND_DISK_BYTES, 1));
        CU_ASSERT_EQUAL(disk->num_ranges, i % 2 ? runs[n].ranges : 0);
        CU_ASSERT_EQUAL(disk->flushes, 1);
        backend_free(b);
    }
}

static void discards_sectors_or_fails(void)
{
    start(BIT(VIRTIO_BLK_F_DISCARD));
    CU_ASSERT_EQUAL(run("discard", "512", "65536"), 0);
    backend_stop(b);
    CU_ASSERT(holds(0, 512, 1) && holds(512, 66048, 0xdd) && holds(66048, 70000, 1));
    CU_ASSERT_EQUAL(disk->num_ranges, 2);
    CU_ASSERT_EQUAL(disk->flushes, 1);
    backend_free(b);

    start(BIT(VIRTIO_BLK_F_DISCARD));
    CU_ASSERT_EQUAL(run("discard", "512", "100"), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "multiples of 512"));
    backend_stop(b);
    CU_ASSERT(holds(0, BACKEND_DISK_BYTES, 1));
    backend_free(b);

    start(0);
    CU_ASSERT_EQUAL(run("discard", "0", NULL), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "cannot discard"));
    backend_free(b);

    start(BIT(VIRTIO_BLK_F_DISCARD));
    CU_ASSERT_EQUAL(run("discard", "512", "2097152"), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "has only"));
    backend_free(b);
}

static void a_read_only_disk_stays_as_it_is(void)
{
    start(BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES) | BIT(VIRTIO_BLK_F_RO));
    CU_ASSERT_EQUAL(run("zero", "100", "5000"), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "read-only"));
    backend_stop(b);
    CU_ASSERT(holds(0, BACKEND_DISK_BYTES, 1));
    backend_free(b);
}

static void ends_when_the_backend_let_go_of_its_memory(void)
{
    start(0);
    CU_ASSERT_EQUAL(run("zero", "512", "1024"), 0);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).unshared_while_mapped, 0);
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(zeroes_just_the_bytes),
    TEST(discards_sectors_or_fails),
    TEST(a_read_only_disk_stays_as_it_is),
    TEST(ends_when_the_backend_let_go_of_its_memory),
    {NULL, NULL},
};

int main(void)
{
    return test_main("guest-blk", cases);
}
