/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Random requests to a disk, many at once, each held against a model: reads, writes,
 * zeroes, discards and flushes of ranges of any size, from memory that the device sees
 * and from other memory.
 */
#ifndef XVMSG_DISK_LOAD_H
#define XVMSG_DISK_LOAD_H

#include <stddef.h>
#include <xvmsg-blk.h>

#include "tests/integration/disk-model.h"

#define LOAD_DEPTH 48u
#define LOAD_SECTORS 256u /* of one request, at most */

struct disk_load;

struct load_slot {
    struct disk_load *load;
    bool busy;
    bool flush;
    struct model_op op;
    uint8_t *buffer;
};

struct disk_load {
    struct xvmsg *h;
    struct xvmsg_blk *blk;
    struct disk_model *model;
    uint64_t random;
    uint64_t left;      /* requests still to be started */
    uint64_t done;
    uint64_t lost;      /* whose end nobody knows */
    uint64_t next_scan; /* sector that is read next, while scanning */
    bool scanning;      /* reads all of the disk, and nothing else */
    bool failed;        /* a line on stderr says how */
    unsigned in_flight;
    struct load_slot slots[LOAD_DEPTH];
};

/* False: out of memory. */
bool disk_load_init(struct disk_load *load, struct xvmsg *h, uint64_t sectors, uint64_t seed);
void disk_load_free(struct disk_load *load);

/* Goes on with this disk: `requests` random ones. A disk that is closed or broken under it
 * loses what is in flight. */
void disk_load_run(struct disk_load *load, struct xvmsg_blk *blk, uint64_t requests);

/* The same, but reads all that there is once. */
void disk_load_scan(struct disk_load *load, struct xvmsg_blk *blk);

/* Starts what there is room for; to be called after each xvmsg_process(). True: all is
 * done, or the disk is lost, or something is wrong. */
bool disk_load_turn(struct disk_load *load);

#endif
