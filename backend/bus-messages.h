/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Bus messages, the device side's: GET_DEVICES, PING, and this binding's own
 * AREA_SHARE, AREA_UNSHARE and QUEUE_DOORBELL. Doorbells of queues are not
 * offered: every QUEUE_DOORBELL is answered AREA_BAD_REQUEST, and notifications
 * stay messages.
 */
#ifndef XVMSG_BUS_MESSAGES_H
#define XVMSG_BUS_MESSAGES_H

#include "backend/answer.h"
#include "backend/memory.h"
#include "backend/roster.h"

enum answer_when bus_messages_serve(const struct roster *roster, struct memory *memory,
                                    const struct msg *message, struct answer *answer);

#endif
