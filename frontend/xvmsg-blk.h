/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* libxvmsg: disks (virtio-blk). */
#ifndef XVMSG_BLK_H
#define XVMSG_BLK_H

#include <xvmsg.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xvmsg_blk;

typedef void xvmsg_blk_ready(struct xvmsg_blk *blk, enum xvmsg_status status, void *user);
typedef void xvmsg_blk_done(struct xvmsg_blk *blk, enum xvmsg_status status, void *user);

/* Opens device `number` as a disk. NULL with errno as xvmsg_device_open(). */
struct xvmsg_blk *xvmsg_blk_open(struct xvmsg *h, uint64_t number, xvmsg_blk_ready *ready,
                                 void *user);
/* Requests in flight end with XVMSG_CANCELLED, now; `ready` does not run any more.
 * From a callback under a blocking call on the disk: that call ends with EIO. NULL
 * is fine. */
void xvmsg_blk_close(struct xvmsg_blk *blk);

/* Bytes, now: a disk may be resized while it is used. */
uint64_t xvmsg_blk_size(const struct xvmsg_blk *blk);

/* `changed` (NULL: nobody cares) runs with XVMSG_OK each time the size is another,
 * and once with another status when the disk broke. May be called at any time. */
typedef void xvmsg_blk_changed(struct xvmsg_blk *blk, enum xvmsg_status status, void *user);
void xvmsg_blk_set_changed(struct xvmsg_blk *blk, xvmsg_blk_changed *changed, void *user);

bool xvmsg_blk_is_readonly(const struct xvmsg_blk *blk);

/* What the device says of the disk, in bytes; 0: it does not say, or cannot. */
struct xvmsg_blk_properties {
    uint32_t block_size;          /* addressed as a whole; 512 if it does not say */
    uint32_t physical_block_size; /* written without being read first; at least block_size */
    uint32_t alignment_offset;    /* the first place where a physical block begins */
    uint32_t min_io_size;         /* the least that goes well */
    uint32_t opt_io_size;         /* what goes best */
    uint32_t max_discard;         /* of one request to the device; the library cuts */
    uint32_t discard_alignment;   /* what begins or ends between may not be discarded */
    uint32_t max_write_zeroes;    /* likewise */
    bool zeroes_may_unmap;        /* room can be given back by writing zeroes */
    bool writeback;               /* writes go to a cache, and xvmsg_blk_flush() is needed */
    bool can_set_writeback;
};

/* Of an open disk. All but writeback stay as they are. */
void xvmsg_blk_get_properties(const struct xvmsg_blk *blk,
                              struct xvmsg_blk_properties *properties);

/*
 * Turns the disk's cache on, or off: then a write is on stable storage when it is
 * done, if it began after this was. XVMSG_REFUSED: the device does not do it. -1 with
 * ENOTSUP (see can_set_writeback), EBUSY (the configuration is being written), EIO.
 */
int xvmsg_blk_set_writeback(struct xvmsg_blk *blk, bool writeback, xvmsg_blk_done *done,
                            void *user);

/*
 * One request, offset and length multiples of 512. `buffer` inside
 * xvmsg_blk_memory() is used in place, other memory is copied through it;
 * either way it is the library's until `done` ran. Long ones are cut into several
 * requests to the device. -1 with EINVAL (alignment, beyond 2^31 bytes), EAGAIN (no
 * descriptor or copy space now: try again after a completion), EROFS, EIO, ENOMEM.
 * An offset past the end is the device's to refuse.
 */
int xvmsg_blk_read(struct xvmsg_blk *blk, uint64_t offset, void *buffer, size_t length,
                   xvmsg_blk_done *done, void *user);
int xvmsg_blk_write(struct xvmsg_blk *blk, uint64_t offset, const void *buffer, size_t length,
                    xvmsg_blk_done *done, void *user);
/*
 * Ranges, of any length: multiples of 512, not 0. Discarded bytes may read as anything
 * until they are written; zeroes read as zeroes, and `unmap` lets the device give
 * their room back, if it can. A disk that fails may have done a part. -1 as above, and
 * with ENOTSUP when the disk does not offer it; XVMSG_UNSUPPORTED when what it stands
 * on cannot do it.
 */
int xvmsg_blk_discard(struct xvmsg_blk *blk, uint64_t offset, uint64_t length,
                      xvmsg_blk_done *done, void *user);
int xvmsg_blk_write_zeroes(struct xvmsg_blk *blk, uint64_t offset, uint64_t length, bool unmap,
                           xvmsg_blk_done *done, void *user);
/* Everything completed before is on stable storage when `done` says XVMSG_OK. */
int xvmsg_blk_flush(struct xvmsg_blk *blk, xvmsg_blk_done *done, void *user);
/* The device's id string, 20 bytes, NUL-padded, into `id`. */
int xvmsg_blk_get_id(struct xvmsg_blk *blk, char id[20], xvmsg_blk_done *done, void *user);

/* Area memory for buffers, `*size` bytes, the caller's to divide; the library's
 * own copy space is apart from it. */
void *xvmsg_blk_memory(const struct xvmsg_blk *blk, size_t *size);

/* Blocking versions. The whole transfer or -1 with EIO, EROFS, EINVAL, ENOTSUP. Other
 * users of the disk are waited for; there is no time limit on I/O. */
struct xvmsg_blk *xvmsg_blk_open_wait(struct xvmsg *h, uint64_t number);
int xvmsg_blk_pread(struct xvmsg_blk *blk, void *buffer, size_t length, uint64_t offset);
int xvmsg_blk_pwrite(struct xvmsg_blk *blk, const void *buffer, size_t length, uint64_t offset);
int xvmsg_blk_sync(struct xvmsg_blk *blk);
int xvmsg_blk_discard_wait(struct xvmsg_blk *blk, uint64_t offset, uint64_t length);
int xvmsg_blk_write_zeroes_wait(struct xvmsg_blk *blk, uint64_t offset, uint64_t length,
                                bool unmap);

#ifdef __cplusplus
}
#endif

#endif
