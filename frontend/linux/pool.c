/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * DMA through memory that is shared with the backend once, as areas.
 *
 * The memory stays the guest's own over connections, queues with it: what ends is the
 * sharing, which pool_share() begins anew with the same numbers of areas.
 *
 * Queues lie in areas of their own, of which the backend may write the used rings alone: what
 * virtio_ring has written into its descriptors it believes when it reads it again.
 *
 * What a driver maps is copied into the pool and out of it. That costs a copy, which is cheap,
 * and saves a grant, its end and the backend's copy or mapping for each request, which are not;
 * and no page of anybody else's is ever in the backend's hands. A driver that finds the pool
 * full tries again later, as with any IOMMU.
 *
 * A DMA address is an area address of the binding.
 */

#include <linux/dma-map-ops.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <xen/xen.h>
#include <xen/page.h>

#include "common/le.h"
#include "internal.h"

#define AREA_PAGES 512u /* 2 MiB; its references fill half a directory page */
#define AREA_SIZE (AREA_PAGES * PAGE_SIZE)
#define SLOT_SHIFT 9 /* a pool hands out multiples of 512 bytes */
#define RING_PAGES 4u /* a queue's, */
#define USED_PAGE (QUEUE_ALIGN / PAGE_SIZE) /* of which the device writes from this one on */
#define USED_PAGES (RING_PAGES - USED_PAGE)
#define AREA_QUEUES 64u
#define RINGS_SIZE (AREA_QUEUES * RING_PAGES * PAGE_SIZE)
#define MAX_MAPPING (256u * 1024u)

static unsigned pool_mib = 8;
module_param(pool_mib, uint, 0444);
MODULE_PARM_DESC(pool_mib, "MiB of memory shared with the backend of each bus (2 to 64; 8)");

enum area_kind {
    AREA_BUFFERS, /* the device reads and writes */
    AREA_RINGS,   /* queues; it reads */
    AREA_USED,    /* the used rings of the same queues, the next number; it writes */
};

struct area {
    enum area_kind kind;
    void *memory;
    void *start; /* in it: page-aligned, for queues QUEUE_ALIGN */
    unsigned pages;
    unsigned granted;
    grant_ref_t refs[AREA_PAGES];
    void *buffers[]; /* where the bytes of each mapped slot belong */
};

/* ---- sharing ---- */

static struct page *page_of(const struct area *area, unsigned i)
{
    if (area->kind == AREA_USED)
        i = i / USED_PAGES * RING_PAGES + USED_PAGE + i % USED_PAGES;
    return vmalloc_to_page(area->start + i * PAGE_SIZE);
}

static int grant_pages(struct area *area, domid_t domid)
{
    while (area->granted < area->pages) {
        int ref = gnttab_grant_foreign_access(domid, xen_page_to_gfn(page_of(area, area->granted)),
                                              area->kind == AREA_RINGS);

        if (ref < 0)
            return ref;
        area->refs[area->granted++] = ref;
    }
    return 0;
}

/* A page that the backend still has mapped is kept by Xen's driver until it lets go. */
static void revoke(struct area *area)
{
    while (area->granted) {
        struct page *page = page_of(area, --area->granted);

        get_page(page);
        gnttab_end_foreign_access(area->refs[area->granted], page);
    }
}

static void free_area(struct area *area)
{
    revoke(area);
    if (area->kind != AREA_USED)
        vfree(area->memory);
    kvfree(area);
}

static int send_share(struct bus *bus, const struct area *area, unsigned number,
                      grant_ref_t directory)
{
    struct waiter *waiter = kmalloc(sizeof(*waiter), GFP_KERNEL);
    u8 refs[4];
    struct msg response, request = {
        .kind = MSG_area_share_request,
        .area_share_request = {.area = number, .pages = area->pages, .num_refs = 1,
                               .flags = AREA_F_DIRECTORY |
                                        (area->kind == AREA_RINGS ? AREA_F_READ_ONLY : 0),
                               .refs = {.bytes = refs, .size = sizeof(refs)}}};
    int rc;

    if (!waiter)
        return -ENOMEM;
    le32_put(refs, directory);
    rc = channel_request(&bus->channel, &request, MSG_area_share_response, waiter, &response);
    kfree(waiter);
    if (rc)
        return rc;
    if (response.area_share_response.status == AREA_NO_SPACE)
        return -ENOSPC;
    return response.area_share_response.status ? -EIO : 0;
}

/* Tells the backend of the area, by a page that lists its references. */
static int share_area(struct bus *bus, struct area *area, unsigned number)
{
    __le32 *list = (__le32 *)get_zeroed_page(GFP_KERNEL);
    int ref, rc;

    if (!list)
        return -ENOMEM;
    for (unsigned i = 0; i < area->pages; i++)
        list[i] = cpu_to_le32(area->refs[i]);
    ref = gnttab_grant_foreign_access(bus->xbdev->otherend_id, xen_page_to_gfn(virt_to_page(list)),
                                      1);
    rc = ref < 0 ? ref : send_share(bus, area, number, ref);
    if (ref < 0)
        free_page((unsigned long)list);
    else
        gnttab_end_foreign_access(ref, virt_to_page(list));
    return rc;
}

static int grant_and_share(struct bus *bus, struct area *area, unsigned number)
{
    int rc = grant_pages(area, bus->xbdev->otherend_id);

    return rc ? rc : share_area(bus, area, number);
}

/* The next one. Takes `memory`, whatever becomes of it; NULL: there was none. */
static int add_area(struct bus *bus, enum area_kind kind, void *memory, unsigned pages)
{
    struct pool *pool = &bus->pool;
    size_t slots = kind == AREA_BUFFERS ? AREA_SIZE >> SLOT_SHIFT : 0;
    struct area *area = NULL;
    int rc;

    if (memory && pool->num_areas < POOL_MAX_AREAS)
        area = kvzalloc(struct_size(area, buffers, slots), GFP_KERNEL);
    if (!area) {
        if (kind != AREA_USED)
            vfree(memory);
        return -ENOMEM;
    }
    area->kind = kind;
    area->memory = memory;
    area->start = kind == AREA_BUFFERS ? memory : PTR_ALIGN(memory, QUEUE_ALIGN);
    area->pages = pages;
    rc = grant_and_share(bus, area, pool->num_areas + 1);
    if (rc)
        free_area(area);
    else
        pool->areas[pool->num_areas++] = area;
    return rc;
}

static void drop_last(struct pool *pool)
{
    free_area(pool->areas[--pool->num_areas]);
}

static int add_buffers(struct bus *bus)
{
    struct pool *pool = &bus->pool;
    int rc = add_area(bus, AREA_BUFFERS, vzalloc(AREA_SIZE), AREA_PAGES);

    if (rc)
        return rc;
    rc = gen_pool_add_virt(pool->gen, (unsigned long)pool->areas[pool->num_areas - 1]->start,
                           address_of_area(pool->num_areas, 0), AREA_SIZE, -1);
    if (rc)
        drop_last(pool);
    return rc;
}

static int add_rings(struct bus *bus)
{
    struct pool *pool = &bus->pool;
    void *memory = vzalloc(RINGS_SIZE + QUEUE_ALIGN);
    unsigned number = pool->num_areas + 1;
    int rc = add_area(bus, AREA_RINGS, memory, AREA_QUEUES * RING_PAGES);

    if (rc)
        return rc;
    rc = add_area(bus, AREA_USED, memory, AREA_QUEUES * USED_PAGES);
    if (rc)
        goto fail;
    rc = gen_pool_add_virt(pool->rings, (unsigned long)pool->areas[number - 1]->start,
                           address_of_area(number, 0), RINGS_SIZE, -1);
    if (!rc)
        return 0;
    drop_last(pool);

fail:
    drop_last(pool);
    return rc;
}

static int share_again(struct bus *bus)
{
    struct pool *pool = &bus->pool;
    int rc = 0;

    for (unsigned i = 0; !rc && i < pool->num_areas; i++)
        rc = grant_and_share(bus, pool->areas[i], i + 1);
    return rc;
}

/* Drivers may let go of a device without having had all buffers back; virtio_rng does. */
static void forget_mappings(struct gen_pool *gen, struct gen_pool_chunk *chunk, void *data)
{
    bitmap_zero(chunk->bits, (chunk->end_addr - chunk->start_addr + 1) >> gen->min_alloc_order);
}

static void destroy(struct gen_pool **gen)
{
    if (!*gen)
        return;
    gen_pool_for_each_chunk(*gen, forget_mappings, NULL);
    gen_pool_destroy(*gen);
    *gen = NULL;
}

/* A queue's two areas, the later one first. */
static void close(struct pool *pool)
{
    destroy(&pool->gen);
    destroy(&pool->rings);
    while (pool->num_areas)
        drop_last(pool);
}

/* As much as the backend takes. -ENODEV: it has gone meanwhile. */
static int share_first(struct bus *bus)
{
    struct pool *pool = &bus->pool;
    unsigned wanted = clamp(pool_mib, 2u, 64u) * 1024u * 1024u / AREA_SIZE, have = 0;
    int rc;

    pool->gen = gen_pool_create(SLOT_SHIFT, -1);
    pool->rings = gen_pool_create(PAGE_SHIFT + ilog2(RING_PAGES), -1);
    if (!pool->gen || !pool->rings)
        return -ENOMEM;
    rc = add_rings(bus);
    while (!rc && have < wanted) {
        rc = add_buffers(bus);
        have += !rc;
    }
    if (rc && rc != -ENODEV && have) {
        dev_warn(&bus->xbdev->dev, "the backend took %u of %u areas of memory (error %d)\n", have,
                 wanted, rc);
        rc = 0;
    }
    return rc;
}

int pool_share(struct bus *bus)
{
    struct pool *pool = &bus->pool;
    int rc;

    mutex_lock(&pool->lock);
    if (pool->gen) {
        rc = share_again(bus);
    } else {
        rc = share_first(bus);
        if (rc)
            close(pool);
    }
    mutex_unlock(&pool->lock);
    return rc;
}

void pool_revoke(struct pool *pool)
{
    mutex_lock(&pool->lock);
    for (unsigned i = 0; i < pool->num_areas; i++)
        revoke(pool->areas[i]);
    mutex_unlock(&pool->lock);
}

void *pool_bytes(struct pool *pool, u64 address, size_t size)
{
    u64 offset = address_offset(address);
    unsigned number = address_area(address);

    if (!number || number > pool->num_areas || pool->areas[number - 1]->kind != AREA_BUFFERS ||
        offset >= AREA_SIZE || size > AREA_SIZE - offset)
        return NULL;
    return pool->areas[number - 1]->start + offset;
}

void *pool_take(struct pool *pool, size_t size, dma_addr_t *address)
{
    return gen_pool_dma_zalloc(pool->gen, size, address);
}

void pool_give(struct pool *pool, void *start, size_t size)
{
    gen_pool_free(pool->gen, (unsigned long)start, size);
}

void pool_init(struct pool *pool)
{
    mutex_init(&pool->lock);
}

void pool_close(struct pool *pool)
{
    mutex_lock(&pool->lock);
    close(pool);
    mutex_unlock(&pool->lock);
}

/* ---- DMA ---- */

static struct pool *pool_of(struct device *dev)
{
    struct bus *bus = dev_get_drvdata(dev);

    return &bus->pool;
}

static struct area *area_of(struct pool *pool, dma_addr_t address)
{
    return pool->areas[address_area(address) - 1];
}

static void *bytes_at(struct pool *pool, dma_addr_t address)
{
    return area_of(pool, address)->start + address_offset(address);
}

/* Of the slot that holds this byte. */
static void **buffer_at(struct pool *pool, dma_addr_t address)
{
    return &area_of(pool, address)->buffers[address_offset(address) >> SLOT_SHIFT];
}

static void note_buffer(struct pool *pool, dma_addr_t address, void *buffer, size_t size)
{
    void **at = buffer_at(pool, address);

    for (size_t done = 0; done < size; done += 1u << SLOT_SHIFT)
        *at++ = buffer + done;
}

/* For a queue, and nothing else. Sleeps. */
static void *alloc_ring(struct device *dev, size_t size, dma_addr_t *address, gfp_t gfp,
                        unsigned long attrs)
{
    struct bus *bus = dev_get_drvdata(dev);
    struct pool *pool = &bus->pool;
    void *ring;

    if (size > RING_PAGES * PAGE_SIZE)
        return NULL;
    mutex_lock(&pool->lock);
    ring = gen_pool_dma_zalloc(pool->rings, RING_PAGES * PAGE_SIZE, address);
    if (!ring && !add_rings(bus))
        ring = gen_pool_dma_zalloc(pool->rings, RING_PAGES * PAGE_SIZE, address);
    mutex_unlock(&pool->lock);
    return ring;
}

static void free_ring(struct device *dev, size_t size, void *start, dma_addr_t address,
                      unsigned long attrs)
{
    gen_pool_free(pool_of(dev)->rings, (unsigned long)start, RING_PAGES * PAGE_SIZE);
}

u64 pool_used_address(u64 address)
{
    u64 ring = address_offset(address) / (RING_PAGES * PAGE_SIZE);
    u64 within = address_offset(address) % (RING_PAGES * PAGE_SIZE) - QUEUE_ALIGN;

    return address_of_area(address_area(address) + 1, ring * USED_PAGES * PAGE_SIZE + within);
}

/* Any part of a mapping, from `address` on. */
static void sync_for_cpu(struct device *dev, dma_addr_t address, size_t size,
                         enum dma_data_direction direction)
{
    struct pool *pool = pool_of(dev);
    size_t within = address & ((1u << SLOT_SHIFT) - 1);

    if (direction != DMA_TO_DEVICE)
        memcpy(*buffer_at(pool, address) + within, bytes_at(pool, address), size);
}

static void sync_for_device(struct device *dev, dma_addr_t address, size_t size,
                            enum dma_data_direction direction)
{
    struct pool *pool = pool_of(dev);
    size_t within = address & ((1u << SLOT_SHIFT) - 1);

    /* Also what the device shall write: it may write less than it says, and the rest
     * must not be bytes of another request. */
    memcpy(bytes_at(pool, address), *buffer_at(pool, address) + within, size);
}

static dma_addr_t map_page(struct device *dev, struct page *page, unsigned long offset, size_t size,
                           enum dma_data_direction direction, unsigned long attrs)
{
    struct pool *pool = pool_of(dev);
    dma_addr_t address;

    if (!gen_pool_dma_alloc(pool->gen, size, &address))
        return DMA_MAPPING_ERROR;
    note_buffer(pool, address, page_address(page) + offset, size);
    if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
        sync_for_device(dev, address, size, direction);
    return address;
}

static void unmap_page(struct device *dev, dma_addr_t address, size_t size,
                       enum dma_data_direction direction, unsigned long attrs)
{
    struct pool *pool = pool_of(dev);

    if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
        sync_for_cpu(dev, address, size, direction);
    gen_pool_free(pool->gen, (unsigned long)bytes_at(pool, address), size);
}

static void unmap_sg(struct device *dev, struct scatterlist *list, int count,
                     enum dma_data_direction direction, unsigned long attrs)
{
    struct scatterlist *sg;
    int i;

    for_each_sg(list, sg, count, i)
        unmap_page(dev, sg_dma_address(sg), sg_dma_len(sg), direction, attrs);
}

static int map_sg(struct device *dev, struct scatterlist *list, int count,
                  enum dma_data_direction direction, unsigned long attrs)
{
    struct scatterlist *sg;
    int i;

    for_each_sg(list, sg, count, i) {
        sg_dma_address(sg) =
            map_page(dev, sg_page(sg), sg->offset, sg->length, direction, attrs);
        sg_dma_len(sg) = sg->length;
        if (sg_dma_address(sg) == DMA_MAPPING_ERROR) {
            unmap_sg(dev, list, i, direction, attrs | DMA_ATTR_SKIP_CPU_SYNC);
            return -ENOMEM;
        }
    }
    return count;
}

static size_t max_mapping_size(struct device *dev)
{
    return MAX_MAPPING;
}

static int dma_is_supported(struct device *dev, u64 mask)
{
    return mask == DMA_BIT_MASK(64);
}

const struct dma_map_ops pool_dma_ops = {
    .alloc = alloc_ring,
    .free = free_ring,
    .map_page = map_page,
    .unmap_page = unmap_page,
    .map_sg = map_sg,
    .unmap_sg = unmap_sg,
    .sync_single_for_cpu = sync_for_cpu,
    .sync_single_for_device = sync_for_device,
    .max_mapping_size = max_mapping_size,
    .dma_supported = dma_is_supported,
};
