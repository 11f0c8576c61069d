/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A frontend (domain 5, a handle of the library) whose toolstack and backend
 * (domain 0) are played by the test. The backend answers as a good one would,
 * unless the script takes a message into its own hands. All in one thread, but
 * for the blocking calls: backend_start() gives the backend a thread of its own.
 *
 *     struct backend *b = backend_new();
 *     backend_make_bus(b);
 *     backend_advertise(b);
 *     xvmsg_connect(b->h);
 *     backend_settle(b);       both ends do what they have to do now
 *     ...
 *     backend_free(b);         checks that nothing is left
 */
#ifndef XVMSG_SCRIPTED_BACKEND_H
#define XVMSG_SCRIPTED_BACKEND_H

#include <pthread.h>

#include "common/ring.h"
#include "frontend/internal.h"
#include "tests/fake/fake-xen.h"
#include "tests/integration/scripted-device.h"

#define BACKEND_GUEST 5u
#define BACKEND_B "/local/domain/0/backend/virtio-msg/5/0"
#define BACKEND_F "/local/domain/5/device/virtio-msg/0"
#define BACKEND_AREAS 16u
#define BACKEND_DEVICES 4u
#define BACKEND_SPARE 64u

struct backend_area {
    uint16_t number; /* 0: none */
    uint8_t *memory;
    size_t pages;
};

struct backend {
    struct fake_xen *fx;
    struct platform *dom0;
    struct xvmsg *h;
    struct platform *guest; /* h's platform */

    bool mapped;
    void *pages;
    size_t num_pages;
    int port;
    struct ring ring;
    enum msg_form form;
    uint8_t message[MSG_PROTOCOL_MAX];
    struct backend_area areas[BACKEND_AREAS];
    struct backend_device devices[BACKEND_DEVICES];

    /* The script: sees every message first; true when it has dealt with it. */
    bool (*script)(struct backend *b, const struct msg *m);
    bool mute; /* answers nothing */
    /* Changes an encoded message before it is sent, in a buffer with room for
     * BACKEND_SPARE more bytes; returns its size, 0: not sent. */
    size_t (*distort)(struct backend *b, uint8_t *bytes, size_t size);
    unsigned seen[MSG_KINDS];
    enum msg_kind order[4096];
    unsigned num_seen;
    struct msg last; /* without a usable tail */

    /* Listens: sees every message as it passes, first of all; what the driver sent
     * with the padding that its record has on the ring. */
    void (*tap)(void *user, bool from_driver, const uint8_t *bytes, size_t size);
    void *tap_user;
    uint8_t record[MSG_PROTOCOL_MAX + RING_ALIGN];
    unsigned connections; /* rings mapped so far */

    uint16_t area_answer; /* status of AREA_SHARE */
    uint16_t last_area_flags;

    pthread_t thread;
    bool threaded;
    bool stop;
};

/* A handle in domain 5; no bus yet. */
struct backend *backend_new(void);

/* Frees the handle if it is still there; asserts that nothing is left. */
void backend_free(struct backend *b);

/* ---- as the toolstack ---- */

void backend_make_bus(struct backend *b);
void backend_remove_bus(struct backend *b);

/* ---- as the backend: xenstore ---- */

/* Writes B/KEY, and F/KEY as whoever may. NULL removes. */
void backend_write(struct backend *b, const char *key, const char *value);
void backend_write_front(struct backend *b, const char *key, const char *value);

/* Has F/KEY this value? NULL: is it not there? */
bool backend_front_is(struct backend *b, const char *key, const char *value);
bool backend_front_says(struct backend *b, const char *key, const char *words);

/* What it can do, and InitWait. */
void backend_advertise(struct backend *b);

/* Lets go of the ring, as a backend that stops. */
void backend_drop(struct backend *b);

/* A disk appears, is wanted back, vanishes. */
struct backend_device *backend_add_disk(struct backend *b, uint64_t number, const char *name);
void backend_want_back(struct backend *b, uint64_t number);
void backend_vanish(struct backend *b, uint64_t number);

/* ---- running ---- */

/* Does what is due: maps an offer, answers messages, serves disks. */
void backend_step(struct backend *b);

/* Both ends, until nobody has anything to do now. */
void backend_settle(struct backend *b);

/* A bus with a backend, connected; in this form and configuration profile, and with
 * messages of at most so many bytes, 0 for the form's default. */
struct backend *backend_connected(void);
struct backend *backend_connected_as(enum msg_form form, unsigned max_message, bool strict);

/* The backend in its own thread, on the real clock, for blocking calls. */
void backend_start(struct backend *b);
void backend_stop(struct backend *b);

/* ---- as the backend: messages ---- */

void backend_send(struct backend *b, const struct msg *m);
void backend_send_bytes(struct backend *b, const void *bytes, size_t size);

/* The response a good backend gives, with nothing but kind, token and device. */
struct msg backend_response(const struct msg *request);

/* Answers as a good backend. */
void backend_answer(struct backend *b, const struct msg *m);

/* A script: no byte of the configuration may be written. */
bool backend_refuse_writes(struct backend *b, const struct msg *m);

/* Did this kind arrive, and how many stand before the first of another kind? */
int backend_first(const struct backend *b, enum msg_kind kind);

/* Where an area address of the frontend lies; NULL when it lies nowhere. */
void *backend_memory(struct backend *b, uint64_t address, size_t size);

#endif
