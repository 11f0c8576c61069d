/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A guest that misbehaves, on real Xen: hostile CASE NUMBER connects with the
 * library like a good driver of disk NUMBER, breaks one rule, and prints what
 * became of it: "bus lost: ...", "device broken: ...", or what it was told.
 *
 * Exit status 0 when the backend reacted, 1 when nothing happened for a while.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "frontend/device.h"

#define PATIENCE_MS 20000

static struct xvmsg *h;
static uint64_t number;
static bool finished;

static void finish(const char *what, const char *how)
{
    if (!finished)
        printf("%s: %s\n", what, how);
    finished = true;
}

static void on_lost(struct xvmsg *handle, void *user)
{
    (void)user;
    finish("bus lost", xvmsg_error(handle));
}

static void on_broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)device;
    (void)user;
    finish("device broken", status == XVMSG_BUS_CLOSED ? xvmsg_error(h) : xvmsg_status_text(status));
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
    if (status != XVMSG_OK) {
        fprintf(stderr, "hostile: %s\n", xvmsg_error(h));
        exit(1);
    }
}

/* ---- the ring ---- */

static void kick(void)
{
    h->platform->ops->evtchn_notify(h->platform, (uint32_t)h->bus.port);
}

static void unaligned_index(void)
{
    h->bus.ring.shared->to_backend.prod += 3;
    kick();
}

static void index_out_of_range(void)
{
    h->bus.ring.shared->to_backend.prod = 0xfffffff8u;
    kick();
}

static void consumer_ahead(void)
{
    h->bus.ring.shared->to_frontend.cons = h->bus.ring.shared->to_frontend.prod + 64;
    /* A backend looks at it when it needs room; asking a lot makes it. */
    for (unsigned i = 0; i < 400 && xvmsg_is_connected(h); i++) {
        struct xvmsg_waiter w = {0};

        if (xvmsg_ping(h, i, xvmsg_wake, &w) < 0 || xvmsg_wait(h, &w) < 0)
            break;
    }
}

static void send_raw(uint8_t type, uint8_t id, uint16_t size)
{
    uint8_t message[MSG_WIDE_HEADER] = {type, id};
    struct ring *ring = &h->bus.ring;
    uint32_t at = ring->out.prod % ring->size;

    le16_put(message + 4, sizeof(message));
    le64_put(message + 8, type & MSG_TYPE_BUS ? 0 : number);
    if (!ring_put(ring, message, sizeof(message)))
        exit(1);
    le16_put(ring->out.bytes + at + 4, size);
    ring_publish(ring);
    kick();
}

static void record_too_small(void)
{
    send_raw(0, 2, 3);
}

static void record_too_large(void)
{
    send_raw(0, 2, 60000);
}

/* Not answered, and no harm done: the next request is. */
static void unknown_ids(void)
{
    struct xvmsg_waiter w = {0};

    send_raw(0, 0x3f, MSG_WIDE_HEADER);
    send_raw(0, 0x7f, MSG_WIDE_HEADER);
    send_raw(0, 0x80, MSG_WIDE_HEADER);
    send_raw(MSG_TYPE_BUS, 0x3f, MSG_WIDE_HEADER);
    send_raw(MSG_TYPE_BUS, 0xff, MSG_WIDE_HEADER);
    if (xvmsg_ping(h, 1, xvmsg_wake, &w) == 0 && xvmsg_wait(h, &w) == 0)
        finish("ping", "answered");
}

/* ---- a queue ---- */

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

    if (!device || xvmsg_run(h, &ready, PATIENCE_MS) < 0) {
        fprintf(stderr, "hostile: %s\n", xvmsg_error(h));
        exit(1);
    }
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

/* ---- the ring's header, spoilt just before the backend is told of it ---- */

static struct platform_ops evil_ops;
static const struct platform_ops *good_ops;

static int evil_write(struct platform *p, platform_tx tx, const char *path, const char *value)
{
    const char *name = strrchr(path, '/');

    if (name && !strcmp(name, "/state") && !strcmp(value, "3"))
        ((struct xvmsg_ring_abi *)h->bus.pages)->magic ^= 1;
    return good_ops->xs_write(p, tx, path, value);
}

static void ring_header(void)
{
    good_ops = h->platform->ops;
    evil_ops = *good_ops;
    evil_ops.xs_write = evil_write;
    h->platform->ops = &evil_ops;
}

/* ---- not hostile: a driver that holds its disk until it is asked for it ---- */

static struct xvmsg_device *held;

static void on_device(struct xvmsg *handle, uint64_t which, enum xvmsg_device_event event,
                      void *user)
{
    (void)handle;
    (void)user;
    if (held && which == number && event == XVMSG_DEVICE_REMOVING) {
        xvmsg_device_close(held);
        held = NULL;
        finish("driver", "asked to release");
    }
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
            kick();
        }
        xvmsg_process(h);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
    bool before_connecting;
    enum xvmsg_queue_layout layout;
} cases[] = {
    {"ring-header", ring_header, true, XVMSG_QUEUE_ANY},
    {"unaligned-index", unaligned_index, false, XVMSG_QUEUE_ANY},
    {"index-out-of-range", index_out_of_range, false, XVMSG_QUEUE_ANY},
    {"consumer-ahead", consumer_ahead, false, XVMSG_QUEUE_ANY},
    {"record-too-small", record_too_small, false, XVMSG_QUEUE_ANY},
    {"record-too-large", record_too_large, false, XVMSG_QUEUE_ANY},
    {"unknown-ids", unknown_ids, false, XVMSG_QUEUE_ANY},
    {"address-outside-area", address_outside_area, false, XVMSG_QUEUE_ANY},
    {"address-of-no-area", address_of_no_area, false, XVMSG_QUEUE_ANY},
    {"reference-never-granted", reference_never_granted, false, XVMSG_QUEUE_ANY},
    {"reference-taken-back", reference_taken_back, false, XVMSG_QUEUE_ANY},
    {"reference-of-another", reference_of_another, false, XVMSG_QUEUE_ANY},
    {"reference-read-only", reference_read_only, false, XVMSG_QUEUE_ANY},
    {"chain-loops", chain_loops, false, XVMSG_QUEUE_SPLIT},
    {"head-out-of-range", head_out_of_range, false, XVMSG_QUEUE_SPLIT},
    {"available-index-jumps", available_index_jumps, false, XVMSG_QUEUE_SPLIT},
    {"id-out-of-range", id_out_of_range, false, XVMSG_QUEUE_PACKED},
    {"chain-without-end", chain_without_end, false, XVMSG_QUEUE_PACKED},
    {"chain-in-another-lap", chain_in_another_lap, false, XVMSG_QUEUE_PACKED},
    {"past-the-end", past_the_end, false, XVMSG_QUEUE_ANY},
    {"hold", hold, false, XVMSG_QUEUE_ANY},
    {"flood", flood, false, XVMSG_QUEUE_ANY},
};

static int misbehave(size_t which)
{
    struct xvmsg_handlers handlers = {.disconnected = on_lost, .device = on_device};

    xvmsg_set_handlers(h, &handlers, NULL);
    xvmsg_set_queue_layout(h, cases[which].layout);
    xvmsg_set_queue_doorbells(h, cases[which].run == flood);
    if (cases[which].before_connecting)
        cases[which].run();
    if (xvmsg_connect_wait(h, PATIENCE_MS) < 0 && !finished) {
        fprintf(stderr, "hostile: %s\n", xvmsg_error(h));
        return 1;
    }
    if (!cases[which].before_connecting)
        cases[which].run();
    xvmsg_flush(h);
    /* A driver that holds its disk waits for its administrator. */
    if (!finished && xvmsg_run(h, &finished, cases[which].run == hold ? -1 : PATIENCE_MS) < 0)
        fprintf(stderr, "hostile: %s: nothing happened: %s\n", cases[which].name, xvmsg_error(h));
    return !finished;
}

int main(int argc, char **argv)
{
    const char *why;
    int status = 2;

    for (size_t i = 0; argc == 3 && i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(argv[1], cases[i].name))
            continue;
        number = strtoull(argv[2], NULL, 10);
        h = xvmsg_new(&why);
        if (!h) {
            fprintf(stderr, "hostile: %s\n", why);
            return 1;
        }
        status = misbehave(i);
        xvmsg_free(h);
    }
    if (status == 2)
        fprintf(stderr, "usage: hostile CASE NUMBER\n");
    return status;
}
