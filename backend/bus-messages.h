/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Bus messages, the device side's: GET_DEVICES, PING, and this binding's own
 * AREA_SHARE, AREA_UNSHARE and QUEUE_DOORBELL.
 */
#ifndef XVMSG_BUS_MESSAGES_H
#define XVMSG_BUS_MESSAGES_H

#include "backend/answer.h"
#include "backend/roster.h"

/* Does it leave alone what queues are served with? */
bool bus_messages_harmless(const struct msg *message);

enum answer_when bus_messages_serve(const struct roster *roster, const struct device_host *host,
                                    const struct msg *message, struct answer *answer);

#endif
