/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device of one's own, the side in dom0; the guest's is echo-driver.c.
 *
 * A request is bytes to read and room for as many: the device gives them back, each
 * with `add` added to it. `add` is its configuration, which the driver may write.
 *
 * backend/device.h is the reference. To have it in xvmsgd, put this file into
 * backend/devices/, the class into the table there in place of table_find() below,
 * and the type into device_types and XS_TYPES of xenstore-schema/.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/devices/table.h"
#include "common/le.h"

#define ECHO_DEVICE_ID 0xec0u /* of no device of the specification */
#define ECHO_MAX 4096u        /* bytes of one request that are given back */

struct echo {
    uint8_t config[4]; /* le32 add, as the driver sees it */
};

/* There is no target and nothing to check; only memory may be short. */
static void *echo_create(struct device *device, const struct device_setup *setup, char *why)
{
    struct echo *echo = calloc(1, sizeof(*echo));

    (void)device;
    if (!echo)
        snprintf(why, DEVICE_WHY_MAX, "%s: out of memory", setup->name);
    return echo;
}

static void echo_read_config(void *state, void *config)
{
    const struct echo *echo = state;

    memcpy(config, echo->config, sizeof(echo->config));
}

/* Offset and size are inside the configuration; all of it may be written. */
static void echo_write_config(void *state, uint32_t offset, const void *bytes, uint32_t size)
{
    struct echo *echo = state;

    memcpy(echo->config + offset, bytes, size);
}

/* The guest may change a request's bytes while we look, and may describe more than
 * there is memory: they are copied out once, and so many at most. */
static void echo_queue_kick(void *state, struct queue *queue)
{
    const struct echo *echo = state;
    uint32_t add = le32_get(echo->config);
    uint8_t bytes[ECHO_MAX];
    struct chain *chain;

    while ((chain = queue_pop(queue))) {
        size_t size = iov_take(&chain->out, bytes, sizeof(bytes));

        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(bytes[i] + add);
        queue_push(queue, chain, (uint32_t)iov_fill(&chain->in, bytes, size));
    }
}

static const struct device_class echo_class = {
    .name = "echo",
    .virtio_id = ECHO_DEVICE_ID,
    .num_queues = 1,
    .queue_size = 16,
    .config_size = sizeof(((struct echo *)NULL)->config),
    .no_target = true,
    .create = echo_create,
    .destroy = free,
    .read_config = echo_read_config,
    .write_config = echo_write_config,
    .queue_kick = echo_queue_kick,
};

/* In place of the table of xvmsgd, for a program that has this class alone. */
const struct device_class *table_find(const char *name)
{
    return strcmp(name, echo_class.name) == 0 ? &echo_class : NULL;
}
