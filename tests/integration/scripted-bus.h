/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A bus's backend whose every word can be changed, over any platform: the fake Xen of the
 * tests, with the library as its frontend (scripted-backend.h), or a real one. It plays
 * the toolstack too. It answers as a good backend would, unless the script takes a message
 * into its own hands.
 */
#ifndef XVMSG_SCRIPTED_BUS_H
#define XVMSG_SCRIPTED_BUS_H

#include <pthread.h>

#include "common/platform.h"
#include "common/ring.h"
#include "tests/integration/scripted-device.h"

struct fake_xen;
struct xvmsg;

#define BACKEND_AREAS 16u
#define BACKEND_DEVICES 4u
#define BACKEND_SPARE 64u

struct backend_area {
    uint16_t number; /* 0: none */
    uint8_t *memory;
    size_t pages;
    bool writable;
};

struct backend {
    struct platform *dom0;
    unsigned domid; /* of the frontend */
    char back[64];  /* B and F of the bus */
    char front[64];

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
    /* Changes what stands in the used ring for the buffer that is published next, or where. */
    void (*misuse)(struct backend *b, struct backend_queue *q, struct vring_used *used);
    bool lossy; /* what the ring has no room for is lost */
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

    /* The tests' stage, scripted-backend.h. */
    struct fake_xen *fx;
    struct xvmsg *h;
    struct platform *guest; /* h's platform */
    pthread_t thread;
    bool threaded;
    bool stop;
};

/*
 * What playing relies on, and nothing that a frontend could bring about. Whoever plays
 * says what becomes of it when it does not hold; it must not return then.
 */
void backend_check(bool holds, const char *what, const char *file, unsigned line);
#define BACKEND_CHECK(condition) backend_check((condition), #condition, __FILE__, __LINE__)

/* A backend in domain 0 of this bus of the domain's, which is not made by it. */
void backend_init(struct backend *b, struct platform *dom0, unsigned domid, unsigned bus);

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

/* Does what xenstore asks for: maps an offer, or ends. */
void backend_handshake(struct backend *b);

/* Answers messages, serves devices. */
void backend_serve(struct backend *b);

/* Both. */
void backend_step(struct backend *b);

/* ---- as the backend: messages ---- */

void backend_send(struct backend *b, const struct msg *m);
void backend_send_bytes(struct backend *b, const void *bytes, size_t size);

/* The response a good backend gives, with nothing but kind, token and device. */
struct msg backend_response(const struct msg *request);

/* Answers as a good backend. */
void backend_answer(struct backend *b, const struct msg *m);

/* A script: no byte of the configuration may be written. */
bool backend_refuse_writes(struct backend *b, const struct msg *m);
/* None may be read, however long it is said to be. */
bool backend_refuse_reads(struct backend *b, const struct msg *m);

/* Did this kind arrive, and how many stand before the first of another kind? */
int backend_first(const struct backend *b, enum msg_kind kind);

/* ---- as the backend: areas ---- */

void backend_share_area(struct backend *b, const struct msg *m);
void backend_unshare_area(struct backend *b, const struct msg *m);
void backend_drop_areas(struct backend *b);

/* Where an area address of the frontend lies; NULL when it lies nowhere. */
void *backend_memory(struct backend *b, uint64_t address, size_t size);
bool backend_may_write(struct backend *b, uint64_t address);

#endif
