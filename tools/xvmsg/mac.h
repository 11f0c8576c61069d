/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A MAC address for a guest's network interface that was given none. */
#ifndef XVMSG_TOOL_MAC_H
#define XVMSG_TOOL_MAC_H

#include "tools/xvmsg/bus.h"

/*
 * In Xen's range, 00:16:3e:00:00:00 to 00:16:3e:7f:ff:ff as xl's, and always the same for
 * one guest (by its UUID), bus and name of a device: who detaches the interface and
 * attaches it again finds the same card.
 */
void mac_derive(struct platform *p, platform_tx tx, const struct bus_id *id, const char *name,
                char text[MAC_TEXT_SIZE]);

#endif
