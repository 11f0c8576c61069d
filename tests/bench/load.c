/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/bench/load.h"

#include <string.h>

#include "tests/bench/figures.h"

struct load {
    const char *name;
    bool write;
    bool random;
    uint32_t block;
    unsigned depth;
    unsigned count;
};

/* What a load took. */
struct spent {
    uint64_t time; /* ns */
    uint64_t cpu;  /* ns */
    uint64_t hypercalls;
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

static uint64_t hypercalls(const struct load_disk *disk)
{
    return disk->hypercalls ? disk->hypercalls(disk->hypercalls_user) : 0;
}

/* Of the whole process, which natively is both ends. */
static uint64_t cpu_time(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void print(const struct load_disk *disk, const struct load *load, unsigned count,
                  const struct spent *spent)
{
    char what[96];

    snprintf(what, sizeof(what), "%s, %s", disk->name, load->name);
    if (load->random)
        figures_rate(what, count, spent->time, "IOPS");
    else
        figures_rate(what, (double)count * load->block / 1e6, spent->time, "MB/s");
    snprintf(what, sizeof(what), "%s, CPU of a %s", disk->name, load->name);
    figures_ratio(what, (double)spent->cpu / 1e3 / count, "us");
    if (!disk->hypercalls)
        return;
    snprintf(what, sizeof(what), "%s, hypercalls, %s", disk->name, load->name);
    figures_ratio(what, (double)spent->hypercalls * 1000 / count, "for 1,000 requests");
}

static int run_one(struct load_disk *disk, const struct load *load, unsigned count)
{
    struct spent begun = {figures_now(), cpu_time(), hypercalls(disk)};
    struct spent spent;

    disk->completed = 0;
    for (unsigned i = 0; disk->completed < count;) {
        while (i < count && i - disk->completed < load->depth)
            if (start(disk, load, i++) < 0)
                return -1;
        if (disk->wait(disk) < 0 || disk->failed)
            return -1;
    }
    spent = (struct spent){figures_now() - begun.time, cpu_time() - begun.cpu,
                           hypercalls(disk) - begun.hypercalls};
    print(disk, load, count, &spent);
    return 0;
}

static int run(struct load_disk *disk, const struct load *load, unsigned count)
{
    if (run_one(disk, load, count) == 0)
        return 0;
    fprintf(stderr, "%s, %s: failed\n", disk->name, load->name);
    return -1;
}

int load_run(struct load_disk *disk, const struct load_choice *choice)
{
    bool found = false;

    if (disk->size < LOAD_LONG_BLOCK) {
        fprintf(stderr, "%s: smaller than %u bytes\n", disk->name, LOAD_LONG_BLOCK);
        return -1;
    }
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        if (choice->only && strcmp(choice->only, loads[i].name))
            continue;
        found = true;
        if (run(disk, &loads[i], choice->only ? choice->count : loads[i].count * choice->scale) < 0)
            return -1;
    }
    if (!found)
        fprintf(stderr, "%s: no load is called \"%s\"\n", disk->name, choice->only);
    return found ? 0 : -1;
}
