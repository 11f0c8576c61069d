/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest list: reads xenstore only, so it works beside a driver. */

#include <stdio.h>
#include <stdlib.h>

#include "frontend/guest/guest.h"

static void print_table(const struct xvmsg_device_entry *entries, size_t count)
{
    printf("%-8s %-8s %-20s %s\n", "NUMBER", "TYPE", "NAME", "STATE");
    for (size_t i = 0; i < count; i++)
        printf("%-8llu %-8s %-20s %s\n", (unsigned long long)entries[i].number, entries[i].type,
               entries[i].name, entries[i].removing ? "removing" : "added");
}

ssize_t guest_devices(struct xvmsg *h, struct xvmsg_device_entry **entries)
{
    ssize_t count = xvmsg_list_devices(h, NULL, 0);

    *entries = count < 0 ? NULL : calloc((size_t)count + 1, sizeof(**entries));
    if (!*entries)
        return -1;

    ssize_t now = xvmsg_list_devices(h, *entries, (size_t)count);

    /* Devices that came between the two calls are for the next list. */
    return now < count ? now : count;
}

static int list(struct xvmsg *h)
{
    struct xvmsg_device_entry *entries;
    ssize_t count = guest_devices(h, &entries);

    if (count >= 0)
        print_table(entries, (size_t)count);
    free(entries);
    return count < 0 ? guest_fail("%s", xvmsg_error(h)) : 0;
}

int guest_list(const struct guest_options *options, int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return guest_usage("list takes no arguments");

    struct xvmsg *h = guest_open(options);

    if (!h)
        return EXIT_FAILURE;

    int status = list(h);

    guest_leave(h);
    return status;
}
