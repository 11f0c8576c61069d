/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What a frontend offers in F: read strictly, held against the schema's ranges
 * and against itself.
 */
#ifndef XVMSG_OFFER_H
#define XVMSG_OFFER_H

#include "backend/daemon.h"
#include "backend/ipc.h"

/* The transport feature bits we offer: a frontend accepts any of them. */
#define OFFER_TRANSPORT_FEATURES MSG_F_STRICT_CONFIG_GENERATION

/* Names a bus instance: one frontend domain, one of its buses. */
struct offer_source {
    struct platform *platform;
    uint32_t frontend;
    uint32_t bus;
};

/*
 * Reads F/state in `state`, 0 when there is none. 0, or -1 with a sentence in
 * `why` and errno: EINVAL for a value the frontend must not write, else
 * xenstore's trouble, which may pass.
 */
int offer_read_state(const struct offer_source *source, platform_tx tx, uint64_t *state,
                     char why[WHY_SIZE]);

/* Reads the whole offer, as offer_read_state(). Unused bytes of *offer are zero,
 * so two offers can be compared with memcmp(). */
int offer_read(const struct offer_source *source, platform_tx tx, struct ipc_connect *offer,
               char why[WHY_SIZE]);

/* Why the frontend closed the bus, printable; false when it does not say. */
bool offer_read_error(const struct offer_source *source, char text[WHY_SIZE]);

/* Is the frontend using device `number`? 1 or 0, or -1 as above. */
int offer_read_in_use(const struct offer_source *source, uint64_t number, char why[WHY_SIZE]);

#endif
