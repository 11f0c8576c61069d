/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/queue-device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/packed.h"
#include "common/split.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

struct queue_device dev;
static bool packed;

int queue_device_split(void)
{
    packed = false;
    return 0;
}

int queue_device_packed(void)
{
    packed = true;
    return 0;
}

bool queue_device_is_packed(void)
{
    return packed;
}

/* ---- the driver ---- */

static void on_broken(struct xvmsg_device *d, enum xvmsg_status status, void *user)
{
    (void)user;
    CU_ASSERT_PTR_EQUAL(d, dev.device);
    CU_ASSERT_EQUAL(status, XVMSG_MALFORMED_RESPONSE);
    snprintf(dev.fault_text, sizeof(dev.fault_text), "%s", xvmsg_error(d->h));
    dev.broken++;
}

void queue_device_start(uint64_t features, unsigned size, unsigned tables)
{
    struct xvmsg_device *device = calloc(1, sizeof(*device) + sizeof(device->queues[0]));
    void *memory;

    dev = (struct queue_device){.fx = fake_xen_new(), .device = device};
    fake_xen_create_domain(dev.fx, 5, "guest");
    dev.h = xvmsg_new_on(fake_xen_domain(dev.fx, 5));
    if (!dev.h || !device)
        abort();
    device->h = dev.h;
    device->number = 3;
    device->phase = DEVICE_READY;
    device->features = features | (packed ? FEATURE_RING_PACKED : 0);
    device->driver.broken = on_broken;
    device->events.bits = device->event_bits;
    device->events.num_bits = PENDING_QUEUE(1);
    dev.queue = &device->queues[0];
    dev.queue->device = device;
    dev.rings = queue_bytes(device, size);
    dev.queue->room = dev.rings + tables * QUEUE_DEVICE_TABLE * 16;
    if (posix_memalign(&memory, 64, dev.queue->room) != 0)
        abort();
    dev.memory = memset(memory, 0, dev.queue->room);
    CU_ASSERT_EQUAL_FATAL(queue_set_up(dev.queue, size, memory, QUEUE_DEVICE_ADDRESS), 0);
}

void queue_device_end(void)
{
    pending_drop(&dev.h->bus.events, &dev.device->events);
    queue_tear_down(dev.queue);
    free(dev.memory);
    free(dev.device);
    xvmsg_free(dev.h);
    CU_ASSERT_EQUAL(fake_xen_free(dev.fx), 0);
}

int queue_device_push(unsigned out, unsigned in, void *token)
{
    struct xvmsg_buffer buffers[16];

    for (unsigned i = 0; i < 16; i++)
        buffers[i] = (struct xvmsg_buffer){0x1000 + i, 100 + i};
    return xvmsg_queue_push(dev.queue, buffers, out, in, token);
}

/* ---- chains ---- */

static void add_piece(struct offered *chain, uint64_t address, uint32_t length, uint16_t flags)
{
    CU_ASSERT_FATAL(chain->count < 32);
    chain->pieces[chain->count].address = address;
    chain->pieces[chain->count].length = length;
    chain->pieces[chain->count].writable = flags & VRING_DESC_F_WRITE;
    chain->count++;
}

/* The table, which lies behind the rings. */
static const void *table_of(struct offered *chain, uint64_t address, uint32_t length)
{
    uint64_t offset = address - QUEUE_DEVICE_ADDRESS;

    CU_ASSERT_FATAL(offset >= dev.rings && offset + length <= dev.queue->room);
    chain->table = address;
    return dev.memory + offset;
}

static void read_split(struct offered *chain, const struct vring_desc *table, unsigned index)
{
    for (;; index = table[index].next) {
        const struct vring_desc *d = &table[index];

        chain->slots++;
        if (d->flags & VRING_DESC_F_INDIRECT) {
            CU_ASSERT_EQUAL(d->flags, VRING_DESC_F_INDIRECT);
            read_split(chain, table_of(chain, d->addr, d->len), 0);
            CU_ASSERT_EQUAL(chain->count * sizeof(*d), d->len);
            chain->slots = 1;
            return;
        }
        CU_ASSERT_EQUAL(d->flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE), 0);
        add_piece(chain, d->addr, d->len, d->flags);
        if (!(d->flags & VRING_DESC_F_NEXT))
            return;
    }
}

static bool take_split(struct offered *chain)
{
    const struct vring_avail *avail = dev.queue->driver_part;

    if (avail->idx == (uint16_t)dev.seen)
        return false;
    chain->id = avail->ring[dev.seen++ % dev.queue->size];
    read_split(chain, dev.queue->desc_part, chain->id);
    return true;
}

static void read_packed_table(struct offered *chain, const struct vring_packed_desc *d)
{
    const struct vring_packed_desc *table = table_of(chain, d->addr, d->len);

    for (unsigned i = 0; i < d->len / sizeof(*d); i++) {
        CU_ASSERT_EQUAL(table[i].flags & ~VRING_DESC_F_WRITE, 0);
        add_piece(chain, table[i].addr, table[i].len, table[i].flags);
    }
}

static bool take_packed(struct offered *chain)
{
    const struct vring_packed_desc *ring = dev.queue->desc_part;
    unsigned size = dev.queue->size;
    uint16_t flags;

    do {
        uint32_t place = dev.seen % (2 * size);
        const struct vring_packed_desc *d = &ring[packed_slot(place, size)];

        if (packed_owner(d->flags) != packed_available(place, size)) {
            CU_ASSERT_EQUAL(chain->slots, 0);
            return false;
        }
        flags = (uint16_t)(d->flags ^ packed_available(place, size));
        if (flags & VRING_DESC_F_INDIRECT) {
            CU_ASSERT_EQUAL(flags, VRING_DESC_F_INDIRECT);
            read_packed_table(chain, d);
        } else {
            CU_ASSERT_EQUAL(flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE), 0);
            add_piece(chain, d->addr, d->len, flags);
        }
        chain->id = d->id;
        chain->slots++;
        dev.seen++;
    } while (flags & VRING_DESC_F_NEXT);
    return true;
}

bool queue_device_take(struct offered *chain)
{
    *chain = (struct offered){0};
    if (!(packed ? take_packed(chain) : take_split(chain)))
        return false;
    CU_ASSERT_FATAL(chain->id < dev.queue->size);
    dev.slots[chain->id] = chain->slots;
    return true;
}

static void use_split(uint32_t id, uint32_t length)
{
    struct vring_used *used = dev.queue->device_part;
    struct vring_used_elem *element = &used->ring[used->idx % dev.queue->size];

    *element = (struct vring_used_elem){.id = id, .len = length};
    used->idx = (uint16_t)(used->idx + 1);
}

static void use_packed(uint32_t id, uint32_t length)
{
    uint32_t size = dev.queue->size, place = dev.used % (2 * size);
    struct vring_packed_desc *ring = dev.queue->desc_part;

    ring[packed_slot(place, size)] = (struct vring_packed_desc){
        .id = (uint16_t)id,
        .len = length,
        .flags = packed_used(place, size) | (length ? VRING_DESC_F_WRITE : 0)};
    dev.used += id < 64 ? dev.slots[id] : 1;
}

void queue_device_use(uint32_t id, uint32_t length)
{
    (packed ? use_packed : use_split)(id, length);
}

uint32_t queue_device_serve(uint32_t length)
{
    struct offered chain;

    CU_ASSERT_FATAL(queue_device_take(&chain));
    queue_device_use(chain.id, length);
    return chain.id;
}

/* ---- notifications ---- */

void queue_device_forbid(void)
{
    if (packed)
        *(uint32_t *)dev.queue->device_part =
            VRING_PACKED_EVENT_FLAG_DISABLE << PACKED_EVENT_FLAGS_SHIFT;
    else
        ((struct vring_used *)dev.queue->device_part)->flags = VRING_USED_F_NO_NOTIFY;
}

void queue_device_tell_at(unsigned n)
{
    uint32_t size = dev.queue->size;

    if (packed)
        *(uint32_t *)dev.queue->device_part = packed_event(n % (2 * size), size);
    else
        *split_avail_event(dev.queue->device_part, size) = (uint16_t)n;
}

bool queue_device_asked_for(unsigned n)
{
    const struct vring_avail *avail = dev.queue->driver_part;
    uint32_t size = dev.queue->size;

    if (packed)
        return *(uint32_t *)dev.queue->driver_part == packed_event(n % (2 * size), size);
    return *split_used_event(avail, size) == (uint16_t)n;
}
