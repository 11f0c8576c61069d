/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a disk says of itself beside its size, and the one thing that can be chosen. */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <stddef.h>

#include "common/le.h"
#include "frontend/blk.h"

#define CONFIG(member) ((uint32_t)offsetof(struct virtio_blk_config, member))

/* A request's length is 32 bits here, and whole sectors. */
#define MAX_SECTORS (UINT32_MAX / BLK_SECTOR)
#define MAX_BLOCK (1u << 20)

/* Up to 4 bytes of the configuration, if the feature that brings them was negotiated. */
static uint32_t number(const struct xvmsg_blk *blk, unsigned feature, uint32_t offset,
                       uint32_t bytes, uint32_t otherwise)
{
    const uint8_t *config = xvmsg_device_config(blk->device);
    uint32_t value = 0;

    if (!(xvmsg_device_features(blk->device) & BLK_FEATURE(feature)) ||
        xvmsg_device_get_info(blk->device)->config_size < offset + bytes)
        return otherwise;
    while (bytes--)
        value = value << 8 | config[offset + bytes];
    return value;
}

uint32_t blk_properties_u32(const struct xvmsg_blk *blk, unsigned feature, uint32_t offset,
                            uint32_t otherwise)
{
    return number(blk, feature, offset, 4, otherwise);
}

unsigned blk_properties_num_queues(const struct xvmsg_blk *blk)
{
    uint32_t count = number(blk, VIRTIO_BLK_F_MQ, CONFIG(num_queues), 2, 1);

    return count ? count : 1;
}

/* `count` things of so many bytes; 0 for more than anybody means. */
static uint32_t bytes_of(uint64_t count, uint32_t each)
{
    return count * each <= UINT32_MAX ? (uint32_t)(count * each) : 0;
}

static void read_blocks(struct xvmsg_blk *blk, struct xvmsg_blk_properties *p)
{
    uint32_t block = number(blk, VIRTIO_BLK_F_BLK_SIZE, CONFIG(blk_size), 4, BLK_SECTOR);
    uint32_t exponent = number(blk, VIRTIO_BLK_F_TOPOLOGY, CONFIG(physical_block_exp), 1, 0);

    if (block < BLK_SECTOR || block > MAX_BLOCK || block & (block - 1))
        block = BLK_SECTOR;
    p->block_size = block;
    p->physical_block_size = exponent < 12 ? block << exponent : block;
    p->alignment_offset = bytes_of(
        number(blk, VIRTIO_BLK_F_TOPOLOGY, CONFIG(alignment_offset), 1, 0), block);
    p->min_io_size =
        bytes_of(number(blk, VIRTIO_BLK_F_TOPOLOGY, CONFIG(min_io_size), 2, 0), block);
    p->opt_io_size =
        bytes_of(number(blk, VIRTIO_BLK_F_TOPOLOGY, CONFIG(opt_io_size), 4, 0), block);
}

/* The largest request, in bytes; cut at the alignment if that leaves anything. */
static uint32_t largest(uint32_t sectors, uint32_t alignment)
{
    uint32_t max = smaller(sectors, MAX_SECTORS) * BLK_SECTOR;

    return alignment && alignment <= max ? max - max % alignment : max;
}

void blk_properties_read(struct xvmsg_blk *blk)
{
    struct xvmsg_blk_properties *p = &blk->properties;

    read_blocks(blk, p);
    p->discard_alignment = bytes_of(
        number(blk, VIRTIO_BLK_F_DISCARD, CONFIG(discard_sector_alignment), 4, 0), BLK_SECTOR);
    p->max_discard =
        largest(number(blk, VIRTIO_BLK_F_DISCARD, CONFIG(max_discard_sectors), 4, 0),
                p->discard_alignment);
    p->max_write_zeroes = largest(
        number(blk, VIRTIO_BLK_F_WRITE_ZEROES, CONFIG(max_write_zeroes_sectors), 4, 0), 0);
    p->zeroes_may_unmap =
        number(blk, VIRTIO_BLK_F_WRITE_ZEROES, CONFIG(write_zeroes_may_unmap), 1, 0);
    p->can_set_writeback =
        xvmsg_device_features(blk->device) & BLK_FEATURE(VIRTIO_BLK_F_CONFIG_WCE) &&
        xvmsg_device_get_info(blk->device)->config_size > CONFIG(wce);
}

void xvmsg_blk_get_properties(const struct xvmsg_blk *blk, struct xvmsg_blk_properties *properties)
{
    bool flush = xvmsg_device_features(blk->device) & BLK_FEATURE(VIRTIO_BLK_F_FLUSH);

    *properties = blk->properties;
    properties->writeback = number(blk, VIRTIO_BLK_F_CONFIG_WCE, CONFIG(wce), 1, flush);
}

/* ---- the cache ---- */

void blk_properties_end(struct xvmsg_blk *blk, enum xvmsg_status status)
{
    xvmsg_blk_done *done = blk->cache_done;

    blk->cache_done = NULL;
    if (done)
        done(blk, status, blk->cache_user);
}

/* The configuration has been read again by now: does the device mean it? */
static void written(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_blk *blk = user;
    struct xvmsg_blk_properties now;

    (void)device;
    xvmsg_blk_get_properties(blk, &now);
    if (status == XVMSG_OK && now.writeback != blk->cache_wish)
        status = XVMSG_REFUSED;
    held_hold(&blk->held);
    blk_properties_end(blk, status);
    held_release(&blk->held);
}

int xvmsg_blk_set_writeback(struct xvmsg_blk *blk, bool writeback, xvmsg_blk_done *done,
                            void *user)
{
    if (!blk->usable)
        return handle_fail(blk->h, EIO, "the disk cannot be used any more");
    if (!blk->properties.can_set_writeback)
        return handle_fail(blk->h, ENOTSUP, "the disk's cache cannot be turned on or off");
    if (blk->cache_done)
        return handle_fail(blk->h, EBUSY, "the disk's cache is being turned on or off");
    blk->cache_wish = writeback;
    blk->cache_done = done;
    blk->cache_user = user;
    if (xvmsg_device_write_config(blk->device, CONFIG(wce), &blk->cache_wish, 1, written, blk) == 0)
        return 0;
    blk->cache_done = NULL;
    return -1;
}
