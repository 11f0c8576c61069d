/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio-blk over a raw file or a block device.
 *
 * Writes go to the host's page cache and are made durable by FLUSH; a driver
 * that did not accept FLUSH gets each write durable when it completes, as the
 * specification promises it.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "common/le.h"
#include "common/store.h"

#define SECTOR 512u
#define QUEUE_SIZE 128u
/* Data descriptors of one request: the chain less header and status. */
#define SEG_MAX (QUEUE_SIZE - 2u)
#define SIZE_MAX_BYTES (128u << 10)
/* Descriptors may name the same memory many times over: without this, one
 * request is gigabytes, and a reset has to wait for all of them. */
#define REQUEST_MAX (16u << 20)

_Static_assert(SEG_MAX * SIZE_MAX_BYTES <= REQUEST_MAX, "what we announce, we serve");
_Static_assert(NAME_MAX_LENGTH <= VIRTIO_BLK_ID_BYTES, "a name is an id string");

struct blk {
    struct device *device;
    int fd;
    bool read_only;
    uint64_t sectors;
    char id[VIRTIO_BLK_ID_BYTES];
};

/* A request the kernel is working on. */
struct request {
    struct aio_op op;
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

/* ---- life ---- */

static bool file_size(int fd, uint64_t *size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    if (S_ISBLK(st.st_mode))
        return ioctl(fd, BLKGETSIZE64, size) == 0;
    *size = (uint64_t)st.st_size;
    errno = EINVAL;
    return S_ISREG(st.st_mode);
}

static bool check_target(const struct device_setup *setup, uint64_t *size, char *why)
{
    if (!file_size(setup->fd, size)) {
        snprintf(why, DEVICE_WHY_MAX, "%s: neither a file nor a block device (%s)", setup->name,
                 strerror(errno));
        return false;
    }
    if (!*size) {
        snprintf(why, DEVICE_WHY_MAX, "%s: the target is empty", setup->name);
        return false;
    }
    if (*size % SECTOR) {
        snprintf(why, DEVICE_WHY_MAX, "%s: size %" PRIu64 " is not a multiple of %u", setup->name,
                 *size, SECTOR);
        return false;
    }
    if (!setup->read_only && (fcntl(setup->fd, F_GETFL) & O_ACCMODE) != O_RDWR) {
        snprintf(why, DEVICE_WHY_MAX, "%s: is not open for writing", setup->name);
        return false;
    }
    return true;
}

static void *blk_create(struct device *device, const struct device_setup *setup, char *why)
{
    struct blk *blk;
    uint64_t size;

    if (!check_target(setup, &size, why))
        return NULL;
    blk = calloc(1, sizeof(*blk));
    if (!blk) {
        snprintf(why, DEVICE_WHY_MAX, "%s: out of memory", setup->name);
        return NULL;
    }
    blk->device = device;
    blk->fd = setup->fd;
    blk->read_only = setup->read_only;
    blk->sectors = size / SECTOR;
    /* Padded with zeros, none of them needed when the name is 20 bytes long. */
    memcpy(blk->id, setup->name, strnlen(setup->name, sizeof(blk->id)));
    device_offer_features(device, UINT64_C(1) << VIRTIO_BLK_F_SIZE_MAX |
                                      UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX |
                                      UINT64_C(1) << VIRTIO_BLK_F_BLK_SIZE |
                                      UINT64_C(1) << VIRTIO_BLK_F_FLUSH |
                                      (uint64_t)blk->read_only << VIRTIO_BLK_F_RO);
    return blk;
}

static void blk_destroy(void *state)
{
    struct blk *blk = state;

    close(blk->fd);
    free(blk);
}

/* Every byte of the structure is in the configuration space; what belongs to
 * features we do not offer reads as zero. */
static void blk_read_config(void *state, void *config)
{
    const struct blk *blk = state;
    uint8_t *bytes = config;

    memset(bytes, 0, sizeof(struct virtio_blk_config));
    le64_put(bytes + offsetof(struct virtio_blk_config, capacity), blk->sectors);
    le32_put(bytes + offsetof(struct virtio_blk_config, size_max), SIZE_MAX_BYTES);
    le32_put(bytes + offsetof(struct virtio_blk_config, seg_max), SEG_MAX);
    le32_put(bytes + offsetof(struct virtio_blk_config, blk_size), SECTOR);
}

/* The capacity is the whole sectors there are. Requests that wait for the kernel
 * were inside the disk when they came. */
static void blk_target_changed(void *state)
{
    struct blk *blk = state;
    uint64_t size;

    if (!file_size(blk->fd, &size) || size / SECTOR == blk->sectors)
        return;
    blk->sectors = size / SECTOR;
    device_config_changed(blk->device, offsetof(struct virtio_blk_config, capacity),
                          sizeof(((struct virtio_blk_config *)0)->capacity));
}

/* ---- requests ---- */

static void answer(struct queue *queue, struct chain *chain, uint8_t *status, uint8_t value,
                   uint32_t data_in)
{
    *status = value;
    queue_push(queue, chain, value == VIRTIO_BLK_S_OK ? data_in + 1 : 1);
}

static void on_done(struct aio_op *op, int result)
{
    struct request *request = (struct request *)((char *)op - offsetof(struct request, op));

    answer(request->queue, request->chain, request->status,
           result < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK, request->data_in);
    free(request);
}

static void start(struct blk *blk, struct queue *queue, struct chain *chain, uint8_t *status,
                  const struct aio_op *op)
{
    struct request *request = malloc(sizeof(*request));

    if (!request) {
        answer(queue, chain, status, VIRTIO_BLK_S_IOERR, 0);
        return;
    }
    request->op = *op;
    request->op.fd = blk->fd;
    request->op.done = on_done;
    request->queue = queue;
    request->chain = chain;
    request->status = status;
    request->data_in = op->kind == AIO_READ ? (uint32_t)iov_size(&op->iov) : 0;
    aio_start(device_aio(blk->device), &request->op);
}

/* Reads and writes: whole sectors, inside the disk, or nothing at all. */
static bool transfer_valid(const struct blk *blk, const struct header *header, uint64_t size)
{
    return size % SECTOR == 0 && size <= REQUEST_MAX && header->sector <= blk->sectors &&
           size / SECTOR <= blk->sectors - header->sector;
}

static void transfer(struct blk *blk, struct queue *queue, struct chain *chain, uint8_t *status,
                     const struct header *header)
{
    bool write = header->type == VIRTIO_BLK_T_OUT;
    const struct iov *data = write ? &chain->out : &chain->in;
    uint64_t size = iov_size(data);

    if (!transfer_valid(blk, header, size) || (write && blk->read_only)) {
        answer(queue, chain, status, VIRTIO_BLK_S_IOERR, 0);
        return;
    }
    if (!size) {
        answer(queue, chain, status, VIRTIO_BLK_S_OK, 0);
        return;
    }
    start(blk, queue, chain, status,
          &(struct aio_op){
              .kind = write ? AIO_WRITE : AIO_READ,
              .durable = !device_has_feature(blk->device, VIRTIO_BLK_F_FLUSH),
              .iov = *data,
              .offset = header->sector * SECTOR,
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
        answer(queue, chain, status, VIRTIO_BLK_S_OK,
               (uint32_t)iov_fill(&chain->in, blk->id, sizeof(blk->id)));
        break;
    default:
        answer(queue, chain, status, VIRTIO_BLK_S_UNSUPP, 0);
    }
}

static void blk_queue_kick(void *state, struct queue *queue)
{
    struct blk *blk = state;
    struct chain *chain;

    while ((chain = queue_pop(queue))) {
        struct virtio_blk_outhdr wire;
        uint8_t *status = iov_take_last(&chain->in);

        if (iov_take(&chain->out, &wire, sizeof(wire)) < sizeof(wire) || !status) {
            device_needs_reset(blk->device, "a block request lacks its header or status byte");
            queue_push(queue, chain, 0);
            break;
        }

        const struct header header = {
            .type = le32_get(&wire.type),
            .sector = le64_get(&wire.sector),
        };

        serve(blk, queue, chain, &header, status);
    }
}

const struct device_class blk_class = {
    .name = "blk",
    .virtio_id = VIRTIO_ID_BLOCK,
    .num_queues = 1,
    .queue_size = QUEUE_SIZE,
    .config_size = sizeof(struct virtio_blk_config),
    .create = blk_create,
    .destroy = blk_destroy,
    .read_config = blk_read_config,
    .target_changed = blk_target_changed,
    .queue_kick = blk_queue_kick,
};
