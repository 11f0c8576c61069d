/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A console that says what the test wants: it keeps the buffers it is given. */
#ifndef XVMSG_WICKED_CONSOLE_H
#define XVMSG_WICKED_CONSOLE_H

#include "backend/device.h"

#define WICKED_QUEUES 6u
#define WICKED_KEPT 64u

/* There is one. To be cleared, and its first members set, before it is made. */
struct wicked_console {
    uint64_t features;
    uint32_t ports; /* as the configuration says */
    bool deaf;      /* takes no control messages */
    bool full;      /* nor bytes */
    uint16_t columns;

    struct device *device;
    struct fds fds;
    struct queue *queues[WICKED_QUEUES];
    struct chain *kept[WICKED_QUEUES][WICKED_KEPT];
    unsigned num_kept[WICKED_QUEUES];
};

extern struct wicked_console wicked_console;
extern const struct device_class wicked_console_class;

/* Fills the oldest buffer of a queue, which has one. */
void wicked_console_fill(unsigned q, const void *bytes, size_t size);

/* Gives back all that it kept. */
void wicked_console_take(unsigned q);

#endif
