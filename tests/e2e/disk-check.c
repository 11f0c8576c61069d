/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A guest's disk under random load, held against a model:
 *
 *   disk-check NUMBER REQUESTS [BREAKS]
 *
 * When the disk breaks, as it does when its worker dies, what was acknowledged must
 * be there when the bus has come back. It goes on until that happened BREAKS times, and
 * then for REQUESTS more. Prints "good: N done, N lost" at the end, without what a file
 * system cannot do. It destroys what is on the disk.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/disk-load.h"

#define PATIENCE_MS 60000

static struct xvmsg *h;
static struct disk_load load;
static bool broken;
static unsigned long breaks; /* still to come */

static int fail(const char *what)
{
    fprintf(stderr, "disk-check: %s: %s\n", what, xvmsg_error(h));
    return -1;
}

static void on_changed(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    (void)blk;
    (void)user;
    broken |= status != XVMSG_OK;
}

/* The bus may be on its way up, and go down once more. */
static struct xvmsg_blk *open_disk(uint64_t number)
{
    struct xvmsg_blk *blk = NULL;

    for (unsigned tries = 0; tries < 10 && !blk; tries++)
        if (xvmsg_connect_wait(h, PATIENCE_MS) == 0)
            blk = xvmsg_blk_open_wait(h, number);
    broken = false;
    if (blk)
        xvmsg_blk_set_changed(blk, on_changed, NULL);
    return blk;
}

/* -1: something is wrong; 0 also when the disk broke. */
static int run(void)
{
    struct pollfd pfd = {.fd = xvmsg_fd(h), .events = POLLIN};

    while (!disk_load_turn(&load) && !broken)
        if (poll(&pfd, 1, PATIENCE_MS) <= 0 || xvmsg_process(h) < 0)
            return fail("the disk is silent");
    return load.failed ? -1 : 0;
}

/* One disk, from its opening until it broke or all is done. The scan is first: it
 * finds what became of the disk before. */
static int use(uint64_t number, uint64_t requests)
{
    struct xvmsg_blk *blk = open_disk(number);
    int rc = -1;

    if (!blk)
        return fail("cannot open the disk");
    if (!load.model && !disk_load_init(&load, h, xvmsg_blk_size(blk) / MODEL_SECTOR, requests))
        goto close_disk;
    disk_load_scan(&load, blk);
    rc = run();
    if (rc < 0 || broken)
        goto close_disk;
    disk_load_run(&load, blk, breaks ? UINT64_MAX : requests);
    rc = run();
    if (rc < 0 || broken)
        goto close_disk;
    disk_load_scan(&load, blk);
    rc = run();

close_disk:
    breaks -= broken && breaks;
    xvmsg_blk_close(blk);
    return rc;
}

int main(int argc, char **argv)
{
    const char *why = "usage: disk-check NUMBER REQUESTS [BREAKS]";
    int rc;

    h = argc == 3 || argc == 4 ? xvmsg_new(&why) : NULL;
    if (!h) {
        fprintf(stderr, "disk-check: %s\n", why);
        return 2;
    }
    breaks = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    do
        rc = use(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10));
    while (rc == 0 && broken);
    if (rc == 0)
        printf("good: %llu done, %llu lost\n", (unsigned long long)load.done,
               (unsigned long long)load.lost);
    disk_load_free(&load);
    xvmsg_free(h);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
