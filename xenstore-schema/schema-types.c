/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The types of devices, and the keys of a request that each has. */

#include <stdio.h>
#include <string.h>

#include "xenstore-schema/schema.h"

#define TYPE_KEYS_MAX 12

struct device_type {
    const char *name;
    const char *needed[TYPE_KEYS_MAX];
    const char *optional[TYPE_KEYS_MAX];
    const char *settable[TYPE_KEYS_MAX]; /* of those, while the device lives */
};

static const struct device_type device_types[] = {
    {"blk", {XS_TARGET, XS_MODE}, {XS_CACHE, XS_QUEUES, XS_UUID}, {NULL}},
    {"net",
     {XS_MAC},
     {XS_BRIDGE, XS_SCRIPT, XS_MTU, XS_QUEUES, XS_LINK, XS_UUID},
     {XS_LINK}},
    {"console", {NULL}, {XS_OUTPUT, XS_PORTS, XS_UUID}, {NULL}},
    {"rng", {NULL}, {XS_RATE, XS_UUID}, {NULL}},
};

#define NUM_TYPES (sizeof(device_types) / sizeof(device_types[0]))

static const struct device_type *find_type(const char *name)
{
    for (size_t i = 0; i < NUM_TYPES; i++)
        if (strcmp(device_types[i].name, name) == 0)
            return &device_types[i];
    return NULL;
}

static bool among(const char *const keys[TYPE_KEYS_MAX], const char *key)
{
    for (size_t i = 0; i < TYPE_KEYS_MAX && keys[i]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static bool describes_devices(const char *key)
{
    for (size_t i = 0; i < NUM_TYPES; i++)
        if (among(device_types[i].needed, key) || among(device_types[i].optional, key))
            return true;
    return false;
}

enum schema_use schema_use(const char *type, const char *key)
{
    const struct device_type *t = find_type(type);

    if (!describes_devices(key))
        return SCHEMA_FOREIGN;
    if (!t)
        return SCHEMA_OPTIONAL;
    return among(t->needed, key)     ? SCHEMA_NEEDED
           : among(t->optional, key) ? SCHEMA_OPTIONAL
                                     : SCHEMA_UNFIT;
}

bool schema_settable(const char *type, const char *key)
{
    const struct device_type *t = find_type(type);

    return t && among(t->settable, key);
}

const char *schema_needed_key(const char *type, size_t i)
{
    const struct device_type *t = find_type(type);

    return t && i < TYPE_KEYS_MAX ? t->needed[i] : NULL;
}

const char *schema_settable_key(const char *type, size_t i)
{
    const struct device_type *t = find_type(type);

    return t && i < TYPE_KEYS_MAX ? t->settable[i] : NULL;
}

bool schema_output_path(const char *output, unsigned port, char *path, size_t size)
{
    int length = port ? snprintf(path, size, "%s.%u", output, port)
                      : snprintf(path, size, "%s", output);

    return length >= 0 && (size_t)length < size;
}
