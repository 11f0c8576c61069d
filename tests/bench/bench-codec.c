/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Nanoseconds per message: encode and decode of every kind, and a trip through
 * a ring in one thread. Prints, judges nothing. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/le.h"
#include "common/print.h"
#include "common/ring.h"
#include "tests/bench/example.h"
#include "tests/bench/figures.h"

#define ROUNDS 1000000u

static uint8_t wire[MSG_WIDE_DEFAULT_MAX];

static double per_round(uint64_t start, uint32_t rounds)
{
    return (double)(figures_now() - start) / rounds;
}

static double encode_time(enum msg_form form, const struct msg *m)
{
    uint64_t start = figures_now();

    for (uint32_t i = 0; i < ROUNDS; i++)
        msg_encode(form, m, wire, sizeof(wire), NULL);
    return per_round(start, ROUNDS);
}

static double decode_time(enum msg_form form, size_t size)
{
    uint64_t start = figures_now();
    struct msg m;

    for (uint32_t i = 0; i < ROUNDS; i++)
        msg_decode(form, wire, size, &m, NULL);
    return per_round(start, ROUNDS);
}

static void bench_kind(enum msg_kind kind)
{
    const struct msg_description *description = msg_describe(kind);
    struct msg m = example(kind);

    printf("%-20s %-8s", description->name, print_class(description->class));
    for (enum msg_form form = MSG_WIDE; form <= MSG_COMPACT; form++) {
        size_t size = msg_encode(form, &m, wire, sizeof(wire), NULL);
        double encode = encode_time(form, &m);

        printf("  %5zu %7.1f %7.1f", size, encode, decode_time(form, size));
    }
    putchar('\n');
    fflush(stdout);
}

/* Batches of up to 8, as much as the lane holds: put, publish, get, release. */
static void bench_ring(unsigned order, uint16_t size)
{
    size_t bytes = (size_t)RING_PAGE_SIZE << order;
    void *pages = aligned_alloc(RING_PAGE_SIZE, bytes);
    static uint8_t message[MSG_PROTOCOL_MAX];
    struct ring frontend, backend;
    uint32_t done = 0;

    if (!pages)
        return;
    memset(pages, 0, bytes);
    le16_put(message + 4, size);
    ring_format(pages, order);
    ring_attach(&frontend, pages, order, RING_FRONTEND, MSG_WIDE, size);
    ring_attach(&backend, pages, order, RING_BACKEND, MSG_WIDE, size);

    uint64_t start = figures_now();

    while (done < ROUNDS && !backend.fault) {
        for (int i = 0; i < 8 && ring_put(&frontend, message, size); i++)
            done++;
        ring_publish(&frontend);
        while (ring_get(&backend, message))
            ;
        ring_release(&backend);
    }
    printf("order %u, %5u bytes %24.1f\n", order, size, per_round(start, done));
    free(pages);
}

int main(void)
{
    printf("%-29s  %21s  %21s\n", "message, ns", "wide: size enc dec", "compact: size enc dec");
    for (enum msg_kind kind = 0; kind < MSG_KINDS; kind++)
        bench_kind(kind);
    printf("\nring, ns for put and get\n");
    bench_ring(0, 20);
    bench_ring(0, 60);
    bench_ring(0, MSG_WIDE_DEFAULT_MAX);
    bench_ring(2, MSG_WIDE_DEFAULT_MAX);
    bench_ring(4, 4096);
    bench_ring(6, 60000);
    return 0;
}
