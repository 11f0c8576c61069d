/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One worker with both of its neighbours played by the test: the supervisor at
 * the other end of its socket, and a guest that says and writes whatever the
 * test wants. All in one thread: waiting means running the worker's loop.
 *
 * What every case relies on is asserted in here; a guest that waits for what
 * never comes ends the program by SIGALRM.
 */
#ifndef XVMSG_SCRIPTED_GUEST_H
#define XVMSG_SCRIPTED_GUEST_H

#include <event2/event.h>
#include <linux/virtio_ring.h>

#include "backend/ipc.h"
#include "backend/worker.h"
#include "common/codec.h"
#include "common/ring.h"
#include "tests/fake/fake-xen.h"

#define GUEST_DOMID 5u
#define GUEST_AREA 1u
#define GUEST_PAGES 32u
#define GUEST_MAX_SHARED 2048u /* pages that the supervisor allows in areas */
#define GUEST_QUEUE_SIZE 16u

/* Where the parts of the queue and the requests lie in the area. */
#define GUEST_DESC 0x0000u
#define GUEST_AVAIL 0x1000u
#define GUEST_USED 0x2000u
#define GUEST_HEADERS 0x3000u  /* 16 bytes for each request */
#define GUEST_STATUSES 0x3800u /* one byte for each */
#define GUEST_DATA 0x4000u

struct guest {
    struct fake_xen *fx;
    struct platform *domu;
    struct platform *dom0; /* the worker's */
    struct event_base *base;
    struct worker *worker;
    int supervisor;

    void *ring_pages;
    unsigned order;
    int port;
    struct ring ring;
    uint8_t message[4096]; /* the last one received */
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

/* A worker that nobody has connected yet. */
struct guest *guest_new(void);

/* Ends all of it; checks that the worker left nothing open or mapped. */
void guest_free(struct guest *g);

/* ---- as the supervisor ---- */

/* A fresh ring, offered as a frontend would. */
struct ipc_message guest_offer(struct guest *g, enum msg_form form, uint16_t max_message);

/* Offers a ring and expects it to be accepted. */
void guest_connect(struct guest *g, enum msg_form form, uint16_t max_message);
void guest_disconnect(struct guest *g);

void guest_tell(struct guest *g, const struct ipc_message *message, int fd);
struct ipc_message guest_told(struct guest *g);

/* Adds a block device over `fd` (which is closed here); expects ADDED. */
void guest_add_blk(struct guest *g, uint64_t number, int fd, bool read_only);

/* A file of that many sectors, each filled with its number (modulo 256). */
int guest_disk(unsigned sectors);

/* ---- as the guest: messages ---- */

void guest_send(struct guest *g, const struct msg *m);
void guest_send_bytes(struct guest *g, const void *bytes, size_t size);

/* The next message, of any kind. */
struct msg guest_receive(struct guest *g);

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

/* Area shared, features accepted, queue 0 enabled, DRIVER_OK. */
void guest_start_device(struct guest *g, uint64_t device, uint64_t features);

/* Fills in one descriptor; `next` 0 ends the chain. */
void guest_describe(struct guest *g, unsigned index, uint64_t offset, uint32_t length,
                    uint16_t flags, uint16_t next);

/* Makes a chain available, without telling; and tells. */
void guest_make_available(struct guest *g, uint16_t head);
void guest_kick(struct guest *g, uint64_t device);

/* Runs the loop until one more chain has been used; its length. */
uint32_t guest_await_used(struct guest *g);

#endif
