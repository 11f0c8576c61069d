/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What is mapped and copied counts against one limit; who finds no room waits in line. */

#include <errno.h>

#include "backend/memory-state.h"

/* ---- mappings ---- */

void *memory_map(struct memory *memory, const uint32_t *refs, uint32_t pages, bool writable)
{
    struct platform *platform = memory->maps->platform;
    void *start = platform->ops->grant_map(platform, memory->maps->domid, refs, pages, writable);

    memory->stats.maps++;
    if (start)
        memory->stats.mapped_pages += pages;
    return start;
}

void memory_unmap(struct memory *memory, void *start, uint32_t pages)
{
    struct platform *platform = memory->maps->platform;

    platform->ops->grant_unmap(platform, start, pages);
    memory->stats.mapped_pages -= pages;
}

/* ---- copies ---- */

bool memory_room_to_copy(struct memory *memory, uint64_t pages)
{
    uint32_t left = memory->maps->max_pages - memory->maps->mapped_pages;

    if (pages > left) {
        errno = E2BIG;
        return false;
    }
    if (memory->copied_pages <= left && pages <= left - memory->copied_pages)
        return true;
    if (log_limit_passes(&memory->log->room, memory->platform->ops->now(memory->platform)))
        log_warning("dom %u: a request waits: its %llu pages and the %u of others are more than "
                    "the guest may use at once",
                    memory->maps->domid, (unsigned long long)pages, memory->copied_pages);
    errno = EAGAIN;
    return false;
}

/* ---- who waits ---- */

void memory_has_room(struct memory *memory)
{
    struct memory_waiter *waiter = memory->waiters;

    /* Who finds too little waits once more, and not to be called from here. */
    memory->waiters = NULL;
    while (waiter) {
        struct memory_waiter *next = waiter->next;

        waiter->waits = false;
        waiter->again(waiter);
        waiter = next;
    }
}

void memory_has_room_in_all(struct memory *memory)
{
    for (struct memory *view = memory->maps->views; view; view = view->next_view)
        memory_has_room(view);
}

void memory_wait(struct memory *memory, struct memory_waiter *waiter)
{
    struct memory_waiter **link = &memory->waiters;

    if (waiter->waits)
        return;
    waiter->waits = true;
    if (!waiter->place)
        waiter->place = ++memory->places;
    while (*link && (*link)->place < waiter->place)
        link = &(*link)->next;
    waiter->next = *link;
    *link = waiter;
}

void memory_wait_no_more(struct memory *memory, struct memory_waiter *waiter)
{
    struct memory_waiter **link = &memory->waiters;

    waiter->place = 0;
    if (!waiter->waits)
        return;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    waiter->waits = false;
}
