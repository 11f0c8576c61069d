/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * libxenvchan as a peer to compare with: `bench-vchan server DOMID PATH` in
 * dom0 answers, `bench-vchan client PATH` in the guest measures, `bench-vchan ping
 * PATH` round trips alone. The first byte
 * of a block says what the server does with it: echo it, or swallow it.
 */
#include <libxenvchan.h>
#include <string.h>

#include "tests/bench/figures.h"

#define RING_BYTES 65536
#define SAMPLES (1000u / FIGURES_TRIPS)

enum { ECHO = 'e', SWALLOW = 's', LAST = 'l' };

static int transfer(struct libxenvchan *ctrl, char *buffer, size_t size, int reading)
{
    for (size_t done = 0; done < size;) {
        int n = reading ? libxenvchan_read(ctrl, buffer + done, size - done)
                        : libxenvchan_write(ctrl, buffer + done, size - done);

        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

/* Blocks are `size` bytes; a header in each says its own size. */
static int serve(struct libxenvchan *ctrl)
{
    static char block[RING_BYTES];
    uint32_t size;

    while (transfer(ctrl, block, 8, 1) == 0) {
        memcpy(&size, block + 4, sizeof(size));
        if (size < 8 || size > sizeof(block) || transfer(ctrl, block + 8, size - 8, 1) < 0)
            return 1;
        if (block[0] != SWALLOW && transfer(ctrl, block, size, 0) < 0)
            return 1;
        if (block[0] == LAST)
            return 0;
    }
    return 0;
}

static int send_block(struct libxenvchan *ctrl, char kind, uint32_t size)
{
    static char block[RING_BYTES];

    block[0] = kind;
    memcpy(block + 4, &size, sizeof(size));
    if (transfer(ctrl, block, size, 0) < 0)
        return -1;
    return kind == SWALLOW ? 0 : transfer(ctrl, block, size, 1);
}

static int measure_stream(struct libxenvchan *ctrl, uint32_t size)
{
    uint64_t start = figures_now();

    for (unsigned i = 0; i < figures_stream_count(size); i++)
        if (send_block(ctrl, SWALLOW, size) < 0)
            return -1;
    if (send_block(ctrl, ECHO, 8) < 0)
        return -1;
    figures_stream("libxenvchan", size, figures_now() - start);
    return 0;
}

static int measure(struct libxenvchan *ctrl, int streams)
{
    static uint64_t samples[SAMPLES];

    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t start = figures_now();

        for (unsigned n = 0; n < FIGURES_TRIPS; n++)
            if (send_block(ctrl, ECHO, 64) < 0)
                return 1;
        samples[i] = (figures_now() - start) / FIGURES_TRIPS;
    }
    figures_latency("libxenvchan, round trip", samples, SAMPLES);
    if (streams && (measure_stream(ctrl, 64) < 0 || measure_stream(ctrl, 4096) < 0 ||
                    measure_stream(ctrl, 32768) < 0))
        return 1;
    return send_block(ctrl, LAST, 8) < 0;
}

int main(int argc, char **argv)
{
    struct libxenvchan *ctrl;
    int status;

    if (argc == 4 && !strcmp(argv[1], "server")) {
        ctrl = libxenvchan_server_init(NULL, atoi(argv[2]), argv[3], RING_BYTES, RING_BYTES);
    } else if (argc == 3 && (!strcmp(argv[1], "client") || !strcmp(argv[1], "ping"))) {
        ctrl = libxenvchan_client_init(NULL, 0, argv[2]);
    } else {
        fprintf(stderr, "usage: bench-vchan server DOMID PATH | client PATH | ping PATH\n");
        return 2;
    }
    if (!ctrl) {
        perror("bench-vchan: libxenvchan");
        return 1;
    }
    ctrl->blocking = 1;
    status = argc == 4 ? serve(ctrl) : measure(ctrl, !strcmp(argv[1], "client"));
    libxenvchan_close(ctrl);
    return status;
}
