/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What the files of libxvmsg share. One section per file, in the order in which
 * they stand on each other:
 *
 *   handle    errors, the loop (descriptors, alarm); its settings are settings.c's
 *   request   requests and their responses, timeouts
 *   bus       the message ring of one connection
 *   connect   xenstore: finding the bus, the handshake, losing it
 *   offer     xenstore: our half of the handshake
 *   hotplug   xenstore: devices come and go
 *   area      shared memory
 *   queue     driver side of a split virtqueue
 *   config    a device's configuration, as its user sees it; config-write.c
 *             writes it
 *   init      a device from step to step; the steps are steps.h's
 *   resize    a queue gets another size
 *   device    a device's life
 *   heartbeat is anybody still there?
 *   blk       virtio-blk, a user of the public calls
 *
 * User callbacks run from many places below xvmsg_process(). They may close
 * devices, free areas and submit requests, so objects that lists here hold are
 * only marked by those calls; they are freed at the end of xvmsg_process()
 * (devices) or leave their list first (requests, areas).
 */
#ifndef XVMSG_INTERNAL_H
#define XVMSG_INTERNAL_H

#include "common/pending.h"
#include "common/platform.h"
#include "common/ring.h"
#include "common/store.h"
#include "frontend/xvmsg.h"
#include "xenstore-schema/handshake.h"

#define ERROR_SIZE 256
#define MAX_QUEUES 64u
#define NEVER UINT64_MAX
#define NS_PER_MS UINT64_C(1000000)

/* Feature bits, not all of which older kernel headers know. */
#define FEATURE_INDIRECT_DESC (UINT64_C(1) << 28)
#define FEATURE_EVENT_IDX (UINT64_C(1) << 29)
#define FEATURE_NOTIFICATION_DATA (UINT64_C(1) << 38)
#define FEATURE_RING_RESET (UINT64_C(1) << 40)

static inline uint32_t smaller(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

/* ---- request ---- */

struct request;
struct lane;

/* Reads a response of the awaited kind: fills `reply->u`, returns its status. */
typedef enum xvmsg_status request_take(const struct request *r, const struct msg *m,
                                       struct xvmsg_reply *reply);

/* What to send and what to do with the answer. A response's kind follows its
 * request's in the list of messages. */
struct request_call {
    struct msg msg; /* without token */
    request_take *take;
    xvmsg_done *done; /* may be NULL */
    void *user;
    uint32_t index; /* whatever `take` compares with: index, offset or value */
    uint32_t length;
    void *buffer;
};

struct request {
    struct request *older; /* all requests by age, hence by deadline */
    struct request *newer;
    struct request *ahead; /* in the same lane */
    struct request *behind;
    struct lane *lane;
    uint64_t deadline;
    uint16_t token;
    bool sent;
    struct request_call call;
    size_t size;
    uint8_t bytes[];
};

struct requests {
    struct request *oldest;
    struct request *newest;
    void *lanes; /* for tsearch() */
    struct lane *first_ready;
    struct lane *last_ready;
    uint16_t last_token;
};

/* 0, or -1 with ENOTCONN, EINVAL or ENOMEM and a sentence. */
int request_submit(struct xvmsg *h, const struct request_call *call);

/* A tail of words in wire bytes; free() it. NULL with a sentence. */
uint8_t *request_words(struct xvmsg *h, const uint32_t *values, size_t count);

/* Puts into the ring whatever may go. Returns 0, or the size of the message for
 * which there is no room. */
size_t request_send(struct xvmsg *h);

/* A response arrived; `m` is NULL when it cannot be decoded. */
void request_answer(struct xvmsg *h, const struct msg_header *header, const struct msg *m);

void request_expire(struct xvmsg *h);
/* When the next request expires, NEVER for none. */
uint64_t request_deadline(const struct xvmsg *h);

/* End the requests of one device, or all of them. */
void request_end_device(struct xvmsg *h, uint64_t device, enum xvmsg_status status);
void request_end_all(struct xvmsg *h, enum xvmsg_status status);

/* Lets nobody hear of the requests with this `done` and `user` again. */
void request_forget(struct xvmsg *h, xvmsg_done *done, const void *user);

/* ---- bus ---- */

struct bus {
    struct ring ring;
    void *pages;
    size_t num_pages;
    int port; /* -1: none */
    uint16_t max_message;
    bool strict; /* the configuration profile agreed on */
    uint8_t *incoming; /* max_message bytes, decoded messages point into it */
    uint8_t *outgoing; /* max_message bytes */
    bool look_again;   /* the ring was full, and there is room after all */
    bool mute;         /* the backend could not be notified */
    bool heard;        /* something came, or the bus is new, since the heartbeat looked */
    struct pending events;
    bool answer_ping;
    uint16_t ping_token;
    uint32_t ping_data;
};

/* Shares a fresh ring with the backend and allocates a port; refs has room for
 * its pages. -1 with a sentence and nothing held. */
int bus_open(struct xvmsg *h, unsigned order, uint16_t max_message, uint32_t *refs);
void bus_close(struct xvmsg *h);

/* Handles messages from the ring, some at most. True when it saw any. */
bool bus_receive(struct xvmsg *h);

/* Sends requests and events, and asks for a doorbell when the ring is full. */
void bus_send(struct xvmsg *h);

/* Asks for a doorbell with the next message. False: there is work, do not sleep. */
bool bus_sleep(struct xvmsg *h);

/* ---- connect ---- */

enum mode { MODE_IDLE, MODE_OBSERVING, MODE_DRIVING };

struct connection {
    enum mode mode;
    struct store_path front;
    struct store_path back;
    bool found;            /* `back` and `backend_domid` are known and watched */
    uint32_t backend_domid;
    enum xenbus_state own; /* what F/state says */
    enum xenbus_state peer;
    bool up; /* both Connected: requests may be sent */
    bool worked; /* was up since the last start */
    bool look_front; /* a watch fired: read it again */
    bool look_back;
    bool claim_front; /* F is not in our hands yet: write Initialising first */
    char refusal[ERROR_SIZE]; /* why it is not connected, "": nothing is known */
};

/* Both -1 when xenstore failed, which ends the handle. */
int connect_watch_fired(struct xvmsg *h, const struct platform_watch *watch);
int connect_step(struct xvmsg *h);

/* The connection is over because of us: says so in xenstore. */
int connect_break(struct xvmsg *h, const char *why);

/* Tells everybody that the connection is gone, and why. */
void connect_lost(struct xvmsg *h, const char *why);

/* Leaves the bus and xenstore as the next driver wants to find them. */
void connect_leave(struct xvmsg *h);

/* Reads where B is: 1 found, 0 there is no bus (and a sentence), -1 xenstore failed. */
int connect_find(struct xvmsg *h, struct store_path *back, uint32_t *backend_domid);

/* How far it came, for people. */
void connect_explain(struct xvmsg *h);

/* Is this errno of a xenstore call about the node, not about xenstore? */
bool connect_node_error(int error);
/* -1 with a sentence about a failed xenstore call, errno kept. */
int connect_store_failed(struct xvmsg *h, const char *what);

/* ---- offer ---- */

/* F's half of the handshake. 1 when written, 0 when the bus is going away, -1 when
 * xenstore failed. */
int offer_claim(struct xvmsg *h);    /* Initialising, nothing of an earlier driver left */
int offer_accepted(struct xvmsg *h); /* Connected */

/* Chooses from what the backend can do, shares a ring and offers it; or closes the
 * bus with a sentence. -1 when xenstore failed. */
int offer_make(struct xvmsg *h);

/* Closed, with the reason if there is one. -1 when xenstore failed. */
int offer_withdraw(struct xvmsg *h, const char *error);
void offer_leave(struct xvmsg *h);

/* ---- hotplug ---- */

struct known_device;

struct hotplug {
    struct known_device *first; /* in the order in which they were told of */
    struct known_device *last;
    void *by_number; /* the same, for tsearch() */
    bool scan;
};

int hotplug_watch_fired(struct xvmsg *h, const char *path);
int hotplug_step(struct xvmsg *h);
/* The bus is gone, and with it every device. */
void hotplug_all_gone(struct xvmsg *h);
void hotplug_free(struct xvmsg *h);
/* Writes F/device/NUMBER/state. */
int hotplug_mark(struct xvmsg *h, uint64_t number, const char *state);

/* ---- area ---- */

/* As xvmsg_area_free(), and `done` runs when the backend let go (XVMSG_OK), or
 * did not, the memory then staying until the connection ends. False: it is gone
 * already and `done` will not run. */
bool area_close(struct xvmsg_area *area, xvmsg_area_done *done, void *user);

/* Lets nobody hear of the areas with this `done` and `user` again. */
void area_forget(struct xvmsg *h, xvmsg_area_done *done, const void *user);

/* Before the requests end: no area is shared any more. */
void area_connection_lost(struct xvmsg *h);
/* After they ended: frees those nobody uses. */
void area_sweep(struct xvmsg *h);
void area_free_all(struct xvmsg *h);

/* ---- queue ---- */

struct queue_slot;
struct vring_desc;
struct vring_avail;
struct vring_used;

struct xvmsg_queue {
    struct xvmsg_device *device;
    unsigned index;
    unsigned size; /* 0: not set up */
    unsigned max_size; /* as the device said */
    bool resizing; /* nothing is pushed, nothing told */
    struct xvmsg_area *area; /* where it lies; the device's or one of its own */
    size_t room; /* bytes there */
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    struct vring_desc *tables; /* indirect ones, for chains that start in the first slots */
    uint64_t tables_address;   /* as the device knows it */
    unsigned num_tables;
    struct queue_slot *slots;
    uint32_t untold; /* chains pushed since the device was told, or did not want to be */
    uint16_t free_head;
    uint16_t num_free;
    uint16_t avail_idx;
    uint16_t used_idx;
    uint16_t in_flight;
    struct queue_slot *unused; /* of the last resize: whose tokens are to be given back */
    unsigned num_unused;
    unsigned next_unused;
};

/* Bytes of the rings of one queue, and where its parts lie. */
struct queue_layout {
    size_t avail;
    size_t used;
    size_t bytes; /* a multiple of 64 */
};

struct queue_layout queue_layout(unsigned size);
/* Bytes wanted behind the rings for indirect tables; 0 if those were not negotiated.
 * With fewer there are fewer tables. */
size_t queue_table_bytes(const struct xvmsg_queue *queue, unsigned size);
/* `memory` has queue->room bytes, at least layout.bytes of them and those zeroed,
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

/* A write on its way, of one range; see config-write.c. */
struct config_write {
    bool active;
    bool waiting; /* for the configuration to be read again */
    const uint8_t *data;
    struct config_range range;
    uint32_t written; /* bytes of it */
    unsigned tries;
    xvmsg_device_done *done; /* may be NULL */
    void *user;
};

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
    struct xvmsg_device *prev;
    struct xvmsg_device *next;
    struct xvmsg_device *next_attended;
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

struct devices {
    struct xvmsg_device *first;
    struct xvmsg_device *last;
    struct xvmsg_device *first_attended; /* few of many devices */
    struct xvmsg_device *last_attended;
    void *users; /* who uses a number now, for tsearch() */
};

/* ---- config, what can be done with it ---- */

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

/* The configuration was read again: goes on with a write that waits for it. */
void config_write_resume(struct xvmsg_device *d);
/* Ends a write, if there is one, and tells its user. */
void config_write_end(struct xvmsg_device *d, enum xvmsg_status status);
/* Wants no answers any more. */
void config_write_forget(struct xvmsg_device *d);

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

/* A device that runs told its status; breaks it when it wants a reset. */
void device_status_seen(struct xvmsg_device *d, uint32_t status);

void device_used(struct xvmsg *h, uint64_t number, uint32_t queue);
/* Calls the handle's config handler. */
void device_tell_config(struct xvmsg *h, uint64_t number, uint32_t status, uint32_t offset,
                        uint32_t length);
void device_config_event(struct xvmsg *h, const struct msg *m);
void device_gone(struct xvmsg *h, uint64_t number);
bool device_is_open(const struct xvmsg *h, uint64_t number);
void device_connection_lost(struct xvmsg *h);
/* Has device_tick() look at it from now on, until it is quiet again. */
void device_attend(struct xvmsg_device *d);
/* Polls, starts those that wait, frees those that are closed. */
void device_tick(struct xvmsg *h);
uint64_t device_deadline(const struct xvmsg *h);
void device_free_all(struct xvmsg *h);

/* ---- heartbeat ---- */

struct heartbeat {
    uint64_t interval; /* ns; 0: off */
    uint64_t due;
    bool asking; /* a PING is on its way */
    uint32_t data;
};

void heartbeat_tick(struct xvmsg *h);
uint64_t heartbeat_deadline(const struct xvmsg *h);
/* Wants no answers any more. */
void heartbeat_forget(struct xvmsg_device *d);

/* ---- blk ---- */

/* Ends everything in flight and frees all disks, without talking to the devices. */
void blk_free_all(struct xvmsg *h);

/* ---- handle ---- */

struct xvmsg {
    struct platform *platform;
    char error[ERROR_SIZE];
    bool dead; /* xenstored or a Xen device failed; for good */

    uint32_t bus_number;
    enum msg_form form;
    unsigned message_size; /* 0: the form's default */
    unsigned ring_order;
    bool want_strict;
    uint64_t timeout; /* ns */
    unsigned max_spin;
    unsigned spin; /* how often to look before sleeping, now */

    struct xvmsg_handlers handlers;
    void *user;

    int fd; /* epoll over the three below */
    int timer_fd;
    uint64_t alarm; /* when timer_fd fires; 0: it has, NEVER: it will not */
    bool turn;      /* the loop must go around once more before it sleeps */

    struct connection conn;
    struct bus bus;
    struct requests requests;
    struct hotplug hotplug;
    struct heartbeat heartbeat;
    struct xvmsg_area *areas;
    uint16_t last_area;
    struct devices devices;
    struct xvmsg_blk *disks;
};

/* A handle on a platform, which the handle owns from now on. NULL with errno,
 * the platform then still the caller's. */
struct xvmsg *xvmsg_new_on(struct platform *p);

/* Sets errno and the sentence; returns -1. */
int handle_fail(struct xvmsg *h, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

uint64_t handle_now(const struct xvmsg *h);

/* Makes xvmsg_fd() readable at `when` at the latest, 0: at once. */
void handle_alarm(struct xvmsg *h, uint64_t when);

/* Asks for another turn of the loop. */
void handle_turn(struct xvmsg *h);

/* The parts of xvmsg_process(), for the blocking calls. */
int handle_work(struct xvmsg *h);       /* everything that is due; -1 when dead */
void handle_work_ring(struct xvmsg *h); /* the ring and the requests alone */
bool handle_sleep(struct xvmsg *h);     /* arms everything; false: there is work */

#endif
