/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * What a driver made available, read in the device's place. Rings and indirect tables may be in
 * memory that the backend writes to: their entries are loaded once and checked.
 */

#include <linux/virtio_ring.h>

#include "internal.h"

void chain_begin(struct chain *chain, struct pool *pool, const struct vring *ring, u32 head)
{
    *chain = (struct chain){.pool = pool, .table = ring->desc, .count = ring->num, .next = head,
                            .left = ring->num};
}

/* A table in a table is none. */
static void enter(struct chain *chain, const struct vring_desc *part)
{
    bool nested = chain->entered;

    chain->entered = true;
    chain->table = nested ? NULL : pool_bytes(chain->pool, part->addr, part->len);
    chain->count = chain->table ? part->len / sizeof(*part) : 0;
    chain->left = chain->count;
    chain->next = 0;
}

bool chain_next(struct chain *chain, struct vring_desc *part)
{
    while (chain->left && chain->next < chain->count) {
        const struct vring_desc *at = &chain->table[chain->next];

        *part = (struct vring_desc){.addr = READ_ONCE(at->addr), .len = READ_ONCE(at->len),
                                    .flags = READ_ONCE(at->flags), .next = READ_ONCE(at->next)};
        if (part->flags & VRING_DESC_F_INDIRECT) {
            enter(chain, part);
            continue;
        }
        chain->left = part->flags & VRING_DESC_F_NEXT ? chain->left - 1 : 0;
        chain->next = part->next;
        return true;
    }
    return false;
}

u8 *chain_status(struct pool *pool, const struct vring *ring, u32 head)
{
    struct vring_desc part;
    struct chain chain;
    u8 *last = NULL;

    chain_begin(&chain, pool, ring, head);
    while (chain_next(&chain, &part))
        if (part.flags & VRING_DESC_F_WRITE && part.len)
            last = pool_bytes(pool, part.addr + part.len - 1, 1);
    return last;
}
