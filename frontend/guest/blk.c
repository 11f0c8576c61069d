/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * xvmsg-guest blk: a disk as a stream of bytes. Disks are read and written in
 * sectors; offsets and lengths here are any number of bytes, so the sectors at
 * both ends are read, and for writing changed and written back.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xvmsg-blk.h>

#include "common/progress.h"
#include "common/store.h"
#include "frontend/guest/guest.h"

#define SECTOR 512u
#define STEP (4u * 1024 * 1024) /* bytes moved at a time */
#define RANGE_STEP (UINT64_C(1) << 30) /* bytes without data, likewise */

struct transfer {
    struct xvmsg *h;
    struct xvmsg_blk *blk;
    uint64_t offset;
    uint64_t length; /* what is left; UINT64_MAX: to the end */
    uint64_t done;
    uint8_t *buffer; /* STEP bytes and a sector at each end */
    bool quiet;
};

struct action {
    const char *name;
    int (*run)(struct transfer *t);
    int stream; /* the data's, -1: there is none */
    const char *doing;
};

/* ---- streams ---- */

/* Up to `size` bytes; less only at the end of the stream. -1 with errno. */
static ssize_t read_fully(int fd, uint8_t *buffer, size_t size)
{
    size_t total = 0;

    while (total < size) {
        ssize_t got = read(fd, buffer + total, size - total);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        total += (size_t)got;
    }
    return (ssize_t)total;
}

static int write_fully(int fd, const uint8_t *buffer, size_t size)
{
    while (size) {
        ssize_t written = write(fd, buffer, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        buffer += written;
        size -= (size_t)written;
    }
    return 0;
}

/* ---- moving ---- */

/* Bytes from `offset` to the start of its sector, and a range's size in whole
 * sectors. */
static size_t lead(uint64_t offset)
{
    return (size_t)(offset % SECTOR);
}

static size_t whole(uint64_t offset, size_t length)
{
    return (lead(offset) + length + SECTOR - 1) / SECTOR * SECTOR;
}

static int read_disk(struct transfer *t)
{
    while (t->length) {
        size_t now = t->length < STEP ? (size_t)t->length : STEP;
        size_t before = lead(t->offset);

        if (xvmsg_blk_pread(t->blk, t->buffer, whole(t->offset, now), t->offset - before) < 0)
            return guest_fail("%s", xvmsg_error(t->h));
        if (write_fully(STDOUT_FILENO, t->buffer + before, now) < 0)
            return guest_fail("standard output cannot be written: %s", strerror(errno));
        t->offset += now;
        t->length -= now;
        t->done += now;
        progress_bytes(t->done);
    }
    return 0;
}

/* Fetches the sectors of which only a part will be written. */
static int read_edges(struct transfer *t, uint8_t *buffer, size_t length)
{
    size_t before = lead(t->offset);
    size_t size = whole(t->offset, length);
    uint64_t start = t->offset - before;
    uint64_t last = start + size - SECTOR;

    if (before && xvmsg_blk_pread(t->blk, buffer, SECTOR, start) < 0)
        return -1;
    if ((before + length) % SECTOR && (last != start || !before))
        return xvmsg_blk_pread(t->blk, buffer + size - SECTOR, SECTOR, last);
    return 0;
}

static int write_step(struct transfer *t, const uint8_t *bytes, size_t length)
{
    size_t before = lead(t->offset);

    if (length > xvmsg_blk_size(t->blk) - t->offset)
        return guest_fail("the disk has %llu bytes; what comes after them cannot be written",
                          (unsigned long long)xvmsg_blk_size(t->blk));
    if (read_edges(t, t->buffer, length) < 0)
        return guest_fail("%s", xvmsg_error(t->h));
    memcpy(t->buffer + before, bytes, length);
    if (xvmsg_blk_pwrite(t->blk, t->buffer, whole(t->offset, length), t->offset - before) < 0)
        return guest_fail("%s", xvmsg_error(t->h));
    t->offset += length;
    t->done += length;
    return 0;
}

/* What a power cut would undo is not done. */
static int sync_disk(struct transfer *t)
{
    return xvmsg_blk_sync(t->blk) < 0 ? guest_fail("%s", xvmsg_error(t->h)) : 0;
}

static int write_from(struct transfer *t, uint8_t *input)
{
    ssize_t got;

    do {
        got = read_fully(STDIN_FILENO, input, STEP);
        if (got < 0)
            return guest_fail("standard input cannot be read: %s", strerror(errno));
        if (got > 0 && write_step(t, input, (size_t)got) != 0)
            return EXIT_FAILURE;
        progress_bytes(t->done);
    } while (got == (ssize_t)STEP);
    return sync_disk(t);
}

static int write_disk(struct transfer *t)
{
    uint8_t *input = malloc(STEP);

    if (!input)
        return guest_fail("out of memory");

    int status = xvmsg_blk_is_readonly(t->blk) ? guest_fail("the disk is read-only")
                                               : write_from(t, input);

    free(input);
    return status;
}

/* ---- without data ---- */

/* Up to the next whole multiple of the step, so that no range is cut where the disk
 * would not cut it. */
static uint64_t range_step(const struct transfer *t, uint64_t length)
{
    uint64_t step = RANGE_STEP - t->offset % RANGE_STEP;

    return step < length ? step : length;
}

static void range_done(struct transfer *t, uint64_t length)
{
    t->offset += length;
    t->done += length;
    progress_bytes(t->done);
}

static int discard_disk(struct transfer *t)
{
    while (t->length) {
        uint64_t now = range_step(t, t->length);

        if (xvmsg_blk_discard_wait(t->blk, t->offset, now) < 0)
            return guest_fail("%s", xvmsg_error(t->h));
        range_done(t, now);
        t->length -= now;
    }
    return sync_disk(t);
}

static int write_zeroes_as_data(struct transfer *t, const uint8_t *zeroes, uint64_t length)
{
    while (length) {
        size_t now = length < STEP ? (size_t)length : STEP;

        if (write_step(t, zeroes, now) != 0)
            return EXIT_FAILURE;
        length -= now;
        progress_bytes(t->done);
    }
    return 0;
}

/* Whole sectors; as data where the disk has no better way. */
static int zero_sectors(struct transfer *t, const uint8_t *zeroes, uint64_t length)
{
    while (length) {
        uint64_t now = range_step(t, length);

        if (xvmsg_blk_write_zeroes_wait(t->blk, t->offset, now, true) < 0)
            return errno == ENOTSUP ? write_zeroes_as_data(t, zeroes, length)
                                    : guest_fail("%s", xvmsg_error(t->h));
        range_done(t, now);
        length -= now;
    }
    return 0;
}

static int zero_range(struct transfer *t, const uint8_t *zeroes)
{
    uint64_t edge = (SECTOR - lead(t->offset)) % SECTOR;
    uint64_t before = edge < t->length ? edge : t->length;
    uint64_t after = (t->length - before) % SECTOR;
    uint64_t middle = t->length - before - after;

    if (write_zeroes_as_data(t, zeroes, before) != 0 || zero_sectors(t, zeroes, middle) != 0 ||
        write_zeroes_as_data(t, zeroes, after) != 0)
        return EXIT_FAILURE;
    return sync_disk(t);
}

static int zero_disk(struct transfer *t)
{
    uint8_t *zeroes = calloc(1, STEP);

    if (!zeroes)
        return guest_fail("out of memory");

    int status = zero_range(t, zeroes);

    free(zeroes);
    return status;
}

/* ---- the subcommand ---- */

static int check_range(struct transfer *t)
{
    uint64_t size = xvmsg_blk_size(t->blk);

    if (t->offset > size)
        return guest_fail("the disk has %llu bytes, there is no byte %llu",
                          (unsigned long long)size, (unsigned long long)t->offset);
    if (t->length == UINT64_MAX)
        t->length = size - t->offset;
    if (t->length > size - t->offset)
        return guest_fail("the disk has only %llu bytes from byte %llu on",
                          (unsigned long long)(size - t->offset), (unsigned long long)t->offset);
    return 0;
}

/* What the input holds, if that can be told; 0. */
static uint64_t input_size(void)
{
    off_t position = lseek(STDIN_FILENO, 0, SEEK_CUR);
    struct stat status;

    if (position < 0 || fstat(STDIN_FILENO, &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size < position)
        return 0;
    return (uint64_t)(status.st_size - position);
}

/* For whoever watches, and not in the middle of the data. */
static void begin_progress(const struct transfer *t, const struct action *action)
{
    if (t->quiet || (action->stream >= 0 && isatty(action->stream)))
        return;
    progress_begin(action->doing, action->stream == STDIN_FILENO ? input_size() : t->length);
}

static int transfer(struct transfer *t, const struct action *action)
{
    int status = check_range(t);

    if (status != 0)
        return status;
    begin_progress(t, action);
    status = action->run(t);
    if (status == 0)
        progress_end();
    return status;
}

static int run(struct transfer *t, uint64_t number, const struct action *action)
{
    int status;

    t->buffer = malloc(STEP + 2 * SECTOR);
    if (!t->buffer)
        return guest_fail("out of memory");
    t->blk = xvmsg_blk_open_wait(t->h, number);
    status = t->blk ? transfer(t, action) : guest_fail("%s", xvmsg_error(t->h));
    xvmsg_blk_close(t->blk);
    free(t->buffer);
    return status;
}

static const struct action actions[] = {
    {"read", read_disk, STDOUT_FILENO, "reading"},
    {"write", write_disk, STDIN_FILENO, "writing"},
    {"discard", discard_disk, -1, "discarding"},
    {"zero", zero_disk, -1, "writing zeros"},
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static int parse_ranges(int argc, char **argv, const struct action *action, struct transfer *t)
{
    static const struct option long_options[] = {
        {"offset", required_argument, NULL, 'o'},
        {"length", required_argument, NULL, 'l'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        uint64_t *value = option == 'o' ? &t->offset : &t->length;

        if (option == '?')
            return EXIT_USAGE; /* getopt said why */
        if (option == 'q') {
            t->quiet = true;
            continue;
        }
        if (option == 'l' && action->stream == STDIN_FILENO)
            return guest_usage("blk write takes no --length: it writes all of its input");
        if (parse_u64(optarg, 0, UINT64_MAX - 1, value) < 0)
            return guest_usage("'%s' is not a number of bytes", optarg);
    }
    return 0;
}

int guest_blk(const struct guest_options *options, int argc, char **argv)
{
    struct transfer t = {.length = UINT64_MAX};
    const struct action *action = argc > 1 ? find_action(argv[1]) : NULL;
    bool watching = argc > 1 && strcmp(argv[1], "watch") == 0;
    uint64_t number;

    if (!action && !watching)
        return guest_usage("blk is followed by read, write, discard, zero or watch");

    argv[1] = argv[0]; /* how getopt's complaints begin */
    if (watching)
        return guest_blk_watch(options, argc - 1, argv + 1);

    int rc = parse_ranges(argc - 1, argv + 1, action, &t);

    if (rc != 0)
        return rc;
    /* getopt has moved what is no option to the end. */
    if (optind != argc - 2)
        return guest_usage("blk %s needs one device number", action->name);
    rc = guest_parse_number(argv[optind + 1], &number);
    if (rc != 0)
        return rc;
    t.h = guest_connect(options, number);
    if (!t.h)
        return EXIT_FAILURE;

    int status = run(&t, number, action);

    guest_leave(t.h);
    return status;
}
