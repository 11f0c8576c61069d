/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/bench/bus-load.h"

#include "tests/bench/figures.h"
#include "tests/bench/load.h"

static int complain(const struct xvmsg *h)
{
    fprintf(stderr, "xen-virtio-msg: %s\n", xvmsg_error(h));
    return -1;
}

/* ---- messages ---- */

static int ping(struct xvmsg *h, uint32_t data)
{
    struct xvmsg_waiter w = {0};

    return xvmsg_ping(h, data, xvmsg_wake, &w) < 0 ? -1 : xvmsg_wait(h, &w);
}

int bus_load_ping(struct xvmsg *h, unsigned count)
{
    unsigned num_samples = count / FIGURES_TRIPS;
    uint64_t *samples = calloc(num_samples, sizeof(*samples));
    uint64_t begun = figures_now(), taken;
    int rc = -1;

    if (!samples) {
        perror("xen-virtio-msg");
        return -1;
    }
    for (unsigned i = 0; i < num_samples; i++) {
        uint64_t sent = figures_now();

        for (unsigned n = 0; n < FIGURES_TRIPS; n++)
            if (ping(h, n) < 0) {
                complain(h);
                goto free_samples;
            }
        samples[i] = (figures_now() - sent) / FIGURES_TRIPS;
    }
    taken = figures_now() - begun;
    figures_latency("xen-virtio-msg, round trip", samples, num_samples);
    figures_rate("xen-virtio-msg, messages, one at a time", 2.0 * count, taken, "messages/s");
    rc = 0;

free_samples:
    free(samples);
    return rc;
}

/* ---- a disk ---- */

struct bus_disk {
    struct load_disk load; /* first, so that one is the other */
    struct xvmsg *h;
    struct xvmsg_blk *blk;
    bool some_done;
    struct slot {
        struct bus_disk *disk;
        unsigned index;
    } slots[LOAD_MAX_DEPTH];
};

static void on_done(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct slot *slot = user;

    (void)blk;
    load_complete(&slot->disk->load, slot->index, status == XVMSG_OK);
    slot->disk->some_done = true;
}

static int submit(struct load_disk *load, unsigned slot, bool write, uint64_t offset,
                  uint32_t length)
{
    struct bus_disk *disk = (struct bus_disk *)load;
    char *buffer = load->buffers[slot];

    disk->slots[slot] = (struct slot){disk, slot};
    return write ? xvmsg_blk_write(disk->blk, offset, buffer, length, on_done, &disk->slots[slot])
                 : xvmsg_blk_read(disk->blk, offset, buffer, length, on_done, &disk->slots[slot]);
}

static int wait_for_one(struct load_disk *load)
{
    struct bus_disk *disk = (struct bus_disk *)load;

    disk->some_done = false;
    return xvmsg_run(disk->h, &disk->some_done, -1);
}

static int divide_memory(struct bus_disk *disk)
{
    size_t size;
    char *memory = xvmsg_blk_memory(disk->blk, &size);

    if (size < LOAD_LONG_BLOCK) {
        fprintf(stderr, "xen-virtio-msg: only %zu bytes of buffer memory\n", size);
        return -1;
    }
    for (unsigned i = 0; i < LOAD_MAX_DEPTH; i++)
        disk->load.buffers[i] = memory + i * LOAD_SHORT_BLOCK;
    return 0;
}

int bus_load_blk(struct xvmsg *h, uint64_t number, const struct load_choice *choice,
                 uint64_t (*hypercalls)(void *user), void *user)
{
    struct bus_disk disk = {
        .load = {.name = "xen-virtio-msg",
                 .submit = submit,
                 .wait = wait_for_one,
                 .hypercalls = hypercalls,
                 .hypercalls_user = user},
        .h = h,
        .blk = xvmsg_blk_open_wait(h, number),
    };
    int rc;

    if (!disk.blk)
        return complain(h);
    disk.load.size = xvmsg_blk_size(disk.blk);
    rc = divide_memory(&disk);
    if (rc == 0)
        rc = load_run(&disk.load, choice);
    xvmsg_blk_close(disk.blk);
    return rc;
}
