/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/queue-guest.h"

#include <stdio.h>

#include "common/address.h"
#include "common/le.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

#define GUEST 3u
#define PAGES (QUEUE_GUEST_BYTES / PLATFORM_PAGE_SIZE)
#define AVAIL_AT 0x400u
#define USED_AT 0x800u

struct queue_guest g;

const struct queue_config queue_guest_config = {
    .size = QUEUE_GUEST_SIZE,
    .desc = (uint64_t)QUEUE_GUEST_AREA << ADDRESS_AREA_SHIFT,
    .driver = ((uint64_t)QUEUE_GUEST_AREA << ADDRESS_AREA_SHIFT) + AVAIL_AT,
    .device = ((uint64_t)QUEUE_GUEST_AREA << ADDRESS_AREA_SHIFT) + USED_AT,
};

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
        .used = on_used, .fault = on_fault, .idle = on_idle, .now = now};

    g = (struct queue_guest){.fx = fake_xen_new()};
    fake_xen_create_domain(g.fx, GUEST, "guest");
    g.dom0 = fake_xen_domain(g.fx, 0);
    g.domu = fake_xen_domain(g.fx, GUEST);
    g.memory = memory_new(g.dom0, GUEST, 64);
    g.area = share(QUEUE_GUEST_AREA, 0);
    share(QUEUE_GUEST_RO_AREA, AREA_F_READ_ONLY);
    g.desc = (struct vring_desc *)(void *)g.area;
    g.avail = (struct vring_avail *)(void *)(g.area + AVAIL_AT);
    g.used = (struct vring_used *)(void *)(g.area + USED_AT);
    g.queue = queue_new(0, QUEUE_GUEST_SIZE, &owner);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g.queue);
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

void queue_guest_describe(unsigned index, uint64_t address, uint32_t length, uint16_t flags,
                          uint16_t next)
{
    g.desc[index] =
        (struct vring_desc){.addr = address, .len = length, .flags = flags, .next = next};
}

uint64_t queue_guest_data(uint64_t offset)
{
    return address_of_area(QUEUE_GUEST_AREA, QUEUE_GUEST_DATA + offset);
}

void queue_guest_offer(uint16_t head)
{
    g.avail->ring[g.avail->idx % QUEUE_GUEST_SIZE] = head;
    g.avail->idx++;
}
