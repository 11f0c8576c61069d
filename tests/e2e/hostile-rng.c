/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A source of random bytes. */

#include <linux/virtio_ids.h>

#include "hostile.h"

#define WRITE VRING_DESC_F_WRITE

static bool good(struct xvmsg_device *device)
{
    return chain_offer(device, 0, CHAIN({0, 16, WRITE})) == USED && chain_written() == 16;
}

/* Its rate is bounded, so is what one request gets. */
static enum outcome asks_for_a_lot(struct xvmsg_device *device)
{
    enum outcome outcome =
        chain_offer(device, 0, CHAIN({0, BUFFER_BYTES, WRITE}, {0, BUFFER_BYTES, WRITE}));

    return chain_written() > 0 && chain_written() <= BUFFER_BYTES ? outcome : NOTHING;
}

/* Random bytes are no available index. */
static enum outcome into_its_own_queue(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(device, 0);
    enum outcome outcome = chain_offer(
        device, 0,
        CHAIN({xvmsg_area_address(queue->area, queue->driver_part), 4, WRITE}));

    return outcome == USED ? chain_await(device, 0, 1) : outcome;
}

static const struct abuse abuses[] = {
    {"asks-for-a-lot", asks_for_a_lot, USED, true, XVMSG_QUEUE_ANY},
    {"into-its-own-queue", into_its_own_queue, BROKEN, true, XVMSG_QUEUE_SPLIT},
    {.name = NULL},
};

const struct hostile_class hostile_rng = {
    .name = "rng",
    .driver = {.device_id = VIRTIO_ID_RNG,
               .num_queues = 1,
               .queue_size = 16,
               .buffer_bytes = BUFFER_BYTES,
               .used = chain_used,
               .broken = chain_broken},
    .queue = 0,
    .flags = WRITE,
    .thorough = true,
    .good = good,
    .abuses = abuses,
};
