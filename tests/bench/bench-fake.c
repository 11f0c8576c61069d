/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both ends at native speed, joined by the fake Xen. What is missing is what Xen
 * itself costs. `bench-fake SECTION` prints the figures of one section, or of what it is
 * compared with.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/bench/bus-load.h"
#include "tests/bench/figures.h"
#include "tests/bench/file-load.h"
#include "tests/bench/load.h"
#include "tests/bench/machine.h"
#include "tests/bench/socket-load.h"
#include "tests/bench/stream.h"
#include "tools/xvmsg/admin.h"

#define PING_COUNT 20000
#define ATTACH_COUNT 100

static const struct load_choice all_loads = {.scale = 4};

/* ---- attaching ---- */

/* As `xvmsg attach`. Returns the number, 0 when it failed. */
static uint64_t attach(struct machine *m, const char *type)
{
    struct attach_request request = {
        .domain = MACHINE_GUEST_TEXT,
        .type = type,
        .target = strcmp(type, "blk") ? NULL : m->target,
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
    uint64_t number = attach(m, "blk");
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
    figures_latency("xen-virtio-msg, attach to first read, bus and all", &first, 1);
    for (unsigned i = 0; i < ATTACH_COUNT; i++)
        if (attach_and_use(m, &samples[i]) < 0)
            return -1;
    figures_latency("xen-virtio-msg, attach to first read, bus connected", samples, ATTACH_COUNT);
    return 0;
}

/* ---- what is measured ---- */

/* The first device makes the bus, to which the guest may not be connected yet. */
static uint64_t attach_and_connect(struct machine *m, const char *type)
{
    uint64_t number = attach(m, type);

    if (number && (xvmsg_is_connected(m->h) ||
                   xvmsg_connect_wait(m->h, MACHINE_PATIENCE_SECONDS * 1000) == 0))
        return number;
    fprintf(stderr, "xen-virtio-msg: %s\n", xvmsg_error(m->h));
    return 0;
}

static int measure_asleep(struct machine *m)
{
    xvmsg_set_spin(m->h, 0);
    return attach_and_connect(m, "rng") ? bus_load_ping(m->h, PING_COUNT) : -1;
}

static int measure_looking(struct machine *m)
{
    return attach_and_connect(m, "rng") ? bus_load_ping(m->h, PING_COUNT) : -1;
}

static int measure_stream(struct machine *m)
{
    uint64_t number;

    xvmsg_set_message_size(m->h, STREAM_MAX_MESSAGE);
    xvmsg_set_ring_order(m->h, STREAM_RING_ORDER);
    number = attach_and_connect(m, "rng");
    return number ? stream_run(m->h, number) : -1;
}

static uint64_t hypercalls(void *fx)
{
    struct fake_counters counters = fake_xen_counters(fx);

    return counters.notifies + counters.maps + counters.unmaps + counters.copies;
}

static int measure_disk(struct machine *m)
{
    uint64_t number = attach_and_connect(m, "blk");

    return number ? bus_load_blk(m->h, number, &all_loads, hypercalls, m->fx) : -1;
}

static int measure_split(struct machine *m)
{
    xvmsg_set_queue_layout(m->h, XVMSG_QUEUE_SPLIT);
    return measure_disk(m);
}

static int measure_file(struct machine *m)
{
    return file_load("file", m->target, 0, &all_loads);
}

static int measure_socket(struct machine *m)
{
    (void)m;
    return socket_load(PING_COUNT);
}

static const struct section {
    const char *name;
    uint32_t poll_us;
    int (*measure)(struct machine *m);
} sections[] = {
    {"asleep", 0, measure_asleep}, {"looking", 200, measure_looking},
    {"stream", 0, measure_stream}, {"socket", 0, measure_socket},
    {"disk", 0, measure_disk},     {"split", 0, measure_split},
    {"file", 0, measure_file},     {"attach", 0, measure_attaching},
};

static const struct section *find_section(const char *name)
{
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        if (!strcmp(sections[i].name, name))
            return &sections[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct section *section = argc == 2 ? find_section(argv[1]) : NULL;
    struct machine machine = {0};
    int rc;

    if (!section) {
        fprintf(stderr, "usage: bench-fake asleep | looking | stream | socket | disk | split | "
                        "file | attach\n");
        return 2;
    }
    machine.poll_us = section->poll_us;
    machine_start(&machine);
    rc = section->measure(&machine);
    machine_stop(&machine, NULL);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
