/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Runs in a guest and prints figures:
 *
 *   bench-guest ping           message round trips over the bus
 *   bench-guest blk NUMBER     a disk through libxvmsg
 *   bench-guest file PATH      the same load on a kernel block device, O_DIRECT
 *
 * Both disks are loaded by the same code; only "submit" and "wait" differ. The
 * write figures destroy what is on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <xvmsg.h>

#include "tests/bench/figures.h"

#define MAX_DEPTH 32
#define PING_COUNT 2000
#define SEQUENTIAL_BLOCK (1u << 20)
#define RANDOM_BLOCK 4096u

/* A disk under load: one buffer per slot, `busy` until its request ended. */
struct disk {
    const char *name;
    uint64_t size;
    int (*submit)(struct disk *disk, unsigned slot, bool write, uint64_t offset, uint32_t length);
    int (*wait)(struct disk *disk);
    char *buffers[MAX_DEPTH];
    uint64_t started[MAX_DEPTH];
    bool busy[MAX_DEPTH];
    bool failed;
    uint64_t *samples;
    size_t num_samples;
    /* one of the two */
    struct xvmsg *h;
    struct xvmsg_blk *blk;
    struct io_uring uring;
    int fd;
};

struct load {
    const char *name;
    bool write;
    bool random;
    uint32_t block;
    unsigned depth;
    unsigned count;
};

static const struct load loads[] = {
    {"sequential read, 1 MiB, depth 1", false, false, SEQUENTIAL_BLOCK, 1, 64},
    {"sequential write, 1 MiB, depth 1", true, false, SEQUENTIAL_BLOCK, 1, 64},
    {"random read, 4 KiB, depth 1", false, true, RANDOM_BLOCK, 1, 2000},
    {"random write, 4 KiB, depth 1", true, true, RANDOM_BLOCK, 1, 2000},
    {"random read, 4 KiB, depth 32", false, true, RANDOM_BLOCK, 32, 8000},
    {"random write, 4 KiB, depth 32", true, true, RANDOM_BLOCK, 32, 8000},
};

static void complete(struct disk *disk, unsigned slot, bool good)
{
    disk->busy[slot] = false;
    disk->samples[disk->num_samples++] = figures_now() - disk->started[slot];
    disk->failed |= !good;
}

/* ---- through libxvmsg ---- */

struct slot_ref {
    struct disk *disk;
    unsigned slot;
};

static struct slot_ref slot_refs[MAX_DEPTH];

static void blk_complete(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct slot_ref *ref = user;

    (void)blk;
    complete(ref->disk, ref->slot, status == XVMSG_OK);
}

static int blk_submit(struct disk *disk, unsigned slot, bool write, uint64_t offset,
                      uint32_t length)
{
    slot_refs[slot] = (struct slot_ref){disk, slot};
    return write ? xvmsg_blk_write(disk->blk, offset, disk->buffers[slot], length, blk_complete,
                                   &slot_refs[slot])
                 : xvmsg_blk_read(disk->blk, offset, disk->buffers[slot], length, blk_complete,
                                  &slot_refs[slot]);
}

static int blk_wait(struct disk *disk)
{
    struct pollfd pfd = {.fd = xvmsg_fd(disk->h), .events = POLLIN};
    size_t before = disk->num_samples;

    if (xvmsg_flush(disk->h) < 0)
        return -1;
    while (disk->num_samples == before)
        if (poll(&pfd, 1, 10000) <= 0 || xvmsg_process(disk->h) < 0)
            return -1;
    return 0;
}

/* ---- through the kernel ---- */

static int uring_submit(struct disk *disk, unsigned slot, bool write, uint64_t offset,
                        uint32_t length)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&disk->uring);

    if (!sqe)
        return -1;
    if (write)
        io_uring_prep_write(sqe, disk->fd, disk->buffers[slot], length, offset);
    else
        io_uring_prep_read(sqe, disk->fd, disk->buffers[slot], length, offset);
    io_uring_sqe_set_data64(sqe, (uint64_t)slot << 32 | length);
    return 0;
}

static int uring_wait(struct disk *disk)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;

    if (io_uring_submit_and_wait(&disk->uring, 1) < 0)
        return -1;
    io_uring_for_each_cqe(&disk->uring, head, cqe)
    {
        complete(disk, (unsigned)(cqe->user_data >> 32),
                 cqe->res == (int)(uint32_t)cqe->user_data);
        seen++;
    }
    io_uring_cq_advance(&disk->uring, seen);
    return 0;
}

/* ---- the load ---- */

static uint64_t offset_of(const struct disk *disk, const struct load *load, unsigned i)
{
    uint64_t blocks = disk->size / load->block;

    return (load->random ? (uint64_t)i * 7919 % blocks : i % blocks) * load->block;
}

static int start(struct disk *disk, const struct load *load, unsigned i)
{
    unsigned slot = 0;

    while (disk->busy[slot])
        slot++;
    disk->busy[slot] = true;
    disk->started[slot] = figures_now();
    return disk->submit(disk, slot, load->write, offset_of(disk, load, i), load->block);
}

static int run_load(struct disk *disk, const struct load *load)
{
    char what[96];
    uint64_t begun = figures_now(), taken;

    disk->num_samples = 0;
    for (unsigned i = 0; disk->num_samples < load->count;) {
        while (i < load->count && i - disk->num_samples < load->depth)
            if (start(disk, load, i++) < 0)
                return -1;
        if (disk->wait(disk) < 0)
            return -1;
    }
    taken = figures_now() - begun;
    snprintf(what, sizeof(what), "%s, %s", disk->name, load->name);
    if (load->random)
        figures_rate(what, load->count, taken, "IOPS");
    else
        figures_rate(what, (double)load->count * load->block / 1e6, taken, "MB/s");
    return disk->failed ? -1 : 0;
}

static int run_loads(struct disk *disk)
{
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
        if (run_load(disk, &loads[i]) < 0) {
            fprintf(stderr, "bench-guest: %s, %s: failed\n", disk->name, loads[i].name);
            return 1;
        }
    return 0;
}

static int bench_file(struct disk *disk, const char *path)
{
    disk->name = "PV disk (kernel)";
    disk->submit = uring_submit;
    disk->wait = uring_wait;
    disk->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (disk->fd < 0 || io_uring_queue_init(MAX_DEPTH, &disk->uring, 0) < 0) {
        perror(path);
        return 1;
    }
    disk->size = (uint64_t)lseek(disk->fd, 0, SEEK_END);
    for (unsigned i = 0; i < MAX_DEPTH; i++)
        disk->buffers[i] = aligned_alloc(4096, i ? RANDOM_BLOCK : SEQUENTIAL_BLOCK);
    return run_loads(disk);
}

static int bench_blk(struct disk *disk, uint64_t number)
{
    size_t size;
    char *memory;

    disk->name = "xen-virtio-msg";
    disk->submit = blk_submit;
    disk->wait = blk_wait;
    disk->blk = xvmsg_blk_open_wait(disk->h, number);
    if (!disk->blk) {
        fprintf(stderr, "bench-guest: %s\n", xvmsg_error(disk->h));
        return 1;
    }
    disk->size = xvmsg_blk_size(disk->blk);
    memory = xvmsg_blk_memory(disk->blk, &size);
    /* The depth-1 loads use slot 0 whole; the others a page each of the same. */
    if (size < SEQUENTIAL_BLOCK) {
        fprintf(stderr, "bench-guest: only %zu bytes of buffer memory\n", size);
        return 1;
    }
    for (unsigned i = 0; i < MAX_DEPTH; i++)
        disk->buffers[i] = memory + i * RANDOM_BLOCK;
    return run_loads(disk);
}

static int bench_ping(struct xvmsg *h)
{
    static uint64_t samples[PING_COUNT];
    uint64_t begun = figures_now();

    for (unsigned i = 0; i < PING_COUNT; i++) {
        struct xvmsg_waiter w = {0};
        uint64_t sent = figures_now();

        if (xvmsg_ping(h, i, xvmsg_wake, &w) < 0 || xvmsg_wait(h, &w) < 0) {
            fprintf(stderr, "bench-guest: %s\n", xvmsg_error(h));
            return 1;
        }
        samples[i] = figures_now() - sent;
    }
    begun = figures_now() - begun;
    figures_latency("xen-virtio-msg round trip (PING, 20 bytes)", samples, PING_COUNT);
    figures_rate("xen-virtio-msg messages, one at a time", 2.0 * PING_COUNT, begun, "messages/s");
    return 0;
}

static int bench_bus(struct disk *disk, bool ping, uint64_t number)
{
    const char *why;
    int status;

    disk->h = xvmsg_new(&why);
    if (!disk->h) {
        fprintf(stderr, "bench-guest: %s\n", why);
        return 1;
    }
    if (xvmsg_connect_wait(disk->h, 30000) < 0) {
        fprintf(stderr, "bench-guest: %s\n", xvmsg_error(disk->h));
        status = 1;
    } else {
        status = ping ? bench_ping(disk->h) : bench_blk(disk, number);
    }
    xvmsg_free(disk->h);
    return status;
}

int main(int argc, char **argv)
{
    static uint64_t samples[8192];
    static struct disk disk = {.samples = samples};

    if (argc == 2 && !strcmp(argv[1], "ping"))
        return bench_bus(&disk, true, 0);
    if (argc == 3 && !strcmp(argv[1], "blk"))
        return bench_bus(&disk, false, strtoull(argv[2], NULL, 10));
    if (argc == 3 && !strcmp(argv[1], "file"))
        return bench_file(&disk, argv[2]);
    fprintf(stderr, "usage: bench-guest ping | blk NUMBER | file PATH\n");
    return 2;
}
