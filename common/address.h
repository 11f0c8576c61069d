/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The two kinds of address in descriptors and SET_VQUEUE.
 *
 *   grant  1 | reference << 12 | offset in page   (bit 63 set; consecutive
 *          references for consecutive pages; what Linux's grant DMA ops make)
 *   area   0 | area number << 48 | byte offset    (bit 63 clear, number not 0)
 *
 * Address 0 is never valid. Freestanding.
 */
#ifndef XVMSG_ADDRESS_H
#define XVMSG_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_GRANT (UINT64_C(1) << 63)
#define ADDRESS_PAGE_SHIFT 12
#define ADDRESS_AREA_SHIFT 48
#define ADDRESS_OFFSET_MASK ((UINT64_C(1) << ADDRESS_AREA_SHIFT) - 1)
#define XVMSG_AREA_MAX 0x7fffu

static inline bool address_is_grant(uint64_t address)
{
    return address & ADDRESS_GRANT;
}

static inline uint64_t address_of_area(uint16_t area, uint64_t offset)
{
    return (uint64_t)area << ADDRESS_AREA_SHIFT | offset;
}

static inline uint64_t address_of_grant(uint32_t ref, uint64_t offset)
{
    return ADDRESS_GRANT | (uint64_t)ref << ADDRESS_PAGE_SHIFT | offset;
}

/* Area number of an area address; 0 for a grant address and for address 0. */
static inline uint16_t address_area(uint64_t address)
{
    return address_is_grant(address) ? 0 : (uint16_t)(address >> ADDRESS_AREA_SHIFT);
}

static inline uint64_t address_offset(uint64_t address)
{
    return address & ADDRESS_OFFSET_MASK;
}

#endif
