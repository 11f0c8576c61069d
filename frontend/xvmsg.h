/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * libxvmsg: virtio devices in a Xen guest, driven from user space.
 *
 * A backend domain (dom0 or a driver domain) offers devices on a bus; this
 * library connects to the bus, tells which devices are there, carries the
 * virtio-msg requests to them, and runs their virtqueues in memory that it
 * shares with the backend once.
 *
 * Objects
 *   struct xvmsg         a handle: one bus of this guest. Owns all below.
 *   struct xvmsg_area    memory shared with the backend; buffers come from it.
 *   struct xvmsg_device  a device driven by this process: features negotiated,
 *                        queues running.
 *   Drivers for single types of device have headers of their own: xvmsg-blk.h,
 *   xvmsg-net.h, xvmsg-rng.h.
 *   Device numbers (uint64_t) name devices; a number is never used again while
 *   the guest lives.
 *
 * Two ways to use it, freely mixed
 *   Event driven: poll xvmsg_fd() for POLLIN with your own loop, call
 *   xvmsg_process() when it fires. No call blocks unless its comment says so;
 *   results come to callbacks, from inside xvmsg_process() only.
 *   Blocking: the calls that say "may block" run the same loop inside until
 *   their result is there; other callbacks may run meanwhile.
 *
 * Sending: requests and queue notifications are gathered, and leave in
 * xvmsg_process() or xvmsg_flush(); call the latter after submitting from
 * outside a callback.
 *
 * Errors: calls return -1 or NULL with errno, and xvmsg_error() has a sentence.
 * Asynchronous results carry an enum xvmsg_status.
 *
 * Threads: one thread at a time per handle. Callbacks may call anything on the
 * same handle but xvmsg_process(), the blocking calls and xvmsg_free().
 * Fork: a child must not use a handle; the bus is single-driver.
 *
 * Privilege: needs /dev/xen/xenbus, /dev/xen/evtchn and /dev/xen/gntalloc.
 *
 * Trust: what the backend writes into shared memory is checked before use; a
 * backend that breaks the rules closes the bus or breaks its device with a
 * named error, it does not corrupt the process. It can of course read and
 * change every byte of an area.
 */
#ifndef XVMSG_H
#define XVMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xvmsg;
struct xvmsg_area;
struct xvmsg_device;
struct xvmsg_queue;

/* How an asynchronous operation ended. */
enum xvmsg_status {
    XVMSG_OK = 0,
    XVMSG_TIMEOUT,            /* no response within the request timeout */
    XVMSG_BUS_CLOSED,         /* the connection ended before the response */
    XVMSG_DEVICE_REMOVED,     /* the device went away */
    XVMSG_MALFORMED_RESPONSE, /* the response was not one, or broke the rules */
    XVMSG_REFUSED,            /* the device or the backend said no */
    XVMSG_IO_ERROR,           /* virtio status: I/O error */
    XVMSG_UNSUPPORTED,        /* virtio status: request not supported */
    XVMSG_NO_MEMORY,          /* this process or its grant allowance is exhausted */
    XVMSG_CANCELLED,          /* closed by this process */
    XVMSG_NEEDS_RESET,        /* the device reported an error: close it, open it again */
    XVMSG_CONFIG_UNSTABLE,    /* the configuration changed each time it was read */
};

/* A few words for people ("timeout"); never NULL. */
const char *xvmsg_status_text(enum xvmsg_status status);

enum xvmsg_wire_form {
    XVMSG_WIDE,    /* 16-byte header, 64-bit device numbers (default) */
    XVMSG_COMPACT, /* 8-byte header; devices with numbers above 65535 are not told of */
};

enum xvmsg_device_event {
    XVMSG_DEVICE_ADDED = 1,    /* EVENT_DEVICE ADDED */
    XVMSG_DEVICE_GONE = 2,     /* EVENT_DEVICE REMOVED */
    XVMSG_DEVICE_REMOVING = 3, /* wanted back: close it, or lose it after a time */
};

/* ---- 1. a handle ---- */

/*
 * Opens Xen's devices. NULL with errno ENOMEM, ENOENT or EACCES; *why, if why
 * is not NULL, then points to a static sentence. Free with xvmsg_free().
 */
struct xvmsg *xvmsg_new(const char **why);

/* Disconnects and frees everything the handle owns, also half-made; NULL is
 * fine. Pending operations end with XVMSG_CANCELLED, their callbacks run. May
 * block for xenstored's answer, but does not wait for the backend to let go of memory
 * that it shares: Linux gives such pages back later, ten in a second, and a guest that
 * ends many connections one after the other runs out of them (1.4 MB for a disk). Who
 * can wait calls xvmsg_leave_wait() before. */
void xvmsg_free(struct xvmsg *h);

/* What the last failed call on this handle, or the last loss of the bus, was
 * about: a sentence, never NULL, valid until the next call. */
const char *xvmsg_error(const struct xvmsg *h);

/* ---- 2. settings, before connecting; EINVAL on a bad value, EBUSY after ---- */

int xvmsg_set_bus(struct xvmsg *h, unsigned bus); /* default 0 */
int xvmsg_set_wire_form(struct xvmsg *h, enum xvmsg_wire_form form);
/* Largest message to ask for, bytes: 60 (52 compact) to 65535; default 272 (264). */
int xvmsg_set_message_size(struct xvmsg *h, unsigned bytes);
/* Pages of the message ring as a power of two, 0 to 6; default 2. */
int xvmsg_set_ring_order(struct xvmsg *h, unsigned order);
/* How long a request may take, milliseconds, at least 1; default 5000. It is given up then,
 * or a tick of the kernel's (10 ms) later. */
int xvmsg_set_timeout(struct xvmsg *h, unsigned milliseconds);
/*
 * Gives each queue of a device an event channel of its own, when the backend can: its
 * notifications go past the message ring then. Devices do not offer NOTIFICATION_DATA
 * on such a bus. Default: false.
 */
int xvmsg_set_queue_doorbells(struct xvmsg *h, bool wanted);
/* How often the blocking calls and xvmsg_look() look at the rings, at most, before
 * a sleep; 0 turns that off. The default is at least 2000, and more where a sleep costs
 * more time than those take. They look half as often each time that
 * it does not help, then not at all but for an attempt at every 64th sleep. A count, not
 * a time, since reading a guest's clock may cost more than many looks. */
int xvmsg_set_spin(struct xvmsg *h, unsigned looks);

/*
 * After so many milliseconds without a message from the backend ask it whether it is
 * there; 0, the default: never. When no answer comes within the request timeout, every
 * open device is asked for its status; one that does not answer either is broken.
 */
int xvmsg_set_heartbeat(struct xvmsg *h, unsigned milliseconds);

/*
 * The strict configuration profile, if the backend offers it; default false. A
 * write then carries the generation of the configuration that was read and is
 * refused when that is not current, and no configuration is shown that was read
 * half before and half after a change. The profile in use: xvmsg_is_strict().
 */
int xvmsg_set_strict_config(struct xvmsg *h, bool wanted);

enum xvmsg_addresses {
    XVMSG_ADDRESS_AREA,  /* in areas, which the backend maps once */
    XVMSG_ADDRESS_GRANT, /* by grant references: the backend maps queues, and copies buffers
                          * when a request is made and when it is answered */
};

/*
 * How the device is told where queues and buffers are; default XVMSG_ADDRESS_AREA, which
 * is the faster. With XVMSG_ADDRESS_GRANT a queue has as many entries as fit into a page,
 * and a buffer takes a descriptor for each run of consecutive references.
 */
int xvmsg_set_addresses(struct xvmsg *h, enum xvmsg_addresses addresses);

enum xvmsg_queue_layout {
    XVMSG_QUEUE_ANY,    /* packed where the device offers it */
    XVMSG_QUEUE_SPLIT,
    XVMSG_QUEUE_PACKED, /* a device without packed queues cannot be opened */
};

/* How the queues of devices lie in memory; default XVMSG_QUEUE_ANY. Their users need
 * not know. */
int xvmsg_set_queue_layout(struct xvmsg *h, enum xvmsg_queue_layout layout);

struct xvmsg_handlers {
    /* The bus is usable. Runs again after every reconnect. */
    void (*connected)(struct xvmsg *h, void *user);
    /* It no longer is; xvmsg_error() says why. Devices opened on it are broken.
     * The library reconnects by itself when the backend starts anew. */
    void (*disconnected)(struct xvmsg *h, void *user);
    /* A device came or went. Each is ADDED once, when the bus is usable (or this
     * handle only observes), and GONE once; both outlive a reconnect. */
    void (*device)(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user);
    /* EVENT_CONFIG: `length` bytes at `offset` of the configuration changed (0, 0:
     * anything may have); `status` is the device's status now. An open device's
     * xvmsg_device_config() is new already. */
    void (*config)(struct xvmsg *h, uint64_t number, uint32_t status, uint32_t offset,
                   uint32_t length, void *user);
};

/* Any member may be NULL. Copied; may be called at any time. */
void xvmsg_set_handlers(struct xvmsg *h, const struct xvmsg_handlers *handlers, void *user);

/* ---- 3. connecting ---- */

/*
 * Starts to connect, and goes on by itself: waits for a bus that is not there
 * yet, reconnects when the backend restarts. EBUSY when another process drives
 * this bus, or this domain's kernel.
 */
int xvmsg_connect(struct xvmsg *h);

/* Only watches devices come and go, over xenstore, without driving the bus;
 * any number of processes may. */
int xvmsg_observe(struct xvmsg *h);

bool xvmsg_is_connected(const struct xvmsg *h);
/* Connected, and both ends keep to the strict configuration profile. */
bool xvmsg_is_strict(const struct xvmsg *h);

/* Poll this for POLLIN. The same until xvmsg_free(). */
int xvmsg_fd(const struct xvmsg *h);

/* Does what is due now; call when xvmsg_fd() is readable. 0, or -1 when the
 * handle can no longer work (xenstored or a Xen device failed). */
int xvmsg_process(struct xvmsg *h);

/* Sends what was gathered; in a callback that takes long, too. 0 or -1 as
 * xvmsg_process(). */
int xvmsg_flush(struct xvmsg *h);

/*
 * Both in one, for a loop that would rather look at the rings for a while than sleep.
 * `at_once`: xvmsg_fd() is readable, or the caller has other work, so this does what is
 * due. Else it sends what was gathered, and looks as often as xvmsg_set_spin() allows. 1:
 * it did something, call it again before sleeping. 0: nothing came, and the descriptor
 * tells of what will. -1 as xvmsg_process().
 */
int xvmsg_look(struct xvmsg *h, bool at_once);

/*
 * Blocking: runs the handle until *done, or for at most `milliseconds` (-1: no
 * limit; 0: one turn). 0 when *done; -1 with ETIMEDOUT, or as xvmsg_process().
 */
int xvmsg_run(struct xvmsg *h, const bool *done, int milliseconds);

/* Blocking: connects and waits until connected. -1 with ETIMEDOUT (xvmsg_error()
 * tells how far it came: no bus, no backend, refused ...) or as xvmsg_connect(). */
int xvmsg_connect_wait(struct xvmsg *h, int milliseconds);

/*
 * Blocking: gives the bus back, for good, and waits until the backend has let go of our
 * memory, for at most `milliseconds` (-1: no limit; 0: one look). As in xvmsg_free()
 * pending operations end with XVMSG_CANCELLED, their callbacks run, and devices, disks
 * and so on are gone; the pages stay shared until xvmsg_free(). 0 when the backend has
 * let go, or the bus was not connected, which needs no waiting; -1 with ETIMEDOUT, or as
 * xvmsg_process(). A backend that died without a word in xenstore costs all of the time.
 * Afterwards only xvmsg_free() and xvmsg_error() may be called, and this once more, to
 * wait on.
 */
int xvmsg_leave_wait(struct xvmsg *h, int milliseconds);

/* ---- 4. devices on the bus ---- */

struct xvmsg_device_entry {
    uint64_t number;
    char name[24];
    char type[16];
    bool removing;
};

/*
 * The devices xenstore shows now; needs no connection. Fills up to `capacity`
 * entries, in order of number; returns how many there are, which may be more.
 * -1 with ENOENT when there is no bus. Blocks for xenstored's answers only.
 */
ssize_t xvmsg_list_devices(struct xvmsg *h, struct xvmsg_device_entry *entries, size_t capacity);

/* ---- 5. one call per message ----
 *
 * Each sends one request; `done` (NULL: nobody cares) runs once, with the response
 * or with the way it failed. Requests to one device leave and are answered in order, one at a
 * time; different devices do not wait for each other. -1 with ENOTCONN, EINVAL
 * (a value no response could fit) or ENOMEM: `done` will not run.
 *
 * Buffers given to a request belong to the library until `done` ran.
 */

struct xvmsg_device_info {
    uint32_t device_id;
    uint32_t vendor_id;
    uint8_t uuid[16]; /* all zero: none */
    uint32_t num_feature_blocks;
    uint32_t config_size;
    uint32_t max_virtqueues;
    uint32_t admin_vq_start;
    uint32_t admin_vq_count;
};

/* SET_VQUEUE and GET_VQUEUE. `flags` is the message's; max_size is read only. */
struct xvmsg_vqueue {
    uint32_t index;
    uint32_t flags;
    uint32_t max_size;
    uint32_t size;
    uint64_t desc_addr;
    uint64_t driver_addr;
    uint64_t device_addr;
};

struct xvmsg_reply {
    enum xvmsg_status status;
    uint64_t device; /* 0 for bus requests */
    union {          /* valid when status is XVMSG_OK */
        struct xvmsg_device_info info;
        uint32_t num_blocks;    /* GET_DEVICE_FEATURES: blocks written to `features` */
        uint32_t device_status; /* GET_ and SET_DEVICE_STATUS */
        struct {
            uint32_t generation;
            uint32_t length; /* bytes read or applied; 0 = refused */
        } config;
        struct xvmsg_vqueue vqueue;
        struct {
            uint64_t length; /* 0 = no such region */
            uint64_t address;
        } shm;
        struct {
            uint64_t next_offset; /* 0 = nothing further */
            uint16_t count;       /* bits written to `bitmap` */
        } devices;
    } u;
};

typedef void xvmsg_done(struct xvmsg *h, const struct xvmsg_reply *reply, void *user);

int xvmsg_get_device_info(struct xvmsg *h, uint64_t device, xvmsg_done *done, void *user);
int xvmsg_get_device_features(struct xvmsg *h, uint64_t device, uint32_t block_index,
                              uint32_t num_blocks, uint32_t *features, xvmsg_done *done,
                              void *user);
int xvmsg_set_driver_features(struct xvmsg *h, uint64_t device, uint32_t block_index,
                              uint32_t num_blocks, const uint32_t *features, xvmsg_done *done,
                              void *user);
int xvmsg_get_config(struct xvmsg *h, uint64_t device, uint32_t offset, uint32_t length,
                     void *buffer, xvmsg_done *done, void *user);
/* `generation` is sent in the strict profile only, else 0 (DRV-29). */
int xvmsg_set_config(struct xvmsg *h, uint64_t device, uint32_t generation, uint32_t offset,
                     uint32_t length, const void *data, xvmsg_done *done, void *user);
int xvmsg_get_device_status(struct xvmsg *h, uint64_t device, xvmsg_done *done, void *user);
int xvmsg_set_device_status(struct xvmsg *h, uint64_t device, uint32_t status, xvmsg_done *done,
                            void *user);
int xvmsg_get_vqueue(struct xvmsg *h, uint64_t device, uint32_t index, xvmsg_done *done,
                     void *user);
int xvmsg_set_vqueue(struct xvmsg *h, uint64_t device, const struct xvmsg_vqueue *vqueue,
                     xvmsg_done *done, void *user);
int xvmsg_reset_vqueue(struct xvmsg *h, uint64_t device, uint32_t index, xvmsg_done *done,
                       void *user);
int xvmsg_get_shm(struct xvmsg *h, uint64_t device, uint32_t index, xvmsg_done *done, void *user);
/* `bitmap` has room for (count + 7) / 8 bytes; bit i stands for offset + i. */
int xvmsg_get_devices(struct xvmsg *h, uint64_t offset, uint16_t count, uint8_t *bitmap,
                      xvmsg_done *done, void *user);
int xvmsg_ping(struct xvmsg *h, uint32_t data, xvmsg_done *done, void *user);

/*
 * Waiting for one request, for blocking callers:
 *
 *     struct xvmsg_waiter w = {0};
 *     if (xvmsg_get_device_info(h, n, xvmsg_wake, &w) < 0 || xvmsg_wait(h, &w) < 0)
 *         ... xvmsg_error(h) ...
 *     use w.reply.u.info
 */
struct xvmsg_waiter {
    bool done;
    struct xvmsg_reply reply;
};

xvmsg_done xvmsg_wake;
/* Blocks until the request ended. 0 when it ended with XVMSG_OK; -1 with EIO. */
int xvmsg_wait(struct xvmsg *h, struct xvmsg_waiter *w);

/* ---- 6. shared areas ---- */

typedef void xvmsg_area_done(struct xvmsg_area *area, enum xvmsg_status status, void *user);

/*
 * Shares `bytes` (rounded up to pages) of zeroed memory with the backend, until
 * xvmsg_area_free(). NULL with ENOMEM, ENOSPC (grant allowance; see gntalloc's
 * `limit`), EINVAL (no size, or too large) or ENOTCONN. The area may be used when
 * `done` said XVMSG_OK. It ends with the connection: it then stays memory, but the
 * backend no longer sees it, and it can only be freed.
 */
struct xvmsg_area *xvmsg_area_new(struct xvmsg *h, size_t bytes, xvmsg_area_done *done, void *user);

/* Takes the area back; the memory goes when the backend has let go of it. Its
 * `done` does not run any more. NULL is fine. Queues and requests must no longer
 * use it. */
void xvmsg_area_free(struct xvmsg_area *area);

void *xvmsg_area_memory(const struct xvmsg_area *area);
size_t xvmsg_area_size(const struct xvmsg_area *area);

/* The address of a byte of the area, for the buffers of xvmsg_queue_push(). The device
 * knows it by the same, unless it is to be told grant addresses. */
uint64_t xvmsg_area_address(const struct xvmsg_area *area, const void *memory);

/* ---- 7. a device: initialization, queues, reset ---- */

/* What a driver asks of a device. */
struct xvmsg_driver {
    uint32_t device_id;    /* virtio device type it can drive; others are refused */
    /* Bits it can use; negotiated = these & offered. Of bits 24 to 41, which are the
     * library's matter, only NOTIFICATION_DATA (38) can be asked for; INDIRECT_DESC
     * (28), EVENT_IDX (29) and RING_RESET (40) are negotiated whenever offered. */
    uint64_t features;
    uint64_t needed;       /* bits it cannot do without */
    unsigned num_queues;   /* queues 0 .. num_queues - 1, at most 64 */
    unsigned queue_size;   /* entries wanted, a power of two; the device may have fewer */
    /* How many of them to set up, 1 to num_queues, now that features and configuration
     * are known; no device is too small then for having fewer. NULL: all. */
    unsigned (*count_queues)(struct xvmsg_device *device, void *user);
    size_t buffer_bytes;   /* area memory wanted for buffers, see xvmsg_device_buffers() */
    /* Queue `index` has used buffers: take them with xvmsg_queue_pop(), until NULL. */
    void (*used)(struct xvmsg_device *device, unsigned index, void *user);
    /* `length` bytes at `offset` of xvmsg_device_config() changed; 0, 0: anything may
     * have. */
    void (*config)(struct xvmsg_device *device, uint32_t offset, uint32_t length, void *user);
    /* The device broke, was removed, or lost its bus. Only xvmsg_device_close() now. */
    void (*broken)(struct xvmsg_device *device, enum xvmsg_status status, void *user);
};

typedef void xvmsg_device_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user);

/*
 * Takes a device through virtio's whole initialization: reset, ACKNOWLEDGE,
 * DRIVER, info, features, FEATURES_OK, configuration, queues, DRIVER_OK
 * (DRV-17 to DRV-54). `ready` runs once; with anything but XVMSG_OK
 * xvmsg_error() has a sentence, the device has been set to FAILED, and only
 * xvmsg_device_close() may follow. `driver` is copied. A device that is just being
 * closed is waited for. NULL with ENOTCONN, EBUSY (open already), EINVAL or ENOMEM:
 * `ready` will not run.
 */
struct xvmsg_device *xvmsg_device_open(struct xvmsg *h, uint64_t number,
                                       const struct xvmsg_driver *driver,
                                       xvmsg_device_ready *ready, void *user);

/*
 * Resets the device, takes its memory back and releases it (answering a
 * removal). Its callbacks do not run any more. NULL is fine.
 */
void xvmsg_device_close(struct xvmsg_device *device);

uint64_t xvmsg_device_number(const struct xvmsg_device *device);
const struct xvmsg_device_info *xvmsg_device_get_info(const struct xvmsg_device *device);
uint64_t xvmsg_device_features(const struct xvmsg_device *device); /* negotiated */
/* Its configuration, config_size bytes, kept up to date: what changes is taken from
 * the device's events or read again. A device that fails this read breaks. */
const void *xvmsg_device_config(const struct xvmsg_device *device);

/* How something asked of an open device ended. */
typedef void xvmsg_device_done(struct xvmsg_device *device, enum xvmsg_status status, void *user);

/*
 * Writes `length` bytes at `offset` of the configuration, and reads them back, so
 * that xvmsg_device_config() shows what the device made of them. More than a message
 * holds goes in pieces, in order; when one fails, those before it have been applied. In the strict profile a
 * piece that is refused because the configuration changed is sent again with the
 * current generation, a few times. `data` is the library's until `done` (may be
 * NULL) ran or the device is closed; XVMSG_REFUSED: the device does not take it. -1
 * with EIO (device not usable), EINVAL (not inside), EBUSY (a write is on its
 * way), ENOMEM.
 */
int xvmsg_device_write_config(struct xvmsg_device *device, uint32_t offset, const void *data,
                              uint32_t length, xvmsg_device_done *done, void *user);

/*
 * Gives queue `index` another size, up to what the device can do and, unless it is
 * packed, a power of two: resets it, lays it out anew, sets it up and looks whether the device took it.
 * From this call until `done` (may be NULL) xvmsg_queue_push() says EAGAIN. What
 * the device has used by the time of the reset is still announced with used() and
 * must be popped there; of everything else that was in flight
 * xvmsg_queue_take_unused() gives back the tokens. `done` with anything but
 * XVMSG_OK: the queue is as it was, if there was no memory for a larger one; else
 * the device broke. -1 with EIO (device not usable), ENOTSUP (RING_RESET was not
 * negotiated), EINVAL, EBUSY (a queue of the device is being resized).
 */
int xvmsg_device_resize_queue(struct xvmsg_device *device, unsigned index, unsigned size,
                              xvmsg_device_done *done, void *user);

/* The buffer memory asked for with buffer_bytes; a half or less of it where the
 * guest may not grant more pages (see xvmsg_area_size()). NULL for none. */
struct xvmsg_area *xvmsg_device_buffers(const struct xvmsg_device *device);
struct xvmsg_queue *xvmsg_device_queue(const struct xvmsg_device *device, unsigned index);

/* ---- 8. virtqueues, driver side ---- */

struct xvmsg_buffer {
    uint64_t address; /* from xvmsg_area_address() */
    uint32_t length;
};

unsigned xvmsg_queue_size(const struct xvmsg_queue *queue);
/* Free descriptors. A chain takes one for each buffer at most; with INDIRECT_DESC a
 * short one takes a single one, if the queue had room for its table. */
unsigned xvmsg_queue_free(const struct xvmsg_queue *queue);

/*
 * Offers one chain: `out` buffers the device reads, then `in` buffers it
 * writes, out + in >= 1. `token` (not NULL) comes back with it. -1 with ENOSPC
 * (queue full), EIO (device broken), EAGAIN (being resized), EINVAL. The device is
 * told at the next flush.
 */
int xvmsg_queue_push(struct xvmsg_queue *queue, const struct xvmsg_buffer *buffers, unsigned out,
                     unsigned in, void *token);

/* The next used chain: its token and the bytes written. NULL: none (EAGAIN), or
 * the device wrote nonsense and is broken now (EIO). Only who was told that there
 * is none hears of the next one from used(). */
void *xvmsg_queue_pop(struct xvmsg_queue *queue, uint32_t *written);

/*
 * Tokens of the chains that a resize of the queue found in flight and that the
 * device had not used: one for each call, in no order, NULL when all were given.
 * To be called when `done` of the resize runs or, if it broke the device, when
 * broken() does; until the next resize or xvmsg_device_close(). The buffers are the
 * caller's again, to push anew or not.
 */
void *xvmsg_queue_take_unused(struct xvmsg_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
