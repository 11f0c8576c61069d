/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* systemd's notify protocol, as far as a service of type notify needs it. */
#ifndef XVMSG_NOTIFY_H
#define XVMSG_NOTIFY_H

/* Tells the service manager `state` ("READY=1"), if one asked to be told. */
void notify_manager(const char *state);

#endif
