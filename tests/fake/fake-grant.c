/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Grants. All shared memory lives in one memory file, so any pages can be
 * mapped next to each other, as the real thing can. Places in the file are
 * never used twice; freed ones become holes.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fake/fake-internal.h"

#define PAGE PLATFORM_PAGE_SIZE

static void drop_share_if_unused(struct fake_xen *fx, struct fake_share *share)
{
    struct fake_share **link = &fx->shares;

    if (share->owner || share->mapped > 0)
        return;
    while (*link != share)
        link = &(*link)->next;
    *link = share->next;
    fallocate(fx->memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, share->offset,
              (off_t)(share->pages * PAGE));
    free(share);
}

static void take_back(struct fake_xen *fx, struct fake_share *share)
{
    munmap(share->start, share->pages * PAGE);
    share->owner = NULL;
    fx->counters.shared_pages -= (unsigned)share->pages;
    fx->counters.unshared_while_mapped += share->mapped;
    drop_share_if_unused(fx, share);
}

void *fake_grant_share(struct platform *p, uint32_t domid, size_t pages, bool writable,
                       uint32_t *refs)
{
    FAKE_ENTER(h, p, NULL);

    struct fake_xen *fx = h->fx;
    int64_t size = (int64_t)(pages * PAGE);

    if (pages == 0 || ftruncate(fx->memory_fd, fx->memory_size + size) < 0) {
        errno = pages == 0 ? EINVAL : ENOMEM;
        return NULL;
    }

    void *start = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fx->memory_fd,
                       fx->memory_size);

    if (start == MAP_FAILED)
        return NULL;

    struct fake_share *share = fake_alloc(sizeof(*share));

    *share = (struct fake_share){
        .next = fx->shares,
        .owner = h,
        .owner_domid = h->domain->domid,
        .target_domid = domid,
        .first_ref = h->domain->next_ref,
        .run = fx->ref_run ? fx->ref_run : (uint32_t)pages,
        .pages = pages,
        .writable = writable,
        .offset = fx->memory_size,
        .start = start,
    };
    for (size_t i = 0; i < pages; i++)
        refs[i] = share->first_ref + (uint32_t)(i + i / share->run);
    h->domain->next_ref = refs[pages - 1] + 1;
    fx->memory_size += size;
    fx->shares = share;
    fx->counters.shared_pages += (unsigned)pages;
    return start;
}

int fake_grant_unshare(struct platform *p, void *start, size_t pages)
{
    FAKE_ENTER(h, p, -1);
    for (struct fake_share *s = h->fx->shares; s; s = s->next)
        if (s->owner == h && s->start == start && s->pages == pages) {
            take_back(h->fx, s);
            return 0;
        }
    errno = EINVAL;
    return -1;
}

/* Which page of the share it is that has this reference; share->pages: none. */
static size_t page_of(const struct fake_share *share, uint32_t ref)
{
    uint32_t distance = ref - share->first_ref;
    size_t page = distance - distance / (share->run + 1);
    bool gap = distance % (share->run + 1) == share->run;

    return ref >= share->first_ref && !gap && page < share->pages ? page : share->pages;
}

/* The share a reference belongs to, if this handle may map it so. */
static struct fake_share *find_share(struct fake_handle *h, uint32_t domid, uint32_t ref,
                                     bool writable)
{
    for (struct fake_share *s = h->fx->shares; s; s = s->next)
        if (s->owner && s->owner_domid == domid && s->target_domid == h->domain->domid &&
            page_of(s, ref) < s->pages && (s->writable || !writable))
            return s;
    return NULL;
}

/* Consecutive pages of one share are one mmap: it is what makes this quick. */
static bool map_pages(struct fake_xen *fx, struct fake_mapping *mapping, const uint32_t *refs,
                      int protection)
{
    for (size_t i = 0, run; i < mapping->pages; i += run) {
        struct fake_share *share = mapping->shares[i];

        for (run = 1; i + run < mapping->pages; run++)
            if (mapping->shares[i + run] != share || refs[i + run] != refs[i] + run)
                break;
        if (mmap((char *)mapping->start + i * PAGE, run * PAGE, protection,
                 MAP_SHARED | MAP_FIXED, fx->memory_fd,
                 share->offset + (off_t)(page_of(share, refs[i]) * PAGE)) == MAP_FAILED)
            return false;
    }
    return true;
}

void *fake_grant_map(struct platform *p, uint32_t domid, const uint32_t *refs, size_t pages,
                     bool writable)
{
    FAKE_ENTER(h, p, NULL);

    struct fake_xen *fx = h->fx;
    struct fake_mapping *mapping =
        fake_alloc(sizeof(*mapping) + pages * sizeof(mapping->shares[0]));
    int error = EINVAL;

    for (size_t i = 0; i < pages; i++) {
        mapping->shares[i] = find_share(h, domid, refs[i], writable);
        if (!mapping->shares[i])
            goto free_mapping;
    }
    mapping->start = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping->start == MAP_FAILED)
        goto free_mapping;
    mapping->owner = h;
    mapping->pages = pages;
    if (!map_pages(fx, mapping, refs, writable ? PROT_READ | PROT_WRITE : PROT_READ)) {
        error = ENOMEM;
        goto unmap;
    }
    for (size_t i = 0; i < pages; i++)
        mapping->shares[i]->mapped++;
    mapping->next = fx->mappings;
    fx->mappings = mapping;
    fx->counters.maps++;
    fx->counters.mapped_pages += (unsigned)pages;
    return mapping->start;

unmap:
    munmap(mapping->start, pages * PAGE);
free_mapping:
    free(mapping);
    errno = error;
    return NULL;
}

static void unmap_link(struct fake_xen *fx, struct fake_mapping **link)
{
    struct fake_mapping *mapping = *link;

    *link = mapping->next;
    munmap(mapping->start, mapping->pages * PAGE);
    fx->counters.mapped_pages -= (unsigned)mapping->pages;
    for (size_t i = 0; i < mapping->pages; i++) {
        struct fake_share *share = mapping->shares[i];

        share->mapped--;
        drop_share_if_unused(fx, share);
    }
    free(mapping);
}

int fake_grant_unmap(struct platform *p, void *start, size_t pages)
{
    FAKE_ENTER(h, p, -1);
    for (struct fake_mapping **m = &h->fx->mappings; *m; m = &(*m)->next)
        if ((*m)->owner == h && (*m)->start == start && (*m)->pages == pages) {
            unmap_link(h->fx, m);
            h->fx->counters.unmaps++;
            return 0;
        }
    errno = EINVAL;
    return -1;
}

/* Bytes of a page that its owner granted, wherever in the file they are. */
static bool copy_one(struct fake_handle *h, uint32_t domid, const struct platform_copy *copy)
{
    struct fake_share *share = find_share(h, domid, copy->ref, copy->to_remote);
    uint8_t *remote;

    if (!share || copy->offset + copy->length > (int)PAGE)
        return false;
    remote = (uint8_t *)share->start + page_of(share, copy->ref) * PAGE + copy->offset;
    if (copy->to_remote)
        memcpy(remote, copy->local, copy->length);
    else
        memcpy(copy->local, remote, copy->length);
    return true;
}

int fake_grant_copy(struct platform *p, uint32_t domid, struct platform_copy *copies,
                    size_t count)
{
    for (size_t i = 0; i < count; i++)
        copies[i].failed = true;

    FAKE_ENTER(h, p, -1);

    h->fx->counters.copies++;
    for (size_t i = 0; i < count; i++)
        copies[i].failed = !copy_one(h, domid, &copies[i]);
    return 0;
}

void fake_grant_release(struct fake_handle *h)
{
    for (struct fake_mapping **m = &h->fx->mappings; *m;)
        if ((*m)->owner == h)
            unmap_link(h->fx, m);
        else
            m = &(*m)->next;
    for (struct fake_share *s = h->fx->shares, *next; s; s = next) {
        next = s->next;
        if (s->owner == h)
            take_back(h->fx, s);
    }
}
