/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * DISCARD and WRITE_ZEROES. A request brings ranges instead of data; they are
 * copied, judged all together, and then done one after the other, so that a
 * request that is refused has changed nothing.
 *
 * What the file system has no call for is done without: a discard is a wish, which may
 * change nothing, and zeroes are written like any other data, a piece at a time.
 */

#include <errno.h>
#include <stdlib.h>

#include "backend/devices/blk.h"
#include "common/le.h"

#define SEGMENTS_MAX BLK_DISCARD_SEGMENTS
/* Of one write of zeroes: the same memory over and over. */
#define ZERO_PIECES 16u
#define ZERO_BYTES (64u << 10)

_Static_assert(BLK_ZEROES_SEGMENTS <= SEGMENTS_MAX, "ranges of either kind fit");

/* In the host's byte order. */
struct range {
    uint64_t sector;
    uint32_t count;
    bool unmap;
};

struct range_request {
    struct aio_op op;
    struct blk *blk;
    struct queue *queue;
    struct chain *chain;
    uint8_t *status;
    bool discard;
    bool sync; /* when all is done; once */
    uint32_t num_ranges;
    uint32_t next;
    struct range ranges[SEGMENTS_MAX];
    struct iovec pieces[ZERO_PIECES];
};

/* ---- judging ---- */

static uint8_t check_range(const struct blk *blk, const struct range *range, uint32_t flags,
                           bool discard)
{
    uint32_t known = discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
    uint32_t max = discard ? BLK_DISCARD_MAX_SECTORS : BLK_ZEROES_MAX_SECTORS;

    if (flags & ~known)
        return VIRTIO_BLK_S_UNSUPP;
    if (range->count > max || !blk_has_sectors(blk, range->sector, range->count))
        return VIRTIO_BLK_S_IOERR;
    return VIRTIO_BLK_S_OK;
}

/* Takes the ranges from the request, as long as they are good. */
static uint8_t take_ranges(struct range_request *r)
{
    const struct virtio_blk_discard_write_zeroes *wire;
    uint32_t max = r->discard ? BLK_DISCARD_SEGMENTS : BLK_ZEROES_SEGMENTS;
    uint8_t bytes[sizeof(*wire)];
    uint64_t size = iov_size(&r->chain->out);
    uint8_t status = VIRTIO_BLK_S_OK;

    if (!size || size % sizeof(*wire) || size / sizeof(*wire) > max)
        return VIRTIO_BLK_S_IOERR;
    for (; r->num_ranges < size / sizeof(*wire) && status == VIRTIO_BLK_S_OK; r->num_ranges++) {
        struct range *range = &r->ranges[r->num_ranges];
        uint32_t flags;

        iov_take(&r->chain->out, bytes, sizeof(bytes));
        range->sector = le64_get(bytes + offsetof(typeof(*wire), sector));
        range->count = le32_get(bytes + offsetof(typeof(*wire), num_sectors));
        flags = le32_get(bytes + offsetof(typeof(*wire), flags));
        range->unmap = r->discard || flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
        status = check_range(r->blk, range, flags, r->discard);
    }
    return status;
}

/* ---- doing ---- */

static void end(struct range_request *r, uint8_t status)
{
    blk_request_answer(r->queue, r->chain, r->status, status, 0);
    free(r);
}

/* Starts what comes next: a range, or making them durable, or nothing. */
static bool start_next(struct range_request *r)
{
    while (r->next < r->num_ranges && !r->ranges[r->next].count)
        r->next++;
    if (r->next < r->num_ranges) {
        const struct range *range = &r->ranges[r->next++];

        r->op.kind = range->unmap ? AIO_PUNCH : AIO_ZERO;
        r->op.offset = range->sector * BLK_SECTOR;
        r->op.length = (uint64_t)range->count * BLK_SECTOR;
    } else if (r->sync) {
        r->sync = false;
        r->op.kind = AIO_SYNC;
    } else {
        return false;
    }
    aio_start(device_aio(r->blk->device, r->queue), &r->op);
    return true;
}

/* A file system that cannot, or a block device whose blocks the range is not made of. */
static bool is_beyond_target(const struct aio_op *op, int result)
{
    return (op->kind == AIO_PUNCH || op->kind == AIO_ZERO) &&
           (result == -EOPNOTSUPP || result == -EINVAL);
}

/* Of what is left of the range, as much as one operation may have. The operation itself
 * moves its offset on. */
static void write_zeroes(struct range_request *r)
{
    static uint8_t zeroes[ZERO_BYTES]; /* never written */
    uint32_t count = 0;

    for (; count < ZERO_PIECES && r->op.length; count++) {
        size_t size = r->op.length < ZERO_BYTES ? r->op.length : ZERO_BYTES;

        r->pieces[count] = (struct iovec){zeroes, size};
        r->op.length -= size;
    }
    r->op.kind = AIO_WRITE;
    r->op.iov = (struct iov){r->pieces, count};
    aio_start(device_aio(r->blk->device, r->queue), &r->op);
}

static void on_done(struct aio_op *op, int result)
{
    struct range_request *r = (struct range_request *)((char *)op -
                                                       offsetof(struct range_request, op));
    bool beyond = is_beyond_target(op, result);
    bool written = op->kind == AIO_WRITE && result >= 0;

    if ((beyond && !r->discard) || (written && op->length)) {
        write_zeroes(r);
        return;
    }
    if (beyond)
        result = 0;
    if (result < 0 || !start_next(r))
        end(r, blk_request_status(r->blk, op, result));
}

/* What can be said without looking at the ranges. */
static uint8_t check_request(const struct blk *blk, bool discard)
{
    unsigned feature = discard ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES;

    if (blk->read_only)
        return VIRTIO_BLK_S_IOERR;
    return device_has_feature(blk->device, feature) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_UNSUPP;
}

void blk_range_serve(struct blk *blk, struct queue *queue, struct chain *chain, uint32_t type,
                     uint8_t *status)
{
    bool discard = type == VIRTIO_BLK_T_DISCARD;
    uint8_t value = check_request(blk, discard);
    struct range_request *r = NULL;

    if (value == VIRTIO_BLK_S_OK && !(r = calloc(1, sizeof(*r))))
        value = VIRTIO_BLK_S_IOERR;
    if (!r) {
        blk_request_answer(queue, chain, status, value, 0);
        return;
    }
    *r = (struct range_request){
        .op = {.file = &blk->file, .done = on_done},
        .blk = blk,
        .queue = queue,
        .chain = chain,
        .status = status,
        .discard = discard,
        .sync = blk_durable(blk),
    };
    value = take_ranges(r);
    if (value != VIRTIO_BLK_S_OK || !start_next(r))
        end(r, value);
}
