/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* virtio-blk, shared by its files: the device (blk.c), what it stands on
 * (blk-target.c), its requests (blk-request.c), those without data (blk-range.c). */
#ifndef XVMSG_BACKEND_BLK_H
#define XVMSG_BACKEND_BLK_H

#include <linux/virtio_blk.h>

#include "backend/device.h"

#define BLK_SECTOR 512u
/* Descriptors may name the same memory many times over: without this, one
 * request is gigabytes, and a reset has to wait for all of them. */
#define BLK_REQUEST_MAX (16u << 20)

/* Of one request. Punching a hole is a matter of the file system's tables; zeros
 * may have to be written, and cost as much as any other data. */
#define BLK_DISCARD_SEGMENTS 16u
#define BLK_DISCARD_MAX_SECTORS (1u << 21)
#define BLK_ZEROES_SEGMENTS 1u
#define BLK_ZEROES_MAX_SECTORS (BLK_REQUEST_MAX / BLK_SECTOR)

/* In bytes; 0 is "does not say". */
struct blk_geometry {
    uint32_t block;    /* logical: the least that is addressed */
    uint32_t physical; /* what is written without being read first */
    uint32_t aligned;  /* the first place where a physical one begins */
    uint32_t min_io;
    uint32_t opt_io;
};

struct blk {
    struct device *device;
    struct aio_file file;
    /* The same file opened with O_DIRECT, if it is to be used so, for what begins and
     * ends where it must in the file and in memory: powers of two. */
    bool is_direct;
    struct aio_file direct;
    uint32_t direct_offset;
    uint32_t direct_memory;
    bool writethrough; /* whatever the driver chooses */
    unsigned num_queues;
    bool read_only;
    bool writeback; /* unless the driver chose otherwise */
    uint64_t sectors;
    struct blk_geometry geometry;
    char id[VIRTIO_BLK_ID_BYTES];
};

/* ---- blk ---- */

/* Is a write to be on stable storage when it is answered? Now, that is. */
bool blk_durable(const struct blk *blk);

/* Do these sectors lie on the disk as a whole? */
bool blk_has_sectors(const struct blk *blk, uint64_t sector, uint64_t count);

/* ---- blk-target ---- */

/* Bytes of a file or block device; false with errno for anything else. */
bool blk_target_size(int fd, uint64_t *size);

bool blk_target_read_only(const struct device_setup *setup);

/* Can it be a disk? False with a sentence. */
bool blk_target_check(const struct device_setup *setup, uint64_t *size, char *why);

/* What O_DIRECT asks of offsets and lengths in the file, and of memory. */
void blk_target_alignment(int fd, uint32_t *offset, uint32_t *memory);

/* Where the file is now, for people; "(deleted)" if it is nowhere. */
void blk_target_path(int fd, char *path, size_t size);

/* All of it powers of two, or defaults. */
struct blk_geometry blk_target_geometry(int fd);

/* ---- blk-request ---- */

/* Takes a request from the queue to its end. False: it cannot even be answered,
 * and was given back. */
bool blk_request_serve(struct blk *blk, struct queue *queue, struct chain *chain);

/* Gives a request back with its status; data_in bytes were written before that. */
void blk_request_answer(struct queue *queue, struct chain *chain, uint8_t *status, uint8_t value,
                        uint32_t data_in);

/* The status for how an operation ended; trouble is logged. */
uint8_t blk_request_status(struct blk *blk, const struct aio_op *op, int result);

/* ---- blk-range ---- */

/* DISCARD and WRITE_ZEROES; the header and the status byte have been taken. */
void blk_range_serve(struct blk *blk, struct queue *queue, struct chain *chain, uint32_t type,
                     uint8_t *status);

#endif
