/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What devices stand on, opened by the supervisor: workers get descriptors, not
 * names.
 *
 * How depends on the type of device: a struct target_class in a file of its own,
 * with its line in targets.c. A type without one stands on nothing.
 *
 * Most targets are opened for each worker anew. One whose class has a close() is
 * kept, as what it stands for would be gone with its last descriptor: it is made
 * once, survives a worker that dies, and is closed when its device is gone for good,
 * or the bus, or when the daemon ends.
 */
#ifndef XVMSG_TARGETS_H
#define XVMSG_TARGETS_H

#include <stdbool.h>

#include "backend/bus.h"
#include "backend/fds.h"
#include "backend/wanted.h"

#define TARGET_TTY_SIZE 256

struct target {
    struct fds fds;
    char tty[TARGET_TTY_SIZE]; /* goes to B/request/NAME/tty; "": no such node */
    void *state; /* the class's own */
    bool waits;  /* is not usable yet; the class says when, with requests_note() */
    char failure[WHY_SIZE]; /* and then, why it will never be; "": it is */
};

struct target_class {
    const char *type; /* of the device */
    /* Opens what `wanted` names, with every descriptor close-on-exec, and never waits
     * for anybody. False with a sentence in `why`, and nothing to be closed. */
    bool (*open)(struct bus *bus, const struct wanted *wanted, struct target *target,
                 char why[WHY_SIZE]);
    /* Takes down what open() made; the descriptors are closed after it. NULL: they
     * are all there is. */
    void (*close)(struct target *target);
};

enum targets_answer {
    TARGETS_OPEN,
    TARGETS_LATER,   /* the request is to be looked at again when it was noted */
    TARGETS_REFUSED, /* with a sentence */
};

/*
 * The descriptors for a device; *fds says which, of them the caller closes none.
 * Then targets_sent() once a worker has them.
 */
enum targets_answer targets_open(struct bus *bus, const struct wanted *wanted, struct fds *fds,
                                 char why[WHY_SIZE]);

/* Does a request wait for its target? */
bool targets_wait(const struct bus *bus);

/* Where people find what stands for the device: its `tty`. */
const char *targets_tty(const struct bus *bus, const char *name);

/* A worker has its copies, or will not get any. */
void targets_sent(struct bus *bus, const char *name);

/* The request of that name is over: closes what was kept for it. */
void targets_drop(struct bus *bus, const char *name);
void targets_drop_all(struct bus *bus);

/* ---- the classes ---- */

/* target-file: a regular file or a block device. */
extern const struct target_class target_file;

/* target-console: pseudo-terminals, or sockets. */
extern const struct target_class target_console;
/* target-net: a TAP interface. */
extern const struct target_class target_net;

#define TARGET_SECTOR 512

#endif
