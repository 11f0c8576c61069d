/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/disk-model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_ZERO UINT64_C(0)
#define VERSION_ANY UINT64_MAX /* discarded, or never written */

struct sector {
    uint64_t version;
    uint64_t other; /* another that it may have; the same if it may not */
    uint16_t readers;
    bool writer;
};

struct disk_model {
    uint64_t num_sectors;
    uint64_t last_version;
    struct sector sectors[];
};

struct disk_model *disk_model_new(uint64_t sectors)
{
    struct disk_model *model = calloc(1, sizeof(*model) + sectors * sizeof(model->sectors[0]));

    if (!model)
        return NULL;
    model->num_sectors = sectors;
    for (uint64_t i = 0; i < sectors; i++)
        model->sectors[i].version = model->sectors[i].other = VERSION_ANY;
    return model;
}

void disk_model_free(struct disk_model *model)
{
    free(model);
}

uint64_t disk_model_sectors(const struct disk_model *model)
{
    return model->num_sectors;
}

/* ---- contents ---- */

/* Every word depends on sector, version and its place. */
static uint64_t word(uint64_t sector, uint64_t version, unsigned i)
{
    uint64_t x = sector * UINT64_C(0x9e3779b97f4a7c15) ^ version * UINT64_C(0xbf58476d1ce4e5b9) ^ i;

    x = (x ^ x >> 30) * UINT64_C(0x94d049bb133111eb);
    return version == VERSION_ZERO ? 0 : x ^ x >> 31;
}

static void fill_sector(uint64_t sector, uint64_t version, uint8_t *bytes)
{
    for (unsigned i = 0; i < MODEL_SECTOR / sizeof(uint64_t); i++) {
        uint64_t value = word(sector, version, i);

        memcpy(bytes + i * sizeof(value), &value, sizeof(value));
    }
}

static bool has_version(uint64_t sector, uint64_t version, const uint8_t *bytes)
{
    uint8_t expected[MODEL_SECTOR];

    if (version == VERSION_ANY)
        return true;
    fill_sector(sector, version, expected);
    return memcmp(expected, bytes, sizeof(expected)) == 0;
}

/* What was read once is what it is. */
static bool check_sector(struct disk_model *model, uint64_t i, const uint8_t *bytes)
{
    struct sector *sector = &model->sectors[i];

    if (has_version(i, sector->version, bytes)) {
        sector->other = sector->version;
        return true;
    }
    if (has_version(i, sector->other, bytes)) {
        sector->version = sector->other;
        return true;
    }
    fprintf(stderr, "sector %" PRIu64 " has neither version %" PRIu64 " nor %" PRIu64 "\n", i,
            sector->version, sector->other);
    return false;
}

/* ---- operations ---- */

bool disk_model_begin(struct disk_model *model, struct model_op *op)
{
    struct sector *first = &model->sectors[op->sector];

    for (uint32_t i = 0; i < op->count; i++)
        if (first[i].writer || (op->kind != MODEL_READ && first[i].readers))
            return false;
    for (uint32_t i = 0; i < op->count; i++) {
        first[i].readers += op->kind == MODEL_READ;
        first[i].writer = op->kind != MODEL_READ;
    }
    op->version = op->kind == MODEL_ZERO      ? VERSION_ZERO
                  : op->kind == MODEL_DISCARD ? VERSION_ANY
                                              : ++model->last_version;
    return true;
}

void disk_model_fill(const struct model_op *op, uint8_t *bytes)
{
    for (uint32_t i = 0; i < op->count; i++)
        fill_sector(op->sector + i, op->version, bytes + (size_t)i * MODEL_SECTOR);
}

void disk_model_cancel(struct disk_model *model, const struct model_op *op)
{
    for (uint32_t i = 0; i < op->count; i++) {
        model->sectors[op->sector + i].readers -= op->kind == MODEL_READ;
        model->sectors[op->sector + i].writer = false;
    }
}

bool disk_model_done(struct disk_model *model, const struct model_op *op, const uint8_t *bytes)
{
    bool good = true;

    disk_model_cancel(model, op);
    for (uint32_t i = 0; i < op->count; i++) {
        struct sector *sector = &model->sectors[op->sector + i];

        if (op->kind == MODEL_READ)
            good = good && check_sector(model, op->sector + i, bytes + (size_t)i * MODEL_SECTOR);
        else
            sector->version = sector->other = op->version;
    }
    return good;
}

void disk_model_lost(struct disk_model *model, const struct model_op *op)
{
    disk_model_cancel(model, op);
    for (uint32_t i = 0; i < op->count && op->kind != MODEL_READ; i++) {
        struct sector *sector = &model->sectors[op->sector + i];

        /* Of three that it could be, no memory is kept. */
        if (sector->other != sector->version)
            sector->version = VERSION_ANY;
        sector->other = op->version;
    }
}
