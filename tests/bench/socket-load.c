/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* As bench-vchan: the first byte of a block says whether it is echoed or swallowed. */
#include "tests/bench/socket-load.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/figures.h"

#define MAX_BLOCK 32768
#define ROUND_TRIP_BYTES 64

enum { ECHO = 'e', SWALLOW = 's' };

/* Packets keep their limits, so a size need not be sent. Ends with the other end. */
static void *serve(void *user)
{
    static char block[MAX_BLOCK];
    int fd = *(int *)user;
    ssize_t size;

    while ((size = recv(fd, block, sizeof(block), 0)) > 0)
        if (block[0] == ECHO && send(fd, block, (size_t)size, 0) != size)
            break;
    return NULL;
}

static int send_block(int fd, char kind, size_t size)
{
    static char block[MAX_BLOCK];

    block[0] = kind;
    if (send(fd, block, size, 0) != (ssize_t)size)
        return -1;
    return kind == SWALLOW || recv(fd, block, size, 0) == (ssize_t)size ? 0 : -1;
}

static int measure_round_trips(int fd, unsigned count)
{
    uint64_t *samples = calloc(count, sizeof(*samples));
    int rc = samples ? 0 : -1;

    for (unsigned i = 0; i < count && rc == 0; i++) {
        uint64_t begun = figures_now();

        rc = send_block(fd, ECHO, ROUND_TRIP_BYTES);
        samples[i] = figures_now() - begun;
    }
    if (rc == 0)
        figures_latency("socket, round trip", samples, count);
    free(samples);
    return rc;
}

static int measure_stream(int fd, uint32_t size)
{
    uint64_t begun = figures_now();

    for (unsigned i = 0; i < figures_stream_count(size); i++)
        if (send_block(fd, SWALLOW, size) < 0)
            return -1;
    if (send_block(fd, ECHO, 1) < 0)
        return -1;
    figures_stream("socket", size, figures_now() - begun);
    return 0;
}

int socket_load(unsigned round_trips)
{
    pthread_t server;
    int ends[2], rc = -1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
        pthread_create(&server, NULL, serve, &ends[1]) != 0) {
        perror("socket");
        return -1;
    }
    if (measure_round_trips(ends[0], round_trips) == 0 && measure_stream(ends[0], 64) == 0 &&
        measure_stream(ends[0], 4096) == 0 && measure_stream(ends[0], MAX_BLOCK) == 0)
        rc = 0;
    else
        perror("socket");
    shutdown(ends[0], SHUT_RDWR);
    pthread_join(server, NULL);
    close(ends[0]);
    close(ends[1]);
    return rc;
}
