/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One bus instance as the supervisor sees it: its two homes in xenstore, its
 * worker, its connection.
 *
 * Whatever happens - a watch, a message of the worker, a timer - only notes
 * what is due; bus_work() then looks at the store as it is now and takes the
 * next step. So nothing depends on the order in which things are reported, and
 * a step that failed is simply due again.
 */
#ifndef XVMSG_BUS_H
#define XVMSG_BUS_H

#include <sys/queue.h>

#include "backend/daemon.h"
#include "backend/ipc.h"
#include "backend/log.h"
#include "backend/names.h"
#include "backend/numbers.h"
#include "backend/offer.h"
#include "common/store.h"
#include "xenstore-schema/handshake.h"

/* What may be due. */
#define BUS_PRESENCE 0x1u /* does B exist, is it online? */
#define BUS_STATE 0x2u    /* the frontend's state, or our own next step */
#define BUS_REQUESTS 0x4u /* what the toolstack wants: every request */
#define BUS_RELEASES 0x8u /* a frontend let go of devices */
#define BUS_NOTED 0x10u   /* the requests noted by requests_note() */
#define BUS_ALL (BUS_PRESENCE | BUS_STATE | BUS_REQUESTS | BUS_RELEASES)

/* The worker and the guest's ring. */
enum bus_link {
    BUS_IDLE,          /* nothing mapped */
    BUS_CONNECTING,    /* CONNECT sent */
    BUS_MAPPED,        /* CONNECTED came, to be written in B */
    BUS_CONNECTED,     /* and is */
    BUS_DISCONNECTING, /* DISCONNECT sent */
};

struct request;

struct bus {
    struct bus *next;
    struct daemon *daemon;
    struct offer_source source; /* which bus this is */
    char label[32];             /* "dom 3 bus 0" */
    struct store_path home;     /* B */
    struct numbers numbers;
    unsigned due;
    bool online;
    bool watched;

    enum xenbus_state state; /* B/state; Initialising: to be advertised anew */
    char error[WHY_SIZE];    /* why the bus is closed */
    bool error_due;          /* and it is still to be written */
    bool error_heard;        /* the frontend's own reason was logged */
    bool offer_refused;      /* and is about `offer`, void if that has changed */

    struct process *worker; /* NULL: to be started, unless it died too often */
    uint64_t deaths_since;
    unsigned deaths;
    bool given_up;

    enum bus_link link;
    unsigned stale;           /* kinds the worker may have sent before it heard DISCONNECT */
    struct ipc_connect offer; /* what the worker was told */
    uint64_t advertised;      /* paces advertisements, see connection.c */

    /* There may be very many: what one of them needs does not touch the others. */
    TAILQ_HEAD(, request) requests; /* those the worker was asked for */
    void *requests_by_name;         /* the same, for tsearch() */
    void *requests_by_number;
    size_t adding;       /* of them: not announced yet */
    size_t owed;         /* answers about them that the worker owes */
    struct names noted;  /* of them: to be looked at */
    struct names held;   /* of them: to be asked for when the worker owes less */
    struct names wanted; /* others in the store, to be looked at */
    struct names later;  /* and those to be looked at when all is restored */
    LIST_HEAD(, open_target) targets; /* what devices stand on, if it is kept */
    bool numbers_started;
    bool restored; /* the worker has every device that already had a number */

    struct event *retry;
    struct event *pause;          /* runs before the next advertisement */
    struct event *link_answer;    /* runs while the worker owes an answer about the ring */
    struct event *request_answer; /* and this one about a device */
    struct log_limit limit;
    struct log_limit connected_limit;
    struct log_limit heard_limit;
    bool connected_said; /* and so its end is worth a line */
};

/* NULL when out of memory. Everything is due at once. */
struct bus *bus_new(struct daemon *daemon, uint32_t frontend, uint32_t id);

/* Lets the worker go, which unmaps everything; leaves the store alone. */
void bus_free(struct bus *bus);

/* Notes what is due and sees to it that bus_work() is called. */
void bus_touch(struct bus *bus, unsigned due);

/* The same, when others had their turn. */
void bus_touch_later(struct bus *bus, unsigned due);

/* Does what is due. False: B is gone, free the bus. */
bool bus_work(struct bus *bus);

/* Hands a tool that waits on `socket` to the worker, which answers it; the caller
 * keeps its own copy. `kind`: IPC_TRACE or IPC_STATS. -1 with a sentence. */
int bus_pass(struct bus *bus, enum ipc_kind kind, int socket, char why[WHY_SIZE]);

/* ---- for connection.c and request.c ---- */

/* Something failed that may pass: says so in the log, with errno, and has
 * everything looked at again after a while. */
void bus_retry(struct bus *bus, const char *what);

/* Sends to the worker, which then owes an answer. Whoever is not heard finds
 * out by the worker's death. */
void bus_send(struct bus *bus, const struct ipc_message *message, const struct fds *fds);

/* The same for what needs no answer. -1 with errno when the worker cannot take it now. */
int bus_offer(struct bus *bus, const struct ipc_message *message);

/* store_transaction() that fails with ENOENT when B is gone: a write would bring
 * part of it back. */
int bus_transaction(struct bus *bus, int (*body)(struct bus *bus, platform_tx tx, void *user),
                    void *user);

#endif
