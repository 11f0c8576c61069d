/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A library on a scripted backend, and what its handlers heard. */
#ifndef XVMSG_LISTENER_H
#define XVMSG_LISTENER_H

#include "tests/integration/scripted-backend.h"

/* As words: "up", "down", "+3", "?3" (removing), "-3", each with a space behind it. */
extern char heard[512];

/* Nothing is there yet; the bus is, and the library is connected. */
struct backend *listener_new(void);
struct backend *listener_connected(void);

#endif
