/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Used rings that lie. */

#include <linux/virtio_ids.h>

#include "tests/e2e/wicked.h"

static struct vring_used_elem *entry(struct backend_queue *q, struct vring_used *used)
{
    return &used->ring[q->used_idx % q->set.size];
}

static void jump(struct backend *b, struct backend_queue *q, struct vring_used *used)
{
    (void)b, (void)used;
    q->used_idx = (uint16_t)(q->used_idx + 1000);
}

static void jump_back(struct backend *b, struct backend_queue *q, struct vring_used *used)
{
    (void)b, (void)used;
    q->used_idx = (uint16_t)(q->used_idx - 2);
}

static void id_out_of_range(struct backend *b, struct backend_queue *q, struct vring_used *used)
{
    (void)b;
    entry(q, used)->id = 0xffffffffu;
}

static void id_not_in_use(struct backend *b, struct backend_queue *q, struct vring_used *used)
{
    (void)b;
    entry(q, used)->id = q->set.size - 1;
}

static void huge_length(struct backend *b, struct backend_queue *q, struct vring_used *used)
{
    (void)b;
    entry(q, used)->len = 0xffffffffu;
}

/* Every buffer twice. */
static void twice(struct backend *b, struct backend_queue *q, struct vring_used *used)
{
    struct vring_used_elem e = *entry(q, used);

    (void)b;
    q->used_idx++;
    *entry(q, used) = e;
}

/* All descriptors, once the driver has written them, unless it keeps them from us. */
static void scribble(struct backend *b, struct backend_queue *q, struct vring_used *used)
{
    struct vring_desc *desc = backend_memory(b, q->set.desc_addr, 16u * q->set.size);

    (void)used;
    if (!backend_may_write(b, q->set.desc_addr))
        return;
    for (unsigned i = 0; i < q->set.size; i++)
        desc[i] = (struct vring_desc){UINT64_MAX, 0xffffffffu, 0xffff, 0xffff};
}

static void misuse(struct backend *b,
                   void (*how)(struct backend *, struct backend_queue *, struct vring_used *))
{
    b->misuse = how;
    wicked_show_disk(b, WICKED_QUIET_MS);
    b->misuse = NULL;
}

static void used_index(struct backend *b)
{
    wicked_connect(b);
    misuse(b, jump);
    misuse(b, jump_back);
}

static void used_ids(struct backend *b)
{
    wicked_connect(b);
    misuse(b, id_out_of_range);
    misuse(b, id_not_in_use);
    misuse(b, twice);
}

static void used_lengths(struct backend *b)
{
    wicked_connect(b);
    misuse(b, huge_length);
}

static void descriptors(struct backend *b)
{
    wicked_connect(b);
    misuse(b, scribble);
}

/* Devices are set up, and their requests are never done. */
static void never_used(struct backend *b)
{
    struct backend_device *d;

    wicked_connect(b);
    d = wicked_add(b, "rng", VIRTIO_ID_RNG);
    d->idle = true;
    wicked_quiet(b, WICKED_QUIET_MS);
    wicked_lose(b, d);
    d = wicked_add_disk(b);
    d->idle = true;
    wicked_quiet(b, WICKED_QUIET_MS);
    wicked_lose(b, d);
}

/* As before, and the backend goes away meanwhile. */
static void never_used_and_gone(struct backend *b)
{
    wicked_connect(b);
    wicked_add_disk(b)->idle = true;
    wicked_quiet(b, WICKED_QUIET_MS);
}

const struct attack wicked_queue_attacks[] = {
    {"used-index", "a used index that jumps ahead, and back", used_index},
    {"used-ids", "used ids out of range, not in use, used twice", used_ids},
    {"used-lengths", "used lengths of 2^32 - 1", used_lengths},
    {"descriptors", "descriptors overwritten by the device", descriptors},
    {"never-used", "devices vanish before their first request is done", never_used},
    {"never-used-and-gone", "a backend goes away before the first request is done",
     never_used_and_gone},
    {NULL, NULL, NULL},
};
