/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A frontend (domain 5, a handle of the library) whose toolstack and backend
 * (domain 0) are played by the test (scripted-bus.h). All in one thread, but for
 * the blocking calls: backend_start() gives the backend a thread of its own.
 *
 *     struct backend *b = backend_new();
 *     backend_make_bus(b);
 *     backend_advertise(b);
 *     xvmsg_connect(b->h);
 *     backend_settle(b);       both ends do what they have to do now
 *     ...
 *     backend_free(b);         checks that nothing is left
 */
#ifndef XVMSG_SCRIPTED_BACKEND_H
#define XVMSG_SCRIPTED_BACKEND_H

#include "frontend/internal.h"
#include "tests/fake/fake-xen.h"
#include "tests/integration/scripted-bus.h"

#define BACKEND_GUEST 5u
#define BACKEND_B "/local/domain/0/backend/virtio-msg/5/0"
#define BACKEND_F "/local/domain/5/device/virtio-msg/0"

/* A handle in domain 5; no bus yet. */
struct backend *backend_new(void);

/* Frees the handle if it is still there; asserts that nothing is left. */
void backend_free(struct backend *b);

/* ---- running ---- */

/* Both ends, until nobody has anything to do now. */
void backend_settle(struct backend *b);

/* A bus with a backend, connected; in this form and configuration profile, and with
 * messages of at most so many bytes, 0 for the form's default. */
struct backend *backend_connected(void);
struct backend *backend_connected_as(enum msg_form form, unsigned max_message, bool strict);

/* The backend in its own thread, on the real clock, for blocking calls. */
void backend_start(struct backend *b);
void backend_stop(struct backend *b);

#endif
