/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/ports.h"

#include <errno.h>

/* Read in a turn; a port that fires again waits for the next. */
#define PORTS_A_TURN 16u

const char *ports_read(struct platform *platform, void (*fired)(void *user, uint32_t port),
                       void *user)
{
    for (unsigned n = 0; n < PORTS_A_TURN; n++) {
        int port = platform->ops->evtchn_next(platform);

        if (port < 0)
            return errno == EAGAIN ? NULL : "cannot read the event channel";
        /* Once for each turn, before looking at what it stands for: a guest that
         * fires without end gets no more than its share. */
        if (platform->ops->evtchn_unmask(platform, (uint32_t)port) < 0)
            return "cannot unmask the event channel";
        fired(user, (uint32_t)port);
    }
    return NULL;
}
