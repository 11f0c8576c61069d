/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The stage for a supervisor: a fake Xen with a toolstack in domain 0 and two
 * guests, 7 and 8, played by the test, and workers that follow a script. All in
 * one thread: time passes while stage_settle() and stage_wait() run the loop.
 */
#ifndef XVMSG_STAGE_H
#define XVMSG_STAGE_H

#include "backend/daemon.h"
#include "backend/ipc.h"
#include "backend/supervisor.h"
#include "backend/worker.h"
#include "tests/fake/fake-xen.h"

#define B7 "/local/domain/0/backend/virtio-msg/7/0"
#define F7 "/local/domain/7/device/virtio-msg/0"
#define B8 "/local/domain/0/backend/virtio-msg/8/0"
#define F8 "/local/domain/8/device/virtio-msg/0"

/* A worker of the script: answers at once that all went well. */
struct stage_worker {
    struct stage_worker *next;
    struct stage *stage;
    char label[64];
    int socket;
    struct event *readable;
    bool released;                      /* the supervisor closed its end */
    unsigned got[IPC_BUS_FAILED + 1];   /* messages of each kind */
    struct ipc_message last;
    struct ipc_message last_add;
    char target[64];                    /* first bytes of the last target */
    int tool;                           /* the last TRACE's socket, or -1 */
};

struct stage {
    struct fake_xen *fx;
    uint32_t backend;
    struct platform *toolstack; /* a handle of domain 0 */
    struct platform *guest;     /* domain 7 */
    struct platform *other;     /* domain 8 */
    struct event_base *base;
    struct daemon daemon;
    struct supervisor *supervisor;

    struct stage_worker *workers; /* newest first */
    unsigned spawned;
    unsigned spawns_to_fail;
    bool mute;            /* workers stop answering */
    bool keeps_devices;   /* workers do not answer DEVICE_REMOVE */
    const char *refusal;  /* workers refuse devices with this */

    char directory[32]; /* of targets; removed at the end */
};

/* `backend`: the domain the daemon runs in, 0 or a driver domain of its own. */
void stage_open(struct stage *s, uint32_t backend);

/* Stops the daemon and checks that nothing of it is left. */
void stage_close(struct stage *s);

void stage_start_daemon(struct stage *s);
void stage_stop_daemon(struct stage *s);

/* Runs the loop until nobody has anything to do now. */
void stage_settle(struct stage *s);

/* Runs it until the node has the value; NULL: until it is gone. A stage that
 * never gets there ends the program by SIGALRM. */
void stage_wait(struct stage *s, const char *path, const char *value);

/* Has the node this value? NULL: is there none? */
bool stage_is(struct stage *s, const char *path, const char *value);

/* Does the value contain these words? */
bool stage_says(struct stage *s, const char *path, const char *words);

/* Each asserts that it worked. */
void stage_write(struct platform *who, const char *path, const char *value);
void stage_remove(struct platform *who, const char *path);

/* As the toolstack: bus 0 of a guest in one transaction. */
void stage_make_bus(struct stage *s, uint32_t frontend);

/* As a guest: a good offer and Initialised in one transaction; as its driver
 * starts, which writes Initialising. */
void stage_offer(struct stage *s, struct platform *guest, uint32_t frontend);
void stage_begin(struct platform *guest, uint32_t frontend);

/* A bus, its offer, until both ends are Connected. */
void stage_connect(struct stage *s, struct platform *guest, uint32_t frontend);

/* With the daemon in domain 0, all of that, for guest 7. */
void stage_open_connected(struct stage *s);

/* A file of `size` bytes that begins with its own name; the path is static. */
const char *stage_target(struct stage *s, const char *name, long size);

/* As the toolstack: a request for a disk on bus 0 of domain 7. */
void stage_request(struct stage *s, const char *name, const char *target);

/* The disk "disk", which becomes device 1; guest 7 drives it. */
void stage_add_disk(struct stage *s);
void stage_use_disk(struct stage *s);

/* The living worker of a label, NULL when there is none; that of guest 7, asserted to be
 * there. */
struct stage_worker *stage_worker(struct stage *s, const char *label);
struct stage_worker *stage_worker_7(struct stage *s);

/* The worker says this out of turn. */
void stage_worker_says(struct stage_worker *w, enum ipc_kind kind, uint64_t number,
                       const char *text);

/* The worker is gone, as if it had crashed. */
void stage_worker_dies(struct stage_worker *w);

/* In place of the script's, for a `spawn` of the test's own: the true worker, in this
 * process, over `xen`. The supervisor's end of its socket. */
int stage_true_worker(struct stage *s, struct platform *xen, const char *label,
                      struct worker **worker);

/* The store of bus 0 of domain 7 is as the schema wants it. */
bool stage_keeps_schema(struct stage *s);

#endif
