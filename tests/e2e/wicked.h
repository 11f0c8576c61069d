/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A backend that misbehaves: what its attacks share. wicked-backend plays them on real Xen,
 * test-frontend-wicked against the library. An attack is a function that is given a bus just made, InitWait not yet said, and plays a backend on it for as long
 * as it likes; whoever called it looks then whether the frontend serves a good backend.
 */
#ifndef XVMSG_WICKED_H
#define XVMSG_WICKED_H

#include "tests/integration/scripted-bus.h"

#define WICKED_QUIET_MS 150     /* nothing heard for so long: the frontend has dealt with it */
#define WICKED_REQUEST_MS 5600  /* what a frontend waits for an answer, and a little more */

#define WICKED_PATIENCE_MS 30000

struct attack {
    const char *name;
    const char *what;
    void (*run)(struct backend *b);
};

/* Each ends with an entry without a name. */
extern const struct attack wicked_answer_attacks[];
extern const struct attack wicked_bus_attacks[];
extern const struct attack wicked_device_attacks[];
extern const struct attack wicked_queue_attacks[];
extern const struct attack wicked_store_attacks[];

/* NULL-terminated. */
extern const struct attack *const wicked_tables[];

/*
 * Plays an attack, and then a good backend, whose disk the frontend has to use and to give
 * back. NULL, or what did not happen. *let_go: why the frontend gave the bus up during the
 * attack, for which there is another one then; NULL if it did not. free() it.
 */
const char *wicked_play_attack(struct backend *b, const struct attack *attack, char **let_go);

/* ---- what whoever plays brings, beside backend_check() ---- */

/* Makes a bus, of which the frontend hears. */
void wicked_new_bus(struct backend *b);

/* Until something may have happened, or so long. */
void wicked_pass(struct backend *b, unsigned ms);

/* Milliseconds since some time. */
uint64_t wicked_now(struct platform *xen);

/* ---- time passes, and the backend is played meanwhile ---- */

/* A short while, so long at most. */
void wicked_turn(struct backend *b, unsigned ms);

/* So long, whatever happens. */
void wicked_play(struct backend *b, unsigned ms);

/* Until nothing was heard of the frontend for so long. */
void wicked_quiet(struct backend *b, unsigned ms);

/* Until `holds` says so. False: it did not in `ms`. */
bool wicked_until(struct backend *b, bool (*holds)(struct backend *b), unsigned ms);

/* ---- steps of attacks ---- */

/* InitWait, and until the frontend is Connected. */
void wicked_connect(struct backend *b);

/* Has the frontend given the bus up? */
bool wicked_front_let_go(struct backend *b);

/* Devices are numbered from this on. */
void wicked_first_number(uint64_t number);

/* A device with the next number: a disk, and of another type. */
struct backend_device *wicked_add_disk(struct backend *b);
struct backend_device *wicked_add(struct backend *b, const char *type, uint32_t device_id);

/* It vanishes, and the frontend has seen that. */
void wicked_lose(struct backend *b, struct backend_device *d);

/* A disk that the script of the time sees, until all is quiet, and its end. */
void wicked_show_disk(struct backend *b, unsigned quiet_ms);

#endif
