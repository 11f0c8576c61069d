/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio-blk. An operation of any length is cut into parts; each part is one
 * request to the device. The buffer area:
 *
 *   +--------------+------------------------+--------------------------+
 *   | slots, 64 x  | chunks of 16 KiB, to   | memory for the user,     |
 *   | 64 bytes     | copy through           | xvmsg_blk_memory()       |
 *   +--------------+------------------------+--------------------------+
 *
 * A part owns the slot of its index (header, status, id or range) and, when its data
 * is copied, some chunks.
 */
#ifndef XVMSG_FRONTEND_BLK_H
#define XVMSG_FRONTEND_BLK_H

#include "frontend/internal.h"

#define BLK_SECTOR 512u
#define BLK_PARTS 64u /* one bit each in a uint64_t */
#define BLK_SLOT_BYTES 64u
#define BLK_CHUNK_BYTES 16384u
#define BLK_MAX_CHUNKS 32u
#define BLK_PART_CHUNKS 4u
#define BLK_PART_BYTES (256u * 1024)
#define BLK_MAX_SEGMENTS 62u
#define BLK_MAX_QUEUES 8u

#define BLK_FEATURE(bit) (UINT64_C(1) << (bit))

struct blk_op {
    struct blk_op *next; /* all operations of the disk */
    struct xvmsg_blk *blk;
    uint32_t type;
    uint64_t offset;
    uint8_t *buffer; /* the user's, where data or the id comes from or goes to */
    bool unmap;      /* zeroes: may take the room away */
    uint64_t length;
    uint64_t issued; /* bytes handed to the device */
    unsigned in_flight;
    bool all_issued;
    enum xvmsg_status status;
    xvmsg_blk_done *done;
    void *user;
};

struct blk_part {
    struct blk_op *op;
    uint8_t *buffer; /* the piece of op->buffer */
    uint32_t length;
    uint32_t expected; /* bytes the device writes when all goes well */
    unsigned num_chunks; /* 0: in place */
    uint8_t chunks[BLK_PART_CHUNKS];
};

struct xvmsg_blk {
    struct held held;
    struct xvmsg *h;
    struct xvmsg_device *device;
    struct xvmsg_queue *queues[BLK_MAX_QUEUES];
    unsigned num_queues;
    unsigned turn; /* requests so far, to spread them over the queues */
    xvmsg_blk_ready *ready;
    void *user;
    xvmsg_blk_changed *changed; /* NULL: nobody cares */
    void *changed_user;
    uint64_t size; /* as last told */
    bool usable;
    enum xvmsg_status ended; /* why it no longer is */

    uint8_t *slots;
    uint8_t *chunks;
    uint8_t *memory;
    size_t memory_size;
    uint32_t segment_bytes; /* longest segment, a multiple of 512 */
    uint32_t max_segments;
    struct xvmsg_blk_properties properties; /* writeback is not kept here */

    uint8_t cache_wish; /* on its way to the configuration */
    xvmsg_blk_done *cache_done; /* NULL: none is */
    void *cache_user;

    struct blk_op *ops;
    struct blk_op *partial; /* not all of it handed out for lack of room */
    struct blk_part parts[BLK_PARTS];
    uint64_t free_parts;
    uint32_t free_chunks;
    bool completed; /* something was, since somebody set this false */
};

/* ---- blk-properties ---- */

/* Reads what does not change from the configuration. */
void blk_properties_read(struct xvmsg_blk *blk);

/* A number of the configuration, if the feature that brings it was negotiated. */
uint32_t blk_properties_u32(const struct xvmsg_blk *blk, unsigned feature, uint32_t offset,
                            uint32_t otherwise);

/* As many queues as the device says it has; at least 1. */
unsigned blk_properties_num_queues(const struct xvmsg_blk *blk);

/* Ends a change of the cache mode, if one is on its way. */
void blk_properties_end(struct xvmsg_blk *blk, enum xvmsg_status status);

/* ---- blk-io ---- */

/* Starts an operation: type, offset, buffer, length, done and user of `wanted`.
 * As xvmsg_blk_read(). */
int blk_io_submit(struct xvmsg_blk *blk, const struct blk_op *wanted);

/* Lets nobody hear of the operations with this `user` again. */
void blk_io_forget(struct xvmsg_blk *blk, const void *user);

/* Takes back what the device has used of a queue, and goes on with what waited for
 * room. */
void blk_io_used(struct xvmsg_blk *blk, struct xvmsg_queue *queue);

/* Ends everything in flight; the disk is no longer usable. */
void blk_io_end_all(struct xvmsg_blk *blk, enum xvmsg_status status);

#endif
