/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Domain 0 as the admin tool finds it: a guest "web", 5, whose bus 0 has one device. */
#ifndef XVMSG_TEST_ADMIN_GUEST_H
#define XVMSG_TEST_ADMIN_GUEST_H

#include "tests/fake/fake-xen.h"

#define ADMIN_B "/local/domain/0/backend/virtio-msg/5/0"

/* One at a time. */
extern struct fake_xen *fx;
extern struct platform *dom0;

/* With device 7, of that name and type; and a request "waiting" for a disk, not granted. */
void admin_guest_start(const char *name, const char *type);
/* Checks that nothing is left. */
void admin_guest_stop(void);

/* A daemon that answers nobody: holds its lock from now on. */
struct platform *admin_guest_silent_daemon(void);

#endif
