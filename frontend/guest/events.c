/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest events: one line for each device that comes or goes. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/store.h"
#include "frontend/guest/guest.h"

struct events {
    uint64_t left; /* lines to print before the end */
    bool done;
};

/* It may be gone again by now; its line is due all the same. */
static void print_added(struct xvmsg *h, uint64_t number)
{
    struct xvmsg_device_entry entry = {.type = "?", .name = "?"};

    guest_find(h, number, &entry);
    printf("ADDED %llu %s %s\n", (unsigned long long)number, entry.type, entry.name);
}

static void device_event(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event,
                         void *user)
{
    struct events *events = user;

    if (events->done)
        return;
    switch (event) {
    case XVMSG_DEVICE_ADDED:
        print_added(h, number);
        break;
    case XVMSG_DEVICE_REMOVING:
        printf("REMOVING %llu\n", (unsigned long long)number);
        break;
    case XVMSG_DEVICE_GONE:
        printf("REMOVED %llu\n", (unsigned long long)number);
        break;
    }
    /* A reader of a pipe wants each line when it happens; without one we end. */
    events->done = fflush(stdout) != 0 || --events->left == 0;
}

static int watch(struct xvmsg *h, uint64_t count)
{
    struct xvmsg_handlers handlers = {.device = device_event};
    struct events events = {.left = count};

    xvmsg_set_handlers(h, &handlers, &events);
    if (xvmsg_observe(h) < 0 || xvmsg_run(h, &events.done, -1) < 0)
        return guest_fail("%s", xvmsg_error(h));
    return ferror(stdout) ? guest_fail("standard output cannot be written") : 0;
}

int guest_events(const struct guest_options *options, int argc, char **argv)
{
    static const struct option long_options[] = {
        {"count", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    uint64_t count = UINT64_MAX;
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option != 'c')
            return EXIT_USAGE; /* getopt said why */
        if (parse_u64(optarg, 1, UINT64_MAX, &count) < 0)
            return guest_usage("--count needs a number from 1 on, not '%s'", optarg);
    }
    if (optind != argc)
        return guest_usage("events takes no arguments");

    struct xvmsg *h = guest_open(options);

    if (!h)
        return EXIT_FAILURE;

    int status = watch(h, count);

    guest_leave(h);
    return status;
}
