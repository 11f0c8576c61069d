/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/grants.h"

#include <linux/virtio_ring.h>
#include <string.h>

#include "common/address.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

struct grant grants_share(uint32_t domid, bool writable)
{
    struct grant grant;
    uint32_t refs[PAGES];

    grant.start = g.domu->ops->grant_share(g.domu, domid, PAGES, writable, refs);
    CU_ASSERT_PTR_NOT_NULL_FATAL(grant.start);
    grant.ref = refs[0];
    return grant;
}

uint64_t grants_at(const struct grant *grant, uint64_t offset)
{
    return ADDRESS_GRANT | ((uint64_t)grant->ref * PAGE + offset);
}

void grants_revoke(const struct grant *grant)
{
    CU_ASSERT_EQUAL(g.domu->ops->grant_unshare(g.domu, grant->start, PAGES), 0);
}

unsigned grants_mapped(void)
{
    return fake_xen_counters(g.fx).mapped_pages;
}

unsigned grants_copies(void)
{
    return (unsigned)fake_xen_counters(g.fx).copies;
}

void grants_ask(unsigned head, const struct grant *grant, uint64_t offset)
{
    queue_guest_describe(head, grants_at(grant, offset), 16, VRING_DESC_F_NEXT,
                         (uint16_t)(head + 1));
    queue_guest_describe(head + 1, grants_at(grant, offset + 16), 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer((uint16_t)head);
}

void grants_ask_indirectly(unsigned head, const struct grant *grant, uint64_t offset)
{
    struct vring_desc *table = (struct vring_desc *)(void *)(grant->start + offset);

    table[0] = (struct vring_desc){grants_at(grant, offset + 32), 16, VRING_DESC_F_NEXT, 1};
    table[1] = (struct vring_desc){grants_at(grant, offset + 48), 16, VRING_DESC_F_WRITE, 0};
    memset(grant->start + offset + 32, (int)head, 32);
    queue_guest_describe(head, grants_at(grant, offset), 32, VRING_DESC_F_INDIRECT, 0);
    queue_guest_offer((uint16_t)head);
}

void grants_answer(struct chain *chain)
{
    uint8_t bytes[16];
    size_t size = iov_take(&chain->out, bytes, sizeof(bytes));

    for (size_t i = 0; i < size; i++)
        bytes[i]++;
    queue_push(g.queue, chain, (uint32_t)iov_fill(&chain->in, bytes, size));
}

struct chain *grants_pop(void)
{
    struct chain *chain = queue_pop(g.queue);

    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    return chain;
}
