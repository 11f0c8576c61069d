/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both real ends of bus 0 of domain 7 with the relay between them: the library, and the
 * supervisor with a worker. One thread; the clock stands still unless told otherwise.
 *
 *     struct ends *e = ends_new(&(struct ends_setup){.message_size = 60});
 *     ends_attach(e, "disk");
 *     struct ends_call call = {0};
 *     xvmsg_get_device_info(e->h, 1, ends_answered, &call);
 *     ends_run(e, &call.done);
 *     ends_free(e);
 *
 * A wait during which nothing moves any more ends the case as failed.
 */
#ifndef XVMSG_ENDS_H
#define XVMSG_ENDS_H

#include <time.h>

#include "frontend/xvmsg-blk.h"
#include "frontend/xvmsg.h"
#include "tests/conformance/bus/relay.h"
#include "tests/integration/stage.h"

#define ENDS_DISK_BYTES (64 * 1024)
#define ENDS_SECTOR 512u

struct ends_setup {
    enum xvmsg_wire_form form;
    unsigned message_size; /* 0: the library's default */
    uint64_t first_number; /* of the devices; 0: the daemon's own */
    bool strict;           /* wanted by the library */
    bool doorbells;        /* of queues; likewise */
    bool apart;            /* do not connect yet */
    bool alone;            /* nor start a daemon: the test writes B */
};

struct ends {
    struct stage s;
    struct relay *relay;
    struct xvmsg *h;
    struct xvmsg_handlers handlers; /* the library's; a test may add some before ends_new() */
    bool connected;
    unsigned losses;     /* of the connection */
    char why[256];       /* the last one */
    char heard[1024];    /* "+1 ?1 -1 ": devices added, wanted back, gone */
    unsigned configs;    /* EVENT_CONFIG */
    uint64_t config_of;  /* the last one's device */
    uint32_t config_status;
    struct xvmsg_blk *blk;
    uint8_t sector[ENDS_SECTOR];
    unsigned quiet;    /* turns without a message */
    time_t quiet_since;
};

/* How one request ended; `times` must stay at 1. */
struct ends_call {
    bool done;
    unsigned times;
    unsigned turn; /* counts answers over all calls of a program */
    struct xvmsg_reply reply;
};

struct ends *ends_new(const struct ends_setup *setup);

/* Ends everything; asserts that nothing is left. */
void ends_free(struct ends *e);

/* The library's handle as ends_new() makes it, not connecting. */
void ends_make_handle(struct ends *e, const struct ends_setup *setup);

/* One turn of everybody. True when the relay had something to pass on. */
bool ends_turn(struct ends *e);

/* Runs all until *what; until the store says so (NULL: the node is gone); until
 * nothing moves. */
void ends_run(struct ends *e, const bool *what);
void ends_run_until_node(struct ends *e, const char *path, const char *value);
void ends_settle(struct ends *e);

/* Lets the clock go on and everybody look at it. */
void ends_pass(struct ends *e, unsigned milliseconds);

/* A disk of ENDS_DISK_BYTES; returns its number when the library has been told. */
uint64_t ends_attach(struct ends *e, const char *name);
void ends_detach(struct ends *e, const char *name, const char *how);

/* For `done`: user is a struct ends_call. */
xvmsg_done ends_answered;

/* Asserts that the request was taken; runs until it ended; returns how. */
enum xvmsg_status ends_finish(struct ends *e, int submitted, struct ends_call *call);

/* GET_DEVICE_INFO of a device that is there. */
struct xvmsg_device_info ends_info(struct ends *e, uint64_t device);

/* Opens device `number` as a disk; reads sector `n` of it into e->sector. */
void ends_open_disk(struct ends *e, uint64_t number);
enum xvmsg_status ends_read_sector(struct ends *e, unsigned n);

enum xvmsg_status ends_ping(struct ends *e, uint32_t data);
uint32_t ends_status(struct ends *e, uint64_t device);

/* Connected, with up to three disks, devices 1 to 3: "one", "two", "three", which
 * their first sectors begin with. Nothing has come by the relay yet. */
struct ends *ends_disks(enum xvmsg_wire_form form, unsigned count);

/* Everything a driver does with disk 1, the only one, and what else a bus is asked. */
void ends_use_everything(struct ends *e);

/* Numbers that look random and are the same in each run. */
uint32_t ends_random(void);

/* Does the node's value contain the words? Prints what it is if not. */
bool ends_node_says(struct ends *e, const char *path, const char *words);

#endif
