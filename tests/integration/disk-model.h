/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What a disk has to hold: one version of each sector, and, where a change was lost on
 * its way, perhaps another. Operations on a sector exclude each other, but for reads.
 */
#ifndef XVMSG_DISK_MODEL_H
#define XVMSG_DISK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_SECTOR 512u

enum model_kind { MODEL_READ, MODEL_WRITE, MODEL_ZERO, MODEL_DISCARD };

struct model_op {
    enum model_kind kind;
    uint64_t sector;
    uint32_t count;
    uint64_t version; /* private */
};

struct disk_model;

/* Knows nothing of what is on the disk before. NULL: out of memory. */
struct disk_model *disk_model_new(uint64_t sectors);
void disk_model_free(struct disk_model *model);
uint64_t disk_model_sectors(const struct disk_model *model);

/* Kind, sector and count are set. False: another operation is in the way. */
bool disk_model_begin(struct disk_model *model, struct model_op *op);

/* The bytes that a write writes. */
void disk_model_fill(const struct model_op *op, uint8_t *bytes);

/* It is done: false, with a line on stderr, when a read brought what cannot be. */
bool disk_model_done(struct disk_model *model, const struct model_op *op, const uint8_t *bytes);

/* It did not even begin. */
void disk_model_cancel(struct disk_model *model, const struct model_op *op);

/* Nobody knows whether it was done, or how much of it. */
void disk_model_lost(struct disk_model *model, const struct model_op *op);

#endif
