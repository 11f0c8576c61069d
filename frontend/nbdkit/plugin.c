/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * nbdkit's side of the plugin: parameters, and one NBD request as one request to the
 * disk. All connections share the disk; nbdkit calls from as many threads as it likes.
 */

#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "frontend/nbdkit/disk.h"
#include "xenstore-schema/schema.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define MAX_SECONDS 86400u
/* What NBD's clients take for granted, and longest transfers that stay sensible. */
#define MAX_BLOCK 65536u
#define PREFERRED_BLOCK 4096u
#define MAX_TRANSFER (32u * 1024 * 1024)

static struct disk_settings settings = {.timeout = 30};
static bool has_number;
static struct disk *disk;

/* ---- parameters ---- */

static int take_number(const char *what, const char *text, unsigned max, unsigned *number)
{
    if (nbdkit_parse_unsigned(what, text, number) < 0)
        return -1;
    if (*number <= max)
        return 0;
    nbdkit_error("%s is at most %u, not %s", what, max, text);
    return -1;
}

static int on_config(const char *key, const char *value)
{
    if (strcmp(key, "device") == 0) {
        has_number = true;
        return nbdkit_parse_uint64_t("device", value, &settings.number);
    }
    if (strcmp(key, "bus") == 0)
        return take_number("bus", value, XS_BUS_MAX, &settings.bus);
    if (strcmp(key, "timeout") == 0)
        return take_number("timeout", value, MAX_SECONDS, &settings.timeout);
    if (strcmp(key, "heartbeat") == 0)
        return take_number("heartbeat", value, MAX_SECONDS, &settings.heartbeat);
    nbdkit_error("there is no parameter '%s'", key);
    return -1;
}

static int on_config_complete(void)
{
    if (has_number)
        return 0;
    nbdkit_error("which disk? device=NUMBER is missing; xvmsg-guest list shows what there is");
    return -1;
}

/* ---- life ---- */

/* Here a person still reads what is said; a handle does not survive the fork. */
static int on_get_ready(void)
{
    char why[WHY_SIZE];

    if (attachment_check(&settings, why))
        return 0;
    nbdkit_error("%s", why);
    return -1;
}

static int on_after_fork(void)
{
    char why[WHY_SIZE];

    disk = disk_start(&settings, why);
    if (disk)
        return 0;
    nbdkit_error("%s", why);
    return -1;
}

static void on_unload(void)
{
    disk_stop(disk);
    disk = NULL;
}

static void *on_open(int readonly)
{
    struct disk_facts facts;

    (void)readonly;
    if (disk_wait(disk, &facts))
        return NBDKIT_HANDLE_NOT_NEEDED;
    nbdkit_error("the disk cannot be used now: %s", facts.why);
    nbdkit_set_error(EIO);
    return NULL;
}

/* ---- what the disk is ---- */

static struct disk_facts facts_now(void)
{
    struct disk_facts facts;

    disk_get_facts(disk, &facts);
    return facts;
}

static int64_t on_get_size(void *handle)
{
    uint64_t size = facts_now().size;

    (void)handle;
    if (size <= INT64_MAX)
        return (int64_t)size;
    nbdkit_error("a disk of %" PRIu64 " bytes is too large for NBD", size);
    return -1;
}

static int on_can_write(void *handle)
{
    (void)handle;
    return !facts_now().readonly;
}

static int on_can_trim(void *handle)
{
    (void)handle;
    return facts_now().properties.max_discard != 0;
}

/* Where the disk cannot, nbdkit writes zeroes. */
static int on_can_zero(void *handle)
{
    (void)handle;
    return facts_now().properties.max_write_zeroes != 0;
}

static int on_can_fua(void *handle)
{
    (void)handle;
    return NBDKIT_FUA_NATIVE;
}

static int yes(void *handle)
{
    (void)handle;
    return 1;
}

static int no(void *handle)
{
    (void)handle;
    return 0;
}

static uint32_t power_of_two_up_to(uint32_t wanted, uint32_t least, uint32_t most)
{
    uint32_t size = least;

    while (size < wanted && size < most)
        size *= 2;
    return size;
}

static int on_block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
    struct xvmsg_blk_properties p = facts_now().properties;
    uint32_t best = p.opt_io_size ? p.opt_io_size : p.physical_block_size;

    (void)handle;
    *minimum = power_of_two_up_to(p.block_size, 512, MAX_BLOCK);
    *preferred = power_of_two_up_to(best, PREFERRED_BLOCK, MAX_TRANSFER);
    *maximum = MAX_TRANSFER;
    return 0;
}

/* ---- requests ---- */

static int transfer(const char *what, struct disk_request *r)
{
    int error = disk_do(disk, r);

    if (!error)
        return 0;
    nbdkit_error("%s of %" PRIu32 " bytes at %" PRIu64 ": %s", what, r->length, r->offset, r->why);
    nbdkit_set_error(error);
    return -1;
}

static int on_pread(void *handle, void *buffer, uint32_t count, uint64_t offset, uint32_t flags)
{
    struct disk_request r = {
        .kind = DISK_READ, .buffer = buffer, .length = count, .offset = offset};

    (void)handle, (void)flags;
    return transfer("read", &r);
}

static int on_pwrite(void *handle, const void *buffer, uint32_t count, uint64_t offset,
                        uint32_t flags)
{
    struct disk_request r = {.kind = DISK_WRITE,
                             .buffer = (void *)buffer, /* only read */
                             .length = count,
                             .offset = offset,
                             .stable = flags & NBDKIT_FLAG_FUA};

    (void)handle;
    return transfer("write", &r);
}

static int on_flush(void *handle, uint32_t flags)
{
    struct disk_request r = {.kind = DISK_FLUSH};

    (void)handle, (void)flags;
    return transfer("flush", &r);
}

static int on_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    struct disk_request r = {.kind = DISK_DISCARD,
                             .length = count,
                             .offset = offset,
                             .stable = flags & NBDKIT_FLAG_FUA};

    (void)handle;
    return transfer("trim", &r);
}

static int on_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    struct disk_request r = {.kind = DISK_ZERO,
                             .length = count,
                             .offset = offset,
                             .stable = flags & NBDKIT_FLAG_FUA,
                             .unmap = flags & NBDKIT_FLAG_MAY_TRIM};

    (void)handle;
    return transfer("zeroing", &r);
}

/* ---- the plugin ---- */

static struct nbdkit_plugin plugin = {
    .name = "xvmsg",
    .longname = "virtio disk over Xen",
    .version = PACKAGE_VERSION,
    .description = "Serves a virtio disk of this Xen guest, reached by virtio-msg, over NBD.",
    .config = on_config,
    .config_complete = on_config_complete,
    .config_help = "device=<NUMBER>      (required) The disk's number, as xvmsg-guest list says.\n"
                   "bus=<NUMBER>         Bus of this guest (default: 0).\n"
                   "timeout=<SECONDS>    How long clients wait for a disk that is away (default: 30).\n"
                   "heartbeat=<SECONDS>  Ask a backend that is silent for so long (default: 0, "
                   "never).",
    .magic_config_key = "device",
    .get_ready = on_get_ready,
    .after_fork = on_after_fork,
    .unload = on_unload,
    .open = on_open,
    .get_size = on_get_size,
    .block_size = on_block_size,
    .can_write = on_can_write,
    .can_flush = yes,
    .can_fua = on_can_fua,
    .can_trim = on_can_trim,
    .can_zero = on_can_zero,
    .can_fast_zero = no, /* the disk does not say whether it is quick */
    .can_multi_conn = yes,
    .is_rotational = no,
    .pread = on_pread,
    .pwrite = on_pwrite,
    .flush = on_flush,
    .trim = on_trim,
    .zero = on_zero,
    .errno_is_preserved = 0,
};

struct nbdkit_plugin *plugin_init(void);

NBDKIT_REGISTER_PLUGIN(plugin)
