/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/lane.h"

#include <errno.h>

/* Callbacks before the loop looks at descriptors and timers again. */
#define CALLBACKS_AT_ONCE 16

static _Thread_local const struct lane *here;

const struct lane *lane_here(void)
{
    return here;
}

void lane_enter(const struct lane *lane)
{
    here = lane;
}

/* What becomes active while others run counts as active now: a guest that goes on
 * sending would keep the loop from ever looking at descriptors and timers. */
struct event_base *lane_base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    /* Timers are few: reading the clock for each costs less than once in every turn. */
    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0 &&
        event_config_set_max_dispatch_interval(config, NULL, CALLBACKS_AT_ONCE, 0) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

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
