/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Very many devices on one bus, at native speed: requests made as a toolstack
 * makes them, served by supervisor and worker, met by the library. Prints, judges
 * nothing.
 */
#include <err.h>
#include <time.h>

#include "common/store.h"
#include "tests/bench/enumerate.h"
#include "tests/bench/figures.h"
#include "tests/bench/machine.h"
#include "tools/xvmsg/bus.h"
#include "xenstore-schema/schema.h"

static const struct bus_id bus = {.frontend = MACHINE_GUEST};

struct request {
    const char *target;
    unsigned index;
};

static struct store_path request_path(unsigned index)
{
    return bus_request(&bus, store_path("disk%u", index).text);
}

static int request_body(struct platform *p, platform_tx tx, void *user)
{
    const struct request *r = user;
    struct store_path path = request_path(r->index);

    if (store_write_text(p, tx, path.text, XS_TYPE, "blk") < 0 ||
        store_write_text(p, tx, path.text, XS_TARGET, r->target) < 0)
        return -1;
    return store_write_text(p, tx, path.text, XS_MODE, XS_MODE_READ);
}

static int bus_body(struct platform *p, platform_tx tx, void *user)
{
    (void)user;
    return bus_make(p, tx, &bus);
}

/* They are served in the order in which they come. */
static void attach(struct machine *m, unsigned count)
{
    struct platform *p = m->toolstack;
    const struct timespec pause = {.tv_nsec = 100000};
    uint64_t number, begun = figures_now();
    char line[64];

    if (store_transaction(p, bus_body, NULL) < 0)
        err(1, "making the bus");
    for (unsigned i = 0; i < count; i++)
        if (store_transaction(p, request_body,
                              &(struct request){.target = m->target, .index = i}) < 0)
            err(1, "requesting a device");
    while (store_read_u64(p, PLATFORM_NO_TX, request_path(count - 1).text, XS_NUMBER, 1,
                          UINT64_MAX, &number) < 0)
        nanosleep(&pause, NULL);
    snprintf(line, sizeof(line), "devices requested and served (%u)", count);
    printf("%-52s %14.3f s\n", line, (double)(figures_now() - begun) / 1e9);
}

static void measure(unsigned count, struct machine_memory *memory)
{
    struct machine m = {0};
    int rc;

    machine_start(&m);
    attach(&m, count);
    rc = enumerate_run(m.h, count);
    machine_stop(&m, memory);
    if (rc < 0)
        exit(EXIT_FAILURE);
}

static void print_memory(const char *who, size_t one, size_t many, unsigned count)
{
    char line[64];

    snprintf(line, sizeof(line), "memory of an idle device, %s", who);
    printf("%-52s %14.0f bytes (mallinfo2)\n", line, (double)(many - one) / (count - 1));
}

int main(int argc, char **argv)
{
    unsigned most = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    struct machine_memory one, many;

    measure(1, &one);
    measure(1000, NULL);
    measure(most, &many);
    print_memory("supervisor", one.supervisor, many.supervisor, most);
    print_memory("worker", one.worker, many.worker, most);
    print_memory("library", one.library, many.library, most);
    return EXIT_SUCCESS;
}
