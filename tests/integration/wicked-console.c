/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/wicked-console.h"

#include <linux/virtio_ids.h>
#include <string.h>

#include "common/le.h"

struct wicked_console wicked_console;

static void *wicked_create(struct device *device, const struct device_setup *setup, char *why)
{
    (void)why;
    wicked_console.device = device;
    wicked_console.fds = *setup->fds;
    device_offer_features(device, wicked_console.features);
    return &wicked_console;
}

static void wicked_destroy(void *state)
{
    (void)state;
    fds_close(&wicked_console.fds);
}

static void wicked_read_config(void *state, void *config)
{
    (void)state;
    memset(config, 0, 12);
    le16_put(config, wicked_console.columns);
    le32_put((uint8_t *)config + 4, wicked_console.ports);
}

static bool keeps(unsigned q)
{
    return q % 2 == 0 || (q == 3 ? wicked_console.deaf : wicked_console.full);
}

static void wicked_kick(void *state, struct queue *queue)
{
    unsigned q = queue_index(queue);
    struct chain *chain;

    (void)state;
    wicked_console.queues[q] = queue;
    while ((chain = queue_pop(queue)))
        if (keeps(q) && wicked_console.num_kept[q] < WICKED_KEPT)
            wicked_console.kept[q][wicked_console.num_kept[q]++] = chain;
        else
            queue_push(queue, chain, 0);
}

void wicked_console_fill(unsigned q, const void *bytes, size_t size)
{
    struct chain **kept = wicked_console.kept[q];
    struct chain *chain = kept[0];

    memmove(kept, kept + 1, --wicked_console.num_kept[q] * sizeof(chain));
    queue_push(wicked_console.queues[q], chain, (uint32_t)iov_fill(&chain->in, bytes, size));
}

void wicked_console_take(unsigned q)
{
    while (wicked_console.num_kept[q])
        queue_push(wicked_console.queues[q],
                   wicked_console.kept[q][--wicked_console.num_kept[q]], 0);
}

static void wicked_stop(void *state, struct queue *queue)
{
    (void)state;
    wicked_console_take(queue_index(queue));
}

const struct device_class wicked_console_class = {
    .name = "console",
    .virtio_id = VIRTIO_ID_CONSOLE,
    .num_queues = WICKED_QUEUES,
    .queue_size = 64,
    .config_size = 12,
    .create = wicked_create,
    .destroy = wicked_destroy,
    .read_config = wicked_read_config,
    .queue_kick = wicked_kick,
    .queue_stop = wicked_stop,
};
