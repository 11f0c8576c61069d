/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <stdlib.h>

#include "common/address.h"
#include "common/le.h"
#include "tests/integration/scripted-bus.h"

static struct backend_area *find_area(struct backend *b, uint64_t address)
{
    for (unsigned i = 0; i < BACKEND_AREAS; i++)
        if (b->areas[i].number && b->areas[i].number == address_area(address))
            return &b->areas[i];
    return NULL;
}

void *backend_memory(struct backend *b, uint64_t address, size_t size)
{
    uint64_t offset = address_offset(address);
    struct backend_area *area = find_area(b, address);
    size_t bytes = area ? area->pages * PLATFORM_PAGE_SIZE : 0;

    return area && size <= bytes && offset <= bytes - size ? area->memory + offset : NULL;
}

bool backend_may_write(struct backend *b, uint64_t address)
{
    struct backend_area *area = find_area(b, address);

    return area && area->writable;
}

static void unmap_area(struct backend *b, struct backend_area *area)
{
    if (area->number)
        BACKEND_CHECK(b->dom0->ops->grant_unmap(b->dom0, area->memory, area->pages) == 0);
    area->number = 0;
}

/* The references that a page lists. False: it is not shared any more. */
static bool read_directory(struct backend *b, uint32_t ref, uint32_t *refs, uint32_t count)
{
    struct platform *p = b->dom0;
    uint8_t *page = p->ops->grant_map(p, b->domid, &ref, 1, false);

    if (!page)
        return false;
    for (uint32_t j = 0; j < count; j++)
        refs[j] = le32_get(page + 4 * j);
    p->ops->grant_unmap(p, page, 1);
    return true;
}

/* A frontend that has gone on to another connection has taken its pages back. An area's status. */
static uint8_t map_area(struct backend *b, struct backend_area *area,
                        const struct msg_area_share_request *m)
{
    struct platform *p = b->dom0;
    uint32_t *refs = calloc(m->pages + 1024, sizeof(*refs));
    bool known = true;

    for (uint32_t i = 0; known && i < m->num_refs; i++) {
        uint32_t ref = le32_get(m->refs.bytes + 4 * i);
        uint32_t left = m->pages > i * 1024 ? m->pages - i * 1024 : 0;

        if (m->flags & AREA_F_DIRECTORY)
            known = read_directory(b, ref, refs + i * 1024, left < 1024 ? left : 1024);
        else
            refs[i] = ref;
    }
    area->writable = !(m->flags & AREA_F_READ_ONLY);
    area->memory = known ? p->ops->grant_map(p, b->domid, refs, m->pages, area->writable) : NULL;
    area->pages = m->pages;
    area->number = area->memory ? m->area : 0;
    free(refs);
    return area->memory ? AREA_OK : AREA_MAP_FAILED;
}

void backend_share_area(struct backend *b, const struct msg *m)
{
    struct msg response = backend_response(m);
    struct backend_area *area = b->areas;

    while (area->number)
        area++;
    response.area_share_response.area = m->area_share_request.area;
    response.area_share_response.status = b->area_answer;
    b->last_area_flags = m->area_share_request.flags;
    if (b->area_answer == AREA_OK)
        response.area_share_response.status = map_area(b, area, &m->area_share_request);
    backend_send(b, &response);
}

static bool area_in_use(const struct backend *b, uint16_t number)
{
    for (unsigned i = 0; i < BACKEND_DEVICES; i++)
        for (unsigned q = 0; q < BACKEND_QUEUES; q++)
            if (b->devices[i].queues[q].enabled &&
                address_area(b->devices[i].queues[q].set.desc_addr) == number)
                return true;
    return false;
}

void backend_unshare_area(struct backend *b, const struct msg *m)
{
    uint16_t number = m->area_unshare_request.area;
    struct msg response = backend_response(m);

    response.area_unshare_response.area = number;
    response.area_unshare_response.status = AREA_BAD_NUMBER;
    for (unsigned i = 0; i < BACKEND_AREAS; i++)
        if (b->areas[i].number && b->areas[i].number == number) {
            bool busy = area_in_use(b, number);

            if (!busy)
                unmap_area(b, &b->areas[i]);
            response.area_unshare_response.status = busy ? AREA_BUSY : AREA_OK;
        }
    backend_send(b, &response);
}

void backend_drop_areas(struct backend *b)
{
    for (unsigned i = 0; i < BACKEND_AREAS; i++)
        unmap_area(b, &b->areas[i]);
}
