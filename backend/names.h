/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Names of requests that wait for something: each once, in order of coming. */
#ifndef XVMSG_NAMES_H
#define XVMSG_NAMES_H

#include <stdbool.h>

#include "xenstore-schema/schema.h"

#define NAMES_LENGTH_MAX XS_REQUEST_NAME_MAX

struct names_entry;

struct names {
    struct names_entry *first;
    struct names_entry *last;
    void *by_name; /* the same, for tsearch() */
};

/* A name that is there keeps its place; one that is too long is passed by. False:
 * out of memory. */
bool names_add(struct names *names, const char *name);

/* Takes the first out. False: there is none. */
bool names_take(struct names *names, char name[NAMES_LENGTH_MAX + 1]);

void names_free(struct names *names);

#endif
