/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The devices of the scripted backend: what they answer, and their disks. */
#ifndef XVMSG_SCRIPTED_DEVICE_H
#define XVMSG_SCRIPTED_DEVICE_H

#include <linux/virtio_ring.h>
#include <stdbool.h>

#include "common/codec.h"

#define BACKEND_QUEUES 2u
#define BACKEND_DISK_BYTES (2u * 1024 * 1024)
#define BACKEND_CONFIG_BYTES 4096u

struct backend;

struct backend_queue {
    uint32_t max_size;
    struct msg_set_vqueue_request set;
    bool enabled;
    uint16_t avail_seen;
    uint16_t used_idx;
};

/* A virtio-blk device with a disk of BACKEND_DISK_BYTES in memory; or, with the device id
 * of another type, one that takes what it is sent, sends nothing, and is as random as it can. */
struct backend_device {
    bool present;
    uint64_t number;
    uint32_t device_id;
    uint32_t status;
    uint64_t offered;
    uint64_t driver_features;
    uint8_t config[BACKEND_CONFIG_BYTES];
    uint32_t config_size;
    uint32_t generation;
    uint32_t max_virtqueues;
    struct backend_queue queues[BACKEND_QUEUES];
    uint8_t *disk;
    unsigned flushes;
    unsigned num_ranges;    /* discarded or zeroed, and what was asked of the last ones */
    struct backend_range {
        uint32_t type;
        uint64_t sector;
        uint32_t count, flags;
    } ranges[16];
    bool idle;              /* does not look at its queues */
    bool quiet;             /* uses buffers without a word */
    uint8_t answer;         /* virtio-blk status of every request */
    int written_offset;     /* added to what it truly wrote */
};

/* A disk as it is after a reset; an earlier one in its place is freed. */
void backend_device_init(struct backend_device *d, uint64_t number);

/* 0 resets: the queues are let go. */
void backend_device_set_status(struct backend_device *d, uint32_t status);

/* Answers a message to the device as a good one. */
void backend_device_answer(struct backend *b, struct backend_device *d, const struct msg *m);

/* Serves what waits in its queues. */
void backend_device_serve(struct backend *b, struct backend_device *d);

#endif
