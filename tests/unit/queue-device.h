/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A queue of the driver side, in the layout that the test chose, and what a device
 * does with it: no backend is needed to look at memory.
 */
#ifndef XVMSG_QUEUE_DEVICE_H
#define XVMSG_QUEUE_DEVICE_H

#include "frontend/device.h"

#define QUEUE_DEVICE_SIZE 8u
#define QUEUE_DEVICE_ADDRESS 0x1000000000000
#define QUEUE_DEVICE_TABLE 8u /* entries of an indirect table */

/* One at a time. */
struct queue_device {
    struct fake_xen *fx;
    struct xvmsg *h;
    struct xvmsg_device *device;
    struct xvmsg_queue *queue;
    uint8_t *memory;
    size_t rings; /* bytes before the tables */
    unsigned broken;
    char fault_text[160];
    unsigned seen, used; /* as the device counts them */
    unsigned slots[64];  /* descriptors of the chain last seen with this id */
};

extern struct queue_device dev;

/* A chain that was made available. */
struct offered {
    uint16_t id;
    unsigned slots;    /* descriptors of the queue */
    uint64_t table;    /* where, if it is in one; else 0 */
    unsigned count;
    struct {
        uint64_t address;
        uint32_t length;
        bool writable;
    } pieces[32];
};

/* For test_suite: the layout from now on. */
int queue_device_split(void);
int queue_device_packed(void);
bool queue_device_is_packed(void);

/* Ready, with these features besides the layout and room for `tables` indirect tables. */
void queue_device_start(uint64_t features, unsigned size, unsigned tables);
void queue_device_end(void);

/* As the driver: a chain of buffers at 0x1000, 0x1001 ... of 100, 101 ... bytes. */
int queue_device_push(unsigned out, unsigned in, void *token);

/* Takes the next chain, asserted to be as virtio wants it; false: none. */
bool queue_device_take(struct offered *chain);
/* Says that a chain was used. */
void queue_device_use(uint32_t id, uint32_t length);
/* Both; the id. */
uint32_t queue_device_serve(uint32_t length);

/* Notifications: wants none, without EVENT_IDX; and with EVENT_IDX, of chains of one
 * descriptor each: tell me when number n, from 0, is made available; did the driver ask
 * to be told when number n is used? */
void queue_device_forbid(void);
void queue_device_tell_at(unsigned n);
bool queue_device_asked_for(unsigned n);

#endif
