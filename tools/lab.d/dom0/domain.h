/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (c) The xen-virtio-msg authors */

/* The guest that guest-run talks to: finding it, and noticing when it goes. */

#ifndef DOMAIN_H
#define DOMAIN_H

#include <stdbool.h>
#include <xenstore.h>

/* The domain id of the guest of that name, or -1. */
int domain_find(struct xs_handle *xs, const char *name);

/*
 * Waits until the guest's agent has announced itself, which it does when the
 * guest has booted or was restored.  From here on, events with the token "gone"
 * tell that some domain went away.  Returns NULL, or what went wrong.
 */
const char *domain_wait_ready(struct xs_handle *xs, int domid, int seconds);

/* Reads all events.  *gone: the guest went away.  True: there were others. */
bool domain_take_events(struct xs_handle *xs, int domid, bool *gone);

#endif
