/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The guest's memory as this bus may touch it: areas of pages the guest shared
 * once (AREA_SHARE), found again by the area number in an address.
 *
 * Whoever keeps a pointer into an area pins it, and unpins it when done; a
 * pinned area cannot be taken back by the guest. Grant addresses are not
 * served: pinning one fails as an unknown area does.
 */
#ifndef XVMSG_MEMORY_H
#define XVMSG_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/stats.h"
#include "common/codec.h"
#include "common/platform.h"

#define MEMORY_MAX_AREAS 256u

struct memory;

/* `max_pages` bounds all areas together. NULL with errno ENOMEM. */
struct memory *memory_new(struct platform *platform, uint32_t domid, uint32_t max_pages);

/* Unmaps every area; nothing may be pinned. NULL is fine. */
void memory_free(struct memory *memory);

/* AREA_SHARE and AREA_UNSHARE: all or nothing, the status says which. */
enum area_status memory_share(struct memory *memory, const struct msg_area_share_request *request);
enum area_status memory_unshare(struct memory *memory,
                                const struct msg_area_unshare_request *request);

/*
 * The bytes [address, address + length) of one area, which stays mapped until
 * memory_unpin(address). NULL, nothing pinned, when they are not all inside one
 * area, `length` is 0, or the area is read-only and `writable` is asked for.
 */
void *memory_pin(struct memory *memory, uint64_t address, uint64_t length, bool writable);
void memory_unpin(struct memory *memory, uint64_t address);
void memory_unpin_all(struct memory *memory, const uint64_t *addresses, uint32_t count);

const struct memory_stats *memory_stats(const struct memory *memory);

#endif
