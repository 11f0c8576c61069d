/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest blk watch: a disk's size, and again whenever it changes. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <xvmsg-blk.h>

#include "frontend/guest/part.h"

struct watch {
    struct part part;
    struct xvmsg_blk *blk;
};

static void print_size(struct watch *w)
{
    printf("size %llu\n", (unsigned long long)xvmsg_blk_size(w->blk));
    /* A reader of a pipe wants each line when it happens. */
    if (fflush(stdout) != 0)
        part_fail(&w->part, "standard output cannot be written: %s", strerror(errno));
}

/* When it is ready, and whenever it changes. */
static void changed(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct watch *w = user;

    (void)blk;
    if (status == XVMSG_OK)
        print_size(w);
    else
        part_fail(&w->part, "%s", xvmsg_error(w->part.h));
}

static void open_watch(struct part *part)
{
    struct watch *w = (struct watch *)part;

    w->blk = xvmsg_blk_open(part->h, part->number, changed, w);
    /* Told of everything from the start: a disk may break as soon as it is ready. */
    if (w->blk)
        xvmsg_blk_set_changed(w->blk, changed, w);
    else
        part_fail(part, "%s", xvmsg_error(part->h));
}

static unsigned wait(struct part *part, struct pollfd *fds)
{
    (void)part, (void)fds;
    return 0;
}

static void turn(struct part *part, const struct pollfd *fds)
{
    (void)part, (void)fds;
}

static void close_watch(struct part *part)
{
    xvmsg_blk_close(((struct watch *)part)->blk);
}

static int parse(struct part *part, int argc, char **argv)
{
    static const struct option none[] = {{NULL, 0, NULL, 0}};

    if (getopt_long(argc, argv, "", none, NULL) != -1)
        return EXIT_USAGE; /* getopt said why */
    if (optind != argc - 1)
        return guest_usage("blk watch needs one device number");
    return guest_parse_number(argv[optind], &part->number);
}

int guest_blk_watch(const struct guest_options *options, int argc, char **argv)
{
    static const struct part_class class = {
        .name = "blk watch",
        .size = sizeof(struct watch),
        .parse = parse,
        .open = open_watch,
        .wait = wait,
        .turn = turn,
        .close = close_watch,
    };

    return part_run(&class, options, argc, argv);
}
