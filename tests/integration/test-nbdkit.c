/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * nbdkit's plugin with the whole backend: the test calls it as nbdkit does, from several
 * threads. That nbdkit itself takes it is for the end-to-end tests to show.
 */

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xvmsg-blk.h>

#include "tests/harness.h"
#include "tests/integration/program.h"

#define DISK_BYTES (1024L * 1024)
#define THREADS 8
#define SHARE (DISK_BYTES / THREADS)

struct nbdkit_plugin *plugin_init(void);

static struct nbdkit_plugin *plugin;
static const char *path; /* the file behind the disk */

/* ---- what nbdkit offers to plugins ---- */

static __thread char said[256];
static __thread int said_error;

void nbdkit_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

void nbdkit_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(said, sizeof(said), format, arguments);
    va_end(arguments);
}

void nbdkit_set_error(int error)
{
    said_error = error;
}

int nbdkit_parse_unsigned(const char *what, const char *text, unsigned *number)
{
    (void)what;
    return sscanf(text, "%u", number) == 1 ? 0 : -1;
}

int nbdkit_parse_uint64_t(const char *what, const char *text, uint64_t *number)
{
    unsigned long long parsed;

    (void)what;
    if (sscanf(text, "%llu", &parsed) != 1)
        return -1;
    *number = parsed;
    return 0;
}

/* ---- the library's flush, counted ---- */

static unsigned flushes; /* by the plugin's one thread */

int xvmsg_blk_flush(struct xvmsg_blk *blk, xvmsg_blk_done *done, void *user)
{
    int (*flush)(struct xvmsg_blk *, xvmsg_blk_done *, void *);

    *(void **)&flush = dlsym(RTLD_NEXT, "xvmsg_blk_flush");
    __atomic_fetch_add(&flushes, 1, __ATOMIC_RELAXED);
    return flush(blk, done, user);
}

static unsigned take_flushes(void)
{
    return __atomic_exchange_n(&flushes, 0, __ATOMIC_RELAXED);
}

/* ---- a disk being served ---- */

static int load(const char *device)
{
    plugin = plugin_init();
    CU_ASSERT_EQUAL(plugin->config("device", device), 0);
    CU_ASSERT_EQUAL(plugin->config_complete(), 0);
    if (plugin->get_ready() < 0)
        return -1;
    return plugin->after_fork();
}

static void *serve(const char *mode)
{
    void *handle;

    path = program_begin_disk(DISK_BYTES, mode);
    CU_ASSERT_EQUAL_FATAL(load("1"), 0);
    handle = plugin->open(0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(handle);
    take_flushes();
    return handle;
}

static void end(void)
{
    plugin->unload();
    program_end();
}

static bool file_has(const void *bytes, size_t size, off_t offset)
{
    char *there = malloc(size);
    int fd = open(path, O_RDONLY);
    bool same = pread(fd, there, size, offset) == (ssize_t)size && memcmp(there, bytes, size) == 0;

    close(fd);
    free(there);
    return same;
}

static bool refused(int rc, int error, const char *words)
{
    bool so = rc == -1 && said_error == error && strstr(said, words);

    if (!so)
        fprintf(stderr, "# returned %d, errno %d: %s\n", rc, said_error, said);
    said_error = 0;
    said[0] = '\0';
    return so;
}

/* ---- parameters ---- */

static void parameters_are_checked(void)
{
    plugin = plugin_init();
    CU_ASSERT(refused(plugin->config_complete(), 0, "device=NUMBER is missing"));
    CU_ASSERT(refused(plugin->config("bus", "65536"), 0, "at most 65535"));
    CU_ASSERT(refused(plugin->config("timeout", "86401"), 0, "at most 86400"));
    CU_ASSERT(refused(plugin->config("heartbeat", "86401"), 0, "at most 86400"));
    CU_ASSERT(refused(plugin->config("speed", "1"), 0, "no parameter 'speed'"));
    CU_ASSERT_EQUAL(plugin->config("timeout", "10"), 0);
    CU_ASSERT_EQUAL(plugin->config("bus", "0"), 0);
}

static void only_a_disk_is_served(void)
{
    program_begin("rng", NULL);
    CU_ASSERT(refused(load("2"), 0, "there is no device 2"));
    CU_ASSERT(refused(load("1"), 0, "of type rng"));
    program_end();
}

/* ---- requests ---- */

static void what_the_disk_is(void)
{
    uint32_t minimum, preferred, maximum;
    void *handle = serve("w");

    CU_ASSERT_EQUAL(plugin->get_size(handle), DISK_BYTES);
    CU_ASSERT_EQUAL(plugin->can_write(handle), 1);
    CU_ASSERT_EQUAL(plugin->can_flush(handle), 1);
    CU_ASSERT_EQUAL(plugin->can_trim(handle), 1);
    CU_ASSERT_EQUAL(plugin->can_zero(handle), 1);
    CU_ASSERT_EQUAL(plugin->can_fast_zero(handle), 0);
    CU_ASSERT_EQUAL(plugin->can_fua(handle), NBDKIT_FUA_NATIVE);
    CU_ASSERT_EQUAL(plugin->can_multi_conn(handle), 1);
    CU_ASSERT_PTR_NULL(plugin->extents);
    CU_ASSERT_EQUAL(plugin->block_size(handle, &minimum, &preferred, &maximum), 0);
    CU_ASSERT_EQUAL(minimum, 512);
    CU_ASSERT(preferred >= 4096 && (preferred & (preferred - 1)) == 0);
    CU_ASSERT(maximum >= preferred && maximum % minimum == 0);
    end();
}

static void bytes_go_both_ways(void)
{
    static char bytes[300 * 1024], back[sizeof(bytes)];
    void *handle = serve("w");

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 + i / 512);
    CU_ASSERT_EQUAL(plugin->pwrite(handle, bytes, sizeof(bytes), 1536, 0), 0);
    CU_ASSERT(file_has(bytes, sizeof(bytes), 1536));
    CU_ASSERT_EQUAL(plugin->pread(handle, back, sizeof(back), 1536, 0), 0);
    CU_ASSERT_EQUAL(memcmp(bytes, back, sizeof(bytes)), 0);
    CU_ASSERT_EQUAL(plugin->pread(handle, back, 512, 0, 0), 0);
    CU_ASSERT_STRING_EQUAL(back, "disk");
    end();
}

static void flush_reaches_the_disk(void)
{
    static char bytes[4096];
    void *handle = serve("w");

    CU_ASSERT_EQUAL(plugin->pwrite(handle, bytes, sizeof(bytes), 0, 0), 0);
    CU_ASSERT_EQUAL(take_flushes(), 0);
    CU_ASSERT_EQUAL(plugin->flush(handle, 0), 0);
    CU_ASSERT_EQUAL(take_flushes(), 1);
    CU_ASSERT_EQUAL(plugin->pwrite(handle, bytes, sizeof(bytes), 0, NBDKIT_FLAG_FUA), 0);
    CU_ASSERT_EQUAL(take_flushes(), 1);
    CU_ASSERT_EQUAL(plugin->trim(handle, 4096, 0, NBDKIT_FLAG_FUA), 0);
    CU_ASSERT_EQUAL(take_flushes(), 1);
    CU_ASSERT_EQUAL(plugin->zero(handle, 4096, 0, NBDKIT_FLAG_FUA), 0);
    CU_ASSERT_EQUAL(take_flushes(), 1);
    end();
}

static void ranges_are_zeroed(void)
{
    static char ones[16384], zeroes[4096];
    void *handle = serve("w");

    memset(ones, 1, sizeof(ones));
    CU_ASSERT_EQUAL(plugin->pwrite(handle, ones, sizeof(ones), 0, 0), 0);
    CU_ASSERT_EQUAL(plugin->zero(handle, 4096, 4096, NBDKIT_FLAG_MAY_TRIM), 0);
    CU_ASSERT_EQUAL(plugin->zero(handle, 4096, 8192, 0), 0);
    CU_ASSERT(file_has(ones, 4096, 0));
    CU_ASSERT(file_has(zeroes, 4096, 4096));
    CU_ASSERT(file_has(zeroes, 4096, 8192));
    CU_ASSERT(file_has(ones, 4096, 12288));
    end();
}

static void a_new_connection_learns_the_new_size(void)
{
    static char bytes[512];
    void *handle = serve("w");

    CU_ASSERT_EQUAL(truncate(path, 2 * DISK_BYTES), 0);
    program_resize_device();
    while (plugin->get_size(plugin->open(0)) != 2 * DISK_BYTES)
        sched_yield();
    CU_ASSERT_EQUAL(plugin->pwrite(handle, bytes, 512, 2 * DISK_BYTES - 512, 0), 0);
    end();
}

static void a_readonly_disk_stays_as_it_is(void)
{
    static char bytes[512];
    void *handle = serve("r");

    CU_ASSERT_EQUAL(plugin->can_write(handle), 0);
    CU_ASSERT(refused(plugin->pwrite(handle, bytes, 512, 0, 0), EROFS, "read-only"));
    CU_ASSERT_EQUAL(plugin->pread(handle, bytes, 512, 0, 0), 0);
    CU_ASSERT(file_has("disk", 4, 0));
    end();
}

static void what_fits_no_sector_is_refused(void)
{
    static char bytes[1024];
    void *handle = serve("w");

    CU_ASSERT(refused(plugin->pread(handle, bytes, 511, 0, 0), EINVAL, "multiples of 512"));
    CU_ASSERT(refused(plugin->pwrite(handle, bytes, 512, 1, 0), EINVAL, "multiples of 512"));
    CU_ASSERT(refused(plugin->trim(handle, 100, 0, 0), EINVAL, "trim of 100 bytes at 0"));
    CU_ASSERT(refused(plugin->pread(handle, bytes, 512, DISK_BYTES, 0), EIO, "I/O error"));
    end();
}

/* ---- many threads ---- */

static bool enough; /* for clients of UINT_MAX rounds */

struct client {
    pthread_t thread;
    unsigned number;
    unsigned rounds; /* UINT_MAX: until it fails, or it is enough */
    unsigned done;   /* of them */
    bool wrong;
    int failed; /* errno of the first request that did */
};

/* Writes and reads its own share of the disk, in pieces that cross one another. */
static void *client_run(void *user)
{
    struct client *c = user;
    char bytes[20 * 512], back[sizeof(bytes)];

    for (unsigned i = 0; i < c->rounds && !c->failed && !c->wrong; i++) {
        if (c->rounds == UINT_MAX && __atomic_load_n(&enough, __ATOMIC_RELAXED))
            break;
        uint32_t size = (1 + i % 20) * 512;
        uint64_t offset = c->number * SHARE + i * 512 % (SHARE - sizeof(bytes)) / 512 * 512;
        uint32_t flags = i % 7 == 0 ? NBDKIT_FLAG_FUA : 0;

        memset(bytes, (int)(c->number + i), size);
        if (plugin->pwrite(NULL, bytes, size, offset, flags) < 0 ||
            plugin->pread(NULL, back, size, offset, 0) < 0)
            c->failed = said_error;
        else
            c->wrong = memcmp(bytes, back, size) != 0;
        __atomic_store_n(&c->done, i + 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void start_clients(struct client clients[THREADS], unsigned rounds)
{
    enough = false;
    for (unsigned i = 0; i < THREADS; i++) {
        clients[i] = (struct client){.number = i, .rounds = rounds};
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&clients[i].thread, NULL, client_run, &clients[i]), 0);
    }
}

static void await_clients(const struct client clients[THREADS])
{
    for (unsigned i = 0; i < THREADS; i++)
        while (!__atomic_load_n(&clients[i].done, __ATOMIC_RELAXED))
            sched_yield();
}

static void join_clients(struct client clients[THREADS])
{
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(clients[i].thread, NULL);
        CU_ASSERT_FALSE(clients[i].wrong);
    }
}

static void end_clients(struct client clients[THREADS], int failed)
{
    join_clients(clients);
    for (unsigned i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL(clients[i].failed, failed);
}

static void many_threads_use_it_at_once(void)
{
    struct client clients[THREADS];

    serve("w");
    start_clients(clients, 200);
    end_clients(clients, 0);
    end();
}

/* ---- ends and returns ---- */

static void a_disk_that_is_removed_ends_all_requests(void)
{
    struct client clients[THREADS];
    static char bytes[512];
    void *handle = serve("w");

    start_clients(clients, UINT_MAX);
    program_remove_device();
    end_clients(clients, EIO);
    CU_ASSERT(refused(plugin->pread(handle, bytes, 512, 0, 0), EIO, "removed"));
    CU_ASSERT_PTR_NULL(plugin->open(0));
    CU_ASSERT(refused(-1, EIO, "removed"));
    end();
}

static void a_disk_comes_back_with_the_backend(void)
{
    struct client clients[THREADS];
    static char bytes[512], back[512];
    void *handle = serve("w");

    start_clients(clients, UINT_MAX);
    await_clients(clients);
    program_restart_backend();
    __atomic_store_n(&enough, true, __ATOMIC_RELAXED);
    join_clients(clients);
    /* Who asked for nothing while it was away has not noticed. */
    for (unsigned i = 0; i < THREADS; i++)
        CU_ASSERT(clients[i].failed == EIO || !clients[i].failed);
    memset(bytes, 5, sizeof(bytes));
    while (plugin->pwrite(handle, bytes, 512, 512, 0) < 0)
        CU_ASSERT_EQUAL_FATAL(said_error, EIO);
    CU_ASSERT_EQUAL(plugin->pread(handle, back, 512, 512, 0), 0);
    CU_ASSERT_EQUAL(memcmp(bytes, back, 512), 0);
    CU_ASSERT_PTR_NOT_NULL(plugin->open(0));
    end();
}

static void it_ends_while_the_backend_is_away(void)
{
    serve("w");
    program_restart_backend();
    end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(parameters_are_checked),
        TEST(only_a_disk_is_served),
        TEST(what_the_disk_is),
        TEST(bytes_go_both_ways),
        TEST(flush_reaches_the_disk),
        TEST(ranges_are_zeroed),
        TEST(a_new_connection_learns_the_new_size),
        TEST(a_readonly_disk_stays_as_it_is),
        TEST(what_fits_no_sector_is_refused),
        TEST(many_threads_use_it_at_once),
        TEST(a_disk_that_is_removed_ends_all_requests),
        TEST(a_disk_comes_back_with_the_backend),
        TEST(it_ends_while_the_backend_is_away),
        {NULL, NULL},
    };

    return test_main("nbdkit", cases);
}
