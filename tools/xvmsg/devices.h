/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The devices this domain offers, or is asked to, as xenstore shows them. */
#ifndef XVMSG_TOOL_DEVICES_H
#define XVMSG_TOOL_DEVICES_H

#include "common/platform.h"

/* Texts are NULL where there is nothing to say, but `name` never is. */
struct device {
    uint32_t domid;
    uint32_t bus;
    bool numbered;
    uint64_t number;
    char *domain;
    char *name;
    char *type;
    char *state;
    char *bus_state;
    char *bus_error;
    char *target;
    char *error;
};

struct devices {
    struct device *entries;
    size_t count;
};

/*
 * Those of one domain (name or id), or of all (NULL), in order of domain, bus
 * and number. 0, or -1 after a complaint; free *devices in both cases.
 */
int devices_collect(struct platform *p, const char *command, const char *domain,
                    struct devices *devices);
void devices_free(struct devices *devices);

#endif
