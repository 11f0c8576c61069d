/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Takes the place of backend/devices/table.c: a "blk" that keeps no file open,
 * so that there can be more devices than open files. It answers what is asked of
 * a device at rest; nobody drives it.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/devices/table.h"

/* About what a disk keeps for itself. */
struct state {
    char bytes[48];
};

static void *create(struct device *device, const struct device_setup *setup, char *why)
{
    struct state *state = calloc(1, sizeof(*state));

    (void)device, (void)why;
    if (state)
        close(setup->fds->fd[0]);
    return state;
}

static void read_config(void *state, void *config)
{
    (void)state;
    memset(config, 0, sizeof(struct virtio_blk_config));
}

static void queue_kick(void *state, struct queue *queue)
{
    (void)state, (void)queue;
}

static const struct device_class class = {
    .name = "blk",
    .virtio_id = VIRTIO_ID_BLOCK,
    .num_queues = 1,
    .queue_size = 128,
    .config_size = sizeof(struct virtio_blk_config),
    .create = create,
    .destroy = free,
    .read_config = read_config,
    .queue_kick = queue_kick,
};

const struct device_class *table_find(const char *type)
{
    return strcmp(type, class.name) == 0 ? &class : NULL;
}
