/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/bench/load.h"

#include "tests/bench/figures.h"

struct load {
    const char *name;
    bool write;
    bool random;
    uint32_t block;
    unsigned depth;
    unsigned count;
};

static const struct load loads[] = {
    {"sequential read, 1 MiB, depth 1", false, false, LOAD_LONG_BLOCK, 1, 64},
    {"sequential write, 1 MiB, depth 1", true, false, LOAD_LONG_BLOCK, 1, 64},
    {"random read, 4 KiB, depth 1", false, true, LOAD_SHORT_BLOCK, 1, 2000},
    {"random write, 4 KiB, depth 1", true, true, LOAD_SHORT_BLOCK, 1, 2000},
    {"random read, 4 KiB, depth 32", false, true, LOAD_SHORT_BLOCK, 32, 8000},
    {"random write, 4 KiB, depth 32", true, true, LOAD_SHORT_BLOCK, 32, 8000},
};

void load_complete(struct load_disk *disk, unsigned slot, bool good)
{
    disk->busy[slot] = false;
    disk->completed++;
    disk->failed |= !good;
}

static uint64_t offset_of(const struct load_disk *disk, const struct load *load, unsigned i)
{
    uint64_t blocks = disk->size / load->block;

    return (load->random ? (uint64_t)i * 7919 % blocks : i % blocks) * load->block;
}

static int start(struct load_disk *disk, const struct load *load, unsigned i)
{
    unsigned slot = 0;

    while (disk->busy[slot])
        slot++;
    disk->busy[slot] = true;
    return disk->submit(disk, slot, load->write, offset_of(disk, load, i), load->block);
}

static uint64_t doorbells(const struct load_disk *disk)
{
    return disk->doorbells ? disk->doorbells(disk->doorbells_user) : 0;
}

static int run_one(struct load_disk *disk, const struct load *load, unsigned count)
{
    char what[96];
    uint64_t rung = doorbells(disk);
    uint64_t begun = figures_now(), taken;

    disk->completed = 0;
    for (unsigned i = 0; disk->completed < count;) {
        while (i < count && i - disk->completed < load->depth)
            if (start(disk, load, i++) < 0)
                return -1;
        if (disk->wait(disk) < 0 || disk->failed)
            return -1;
    }
    taken = figures_now() - begun;
    rung = doorbells(disk) - rung;
    snprintf(what, sizeof(what), "%s, %s", disk->name, load->name);
    if (load->random)
        figures_rate(what, count, taken, "IOPS");
    else
        figures_rate(what, (double)count * load->block / 1e6, taken, "MB/s");
    if (disk->doorbells)
        figures_ratio("", (double)rung / count, "doorbells per request");
    return 0;
}

int load_run(struct load_disk *disk, unsigned scale)
{
    if (disk->size < LOAD_LONG_BLOCK) {
        fprintf(stderr, "%s: smaller than %u bytes\n", disk->name, LOAD_LONG_BLOCK);
        return -1;
    }
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
        if (run_one(disk, &loads[i], loads[i].count * scale) < 0) {
            fprintf(stderr, "%s, %s: failed\n", disk->name, loads[i].name);
            return -1;
        }
    return 0;
}
