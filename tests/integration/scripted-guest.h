/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One worker with both of its neighbours played by the test: the supervisor at
 * the other end of its socket, and the guest of scripted-driver.h. All in one
 * thread: waiting means running the worker's loop.
 *
 * What every case relies on is asserted in here; a guest that waits for what
 * never comes ends the program by SIGALRM.
 */
#ifndef XVMSG_SCRIPTED_GUEST_H
#define XVMSG_SCRIPTED_GUEST_H

#include <event2/event.h>

#include "backend/ipc.h"
#include "backend/worker.h"
#include "tests/fake/fake-xen.h"
#include "tests/integration/scripted-driver.h"

#define GUEST_DOMID 5u
#define GUEST_MAX_SHARED 2048u /* pages that the supervisor allows in areas */

/* A worker that nobody has connected yet. */
struct guest *guest_new(void);

/* Ends all of it; checks that the worker left nothing open or mapped. */
void guest_free(struct guest *g);

/* ---- as the supervisor ---- */

/* A fresh ring, offered as a frontend would. */
struct ipc_message guest_offer(struct guest *g, enum msg_form form, uint16_t max_message);

/* Offers a ring and expects it to be accepted. */
void guest_connect(struct guest *g, enum msg_form form, uint16_t max_message);
void guest_disconnect(struct guest *g);

void guest_tell(struct guest *g, const struct ipc_message *message, int fd);
struct ipc_message guest_told(struct guest *g);

/* Adds a block device over `fd` (which is closed here); expects ADDED. */
void guest_add_blk(struct guest *g, uint64_t number, int fd, bool read_only);

/* A file of that many sectors, each filled with its number (modulo 256). */
int guest_disk(unsigned sectors);

#endif
