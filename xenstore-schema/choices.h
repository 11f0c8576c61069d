/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What a device request says beside its type, target and UUID: keys of
 * B/request/NAME with their values, which the schema has found good. One block
 * without pointers, zero where unused, so that it can be sent and compared as it is.
 */
#ifndef XVMSG_CHOICES_H
#define XVMSG_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHOICES_SIZE 512

struct choices {
    char text[CHOICES_SIZE]; /* "KEY=VALUE", each with its NUL; an empty one is the last */
};

/* False, nothing changed: there is no room. A key is added once. */
bool choices_add(struct choices *choices, const char *key, const char *value);

/* The value, inside `choices`; NULL when the key was not given. */
const char *choices_get(const struct choices *choices, const char *key);

/* The value of a number, `otherwise` when the key was not given. */
uint64_t choices_number(const struct choices *choices, const char *key, uint64_t otherwise);

/* The "KEY=VALUE" behind `entry`, the first one for NULL; NULL behind the last. */
const char *choices_next(const struct choices *choices, const char *entry);

/* Bytes in use, with the end of the list: two are the same when these are. */
size_t choices_size(const struct choices *choices);

/* Of bytes that came from elsewhere: makes sure that the list ends. */
void choices_terminate(struct choices *choices);

#endif
