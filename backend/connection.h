/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A bus's connection to its frontend: the handshake's steps in xenstore, and
 * the worker's mapping of the ring that goes with them.
 */
#ifndef XVMSG_CONNECTION_H
#define XVMSG_CONNECTION_H

#include "backend/bus.h"

/* Takes the next step, as the store and the worker now stand. */
void connection_step(struct bus *bus);

/* Closes the bus with an error; the frontend may start anew. */
void connection_fail(struct bus *bus, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The worker's word about the connection. False: it has no business saying that. */
bool connection_answer(struct bus *bus, const struct ipc_message *message);

/* Does the worker owe an answer about the connection? */
bool connection_awaits(const struct bus *bus);

#endif
