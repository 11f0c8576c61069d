/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/turn.h"

static void on_end(evutil_socket_t fd, short what, void *user)
{
    struct turn *turn = user;

    (void)fd, (void)what;
    turn->now = 0;
}

bool turn_open(struct turn *turn, struct event_base *base)
{
    turn->end = event_new(base, -1, 0, on_end, turn);
    return turn->end;
}

void turn_close(struct turn *turn)
{
    if (turn->end)
        event_free(turn->end);
    turn->end = NULL;
}

uint64_t turn_now(struct turn *turn, struct platform *platform)
{
    return turn->now ? turn->now : turn_read(turn, platform);
}

uint64_t turn_read(struct turn *turn, struct platform *platform)
{
    uint64_t now = platform->ops->now(platform);

    if (!turn->end)
        return now;
    /* Behind those who are active now, and before whoever they wake. */
    if (!turn->now)
        event_active(turn->end, 0, 0);
    turn->now = now;
    return now;
}
