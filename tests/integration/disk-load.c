/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/disk-load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BYTES ((size_t)LOAD_SECTORS * MODEL_SECTOR)
/* Every so many sizes one is a large one. */
#define SMALL_SECTORS 16u

bool disk_load_init(struct disk_load *load, struct xvmsg *h, uint64_t sectors, uint64_t seed)
{
    *load = (struct disk_load){.h = h, .random = seed, .model = disk_model_new(sectors)};
    for (unsigned i = 0; i < LOAD_DEPTH; i++) {
        load->slots[i].load = load;
        load->slots[i].buffer = aligned_alloc(MODEL_SECTOR, SLOT_BYTES);
        if (!load->slots[i].buffer)
            return false;
    }
    return load->model;
}

void disk_load_free(struct disk_load *load)
{
    for (unsigned i = 0; i < LOAD_DEPTH; i++)
        free(load->slots[i].buffer);
    disk_model_free(load->model);
}

static uint64_t draw(struct disk_load *load, uint64_t below)
{
    load->random = load->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (load->random >> 20) % below;
}

/* ---- what is asked ---- */

/* The first slots' data lies where the device sees it. */
static uint8_t *data_of(const struct load_slot *slot)
{
    size_t size, index = (size_t)(slot - slot->load->slots);
    uint8_t *memory = xvmsg_blk_memory(slot->load->blk, &size);

    return (index + 1) * SLOT_BYTES <= size ? memory + index * SLOT_BYTES : slot->buffer;
}

static enum model_kind draw_kind(struct disk_load *load)
{
    uint64_t dice = draw(load, 100);

    return dice < 45 ? MODEL_WRITE : dice < 85 ? MODEL_READ : dice < 95 ? MODEL_ZERO : MODEL_DISCARD;
}

static bool choose_random(struct disk_load *load, struct model_op *op)
{
    uint64_t sectors = disk_model_sectors(load->model);

    op->kind = draw_kind(load);
    op->count = 1 + (uint32_t)draw(load, draw(load, 8) ? SMALL_SECTORS : LOAD_SECTORS);
    op->sector = draw(load, sectors - op->count + 1);
    /* What file systems do. */
    if (draw(load, 2) && op->sector + op->count + 8 < sectors) {
        op->sector &= ~UINT64_C(7);
        op->count = (op->count + 7) & ~7u;
    }
    return disk_model_begin(load->model, op);
}

static bool choose_next(struct disk_load *load, struct model_op *op)
{
    uint64_t left = disk_model_sectors(load->model) - load->next_scan;

    op->kind = MODEL_READ;
    op->sector = load->next_scan;
    op->count = left < LOAD_SECTORS ? (uint32_t)left : LOAD_SECTORS;
    load->next_scan += op->count;
    return disk_model_begin(load->model, op);
}

/* ---- asking ---- */

static void on_done(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct load_slot *slot = user;
    struct disk_load *load = slot->load;

    (void)blk;
    slot->busy = false;
    load->in_flight--;
    if (status == XVMSG_OK) {
        load->done++;
        if (!slot->flush && !disk_model_done(load->model, &slot->op, data_of(slot)))
            load->failed = true;
        return;
    }
    if (!slot->flush)
        disk_model_lost(load->model, &slot->op);
    load->lost += status != XVMSG_UNSUPPORTED;
    /* Not every file system does what is asked of ranges. */
    if (status == XVMSG_IO_ERROR || (status == XVMSG_UNSUPPORTED && slot->op.kind < MODEL_ZERO)) {
        fprintf(stderr, "a request failed: %s\n", xvmsg_status_text(status));
        load->failed = true;
    }
}

static int submit(struct load_slot *slot)
{
    struct xvmsg_blk *blk = slot->load->blk;
    uint64_t offset = slot->op.sector * MODEL_SECTOR;
    size_t length = (size_t)slot->op.count * MODEL_SECTOR;

    if (slot->flush)
        return xvmsg_blk_flush(blk, on_done, slot);
    switch (slot->op.kind) {
    case MODEL_READ:
        memset(data_of(slot), 0xdb, length);
        return xvmsg_blk_read(blk, offset, data_of(slot), length, on_done, slot);
    case MODEL_WRITE:
        disk_model_fill(&slot->op, data_of(slot));
        return xvmsg_blk_write(blk, offset, data_of(slot), length, on_done, slot);
    case MODEL_ZERO:
        return xvmsg_blk_write_zeroes(blk, offset, length, slot->op.sector & 1, on_done, slot);
    case MODEL_DISCARD:
        return xvmsg_blk_discard(blk, offset, length, on_done, slot);
    }
    return -1;
}

/* False: not now. */
static bool start(struct disk_load *load, struct load_slot *slot)
{
    slot->flush = !load->scanning && !draw(load, 25);
    if (!slot->flush && !(load->scanning ? choose_next(load, &slot->op)
                                         : choose_random(load, &slot->op)))
        return true; /* another one then */
    slot->busy = true;
    load->in_flight++;
    if (submit(slot) == 0) {
        load->left--;
        return true;
    }
    if (errno != EAGAIN && errno != EIO) {
        fprintf(stderr, "%s\n", xvmsg_error(load->h));
        load->failed = true;
    }
    slot->busy = false;
    load->in_flight--;
    if (!slot->flush)
        disk_model_cancel(load->model, &slot->op);
    if (load->scanning)
        load->next_scan = slot->op.sector;
    return false;
}

/* ---- running ---- */

void disk_load_run(struct disk_load *load, struct xvmsg_blk *blk, uint64_t requests)
{
    load->blk = blk;
    load->scanning = false;
    load->left = requests;
}

void disk_load_scan(struct disk_load *load, struct xvmsg_blk *blk)
{
    load->blk = blk;
    load->scanning = true;
    load->next_scan = 0;
    load->left = (disk_model_sectors(load->model) + LOAD_SECTORS - 1) / LOAD_SECTORS;
}

bool disk_load_turn(struct disk_load *load)
{
    for (unsigned i = 0; i < LOAD_DEPTH && load->left && !load->failed; i++)
        if (!load->slots[i].busy && !start(load, &load->slots[i]))
            break;
    if (xvmsg_flush(load->h) < 0)
        return true;
    return load->failed || (!load->left && !load->in_flight);
}
