/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Buffers at grant addresses: memory of ours, copied from and to the guest's. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/memory-state.h"

/* One of the pieces. Others change theirs, so this is its place and size as it was. */
struct piece {
    uint8_t *start;
    uint64_t address;
    uint64_t length;
};

struct memory_copy {
    struct memory *memory;
    uint8_t *block;
    uint32_t pages; /* that it counts for */
    bool failed;
    uint32_t failed_ref;
    uint32_t num_out;
    uint32_t count;
    struct piece pieces[];
};

bool memory_copied(uint64_t address, uint64_t length)
{
    return memory_grant_pages(address, length) > 0;
}

/* ---- size ---- */

/* The first place from `at` on that is as far into a page as the guest's. */
static uint64_t align_as(uint64_t at, uint64_t address)
{
    uint64_t behind = (address - at) % PLATFORM_PAGE_SIZE;

    return at + behind;
}

static uint64_t pages_needed(const struct iovec *pieces, const uint64_t *addresses, uint32_t count)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (address_is_grant(addresses[i]))
            at = align_as(at, addresses[i]) + pieces[i].iov_len;
    }
    return (at + PLATFORM_PAGE_SIZE - 1) / PLATFORM_PAGE_SIZE;
}

/* ---- a copy ---- */

static void place(struct memory_copy *copy, struct iovec *pieces, const uint64_t *addresses)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < copy->count; i++) {
        struct piece *piece = &copy->pieces[i];

        piece->length = pieces[i].iov_len;
        if (!address_is_grant(addresses[i]))
            continue;
        at = align_as(at, addresses[i]);
        piece->address = addresses[i];
        piece->start = copy->block + at;
        pieces[i].iov_base = piece->start;
        if (i >= copy->num_out)
            memset(piece->start, 0, piece->length);
        at += piece->length;
    }
}

static struct memory_copy *make(struct memory *memory, struct iovec *pieces,
                                const uint64_t *addresses, uint32_t num_out, uint32_t count,
                                uint64_t pages)
{
    struct memory_copy *copy = calloc(1, sizeof(*copy) + count * sizeof(copy->pieces[0]));

    if (!copy)
        return NULL;
    copy->block = aligned_alloc(PLATFORM_PAGE_SIZE, pages * PLATFORM_PAGE_SIZE);
    if (!copy->block) {
        free(copy);
        errno = ENOMEM;
        return NULL;
    }
    copy->memory = memory;
    copy->num_out = num_out;
    copy->count = count;
    place(copy, pieces, addresses);
    return copy;
}

struct memory_copy *memory_copy_new(struct memory *memory, struct iovec *pieces,
                                    const uint64_t *addresses, uint32_t num_out, uint32_t count)
{
    uint64_t pages = pages_needed(pieces, addresses, count);
    struct memory_copy *copy = NULL;

    if (memory_room_to_copy(memory, pages))
        copy = make(memory, pieces, addresses, num_out, count, pages);
    if (!copy)
        return NULL;
    copy->pages = (uint32_t)pages;
    memory->copied_pages += copy->pages;
    return copy;
}

/* Not counted: a queue that waits for room with some of these in its hands would wait
 * for itself. */
struct memory_copy *memory_copy_table(struct memory *memory, struct iovec *piece,
                                      uint64_t address)
{
    return make(memory, piece, &address, 1, 1, pages_needed(piece, &address, 1));
}

static void forget_noted(struct memory *memory, const struct memory_copy *copy)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < memory->num_noted; i++) {
        if (memory->noted_for[i] == copy)
            continue;
        memory->noted[kept] = memory->noted[i];
        memory->noted_for[kept++] = memory->noted_for[i];
    }
    memory->num_noted = kept;
}

void memory_copy_free(struct memory_copy *copy)
{
    if (!copy)
        return;

    struct memory *memory = copy->memory;
    bool counted = copy->pages;

    forget_noted(memory, copy);
    memory->copied_pages -= copy->pages;
    free(copy->block);
    free(copy);
    if (counted)
        memory_has_room(memory);
}

/* ---- copying ---- */

/* Notes `length` bytes of a piece, page by page. */
static void note(struct memory_copy *copy, const struct piece *piece, uint64_t length,
                 bool to_remote)
{
    struct memory *memory = copy->memory;

    for (uint64_t done = 0, part; done < length; done += part) {
        uint64_t address = piece->address + done;
        uint64_t left = PLATFORM_PAGE_SIZE - address % PLATFORM_PAGE_SIZE;

        part = left < length - done ? left : length - done;
        if (memory->num_noted == MEMORY_COPIES_AT_ONCE)
            memory_copy_run(memory);
        memory->noted_for[memory->num_noted] = copy;
        memory->noted[memory->num_noted++] = (struct platform_copy){
            .local = piece->start + done,
            .ref = memory_grant_ref(address),
            .offset = (uint16_t)(address % PLATFORM_PAGE_SIZE),
            .length = (uint16_t)part,
            .to_remote = to_remote,
        };
    }
}

bool memory_copy_in(struct memory_copy *copy)
{
    bool any = false;

    for (uint32_t i = 0; i < copy->num_out; i++) {
        if (!copy->pieces[i].start)
            continue;
        note(copy, &copy->pieces[i], copy->pieces[i].length, false);
        any = true;
    }
    return any;
}

bool memory_copy_out(struct memory_copy *copy, uint64_t written)
{
    bool any = false;

    for (uint32_t i = copy->num_out; i < copy->count && written; i++) {
        const struct piece *piece = &copy->pieces[i];
        uint64_t part = piece->length < written ? piece->length : written;

        written -= part;
        if (!piece->start)
            continue;
        note(copy, piece, part, true);
        any = true;
    }
    return any;
}

void memory_copy_run(struct memory *memory)
{
    uint32_t count = memory->num_noted;

    if (!count)
        return;
    memory->num_noted = 0;
    memory->stats.copies++;
    memory->platform->ops->grant_copy(memory->platform, memory->maps->domid, memory->noted,
                                       count);
    for (uint32_t i = 0; i < count; i++) {
        struct memory_copy *copy = memory->noted_for[i];

        memory->stats.copied_bytes += memory->noted[i].length;
        if (!memory->noted[i].failed || copy->failed)
            continue;
        copy->failed = true;
        copy->failed_ref = memory->noted[i].ref;
    }
}

bool memory_copy_failed(const struct memory_copy *copy, uint32_t *ref)
{
    *ref = copy->failed_ref;
    return copy->failed;
}
