/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest serve: several devices of the bus, which has one driver. */

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/guest/part.h"

/* Stands between two devices on the command line. */
#define SEPARATOR "+"

static const struct part_class *const classes[] = {&part_net, &part_rng, &part_console};

struct list {
    struct part **parts;
    unsigned count;
};

static const struct part_class *find_class(const char *name)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(name, classes[i]->name) == 0)
            return classes[i];
    return NULL;
}

/* The words of one device. */
static int add_part(struct list *list, int argc, char **argv, char *program)
{
    const struct part_class *class = argc ? find_class(argv[0]) : NULL;
    struct part *part;

    if (!argc)
        return guest_usage("a device is missing beside '" SEPARATOR "'");
    if (!class)
        return guest_usage("serve knows net, rng and console, but no '%s'", argv[0]);
    part = part_new(class);
    if (!part)
        return guest_fail("no memory");
    list->parts[list->count++] = part;
    part->has_company = true;
    argv[0] = program;
    optind = 0; /* getopt begins anew */
    return class->parse(part, argc, argv);
}

static int check_numbers(const struct list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        for (unsigned j = 0; j < i; j++)
            if (list->parts[i]->number == list->parts[j]->number)
                return guest_usage("device %llu is named twice",
                                   (unsigned long long)list->parts[i]->number);
    return 0;
}

static int add_parts(struct list *list, int argc, char **argv)
{
    int rc = 0;

    for (int first = 1, end; rc == 0 && first <= argc; first = end + 1) {
        for (end = first; end < argc && strcmp(argv[end], SEPARATOR) != 0; end++)
            ;
        argv[end] = NULL;
        rc = add_part(list, end - first, argv + first, argv[0]);
    }
    return rc ? rc : check_numbers(list);
}

int guest_serve(const struct guest_options *options, int argc, char **argv)
{
    struct list list = {.parts = calloc((size_t)argc, sizeof(struct part *))};
    int rc;

    if (!list.parts)
        return guest_fail("no memory");
    if (argc == 1)
        rc = guest_usage("serve needs devices");
    else
        rc = add_parts(&list, argc, argv);
    if (rc == 0)
        rc = part_serve(list.parts, list.count, options);
    while (list.count)
        free(list.parts[--list.count]);
    free(list.parts);
    return rc;
}
