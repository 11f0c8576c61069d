/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Runs in a guest and prints figures:
 *
 *   bench-guest ping [LOOKS]   message round trips over the bus, xvmsg_set_spin(LOOKS)
 *   bench-guest blk NUMBER     a disk through libxvmsg
 *   bench-guest blk-grant NUMBER   the same by grant addresses
 *   bench-guest file PATH      the same load on a kernel block device, O_DIRECT
 *   bench-guest enumerate N    meeting the N devices of the bus
 *
 * The disk's load destroys what is on it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xvmsg.h>

#include "tests/bench/bus-load.h"
#include "tests/bench/enumerate.h"
#include "tests/bench/file-load.h"

#define PING_COUNT 1000
#define SCALE 1
#define CONNECT_MS 30000

/* `number`: the disk's; NULL for messages alone. `looks`: NULL for the default. */
static int run_on_bus(const char *number, const char *looks, enum xvmsg_addresses addresses)
{
    const char *why;
    struct xvmsg *h = xvmsg_new(&why);
    int rc = -1;

    if (!h) {
        fprintf(stderr, "bench-guest: %s\n", why);
        return -1;
    }
    if (looks)
        xvmsg_set_spin(h, (unsigned)strtoul(looks, NULL, 10));
    xvmsg_set_addresses(h, addresses);
    if (xvmsg_connect_wait(h, CONNECT_MS) < 0)
        fprintf(stderr, "bench-guest: %s\n", xvmsg_error(h));
    else
        rc = number ? bus_load_blk(h, strtoull(number, NULL, 10), SCALE, NULL, NULL)
                    : bus_load_ping(h, PING_COUNT);
    xvmsg_free(h);
    return rc;
}

static int run_enumeration(size_t count)
{
    const char *why;
    struct xvmsg *h = xvmsg_new(&why);
    int rc;

    if (!h) {
        fprintf(stderr, "bench-guest: %s\n", why);
        return -1;
    }
    rc = enumerate_run(h, count);
    xvmsg_free(h);
    return rc;
}

int main(int argc, char **argv)
{
    int rc;

    if (argc >= 2 && argc <= 3 && !strcmp(argv[1], "ping")) {
        rc = run_on_bus(NULL, argv[2], XVMSG_ADDRESS_AREA);
    } else if (argc == 3 && !strcmp(argv[1], "blk")) {
        rc = run_on_bus(argv[2], NULL, XVMSG_ADDRESS_AREA);
    } else if (argc == 3 && !strcmp(argv[1], "blk-grant")) {
        rc = run_on_bus(argv[2], NULL, XVMSG_ADDRESS_GRANT);
    } else if (argc == 3 && !strcmp(argv[1], "file")) {
        rc = file_load(argv[2], argv[2], O_DIRECT, SCALE);
    } else if (argc == 3 && !strcmp(argv[1], "enumerate")) {
        rc = run_enumeration(strtoull(argv[2], NULL, 10));
    } else {
        fprintf(stderr, "usage: bench-guest ping [LOOKS] | blk NUMBER | blk-grant NUMBER | "
                        "file PATH | enumerate COUNT\n");
        return 2;
    }
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
