/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The steps that make a device ready and that let it go, in two tables. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>

#include "frontend/steps.h"
#include "xenstore-schema/schema.h"

#define MAX_CONFIG_SIZE 65536u

/* Less buffer memory than this is no use to anybody. */
#define LEAST_BUFFER_BYTES 65536u

/* The queue and transport features this library cannot do without; the other bits
 * from 24 on to 41 change how queues work and are not for drivers to ask for, but
 * for the few named below. */
#define TRANSPORT_FEATURES_MASK (UINT64_C(0x3ffff) << 24)
#define TRANSPORT_FEATURES \
    (UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM)

/* Taken when offered; and when the driver asks for it as well. */
#define FEATURES_IF_OFFERED (FEATURE_RING_RESET | FEATURE_INDIRECT_DESC | FEATURE_EVENT_IDX)
#define FEATURES_IF_ASKED FEATURE_NOTIFICATION_DATA

/* The device did or offered what we cannot live with. */
#define refused(d, ...)                                         \
    (handle_fail((d)->h, EIO, "device %llu: " __VA_ARGS__), REFUSED)

/* ---- status ---- */

static int reset_start(struct xvmsg_device *d)
{
    d->give_up_at = handle_now(d->h) + d->h->timeout;
    return xvmsg_set_device_status(d->h, d->number, 0, init_answered, d);
}

static enum outcome reset_finish(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    d->status = reply->u.device_status;
    return NEXT;
}

static int poll_start(struct xvmsg_device *d)
{
    return d->status == 0 ? 1 : xvmsg_get_device_status(d->h, d->number, init_answered, d);
}

static enum outcome poll_finish(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    d->status = reply->u.device_status;
    if (d->status == 0)
        return NEXT;
    return handle_now(d->h) < d->give_up_at ? LATER : TIMED_OUT;
}

static int add_status(struct xvmsg_device *d, uint32_t bit)
{
    d->status |= bit;
    return xvmsg_set_device_status(d->h, d->number, d->status, init_answered, d);
}

static int acknowledge_start(struct xvmsg_device *d)
{
    return add_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
}

static int driver_start(struct xvmsg_device *d)
{
    return add_status(d, VIRTIO_CONFIG_S_DRIVER);
}

static int features_ok_start(struct xvmsg_device *d)
{
    return add_status(d, VIRTIO_CONFIG_S_FEATURES_OK);
}

static int driver_ok_start(struct xvmsg_device *d)
{
    return add_status(d, VIRTIO_CONFIG_S_DRIVER_OK);
}

static enum outcome status_finish(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    uint32_t status = reply->u.device_status;

    if ((status & d->status) == d->status && !(status & VIRTIO_CONFIG_S_NEEDS_RESET))
        return NEXT;
    d->status = status & ~VIRTIO_CONFIG_S_NEEDS_RESET; /* FAILED comes on top of what is true */
    return refused(d, "it does not accept %s (its status is %#x)", (unsigned long long)d->number,
                   d->step->name, status);
}

/* ---- information and features ---- */

static bool enough_queues(struct xvmsg_device *d, uint32_t max)
{
    if (d->driver.num_queues <= max)
        return true;
    handle_fail(d->h, EIO, "device %llu: it has %u queues, the driver needs %u",
                (unsigned long long)d->number, max, d->driver.num_queues);
    return false;
}

static int info_start(struct xvmsg_device *d)
{
    return xvmsg_get_device_info(d->h, d->number, init_answered, d);
}

static enum outcome info_finish(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    const struct xvmsg_device_info *info = &reply->u.info;
    unsigned long long number = d->number;

    if (info->device_id != d->driver.device_id)
        return refused(d, "its type is %u, the driver is for type %u", number, info->device_id,
                       d->driver.device_id);
    if (!d->driver.count_queues && !enough_queues(d, info->max_virtqueues))
        return REFUSED;
    if (info->config_size > MAX_CONFIG_SIZE)
        return refused(d, "a configuration of %u bytes is too large", number, info->config_size);
    d->info = *info;
    d->config.bytes = calloc(2, info->config_size + 1);
    if (!d->config.bytes)
        return refused(d, "out of memory for %u bytes of configuration", number, info->config_size);
    d->config.fresh = d->config.bytes + info->config_size + 1;
    return NEXT;
}

static uint32_t feature_blocks(const struct xvmsg_device *d)
{
    return d->info.num_feature_blocks < 2 ? d->info.num_feature_blocks : 2;
}

static int get_features_start(struct xvmsg_device *d)
{
    uint32_t blocks = feature_blocks(d);

    if (!blocks)
        return 1;
    return xvmsg_get_device_features(d->h, d->number, 0, blocks, d->words, init_answered, d);
}

static int set_features_start(struct xvmsg_device *d)
{
    struct xvmsg_driver *driver = &d->driver;
    uint64_t offered = d->words[0] | (uint64_t)d->words[1] << 32;
    uint64_t if_asked = d->h->bus.doorbells ? 0 : FEATURES_IF_ASKED; /* BUS-42 */
    uint64_t asked = driver->features & (~TRANSPORT_FEATURES_MASK | if_asked);
    uint64_t packed = d->h->queue_layout == XVMSG_QUEUE_SPLIT ? 0 : FEATURE_RING_PACKED;
    uint64_t usable = asked | TRANSPORT_FEATURES | FEATURES_IF_OFFERED | packed;
    uint64_t needed = driver->needed | TRANSPORT_FEATURES |
                      (d->h->queue_layout == XVMSG_QUEUE_PACKED ? FEATURE_RING_PACKED : 0);

    d->features = offered & usable;
    if ((d->features & needed) != needed)
        return handle_fail(d->h, EIO, "it offers features %#llx, of which %#llx are missing",
                           (unsigned long long)offered,
                           (unsigned long long)(needed & ~d->features));
    d->words[0] = (uint32_t)d->features;
    d->words[1] = (uint32_t)(d->features >> 32);
    return xvmsg_set_driver_features(d->h, d->number, 0, 2, d->words, init_answered, d);
}

/* ---- configuration ---- */

static void config_answered(struct xvmsg_device *d, struct config_range range,
                            enum xvmsg_status status)
{
    (void)range;
    init_answered(d->h, &(struct xvmsg_reply){.status = status}, d);
}

static int config_start(struct xvmsg_device *d)
{
    return d->info.config_size ? config_read(d, config_answered) : 1;
}

/* ---- queues ---- */

/* From here on the driver is one with that many queues. */
static int count_queues_start(struct xvmsg_device *d)
{
    unsigned count;

    if (!d->driver.count_queues)
        return 1;
    count = d->driver.count_queues(d, d->user);
    d->driver.num_queues = smaller(count, d->driver.num_queues);
    return enough_queues(d, d->info.max_virtqueues) ? 1 : -1;
}

/* The steps below run once for each queue, or for the one that is resized. */
static enum outcome next_queue(struct xvmsg_device *d)
{
    if (d->resize.queue)
        return NEXT;
    if (++d->queue < d->driver.num_queues)
        return AGAIN;
    d->queue = 0;
    return NEXT;
}

int steps_get_queue(struct xvmsg_device *d)
{
    return d->driver.num_queues ? xvmsg_get_vqueue(d->h, d->number, d->queue, init_answered, d) : 1;
}

/* What the driver wants, a power of two; the half as long as the device cannot do it. */
static unsigned choose_size(const struct xvmsg_device *d, uint32_t max)
{
    unsigned size = d->driver.queue_size;

    while (!queue_size_valid(d, size, max) && size)
        size /= 2;
    return size;
}

static enum outcome size_finish(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    const struct xvmsg_vqueue *vqueue = &reply->u.vqueue;
    unsigned long long number = d->number;

    if (vqueue->flags & GET_VQUEUE_ENABLED)
        return refused(d, "queue %u is still enabled after the reset", number, d->queue);
    d->queues[d->queue].max_size = vqueue->max_size;
    d->queues[d->queue].size = choose_size(d, vqueue->max_size);
    if (!d->queues[d->queue].size)
        return refused(d, "queue %u is not available", number, d->queue);
    return next_queue(d);
}

static struct xvmsg_vqueue describe_queue(const struct xvmsg_device *d)
{
    const struct xvmsg_queue *queue = &d->queues[d->queue];

    return (struct xvmsg_vqueue){
        .index = d->queue,
        .flags = SET_VQUEUE_ENABLE,
        .size = queue->size,
        .desc_addr = area_wire_address(queue->area, queue->desc_part),
        .driver_addr = area_wire_address(queue->area, queue->driver_part),
        .device_addr = area_wire_address(queue->area, queue->device_part),
    };
}

int steps_set_queue(struct xvmsg_device *d)
{
    struct xvmsg_vqueue vqueue;

    if (!d->driver.num_queues)
        return 1;
    vqueue = describe_queue(d);
    return xvmsg_set_vqueue(d->h, d->number, &vqueue, init_answered, d);
}

enum outcome steps_next_queue(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    (void)reply;
    return next_queue(d);
}

/* SET_VQUEUE's answer is empty, whatever the device made of it. */
enum outcome steps_verify_queue(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    struct xvmsg_vqueue set = describe_queue(d);
    const struct xvmsg_vqueue *got = &reply->u.vqueue;

    if ((got->flags & GET_VQUEUE_ENABLED) && got->size == set.size &&
        got->desc_addr == set.desc_addr && got->driver_addr == set.driver_addr &&
        got->device_addr == set.device_addr)
        return next_queue(d);
    return refused(d, "it did not take queue %u as it was set", (unsigned long long)d->number,
                   d->queue);
}

/* ---- memory ---- */

struct xvmsg_area *steps_new_queue_area(struct xvmsg_device *d, size_t rings, size_t tables)
{
    struct xvmsg_area *area = xvmsg_area_new(d->h, rings + tables, init_area_answered, d);

    if (!area && tables)
        area = xvmsg_area_new(d->h, rings, init_area_answered, d);
    return area;
}

static size_t ring_bytes(const struct xvmsg_queue *queue)
{
    return queue_pages(queue->device, queue_bytes(queue->device, queue->size));
}

static size_t table_bytes(const struct xvmsg_queue *queue)
{
    return queue_pages(queue->device, queue_table_bytes(queue, queue->size));
}

static int rings_start(struct xvmsg_device *d)
{
    size_t rings = 0, tables = 0;

    for (unsigned i = 0; i < d->driver.num_queues; i++) {
        rings += ring_bytes(&d->queues[i]);
        tables += table_bytes(&d->queues[i]);
    }
    if (!rings)
        return 1;
    d->rings = steps_new_queue_area(d, rings, tables);
    return d->rings ? 0 : -1;
}

static enum outcome rings_finish(struct xvmsg_device *d, const struct xvmsg_reply *reply)
{
    uint8_t *memory = xvmsg_area_memory(d->rings);
    size_t left = xvmsg_area_size(d->rings);

    (void)reply;
    for (unsigned i = 0; i < d->driver.num_queues; i++)
        left -= ring_bytes(&d->queues[i]);
    for (unsigned i = 0; i < d->driver.num_queues; i++) {
        struct xvmsg_queue *queue = &d->queues[i];
        size_t wanted = table_bytes(queue);
        size_t tables = wanted < left ? wanted : left;

        queue->area = d->rings;
        queue->room = ring_bytes(queue) + tables;
        if (queue_set_up(queue, queue->size, memory, xvmsg_area_address(d->rings, memory)) < 0)
            return REFUSED;
        memory += queue->room;
        left -= tables;
    }
    return NEXT;
}

/* Grants are scarce: half of the buffers is better than no device. */
static int buffers_start(struct xvmsg_device *d)
{
    size_t bytes = d->driver.buffer_bytes;

    if (!bytes)
        return 1;
    do {
        d->buffers = xvmsg_area_new(d->h, bytes, init_area_answered, d);
        bytes /= 2;
    } while (!d->buffers && errno == ENOSPC && bytes >= LEAST_BUFFER_BYTES);
    return d->buffers ? 0 : -1;
}

static int close_area(struct xvmsg_device *d, struct xvmsg_area **area)
{
    struct xvmsg_area *closing = *area;

    *area = NULL;
    return closing && area_close(closing, init_area_answered, d) ? 0 : 1;
}

static int close_rings_start(struct xvmsg_device *d)
{
    resize_free_areas(d);
    return close_area(d, &d->rings);
}

static int close_buffers_start(struct xvmsg_device *d)
{
    return close_area(d, &d->buffers);
}

static int release_start(struct xvmsg_device *d)
{
    if (!d->gone)
        hotplug_mark(d->h, d->number, XS_DEVICE_RELEASED);
    return 1;
}

/* ---- the sequences ---- */

const struct init_step steps_opening[] = {
    {"reset", reset_start, reset_finish},
    {"reset", poll_start, poll_finish},
    {"ACKNOWLEDGE", acknowledge_start, status_finish},
    {"DRIVER", driver_start, status_finish},
    {"GET_DEVICE_INFO", info_start, info_finish},
    {"GET_DEVICE_FEATURES", get_features_start, NULL},
    {"SET_DRIVER_FEATURES", set_features_start, NULL},
    {"FEATURES_OK", features_ok_start, status_finish},
    {"GET_CONFIG", config_start, NULL},
    {"counting the queues", count_queues_start, NULL},
    {"GET_VQUEUE", steps_get_queue, size_finish},
    {"sharing the queues", rings_start, rings_finish},
    {"sharing the buffers", buffers_start, NULL},
    {"SET_VQUEUE", steps_set_queue, steps_next_queue},
    {"GET_VQUEUE", steps_get_queue, steps_verify_queue},
    {"QUEUE_DOORBELL", doorbell_start, steps_next_queue},
    {"DRIVER_OK", driver_ok_start, status_finish},
    {NULL, NULL, NULL},
};

const struct init_step steps_closing[] = {
    {"reset", reset_start, reset_finish},
    {"reset", poll_start, poll_finish},
    {"taking back the queues", close_rings_start, NULL},
    {"taking back the buffers", close_buffers_start, NULL},
    {"release", release_start, NULL},
    {NULL, NULL, NULL},
};

const struct init_step *const steps_closing_gone = &steps_closing[2];
