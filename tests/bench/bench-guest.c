/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Runs in a guest and prints figures:
 *
 *   bench-guest ping [LOOKS]      message round trips over the bus, xvmsg_set_spin(LOOKS)
 *   bench-guest stream NUMBER     messages that do not wait for one another; an rng
 *   bench-guest blk NUMBER [LOAD COUNT]         a disk through libxvmsg
 *   bench-guest blk-doorbell NUMBER [LOAD COUNT]   the same, with event channels of queues
 *   bench-guest blk-grant NUMBER [LOAD COUNT]   the same by grant addresses
 *   bench-guest file PATH [LOAD COUNT]   the same load on a kernel block device, O_DIRECT
 *   bench-guest enumerate N       meeting the N devices of the bus
 *
 * LOAD is one of load.c's names, all of them unless said. They destroy what is on the disk.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xvmsg.h>

#include "tests/bench/bus-load.h"
#include "tests/bench/enumerate.h"
#include "tests/bench/file-load.h"
#include "tests/bench/load.h"
#include "tests/bench/stream.h"

#define PING_COUNT 1000
#define CONNECT_MS 30000

static struct xvmsg *open_bus(void)
{
    const char *why;
    struct xvmsg *h = xvmsg_new(&why);

    if (!h)
        fprintf(stderr, "bench-guest: %s\n", why);
    return h;
}

static int connect_bus(struct xvmsg *h)
{
    if (xvmsg_connect_wait(h, CONNECT_MS) == 0)
        return 0;
    fprintf(stderr, "bench-guest: %s\n", xvmsg_error(h));
    return -1;
}

/* ---- what is measured; `args` are the command's, NULL behind the last ---- */

static int run_ping(struct xvmsg *h, char **args)
{
    if (args[0])
        xvmsg_set_spin(h, (unsigned)strtoul(args[0], NULL, 10));
    return connect_bus(h) < 0 ? -1 : bus_load_ping(h, PING_COUNT);
}

static int run_stream(struct xvmsg *h, char **args)
{
    xvmsg_set_message_size(h, STREAM_MAX_MESSAGE);
    xvmsg_set_ring_order(h, STREAM_RING_ORDER);
    return connect_bus(h) < 0 ? -1 : stream_run(h, strtoull(args[0], NULL, 10));
}

static struct load_choice choose(char **args)
{
    struct load_choice choice = {.only = args[1], .scale = 1};

    if (args[1])
        choice.count = (unsigned)strtoul(args[2], NULL, 10);
    return choice;
}

static int run_blk(struct xvmsg *h, char **args)
{
    struct load_choice choice = choose(args);

    return connect_bus(h) < 0 ? -1
                              : bus_load_blk(h, strtoull(args[0], NULL, 10), &choice, NULL, NULL);
}

static int run_blk_grant(struct xvmsg *h, char **args)
{
    xvmsg_set_addresses(h, XVMSG_ADDRESS_GRANT);
    return run_blk(h, args);
}

static int run_blk_doorbell(struct xvmsg *h, char **args)
{
    xvmsg_set_queue_doorbells(h, true);
    return run_blk(h, args);
}

static int run_file(struct xvmsg *h, char **args)
{
    struct load_choice choice = choose(args);

    (void)h;
    return file_load(args[0], args[0], O_DIRECT, &choice);
}

static int run_enumeration(struct xvmsg *h, char **args)
{
    return enumerate_run(h, strtoull(args[0], NULL, 10));
}

static const struct command {
    const char *name;
    int least, most; /* how many arguments it takes, nothing between */
    bool on_bus;
    int (*run)(struct xvmsg *h, char **args);
} commands[] = {
    {"ping", 0, 1, true, run_ping},
    {"stream", 1, 1, true, run_stream},
    {"blk", 1, 3, true, run_blk},
    {"blk-doorbell", 1, 3, true, run_blk_doorbell},
    {"blk-grant", 1, 3, true, run_blk_grant},
    {"file", 1, 3, false, run_file},
    {"enumerate", 1, 1, true, run_enumeration},
};

static const struct command *find_command(int argc, char **argv)
{
    int count = argc - 2;

    for (size_t i = 0; argc >= 2 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(argv[1], commands[i].name) &&
            (count == commands[i].least || count == commands[i].most))
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct command *command = find_command(argc, argv);
    struct xvmsg *h = NULL;
    int rc;

    if (!command) {
        fprintf(stderr, "usage: bench-guest ping [LOOKS] | stream NUMBER | "
                        "blk|blk-doorbell|blk-grant NUMBER [LOAD COUNT] | file PATH [LOAD COUNT] | "
                        "enumerate COUNT\n");
        return 2;
    }
    if (command->on_bus && !(h = open_bus()))
        return EXIT_FAILURE;
    rc = command->run(h, argv + 2);
    xvmsg_free(h);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
