/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The daemon's side of B/request for tests of the admin tool: a thread that
 * answers every request of guest 5's bus 0 in one way.
 */
#ifndef XVMSG_TEST_ADMIN_DAEMON_H
#define XVMSG_TEST_ADMIN_DAEMON_H

#include "tests/fake/fake-xen.h"

enum admin_manner {
    ADMIN_GRANTS,    /* a number and a device; removes what shall be removed */
    ADMIN_REFUSES,   /* an error */
    ADMIN_DROPS,     /* the request vanishes */
    ADMIN_PULLS_OUT, /* so it does, but only when a size is to be looked at */
};

struct admin_daemon;

/* Holds the lock of xvmsgd from now on. */
struct admin_daemon *admin_daemon_start(struct fake_xen *fx, enum admin_manner manner);
void admin_daemon_stop(struct admin_daemon *d);

#endif
