/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Areas: pages that the guest shared once. */

#include <stdlib.h>
#include <string.h>

#include "backend/memory-state.h"
#include "common/le.h"

#define REFS_PER_PAGE (PLATFORM_PAGE_SIZE / (uint32_t)sizeof(uint32_t))

/* ---- share ---- */

static enum area_status check_share(const struct memory_maps *maps,
                                    const struct msg_area_share_request *request)
{
    if (!request->area || request->area > XVMSG_AREA_MAX || maps->areas[request->area])
        return AREA_BAD_NUMBER;
    if (request->flags & ~(AREA_F_DIRECTORY | AREA_F_READ_ONLY) || !request->pages)
        return AREA_BAD_REQUEST;
    if (maps->num_areas >= MEMORY_MAX_AREAS ||
        request->pages > maps->max_pages - maps->mapped_pages)
        return AREA_NO_SPACE;

    uint32_t refs_needed = request->pages;
    if (request->flags & AREA_F_DIRECTORY)
        refs_needed = (request->pages + REFS_PER_PAGE - 1) / REFS_PER_PAGE;
    return request->num_refs == refs_needed ? AREA_OK : AREA_BAD_REQUEST;
}

/* Copies the references that one directory page lists; the page is the guest's
 * to change, so it is read once and let go of. */
static bool copy_directory_page(struct memory *memory, uint32_t directory_ref, uint32_t *refs,
                                uint32_t count)
{
    void *page = memory_map(memory, &directory_ref, 1, false);
    uint32_t words[REFS_PER_PAGE];

    if (!page)
        return false;
    memcpy(words, page, sizeof(words));
    memory_unmap(memory, page, 1);
    for (uint32_t i = 0; i < count; i++)
        refs[i] = le32_get(&words[i]);
    return true;
}

static bool collect_refs(struct memory *memory, const struct msg_area_share_request *request,
                         uint32_t *refs)
{
    bool directory = request->flags & AREA_F_DIRECTORY;

    for (uint32_t i = 0; i < request->num_refs; i++) {
        uint32_t ref = le32_get(request->refs.bytes + 4 * (size_t)i);
        uint32_t first = i * REFS_PER_PAGE;
        if (!directory) {
            refs[i] = ref;
            continue;
        }
        uint32_t left = request->pages - first;
        if (!copy_directory_page(memory, ref, refs + first,
                                 left < REFS_PER_PAGE ? left : REFS_PER_PAGE))
            return false;
    }
    return true;
}

enum area_status memory_share(struct memory *memory, const struct msg_area_share_request *request)
{
    struct memory_maps *maps = memory->maps;
    enum area_status status = check_share(maps, request);
    struct area *area;
    uint32_t *refs;

    if (status != AREA_OK)
        return status;
    area = calloc(1, sizeof(*area));
    refs = malloc(request->pages * sizeof(*refs));
    if (!area || !refs) {
        status = AREA_NO_SPACE;
        goto fail;
    }
    area->pages = request->pages;
    area->writable = !(request->flags & AREA_F_READ_ONLY);
    if (collect_refs(memory, request, refs))
        area->start = memory_map(memory, refs, area->pages, area->writable);
    if (!area->start) {
        status = AREA_MAP_FAILED;
        goto fail;
    }
    free(refs);
    maps->areas[request->area] = area;
    maps->num_areas++;
    maps->mapped_pages += area->pages;
    return AREA_OK;

fail:
    free(refs);
    free(area);
    return status;
}

/* ---- take back ---- */

static void drop(struct memory *memory, uint16_t number)
{
    struct memory_maps *maps = memory->maps;
    struct area *area = maps->areas[number];

    memory_unmap(memory, area->start, area->pages);
    maps->mapped_pages -= area->pages;
    maps->num_areas--;
    maps->areas[number] = NULL;
    free(area);
    memory_has_room_in_all(memory);
}

static bool is_pinned(const struct memory_maps *maps, uint16_t number)
{
    const struct memory *view = maps->views;

    while (view && !view->pins[number])
        view = view->next_view;
    return view;
}

enum area_status memory_unshare(struct memory *memory,
                                const struct msg_area_unshare_request *request)
{
    if (!request->area || request->area > XVMSG_AREA_MAX || !memory->maps->areas[request->area])
        return AREA_BAD_NUMBER;
    if (request->flags)
        return AREA_BAD_REQUEST;
    if (is_pinned(memory->maps, request->area))
        return AREA_BUSY;
    drop(memory, request->area);
    return AREA_OK;
}

void memory_area_drop_all(struct memory *memory)
{
    for (uint32_t number = 1; number <= XVMSG_AREA_MAX; number++) {
        if (memory->maps->areas[number])
            drop(memory, (uint16_t)number);
    }
}

/* ---- pin ---- */

void *memory_area_pin(struct memory *memory, uint64_t address, uint64_t length, bool writable)
{
    const struct area *area = memory->maps->areas[address_area(address)];
    uint64_t offset = address_offset(address);
    uint64_t size;

    if (!area || (writable && !area->writable) || !length)
        return NULL;
    size = (uint64_t)area->pages * PLATFORM_PAGE_SIZE;
    if (offset >= size || length > size - offset)
        return NULL;
    memory->pins[address_area(address)]++;
    return area->start + offset;
}

void memory_area_unpin(struct memory *memory, uint64_t address)
{
    memory->pins[address_area(address)]--;
}
