/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/wishes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/device.h"
#include "backend/devices/table.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

struct wishes {
    struct device *device;
    struct aio_file pipes[WISHES_QUEUES];
};

struct held {
    struct aio_op op;
    struct iovec piece;
    uint8_t byte;
    struct queue *queue;
    struct chain *chain;
};

static pthread_barrier_t meeting;
static int pipe_in[WISHES_QUEUES]; /* where the test writes */

static void on_byte(struct aio_op *op, int result)
{
    struct held *held = (struct held *)op;

    (void)result;
    queue_push(held->queue, held->chain, 1);
    free(held);
}

static void hold(struct wishes *w, struct queue *queue, struct chain *chain)
{
    struct held *held = calloc(1, sizeof(*held));

    held->queue = queue;
    held->chain = chain;
    held->piece = (struct iovec){&held->byte, 1};
    held->op = (struct aio_op){
        .kind = AIO_READ,
        .file = &w->pipes[queue_index(queue)],
        .iov = {&held->piece, 1},
        .done = on_byte,
    };
    aio_start(device_aio(w->device, queue), &held->op);
}

static void serve(struct wishes *w, struct queue *queue, struct chain *chain)
{
    uint8_t wish = ANSWER;

    iov_take(&chain->out, &wish, 1);
    if (wish == HOLD) {
        hold(w, queue, chain);
        return;
    }
    if (wish == MEET)
        pthread_barrier_wait(&meeting);
    if (wish == STOP && read(w->pipes[queue_index(queue)].fd, &wish, 1) != 1)
        abort();
    if (wish == GIVE_UP)
        device_needs_reset(w->device, "it was asked to");
    queue_push(queue, chain, 1);
}

static void wishes_queue_kick(void *state, struct queue *queue)
{
    struct chain *chain;

    while ((chain = queue_pop(queue)))
        serve(state, queue, chain);
}

static void *wishes_create(struct device *device, const struct device_setup *setup, char *why)
{
    struct wishes *w = calloc(1, sizeof(*w));
    int ends[2];

    (void)setup, (void)why;
    w->device = device;
    for (unsigned i = 0; i < WISHES_QUEUES; i++) {
        CU_ASSERT_FATAL(pipe(ends) == 0);
        aio_open(device_file_aio(device), &w->pipes[i], ends[0]);
        pipe_in[i] = ends[1];
    }
    return w;
}

static void wishes_destroy(void *state)
{
    struct wishes *w = state;

    for (unsigned i = 0; i < WISHES_QUEUES; i++) {
        aio_close(device_file_aio(w->device), &w->pipes[i]);
        close(pipe_in[i]);
    }
    free(w);
}

static const struct device_class wishes_class = {
    .name = WISHES_TYPE,
    .virtio_id = 63,
    .num_queues = WISHES_QUEUES,
    .queue_size = GUEST_QUEUE_SIZE,
    .group = 1,
    .no_target = true,
    .create = wishes_create,
    .destroy = wishes_destroy,
    .queue_kick = wishes_queue_kick,
};

const struct device_class *table_find(const char *name)
{
    return strcmp(name, wishes_class.name) == 0 ? &wishes_class : NULL;
}

void wishes_begin(void)
{
    pthread_barrier_init(&meeting, NULL, WISHES_QUEUES);
}

void wishes_end(void)
{
    pthread_barrier_destroy(&meeting);
}

void wishes_let_go(unsigned queue, unsigned count)
{
    while (count--)
        CU_ASSERT_EQUAL(write(pipe_in[queue], "", 1), 1);
}
