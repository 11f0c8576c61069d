/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The guest's memory from inside: what the files of memory.h share. */
#ifndef XVMSG_MEMORY_STATE_H
#define XVMSG_MEMORY_STATE_H

#include "backend/memory.h"
#include "common/address.h"

/* As many pages as one call to Xen copies at most. */
#define MEMORY_COPIES_AT_ONCE 256u

struct area {
    uint8_t *start;
    uint32_t pages;
    bool writable;
};

/* A part of a queue, mapped by its references. */
struct mapping {
    struct mapping *next;
    uint64_t address;
    void *start;
    uint32_t pages;
};

/* What is mapped, which is the same in all views. */
struct memory_maps {
    struct platform *platform;
    uint32_t domid;
    uint32_t max_pages;
    uint32_t num_areas;
    uint32_t mapped_pages; /* of areas and parts of queues */
    struct area *areas[XVMSG_AREA_MAX + 1]; /* by number; 0 stays NULL */
    struct mapping *mappings;
    struct memory *views;
};

struct memory {
    struct memory_maps *maps;
    struct memory *next_view;
    struct platform *platform; /* copies */
    uint32_t pins[XVMSG_AREA_MAX + 1]; /* in areas, by number */
    uint32_t copied_pages;
    struct memory_waiter *waiters; /* in the order of their places */
    uint64_t places;               /* given so far */
    struct memory_stats stats;
    struct memory_log *log;

    /* What memory_copy_run() is to do, and for whom. */
    uint32_t num_noted;
    struct platform_copy noted[MEMORY_COPIES_AT_ONCE];
    struct memory_copy *noted_for[MEMORY_COPIES_AT_ONCE];
};

/* ---- memory-room.c ---- */

/* The calls to Xen, counted. */
void *memory_map(struct memory *memory, const uint32_t *refs, uint32_t pages, bool writable);
void memory_unmap(struct memory *memory, void *start, uint32_t pages);

/* False: as memory_copy_new() says. */
bool memory_room_to_copy(struct memory *memory, uint64_t pages);

/* There may be room for those who wait, in this view and in all. */
void memory_has_room(struct memory *memory);
void memory_has_room_in_all(struct memory *memory);

/* ---- memory-area.c ---- */

void *memory_area_pin(struct memory *memory, uint64_t address, uint64_t length, bool writable);
void memory_area_unpin(struct memory *memory, uint64_t address);
void memory_area_drop_all(struct memory *memory);

/* ---- memory-grant.c ---- */

/* Pages that `length` bytes at a grant address touch; 0 when it is none, or runs past
 * the last reference there can be. */
uint64_t memory_grant_pages(uint64_t address, uint64_t length);

static inline uint32_t memory_grant_ref(uint64_t address)
{
    return (uint32_t)(address / PLATFORM_PAGE_SIZE);
}

void *memory_grant_pin(struct memory *memory, uint64_t address, uint64_t length, bool writable);
void memory_grant_unpin(struct memory *memory, uint64_t address);

#endif
