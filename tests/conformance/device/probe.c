/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/device/probe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/devices/table.h"

struct probe {
    struct device *device;
    uint8_t config[PROBE_CONFIG_SIZE];
    struct queue *queues[PROBE_QUEUES]; /* whose each held chain is */
    struct chain *held[PROBE_QUEUES][PROBE_QUEUE_SIZE];
    unsigned count[PROBE_QUEUES];
    bool hold;
};

static struct probe *first;

static void *probe_create(struct device *device, const struct device_setup *setup, char *why)
{
    struct probe *p = calloc(1, sizeof(*p));

    (void)why;
    if (!p)
        return NULL;
    close(setup->fds->fd[0]); /* it has no use for a target */
    p->device = device;
    for (unsigned i = 0; i < PROBE_CONFIG_SIZE; i++)
        p->config[i] = (uint8_t)i;
    device_offer_features(device, PROBE_FEATURES);
    if (!first)
        first = p;
    return p;
}

static void probe_destroy(void *state)
{
    if (first == state)
        first = NULL;
    free(state);
}

static void probe_read_config(void *state, void *config)
{
    memcpy(config, ((struct probe *)state)->config, PROBE_CONFIG_SIZE);
}

static void probe_write_config(void *state, uint32_t offset, const void *bytes, uint32_t size)
{
    struct probe *p = state;

    for (uint32_t i = 0; i < size && offset + i < PROBE_WRITABLE; i++)
        p->config[offset + i] = ((const uint8_t *)bytes)[i];
}

static bool probe_get_shm(void *state, uint32_t index, uint64_t *length, uint64_t *address)
{
    (void)state;
    if (index != 0 && index != 2)
        return false;
    *length = PROBE_SHM_LENGTH(index);
    *address = PROBE_SHM_ADDRESS(index);
    return true;
}

/* Every byte it may write is 0: for a block device's driver that is success. */
static void use(struct queue *queue, struct chain *chain)
{
    static const uint8_t zeros[4096];
    uint64_t size = iov_size(&chain->in);

    for (uint64_t left = size; left;)
        left -= iov_fill(&chain->in, zeros, left < sizeof(zeros) ? left : sizeof(zeros));
    queue_push(queue, chain, (uint32_t)size);
}

static void probe_kick(void *state, struct queue *queue)
{
    struct probe *p = state;
    uint32_t index = queue_index(queue);
    struct chain *chain;

    p->queues[index] = queue;
    while ((chain = queue_pop(queue))) {
        if (p->hold)
            p->held[index][p->count[index]++] = chain;
        else
            use(queue, chain);
    }
}

static const struct device_class probe_class = {
    .name = PROBE_TYPE,
    .virtio_id = PROBE_DEVICE_ID,
    .num_queues = PROBE_QUEUES,
    .num_admin_queues = PROBE_ADMIN_QUEUES,
    .queue_size = PROBE_QUEUE_SIZE,
    .config_size = PROBE_CONFIG_SIZE,
    .create = probe_create,
    .destroy = probe_destroy,
    .read_config = probe_read_config,
    .write_config = probe_write_config,
    .get_shm = probe_get_shm,
    .queue_kick = probe_kick,
};

const struct device_class *table_find(const char *name)
{
    return strcmp(name, PROBE_TYPE) == 0 ? &probe_class : NULL;
}

/* ---- what the test asks for ---- */

void probe_forget(void)
{
    first = NULL;
}

void probe_hold(void)
{
    first->hold = true;
}

void probe_give_back(void)
{
    struct probe *p = first;

    p->hold = false;
    for (unsigned q = 0; q < PROBE_QUEUES; q++) {
        unsigned count = p->count[q];

        p->count[q] = 0;
        for (unsigned i = 0; i < count; i++)
            use(p->queues[q], p->held[q][i]);
    }
}

unsigned probe_held(void)
{
    unsigned count = 0;

    for (unsigned q = 0; q < PROBE_QUEUES; q++)
        count += first->count[q];
    return count;
}

void probe_change(uint32_t offset, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        first->config[offset + i]++;
    device_config_changed(first->device, offset, length);
}

void probe_break_down(void)
{
    device_needs_reset(first->device, "the test wants it so");
}
