/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Chains past the library's checks. A queue has one of them, or several whose fate is
 * the same; of the library's own bookkeeping its two places in the ring are used. */

#include "common/address.h"
#include "common/barrier.h"
#include "common/packed.h"
#include "common/split.h"
#include "hostile.h"

static struct xvmsg_queue *awaited;
static unsigned awaited_count;
static uint32_t back_written;
static enum outcome outcome;
static bool settled;
static bool broke;

uint8_t *chain_memory(const struct xvmsg_device *device)
{
    return xvmsg_area_memory(xvmsg_device_buffers(device));
}

static uint64_t address_of(const struct xvmsg_device *device, const struct piece *piece)
{
    if (piece->at >> ADDRESS_AREA_SHIFT)
        return piece->at;
    return xvmsg_area_address(xvmsg_device_buffers(device), chain_memory(device) + piece->at);
}

static bool is_packed(const struct xvmsg_queue *queue)
{
    return queue->device->features & FEATURE_RING_PACKED;
}

/* ---- laying ---- */

static struct vring_desc describe(const struct xvmsg_device *device, const struct piece *pieces,
                                  unsigned count, unsigned i)
{
    bool last = i + 1 == count;

    return (struct vring_desc){
        .addr = address_of(device, &pieces[i]),
        .len = pieces[i].length,
        .flags = (uint16_t)(pieces[i].flags | (last ? 0 : VRING_DESC_F_NEXT)),
    };
}

static void lay_split(struct xvmsg_queue *queue, const struct piece *pieces, unsigned count)
{
    struct vring_avail *avail = queue->driver_part;
    struct vring_desc *table = queue->desc_part;
    unsigned head = queue->next_avail * count % queue->size;

    for (unsigned i = 0; i < count; i++) {
        struct vring_desc *desc = &table[(head + i) % queue->size];

        *desc = describe(queue->device, pieces, count, i);
        desc->next = (uint16_t)((head + i + 1) % queue->size);
    }
    avail->ring[queue->next_avail % queue->size] = (uint16_t)head;
    queue->next_avail = (uint16_t)(queue->next_avail + 1);
    shared_store16_release(&avail->idx, (uint16_t)queue->next_avail);
}

static void lay_packed(struct xvmsg_queue *queue, const struct piece *pieces, unsigned count)
{
    struct vring_packed_desc *ring = queue->desc_part;
    uint32_t first = queue->next_avail;

    /* From the last to the first: none is seen before the others are there. */
    for (unsigned i = count; i-- > 0;) {
        uint32_t place = packed_advance(first, i, queue->size);
        struct vring_packed_desc *slot = &ring[packed_slot(place, queue->size)];
        struct vring_desc desc = describe(queue->device, pieces, count, i);

        slot->addr = desc.addr;
        slot->len = desc.len;
        slot->id = (uint16_t)packed_slot(first, queue->size);
        shared_store16_release(&slot->flags,
                               (uint16_t)(desc.flags | packed_available(place, queue->size)));
    }
    queue->next_avail = packed_advance(first, count, queue->size);
}

void chain_lay(struct xvmsg_queue *queue, const struct piece *pieces, unsigned count)
{
    if (is_packed(queue))
        lay_packed(queue, pieces, count);
    else
        lay_split(queue, pieces, count);
}

void chain_table(struct xvmsg_device *device, uint32_t at, const struct piece *pieces,
                 unsigned count)
{
    struct vring_desc *table = (struct vring_desc *)(void *)(chain_memory(device) + at);

    for (unsigned i = 0; i < count; i++) {
        struct vring_desc desc = describe(device, pieces, count, i);

        if (device->features & FEATURE_RING_PACKED)
            /* Where a packed one has the id and the flags. */
            desc.next = desc.flags & (uint16_t)~VRING_DESC_F_NEXT, desc.flags = 0;
        else
            desc.next = (uint16_t)(i + 1);
        table[i] = desc;
    }
}

/* ---- and taking ---- */

static bool back_split(struct xvmsg_queue *queue, uint32_t *written)
{
    const struct vring_used *used = queue->device_part;
    struct vring_avail *avail = queue->driver_part;

    if (shared_load16_acquire(&used->idx) == (uint16_t)queue->next_used)
        return false;
    *written = used->ring[queue->next_used % queue->size].len;
    queue->next_used = (uint16_t)(queue->next_used + 1);
    shared_store16(split_used_event(avail, queue->size), (uint16_t)queue->next_used);
    return true;
}

static bool back_packed(struct xvmsg_queue *queue, unsigned count, uint32_t *written)
{
    const struct vring_packed_desc *ring = queue->desc_part;
    const struct vring_packed_desc *slot = &ring[packed_slot(queue->next_used, queue->size)];
    uint16_t flags = shared_load16_acquire(&slot->flags);

    if (packed_owner(flags) != packed_used(queue->next_used, queue->size))
        return false;
    *written = slot->len;
    queue->next_used = packed_advance(queue->next_used, count, queue->size);
    shared_store32(queue->driver_part, packed_event(queue->next_used, queue->size));
    return true;
}

bool chain_back(struct xvmsg_queue *queue, unsigned count, uint32_t *written)
{
    return is_packed(queue) ? back_packed(queue, count, written) : back_split(queue, written);
}

/* ---- waiting ---- */

static void settle(enum outcome what)
{
    outcome = what;
    settled = true;
}

static void look(void)
{
    if (awaited && !settled && chain_back(awaited, awaited_count, &back_written))
        settle(USED);
}

void chain_used(struct xvmsg_device *device, unsigned index, void *user)
{
    (void)user;
    if (awaited && awaited->device == device && awaited->index == index)
        look();
}

void chain_broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)device;
    (void)user;
    broke = status == XVMSG_NEEDS_RESET;
    settle(broke ? BROKEN : NOTHING);
}

void chain_begin(void)
{
    broke = false;
}

bool chain_broke(void)
{
    return broke;
}

enum outcome chain_await(struct xvmsg_device *device, unsigned queue, unsigned count)
{
    awaited = xvmsg_device_queue(device, queue);
    awaited_count = count;
    settled = broke;
    outcome = broke ? BROKEN : NOTHING;
    ring_tell(queue);
    look();
    xvmsg_run(h, &settled, PATIENCE_MS);
    awaited = NULL;
    return outcome;
}

enum outcome chain_offer(struct xvmsg_device *device, unsigned queue, const struct piece *pieces,
                         unsigned count)
{
    chain_lay(xvmsg_device_queue(device, queue), pieces, count);
    return chain_await(device, queue, count);
}

uint32_t chain_written(void)
{
    return back_written;
}
