/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio-rng: the kernel's random bytes, at a bounded rate.
 *
 * What a guest has not asked for adds up to a second's worth. One request at a
 * time is taken off the queue; it gets as much as it has room for and may have,
 * which virtio allows to be less than it asks. When that is next to nothing it
 * waits for a timer, and the others wait behind it in the queue.
 */

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "backend/devices/table.h"
#include "xenstore-schema/schema.h"

#define QUEUE_SIZE 16u
#define RATE_DEFAULT (1u << 20) /* bytes a second */
/* A request may name the same memory many times over: no more than this in one go,
 * so that everybody else has their turn. */
#define REQUEST_MAX 16384u
/* What a request waits for, if it has room for it: this part of a second's worth. */
#define LEAST_PART 10u
#define NS_PER_S UINT64_C(1000000000)
/* How soon to ask a kernel again that has no random bytes yet. */
#define RETRY_NS (NS_PER_S / 10)

struct rng {
    struct device *device;
    uint64_t rate;    /* bytes a second */
    uint64_t allowed; /* bytes that the guest may have now, at most `rate` */
    uint64_t counted; /* when `allowed` was */
    struct event *timer;
    struct queue *queue;
    struct chain *chain; /* the request that waits; NULL: none */
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- how much ---- */

/* After a second nothing adds up any more, so no product below overflows. */
static void count_allowed(struct rng *rng)
{
    uint64_t now = device_now(rng->device);
    uint64_t passed = least(now - rng->counted, NS_PER_S);
    uint64_t more = passed * rng->rate / NS_PER_S;

    rng->allowed = least(rng->allowed + more, rng->rate);
    /* The part of a byte that is left over counts the next time. */
    rng->counted = passed == NS_PER_S ? now : rng->counted + more * NS_PER_S / rng->rate;
}

static void wait_for(struct rng *rng, uint64_t ns)
{
    uint64_t us = ns / 1000 + 1;
    const struct timeval delay = {.tv_sec = (time_t)(us / 1000000), .tv_usec = us % 1000000};

    evtimer_add(rng->timer, &delay);
}

/* Up to `size` bytes into the guest's memory. How many; -1 when there are none. */
static ssize_t fill(struct iov *iov, size_t size)
{
    size_t filled = 0;

    while (filled < size && iov->count) {
        ssize_t got = getrandom(iov->pieces[0].iov_base,
                                least(iov->pieces[0].iov_len, size - filled), GRND_NONBLOCK);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return filled ? (ssize_t)filled : -1;
        iov_skip(iov, (uint64_t)got);
        filled += (size_t)got;
    }
    return (ssize_t)filled;
}

/* ---- requests ---- */

static void answer(struct rng *rng, uint32_t written)
{
    struct chain *chain = rng->chain;

    rng->chain = NULL;
    queue_push(rng->queue, chain, written);
}

static void give_up(struct rng *rng, const char *why)
{
    device_needs_reset(rng->device, why);
    answer(rng, 0);
}

/* Answers the request, or has it wait. */
static void serve(struct rng *rng)
{
    uint64_t room = least(iov_size(&rng->chain->in), REQUEST_MAX);
    uint64_t enough = least(room, rng->rate / LEAST_PART + 1);
    ssize_t filled;

    if (rng->chain->out.count) {
        give_up(rng, "a request for random bytes has a part that is not to be written");
        return;
    }
    count_allowed(rng);
    if (rng->allowed < enough) {
        wait_for(rng, (enough - rng->allowed) * NS_PER_S / rng->rate);
        return;
    }
    filled = fill(&rng->chain->in, least(room, rng->allowed));
    if (filled < 0 && errno == EAGAIN) {
        wait_for(rng, RETRY_NS);
        return;
    }
    if (filled < 0) {
        give_up(rng, "the kernel gave no random bytes");
        return;
    }
    rng->allowed -= (uint64_t)filled;
    answer(rng, (uint32_t)filled);
}

static void rng_queue_kick(void *state, struct queue *queue)
{
    struct rng *rng = state;

    rng->queue = queue;
    while (!rng->chain && (rng->chain = queue_pop(queue)))
        serve(rng);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct rng *rng = user;

    (void)fd, (void)what;
    serve(rng);
    if (!rng->chain)
        device_kick(rng->device, queue_index(rng->queue));
}

static void rng_queue_stop(void *state, struct queue *queue)
{
    struct rng *rng = state;

    (void)queue;
    evtimer_del(rng->timer);
    if (rng->chain)
        answer(rng, 0);
}

/* ---- life ---- */

static void *rng_create(struct device *device, const struct device_setup *setup, char *why)
{
    struct rng *rng = calloc(1, sizeof(*rng));

    snprintf(why, DEVICE_WHY_MAX, "%s: out of memory", setup->name);
    if (!rng)
        return NULL;
    rng->device = device;
    rng->rate = choices_number(setup->choices, XS_RATE, RATE_DEFAULT);
    rng->allowed = rng->rate;
    rng->counted = device_now(device);
    rng->timer = evtimer_new(device_event_base(device), on_timer, rng);
    if (!rng->timer) {
        free(rng);
        return NULL;
    }
    return rng;
}

static void rng_destroy(void *state)
{
    struct rng *rng = state;

    event_free(rng->timer);
    free(rng);
}

const struct device_class rng_class = {
    .name = "rng",
    .virtio_id = VIRTIO_ID_RNG,
    .num_queues = 1,
    .queue_size = QUEUE_SIZE,
    .no_target = true,
    .create = rng_create,
    .destroy = rng_destroy,
    .queue_kick = rng_queue_kick,
    .queue_stop = rng_queue_stop,
};
