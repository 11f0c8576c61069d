/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What the files that drive a device share, in the order in which they stand on
 * each other:
 *
 *   queue     driver side of a virtqueue; queue-split.c and queue-packed.c have
 *             what depends on its layout, grant.c what grant addresses change
 *   config    a device's configuration, as its user sees it; config-write.c
 *             writes it
 *   init      a device from step to step; the steps are steps.h's
 *   doorbell  a queue gets an event channel of its own
 *   resize    a queue gets another size
 *   device    a device's life
 *
 * What the connection asks of all devices is in internal.h.
 */
#ifndef XVMSG_FRONTEND_DEVICE_H
#define XVMSG_FRONTEND_DEVICE_H

#include "frontend/internal.h"

#define MAX_QUEUES 64u

/* Feature bits, not all of which older kernel headers know. */
#define FEATURE_INDIRECT_DESC (UINT64_C(1) << 28)
#define FEATURE_EVENT_IDX (UINT64_C(1) << 29)
#define FEATURE_RING_PACKED (UINT64_C(1) << 34)
#define FEATURE_NOTIFICATION_DATA (UINT64_C(1) << 38)
#define FEATURE_RING_RESET (UINT64_C(1) << 40)

/* ---- queue ---- */

struct queue_layout;
struct queue_slot;

struct xvmsg_queue {
    struct xvmsg_device *device;
    unsigned index;
    unsigned size; /* 0: not set up */
    unsigned max_size; /* as the device said */
    bool resizing; /* nothing is pushed, nothing told */
    struct bell *bell; /* its event channel; NULL: messages do */
    bool bell_bound;   /* by the backend as well */
    struct xvmsg_area *area; /* where it lies; the device's or one of its own */
    size_t room; /* bytes there */
    const struct queue_layout *layout; /* once set up */
    void *desc_part;   /* descriptors */
    void *driver_part; /* what else the driver writes */
    void *device_part; /* what else the device writes */
    uint8_t *tables;   /* indirect ones, for chains that start in the first slots */
    uint64_t tables_address;   /* as the device knows it */
    unsigned num_tables;
    struct queue_slot *slots;
    uint32_t next_avail; /* our place in what we write, as the layout counts */
    uint32_t next_used;  /* and in what the device writes */
    uint32_t untold; /* passed by us since the device was told, or did not want to be */
    uint16_t free_head;
    uint16_t num_free;
    uint16_t in_flight;
    struct queue_slot *unused; /* of the last resize: whose tokens are to be given back */
    unsigned num_unused;
    unsigned next_unused;
};

/* In the layout that was negotiated: is it a size for a queue of at most `max`? By grant
 * address it is a page's. */
bool queue_size_valid(const struct xvmsg_device *d, unsigned size, unsigned max);
/* Bytes of a queue's three parts; a multiple of 64. */
size_t queue_bytes(const struct xvmsg_device *d, unsigned size);
/* What a queue takes that needs so many bytes; by grant address whole pages. */
size_t queue_pages(const struct xvmsg_device *d, size_t bytes);
/* Bytes wanted behind the rings for indirect tables; 0 if those were not negotiated.
 * With fewer there are fewer tables. */
size_t queue_table_bytes(const struct xvmsg_queue *queue, unsigned size);
/* `memory` has queue->room bytes, at least queue_bytes() of them and those zeroed,
 * 64-byte aligned; the device knows it by `address`. -1 with ENOMEM. */
int queue_set_up(struct xvmsg_queue *queue, unsigned size, void *memory, uint64_t address);
/* The same for a queue that the device has let go of: clears the memory, and keeps
 * the tokens of what was in flight for xvmsg_queue_take_unused(). */
int queue_renew(struct xvmsg_queue *queue, unsigned size, void *memory, uint64_t address);
void queue_tear_down(struct xvmsg_queue *queue);
/* Is there anything for xvmsg_queue_pop()? */
bool queue_has_used(const struct xvmsg_queue *queue);
/* Does the device want to be told of the buffers pushed since queue_told()? */
bool queue_wants_notification(const struct xvmsg_queue *queue);
/* It was, or did not want to be. */
void queue_told(struct xvmsg_queue *queue);
/* Where the next buffer will be, as NOTIFICATION_DATA tells it. */
uint32_t queue_next_offset(const struct xvmsg_queue *queue);

/* ---- grant ---- */

/* A queue that is told by grant addresses lies in one page, so its chains are short. */
#define GRANT_MAX_CHAIN 256u

/* `count` buffers as the device knows them. How many they are; more than `room` when they
 * do not fit. */
unsigned grant_resolve(const struct xvmsg_device *d, const struct xvmsg_buffer *buffers,
                       unsigned count, struct xvmsg_buffer *wire, unsigned room);

/* ---- config ---- */

/* Bytes `from` to `to` - 1; none when both are the same. */
struct config_range {
    uint32_t from;
    uint32_t to;
};

typedef void config_done(struct xvmsg_device *d, struct config_range range,
                         enum xvmsg_status status);

struct config {
    uint8_t *bytes;              /* as the user sees it; NULL: its size is not known */
    uint8_t *fresh;              /* as far as it has been read anew */
    uint32_t generation;         /* of the last message that told one */
    struct config_range reading; /* empty: nothing is being read */
    struct config_range stale;   /* changed, and not being read yet */
    uint32_t at;                 /* the piece on its way */
    unsigned tries;
    config_done *done;
};

/* Reads the whole configuration; `done` runs unless -1. */
int config_read(struct xvmsg_device *d, config_done *done);
/* Stops reading. */
void config_forget(struct xvmsg_device *d);
/* Reads what changed while the device was not ready yet. */
void config_catch_up(struct xvmsg_device *d);
/* Takes a change over, or reads it, and tells the user. */
void config_event(struct xvmsg_device *d, const struct msg_event_config *event);
/* Reads a range that may have changed, as soon as it may. */
void config_changed(struct xvmsg_device *d, struct config_range range);

/* ---- config-write ---- */

/* A write on its way, of one range. */
struct config_write {
    bool active;
    bool waiting; /* for the configuration to be read again */
    const uint8_t *data;
    struct config_range range;
    uint32_t written; /* bytes of it */
    unsigned tries;
    unsigned reads; /* that ended while it waited, with more to read */
    xvmsg_device_done *done; /* may be NULL */
    void *user;
};

/* The configuration was read again, and is `current` or being read once more: goes
 * on with a write that waits for it. */
void config_write_resume(struct xvmsg_device *d, bool current);
/* Ends a write, if there is one, and tells its user. */
void config_write_end(struct xvmsg_device *d, enum xvmsg_status status);
/* Wants no answers any more. */
void config_write_forget(struct xvmsg_device *d);

/* ---- resize ---- */

struct resize {
    struct xvmsg_queue *queue; /* NULL: none is resized */
    unsigned size;
    bool begun;
    bool reset;              /* asked for: there is no way back */
    struct xvmsg_area *area; /* for the queue, which does not use it yet */
    xvmsg_device_done *done; /* may be NULL */
    void *user;
};

/* ---- device ---- */

enum device_phase {
    DEVICE_WAITING, /* for an earlier user of the number to be done */
    DEVICE_OPENING,
    DEVICE_READY,
    DEVICE_BROKEN,
    DEVICE_CLOSING,
    DEVICE_CLOSED, /* to be freed */
};

struct init_step;

struct xvmsg_device {
    TAILQ_ENTRY(xvmsg_device) in_all;
    TAILQ_ENTRY(xvmsg_device) in_attended;
    struct xvmsg *h;
    uint64_t number;
    enum device_phase phase;
    bool attended; /* device_tick() has something to do for it */
    bool started;  /* was the user of its number, or is */
    bool gone; /* removed: there is nothing to reset */
    struct xvmsg_driver driver;
    xvmsg_device_ready *ready;
    void *user;

    const struct init_step *step; /* while opening, closing or resizing */
    uint64_t poll_at;             /* NEVER: no reset is being waited for */
    uint64_t give_up_at;
    uint64_t expires_at;          /* NEVER: it does not */
    unsigned queue; /* the one being set up */
    struct resize resize;

    uint32_t status;
    struct xvmsg_device_info info;
    uint64_t offered;
    uint64_t features;
    uint32_t words[2]; /* features, on their way to or from the device */

    struct config config;
    struct config_write write;

    struct xvmsg_area *rings;
    struct xvmsg_area *buffers;
    struct pending_source events;
    uint32_t event_bits[PENDING_WORDS(PENDING_QUEUE(MAX_QUEUES))];
    struct xvmsg_queue queues[]; /* driver.num_queues of them */
};

/* ---- doorbell ---- */

/* Wants no answers any more. */
void doorbell_forget(struct xvmsg_device *d);
/* Rings the queue's, false when it has none. */
bool doorbell_ring(struct xvmsg_queue *queue);
/* Takes back the event channels of a device's queues. */
void doorbell_drop_all(struct xvmsg_device *d);

/* ---- init ---- */

void init_open(struct xvmsg_device *d);
void init_close(struct xvmsg_device *d);
/* Goes through these steps with a device that runs. */
void init_resize(struct xvmsg_device *d, const struct init_step *steps);
/* Wants no answers any more. */
void init_forget(struct xvmsg_device *d);
/* Polls the device that is being reset, when it is time. */
void init_tick(struct xvmsg_device *d);

/* What init reports back, in resize.c: ended for good; or badly, which may break the
 * device. */
void resize_end(struct xvmsg_device *d, enum xvmsg_status status);
void resize_failed(struct xvmsg_device *d, enum xvmsg_status status);
/* Ends it without telling anybody. */
void resize_drop(struct xvmsg_device *d);
void resize_tick(struct xvmsg_device *d);
/* Is one asked for that has not begun? */
bool resize_waits(const struct xvmsg_device *d);
/* Takes back what resized queues have of their own. */
void resize_free_areas(struct xvmsg_device *d);

/* What init reports back, in device.c. */
void device_opened(struct xvmsg_device *d);
void device_closed(struct xvmsg_device *d);
void device_open_failed(struct xvmsg_device *d, enum xvmsg_status status);

/* The device broke while it ran; the handle's error says how. */
void device_break(struct xvmsg_device *d, enum xvmsg_status status);

/* Breaks it with XVMSG_TIMEOUT at that time, of handle_now(); NEVER takes that back. */
void device_expire_at(struct xvmsg_device *d, uint64_t when);

/* A device that runs told its status; breaks it when it wants a reset. */
void device_status_seen(struct xvmsg_device *d, uint32_t status);

/* Has device_tick() look at it from now on, until it is quiet again. */
void device_attend(struct xvmsg_device *d);

#endif
