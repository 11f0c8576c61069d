/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both ends at native speed, joined by the fake Xen. What is missing is what Xen
 * itself costs. Prints, judges nothing.
 */
#include <inttypes.h>

#include "tests/bench/bus-load.h"
#include "tests/bench/figures.h"
#include "tests/bench/file-load.h"
#include "tests/bench/machine.h"
#include "tools/xvmsg/admin.h"

#define PING_COUNT 100000
#define ATTACH_COUNT 100
#define SCALE 16

/* ---- attaching ---- */

/* As `xvmsg attach`. Returns the number, 0 when it failed. */
static uint64_t attach(struct machine *m)
{
    struct attach_request request = {
        .domain = MACHINE_GUEST_TEXT,
        .type = "blk",
        .target = m->target,
        .timeout = MACHINE_PATIENCE_SECONDS,
    };
    char number[24] = "";
    FILE *out = fmemopen(number, sizeof(number), "w");
    int status = out ? attach_run(m->toolstack, &request, out) : EXIT_FAILURE;

    if (out)
        fclose(out);
    return status == EXIT_SUCCESS ? strtoull(number, NULL, 10) : 0;
}

/* As `xvmsg detach --force`. */
static int detach(struct machine *m, uint64_t number)
{
    char text[24];
    struct detach_request request = {
        .domain = MACHINE_GUEST_TEXT,
        .device = text,
        .force = true,
        .timeout = MACHINE_PATIENCE_SECONDS,
    };

    snprintf(text, sizeof(text), "%" PRIu64, number);
    return detach_run(m->toolstack, &request) == EXIT_SUCCESS ? 0 : -1;
}

/* From the request for the disk to its first block in the guest. */
static int attach_and_use(struct machine *m, uint64_t *taken)
{
    static char block[4096];
    uint64_t begun = figures_now();
    uint64_t number = attach(m);
    struct xvmsg_blk *blk = NULL;
    int rc = -1;

    /* The first of them also makes the bus. */
    if (number && !xvmsg_is_connected(m->h))
        xvmsg_connect_wait(m->h, MACHINE_PATIENCE_SECONDS * 1000);
    if (number && xvmsg_is_connected(m->h))
        blk = xvmsg_blk_open_wait(m->h, number);
    if (blk)
        rc = xvmsg_blk_pread(blk, block, sizeof(block), 0);
    *taken = figures_now() - begun;
    if (number && rc < 0)
        fprintf(stderr, "xen-virtio-msg: %s\n", xvmsg_error(m->h));
    xvmsg_blk_close(blk);
    return number && detach(m, number) == 0 ? rc : -1;
}

static int measure_attaching(struct machine *m)
{
    static uint64_t samples[ATTACH_COUNT];
    uint64_t first;

    if (attach_and_use(m, &first) < 0)
        return -1;
    figures_latency("attach to first read, bus and all", &first, 1);
    for (unsigned i = 0; i < ATTACH_COUNT; i++)
        if (attach_and_use(m, &samples[i]) < 0)
            return -1;
    figures_latency("attach to first read, bus connected", samples, ATTACH_COUNT);
    return 0;
}

static uint64_t doorbells(void *fx)
{
    return fake_xen_counters(fx).notifies;
}

/* The first device makes the bus, to which the guest may not be connected yet. */
static int measure_disk(struct machine *m)
{
    uint64_t number = attach(m);

    if (!number || (!xvmsg_is_connected(m->h) &&
                    xvmsg_connect_wait(m->h, MACHINE_PATIENCE_SECONDS * 1000) < 0))
        return -1;
    return bus_load_blk(m->h, number, SCALE, doorbells, m->fx);
}

static int measure(struct machine *m)
{
    if (measure_attaching(m) < 0 || bus_load_ping(m->h, PING_COUNT) < 0 || measure_disk(m) < 0)
        return -1;
    return file_load("same file, io_uring", m->target, 0, SCALE);
}

static int run(const char *title, enum xvmsg_queue_layout layout,
               int (*measure_all)(struct machine *m))
{
    struct machine machine = {0};
    int rc;

    printf("---- %s\n", title);
    machine_start(&machine);
    rc = xvmsg_set_queue_layout(machine.h, layout) < 0 ? -1 : measure_all(&machine);
    machine_stop(&machine, NULL);
    return rc;
}

int main(void)
{
    if (run("everything", XVMSG_QUEUE_ANY, measure) < 0 ||
        run("split queues", XVMSG_QUEUE_SPLIT, measure_disk) < 0 ||
        run("packed queues", XVMSG_QUEUE_PACKED, measure_disk) < 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
