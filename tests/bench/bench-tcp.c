/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Requests and responses of one byte over TCP: `bench-tcp serve PORT` answers whoever
 * connects, one after the other; `bench-tcp ask ADDRESS PORT` measures, for
 * SECONDS.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/figures.h"

#define SECONDS 3u
#define MAX_SAMPLES 1000000u

static int fail(const char *what)
{
    perror(what);
    return EXIT_FAILURE;
}

/* -1 with errno. A byte waits for no other. */
static int make_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static int serve(const char *port)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int listener = make_socket(), on = 1, fd;
    char byte;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (const struct sockaddr *)&any, sizeof(any)) < 0 || listen(listener, 1) < 0)
        return fail("listening");
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
            ;
        close(fd);
    }
    return fail("accepting");
}

static bool ask_once(int fd)
{
    char byte = 0;

    return write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1;
}

static int ask(const char *address, const char *port)
{
    static uint64_t samples[MAX_SAMPLES];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = make_socket();
    uint64_t begun, now;
    size_t count = 0;

    if (inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 || !ask_once(fd))
        return fail(address);
    begun = now = figures_now();
    while (count < MAX_SAMPLES && now - begun < SECONDS * UINT64_C(1000000000)) {
        uint64_t before = now;

        if (!ask_once(fd))
            return fail(address);
        now = figures_now();
        samples[count++] = now - before;
    }
    close(fd);
    figures_rate("TCP requests and responses", (double)count, now - begun, "/s");
    figures_latency("each", samples, count);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2]);
    if (argc == 4 && strcmp(argv[1], "ask") == 0)
        return ask(argv[2], argv[3]);
    fprintf(stderr, "usage: bench-tcp serve PORT | ask ADDRESS PORT\n");
    return 2;
}
