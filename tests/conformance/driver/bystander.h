/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Another disk on the bus of a scene, number 4, in use all the time: whatever
 * happens to the first must not matter to it.
 */
#ifndef XVMSG_BYSTANDER_H
#define XVMSG_BYSTANDER_H

#include "tests/conformance/driver/scene.h"

/* A scene with disk 3, not opened, and the other disk opened. */
void bystander_start(struct scene *s);

/* Can it be written, read, and closed, and do that of the bus's own requests that
 * nobody distorts? Then ends the scene. */
void bystander_end(struct scene *s);

/* Is all of that so just now? The script and what distorts are set aside meanwhile. */
void bystander_check(struct scene *s);

#endif
