/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What no device may be told, whatever it is: chains, rings, queues, configuration. */

#include <string.h>

#include "common/address.h"
#include "hostile.h"

/* Where the tables are that a case writes. */
#define TABLE 65536u
#define THOUSANDS 4096u

/* ---- chains ---- */

static enum outcome offer(struct xvmsg_device *device, const struct piece *pieces, unsigned count)
{
    return chain_offer(device, class_now()->queue, pieces, count);
}

static uint16_t right(void)
{
    return class_now()->flags;
}

static uint16_t wrong(void)
{
    return right() ^ VRING_DESC_F_WRITE;
}

static enum outcome without_bytes(struct xvmsg_device *device)
{
    return offer(device, CHAIN({0, 0, right()}));
}

static enum outcome too_long(struct xvmsg_device *device)
{
    return offer(device, CHAIN({0, UINT32_MAX, right()}));
}

static enum outcome past_the_buffers(struct xvmsg_device *device)
{
    return offer(device, CHAIN({BUFFER_BYTES - 100, 101, right()}));
}

static enum outcome at_no_address(struct xvmsg_device *device)
{
    return offer(device, CHAIN({UINT64_MAX, 4096, right()}));
}

static enum outcome wrong_direction(struct xvmsg_device *device)
{
    return offer(device, CHAIN({0, 100, wrong()}));
}

static enum outcome both_directions(struct xvmsg_device *device)
{
    return offer(device, CHAIN({0, 100, 0}, {100, 100, VRING_DESC_F_WRITE}));
}

static enum outcome directions_in_disorder(struct xvmsg_device *device)
{
    return offer(device, CHAIN({0, 100, VRING_DESC_F_WRITE}, {100, 100, 0}));
}

static enum outcome overlapping(struct xvmsg_device *device)
{
    uint16_t f = right();

    return offer(device, CHAIN({0, 4096, f}, {0, 4096, f}, {2048, 4096, f}, {1, 4095, f},
                               {0, 1, f}, {4095, 2, f}, {0, 4096, f}));
}

/* ---- indirect tables ---- */

static enum outcome offer_table(struct xvmsg_device *device, uint32_t bytes)
{
    return offer(device, CHAIN({TABLE, bytes, VRING_DESC_F_INDIRECT}));
}

static enum outcome thousands_in_a_chain(struct xvmsg_device *device)
{
    static struct piece pieces[THOUSANDS];

    for (unsigned i = 0; i < THOUSANDS; i++)
        pieces[i] = (struct piece){i, 1, right()};
    chain_table(device, TABLE, pieces, THOUSANDS);
    return offer_table(device, THOUSANDS * sizeof(struct vring_desc));
}

static enum outcome indirect_in_indirect(struct xvmsg_device *device)
{
    chain_table(device, TABLE, CHAIN({TABLE, 16, VRING_DESC_F_INDIRECT}));
    return offer_table(device, 16);
}

static enum outcome odd_table(struct xvmsg_device *device)
{
    chain_table(device, TABLE, CHAIN({0, 100, right()}, {100, 100, right()}));
    return offer_table(device, 17);
}

static enum outcome empty_table(struct xvmsg_device *device)
{
    return offer_table(device, 0);
}

static enum outcome table_of_nobody(struct xvmsg_device *device)
{
    return offer(device, CHAIN({address_of_area(4711, 0), 16, VRING_DESC_F_INDIRECT}));
}

static enum outcome table_and_more(struct xvmsg_device *device)
{
    chain_table(device, TABLE, CHAIN({0, 100, right()}));
    return offer(device, CHAIN({TABLE, 16, VRING_DESC_F_INDIRECT}, {100, 100, right()}));
}

/* ---- rings ---- */

static struct xvmsg_queue *lay_good(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(device, class_now()->queue);

    chain_lay(queue, CHAIN({0, 100, right()}));
    return queue;
}

static enum outcome look_at(struct xvmsg_queue *queue)
{
    return chain_await(queue->device, queue->index, 1);
}

static enum outcome head_out_of_range(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = lay_good(device);
    struct vring_avail *avail = queue->driver_part;

    for (unsigned i = 0; i < queue->size; i++)
        avail->ring[i] = 0xfff0;
    return look_at(queue);
}

static enum outcome next_out_of_range(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = lay_good(device);
    struct vring_desc *table = queue->desc_part;

    for (unsigned i = 0; i < queue->size; i++) {
        table[i] = table[queue->next_avail - 1];
        table[i].flags |= VRING_DESC_F_NEXT;
        table[i].next = 0xffff;
    }
    return look_at(queue);
}

static enum outcome index_jumps(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = lay_good(device);

    ((struct vring_avail *)queue->driver_part)->idx += 1000;
    return look_at(queue);
}

static enum outcome id_out_of_range(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = lay_good(device);
    struct vring_packed_desc *ring = queue->desc_part;

    for (unsigned i = 0; i < queue->size; i++)
        ring[i].id = 0xfff0;
    return look_at(queue);
}

/* ---- requests, while the device has as much to do as the queue holds ---- */

static bool asked(int submitted, struct xvmsg_waiter *w)
{
    return submitted == 0 && xvmsg_wait(h, w) == 0;
}

static uint32_t load(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(device, class_now()->queue);

    for (unsigned i = 0; i < queue->size; i++)
        chain_lay(queue, CHAIN({0, 16384, right()}));
    ring_tell(queue->index);
    return queue->index;
}

static bool is_enabled(uint32_t queue)
{
    struct xvmsg_waiter w = {0};

    return asked(xvmsg_get_vqueue(h, number, queue, xvmsg_wake, &w), &w) &&
           w.reply.u.vqueue.flags & GET_VQUEUE_ENABLED;
}

static enum outcome disabled_under_load(struct xvmsg_device *device)
{
    struct xvmsg_vqueue set = {.index = load(device), .size = 2, .flags = SET_VQUEUE_DISABLE};
    struct xvmsg_waiter w = {0};

    if (!asked(xvmsg_set_vqueue(h, number, &set, xvmsg_wake, &w), &w))
        return NOTHING;
    return is_enabled(set.index) ? UNCHANGED : NOTHING;
}

static enum outcome queue_reset_under_load(struct xvmsg_device *device)
{
    uint32_t queue = load(device);
    struct xvmsg_waiter w = {0};

    if (!asked(xvmsg_reset_vqueue(h, number, queue, xvmsg_wake, &w), &w))
        return NOTHING;
    ring_tell(queue);
    return is_enabled(queue) ? NOTHING : ANSWERED;
}

static enum outcome device_reset_under_load(struct xvmsg_device *device)
{
    struct xvmsg_waiter w = {0};

    load(device);
    return asked(xvmsg_set_device_status(h, number, 0, xvmsg_wake, &w), &w) ? ANSWERED : NOTHING;
}

static enum outcome queues_that_are_not_there(struct xvmsg_device *device)
{
    struct xvmsg_waiter w = {0};

    (void)device;
    ring_tell(63);
    ring_tell(UINT32_MAX);
    return asked(xvmsg_ping(h, 1, xvmsg_wake, &w), &w) ? ANSWERED : NOTHING;
}

/* ---- configuration ---- */

static bool read_config(uint8_t *config, uint32_t size)
{
    struct xvmsg_waiter w = {0};

    return asked(xvmsg_get_config(h, number, 0, size, config, xvmsg_wake, &w), &w) &&
           w.reply.u.config.length == size;
}

static enum outcome config_is_overwritten(struct xvmsg_device *device)
{
    uint32_t size = smaller(xvmsg_device_get_info(device)->config_size, 64);
    uint8_t before[64] = {0}, after[64] = {0}, junk[64];
    struct xvmsg_waiter w = {0};

    memset(junk, '#', sizeof(junk));
    if (size && !read_config(before, size))
        return NOTHING;
    if (xvmsg_set_config(h, number, 0, 0, size ? size : 4, junk, xvmsg_wake, &w) < 0)
        return NOTHING;
    xvmsg_wait(h, &w);
    /* There is none to write to where there is no configuration. */
    if (!size || w.reply.status != XVMSG_OK)
        return w.reply.u.config.length ? NOTHING : UNCHANGED;
    return read_config(after, size) && !memcmp(before, after, size) ? UNCHANGED : NOTHING;
}

const struct abuse hostile_any[] = {
    {"without-bytes", without_bytes, BROKEN, false, XVMSG_QUEUE_ANY},
    {"too-long", too_long, BROKEN, false, XVMSG_QUEUE_ANY},
    {"past-the-buffers", past_the_buffers, BROKEN, false, XVMSG_QUEUE_ANY},
    {"at-no-address", at_no_address, BROKEN, false, XVMSG_QUEUE_ANY},
    {"wrong-direction", wrong_direction, BROKEN, true, XVMSG_QUEUE_ANY},
    {"both-directions", both_directions, BROKEN, true, XVMSG_QUEUE_ANY},
    {"directions-in-disorder", directions_in_disorder, BROKEN, false, XVMSG_QUEUE_ANY},
    {"overlapping", overlapping, USED, true, XVMSG_QUEUE_ANY},
    {"thousands-in-a-chain", thousands_in_a_chain, BROKEN, false, XVMSG_QUEUE_ANY},
    {"indirect-in-indirect", indirect_in_indirect, BROKEN, false, XVMSG_QUEUE_ANY},
    {"odd-table", odd_table, BROKEN, false, XVMSG_QUEUE_ANY},
    {"empty-table", empty_table, BROKEN, false, XVMSG_QUEUE_ANY},
    {"table-of-nobody", table_of_nobody, BROKEN, false, XVMSG_QUEUE_ANY},
    {"table-and-more", table_and_more, BROKEN, false, XVMSG_QUEUE_ANY},
    {"head-out-of-range", head_out_of_range, BROKEN, false, XVMSG_QUEUE_SPLIT},
    {"next-out-of-range", next_out_of_range, BROKEN, false, XVMSG_QUEUE_SPLIT},
    {"index-jumps", index_jumps, BROKEN, false, XVMSG_QUEUE_SPLIT},
    {"id-out-of-range", id_out_of_range, BROKEN, false, XVMSG_QUEUE_PACKED},
    {"disabled-under-load", disabled_under_load, UNCHANGED, true, XVMSG_QUEUE_ANY},
    {"queue-reset-under-load", queue_reset_under_load, ANSWERED, true, XVMSG_QUEUE_ANY},
    {"device-reset-under-load", device_reset_under_load, ANSWERED, true, XVMSG_QUEUE_ANY},
    {"queues-that-are-not-there", queues_that_are_not_there, ANSWERED, false, XVMSG_QUEUE_ANY},
    {"config-is-overwritten", config_is_overwritten, UNCHANGED, true, XVMSG_QUEUE_ANY},
    {.name = NULL},
};
