/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device from the bus's side: what the message handlers and the worker see
 * and do. Device classes use device.h alone.
 */
#ifndef XVMSG_DEVICE_STATE_H
#define XVMSG_DEVICE_STATE_H

#include <linux/virtio_config.h>

#include "backend/answer.h"
#include "backend/device.h"
#include "backend/ipc.h"
#include "backend/part.h"
#include "common/codec.h"
#include "common/pending.h"
#include "common/platform.h"

/* What all devices of a worker share. */
struct device_host {
    const char *label; /* leads log lines */
    struct lane lane;        /* its own loop's */
    struct threads *threads; /* NULL: none */
    unsigned next_thread;    /* where the queues of a device begin */
    unsigned num_doorbells;
    bool strict;           /* the guest's SET_CONFIG has to name the generation */
    bool resume;           /* queues go on where another connection left them */
    struct pending pending;
    void (*event_waits)(void *user); /* `pending` has something for the ring */
    void (*settled)(void *user);     /* a reset is complete */
    void *user;
};

/* What of the configuration space the driver has not been told of yet. */
enum config_news {
    CONFIG_NO_NEWS,
    CONFIG_RANGE,    /* offset and length say what changed */
    CONFIG_ANYTHING, /* they do not */
};

struct device {
    const struct device_class *class;
    struct device_host *host;
    void *state;
    uint64_t number;
    char name[NAME_MAX_LENGTH + 1];
    struct msg_uuid uuid;

    uint64_t offered;
    uint64_t accepted;
    bool accepted_unknown; /* a bit above 63, none of which we offer */
    uint32_t generation;
    struct {
        enum config_news kind;
        uint32_t offset;
        uint32_t length;
    } news;
    uint32_t status; /* as the driver reads it */
    bool resetting;  /* chains are still out; status stays as it was */
    bool leaving;    /* removed as far as the guest can see */
    struct device *next_leaving; /* the worker's */

    /* Groups of its queues take turns among its parts; `part` is the only one without
     * threads. */
    uint32_t group; /* queues in one */
    uint32_t num_parts;
    struct part *parts;
    struct part part;
    struct doorbell **doorbells; /* by queue; NULL: none has one */

    struct pending_source events;
    uint32_t event_bits[PENDING_WORDS(DEVICE_MAX_QUEUES + 2)];

    /* A RESET_VQUEUE whose answer waits for chains to come back. */
    struct {
        bool waits;
        uint16_t token;
        uint32_t index;
    } queue_reset;

    struct log_limit log_limit; /* of the driver's mistakes */
    struct device_stats stats;
    uint32_t num_queues;
    struct queue *queues[];
};

/* The pending bit behind those of the queues: the answer to a RESET_VQUEUE. */
static inline uint32_t device_answer_bit(const struct device *device)
{
    return PENDING_QUEUE(device->num_queues);
}

/* Takes the descriptors when it succeeds. NULL with a sentence in why[DEVICE_WHY_MAX]. */
struct device *device_new(struct device_host *host, const struct device_class *class,
                          const struct ipc_device *what, const struct fds *fds, char *why);

/* No chain may be out: reset it and wait until it has settled. NULL is fine. */
void device_free(struct device *device);

/* SET_DEVICE_STATUS; the outcome is device->status. 0 begins a reset. */
void device_set_status(struct device *device, uint32_t wanted);

/* Begins a reset, complete when `resetting` is false: at once, or after
 * host->settled(). Harmless when one is going on. */
void device_reset(struct device *device);

/* The features that a driver may accept on this connection. */
uint64_t device_offered(const struct device *device);

/* May requests of its queues be served? */
bool device_running(const struct device *device);

/*
 * RESET_VQUEUE. True when it is complete (or refused: nothing was done); false
 * when the answer, with that token, will come through `pending`. Until then the
 * device takes no other request (queue_reset.waits).
 */
bool device_reset_queue(struct device *device, uint32_t index, uint16_t token);

/* The driver says that there are requests. */
void device_doorbell(struct device *device, uint32_t queue_index);

/* NULL for a queue the device does not have. */
struct queue *device_queue(const struct device *device, uint32_t index);

/* Whose queue is it? One that the device has. */
static inline struct part *device_part(const struct device *device, uint32_t index)
{
    return &device->parts[index / device->group % device->num_parts];
}

/* The driver is told of used buffers, by a message. */
void device_tell_used(struct device *device, uint32_t index);

/* Ends what waited for queues to be idle, if they are. */
void device_look_if_idle(struct device *device);

/* Fills in answer->msg with the message for a bit of `events`. */
void device_build_event(struct device *device, uint32_t bit, struct answer *answer);

/* The device a pending source belongs to. */
struct device *device_of_source(struct pending_source *source);

#endif
