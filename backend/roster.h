/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The devices of a bus by number: 64-bit numbers, far apart, few. */
#ifndef XVMSG_ROSTER_H
#define XVMSG_ROSTER_H

#include "backend/device-state.h"

struct roster {
    struct device **devices; /* ascending by number */
    size_t count;
    size_t capacity;
};

/* Makes room for one more. False: out of memory. */
bool roster_reserve(struct roster *roster);

/* Adds a device whose number nobody here has; needs reserved room. */
void roster_insert(struct roster *roster, struct device *device);
void roster_remove(struct roster *roster, const struct device *device);

/* Any device with that number, leaving or not; NULL. */
struct device *roster_find(const struct roster *roster, uint64_t number);

/* The first device the guest may see with that number or above; NULL. */
struct device *roster_next(const struct roster *roster, uint64_t number);

/* The same, above that number. */
struct device *roster_after(const struct roster *roster, uint64_t number);

/* Forgets all; the devices are the caller's. */
void roster_free(struct roster *roster);

#endif
