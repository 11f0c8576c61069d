/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the toolstack may write anew while a device lives: its worker is told. */
#ifndef XVMSG_SETTINGS_H
#define XVMSG_SETTINGS_H

#include "backend/request.h"

/* Tells the worker of what has changed since it was told. */
void settings_step(struct request *request);

#endif
