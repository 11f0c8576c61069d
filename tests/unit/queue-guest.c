/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/queue-guest.h"

#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

#define GUEST 3u
#define PAGES (QUEUE_GUEST_BYTES / PLATFORM_PAGE_SIZE)
#define AVAIL_AT 0x400u
#define USED_AT 0x800u

#define LAPS (2 * QUEUE_GUEST_SIZE)

struct queue_guest g;
static bool packed;

const struct queue_config queue_guest_config = {
    .size = QUEUE_GUEST_SIZE,
    .desc = (uint64_t)QUEUE_GUEST_AREA << ADDRESS_AREA_SHIFT,
    .driver = ((uint64_t)QUEUE_GUEST_AREA << ADDRESS_AREA_SHIFT) + AVAIL_AT,
    .device = ((uint64_t)QUEUE_GUEST_AREA << ADDRESS_AREA_SHIFT) + USED_AT,
};

int queue_guest_split(void)
{
    packed = false;
    return 0;
}

int queue_guest_packed(void)
{
    packed = true;
    return 0;
}

bool queue_guest_is_packed(void)
{
    return packed;
}

/* ---- the owner ---- */

static void on_used(void *user, uint32_t index)
{
    (void)user, (void)index;
    g.told++;
    if (g.on_used)
        g.on_used();
}

static void on_fault(void *user, uint32_t index, const char *why)
{
    (void)user, (void)index;
    g.faults++;
    snprintf(g.fault_text, sizeof(g.fault_text), "%s", why);
}

static void on_idle(void *user, uint32_t index)
{
    (void)user, (void)index;
    g.idle++;
}

static uint64_t now(void *user, bool fresh)
{
    (void)user, (void)fresh;
    return g.now;
}

static void on_attend(void *user, uint32_t index)
{
    (void)user, (void)index;
    g.attended++;
}

/* ---- the memory ---- */

static uint8_t *share(uint16_t number, uint16_t flags)
{
    uint32_t refs[PAGES];
    uint8_t words[4 * PAGES];
    uint8_t *start =
        g.domu->ops->grant_share(g.domu, 0, PAGES, !(flags & AREA_F_READ_ONLY), refs);
    struct msg_area_share_request request = {
        .area = number,
        .flags = flags,
        .pages = PAGES,
        .num_refs = PAGES,
        .refs = {words, sizeof(words)},
    };

    for (unsigned i = 0; i < PAGES; i++)
        le32_put(words + 4 * i, refs[i]);
    CU_ASSERT_EQUAL_FATAL(memory_share(g.memory, &request), AREA_OK);
    return start;
}

void queue_guest_start(void)
{
    static const struct queue_owner owner = {
        .used = on_used,
        .fault = on_fault,
        .idle = on_idle,
        .attend = on_attend,
        .now = now,
    };

    g = (struct queue_guest){.fx = fake_xen_new()};
    fake_xen_create_domain(g.fx, GUEST, "guest");
    g.dom0 = fake_xen_domain(g.fx, 0);
    g.domu = fake_xen_domain(g.fx, GUEST);
    g.memory = memory_new(g.dom0, GUEST, QUEUE_GUEST_MAX_PAGES, &g.memory_log);
    g.area = share(QUEUE_GUEST_AREA, 0);
    share(QUEUE_GUEST_RO_AREA, AREA_F_READ_ONLY);
    g.desc = (struct vring_desc *)(void *)g.area;
    g.avail = (struct vring_avail *)(void *)(g.area + AVAIL_AT);
    g.used = (struct vring_used *)(void *)(g.area + USED_AT);
    g.ring = (struct vring_packed_desc *)(void *)g.area;
    g.driver_event = (uint32_t *)(void *)(g.area + AVAIL_AT);
    g.device_event = (uint32_t *)(void *)(g.area + USED_AT);
    g.queue = queue_new(0, QUEUE_GUEST_SIZE, &owner);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g.queue);
    queue_guest_negotiate(false, false);
    CU_ASSERT_FATAL(queue_enable(g.queue, g.memory, &queue_guest_config));
    queue_begin_batch(g.queue);
}

void queue_guest_end(void)
{
    queue_free(g.queue);
    memory_free(g.memory);
    platform_close(g.domu);
    CU_ASSERT_EQUAL(fake_xen_counters(g.fx).mapped_pages, 0);
    platform_close(g.dom0);
    CU_ASSERT_EQUAL(fake_xen_free(g.fx), 0);
}

void queue_guest_negotiate(bool indirect, bool event_idx)
{
    queue_negotiated(g.queue, (uint64_t)packed << VIRTIO_F_RING_PACKED |
                                  (uint64_t)indirect << VIRTIO_RING_F_INDIRECT_DESC |
                                  (uint64_t)event_idx << VIRTIO_RING_F_EVENT_IDX);
}

void queue_guest_restart(void)
{
    queue_stop(g.queue);
    queue_clear(g.queue);
    memset(g.area, 0, QUEUE_GUEST_DATA);
    g.offered = g.taken = 0;
    CU_ASSERT_FATAL(queue_enable(g.queue, g.memory, &queue_guest_config));
    queue_begin_batch(g.queue);
}

/* ---- chains ---- */

void queue_guest_describe(unsigned index, uint64_t address, uint32_t length, uint16_t flags,
                          uint16_t next)
{
    g.described[index] =
        (struct vring_desc){.addr = address, .len = length, .flags = flags, .next = next};
    if (!packed)
        g.desc[index] = g.described[index];
}

void queue_guest_describe_in(uint64_t offset, unsigned index, uint64_t address, uint32_t length,
                             uint16_t flags, uint16_t next)
{
    const struct vring_desc entry = {
        .addr = address, .len = length, .flags = flags, .next = next};
    const struct vring_packed_desc packed_entry = {
        .addr = address, .len = length, .flags = flags, .id = next};
    uint8_t *at = g.area + offset + index * sizeof(entry);

    if (packed)
        memcpy(at, &packed_entry, sizeof(packed_entry));
    else
        memcpy(at, &entry, sizeof(entry));
}

uint64_t queue_guest_data(uint64_t offset)
{
    return address_of_area(QUEUE_GUEST_AREA, QUEUE_GUEST_DATA + offset);
}

static void offer_packed(uint16_t head)
{
    const struct vring_desc *d = &g.described[head];

    for (g.slots[head] = 1;; d = &g.described[d->next], g.slots[head]++) {
        uint32_t place = g.offered % LAPS;

        g.ring[packed_slot(place, QUEUE_GUEST_SIZE)] = (struct vring_packed_desc){
            .addr = d->addr,
            .len = d->len,
            .id = head,
            .flags = d->flags | packed_available(place, QUEUE_GUEST_SIZE)};
        g.offered++;
        if (!(d->flags & VRING_DESC_F_NEXT))
            return;
    }
}

void queue_guest_offer(uint16_t head)
{
    if (packed) {
        offer_packed(head);
        return;
    }
    g.avail->ring[g.avail->idx % QUEUE_GUEST_SIZE] = head;
    g.avail->idx++;
}

static bool take_packed(uint32_t *id, uint32_t *length)
{
    uint32_t place = g.taken % LAPS;
    const struct vring_packed_desc *used = &g.ring[packed_slot(place, QUEUE_GUEST_SIZE)];

    if (packed_owner(used->flags) != packed_used(place, QUEUE_GUEST_SIZE))
        return false;
    *id = used->id;
    *length = used->flags & VRING_DESC_F_WRITE ? used->len : 0;
    g.taken += g.slots[*id];
    return true;
}

bool queue_guest_take(uint32_t *id, uint32_t *length)
{
    const struct vring_used_elem *used = &g.used->ring[g.taken % QUEUE_GUEST_SIZE];

    if (packed)
        return take_packed(id, length);
    if (g.used->idx == (uint16_t)g.taken)
        return false;
    *id = used->id;
    *length = used->len;
    g.taken++;
    return true;
}

/* ---- faults ---- */

static void expect_fault(const struct queue_guest_hostile *hostile)
{
    struct msg_area_unshare_request unshare = {.area = QUEUE_GUEST_AREA};

    hostile->write();
    if (queue_pop(g.queue) || g.faults != 1 || !strstr(g.fault_text, hostile->named))
        CU_FAIL(hostile->what);
    /* Said once, and nothing goes on. */
    queue_guest_describe(7, queue_guest_data(0), 1, 0, 0);
    queue_guest_offer(7);
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.faults, 1);
    queue_stop(g.queue);
    CU_ASSERT(queue_idle(g.queue));
    queue_clear(g.queue);
    CU_ASSERT_EQUAL(memory_unshare(g.memory, &unshare), AREA_OK);
}

void queue_guest_expect_faults(const struct queue_guest_hostile *list, size_t count,
                               bool indirect, bool event_idx)
{
    for (size_t i = 0; i < count; i++) {
        queue_guest_start();
        queue_guest_negotiate(indirect, event_idx);
        expect_fault(&list[i]);
        queue_guest_end();
    }
}

/* ---- notifications ---- */

void queue_guest_forbid(void)
{
    if (packed)
        *g.driver_event = VRING_PACKED_EVENT_FLAG_DISABLE << PACKED_EVENT_FLAGS_SHIFT;
    else
        g.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

void queue_guest_tell_at(unsigned n)
{
    if (packed)
        *g.driver_event = packed_event(n % LAPS, QUEUE_GUEST_SIZE);
    else
        *split_used_event(g.avail, QUEUE_GUEST_SIZE) = (uint16_t)n;
}

bool queue_guest_asked_for(unsigned n)
{
    if (packed)
        return *g.device_event == packed_event(n % LAPS, QUEUE_GUEST_SIZE);
    return *split_avail_event(g.used, QUEUE_GUEST_SIZE) == (uint16_t)n;
}
