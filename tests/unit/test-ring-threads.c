/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Two threads that sleep whenever the ring lets them, each woken by the other's
 * doorbell alone: one lost doorbell and the program stops for ever, which the
 * alarm turns into a failure.
 */

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/unit/ring-pair.h"

#define MAX 1792u
#define COUNT 100000u

static struct ring_pair pair;
static size_t least;   /* size of the smallest message */
static size_t largest; /* and of the largest */
static sem_t frontend_bell;
static sem_t backend_bell;

static size_t size_of(uint32_t number)
{
    return least + number * 7 % (largest - least + 1);
}

static void *send_all(void *unused)
{
    struct ring *ring = &pair.frontend;
    uint8_t message[MAX];

    for (uint32_t number = 0; number < COUNT && !ring->fault; number++) {
        size_t size = size_of(number);

        ring_pair_message(message, size, number);
        while (!ring_put(ring, message, size) && !ring->fault) {
            if (ring_publish(ring))
                sem_post(&backend_bell);
            if (ring_await_room(ring, size))
                sem_wait(&frontend_bell);
        }
        /* A batch now and then, else message by message. */
        if (number % 16 > 4 && ring_publish(ring))
            sem_post(&backend_bell);
    }
    if (ring_publish(ring))
        sem_post(&backend_bell);
    return unused;
}

/* The number of messages that came whole and in order. */
static uint32_t receive_all(struct ring *ring)
{
    uint8_t expected[MAX];
    uint8_t message[MAX];
    uint32_t number = 0;

    while (number < COUNT && !ring->fault) {
        size_t size = ring_get(ring, message);

        if (size) {
            ring_pair_message(expected, size_of(number), number);
            if (size != size_of(number) || memcmp(message, expected, size))
                return number;
            number++;
            continue;
        }
        if (ring_release(ring))
            sem_post(&frontend_bell);
        if (ring_await_message(ring))
            sem_wait(&backend_bell);
    }
    return number;
}

static void stream(size_t from, size_t to)
{
    pthread_t sender;

    least = from;
    largest = to;
    test_alarm(TEST_PATIENCE);
    sem_init(&frontend_bell, 0, 0);
    sem_init(&backend_bell, 0, 0);
    ring_pair_open(&pair, 0, MAX);
    CU_ASSERT_FATAL(pthread_create(&sender, NULL, send_all, NULL) == 0);

    uint32_t received = receive_all(&pair.backend);

    CU_ASSERT_EQUAL(received, COUNT);
    if (received != COUNT) {
        /* Free the sender from its sleep, so that the program ends. */
        ring_poison(&pair.frontend, RING_BAD_MESSAGE);
        sem_post(&frontend_bell);
    }
    pthread_join(sender, NULL);
    CU_ASSERT_EQUAL(pair.backend.fault, RING_OK);
    ring_pair_close(&pair);
    test_alarm(0);
}

static void many_small_messages(void)
{
    stream(16, MSG_WIDE_DEFAULT_MAX);
}

/* A lane has room for one or two: the sender waits for room all the time. */
static void messages_that_fill_the_lane(void)
{
    stream(800, MAX);
}

static const struct test_case cases[] = {
    TEST(many_small_messages),
    TEST(messages_that_fill_the_lane),
    {NULL, NULL},
};

int main(void)
{
    return test_main("ring-threads", cases);
}
