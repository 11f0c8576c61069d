/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What the files of libxvmsg share: the handle and its connection. One section per
 * file, in the order in which they stand on each other:
 *
 *   handle    errors, the loop (descriptors, alarm); its settings are settings.c's
 *   request   requests and their responses, timeouts
 *   bus       the message ring of one connection
 *   connect   xenstore: finding the bus, the handshake, losing it
 *   offer     xenstore: our half of the handshake
 *   hotplug   xenstore: devices come and go
 *   area      shared memory
 *   device    the devices; see device.h, which has the files that drive one
 *   doorbell  event channels of single queues
 *   heartbeat is anybody still there?
 *   held      disks, network interfaces and so on, users of the public calls: their life
 *
 * User callbacks run from many places below xvmsg_process(). They may close
 * devices, free areas and submit requests, so objects that lists here hold are
 * only marked by those calls; they are freed at the end of xvmsg_process()
 * (devices) or leave their list first (requests, areas).
 */
#ifndef XVMSG_INTERNAL_H
#define XVMSG_INTERNAL_H

#include <sys/queue.h>

#include "common/pending.h"
#include "common/platform.h"
#include "common/ring.h"
#include "common/store.h"
#include "frontend/xvmsg-blk.h"
#include "frontend/xvmsg-net.h"
#include "frontend/xvmsg-rng.h"
#include "frontend/xvmsg.h"
#include "xenstore-schema/handshake.h"

#define ERROR_SIZE 256
#define NEVER UINT64_MAX
#define NS_PER_MS UINT64_C(1000000)

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
    TAILQ_ENTRY(request) by_age;
    TAILQ_ENTRY(request) in_lane;
    struct lane *lane;
    uint64_t deadline;
    uint16_t token;
    bool sent;
    struct request_call call;
    size_t size;
    uint8_t bytes[];
};

struct requests {
    TAILQ_HEAD(, request) all; /* by age, hence by deadline */
    void *lanes;               /* for tsearch() */
    TAILQ_HEAD(, lane) ready;
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
    bool doorbells; /* agreed on: queues have event channels of their own */
    uint8_t *incoming; /* max_message bytes, decoded messages point into it */
    uint8_t *outgoing; /* max_message bytes */
    bool receiving;    /* a message, which callbacks may be told of */
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
    bool left; /* by us, for good: nothing happens any more but waiting for the next */
    bool let_go; /* then: the backend has nothing of ours mapped */
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

/* Leaves the bus and xenstore as the next driver wants to find them. What the backend may
 * still have mapped stays shared from then on, until the handle is freed. */
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
    TAILQ_HEAD(, known_device) known; /* in the order in which they were told of */
    void *by_number;                  /* the same, for tsearch() */
    bool scan;
    bool asked;    /* by an event: scan as soon as it may be */
    uint64_t paid; /* scans asked for by events are paid with time until then */
};

int hotplug_watch_fired(struct xvmsg *h, const char *path);
int hotplug_step(struct xvmsg *h);
/* The backend says that devices came or went. */
void hotplug_ask(struct xvmsg *h);
/* When a scan that was asked for may be, NEVER for none. */
uint64_t hotplug_deadline(const struct xvmsg *h);
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

/* Tells who waits for areas that need no answer. */
void area_tick(struct xvmsg *h);

/* Bytes from there on that one descriptor can name, however long it may be. */
size_t area_run(const struct xvmsg_area *area, const void *memory);

/* Is it an address that xvmsg_area_address() gave for this area? */
bool area_contains(const struct xvmsg_area *area, uint64_t address);

/* The area of such an address; NULL for any other. */
const struct xvmsg_area *area_find(const struct xvmsg *h, uint64_t address);

/* A buffer in the area, or as much of its beginning as one descriptor can name, as the
 * device knows it. What is not in the area stays as it is. */
struct xvmsg_buffer area_resolve(const struct xvmsg_area *area, const struct xvmsg_buffer *buffer);

/* A byte of the area as the device knows it. */
uint64_t area_wire_address(const struct xvmsg_area *area, const void *memory);

/* Lets nobody hear of the areas with this `done` and `user` again. */
void area_forget(struct xvmsg *h, xvmsg_area_done *done, const void *user);

/* Before the requests end: no area is shared any more. */
void area_connection_lost(struct xvmsg *h);
/* After they ended: frees those nobody uses. */
void area_sweep(struct xvmsg *h);
void area_free_all(struct xvmsg *h);

/* ---- devices, as the connection sees them; device.h has what they are ---- */

TAILQ_HEAD(attended, xvmsg_device);

struct devices {
    TAILQ_HEAD(, xvmsg_device) all;
    struct attended attended; /* few of many devices */
    void *users;              /* who uses a number now, for tsearch() */
    void *waiting;            /* who is to use it next: all that are DEVICE_WAITING */
};

void device_used(struct xvmsg *h, uint64_t number, uint32_t queue);
/* Calls the handle's config handler. */
void device_tell_config(struct xvmsg *h, uint64_t number, uint32_t status, uint32_t offset,
                        uint32_t length);
void device_config_event(struct xvmsg *h, const struct msg *m);
void device_gone(struct xvmsg *h, uint64_t number);
bool device_is_open(const struct xvmsg *h, uint64_t number);
void device_connection_lost(struct xvmsg *h);
/* Polls, starts those that wait, frees those that are closed. */
void device_tick(struct xvmsg *h);
uint64_t device_deadline(const struct xvmsg *h);
void device_free_all(struct xvmsg *h);

/* ---- doorbell ---- */

struct bell;

struct doorbells {
    void *by_port; /* for tsearch() */
    LIST_HEAD(, bell) all;
};

/* The port fired. */
void doorbell_fired(struct xvmsg *h, uint32_t port);
/* Looks at the used rings themselves; true when one had something for its user. */
bool doorbell_look(struct xvmsg *h);

/* ---- heartbeat ---- */

struct heartbeat {
    uint64_t interval; /* ns; 0: off */
    uint64_t due;
    bool asking; /* a PING is on its way */
    uint32_t data;
};

void heartbeat_tick(struct xvmsg *h);
uint64_t heartbeat_deadline(const struct xvmsg *h);
/* Wants no answers about this device any more. */
void heartbeat_forget(struct xvmsg_device *d);

/* ---- held ---- */

struct held;

struct held_class {
    size_t size; /* of what begins with struct held */
    void (*close)(struct held *held);     /* the device; ends what is under way */
    void (*break_off)(struct held *held); /* breaks the device: the handle goes */
    void (*clear)(struct held *held);     /* frees what is its own; may be NULL */
};

/* What a device is for its user: a disk, a network interface and so on. Begins their
 * structs. */
struct held {
    LIST_ENTRY(held) in_all;
    const struct held_class *class;
    bool closed;
    unsigned holds; /* it is freed when it is closed and nobody holds it */
};

/* Zeroed but for that. NULL with a sentence. */
void *held_new(struct xvmsg *h, const struct held_class *class, uint64_t number);
/* Frees what could not be opened; NULL, with errno as it was. */
void *held_fail(struct held *held);

/* Around callbacks and blocking calls, in which it may be closed. */
void held_hold(struct held *held);
void held_release(struct held *held);

void held_close(struct held *held);
/* Ends everything in flight and frees all there are, without talking to the devices. */
void held_free_all(struct xvmsg *h);

/* For the blocking calls, what a callback told. */
struct held_outcome {
    bool done;
    enum xvmsg_status status;
    size_t length;
};

/* Waits for it to be open. When it cannot be it is closed, and this is NULL with EIO. */
void *held_await(struct held *held, struct xvmsg *h, const struct held_outcome *outcome);

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
    enum xvmsg_queue_layout queue_layout;
    bool want_doorbells;
    uint64_t timeout; /* ns */
    unsigned max_spin;
    unsigned spin; /* how often to look before sleeping, now */
    unsigned unspun; /* sleeps without a look since the last one with */

    struct xvmsg_handlers handlers;
    void *user;

    int fd; /* epoll over the three below */
    int timer_fd;
    uint64_t alarm; /* when timer_fd fires; 0: it has, NEVER: it will not */
    bool turn;      /* the loop must go around once more before it sleeps */
    unsigned ready; /* descriptors found readable, by bit */
    unsigned blind; /* turns since they were looked at */
    bool ahead;     /* the event channel was readable at the last nap, and was not read */
    uint64_t now;   /* the clock as last read in this turn; 0: not yet */

    struct connection conn;
    struct bus bus;
    struct requests requests;
    struct hotplug hotplug;
    struct heartbeat heartbeat;
    struct xvmsg_area *areas;
    uint16_t last_area;
    bool grant_addresses; /* areas are not shared, and addressed by their references */
    bool fresh_areas;     /* area_tick() has something to do */
    struct devices devices;
    struct doorbells doorbells;
    LIST_HEAD(, held) held;
};

/* A handle on a platform, which the handle owns from now on. NULL with errno,
 * the platform then still the caller's. */
struct xvmsg *xvmsg_new_on(struct platform *p);

/* Leaves the bus and ends all that is under way; done already it does nothing. */
void handle_leave(struct xvmsg *h);

/* Sets errno and the sentence; returns -1. */
int handle_fail(struct xvmsg *h, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

uint64_t handle_now(struct xvmsg *h);
/* The same or a little earlier: as last read in this turn. A clock read is a system
 * call in many guests. */
uint64_t handle_lately(struct xvmsg *h);

/* Reads the clock only when it may be. */
bool handle_is_past(struct xvmsg *h, uint64_t when);

/* Makes xvmsg_fd() readable at `when` at the latest, 0: at once. */
void handle_alarm(struct xvmsg *h, uint64_t when);

/* Asks for another turn of the loop. */
void handle_turn(struct xvmsg *h);

/* The parts of xvmsg_process(), for the blocking calls. */
void handle_look(struct xvmsg *h);      /* sees which descriptors are ready */
int handle_work(struct xvmsg *h);       /* everything that is due; -1 when dead */
void handle_work_ring(struct xvmsg *h); /* the ring and the requests alone */
/* Sleeps until a descriptor is ready, something is due or the time `end` has come;
 * not at all when there is work. Unlike a caller's own poll() it needs no timer. */
void handle_nap(struct xvmsg *h, uint64_t end);

#endif
