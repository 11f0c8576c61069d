/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/devices/table.h"

#include <string.h>

static const struct device_class *const classes[] = {
    &blk_class,
    &console_class,
    &net_class,
    &rng_class,
};

const struct device_class *table_find(const char *name)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(classes[i]->name, name) == 0)
            return classes[i];
    }
    return NULL;
}
