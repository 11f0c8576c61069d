/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Every message of a scripted bus, as it lay on the ring, for tests to look at. */
#ifndef XVMSG_RECORDING_H
#define XVMSG_RECORDING_H

#include "tests/conformance/driver/tap-check.h"
#include "tests/integration/scripted-backend.h"

struct recorded {
    unsigned connection; /* the bus's connections, counted from 1 */
    struct tap_message tap;
    struct msg m; /* decoded, when it could be */
    bool valid;
};

struct recording {
    struct backend *b;
    struct recorded *messages;
    size_t count;
    struct tap_bus buses[16]; /* by connection */
};

/* From now on, until recording_free(). */
void recording_start(struct recording *r, struct backend *b);
void recording_free(struct recording *r);

/* How many messages of this kind there are, and the nth, counted from 0 (NULL: none). */
unsigned recording_count(const struct recording *r, enum msg_kind kind);
const struct recorded *recording_find(const struct recording *r, enum msg_kind kind, unsigned nth);

/* Where the nth of this kind stands among all; -1 when there is none. */
long recording_place(const struct recording *r, enum msg_kind kind, unsigned nth);

/* Messages that the driver sent to this device, from place `from` on. */
unsigned recording_sent_to(const struct recording *r, uint64_t number, size_t from);

/* Shows all of it to the checker, with the devices that were announced. */
void recording_check(const struct recording *r, struct tap_check *t, const uint64_t *numbers,
                     unsigned num_numbers);

#endif
