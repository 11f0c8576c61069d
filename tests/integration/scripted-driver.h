/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A guest that says and writes whatever the test wants, on a ring that is
 * already connected. Who serves the other end is the business of whoever made
 * it; waiting means calling `wait` until what is waited for has come.
 *
 * What every case relies on is asserted in here.
 */
#ifndef XVMSG_SCRIPTED_DRIVER_H
#define XVMSG_SCRIPTED_DRIVER_H

#include <linux/virtio_ring.h>

#include "common/codec.h"
#include "common/platform.h"
#include "common/ring.h"

struct event_base;
struct fake_xen;
struct worker;

#define GUEST_AREA 1u
#define GUEST_PAGES 32u
#define GUEST_QUEUE_SIZE 16u

/* Where the parts of the queue and the requests lie in the area. */
#define GUEST_DESC 0x0000u
#define GUEST_AVAIL 0x1000u
#define GUEST_USED 0x2000u
#define GUEST_HEADERS 0x3000u  /* 16 bytes for each request */
#define GUEST_STATUSES 0x3800u /* one byte for each */
#define GUEST_DATA 0x4000u

struct guest {
    /* The other end, where it runs in this process; made by guest_new(). */
    struct fake_xen *fx;
    struct platform *dom0; /* the worker's */
    struct event_base *base;
    struct worker *worker;
    int supervisor;

    struct platform *domu;
    void (*wait)(struct guest *g); /* until something may have happened */
    void *ring_pages;
    unsigned order;
    int port;
    struct ring ring;
    uint8_t message[MSG_PROTOCOL_MAX]; /* the last one received */
    uint16_t token;

    uint8_t *area;
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    uint16_t used_seen;

    unsigned config_events; /* met while waiting for something else */
    unsigned used_events;
    uint32_t last_status;   /* in the last EVENT_CONFIG */
};

/* ---- as the guest: messages ---- */

void guest_send(struct guest *g, const struct msg *m);
void guest_send_bytes(struct guest *g, const void *bytes, size_t size);

/* The next message, of any kind. */
struct msg guest_receive(struct guest *g);

/* The next that is no event; events on the way are counted. */
struct msg guest_receive_response(struct guest *g);

/* Counts what is an event; false for anything else. */
bool guest_count_event(struct guest *g, const struct msg *m);

/* Sends a request and returns its response; events on the way are counted. */
struct msg guest_call(struct guest *g, struct msg request);

/* Makes sure that the worker has dealt with all that was sent, and had nothing
 * to say to it but events (which are counted). */
void guest_settle(struct guest *g);

/* ---- as the guest: a device ---- */

void guest_share_area(struct guest *g);

/* Any other area, of up to 1024 pages: the status, and in *pages where they are. */
uint16_t guest_share_pages(struct guest *g, uint16_t area, uint32_t count, uint8_t **pages);
uint16_t guest_unshare_area(struct guest *g);
uint32_t guest_set_status(struct guest *g, uint64_t device, uint32_t status);

/* SET_VQUEUE of queue 0 with everything applied, and the flags given. */
struct msg guest_queue_request(uint64_t device, uint32_t flags);

/* The area is shared: features accepted, queue 0 enabled with empty rings, DRIVER_OK. */
void guest_start_device(struct guest *g, uint64_t device, uint64_t features);

/* The same, with rings and requests as they are. */
void guest_resume_device(struct guest *g, uint64_t device, uint64_t features);

/* Fills in one descriptor; `next` 0 ends the chain. */
void guest_describe(struct guest *g, unsigned index, uint64_t offset, uint32_t length,
                    uint16_t flags, uint16_t next);

/* Makes a chain available, without telling; and tells. */
void guest_make_available(struct guest *g, uint16_t head);
void guest_kick(struct guest *g, uint64_t device);

/* Waits until one more chain has been used; its length. */
uint32_t guest_await_used(struct guest *g);

#endif
