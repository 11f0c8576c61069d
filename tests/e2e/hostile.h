/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A guest that misbehaves: what its files share.
 *
 *   hostile          connects, and runs what was asked for
 *   hostile-ring     single rules of the bus, each on a connection of its own
 *   hostile-disk     single rules of a queue, on a disk
 *   hostile-chain    chains as nobody may write them
 *   hostile-class    all that one class of device may be told, on one connection
 *   hostile-any      of it, what has nothing to do with the class
 *   hostile-rng, hostile-console, hostile-net  and what has
 */
#ifndef XVMSG_HOSTILE_H
#define XVMSG_HOSTILE_H

#include <linux/virtio_ring.h>

#include "frontend/device.h"

#define PATIENCE_MS 20000

/* ---- hostile ---- */

extern struct xvmsg *h;
extern uint64_t number; /* the device's */
extern bool finished;

/* Says what became of it, the first time. */
void finish(const char *what, const char *how);

/* Ends the program with the library's sentence. */
void give_up(const char *what) __attribute__((noreturn));

/* One rule that is broken, on a connection of its own. */
struct hostile_case {
    const char *name;
    void (*run)(void);
    enum xvmsg_queue_layout layout;
    bool before_connecting;
    bool doorbells;
    bool patient; /* waits for its administrator */
};

/* ---- hostile-ring ---- */

extern const struct hostile_case hostile_ring_cases[];

/* Has the backend look at the ring. */
void ring_kick(void);
/* Tells the device of a queue, which it may have or not. */
void ring_tell(uint32_t queue);

/* ---- hostile-disk ---- */

extern const struct hostile_case hostile_disk_cases[];

/* Asked for the disk it holds. */
void disk_wanted_back(void);

/* ---- hostile-class ---- */

enum outcome {
    NOTHING,   /* within a while, or what it must not be */
    USED,      /* the chain came back */
    REFUSED,   /* it did, and says that it was refused */
    BROKEN,    /* the device wants a reset */
    ANSWERED,  /* a request was, as it should be */
    UNCHANGED, /* what was written did not count */
};

struct abuse {
    const char *name;
    enum outcome (*run)(struct xvmsg_device *device);
    enum outcome expected;
    bool by_class; /* false: a queue's own matter, whatever device it is of */
    enum xvmsg_queue_layout layout; /* that has such a thing */
};

struct hostile_class {
    const char *name;
    struct xvmsg_driver driver;
    /* Where hostile-any does its work: a queue, whose buffers the device writes or
     * reads. */
    unsigned queue;
    uint16_t flags;
    bool thorough; /* also with what is a queue's own matter */
    /* Does the device do what it is for? */
    bool (*good)(struct xvmsg_device *device);
    const struct abuse *abuses;
};

extern const struct hostile_class hostile_rng, hostile_console, hostile_net;
extern const struct abuse hostile_any[];

/* Runs all that fits the layout, and reads another device, a disk, in between. One line
 * for each, which begins with "good" when what became of it was expected; 0 when all do. */
int class_run(const struct hostile_class *class, uint64_t disk,
              enum xvmsg_queue_layout layout);
const struct hostile_class *class_now(void);

/* ---- hostile-chain ---- */

/* A descriptor. */
struct piece {
    uint64_t at; /* a place of the device's buffers or, as no place is, an address */
    uint32_t length;
    uint16_t flags; /* NEXT is set in all but the last */
};

#define CHAIN(...) (const struct piece[]){__VA_ARGS__}, \
        sizeof((const struct piece[]){__VA_ARGS__}) / sizeof(struct piece)

/* Bytes of the device's buffers, which all drivers here have. */
#define BUFFER_BYTES 131072u
uint8_t *chain_memory(const struct xvmsg_device *device);

/* Makes a chain available, as the only one or behind others. */
void chain_lay(struct xvmsg_queue *queue, const struct piece *pieces, unsigned count);
/* An indirect table at a place of the buffers. */
void chain_table(struct xvmsg_device *device, uint32_t at, const struct piece *pieces,
                 unsigned count);
/* Did the first of those that were laid, of `count` descriptors, come back? */
bool chain_back(struct xvmsg_queue *queue, unsigned count, uint32_t *written);

/* Lays a chain, tells the device, and waits for what becomes of it. */
enum outcome chain_offer(struct xvmsg_device *device, unsigned queue, const struct piece *pieces,
                         unsigned count);
/* Tells the device, and waits until a chain of so many descriptors is back, or not. */
enum outcome chain_await(struct xvmsg_device *device, unsigned queue, unsigned count);
/* What of the last chain that came back was written. */
uint32_t chain_written(void);

/* Another device is opened; did it ask for a reset since? */
void chain_begin(void);
bool chain_broke(void);

/* The driver's callbacks. */
void chain_used(struct xvmsg_device *device, unsigned index, void *user);
void chain_broken(struct xvmsg_device *device, enum xvmsg_status status, void *user);

#endif
