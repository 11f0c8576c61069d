/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The load that every disk gets, however it is reached, and the figures of it. */
#ifndef XVMSG_BENCH_LOAD_H
#define XVMSG_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#define LOAD_MAX_DEPTH 32
#define LOAD_LONG_BLOCK (1u << 20)
#define LOAD_SHORT_BLOCK 4096u

/* A disk under load: one buffer per slot, `busy` until its request ended. */
struct load_disk {
    const char *name;
    uint64_t size;
    /* Slot 0 has room for a long block, the others for a short one; they may
     * overlap the first, which is never busy with a long one at the same time. */
    char *buffers[LOAD_MAX_DEPTH];
    /* Starts a request, now or in wait(). 0 or -1. */
    int (*submit)(struct load_disk *disk, unsigned slot, bool write, uint64_t offset,
                  uint32_t length);
    /* Waits until load_complete() was called at least once. 0 or -1. */
    int (*wait)(struct load_disk *disk);
    /* How many hypercalls there were so far, by anybody; NULL: nobody counts. */
    uint64_t (*hypercalls)(void *user);
    void *hypercalls_user;
    /* The load's own. */
    bool busy[LOAD_MAX_DEPTH];
    bool failed;
    unsigned completed;
};

void load_complete(struct load_disk *disk, unsigned slot, bool good);

struct load_choice {
    const char *only; /* the name of the one load to run; NULL: all of them */
    unsigned count;   /* how many requests of it */
    unsigned scale;   /* all of them: that much longer */
};

/* Prints the figures of each load, destroys what is on the disk. -1 when a request failed
 * or there is no such load, with a line on stderr. */
int load_run(struct load_disk *disk, const struct load_choice *choice);

#endif
