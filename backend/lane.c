/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/lane.h"

#include <errno.h>

bool lane_open(struct lane *lane, struct event_base *base, struct platform *platform,
               const char **why)
{
    *lane = (struct lane){.base = base, .platform = platform};
    lane->aio = aio_new(base, why);
    if (!lane->aio)
        return false;
    if (turn_open(&lane->turn, base))
        return true;
    *why = "out of memory";
    errno = ENOMEM;
    return false;
}

void lane_close(struct lane *lane)
{
    turn_close(&lane->turn);
    aio_free(lane->aio);
    *lane = (struct lane){0};
}
