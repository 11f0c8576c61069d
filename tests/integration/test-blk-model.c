/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Disks under random load, held against a model; both ends, on a true file. For as many
 * seconds as XVMSG_SOAK_SECONDS says (make soak), or for a moment.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/disk-load.h"
#include "tests/integration/joined.h"
#include "xenstore-schema/schema.h"

#define SECTORS 16384u
#define REQUESTS 1500u
#define SOAK_REQUESTS 5000u

static struct joined j;
static struct disk_load load;
static const char *target;

/* ---- the disk ---- */

struct wanted_disk {
    const char *name;
    const char *cache;
    const char *queues;
};

static int request_body(struct platform *p, platform_tx tx, void *user)
{
    const struct wanted_disk *wanted = user;
    struct store_path dir = store_path(B7 "/" XS_REQUEST "/%s", wanted->name);

    if (store_write_text(p, tx, dir.text, XS_TYPE, "blk") < 0 ||
        store_write_text(p, tx, dir.text, XS_TARGET, target) < 0 ||
        store_write_text(p, tx, dir.text, XS_CACHE, wanted->cache) < 0 ||
        store_write_text(p, tx, dir.text, XS_QUEUES, wanted->queues) < 0)
        return -1;
    return store_write_text(p, tx, dir.text, XS_MODE, XS_MODE_WRITE);
}

static void on_ready(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    (void)blk;
    CU_ASSERT_EQUAL_FATAL(status, XVMSG_OK);
    *(bool *)user = true;
}

static bool is_set(struct joined *joined, void *user)
{
    (void)joined;
    return *(bool *)user;
}

static struct xvmsg_blk *open_disk(void)
{
    bool ready = false;
    struct xvmsg_blk *blk = xvmsg_blk_open(j.h, 1, on_ready, &ready);

    CU_ASSERT_PTR_NOT_NULL_FATAL(blk);
    joined_run_until(&j, is_set, &ready);
    return blk;
}

/* How the disk of the cases to come is served. */
struct serving {
    unsigned threads;
    bool queue_doorbells;
};

static struct serving serving;

static void start(const char *cache, const char *queues)
{
    struct wanted_disk wanted = {"disk", cache, queues};

    joined_open_threads(&j, serving.threads, serving.queue_doorbells);
    target = stage_target(&j.s, "disk", (long)SECTORS * MODEL_SECTOR);
    CU_ASSERT_EQUAL(store_transaction(j.s.toolstack, request_body, &wanted), 0);
    joined_await_device(&j, 1);
    CU_ASSERT_FATAL(disk_load_init(&load, j.h, SECTORS, 1));
}

static void stop(void)
{
    CU_ASSERT_FALSE(load.failed);
    disk_load_free(&load);
    joined_close(&j);
}

/* ---- the load ---- */

static void until_done(void)
{
    test_alarm(TEST_PATIENCE);
    while (!disk_load_turn(&load))
        joined_turn(&j);
    test_alarm(0);
}

/* What is on the file, past everything between. */
static void compare_file(void)
{
    struct model_op op = {.kind = MODEL_READ, .count = SECTORS};
    uint8_t *bytes = malloc((size_t)SECTORS * MODEL_SECTOR);
    int fd = open(target, O_RDONLY | O_CLOEXEC);

    CU_ASSERT_FATAL(bytes && fd >= 0);
    CU_ASSERT_EQUAL(read(fd, bytes, (size_t)SECTORS * MODEL_SECTOR), SECTORS * MODEL_SECTOR);
    CU_ASSERT_TRUE(disk_model_begin(load.model, &op));
    CU_ASSERT_TRUE(disk_model_done(load.model, &op, bytes));
    close(fd);
    free(bytes);
}

static void load_disk(struct xvmsg_blk *blk, uint64_t requests)
{
    disk_load_run(&load, blk, requests);
    until_done();
    disk_load_scan(&load, blk);
    until_done();
    compare_file();
}

static uint64_t soak_seconds(void)
{
    const char *text = getenv("XVMSG_SOAK_SECONDS");

    return text ? strtoull(text, NULL, 10) : 0;
}

static void disk_holds_what_was_written(const char *cache, const char *queues)
{
    time_t end = time(NULL) + (time_t)soak_seconds();
    uint64_t requests = soak_seconds() ? SOAK_REQUESTS : REQUESTS;

    start(cache, queues);
    do {
        struct xvmsg_blk *blk = open_disk();

        load_disk(blk, requests);
        /* And what is in flight when the disk is let go is done, or it is not. */
        disk_load_run(&load, blk, LOAD_DEPTH);
        disk_load_turn(&load);
        joined_turn(&j);
        xvmsg_blk_close(blk);
        blk = open_disk();
        load_disk(blk, requests / 4);
        xvmsg_blk_close(blk);
    } while (time(NULL) < end && !load.failed);
    if (soak_seconds())
        printf("# cache=%s queues=%s: %llu requests, %llu lost by resets\n", cache, queues,
               (unsigned long long)load.done, (unsigned long long)load.lost);
    fflush(stdout);
    stop();
}

static void holds_with_a_cache(void)
{
    disk_holds_what_was_written(XS_CACHE_WRITEBACK, "1");
}

static void holds_without_a_cache(void)
{
    disk_holds_what_was_written(XS_CACHE_WRITETHROUGH, "2");
}

/* There are file systems without O_DIRECT. */
static bool tmp_is_direct(void)
{
    char path[] = "/tmp/xvmsg-direct-XXXXXX";
    int fd = mkostemp(path, O_DIRECT | O_CLOEXEC);

    unlink(path);
    return fd >= 0 && close(fd) == 0;
}

static void holds_past_the_page_cache(void)
{
    if (!tmp_is_direct()) {
        printf("# not tested: /tmp is on a file system without O_DIRECT\n");
        return;
    }
    disk_holds_what_was_written(XS_CACHE_NONE, "4");
}

static void holds_with_many_queues(void)
{
    disk_holds_what_was_written(XS_CACHE_WRITEBACK, "8");
}

static void serve_by_threads(const char *cache, const char *queues, bool queue_doorbells)
{
    serving = (struct serving){.threads = 2, .queue_doorbells = queue_doorbells};
    disk_holds_what_was_written(cache, queues);
    serving = (struct serving){0};
}

static void holds_with_queue_threads(void)
{
    serve_by_threads(XS_CACHE_WRITEBACK, "3", false);
}

static void holds_with_queue_threads_that_have_doorbells(void)
{
    serve_by_threads(XS_CACHE_WRITETHROUGH, "4", true);
}

static const struct test_case cases[] = {
    TEST(holds_with_a_cache),
    TEST(holds_without_a_cache),
    TEST(holds_past_the_page_cache),
    TEST(holds_with_many_queues),
    TEST(holds_with_queue_threads),
    TEST(holds_with_queue_threads_that_have_doorbells),
    {NULL, NULL},
};

int main(void)
{
    return test_main("blk model", cases);
}
