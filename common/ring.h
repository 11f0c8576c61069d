/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The message ring: two byte rings in pages the frontend owns and grants.
 *
 *   0            512                 512 + size          512 + 2 * size
 *   +------------+-------------------+-------------------+---+
 *   | ring_abi   | to the backend    | to the frontend   | - |   4096 << order
 *   +------------+-------------------+-------------------+---+
 *
 * A record is a message, padded with zeros to 8 bytes. An index counts bytes
 * and runs from 0 to 2 * size - 1, so that full and empty differ; the byte at
 * index i lies at i % size. Each end keeps its own indices in private memory
 * and only announces them in the page; what it loads from the page it checks
 * against its private state, once per batch, and uses from a local.
 *
 * Doorbells: a consumer that goes to sleep names the index at which it wants
 * to be woken (`wake`); a producer rings when an announcement reaches it. The
 * same for a producer that waits for room (`room`). "Reaches" means: the index
 * moved from before the threshold to it or past it, counted around the ring. So
 * a busy stream rings no bell and an idle edge rings one. Whoever does not
 * sleep keeps its threshold at RING_NEVER, lest the indices come around to an
 * old one.
 *
 * Whoever is about to sleep publishes and releases first, asks to be woken,
 * and looks at `fault` when told not to sleep: a dead ring never says "sleep".
 *
 * Freestanding. One thread per end. The functions tell when to ring; they
 * never do it.
 */
#ifndef XVMSG_RING_H
#define XVMSG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/codec.h"

#define RING_MAGIC 0x474d5658u /* "XVMG" */
#define RING_VERSION 1
#define RING_PAGE_SIZE 4096u
#define RING_HEADER_SIZE 512u
#define RING_MAX_ORDER 6
#define RING_MAX_PAGES (1u << RING_MAX_ORDER)
#define RING_ALIGN 8u
#define RING_NEVER UINT32_MAX /* a threshold that no index reaches */

/* One direction. Producer and consumer write different cache lines. */
struct xvmsg_ring_lane_abi {
    uint32_t prod; /* producer: bytes announced up to here */
    uint32_t room; /* producer: ring when the consumer's index reaches this */
    uint8_t pad0[56];
    uint32_t cons; /* consumer: bytes taken up to here */
    uint32_t wake; /* consumer: ring when the producer's index reaches this */
    uint8_t pad1[56];
};

/* Start of the first page; little-endian. */
struct xvmsg_ring_abi {
    uint32_t magic;
    uint16_t version;
    uint16_t page_order;
    uint32_t lane_size; /* bytes of each direction's ring */
    uint32_t reserved;
    uint32_t frontend_fault; /* enum ring_fault, 0 = healthy; written by its owner */
    uint32_t backend_fault;
    uint8_t pad[104];
    struct xvmsg_ring_lane_abi to_backend;
    struct xvmsg_ring_lane_abi to_frontend;
};

_Static_assert(sizeof(struct xvmsg_ring_lane_abi) == 128, "lane is two cache lines");
_Static_assert(offsetof(struct xvmsg_ring_lane_abi, cons) == 64, "consumer line");
_Static_assert(offsetof(struct xvmsg_ring_abi, frontend_fault) == 16, "faults");
_Static_assert(offsetof(struct xvmsg_ring_abi, to_backend) == 128, "lanes start at 128");
_Static_assert(offsetof(struct xvmsg_ring_abi, to_frontend) == 256, "second lane");
_Static_assert(sizeof(struct xvmsg_ring_abi) <= RING_HEADER_SIZE, "header fits");

/* Why a ring is dead. The numbers are wire: they stand in *_fault. */
enum ring_fault {
    RING_OK = 0,
    RING_BAD_HEADER = 1,   /* magic, version, order or lane size not as agreed */
    RING_BAD_PRODUCER = 2, /* peer's prod out of range, unaligned, or overtaking cons */
    RING_BAD_CONSUMER = 3, /* peer's cons out of range, unaligned, or overtaking prod */
    RING_BAD_RECORD = 4,   /* msg_size below the header, above the maximum, or cut off */
    RING_BAD_MESSAGE = 5,  /* for the owner: a message that breaks the agreement */
};

enum ring_side { RING_FRONTEND, RING_BACKEND };

struct ring_out {
    struct xvmsg_ring_lane_abi *lane;
    uint8_t *bytes;
    uint32_t prod;      /* where the next record goes; private */
    uint32_t announced; /* what lane->prod says */
    uint32_t cons;      /* the peer's index as last checked */
    bool waiting;       /* lane->room holds a threshold of ours */
};

struct ring_in {
    struct xvmsg_ring_lane_abi *lane;
    const uint8_t *bytes;
    uint32_t cons;      /* the next record to take; private */
    uint32_t announced; /* what lane->cons says */
    uint32_t prod;      /* the peer's index as last checked */
    bool waiting;       /* lane->wake holds a threshold of ours */
};

/* One end's private state. Treat as opaque; read `fault` freely. */
struct ring {
    struct xvmsg_ring_abi *shared;
    struct ring_out out;
    struct ring_in in;
    uint32_t size; /* of each lane */
    uint16_t max_message;
    enum msg_form form;
    enum ring_side side;
    enum ring_fault fault;
};

/* Bytes of each lane for a page order. */
uint32_t ring_lane_size(unsigned order);

/* Least order whose lanes hold four messages of `max_message` bytes, capped at
 * RING_MAX_ORDER. */
unsigned ring_order_for(uint16_t max_message);

/* Frontend: fills in a fresh header. `pages` are zeroed, 4096 << order bytes,
 * page-aligned. */
void ring_format(void *pages, unsigned order);

/*
 * Either end: starts on formatted pages with both indices at 0. Returns false
 * with ring->fault set (and announced) if the header is not what was agreed or
 * `max_message` cannot go through a lane of that order; `pages` must stay mapped
 * until the ring is no longer used.
 */
bool ring_attach(struct ring *ring, void *pages, unsigned order, enum ring_side side,
                 enum msg_form form, uint16_t max_message);

/* ---- producing ---- */

/* Room for a message of `size` bytes now? Looks at the page when the private
 * state says no. False also when the ring is dead, or for a size above
 * max_message, for which there never is room. */
bool ring_has_room(struct ring *ring, size_t size);

/* Copies one encoded message in, not yet visible to the peer; `size` is its
 * msg_size. False: no room. */
bool ring_put(struct ring *ring, const void *message, size_t size);

/* Announces what was put. True: the peer asked to be woken, ring the doorbell. */
bool ring_publish(struct ring *ring);

/* Asks to be woken when there is room for a message of `size` bytes; publish
 * first, the peer cannot take what it does not see. False: do not sleep, there
 * is room after all, or the ring is dead. */
bool ring_await_room(struct ring *ring, size_t size);

/* ---- consuming ---- */

/*
 * Copies the next message to `buffer` (at least max_message bytes). Returns its
 * size, 0 when there is none (or the ring is dead: look at fault).
 */
size_t ring_get(struct ring *ring, void *buffer);

/* Is there one? Looks at the page; false when the ring is dead. */
bool ring_has_message(struct ring *ring);

/* Announces what was taken. True: the peer waits for room, ring the doorbell. */
bool ring_release(struct ring *ring);

/* Asks to be woken by the next message; release first. False: do not sleep, a
 * message is there, or the ring is dead. */
bool ring_await_message(struct ring *ring);

/* ---- failing ---- */

/* Marks the ring dead and tells the peer so in the page. The first fault stays. */
void ring_poison(struct ring *ring, enum ring_fault fault);

/* The fault the peer announced, RING_OK if none (unknown codes read as RING_BAD_MESSAGE). */
enum ring_fault ring_peer_fault(const struct ring *ring);

const char *ring_fault_text(enum ring_fault fault);

#endif
