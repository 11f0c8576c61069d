/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Writing a device.
 *
 * A device is a struct device_class in a file of backend/devices/, with a line
 * in backend/devices/table.c. tests/examples/echo-device.c is the smallest, to
 * copy from; devices/rng.c has a timer, devices/blk.c files. What is
 * virtio about it (status, features, queues, configuration space, reset) is
 * done for you; the class says what the device is and does what the requests
 * ask for. No class sees a message, a grant, or xenstore.
 *
 * Life of an instance
 *
 *   create()      somebody wants this device. Check the target, keep what you
 *                 need, call device_offer_features(). There may be no guest yet.
 *   queue_kick()  the driver made requests available on a queue. Pop until NULL:
 *
 *                     while ((chain = queue_pop(queue)))
 *                         ...
 *
 *                 Called only between DRIVER_OK and reset. Everything a guest
 *                 can get wrong in a ring is caught below queue_pop().
 *   queue_push()  yours to call: gives a chain back with the number of bytes
 *                 written to it, whenever the work is done, from queue_kick()
 *                 or from a later call of the loop, in any order. Used rings,
 *                 notifications and in-flight counts follow from it.
 *   queue_stop()  the queue or the whole device is being reset: soon push every
 *                 chain of it that you hold back without work in progress (an
 *                 empty receive buffer, say). Chains with work in progress come
 *                 when that ends; the driver is told of the reset only then.
 *                 Nothing pushed from now on reaches the guest. May be NULL.
 *   reset()       a driver is done with the device, and no chain is out: forget
 *                 what it wrote to the configuration. May be NULL.
 *   destroy()     no chain is out. Close the target.
 *
 * The instance outlives connections: a guest that goes away resets the device,
 * the next one finds it fresh.
 *
 * Rules
 *
 * - Never block. Files go through aio.h; other descriptors through an event of
 *   device_event_base() or, those of a queue, of device_queue_base().
 * - A chain's bytes are the guest's, who may change them at any time: copy what
 *   you decide on (headers, lengths) once, with iov_take(), and use the copy.
 *   How a request is cut into pieces means nothing; see iov.h.
 * - Bytes for the guest go to the start of the chain's writable part, as many as
 *   queue_push() is told. Who writes elsewhere, a status byte at the end, sets
 *   chain->scattered: the memory may be a copy of the guest's.
 * - A request that is wrong in a way its status byte can tell is answered so.
 *   One that cannot even be answered is device_needs_reset(), with words, and
 *   its chain is still pushed (0 bytes).
 * - One thread, one loop: nothing here is called concurrently. queue_push() never
 *   destroys the instance under you; removal waits for the turn's end.
 * - A class that says how many queues make a `group` has groups served by several threads,
 *   if there are several: queue_kick() for one, the ends of operations it started, and its
 *   events, run beside those for another. All else is called while none of these runs, so
 *   what that changes (the configuration, the target's size) they may read without more ado.
 *   So is queue_kick() for a queue that queue_alone() says is to be alone, as a control
 *   queue is: it may change what the others read.
 */
#ifndef XVMSG_DEVICE_H
#define XVMSG_DEVICE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/aio.h"
#include "backend/fds.h"
#include "backend/queue.h"
#include "xenstore-schema/choices.h"

#define DEVICE_WHY_MAX 128

struct device;

/* What create() is given. */
struct device_setup {
    const char *name; /* for people, and for what the driver may read as id */
    const struct fds *fds; /* what it stands on, one at least unless the class says no_target;
                            * the device's to close, but only when create() succeeds */
    const struct choices *choices; /* by the keys of xenstore-schema/, with good values */
};

struct device_class {
    const char *name;     /* the type in xenstore and on the command line */
    uint32_t virtio_id;   /* VIRTIO_ID_* */
    uint32_t num_queues;  /* 1 to DEVICE_MAX_QUEUES */
    uint32_t num_admin_queues; /* the last ones of these */
    uint32_t queue_size;  /* the largest a driver may choose; a power of two */
    uint32_t config_size; /* bytes of configuration space, up to DEVICE_MAX_CONFIG */
    uint32_t group;       /* so many queues in a row, which have nothing to do with those of
                           * other groups; 0: all of them belong together */
    bool no_target;       /* stands on no file: create() gets no descriptor */

    /* How many queues this instance has, as its setup wants it: 1 to num_queues. NULL:
     * num_queues. */
    uint32_t (*count_queues)(const struct device_setup *setup);

    /* The instance's own state, or NULL with a sentence in why[DEVICE_WHY_MAX]
     * that begins with the instance's name. */
    void *(*create)(struct device *device, const struct device_setup *setup, char *why);
    void (*destroy)(void *state);
    void (*reset)(void *state);

    /* All config_size bytes as they are now, little-endian. NULL: there are none. */
    void (*read_config)(void *state, void *config);
    /* Applies a write that lies inside the configuration space; bytes that are
     * read-only are to be ignored. NULL: all of them are. */
    void (*write_config)(void *state, uint32_t offset, const void *bytes, uint32_t size);

    /* The shared memory region of that id, as the guest addresses it. False: there
     * is none. NULL: there never is. */
    bool (*get_shm)(void *state, uint32_t index, uint64_t *length, uint64_t *address);

    /* Whoever attached the device wants this otherwise now: one of the choices, with a
     * good value. NULL: none can be changed. */
    void (*set)(void *state, const char *key, const char *value);

    /* The file behind the device may have another size now. NULL: no matter. */
    void (*target_changed)(void *state);

    void (*queue_kick)(void *state, struct queue *queue);
    /* With a `group`: is this queue to be served while no other is, now? Asked while others
     * are. NULL: none ever is. */
    bool (*queue_alone)(const void *state, const struct queue *queue);
    void (*queue_stop)(void *state, struct queue *queue);
};

#define DEVICE_MAX_QUEUES 64u
#define DEVICE_MAX_CONFIG 256u

/* In create(): virtio feature bits (as masks) besides those of every device
 * here, VERSION_1, ACCESS_PLATFORM, NOTIFICATION_DATA, RING_RESET,
 * INDIRECT_DESC and EVENT_IDX. */
void device_offer_features(struct device *device, uint64_t features);

/* Did offer and driver agree on it? `feature` is a bit number, VIRTIO_BLK_F_*. */
bool device_has_feature(const struct device *device, unsigned feature);

/* For the files of a queue's requests, in the loop that serves it; the one with which to
 * open and close them; that loop, for anything else with a descriptor; and the one for what
 * is no queue's. */
struct aio *device_aio(const struct device *device, const struct queue *queue);
struct aio *device_file_aio(const struct device *device);
struct event_base *device_queue_base(const struct device *device, uint32_t queue_index);
struct event_base *device_event_base(const struct device *device);

/* Nanoseconds on the platform's monotonic clock. */
uint64_t device_now(const struct device *device);

/* Have requests looked for again on a queue at the end of this turn of the
 * loop, as if the driver had kicked it. */
void device_kick(struct device *device, uint32_t queue_index);

/*
 * These bytes of the configuration space have changed by themselves (0, 0:
 * anything may have): moves the generation and tells the driver. Call it in the
 * turn of the loop that brings the change, so that no driver sees the one without
 * the other; not for what write_config() applied.
 */
void device_config_changed(struct device *device, uint32_t offset, uint32_t length);

/* A line in the log, of what no guest can bring about. */
void device_say(const struct device *device, const char *what);

/* Trouble with what the device stands on: a line in the log, if it is the first in ten
 * seconds, for a guest can provoke it at will. */
void device_complain(struct device *device, const char *what);

/* The driver broke the rules (or we did): stop, log why, tell the driver that
 * only a reset helps. */
void device_needs_reset(struct device *device, const char *why);

#endif
