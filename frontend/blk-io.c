/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Operations on a disk: cutting them into parts, issuing, completing. */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "frontend/blk.h"

#define SLOT_STATUS 16u
#define SLOT_ID 32u
#define SLOT_RANGE 32u /* a request that has one has no id */
#define RANGE_BYTES 16u
#define MAX_OP_BYTES (UINT64_C(1) << 31)
#define NO_STATUS 0xff
#define REQUESTS_IN_A_ROW 8u

/* ---- operations ---- */

static void free_op(struct xvmsg_blk *blk, struct blk_op *op)
{
    struct blk_op **link = &blk->ops;

    while (*link != op)
        link = &(*link)->next;
    *link = op->next;
    if (blk->partial == op)
        blk->partial = NULL;
    free(op);
}

static void end_op(struct xvmsg_blk *blk, struct blk_op *op)
{
    xvmsg_blk_done *done = op->done;
    enum xvmsg_status status = op->status;
    void *user = op->user;

    free_op(blk, op);
    if (done)
        done(blk, status, user);
}

void blk_io_forget(struct xvmsg_blk *blk, const void *user)
{
    for (struct blk_op *op = blk->ops; op; op = op->next)
        if (op->user == user)
            op->done = NULL;
}

/* A disk without a write cache has nothing to flush; asking for its status lets
 * the answer come from the loop, like any other. */
static void no_cache_answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user);

void blk_io_end_all(struct xvmsg_blk *blk, enum xvmsg_status status)
{
    blk->usable = false;
    blk->ended = status;
    blk->completed = true;
    blk_properties_end(blk, status);
    while (blk->ops) {
        request_forget(blk->h, no_cache_answered, blk->ops);
        blk->ops->status = status;
        end_op(blk, blk->ops);
    }
}

/* ---- parts ---- */

static bool in_memory(const struct xvmsg_blk *blk, const struct blk_op *op)
{
    uintptr_t start = (uintptr_t)blk->memory;
    uintptr_t buffer = (uintptr_t)op->buffer;

    return buffer >= start && buffer - start <= blk->memory_size &&
           op->length <= blk->memory_size - (buffer - start);
}

static struct xvmsg_buffer describe(const struct xvmsg_blk *blk, const void *memory,
                                    uint32_t length)
{
    return (struct xvmsg_buffer){
        xvmsg_area_address(xvmsg_device_buffers(blk->device), memory), length};
}

/* Adds segments of the longest kind, as far as they go. How many bytes are in them. */
static uint32_t add_segments(const struct xvmsg_blk *blk, const uint8_t *memory, uint32_t length,
                             struct xvmsg_buffer *segments, unsigned *count)
{
    const struct xvmsg_area *area = xvmsg_device_buffers(blk->device);
    uint32_t added = 0;

    while (added < length && *count < blk->max_segments) {
        uint32_t longest = smaller(area_run(area, memory + added), blk->segment_bytes);
        uint32_t part = smaller(length - added, longest);

        segments[(*count)++] = describe(blk, memory + added, part);
        added += part;
    }
    return added;
}

/* Takes `excess` bytes off the end. */
static void cut_segments(struct xvmsg_buffer *segments, unsigned *count, uint32_t excess)
{
    while (excess) {
        struct xvmsg_buffer *last = &segments[*count - 1];
        uint32_t part = smaller(excess, last->length);

        last->length -= part;
        excess -= part;
        if (!last->length)
            --*count;
    }
}

/* Data where the user put it; whole sectors, wherever in them a segment must end. */
static unsigned place_directly(struct xvmsg_blk *blk, struct blk_part *part, uint64_t left,
                               struct xvmsg_buffer *segments)
{
    uint32_t wanted = smaller(left, BLK_PART_BYTES), excess;
    unsigned count = 0;

    part->num_chunks = 0;
    part->length = add_segments(blk, part->buffer, wanted, segments, &count);
    excess = part->length % BLK_SECTOR;
    cut_segments(segments, &count, excess);
    part->length -= excess;
    return count;
}

static uint8_t *chunk_memory(const struct xvmsg_blk *blk, const struct blk_part *part, unsigned i)
{
    return blk->chunks + (size_t)part->chunks[i] * BLK_CHUNK_BYTES;
}

static uint32_t chunk_capacity(const struct xvmsg_blk *blk)
{
    return smaller(blk->segment_bytes, BLK_CHUNK_BYTES);
}

/* Data elsewhere, in the chunks that can be had; only the last may be in part. */
static unsigned place_in_chunks(struct xvmsg_blk *blk, struct blk_part *part, uint64_t left,
                                struct xvmsg_buffer *segments)
{
    uint32_t free_chunks = blk->free_chunks, full = 0;
    unsigned count = 0;

    part->num_chunks = 0;
    part->length = 0;
    while (part->num_chunks < BLK_PART_CHUNKS && count < blk->max_segments && free_chunks &&
           part->length < left && part->length == full) {
        unsigned i = part->num_chunks++;
        uint32_t wanted = smaller(left - part->length, chunk_capacity(blk));

        part->chunks[i] = (uint8_t)__builtin_ctz(free_chunks);
        free_chunks &= free_chunks - 1;
        full += chunk_capacity(blk);
        part->length += add_segments(blk, chunk_memory(blk, part, i), wanted, segments, &count);
    }
    return count;
}

static void copy_chunks(struct xvmsg_blk *blk, const struct blk_part *part, bool to_user)
{
    uint32_t done = 0;

    for (unsigned i = 0; i < part->num_chunks; i++) {
        uint32_t length = smaller(part->length - done, chunk_capacity(blk));

        if (to_user)
            memcpy(part->buffer + done, chunk_memory(blk, part, i), length);
        else
            memcpy(chunk_memory(blk, part, i), part->buffer + done, length);
        done += length;
    }
}

static bool is_range(uint32_t type)
{
    return type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
}

/* As much as one request may name. A discard is cut where that loses nothing. */
static uint32_t range_max(const struct xvmsg_blk *blk, uint32_t type, uint64_t start)
{
    const struct xvmsg_blk_properties *p = &blk->properties;

    if (type == VIRTIO_BLK_T_WRITE_ZEROES)
        return p->max_write_zeroes;
    if (!p->discard_alignment || p->discard_alignment > p->max_discard)
        return p->max_discard;
    return p->max_discard - (uint32_t)(start % p->discard_alignment);
}

static void place_range(struct xvmsg_blk *blk, struct blk_part *part, uint8_t *range)
{
    const struct blk_op *op = part->op;
    uint64_t start = op->offset + op->issued;
    bool unmap = op->unmap && blk->properties.zeroes_may_unmap;

    part->length = smaller(op->length - op->issued, range_max(blk, op->type, start));
    le64_put(range, start / BLK_SECTOR);
    le32_put(range + 8, part->length / BLK_SECTOR);
    le32_put(range + 12, unmap ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0);
}

/* Fills in what lies between header and status. Returns the number of segments;
 * 0 when there is no room. */
static unsigned place_data(struct xvmsg_blk *blk, struct blk_part *part, uint8_t *slot,
                           struct xvmsg_buffer *segments)
{
    const struct blk_op *op = part->op;
    uint64_t left = op->length - op->issued;
    unsigned count = 0;

    part->num_chunks = 0;
    if (op->type == VIRTIO_BLK_T_GET_ID) {
        part->length = VIRTIO_BLK_ID_BYTES;
        segments[0] = describe(blk, slot + SLOT_ID, VIRTIO_BLK_ID_BYTES);
        return 1;
    }
    if (is_range(op->type)) {
        place_range(blk, part, slot + SLOT_RANGE);
        segments[0] = describe(blk, slot + SLOT_RANGE, RANGE_BYTES);
        return 1;
    }
    part->buffer = op->buffer + op->issued;
    if (in_memory(blk, op))
        count = place_directly(blk, part, left, segments);
    /* Also where not even a sector lies in as many segments as one request has. */
    return count ? count : place_in_chunks(blk, part, left, segments);
}

static void write_header(uint8_t *slot, const struct blk_op *op)
{
    le32_put(slot, op->type);
    le32_put(slot + 4, 0);
    le64_put(slot + 8, is_range(op->type) ? 0 : (op->offset + op->issued) / BLK_SECTOR);
    slot[SLOT_STATUS] = NO_STATUS;
}

static void take_part(struct xvmsg_blk *blk, const struct blk_part *part)
{
    blk->free_parts &= ~(UINT64_C(1) << (part - blk->parts));
    for (unsigned i = 0; i < part->num_chunks; i++)
        blk->free_chunks &= ~(UINT32_C(1) << part->chunks[i]);
}

static void give_part(struct xvmsg_blk *blk, const struct blk_part *part)
{
    blk->free_parts |= UINT64_C(1) << (part - blk->parts);
    for (unsigned i = 0; i < part->num_chunks; i++)
        blk->free_chunks |= UINT32_C(1) << part->chunks[i];
}

/* Several in a row go to the same queue, so that the device is told of them at once.
 * NULL: none has room. */
static struct xvmsg_queue *pick_queue(const struct xvmsg_blk *blk, unsigned descriptors)
{
    for (unsigned i = 0; i < blk->num_queues; i++) {
        unsigned index = (blk->turn / REQUESTS_IN_A_ROW + i) % blk->num_queues;

        if (xvmsg_queue_free(blk->queues[index]) >= descriptors)
            return blk->queues[index];
    }
    return NULL;
}

/* Hands the next part of an operation to the device; false when there is no room. */
static bool issue_part(struct xvmsg_blk *blk, struct blk_op *op)
{
    struct xvmsg_buffer buffers[BLK_MAX_SEGMENTS + 2];
    bool device_writes = op->type != VIRTIO_BLK_T_OUT && !is_range(op->type);
    bool has_data = op->type != VIRTIO_BLK_T_FLUSH;
    struct xvmsg_queue *queue;
    unsigned count = 0;

    if (!blk->free_parts)
        return false;

    unsigned index = (unsigned)__builtin_ctzll(blk->free_parts);
    struct blk_part *part = &blk->parts[index];
    uint8_t *slot = blk->slots + (size_t)index * BLK_SLOT_BYTES;

    *part = (struct blk_part){.op = op};
    if (has_data && !(count = place_data(blk, part, slot, buffers + 1)))
        return false;
    queue = pick_queue(blk, count + 2);
    if (!queue)
        return false;
    write_header(slot, op);
    buffers[0] = describe(blk, slot, SLOT_STATUS);
    buffers[count + 1] = describe(blk, slot + SLOT_STATUS, 1);
    if (!device_writes)
        copy_chunks(blk, part, false);

    unsigned out = device_writes ? 1 : count + 1;

    if (xvmsg_queue_push(queue, buffers, out, count + 2 - out, part) < 0)
        return false;
    part->expected = device_writes ? part->length + 1 : 1;
    take_part(blk, part);
    blk->turn++;
    op->issued += part->length;
    op->in_flight++;
    return true;
}

static void issue(struct xvmsg_blk *blk, struct blk_op *op)
{
    while (!op->all_issued && issue_part(blk, op))
        op->all_issued = op->issued >= op->length;
    blk->partial = op->all_issued ? NULL : op;
}

static enum xvmsg_status part_status(const struct blk_part *part, uint8_t status, uint32_t written)
{
    switch (status) {
    case VIRTIO_BLK_S_OK:
        /* Data the device does not claim to have written may be anything. */
        return written >= part->expected ? XVMSG_OK : XVMSG_IO_ERROR;
    case VIRTIO_BLK_S_UNSUPP:
        return XVMSG_UNSUPPORTED;
    case VIRTIO_BLK_S_IOERR:
        return XVMSG_IO_ERROR;
    default:
        return XVMSG_MALFORMED_RESPONSE;
    }
}

static void complete_part(struct xvmsg_blk *blk, struct blk_part *part, uint32_t written)
{
    struct blk_op *op = part->op;
    uint8_t *slot = blk->slots + (size_t)(part - blk->parts) * BLK_SLOT_BYTES;
    uint8_t status = __atomic_load_n(slot + SLOT_STATUS, __ATOMIC_RELAXED);
    enum xvmsg_status ended = part_status(part, status, written);

    if (ended == XVMSG_OK && op->type == VIRTIO_BLK_T_IN)
        copy_chunks(blk, part, true);
    else if (ended == XVMSG_OK && op->type == VIRTIO_BLK_T_GET_ID)
        memcpy(op->buffer, slot + SLOT_ID, VIRTIO_BLK_ID_BYTES);
    give_part(blk, part);
    op->in_flight--;
    if (ended != XVMSG_OK && op->status == XVMSG_OK) {
        op->status = ended;
        op->all_issued = true;
        if (blk->partial == op)
            blk->partial = NULL;
    }
}

/* ---- completions ---- */

void blk_io_used(struct xvmsg_blk *blk, struct xvmsg_queue *queue)
{
    struct blk_part *part;
    uint32_t written;

    while (blk->usable && (part = xvmsg_queue_pop(queue, &written))) {
        struct blk_op *op = part->op;

        complete_part(blk, part, written);
        blk->completed = true;
        if (blk->partial)
            issue(blk, blk->partial);
        if (op->all_issued && !op->in_flight)
            end_op(blk, op);
    }
}

/* ---- submitting ---- */

/* No limit on the length: a range of any size is soon handed out. */
static int check_range(const struct xvmsg_blk *blk, const struct blk_op *op)
{
    bool discard = op->type == VIRTIO_BLK_T_DISCARD;

    if (!(discard ? blk->properties.max_discard : blk->properties.max_write_zeroes))
        return handle_fail(blk->h, ENOTSUP, "the disk cannot %s",
                           discard ? "discard" : "write zeroes");
    if (op->offset % BLK_SECTOR || op->length % BLK_SECTOR || op->length == 0 ||
        op->offset > UINT64_MAX - op->length)
        return handle_fail(blk->h, EINVAL, "offset and length must be multiples of %u",
                           BLK_SECTOR);
    return 0;
}

static int check_op(const struct xvmsg_blk *blk, const struct blk_op *op)
{
    if (!blk->usable)
        return handle_fail(blk->h, EIO, "the disk cannot be used any more%s%s",
                           blk->ended != XVMSG_OK ? ": " : "",
                           blk->ended != XVMSG_OK ? xvmsg_status_text(blk->ended) : "");
    if ((op->type == VIRTIO_BLK_T_OUT || is_range(op->type)) && xvmsg_blk_is_readonly(blk))
        return handle_fail(blk->h, EROFS, "the disk is read-only");
    if (is_range(op->type))
        return check_range(blk, op);
    if (op->type != VIRTIO_BLK_T_IN && op->type != VIRTIO_BLK_T_OUT)
        return 0;
    if (op->offset % BLK_SECTOR || op->length % BLK_SECTOR || op->length == 0 ||
        op->length > MAX_OP_BYTES || op->offset > UINT64_MAX - op->length)
        return handle_fail(blk->h, EINVAL,
                           "offset and length must be multiples of %u, 2 GiB at most", BLK_SECTOR);
    return 0;
}

static int start_op(struct xvmsg_blk *blk, struct blk_op *op)
{
    bool flush = op->type == VIRTIO_BLK_T_FLUSH;

    if (flush && !(xvmsg_device_features(blk->device) & BLK_FEATURE(VIRTIO_BLK_F_FLUSH)))
        return xvmsg_get_device_status(blk->h, xvmsg_device_number(blk->device), no_cache_answered,
                                       op);
    issue(blk, op);
    if (op->in_flight)
        return 0;
    blk->partial = NULL;
    return handle_fail(blk->h, EAGAIN, "no room for another request to the disk now");
}

int blk_io_submit(struct xvmsg_blk *blk, const struct blk_op *wanted)
{
    if (check_op(blk, wanted) < 0)
        return -1;
    if (blk->partial)
        return handle_fail(blk->h, EAGAIN, "no room for another request to the disk now");

    struct blk_op *op = malloc(sizeof(*op));

    if (!op)
        return handle_fail(blk->h, ENOMEM, "out of memory for a request to the disk");
    *op = *wanted;
    op->blk = blk;
    op->next = blk->ops;
    blk->ops = op;
    if (start_op(blk, op) == 0)
        return 0;

    int saved = errno;

    free_op(blk, op);
    errno = saved;
    return -1;
}

static void no_cache_answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct blk_op *op = user;
    struct xvmsg_blk *blk = op->blk;

    (void)h;
    op->status = reply->status;
    end_op(blk, op);
}

int xvmsg_blk_read(struct xvmsg_blk *blk, uint64_t offset, void *buffer, size_t length,
                   xvmsg_blk_done *done, void *user)
{
    return blk_io_submit(blk, &(struct blk_op){.type = VIRTIO_BLK_T_IN,
                                    .offset = offset,
                                    .buffer = buffer,
                                    .length = length,
                                    .done = done,
                                    .user = user});
}

int xvmsg_blk_write(struct xvmsg_blk *blk, uint64_t offset, const void *buffer, size_t length,
                    xvmsg_blk_done *done, void *user)
{
    return blk_io_submit(blk, &(struct blk_op){.type = VIRTIO_BLK_T_OUT,
                                    .offset = offset,
                                    .buffer = (uint8_t *)buffer, /* only read */
                                    .length = length,
                                    .done = done,
                                    .user = user});
}

int xvmsg_blk_discard(struct xvmsg_blk *blk, uint64_t offset, uint64_t length,
                      xvmsg_blk_done *done, void *user)
{
    return blk_io_submit(blk, &(struct blk_op){.type = VIRTIO_BLK_T_DISCARD,
                                    .offset = offset,
                                    .length = length,
                                    .done = done,
                                    .user = user});
}

int xvmsg_blk_write_zeroes(struct xvmsg_blk *blk, uint64_t offset, uint64_t length, bool unmap,
                           xvmsg_blk_done *done, void *user)
{
    return blk_io_submit(blk, &(struct blk_op){.type = VIRTIO_BLK_T_WRITE_ZEROES,
                                    .offset = offset,
                                    .length = length,
                                    .unmap = unmap,
                                    .done = done,
                                    .user = user});
}

int xvmsg_blk_flush(struct xvmsg_blk *blk, xvmsg_blk_done *done, void *user)
{
    return blk_io_submit(blk,
                         &(struct blk_op){.type = VIRTIO_BLK_T_FLUSH, .done = done, .user = user});
}

int xvmsg_blk_get_id(struct xvmsg_blk *blk, char id[20], xvmsg_blk_done *done, void *user)
{
    return blk_io_submit(blk, &(struct blk_op){.type = VIRTIO_BLK_T_GET_ID,
                                    .buffer = (uint8_t *)id,
                                    .length = VIRTIO_BLK_ID_BYTES,
                                    .done = done,
                                    .user = user});
}

