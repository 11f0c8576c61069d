/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Requests to a disk: reads, writes, flushes, the id. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/devices/blk.h"
#include "common/barrier.h"
#include "common/le.h"

/* A request the kernel is working on. */
struct request {
    struct aio_op op;
    struct blk *blk;
    struct queue *queue;
    struct chain *chain;
    uint8_t *status;
    uint32_t data_in; /* bytes the guest gets when it succeeds */
};

/* A copy of the request's header, in the host's byte order. */
struct header {
    uint32_t type;
    uint64_t sector;
};

static void complain(struct blk *blk, const struct aio_op *op, int result)
{
    static const char *const doings[] = {
        [AIO_READ] = "read",    [AIO_WRITE] = "written", [AIO_SYNC] = "made durable",
        [AIO_PUNCH] = "discarded", [AIO_ZERO] = "zeroed",
    };
    char path[128], what[256];

    blk_target_path(blk->file.fd, path, sizeof(path));
    snprintf(what, sizeof(what), "%s cannot be %s at byte %" PRIu64 ": %s", path,
             doings[op->kind], op->offset,
             result == -ENODATA ? "it has become shorter" : strerror(-result));
    device_complain(blk->device, what);
}

uint8_t blk_request_status(struct blk *blk, const struct aio_op *op, int result)
{
    if (result >= 0)
        return VIRTIO_BLK_S_OK;
    if (result == -EOPNOTSUPP)
        return VIRTIO_BLK_S_UNSUPP;
    complain(blk, op, result);
    return VIRTIO_BLK_S_IOERR;
}

void blk_request_answer(struct queue *queue, struct chain *chain, uint8_t *status, uint8_t value,
                        uint32_t data_in)
{
    /* Requests of several queues may name the same byte. */
    shared_store8(status, value);
    queue_push(queue, chain, value == VIRTIO_BLK_S_OK ? data_in + 1 : 1);
}

static void on_done(struct aio_op *op, int result)
{
    struct request *request = (struct request *)((char *)op - offsetof(struct request, op));

    blk_request_answer(request->queue, request->chain, request->status,
                       blk_request_status(request->blk, op, result), request->data_in);
    free(request);
}

/* Whether a request can go past the page cache is the guest's doing: what it puts into
 * odd places goes through it. The kernel keeps both views of the file the same. */
static bool is_aligned(const struct blk *blk, const struct aio_op *op)
{
    uint64_t offset = op->offset, memory = 0;

    for (uint32_t i = 0; i < op->iov.count; i++) {
        offset |= op->iov.pieces[i].iov_len;
        memory |= (uintptr_t)op->iov.pieces[i].iov_base;
    }
    return !(offset & (blk->direct_offset - 1)) && !(memory & (blk->direct_memory - 1));
}

static const struct aio_file *file_for(const struct blk *blk, const struct aio_op *op)
{
    return blk->is_direct && is_aligned(blk, op) ? &blk->direct : &blk->file;
}

static void start(struct blk *blk, struct queue *queue, struct chain *chain, uint8_t *status,
                  const struct aio_op *op)
{
    struct request *request = malloc(sizeof(*request));

    if (!request) {
        blk_request_answer(queue, chain, status, VIRTIO_BLK_S_IOERR, 0);
        return;
    }
    request->op = *op;
    request->op.file = file_for(blk, op);
    request->op.done = on_done;
    request->blk = blk;
    request->queue = queue;
    request->chain = chain;
    request->status = status;
    request->data_in = op->kind == AIO_READ ? (uint32_t)iov_size(&op->iov) : 0;
    aio_start(device_aio(blk->device, queue), &request->op);
}

/* Whole sectors, inside the disk, or nothing at all. */
static bool transfer_valid(const struct blk *blk, const struct header *header, uint64_t size)
{
    return size % BLK_SECTOR == 0 && size <= BLK_REQUEST_MAX &&
           blk_has_sectors(blk, header->sector, size / BLK_SECTOR);
}

static void transfer(struct blk *blk, struct queue *queue, struct chain *chain, uint8_t *status,
                     const struct header *header)
{
    bool write = header->type == VIRTIO_BLK_T_OUT;
    const struct iov *data = write ? &chain->out : &chain->in;
    uint64_t size = iov_size(data);

    if (!transfer_valid(blk, header, size) || (write && blk->read_only)) {
        blk_request_answer(queue, chain, status, VIRTIO_BLK_S_IOERR, 0);
        return;
    }
    if (!size) {
        blk_request_answer(queue, chain, status, VIRTIO_BLK_S_OK, 0);
        return;
    }
    start(blk, queue, chain, status,
          &(struct aio_op){
              .kind = write ? AIO_WRITE : AIO_READ,
              .durable = blk_durable(blk),
              .iov = *data,
              .offset = header->sector * BLK_SECTOR,
          });
}

static void serve(struct blk *blk, struct queue *queue, struct chain *chain,
                  const struct header *header, uint8_t *status)
{
    switch (header->type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        transfer(blk, queue, chain, status, header);
        break;
    case VIRTIO_BLK_T_FLUSH:
        start(blk, queue, chain, status, &(struct aio_op){.kind = AIO_SYNC});
        break;
    case VIRTIO_BLK_T_GET_ID:
        blk_request_answer(queue, chain, status, VIRTIO_BLK_S_OK,
                           (uint32_t)iov_fill(&chain->in, blk->id, sizeof(blk->id)));
        break;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        blk_range_serve(blk, queue, chain, header->type, status);
        break;
    default:
        blk_request_answer(queue, chain, status, VIRTIO_BLK_S_UNSUPP, 0);
    }
}

bool blk_request_serve(struct blk *blk, struct queue *queue, struct chain *chain)
{
    struct virtio_blk_outhdr wire;
    uint8_t *status = iov_take_last(&chain->in);

    if (iov_take(&chain->out, &wire, sizeof(wire)) < sizeof(wire) || !status) {
        device_needs_reset(blk->device, "a block request lacks its header or status byte");
        queue_push(queue, chain, 0);
        return false;
    }

    const struct header header = {
        .type = le32_get(&wire.type),
        .sector = le64_get(&wire.sector),
    };

    chain->scattered = true;
    serve(blk, queue, chain, &header, status);
    return true;
}
