/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The guest's memory as this bus may touch it. It is addressed in two ways.
 *
 * Areas are pages the guest shared once (AREA_SHARE) and that stay mapped: whoever
 * keeps a pointer into one pins it, and unpins it when done; a pinned area cannot be
 * taken back by the guest.
 *
 * Grant addresses name pages by their references. The parts of a queue are mapped as
 * long as they are pinned. The buffers of requests are never mapped but copied, all
 * those of a turn at once: what the device reads before it sees the request, what it
 * wrote before the driver sees the answer. No mapping is kept for the next request,
 * because the guest may end a grant as soon as the request is answered: one that we
 * still hold cannot be ended (a Linux guest gives its device up then), and one that is
 * given anew may be another page. Mapping and unmapping for one request costs more than
 * copying it at any length (README of common/). A guest that wants its pages to stay
 * mapped says so, by sharing an area.
 *
 * Areas, parts of queues and copies together are limited in pages.
 *
 * Threads that serve queues have a view of this memory each: what is mapped is the same in
 * all, pins and copies are a view's own, so that nobody waits for another in order to serve
 * a request.
 */
#ifndef XVMSG_MEMORY_H
#define XVMSG_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "backend/log.h"
#include "backend/stats.h"
#include "common/codec.h"
#include "common/platform.h"

#define MEMORY_MAX_AREAS 256u

struct memory;

/* Of the lines that a guest can have written. It outlives the memory: who connects anew
 * gets no new ones. */
struct memory_log {
    struct log_limit map;
    struct log_limit room;
};

/* `max_pages` bounds everything together. NULL with errno ENOMEM. */
struct memory *memory_new(struct platform *platform, uint32_t domid, uint32_t max_pages,
                          struct memory_log *log);

/*
 * Another view, whose copies are made by `platform` and have the same room again, for
 * another thread. That pins and unpins in areas, and copies; whatever else there is in
 * here maps or unmaps, of whichever view it is called, and may only be done while nobody
 * uses any other. NULL with errno ENOMEM.
 */
struct memory *memory_view(struct memory *memory, struct platform *platform,
                           struct memory_log *log);

/* The last view unmaps every area; nothing may be pinned or copied in this one. NULL is
 * fine. */
void memory_free(struct memory *memory);

/* AREA_SHARE and AREA_UNSHARE: all or nothing, the status says which. */
enum area_status memory_share(struct memory *memory, const struct msg_area_share_request *request);
enum area_status memory_unshare(struct memory *memory,
                                const struct msg_area_unshare_request *request);

/*
 * The bytes [address, address + length), which stay mapped until
 * memory_unpin(address). NULL, nothing pinned, when `length` is 0 or
 * - they are not all inside one area, or the area is read-only and `writable` is
 *   asked for;
 * - the address is a grant address and pinned already, or its pages cannot be mapped:
 *   not granted to us, or not so, or too many. The log says which, once.
 */
void *memory_pin(struct memory *memory, uint64_t address, uint64_t length, bool writable);
void memory_unpin(struct memory *memory, uint64_t address);

/* Of the addresses of buffers, of which those in areas are pinned. */
void memory_unpin_all(struct memory *memory, const uint64_t *addresses, uint32_t count);

/* ---- copies of what is at grant addresses ---- */

/* Of one request, or of one table of descriptors. */
struct memory_copy;

/* Is `length` at this address to be copied? False: to be pinned, or refused. */
bool memory_copied(uint64_t address, uint64_t length);

/*
 * Gives those of `count` pieces that are to be copied memory of ours, at the same
 * offset in a page as theirs. Device-readable are the first `num_out`; the others are
 * zeros until they are written. NULL with errno ENOMEM; EAGAIN when there will be room
 * as others are freed (memory_wait()); E2BIG when there is not as long as what is
 * mapped stays mapped.
 */
struct memory_copy *memory_copy_new(struct memory *memory, struct iovec *pieces,
                                    const uint64_t *addresses, uint32_t num_out, uint32_t count);
/* The same for one device-readable piece of a size that its owner limits. NULL with
 * errno ENOMEM. */
struct memory_copy *memory_copy_table(struct memory *memory, struct iovec *piece,
                                      uint64_t address);
/* What was to be copied no longer is. NULL is fine. */
void memory_copy_free(struct memory_copy *copy);

/*
 * Notes that the readable pieces are to be copied in, or the first `written` bytes of
 * the writable ones out. False: none of them is at a grant address. memory_copy_run()
 * does all that was noted, for whomever, with as few calls to Xen as can be;
 * memory_copy_failed() then tells whose reference was not what it had to be.
 */
bool memory_copy_in(struct memory_copy *copy);
bool memory_copy_out(struct memory_copy *copy, uint64_t written);
void memory_copy_run(struct memory *memory);
bool memory_copy_failed(const struct memory_copy *copy, uint32_t *ref);

/* Somebody for whom there was no room: `again` runs once, when there may be. Who finds
 * too little and waits once more does so where it was in the line. */
struct memory_waiter {
    struct memory_waiter *next;
    bool waits;
    uint64_t place; /* in the line; 0: none */
    void (*again)(struct memory_waiter *waiter);
};

void memory_wait(struct memory *memory, struct memory_waiter *waiter);
/* It has what it waited for, or does without. */
void memory_wait_no_more(struct memory *memory, struct memory_waiter *waiter);

/* Of this view; and added up. */
const struct memory_stats *memory_stats(const struct memory *memory);
void memory_stats_add(struct memory_stats *sum, const struct memory_stats *more);

#endif
