/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A queue of the device side, and the guest's memory that it lies in. */
#ifndef XVMSG_QUEUE_GUEST_H
#define XVMSG_QUEUE_GUEST_H

#include "backend/queue.h"
#include "common/split.h"

#define QUEUE_GUEST_SIZE 8u
#define QUEUE_GUEST_AREA 1u    /* its parts, and data at QUEUE_GUEST_DATA */
#define QUEUE_GUEST_RO_AREA 2u
#define QUEUE_GUEST_BYTES 0x4000u /* of each area */
#define QUEUE_GUEST_DATA 0x1000u

/* One at a time. */
struct queue_guest {
    struct fake_xen *fx;
    struct platform *dom0, *domu;
    struct memory *memory;
    struct queue *queue;
    uint8_t *area;
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    /* What the queue told its owner. */
    unsigned told, faults, idle;
    char fault_text[160];
    uint64_t now; /* what its clock says */
    void (*on_used)(void); /* what the driver is told with; NULL: only counted */
};

extern struct queue_guest g;
extern const struct queue_config queue_guest_config;

/* The queue is enabled, a batch has begun. */
void queue_guest_start(void);
void queue_guest_end(void);

void queue_guest_describe(unsigned index, uint64_t address, uint32_t length, uint16_t flags,
                          uint16_t next);
/* The address of a byte of the data. */
uint64_t queue_guest_data(uint64_t offset);
/* Makes a chain available. */
void queue_guest_offer(uint16_t head);

#endif
