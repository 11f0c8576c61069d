/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Parts of queues at grant addresses. */

#include <stdlib.h>

#include "backend/memory-state.h"

uint64_t memory_grant_pages(uint64_t address, uint64_t length)
{
    uint64_t first = (address & ~ADDRESS_GRANT) / PLATFORM_PAGE_SIZE;
    uint64_t offset = address % PLATFORM_PAGE_SIZE;
    uint64_t pages;

    if (!address_is_grant(address) || !length || length > UINT64_MAX / 2)
        return 0;
    pages = (offset + length - 1) / PLATFORM_PAGE_SIZE + 1;
    return first <= UINT32_MAX && pages <= UINT32_MAX - first + 1 ? pages : 0;
}

static struct mapping **find(struct memory_maps *maps, uint64_t address)
{
    struct mapping **link = &maps->mappings;

    while (*link && (*link)->address != address)
        link = &(*link)->next;
    return link;
}

static void *map(struct memory *memory, uint32_t first_ref, uint32_t pages, bool writable)
{
    uint32_t *refs = malloc(pages * sizeof(*refs));
    void *start = NULL;

    for (uint32_t i = 0; refs && i < pages; i++)
        refs[i] = first_ref + i;
    if (refs)
        start = memory_map(memory, refs, pages, writable);
    free(refs);
    return start;
}

/* Always NULL. */
static void *refuse(struct memory *memory, uint64_t address, uint64_t pages, const char *why)
{
    const struct memory_maps *maps = memory->maps;

    if (log_limit_passes(&memory->log->map, maps->platform->ops->now(maps->platform)))
        log_warning("dom %u: %llu pages of a queue from grant reference %u on: %s", maps->domid,
                    (unsigned long long)pages, memory_grant_ref(address), why);
    return NULL;
}

void *memory_grant_pin(struct memory *memory, uint64_t address, uint64_t length, bool writable)
{
    uint64_t pages = memory_grant_pages(address, length);
    struct memory_maps *maps = memory->maps;
    struct mapping *mapping;

    if (!pages)
        return refuse(memory, address, pages, "there are no such references");
    if (*find(maps, address))
        return refuse(memory, address, pages, "a part of a queue is there already");
    if (pages > maps->max_pages - maps->mapped_pages)
        return refuse(memory, address, pages, "more than the guest may have mapped");
    mapping = calloc(1, sizeof(*mapping));
    if (!mapping)
        return NULL;
    mapping->address = address;
    mapping->pages = (uint32_t)pages;
    mapping->start = map(memory, memory_grant_ref(address), mapping->pages, writable);
    if (!mapping->start) {
        free(mapping);
        return refuse(memory, address, pages,
                      writable ? "not granted to us to be written" : "not granted to us");
    }
    mapping->next = maps->mappings;
    maps->mappings = mapping;
    maps->mapped_pages += mapping->pages;
    return (uint8_t *)mapping->start + address % PLATFORM_PAGE_SIZE;
}

void memory_grant_unpin(struct memory *memory, uint64_t address)
{
    struct memory_maps *maps = memory->maps;
    struct mapping **link = find(maps, address);
    struct mapping *mapping = *link;

    *link = mapping->next;
    memory_unmap(memory, mapping->start, mapping->pages);
    maps->mapped_pages -= mapping->pages;
    free(mapping);
    memory_has_room_in_all(memory);
}
