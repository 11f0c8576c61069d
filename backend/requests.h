/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * B/request: the devices the toolstack wants on a bus, from request to removal.
 * One new device at a time, in the order in which they come; those found together
 * in order of name.
 */
#ifndef XVMSG_REQUESTS_H
#define XVMSG_REQUESTS_H

#include "backend/bus.h"

/* Something changed in B/request/NAME: `path` is NAME or NAME/KEY. */
void requests_note(struct bus *bus, const char *path);

/* The frontend wrote that device's state. */
void requests_note_release(struct bus *bus, uint64_t number);

/* Looks at the requests that were noted, or at all there are, and takes the next
 * steps: some at a time. */
void requests_work(struct bus *bus, bool all);

/* Looks only at devices that wait for their frontend to let go. */
void requests_check_releases(struct bus *bus);

/* The worker's word about a device. False: it has no business saying that. */
bool requests_answer(struct bus *bus, const struct ipc_message *message);

/* Says once in the log what a driver that speaks the compact form does not see. */
void requests_tell_hidden(const struct bus *bus);

/* Does the worker owe an answer about a device? */
bool requests_await(const struct bus *bus);

/* The worker died: what it held is free, what it served is to be served anew. */
void requests_worker_died(struct bus *bus);

/* Forgets all, without a trace in the store. */
void requests_free(struct bus *bus);

#endif
