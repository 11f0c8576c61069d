/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio-blk over a raw file or a block device.
 *
 * Writes go to the host's page cache, or past it, and are made durable by FLUSH; a
 * driver that did not accept FLUSH, or that turned the cache off (CONFIG_WCE), gets each
 * write durable when it completes, as the specification promises it. It can be told
 * beforehand that nobody may have a cache: then neither feature is there.
 *
 * With several queues a flush is of what was completed on any of them: all of them
 * write to one file.
 */

#include "backend/devices/blk.h"

#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "common/le.h"
#include "common/store.h"
#include "xenstore-schema/schema.h"

#define QUEUE_SIZE 128u
/* Data descriptors of one request: the chain less header and status. */
#define SEG_MAX (QUEUE_SIZE - 2u)
#define SIZE_MAX_BYTES (128u << 10)

#define FEATURE(bit) (UINT64_C(1) << (bit))

_Static_assert(SEG_MAX * SIZE_MAX_BYTES <= BLK_REQUEST_MAX, "what we announce, we serve");
_Static_assert(NAME_MAX_LENGTH <= VIRTIO_BLK_ID_BYTES, "a name is an id string");

/* ---- life ---- */

/* Of a read-only disk nothing can be discarded or zeroed, and no cache matters; where
 * nobody may have one there is nothing to flush. */
static uint64_t features_of(const struct blk *blk)
{
    uint64_t features = FEATURE(VIRTIO_BLK_F_SIZE_MAX) | FEATURE(VIRTIO_BLK_F_SEG_MAX) |
                        FEATURE(VIRTIO_BLK_F_BLK_SIZE) | FEATURE(VIRTIO_BLK_F_TOPOLOGY);

    if (blk->num_queues > 1)
        features |= FEATURE(VIRTIO_BLK_F_MQ);
    if (!blk->writethrough)
        features |= FEATURE(VIRTIO_BLK_F_FLUSH);
    if (blk->read_only)
        return features | FEATURE(VIRTIO_BLK_F_RO);
    if (!blk->writethrough)
        features |= FEATURE(VIRTIO_BLK_F_CONFIG_WCE);
    return features | FEATURE(VIRTIO_BLK_F_DISCARD) | FEATURE(VIRTIO_BLK_F_WRITE_ZEROES);
}

static uint32_t blk_count_queues(const struct device_setup *setup)
{
    return (uint32_t)choices_number(setup->choices, XS_QUEUES, 1);
}

static bool is_writethrough(const struct device_setup *setup)
{
    const char *cache = choices_get(setup->choices, XS_CACHE);

    return cache && (strcmp(cache, XS_CACHE_WRITETHROUGH) == 0 ||
                     strcmp(cache, XS_CACHE_DIRECTSYNC) == 0);
}

/* The second descriptor is the first one's file, with O_DIRECT. */
static void open_files(struct blk *blk, const struct fds *fds)
{
    struct aio *aio = device_file_aio(blk->device);

    blk->file.quick = true;
    aio_open(aio, &blk->file, fds->fd[0]);
    blk->geometry = blk_target_geometry(fds->fd[0]);
    if (fds->count < 2)
        return;
    blk->is_direct = true;
    aio_open(aio, &blk->direct, fds->fd[1]);
    blk_target_alignment(fds->fd[1], &blk->direct_offset, &blk->direct_memory);
    if (blk->geometry.physical < blk->direct_offset)
        blk->geometry.physical = blk->direct_offset;
}

static void *blk_create(struct device *device, const struct device_setup *setup, char *why)
{
    struct blk *blk;
    uint64_t size;

    if (!blk_target_check(setup, &size, why))
        return NULL;
    blk = calloc(1, sizeof(*blk));
    if (!blk) {
        snprintf(why, DEVICE_WHY_MAX, "%s: out of memory", setup->name);
        return NULL;
    }
    blk->device = device;
    open_files(blk, setup->fds);
    blk->writethrough = is_writethrough(setup);
    blk->num_queues = blk_count_queues(setup);
    blk->read_only = blk_target_read_only(setup);
    blk->writeback = true;
    blk->sectors = size / BLK_SECTOR;
    /* Padded with zeros, none of them needed when the name is 20 bytes long. */
    memcpy(blk->id, setup->name, strnlen(setup->name, sizeof(blk->id)));
    device_offer_features(device, features_of(blk));
    return blk;
}

static void blk_destroy(void *state)
{
    struct blk *blk = state;

    if (blk->is_direct)
        aio_close(device_file_aio(blk->device), &blk->direct);
    aio_close(device_file_aio(blk->device), &blk->file);
    free(blk);
}

/* The next driver chooses for itself. */
static void blk_reset(void *state)
{
    struct blk *blk = state;

    blk->writeback = true;
}

/* ---- what the disk is ---- */

/* Without FLUSH nothing could empty a cache: there is none. */
static bool writeback(const struct blk *blk)
{
    return blk->writeback && device_has_feature(blk->device, VIRTIO_BLK_F_FLUSH);
}

bool blk_durable(const struct blk *blk)
{
    return !writeback(blk);
}

bool blk_has_sectors(const struct blk *blk, uint64_t sector, uint64_t count)
{
    return sector <= blk->sectors && count <= blk->sectors - sector;
}

/* ---- configuration ---- */

#define CONFIG(member) offsetof(struct virtio_blk_config, member)

/* In logical blocks, if it fits; 0 otherwise. */
static uint32_t blocks(const struct blk_geometry *g, uint32_t bytes, uint32_t max)
{
    return bytes / g->block <= max ? bytes / g->block : 0;
}

static void put_geometry(uint8_t *config, const struct blk_geometry *g)
{
    le32_put(config + CONFIG(blk_size), g->block);
    config[CONFIG(physical_block_exp)] = (uint8_t)__builtin_ctz(g->physical / g->block);
    config[CONFIG(alignment_offset)] = (uint8_t)blocks(g, g->aligned, UINT8_MAX);
    le16_put(config + CONFIG(min_io_size), (uint16_t)blocks(g, g->min_io, UINT16_MAX));
    le32_put(config + CONFIG(opt_io_size), blocks(g, g->opt_io, UINT32_MAX));
}

static void put_limits(uint8_t *config, const struct blk_geometry *g)
{
    le32_put(config + CONFIG(max_discard_sectors), BLK_DISCARD_MAX_SECTORS);
    le32_put(config + CONFIG(max_discard_seg), BLK_DISCARD_SEGMENTS);
    le32_put(config + CONFIG(discard_sector_alignment), g->physical / BLK_SECTOR);
    le32_put(config + CONFIG(max_write_zeroes_sectors), BLK_ZEROES_MAX_SECTORS);
    le32_put(config + CONFIG(max_write_zeroes_seg), BLK_ZEROES_SEGMENTS);
    config[CONFIG(write_zeroes_may_unmap)] = 1;
}

/* Every byte of the structure is in the configuration space; what belongs to
 * features we do not offer reads as zero. */
static void blk_read_config(void *state, void *config)
{
    const struct blk *blk = state;
    uint8_t *bytes = config;

    memset(bytes, 0, sizeof(struct virtio_blk_config));
    le64_put(bytes + CONFIG(capacity), blk->sectors);
    le32_put(bytes + CONFIG(size_max), SIZE_MAX_BYTES);
    le32_put(bytes + CONFIG(seg_max), SEG_MAX);
    put_geometry(bytes, &blk->geometry);
    if (blk->num_queues > 1)
        le16_put(bytes + CONFIG(num_queues), (uint16_t)blk->num_queues);
    if (blk->read_only)
        return;
    bytes[CONFIG(wce)] = writeback(blk);
    put_limits(bytes, &blk->geometry);
}

/* One byte can be written. What is neither on nor off is off: that is slow, and safe. */
static void blk_write_config(void *state, uint32_t offset, const void *bytes, uint32_t size)
{
    struct blk *blk = state;

    if (device_has_feature(blk->device, VIRTIO_BLK_F_CONFIG_WCE) && offset <= CONFIG(wce) &&
        CONFIG(wce) - offset < size)
        blk->writeback = ((const uint8_t *)bytes)[CONFIG(wce) - offset] == 1;
}

/* The capacity is the whole sectors there are. Requests that wait for the kernel
 * were inside the disk when they came. */
static void blk_target_changed(void *state)
{
    struct blk *blk = state;
    uint64_t size;

    if (!blk_target_size(blk->file.fd, &size) || size / BLK_SECTOR == blk->sectors)
        return;
    blk->sectors = size / BLK_SECTOR;
    device_config_changed(blk->device, CONFIG(capacity),
                          sizeof(((struct virtio_blk_config *)0)->capacity));
}

/* ---- the queues ---- */

static void blk_queue_kick(void *state, struct queue *queue)
{
    struct blk *blk = state;
    struct chain *chain;

    while ((chain = queue_pop(queue)))
        if (!blk_request_serve(blk, queue, chain))
            break;
}

const struct device_class blk_class = {
    .name = "blk",
    .virtio_id = VIRTIO_ID_BLOCK,
    .num_queues = XS_QUEUES_MAX,
    .count_queues = blk_count_queues,
    .queue_size = QUEUE_SIZE,
    .config_size = sizeof(struct virtio_blk_config),
    .group = 1,
    .create = blk_create,
    .destroy = blk_destroy,
    .reset = blk_reset,
    .read_config = blk_read_config,
    .write_config = blk_write_config,
    .target_changed = blk_target_changed,
    .queue_kick = blk_queue_kick,
};
