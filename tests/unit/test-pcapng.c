/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Recordings: what is written is read, and files of others are met with care. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tools/xvmsg/pcapng-reader.h"
#include "tools/xvmsg/pcapng-writer.h"

#define TIME UINT64_C(1760000000123456789)
#define FILE_MAX 4096

/* ---- files ---- */

struct file {
    uint8_t bytes[FILE_MAX];
    size_t size;
};

static const uint8_t four[] = {1, 2, 3, 4};

static void add_message(struct pcapng_writer *w, enum msg_form form,
                        enum pcapng_direction direction, uint32_t size, uint64_t lost)
{
    struct pcapng_message m = {form, direction, TIME, lost, four, size};

    pcapng_writer_add(w, &m);
}

static struct file record(void (*fill)(struct pcapng_writer *w))
{
    struct file f = {.size = 0};
    FILE *out = fmemopen(f.bytes, sizeof(f.bytes), "w");
    struct pcapng_writer w;

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    pcapng_writer_begin(&w, out, "dom5 bus 0");
    fill(&w);
    pcapng_writer_end(&w);
    f.size = (size_t)ftell(out);
    fclose(out);
    return f;
}

static void one_message(struct pcapng_writer *w)
{
    add_message(w, MSG_WIDE, PCAPNG_FROM_GUEST, 3, 0);
}

/* Where the nth block begins. */
static size_t block_at(const struct file *f, unsigned n)
{
    size_t at = 0;

    while (n-- > 0)
        at += le32_get(f->bytes + at + 4);
    CU_ASSERT_FATAL(at < f->size);
    return at;
}

enum { SECTION, WIDE, COMPACT, PACKET };

/* ---- reading ---- */

struct reading {
    FILE *in;
    struct pcapng_reader *reader;
    struct pcapng_message m;
    const char *bus;
    char why[PCAPNG_WHY_SIZE];
};

static struct reading open_file(struct file *f)
{
    struct reading r = {.in = fmemopen(f->bytes, f->size, "r")};
    char magic[4];

    CU_ASSERT_PTR_NOT_NULL_FATAL(r.in);
    CU_ASSERT_EQUAL(fread(magic, 1, 4, r.in), 4);
    CU_ASSERT(memcmp(magic, PCAPNG_MAGIC, 4) == 0);
    r.reader = pcapng_reader_new(r.in);
    return r;
}

static int next(struct reading *r)
{
    return pcapng_reader_next(r->reader, &r->m, &r->bus, r->why);
}

static void close_file(struct reading *r)
{
    pcapng_reader_free(r->reader);
    fclose(r->in);
}

static void expect_damage(struct file *f, const char *words)
{
    struct reading r = open_file(f);
    int rc;

    while ((rc = next(&r)) > 0)
        ;
    CU_ASSERT_EQUAL(rc, -1);
    if (rc < 0 && !strstr(r.why, words)) {
        printf("# %s\n", r.why);
        CU_FAIL(words);
    }
    close_file(&r);
}

/* ---- cases ---- */

static void three_messages(struct pcapng_writer *w)
{
    add_message(w, MSG_WIDE, PCAPNG_FROM_GUEST, 4, 0);
    add_message(w, MSG_COMPACT, PCAPNG_TO_GUEST, 1, 7);
    add_message(w, MSG_WIDE, PCAPNG_TO_GUEST, 0, 0);
}

static void returns_what_was_written(void)
{
    struct file f = record(three_messages);
    struct reading r = open_file(&f);

    CU_ASSERT_EQUAL(next(&r), 1);
    CU_ASSERT_EQUAL(r.m.form, MSG_WIDE);
    CU_ASSERT_EQUAL(r.m.direction, PCAPNG_FROM_GUEST);
    CU_ASSERT_EQUAL(r.m.time, TIME);
    CU_ASSERT_EQUAL(r.m.lost, 0);
    CU_ASSERT(r.m.size == 4 && memcmp(r.m.bytes, four, 4) == 0);
    CU_ASSERT_STRING_EQUAL(r.bus, "dom5 bus 0");
    CU_ASSERT_EQUAL(next(&r), 1);
    CU_ASSERT_EQUAL(r.m.form, MSG_COMPACT);
    CU_ASSERT_EQUAL(r.m.direction, PCAPNG_TO_GUEST);
    CU_ASSERT_EQUAL(r.m.lost, 7);
    CU_ASSERT(r.m.size == 1 && r.m.bytes[0] == 1);
    CU_ASSERT_EQUAL(next(&r), 1);
    CU_ASSERT_EQUAL(r.m.size, 0);
    CU_ASSERT_EQUAL(next(&r), 0);
    close_file(&r);
}

static void nothing(struct pcapng_writer *w)
{
    (void)w;
}

static void a_recording_may_be_empty(void)
{
    struct file f = record(nothing);
    struct reading r = open_file(&f);

    CU_ASSERT_EQUAL(next(&r), 0);
    close_file(&r);
}

static void statistics_count_what_was_lost(void)
{
    struct file f = record(three_messages);
    const uint8_t *statistics = f.bytes + block_at(&f, 7); /* of the compact form */

    CU_ASSERT_EQUAL(le32_get(statistics), PCAPNG_STATISTICS);
    CU_ASSERT_EQUAL(le32_get(statistics + 8), MSG_COMPACT);
    CU_ASSERT_EQUAL(le16_get(statistics + 20), PCAPNG_STATISTICS_RECEIVED);
    CU_ASSERT_EQUAL(le64_get(statistics + 24), 8);
    CU_ASSERT_EQUAL(le16_get(statistics + 32), PCAPNG_STATISTICS_LOST);
    CU_ASSERT_EQUAL(le64_get(statistics + 36), 7);
}

/* One message of interface 0 in microseconds, as a big-endian host writes it. */
static void reads_the_other_byte_order(void)
{
    static const uint8_t bytes[] = {
        0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 28,
        0, 0, 0, 1, 0, 0, 0, 20, 0, 148, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20,
        0, 0, 0, 6, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2,
        0xab, 0xcd, 0, 0, 0, 2, 0, 4, 0, 0, 0, 2, 0, 0, 0, 44,
    };
    struct file f = {.size = sizeof(bytes)};
    struct reading r;

    memcpy(f.bytes, bytes, sizeof(bytes));
    r = open_file(&f);
    CU_ASSERT_EQUAL_FATAL(next(&r), 1);
    CU_ASSERT_EQUAL(r.m.form, MSG_COMPACT);
    CU_ASSERT_EQUAL(r.m.time, ((UINT64_C(1) << 32) + 2) * 1000);
    CU_ASSERT_EQUAL(r.m.direction, PCAPNG_TO_GUEST);
    CU_ASSERT(r.m.size == 2 && r.m.bytes[0] == 0xab);
    CU_ASSERT_STRING_EQUAL(r.bus, "");
    CU_ASSERT_EQUAL(next(&r), 0);
    close_file(&r);
}

static void two_files_may_follow_each_other(void)
{
    struct file f = record(one_message), second = f;
    struct reading r;

    memcpy(f.bytes + f.size, second.bytes, second.size);
    f.size += second.size;
    r = open_file(&f);
    CU_ASSERT_EQUAL(next(&r), 1);
    CU_ASSERT_EQUAL(next(&r), 1);
    CU_ASSERT_EQUAL(next(&r), 0);
    close_file(&r);
}

static void unknown_blocks_are_passed_over(void)
{
    struct file f = record(one_message);
    struct reading r;

    le32_put(f.bytes + block_at(&f, COMPACT), 0x0badcafe);
    r = open_file(&f);
    CU_ASSERT_EQUAL(next(&r), 1);
    close_file(&r);
}

/* Wherever it ends, it is either whole so far or said to be cut off. */
static void every_cut_is_noticed(void)
{
    struct file f = record(three_messages);

    for (size_t size = 5; size < f.size; size++) {
        struct file cut = f;
        bool whole = false;

        for (unsigned n = 1; n <= 7; n++)
            whole |= size == block_at(&f, n);
        cut.size = size;
        if (!whole)
            expect_damage(&cut, "the file ends within it");
    }
}

/* No change of a byte does more than change what is read, or end it. */
static void survives_every_changed_byte(void)
{
    struct file f = record(three_messages);

    for (size_t at = 4; at < f.size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct file changed = f;
            struct reading r;

            changed.bytes[at] ^= (uint8_t)(1u << bit);
            r = open_file(&changed);
            while (next(&r) > 0)
                CU_ASSERT(r.m.size <= MSG_PROTOCOL_MAX);
            close_file(&r);
        }
}

static void change32(unsigned block, size_t offset, uint32_t value, const char *words)
{
    struct file f = record(one_message);

    le32_put(f.bytes + block_at(&f, block) + offset, value);
    expect_damage(&f, words);
}

static void names_what_is_wrong_and_where(void)
{
    change32(SECTION, 8, 0, "block at byte 0: no byte order mark");
    change32(SECTION, 12, 2, "version 2 of pcapng");
    change32(SECTION, 4, 11, "impossible length 11");
    change32(WIDE, 4, 0xfffffffc, "impossible length 4294967292");
    change32(WIDE, 4, 16, "its two lengths differ");
    change32(WIDE, 8, 1, "link type 1 is none of a recorded bus");
    change32(WIDE, 16, 0xffff0002, "an option of an interface is cut off");
    change32(PACKET, 8, 2, "there is no interface 2");
    change32(WIDE, 44, 0, "impossible time"); /* so many whole seconds */
    change32(WIDE, 44, 0x89, "if_tsresol 137");
    change32(PACKET, 20, 65536, "a message of 65536 bytes");
    change32(PACKET, 20, 65535, "the packet is longer than its block");
    change32(PACKET, 32, 0x00030002, "epb_flags is not four bytes");
}

static const struct test_case cases[] = {
    TEST(returns_what_was_written),
    TEST(a_recording_may_be_empty),
    TEST(statistics_count_what_was_lost),
    TEST(reads_the_other_byte_order),
    TEST(two_files_may_follow_each_other),
    TEST(unknown_blocks_are_passed_over),
    TEST(every_cut_is_noticed),
    TEST(survives_every_changed_byte),
    TEST(names_what_is_wrong_and_where),
    {NULL, NULL},
};

int main(void)
{
    return test_main("pcapng", cases);
}
