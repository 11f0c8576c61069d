/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device the library opens on a scripted backend: disk 3, with two queues, and
 * what the library told of it.
 *
 *     driven_start_ready(&t);
 *     ...
 *     backend_free(t.b);
 */
#ifndef XVMSG_DRIVEN_H
#define XVMSG_DRIVEN_H

#include "tests/integration/scripted-backend.h"

struct driven {
    struct backend *b;
    struct backend_device *disk;
    struct xvmsg_driver driver; /* what driven_open() opens it with */
    struct xvmsg_device *device;

    /* What the callbacks were told. */
    bool ready;
    enum xvmsg_status status;
    enum xvmsg_status broke;
    unsigned broken_count;
    unsigned used_count;
    unsigned config_count;
    uint32_t config_offset;
    uint32_t config_length;
    unsigned driver_config_count;
    unsigned done_count;
    enum xvmsg_status done_status;
};

/* A connected bus with the disk, which is not opened yet. */
void driven_start(struct driven *t);

/* The same on a bus with a backend that waits for the library. */
void driven_start_on(struct driven *t, struct backend *b);

/* The same, in this profile and with messages of `message_size` bytes. */
void driven_start_in(struct driven *t, bool strict, unsigned message_size);

/* Notes in `user`, a struct driven, how something ended. */
xvmsg_device_done driven_done;

/* xvmsg_device_open() of the disk. */
struct xvmsg_device *driven_try(struct driven *t, const struct xvmsg_driver *driver);

/* Opens the disk, as far as it goes now. */
void driven_open(struct driven *t);

/* Both, and the device is initialized. */
void driven_start_ready(struct driven *t);

/* The backend sends EVENT_CONFIG of a running disk; `data` NULL: without. */
void driven_config_event(struct driven *t, uint32_t offset, uint32_t length, const uint8_t *data);

#endif
