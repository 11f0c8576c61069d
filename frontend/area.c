/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Areas: memory the backend maps once. It is given back to the kernel only when
 * the backend said that it has let go of it, or when the connection is over.
 *
 * Where addresses are to be grant addresses an area is not shared, it only is granted
 * pages; its number is for ourselves, until descriptors are written.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "frontend/internal.h"

#define REFS_A_PAGE (PLATFORM_PAGE_SIZE / 4)
#define MAX_AREA_PAGES 262144u

struct xvmsg_area {
    struct xvmsg_area *next;
    struct xvmsg *h;
    uint16_t number;
    void *memory;
    size_t pages;
    void *directory; /* while AREA_SHARE is on its way */
    size_t directory_pages;
    bool sharing; /* AREA_SHARE is on its way */
    bool shared;  /* the backend has it */
    bool closed;  /* by its user; the memory stays until the backend let go */
    uint32_t *refs; /* of its pages, where they are addressed by them; else NULL */
    bool fresh;     /* there, and its user is yet to hear so */
    xvmsg_area_done *done;
    void *user;
};

/* ---- memory ---- */

static void free_directory(struct xvmsg_area *area)
{
    struct platform *p = area->h->platform;

    if (area->directory)
        p->ops->grant_unshare(p, area->directory, area->directory_pages);
    area->directory = NULL;
}

static void release(struct xvmsg_area *area)
{
    struct platform *p = area->h->platform;
    struct xvmsg_area **link = &area->h->areas;

    while (*link != area)
        link = &(*link)->next;
    *link = area->next;
    free_directory(area);
    if (area->memory)
        p->ops->grant_unshare(p, area->memory, area->pages);
    free(area->refs);
    free(area);
}

static uint16_t free_number(struct xvmsg *h)
{
    for (unsigned tries = 0; tries < XVMSG_AREA_MAX; tries++) {
        const struct xvmsg_area *area = h->areas;

        h->last_area = h->last_area < XVMSG_AREA_MAX ? h->last_area + 1 : 1;
        while (area && area->number != h->last_area)
            area = area->next;
        if (!area)
            return h->last_area;
    }
    return 0;
}

static void *share(struct xvmsg *h, size_t pages, bool writable, uint32_t *refs)
{
    struct platform *p = h->platform;
    void *memory = p->ops->grant_share(p, h->conn.backend_domid, pages, writable, refs);

    if (!memory)
        handle_fail(h, errno, "%zu pages cannot be shared: %s%s", pages, strerror(errno),
                    errno == ENOSPC ? " (raise xen-gntalloc's limit)" : "");
    return memory;
}

/* ---- sharing ---- */

static enum xvmsg_status take_share(const struct request *r, const struct msg *m,
                                    struct xvmsg_reply *reply)
{
    (void)reply;
    if (m->area_share_response.area != r->call.index)
        return XVMSG_MALFORMED_RESPONSE;
    if (m->area_share_response.status == AREA_OK)
        return XVMSG_OK;
    return m->area_share_response.status == AREA_NO_SPACE ? XVMSG_NO_MEMORY : XVMSG_REFUSED;
}

static void share_answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_area *area = user;
    enum xvmsg_status status = reply->status;
    xvmsg_area_done *done = area->done;
    void *done_user = area->user;

    area->sharing = false;
    if (h->conn.left) { /* it may have mapped everything or be about to */
        if (done)
            done(area->closed ? NULL : area, status, done_user);
        return;
    }
    /* Nobody knows whether a backend that did not answer has mapped it. */
    area->shared = h->conn.up && status != XVMSG_REFUSED && status != XVMSG_NO_MEMORY;
    free_directory(area);
    if (!area->closed && done)
        done(area, status, done_user);
    else if (area->closed && !area_close(area, done, done_user) && done)
        done(NULL, XVMSG_OK, done_user);
}

static int submit_share(struct xvmsg_area *area, uint16_t flags, const uint32_t *refs, size_t count)
{
    uint8_t *words = request_words(area->h, refs, count);

    if (!words)
        return -1;

    int rc = request_submit(area->h, &(struct request_call){
                                         .msg = {.kind = MSG_area_share_request,
                                                 .area_share_request =
                                                     {
                                                         .area = area->number,
                                                         .flags = flags,
                                                         .pages = (uint32_t)area->pages,
                                                         .num_refs = (uint32_t)count,
                                                         .refs = {words, (uint32_t)(4 * count)},
                                                     }},
                                         .take = take_share,
                                         .done = share_answered,
                                         .user = area,
                                         .index = area->number,
                                     });

    free(words);
    return rc;
}

/* Lists the references in pages of their own, which the backend only reads. */
static int share_through_directory(struct xvmsg_area *area, const uint32_t *refs, size_t room)
{
    struct xvmsg *h = area->h;
    size_t pages = (area->pages + REFS_A_PAGE - 1) / REFS_A_PAGE;
    int rc = -1;

    if (pages > room)
        return handle_fail(h, EINVAL, "an area of %zu pages is too large for messages of %u bytes",
                           area->pages, h->bus.max_message);

    uint32_t *directory_refs = calloc(pages, sizeof(*directory_refs));

    if (!directory_refs)
        return handle_fail(h, ENOMEM, "out of memory for grant references");
    area->directory = share(h, pages, false, directory_refs);
    area->directory_pages = pages;
    if (area->directory) {
        for (size_t i = 0; i < area->pages; i++)
            le32_put((uint8_t *)area->directory + 4 * i, refs[i]);
        rc = submit_share(area, AREA_F_DIRECTORY, directory_refs, pages);
    }
    free(directory_refs);
    return rc;
}

/* Nobody needs to be told of pages that are addressed by their references. */
static void keep_refs(struct xvmsg_area *area, uint32_t *refs)
{
    area->refs = refs;
    area->fresh = true;
    area->h->fresh_areas = true;
    handle_turn(area->h);
}

/* Shares the pages and puts the request on its way; -1 with a sentence. */
static int start(struct xvmsg_area *area)
{
    struct xvmsg *h = area->h;
    size_t room = msg_tail_room(h->form, MSG_area_share_request, h->bus.max_message) / 4;
    uint32_t *refs = calloc(area->pages, sizeof(*refs));
    int rc = -1;

    if (!refs)
        return handle_fail(h, ENOMEM, "out of memory for grant references");
    area->memory = share(h, area->pages, true, refs);
    if (area->memory && h->grant_addresses) {
        keep_refs(area, refs);
        return 0;
    }
    if (area->memory)
        rc = area->pages <= room ? submit_share(area, 0, refs, area->pages)
                                 : share_through_directory(area, refs, room);
    free(refs);
    return rc;
}

static struct xvmsg_area *new_area(struct xvmsg *h, size_t pages)
{
    uint16_t number = free_number(h);
    struct xvmsg_area *area = number ? calloc(1, sizeof(*area)) : NULL;

    if (!area) {
        handle_fail(h, number ? ENOMEM : ENOSPC, number ? "out of memory for an area"
                                                        : "there are too many areas");
        return NULL;
    }
    area->h = h;
    area->number = number;
    area->pages = pages;
    area->next = h->areas;
    h->areas = area;
    return area;
}

struct xvmsg_area *xvmsg_area_new(struct xvmsg *h, size_t bytes, xvmsg_area_done *done, void *user)
{
    size_t pages = bytes / PLATFORM_PAGE_SIZE + (bytes % PLATFORM_PAGE_SIZE != 0);

    if (!h->conn.up) {
        handle_fail(h, ENOTCONN, "no memory can be shared: the bus is not connected");
        return NULL;
    }
    if (pages == 0 || pages > MAX_AREA_PAGES) {
        handle_fail(h, EINVAL, "an area cannot have %zu bytes", bytes);
        return NULL;
    }

    struct xvmsg_area *area = new_area(h, pages);

    if (!area)
        return NULL;
    if (start(area) < 0) {
        int saved = errno;

        release(area);
        errno = saved;
        return NULL;
    }
    area->sharing = !area->refs;
    area->done = done;
    area->user = user;
    return area;
}

static struct xvmsg_area *next_fresh(const struct xvmsg *h)
{
    struct xvmsg_area *area = h->areas;

    while (area && !area->fresh)
        area = area->next;
    return area;
}

void area_tick(struct xvmsg *h)
{
    struct xvmsg_area *area;

    if (!h->fresh_areas)
        return;
    h->fresh_areas = false;
    while ((area = next_fresh(h))) {
        area->fresh = false;
        if (area->done)
            area->done(area, h->conn.up ? XVMSG_OK : XVMSG_BUS_CLOSED, area->user);
    }
}

/* ---- taking back ---- */

static enum xvmsg_status take_unshare(const struct request *r, const struct msg *m,
                                      struct xvmsg_reply *reply)
{
    (void)reply;
    if (m->area_unshare_response.area != r->call.index)
        return XVMSG_MALFORMED_RESPONSE;
    /* An area it does not know is one it does not hold: its answer to AREA_SHARE may
     * have been lost. */
    return m->area_unshare_response.status == AREA_OK ||
                   m->area_unshare_response.status == AREA_BAD_NUMBER
               ? XVMSG_OK
               : XVMSG_REFUSED;
}

static void unshare_answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_area *area = user;
    xvmsg_area_done *done = area->done;
    void *done_user = area->user;

    (void)h;
    area->done = NULL;
    if (reply->status == XVMSG_OK)
        release(area);
    if (done)
        done(NULL, reply->status, done_user);
}

static int submit_unshare(struct xvmsg_area *area)
{
    return request_submit(area->h, &(struct request_call){
                                       .msg = {.kind = MSG_area_unshare_request,
                                               .area_unshare_request.area = area->number},
                                       .take = take_unshare,
                                       .done = unshare_answered,
                                       .user = area,
                                       .index = area->number,
                                   });
}

bool area_close(struct xvmsg_area *area, xvmsg_area_done *done, void *user)
{
    area->closed = true;
    area->done = done;
    area->user = user;
    if (area->sharing)
        return true;
    if (area->h->conn.left)
        return false;
    if (!area->shared) {
        release(area);
        return false;
    }
    /* Out of memory: the pages stay shared until the connection ends. */
    return submit_unshare(area) == 0;
}

void xvmsg_area_free(struct xvmsg_area *area)
{
    if (area)
        area_close(area, NULL, NULL);
}

void area_forget(struct xvmsg *h, xvmsg_area_done *done, const void *user)
{
    for (struct xvmsg_area *area = h->areas; area; area = area->next)
        if (area->done == done && area->user == user)
            area->done = NULL;
}

void area_connection_lost(struct xvmsg *h)
{
    for (struct xvmsg_area *area = h->areas; area; area = area->next)
        area->shared = false;
}

void area_sweep(struct xvmsg *h)
{
    struct xvmsg_area *next;

    for (struct xvmsg_area *area = h->areas; area; area = next) {
        next = area->next;
        if (area->closed)
            release(area);
    }
}

void area_free_all(struct xvmsg *h)
{
    while (h->areas)
        release(h->areas);
}

/* ---- inspecting ---- */

void *xvmsg_area_memory(const struct xvmsg_area *area)
{
    return area->memory;
}

size_t xvmsg_area_size(const struct xvmsg_area *area)
{
    return area->pages * PLATFORM_PAGE_SIZE;
}

uint64_t xvmsg_area_address(const struct xvmsg_area *area, const void *memory)
{
    return address_of_area(area->number, (uint64_t)((const uint8_t *)memory -
                                                    (const uint8_t *)area->memory));
}

/* ---- as the device addresses them ---- */

/* Bytes from `offset` on whose pages have references that follow each other. */
static size_t run(const struct xvmsg_area *area, size_t offset)
{
    size_t page = offset / PLATFORM_PAGE_SIZE, next = page + 1;

    while (area->refs && next < area->pages && area->refs[next] == area->refs[next - 1] + 1)
        next++;
    return (area->refs ? next : area->pages) * PLATFORM_PAGE_SIZE - offset;
}

size_t area_run(const struct xvmsg_area *area, const void *memory)
{
    return run(area, (size_t)((const uint8_t *)memory - (const uint8_t *)area->memory));
}

bool area_contains(const struct xvmsg_area *area, uint64_t address)
{
    return area->number == address_area(address) &&
           address_offset(address) < area->pages * PLATFORM_PAGE_SIZE;
}

const struct xvmsg_area *area_find(const struct xvmsg *h, uint64_t address)
{
    const struct xvmsg_area *area = h->areas;

    while (area && !area_contains(area, address))
        area = area->next;
    return area;
}

struct xvmsg_buffer area_resolve(const struct xvmsg_area *area, const struct xvmsg_buffer *buffer)
{
    uint64_t offset = address_offset(buffer->address);

    if (!area->refs || !area_contains(area, buffer->address))
        return *buffer;
    return (struct xvmsg_buffer){
        .address = address_of_grant(area->refs[offset / PLATFORM_PAGE_SIZE],
                                    offset % PLATFORM_PAGE_SIZE),
        .length = smaller(buffer->length, run(area, offset)),
    };
}

uint64_t area_wire_address(const struct xvmsg_area *area, const void *memory)
{
    const struct xvmsg_buffer byte = {xvmsg_area_address(area, memory), 1};

    return area_resolve(area, &byte).address;
}
