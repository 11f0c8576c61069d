/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A bus in the middle: backend to the frontend, frontend to the worker. It stands
 * between the supervisor and its worker too, and puts a ring of its own, granted by
 * the same guest, in the place of the one that the frontend offered; so areas, xenstore
 * and devices are what they are without it.
 *
 *     library --- ring --- relay --- ring --- worker
 *                            |                  |
 *                       supervisor (the relay passes on what the two say)
 *
 * Without a script it passes every message on as it is. All in one thread:
 * relay_step() does what is due.
 */
#ifndef XVMSG_RELAY_H
#define XVMSG_RELAY_H

#include <event2/event.h>

#include "common/codec.h"
#include "tests/fake/fake-xen.h"

enum relay_way { TO_DEVICE, TO_DRIVER };

/* A message as it was on the ring. */
struct relay_message {
    struct relay_message *next;
    enum relay_way way;
    size_t size;
    uint8_t bytes[];
};

struct relay;

/* Sees every message before it goes on, may change its bytes, and may send others.
 * False: this one does not go on. */
typedef bool relay_script(struct relay *relay, struct relay_message *m);

/* A relay between the supervisor, whose end of the socket is *supervisor, and a worker
 * of its own on this loop. */
struct relay *relay_new(struct fake_xen *fx, uint32_t guest, struct event_base *base,
                        const char *label, int *supervisor);
void relay_free(struct relay *relay);

/* Passes on what is there. True when anything was. */
bool relay_step(struct relay *relay);

void relay_set_script(struct relay *relay, relay_script *script, void *user);
void *relay_user(const struct relay *relay);
enum msg_form relay_form(const struct relay *relay);

/* Fills the bytes between a message's end and the next record's start, from now on. */
void relay_set_padding(struct relay *relay, uint8_t byte);

/* Lets messages of up to `size` bytes pass, whatever was agreed. */
void relay_set_limit(struct relay *relay, uint16_t size);

/* Sends bytes, or a message, one way, behind what is waiting there. */
void relay_send_bytes(struct relay *relay, enum relay_way way, const void *bytes, size_t size);
void relay_send(struct relay *relay, enum relay_way way, const struct msg *m);

/* ---- what came by, before the script changed it ---- */

/* Forgets it. */
void relay_forget(struct relay *relay);

size_t relay_count(const struct relay *relay);
const struct relay_message *relay_nth(const struct relay *relay, size_t n);

/* How many of a kind; the first of them from `from` on, NULL when there is none. */
unsigned relay_seen(const struct relay *relay, enum msg_kind kind);
const struct relay_message *relay_find(const struct relay *relay, enum msg_kind kind, size_t from);

/* Decoded; the tail points into the message. Asserts that it is one. */
struct msg relay_decode(const struct relay *relay, const struct relay_message *m);
bool relay_is(const struct relay *relay, const struct relay_message *m, enum msg_kind kind);

/* Were all bytes between messages zero, in both directions? */
bool relay_padding_was_zero(const struct relay *relay);

#endif
