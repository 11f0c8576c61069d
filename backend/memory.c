/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/memory-state.h"

#include <stdlib.h>

/* ---- views ---- */

struct memory *memory_view(struct memory *memory, struct platform *platform,
                           struct memory_log *log)
{
    struct memory *view = calloc(1, sizeof(*view));

    if (!view)
        return NULL;
    view->maps = memory->maps;
    view->platform = platform;
    view->log = log;
    view->next_view = view->maps->views;
    view->maps->views = view;
    return view;
}

struct memory *memory_new(struct platform *platform, uint32_t domid, uint32_t max_pages,
                          struct memory_log *log)
{
    struct memory_maps *maps = calloc(1, sizeof(*maps));
    struct memory *memory;

    if (!maps)
        return NULL;
    maps->platform = platform;
    maps->domid = domid;
    maps->max_pages = max_pages;
    memory = memory_view(&(struct memory){.maps = maps}, platform, log);
    if (!memory)
        free(maps);
    return memory;
}

void memory_free(struct memory *memory)
{
    struct memory **link;

    if (!memory)
        return;
    link = &memory->maps->views;
    while (*link != memory)
        link = &(*link)->next_view;
    if (link == &memory->maps->views && !memory->next_view) {
        memory_area_drop_all(memory);
        free(memory->maps);
    } else {
        *link = memory->next_view;
    }
    free(memory);
}

/* ---- pins ---- */

void *memory_pin(struct memory *memory, uint64_t address, uint64_t length, bool writable)
{
    if (address_is_grant(address))
        return memory_grant_pin(memory, address, length, writable);
    return memory_area_pin(memory, address, length, writable);
}

void memory_unpin(struct memory *memory, uint64_t address)
{
    if (address_is_grant(address))
        memory_grant_unpin(memory, address);
    else
        memory_area_unpin(memory, address);
}

void memory_unpin_all(struct memory *memory, const uint64_t *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!address_is_grant(addresses[i]))
            memory_area_unpin(memory, addresses[i]);
    }
}

/* ---- figures ---- */

const struct memory_stats *memory_stats(const struct memory *memory)
{
    return &memory->stats;
}

void memory_stats_add(struct memory_stats *sum, const struct memory_stats *more)
{
    sum->maps += more->maps;
    sum->mapped_pages += more->mapped_pages;
    sum->copies += more->copies;
    sum->copied_bytes += more->copied_bytes;
}
