/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A queue of the device side, and the guest's memory that it lies in, in the layout
 * that the test chose. Chains are described and offered alike in both.
 */
#ifndef XVMSG_QUEUE_GUEST_H
#define XVMSG_QUEUE_GUEST_H

#include "backend/queue.h"
#include "common/packed.h"
#include "common/split.h"

#define QUEUE_GUEST_SIZE 8u
#define QUEUE_GUEST_AREA 1u    /* its parts, and data at QUEUE_GUEST_DATA */
#define QUEUE_GUEST_RO_AREA 2u
#define QUEUE_GUEST_BYTES 0x4000u /* of each area */
#define QUEUE_GUEST_DATA 0x1000u
#define QUEUE_GUEST_MAX_PAGES 64u

/* One at a time. */
struct queue_guest {
    struct fake_xen *fx;
    struct platform *dom0, *domu;
    struct memory *memory;
    struct memory_log memory_log;
    struct queue *queue;
    uint8_t *area;
    /* The parts of a split queue, */
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    /* and of a packed one. */
    struct vring_packed_desc *ring;
    uint32_t *driver_event;
    uint32_t *device_event;
    /* Where the driver is, and what it has described: a chain's id is that of the
     * descriptor it starts with. */
    unsigned offered, taken; /* descriptors of a packed ring, entries of a split one */
    struct vring_desc described[QUEUE_GUEST_SIZE + 1];
    unsigned slots[QUEUE_GUEST_SIZE + 1]; /* of the chain last offered with that id */
    /* What the queue told its owner. */
    unsigned told, faults, idle, attended;
    char fault_text[160];
    uint64_t now; /* what its clock says */
    void (*on_used)(void); /* what the driver is told with; NULL: only counted */
};

extern struct queue_guest g;
extern const struct queue_config queue_guest_config;

/* For test_suite: the layout from now on; split unless another is chosen. */
int queue_guest_split(void);
int queue_guest_packed(void);
bool queue_guest_is_packed(void);

/* The queue is enabled, nothing but the layout negotiated, a batch has begun. */
void queue_guest_start(void);
void queue_guest_end(void);
void queue_guest_negotiate(bool indirect, bool event_idx);
/* Clears the queue, and enables it once more as if it were new. */
void queue_guest_restart(void);

void queue_guest_describe(unsigned index, uint64_t address, uint32_t length, uint16_t flags,
                          uint16_t next);
/* An entry of an indirect table, which may lie anywhere in the area. Those of a packed
 * queue have no `next`. */
void queue_guest_describe_in(uint64_t offset, unsigned index, uint64_t address, uint32_t length,
                             uint16_t flags, uint16_t next);
/* The address of a byte of the data. */
uint64_t queue_guest_data(uint64_t offset);
/* Makes a chain available. */
void queue_guest_offer(uint16_t head);
/* The next that the device used. False: none. */
bool queue_guest_take(uint32_t *id, uint32_t *length);

/* What a guest may not write, and what the fault's text must contain. */
struct queue_guest_hostile {
    const char *what;
    void (*write)(void);
    const char *named;
};

/* Starts a queue for each of them, has it written, and expects that it is named once and
 * that nothing stays pinned. */
void queue_guest_expect_faults(const struct queue_guest_hostile *list, size_t count,
                               bool indirect, bool event_idx);

/* Notifications. */
void queue_guest_forbid(void);
/* With EVENT_IDX, of chains of one descriptor each: tell when chain number n, from 0, is
 * used; did the device ask to be told of chain number n? */
void queue_guest_tell_at(unsigned n);
bool queue_guest_asked_for(unsigned n);

#endif
