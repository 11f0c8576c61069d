/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The device classes there are. */
#ifndef XVMSG_DEVICES_TABLE_H
#define XVMSG_DEVICES_TABLE_H

#include "backend/device.h"

extern const struct device_class blk_class;
extern const struct device_class console_class;
extern const struct device_class net_class;
extern const struct device_class rng_class;

/* The class of that name, NULL when there is none. */
const struct device_class *table_find(const char *name);

#endif
