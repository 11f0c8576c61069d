/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A device that is served until somebody interrupts it: alone, or as one of several
 * that share a bus and a loop. */
#ifndef XVMSG_GUEST_PART_H
#define XVMSG_GUEST_PART_H

#include <poll.h>

#include "frontend/guest/guest.h"

#define PART_MAX_FDS 8u

/* Its class's own structure begins with this. */
struct part {
    const struct part_class *class;
    struct xvmsg *h;
    uint64_t number;
    bool has_company; /* standard input and output are not its alone */
    bool opened;
    bool has_more; /* set by its turn(), which is wanted again without waiting */
    bool ended;
    int status;
};

struct part_class {
    const char *name;
    size_t size;
    /* A command line as main() has it: sets `number`. 0, or an exit status after a
     * sentence. */
    int (*parse)(struct part *part, int argc, char **argv);
    /* Begins, without waiting for anything. */
    void (*open)(struct part *part);
    /* What it waits for besides the bus, at most PART_MAX_FDS descriptors; their number. */
    unsigned (*wait)(struct part *part, struct pollfd *fds);
    /* Something happened, on these descriptors, on the bus, or to others. What it sends
     * is flushed afterwards. */
    void (*turn)(struct part *part, const struct pollfd *fds);
    /* Gives back what is open, which may be half of it. */
    void (*close)(struct part *part);
};

extern const struct part_class part_net, part_rng, part_console;

/* NULL without memory; free() it. */
struct part *part_new(const struct part_class *class);
/* Serves them until all have ended, or a signal ends them. The first status that is not
 * 0. */
int part_serve(struct part **parts, unsigned count, const struct guest_options *options);
/* One of them, as a command. */
int part_run(const struct part_class *class, const struct guest_options *options, int argc,
             char **argv);

/* ---- for the classes, from anywhere ---- */

/* Its end, with an exit status; that of the first call counts. */
void part_end(struct part *part, int status);
/* The same, with 1 and a sentence on standard error. */
void part_fail(struct part *part, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line on standard output for whoever started us: the name of what now stands for
 * the device. */
void part_tell(struct part *part, const char *name);

#endif
