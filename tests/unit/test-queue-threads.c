/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both ends of a virtqueue, each in a thread that sleeps when it finds nothing to do
 * and is woken by the other's notification alone: one lost and the program stops for
 * ever, which the alarm turns into a failure. In both layouts, with every combination
 * of indirect descriptors and event index.
 */

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/address.h"
#include "frontend/device.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "tests/unit/queue-guest.h"

#define COUNT 50000u
#define SPINS 500u
#define DAWDLE 1021u
#define SLOT_BYTES 64u
#define ANSWER_AT 32u

static struct xvmsg *h;
static struct xvmsg_device *device;
static sem_t driver_bell, device_bell;
static unsigned device_told;

/* Looks for a while first: the shorter the way, the closer the ends meet. */
static void wait_for(sem_t *bell)
{
    for (unsigned i = 0; i < SPINS; i++)
        if (sem_trywait(bell) == 0)
            return;
    sem_wait(bell);
}

/* So that what comes next meets the other end in whatever it is about to do. */
static void dawdle(uint32_t number)
{
    for (volatile uint32_t left = number * 7919 % DAWDLE; left; left--)
        ;
}

/* ---- the device ---- */

static void ring_driver(void)
{
    sem_post(&driver_bell);
}

/* Answers a number with the next. */
static void answer(struct chain *chain)
{
    uint32_t number = 0;

    iov_take(&chain->out, &number, sizeof(number));
    number++;
    queue_push(g.queue, chain, (uint32_t)iov_fill(&chain->in, &number, sizeof(number)));
}

static void *serve_all(void *unused)
{
    struct chain *chain;

    for (uint32_t served = 0; served < COUNT && !g.faults;) {
        queue_begin_batch(g.queue);
        for (; (chain = queue_pop(g.queue)); served++) {
            dawdle(served);
            answer(chain);
        }
        if (served < COUNT && !queue_batch_full(g.queue))
            wait_for(&device_bell);
    }
    /* The driver need not wait for a device that gave up. */
    sem_post(&driver_bell);
    return unused;
}

/* ---- the driver ---- */

/* What a request and its answer lie in; a slot of the data for each in flight. */
static struct slot {
    bool busy;
    uint32_t number;
} slots[QUEUE_GUEST_SIZE];

/* The number in up to four pieces. False when the queue is full. */
static bool ask(struct xvmsg_queue *queue, uint32_t number)
{
    unsigned i = 0, out = 1 + number % 4;
    struct xvmsg_buffer buffers[5];
    uint64_t at;

    while (i < QUEUE_GUEST_SIZE && slots[i].busy)
        i++;
    if (i == QUEUE_GUEST_SIZE)
        return false;
    at = queue_guest_data(i * SLOT_BYTES);
    memcpy(g.area + QUEUE_GUEST_DATA + i * SLOT_BYTES, &number, sizeof(number));
    for (unsigned j = 0; j < out; j++)
        buffers[j] = (struct xvmsg_buffer){at + j, j + 1 < out ? 1 : 4 - j};
    buffers[out] = (struct xvmsg_buffer){at + ANSWER_AT, 4};
    if (xvmsg_queue_push(queue, buffers, out, 1, &slots[i]) < 0)
        return false;
    slots[i] = (struct slot){.busy = true, .number = number};
    return true;
}

static void tell_device(struct xvmsg_queue *queue)
{
    if (queue_wants_notification(queue)) {
        device_told++;
        sem_post(&device_bell);
    }
    queue_told(queue);
}

/* How many answers there were. */
static uint32_t take_answers(struct xvmsg_queue *queue)
{
    struct slot *slot;
    uint32_t written, count = 0, number;

    for (; (slot = xvmsg_queue_pop(queue, &written)); count++) {
        memcpy(&number,
               g.area + QUEUE_GUEST_DATA + (size_t)(slot - slots) * SLOT_BYTES + ANSWER_AT,
               sizeof(number));
        CU_ASSERT_FATAL(written == 4 && number == slot->number + 1);
        slot->busy = false;
    }
    return count;
}

static void ask_all(struct xvmsg_queue *queue)
{
    uint32_t asked = 0, answered = 0, count;

    while (answered < COUNT && !g.faults) {
        /* Alone or with others, as full as the queue gets. */
        while (asked < COUNT && ask(queue, asked))
            if (asked++ % 16 < 5) {
                tell_device(queue);
                dawdle(asked);
            }
        tell_device(queue);
        count = take_answers(queue);
        answered += count;
        if (!count)
            wait_for(&driver_bell);
    }
    CU_ASSERT_EQUAL(asked, COUNT);
}

/* ---- both ---- */

static struct xvmsg_queue *join(uint64_t features)
{
    uint64_t address = address_of_area(QUEUE_GUEST_AREA, 0);
    struct queue_config config = {.size = QUEUE_GUEST_SIZE, .desc = address};
    struct xvmsg_queue *queue;

    queue_guest_start();
    g.on_used = ring_driver;
    queue_stop(g.queue);
    queue_clear(g.queue);
    queue_negotiated(g.queue, features);
    h = xvmsg_new_on(fake_xen_domain(g.fx, 3));
    device = calloc(1, sizeof(*device) + sizeof(device->queues[0]));
    CU_ASSERT_FATAL(h && device);
    device->h = h;
    device->phase = DEVICE_READY;
    device->features = features;
    device->events.bits = device->event_bits;
    device->events.num_bits = PENDING_QUEUE(1);
    queue = &device->queues[0];
    queue->device = device;
    /* Not every slot has a table. */
    queue->room = queue_bytes(device, QUEUE_GUEST_SIZE) +
                  queue_table_bytes(queue, QUEUE_GUEST_SIZE) / 2;
    CU_ASSERT_EQUAL_FATAL(queue_set_up(queue, QUEUE_GUEST_SIZE, g.area, address), 0);
    config.driver = address + (uint64_t)((uint8_t *)queue->driver_part - g.area);
    config.device = address + (uint64_t)((uint8_t *)queue->device_part - g.area);
    CU_ASSERT_FATAL(queue_enable(g.queue, g.memory, &config));
    return queue;
}

static void part(struct xvmsg_queue *queue)
{
    pending_drop(&h->bus.events, &device->events);
    queue_tear_down(queue);
    free(device);
    xvmsg_free(h);
    queue_guest_end();
}

static void run(uint64_t features)
{
    struct xvmsg_queue *queue = join(features);
    pthread_t thread;

    memset(slots, 0, sizeof(slots));
    device_told = 0;
    sem_init(&driver_bell, 0, 0);
    sem_init(&device_bell, 0, 0);
    test_alarm(TEST_PATIENCE);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, serve_all, NULL), 0);
    ask_all(queue);
    pthread_join(thread, NULL);
    test_alarm(0);
    CU_ASSERT_EQUAL(g.faults, 0);
    CU_ASSERT_EQUAL(xvmsg_queue_free(queue), QUEUE_GUEST_SIZE);
    part(queue);
}

#define COMBINATION(name, features)                \
    static void split_##name(void)                 \
    {                                              \
        run(features);                             \
    }                                              \
    static void packed_##name(void)                \
    {                                              \
        run(FEATURE_RING_PACKED | (features));     \
    }

COMBINATION(neither, 0)
COMBINATION(indirect_descriptors, FEATURE_INDIRECT_DESC)
COMBINATION(event_index, FEATURE_EVENT_IDX)
COMBINATION(both, FEATURE_INDIRECT_DESC | FEATURE_EVENT_IDX)

static const struct test_case cases[] = {
    TEST(split_neither),
    TEST(split_indirect_descriptors),
    TEST(split_event_index),
    TEST(split_both),
    TEST(packed_neither),
    TEST(packed_indirect_descriptors),
    TEST(packed_event_index),
    TEST(packed_both),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue-threads", cases);
}
