/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Rules of a queue, on a disk; and drivers that keep theirs. */

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/address.h"
#include "hostile.h"

static void on_broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)device;
    (void)user;
    finish("device broken",
           status == XVMSG_BUS_CLOSED ? xvmsg_error(h) : xvmsg_status_text(status));
}

static void on_used(struct xvmsg_device *device, unsigned index, void *user)
{
    uint32_t written;

    (void)user;
    if (xvmsg_queue_pop(xvmsg_device_queue(device, index), &written))
        finish("request ended", "used");
}

static void on_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)device;
    *(bool *)user = true;
    if (status != XVMSG_OK)
        give_up("not opened");
}

/* DRIVER_OK has the device look at its queues, at the latest before its second answer. What
 * comes after that it takes when it is told, which is when it has been spoilt. */
static void let_it_look(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct xvmsg_waiter w = {0};

        if (xvmsg_ping(h, i, xvmsg_wake, &w) < 0 || xvmsg_wait(h, &w) < 0)
            give_up("no answer");
    }
}

static struct xvmsg_device *open_device(void)
{
    static const struct xvmsg_driver driver = {
        .device_id = VIRTIO_ID_BLOCK,
        .num_queues = 1,
        .queue_size = 16,
        .buffer_bytes = 65536,
        .used = on_used,
        .broken = on_broken,
    };
    static bool ready;
    struct xvmsg_device *device = xvmsg_device_open(h, number, &driver, on_ready, &ready);

    if (!device || xvmsg_run(h, &ready, PATIENCE_MS) < 0)
        give_up("not opened");
    let_it_look();
    return device;
}

/* A good read request of one sector; `data` may be spoilt. */
static struct xvmsg_queue *push_read(uint64_t data_address)
{
    struct xvmsg_device *device = open_device();
    struct xvmsg_area *area = xvmsg_device_buffers(device);
    uint8_t *memory = xvmsg_area_memory(area);
    struct virtio_blk_outhdr *header = (struct virtio_blk_outhdr *)(void *)memory;
    struct xvmsg_buffer chain[] = {
        {xvmsg_area_address(area, memory), sizeof(*header)},
        {data_address ? data_address : xvmsg_area_address(area, memory + 512), 512},
        {xvmsg_area_address(area, memory + 4096), 1},
    };
    struct xvmsg_queue *queue = xvmsg_device_queue(device, 0);

    *header = (struct virtio_blk_outhdr){.type = VIRTIO_BLK_T_IN};
    if (xvmsg_queue_push(queue, chain, 1, 2, header) < 0)
        exit(1);
    return queue;
}

static void address_outside_area(void)
{
    push_read(address_of_area(1, UINT64_C(1) << 40));
}

static void address_of_no_area(void)
{
    push_read(address_of_area(4711, 0));
}

/* A read into a page that is granted so. */
static void *push_read_into_page(uint32_t domid, bool writable)
{
    struct platform *p = h->platform;
    uint32_t ref;
    void *page = p->ops->grant_share(p, domid, 1, writable, &ref);

    if (!page)
        exit(1);
    push_read(address_of_grant(ref, 0));
    return page;
}

static void reference_never_granted(void)
{
    push_read(address_of_grant(0xffff, 0));
}

static void reference_taken_back(void)
{
    void *page = push_read_into_page(0, true);

    h->platform->ops->grant_unshare(h->platform, page, 1);
}

static void reference_of_another(void)
{
    push_read_into_page(4711, true);
}

static void reference_read_only(void)
{
    push_read_into_page(0, false);
}

/* The rest are of split queues, and of packed ones. */

static void chain_loops(void)
{
    struct xvmsg_queue *queue = push_read(0);
    struct vring_desc *desc = queue->desc_part;

    for (unsigned i = 0; i < queue->size; i++) {
        desc[i].flags = VRING_DESC_F_NEXT;
        desc[i].next = 0;
    }
}

static void head_out_of_range(void)
{
    struct xvmsg_queue *queue = push_read(0);
    struct vring_avail *avail = queue->driver_part;

    for (unsigned i = 0; i < queue->size; i++)
        avail->ring[i] = 0xfff0;
}

static void available_index_jumps(void)
{
    struct vring_avail *avail = push_read(0)->driver_part;

    avail->idx += 1000;
}

static void id_out_of_range(void)
{
    struct vring_packed_desc *ring = push_read(0)->desc_part;

    ring[0].id = 0xfff0;
}

static void chain_without_end(void)
{
    struct xvmsg_queue *queue = push_read(0);
    struct vring_packed_desc *ring = queue->desc_part;

    for (unsigned i = 0; i < queue->size; i++)
        ring[i] = (struct vring_packed_desc){
            .addr = xvmsg_area_address(queue->area, ring),
            .len = 1,
            .flags = VRING_DESC_F_NEXT | 1 << VRING_PACKED_DESC_F_AVAIL};
}

static void chain_in_another_lap(void)
{
    struct vring_packed_desc *ring = push_read(0)->desc_part;

    ring[1] = ring[0];
    ring[1].flags = 1 << VRING_PACKED_DESC_F_USED;
    ring[0].flags = VRING_DESC_F_NEXT | 1 << VRING_PACKED_DESC_F_AVAIL;
}

static void past_the_end(void)
{
    struct xvmsg_queue *queue = push_read(0);
    struct xvmsg_area *area = xvmsg_device_buffers(queue->device);
    uint8_t *memory = xvmsg_area_memory(area);

    ((struct virtio_blk_outhdr *)(void *)memory)->sector = UINT64_C(1) << 54;
    memory[4096] = 0xff;
    xvmsg_flush(h);
    xvmsg_run(h, &finished, PATIENCE_MS);
    printf("status %u\n", memory[4096]);
}

/* ---- not hostile: a driver that holds its disk until it is asked for it ---- */

static struct xvmsg_device *held;

void disk_wanted_back(void)
{
    if (!held)
        return;
    xvmsg_device_close(held);
    held = NULL;
    finish("driver", "asked to release");
}

static void hold(void)
{
    held = open_device();
    fflush(stdout);
}

/* ---- a queue's doorbell and the ring's, without end, until the disk is asked for ---- */

static void flood(void)
{
    held = open_device();
    if (!held->queues[0].bell_bound)
        finish("doorbell", "refused");
    fflush(stdout);
    while (!finished) {
        for (unsigned i = 0; i < 100; i++) {
            doorbell_ring(&held->queues[0]);
            ring_kick();
        }
        xvmsg_process(h);
    }
}

const struct hostile_case hostile_disk_cases[] = {
    {.name = "address-outside-area", .run = address_outside_area},
    {.name = "address-of-no-area", .run = address_of_no_area},
    {.name = "reference-never-granted", .run = reference_never_granted},
    {.name = "reference-taken-back", .run = reference_taken_back},
    {.name = "reference-of-another", .run = reference_of_another},
    {.name = "reference-read-only", .run = reference_read_only},
    {.name = "chain-loops", .run = chain_loops, .layout = XVMSG_QUEUE_SPLIT},
    {.name = "head-out-of-range", .run = head_out_of_range, .layout = XVMSG_QUEUE_SPLIT},
    {.name = "available-index-jumps", .run = available_index_jumps, .layout = XVMSG_QUEUE_SPLIT},
    {.name = "id-out-of-range", .run = id_out_of_range, .layout = XVMSG_QUEUE_PACKED},
    {.name = "chain-without-end", .run = chain_without_end, .layout = XVMSG_QUEUE_PACKED},
    {.name = "chain-in-another-lap", .run = chain_in_another_lap, .layout = XVMSG_QUEUE_PACKED},
    {.name = "past-the-end", .run = past_the_end},
    {.name = "hold", .run = hold, .patient = true},
    {.name = "flood", .run = flood, .doorbells = true},
    {.name = NULL},
};
