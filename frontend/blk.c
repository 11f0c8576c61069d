/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A disk: opening, closing, what it is. */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "common/le.h"
#include "frontend/blk.h"
#include "frontend/device.h"

#define QUEUE_SIZE 256u
#define USER_BYTES (1024u * 1024)

/* Configuration offsets. */
#define CONFIG_CAPACITY 0u
#define CAPACITY_BYTES 8u
#define CONFIG_SIZE_MAX 8u
#define CONFIG_SEG_MAX 12u

/* ---- what the device says ---- */

static void used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct xvmsg_blk *blk = user;

    held_hold(&blk->held);
    blk_io_used(blk, xvmsg_device_queue(device, index));
    held_release(&blk->held);
}

static void broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_blk *blk = user;

    (void)device;
    held_hold(&blk->held);
    blk_io_end_all(blk, status);
    if (blk->changed && !blk->held.closed)
        blk->changed(blk, status, blk->changed_user);
    held_release(&blk->held);
}

static void configured(struct xvmsg_device *device, uint32_t offset, uint32_t length, void *user)
{
    struct xvmsg_blk *blk = user;
    uint64_t size = xvmsg_blk_size(blk);

    (void)device;
    (void)offset;
    (void)length;
    if (!blk->usable || size == blk->size)
        return;
    blk->size = size;
    held_hold(&blk->held);
    if (blk->changed)
        blk->changed(blk, XVMSG_OK, blk->changed_user);
    held_release(&blk->held);
}

/* ---- opening ---- */

static void divide_memory(struct xvmsg_blk *blk)
{
    struct xvmsg_area *area = xvmsg_device_buffers(blk->device);
    size_t slots = (size_t)BLK_PARTS * BLK_SLOT_BYTES;
    size_t rest = xvmsg_area_size(area) - slots;
    unsigned num_chunks = smaller(rest / 3 / BLK_CHUNK_BYTES, BLK_MAX_CHUNKS);

    blk->slots = xvmsg_area_memory(area);
    blk->chunks = blk->slots + slots;
    blk->memory = blk->chunks + (size_t)num_chunks * BLK_CHUNK_BYTES;
    blk->memory_size = rest - (size_t)num_chunks * BLK_CHUNK_BYTES;
    blk->free_parts = UINT64_MAX;
    blk->free_chunks = (uint32_t)((UINT64_C(1) << num_chunks) - 1);
}

static uint32_t smallest_queue(const struct xvmsg_blk *blk)
{
    uint32_t size = UINT32_MAX;

    for (unsigned i = 0; i < blk->num_queues; i++)
        size = smaller(xvmsg_queue_size(blk->queues[i]), size);
    return size;
}

static int check_disk(struct xvmsg_blk *blk)
{
    unsigned long long number = xvmsg_device_number(blk->device);
    uint32_t config_size = xvmsg_device_get_info(blk->device)->config_size;
    uint32_t size_max =
        blk_properties_u32(blk, VIRTIO_BLK_F_SIZE_MAX, CONFIG_SIZE_MAX, UINT32_MAX);
    uint32_t queue_size = smallest_queue(blk);
    uint32_t seg_max = blk_properties_u32(blk, VIRTIO_BLK_F_SEG_MAX, CONFIG_SEG_MAX, UINT32_MAX);

    if (config_size < CONFIG_CAPACITY + CAPACITY_BYTES)
        return handle_fail(blk->h, EIO, "device %llu: a disk's configuration is not %u bytes",
                           number, config_size);
    if (size_max < BLK_SECTOR)
        return handle_fail(blk->h, EIO, "device %llu: segments of %u bytes are too small", number,
                           size_max);
    if (queue_size < 4)
        return handle_fail(blk->h, EIO, "device %llu: its queue is too small for a disk", number);
    blk->segment_bytes = smaller(size_max, BLK_PART_BYTES) & ~(BLK_SECTOR - 1);
    /* Not more than leaves room for header and status. */
    blk->max_segments = smaller(queue_size - 2, BLK_MAX_SEGMENTS);
    blk->max_segments = smaller(seg_max ? seg_max : 1, blk->max_segments);
    blk_properties_read(blk);
    return 0;
}

/* All that the device has: whoever gave it several wants them used. It may say more than
 * there are. */
static unsigned count_queues(struct xvmsg_device *device, void *user)
{
    struct xvmsg_blk *blk = user;
    uint32_t there = smaller(xvmsg_device_get_info(device)->max_virtqueues, BLK_MAX_QUEUES);

    blk->device = device;
    blk->num_queues = smaller(blk_properties_num_queues(blk), there ? there : 1);
    return blk->num_queues;
}

static void device_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_blk *blk = user;

    blk->device = device;
    if (status == XVMSG_OK) {
        for (unsigned i = 0; i < blk->num_queues; i++)
            blk->queues[i] = xvmsg_device_queue(device, i);
        if (check_disk(blk) < 0)
            status = XVMSG_REFUSED;
        else
            divide_memory(blk);
        blk->usable = status == XVMSG_OK;
        blk->size = xvmsg_blk_size(blk);
    }
    blk->ready(blk, status, blk->user);
}

static void close_it(struct held *held)
{
    struct xvmsg_blk *blk = (struct xvmsg_blk *)held;

    xvmsg_device_close(blk->device);
    blk_io_end_all(blk, XVMSG_CANCELLED);
}

static void break_off(struct held *held)
{
    device_break(((struct xvmsg_blk *)held)->device, XVMSG_CANCELLED);
}

static const struct held_class class = {
    .size = sizeof(struct xvmsg_blk), .close = close_it, .break_off = break_off};

struct xvmsg_blk *xvmsg_blk_open(struct xvmsg *h, uint64_t number, xvmsg_blk_ready *ready,
                                 void *user)
{
    static const struct xvmsg_driver driver = {
        .device_id = VIRTIO_ID_BLOCK,
        .features = BLK_FEATURE(VIRTIO_BLK_F_SIZE_MAX) | BLK_FEATURE(VIRTIO_BLK_F_SEG_MAX) |
                    BLK_FEATURE(VIRTIO_BLK_F_RO) | BLK_FEATURE(VIRTIO_BLK_F_FLUSH) |
                    BLK_FEATURE(VIRTIO_BLK_F_BLK_SIZE) | BLK_FEATURE(VIRTIO_BLK_F_TOPOLOGY) |
                    BLK_FEATURE(VIRTIO_BLK_F_CONFIG_WCE) | BLK_FEATURE(VIRTIO_BLK_F_DISCARD) |
                    BLK_FEATURE(VIRTIO_BLK_F_WRITE_ZEROES) | BLK_FEATURE(VIRTIO_BLK_F_MQ),
        .num_queues = BLK_MAX_QUEUES,
        .count_queues = count_queues,
        .queue_size = QUEUE_SIZE,
        .buffer_bytes = BLK_PARTS * BLK_SLOT_BYTES + BLK_MAX_CHUNKS * BLK_CHUNK_BYTES + USER_BYTES,
        .used = used,
        .config = configured,
        .broken = broken,
    };
    struct xvmsg_blk *blk = held_new(h, &class, number);

    if (!blk)
        return NULL;
    blk->h = h;
    blk->ready = ready;
    blk->user = user;
    blk->device = xvmsg_device_open(h, number, &driver, device_ready, blk);
    return blk->device ? blk : held_fail(&blk->held);
}

void xvmsg_blk_close(struct xvmsg_blk *blk)
{
    if (blk)
        held_close(&blk->held);
}

/* ---- inspecting ---- */

uint64_t xvmsg_blk_size(const struct xvmsg_blk *blk)
{
    /* The device decides how long its configuration is. */
    bool told = blk->queues[0] && xvmsg_device_get_info(blk->device)->config_size >=
                                  CONFIG_CAPACITY + CAPACITY_BYTES;
    const uint8_t *config = told ? xvmsg_device_config(blk->device) : NULL;
    uint64_t sectors = config ? le64_get(config + CONFIG_CAPACITY) : 0;

    return sectors < UINT64_MAX / BLK_SECTOR ? sectors * BLK_SECTOR : UINT64_MAX - BLK_SECTOR + 1;
}

void xvmsg_blk_set_changed(struct xvmsg_blk *blk, xvmsg_blk_changed *changed, void *user)
{
    blk->changed = changed;
    blk->changed_user = user;
}

bool xvmsg_blk_is_readonly(const struct xvmsg_blk *blk)
{
    return xvmsg_device_features(blk->device) & BLK_FEATURE(VIRTIO_BLK_F_RO);
}

void *xvmsg_blk_memory(const struct xvmsg_blk *blk, size_t *size)
{
    *size = blk->memory_size;
    return blk->memory;
}
