/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Transport messages, the device's side: one handler per message.
 *
 * A well-formed request always gets its response, also when its arguments are
 * wrong: the response then carries the failure (length 0, zeros, or the state
 * as it was). Nothing but a reset changes a device before DRIVER is set.
 */
#ifndef XVMSG_TRANSPORT_H
#define XVMSG_TRANSPORT_H

#include "backend/answer.h"
#include "backend/device-state.h"

/* Serves one decoded transport message for its device. */
enum answer_when transport_serve(struct device *device, const struct msg *message,
                                 struct answer *answer);

#endif
