/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One device request from the moment the worker is asked to serve it until its
 * last node is gone. Before that, and after a refusal, it stands in the store
 * only.
 *
 *   ADDING -> ADDED -> SERVED -> QUIESCING -> HELD -> REMOVING -> REMOVED
 *
 * What needs the store (ADDED: announce it; REMOVED: clean up) is a stage of
 * its own, so that it can be tried again.
 */
#ifndef XVMSG_REQUEST_H
#define XVMSG_REQUEST_H

#include "backend/bus.h"
#include "backend/wanted.h"

/* Answers a worker may owe at a time: what it is told must fit its socket. */
#define REQUEST_OWED_MAX 32

enum request_stage {
    REQUEST_ADDING,    /* DEVICE_ADD sent */
    REQUEST_ADDED,     /* the worker has it, the frontend does not know */
    REQUEST_SERVED,
    REQUEST_QUIESCING, /* the frontend was asked to let go */
    REQUEST_HELD,      /* to be removed, when the worker owes fewer answers */
    REQUEST_REMOVING,  /* DEVICE_REMOVE sent */
    REQUEST_REMOVED,   /* the worker let go, the store is to be cleaned */
};

/* Where a look at its target's size stands, see resize.h. */
enum request_resize {
    RESIZE_IDLE,
    RESIZE_ASKED, /* DEVICE_RESIZE sent */
    RESIZE_DONE,  /* the worker has looked, the node is to be removed */
};

struct request {
    TAILQ_ENTRY(request) link;
    struct bus *bus;
    char name[NAME_MAX_LENGTH + 1];
    char type[IPC_TYPE_MAX];
    uint64_t number;
    struct asked *asked;
    struct choices *settings; /* what the worker was told since, NULL: nothing */
    enum request_stage stage;
    bool announced;         /* its number stands in the store */
    bool passed_over;       /* something was asked of it before the worker had it */
    bool overdue;           /* the frontend had its time to let go */
    enum request_resize resize;
    uint64_t resize_count;  /* what the node said then */
    bool failed;
    char *failure;       /* goes to its error node */
    struct event *timer; /* NULL before it is quiescing: a device costs little while it lives */
};

/* A request the worker is about to be asked for; linked into its bus. */
struct request *request_new(struct bus *bus, const struct wanted *wanted, uint64_t number,
                            bool announced);
void request_free(struct request *request);

/* Moves it on to another stage, and its bus's counts with it. */
void request_enter(struct request *request, enum request_stage stage);

/* It will not become a device: why is told where it was asked for. */
void request_fail(struct request *request, const char *why);

struct request *request_by_name(const struct bus *bus, const char *name);
struct request *request_by_number(const struct bus *bus, uint64_t number);

/* B/request/NAME */
struct store_path request_dir(const struct bus *bus, const char *name);

/* The number in B/request/NAME, 0 when there is none. -1 with errno. */
int request_read_number(struct bus *bus, platform_tx tx, const char *name, uint64_t *number);

/* ---- request-step ---- */

/* Takes the step that is due; may free the request. */
void request_step(struct request *request);

/* Removes it now if its frontend let go, may not hold it, or had its time. */
void request_step_release(struct request *request);

/* ---- request-end ---- */

/*
 * Ends a request that is not served: `why` becomes its error, NULL removes the
 * request. A number it had (0: none) is released. False: to be tried again.
 */
bool request_end(struct bus *bus, const char *name, uint64_t number, const char *why);

/* Ends one that the worker let go of, and frees it, unless it is to be tried again. */
void request_end_removed(struct request *request);

#endif
