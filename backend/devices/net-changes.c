/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* How often a driver may change its interface. */

#include "backend/devices/net.h"

/* A driver that starts makes two or three. */
#define AT_ONCE 32u
#define NS_PER_CHANGE UINT64_C(125000000)

/* After this nothing adds up any more. */
static void count_allowed(struct net *net)
{
    struct net_changes *changes = &net->changes;
    uint64_t now = device_now(net->device);
    uint64_t more = (now - changes->counted) / NS_PER_CHANGE;

    if (more >= AT_ONCE - changes->left) {
        changes->left = AT_ONCE;
        changes->counted = now;
        return;
    }
    changes->left += (uint32_t)more;
    changes->counted += more * NS_PER_CHANGE;
}

bool net_changes_allowed(struct net *net)
{
    const struct timeval delay = {.tv_usec = NS_PER_CHANGE / 1000};

    count_allowed(net);
    if (!net->changes.left && !evtimer_pending(net->changes.timer, NULL))
        evtimer_add(net->changes.timer, &delay);
    return net->changes.left;
}

void net_changes_count(struct net *net)
{
    if (net->changes.left)
        net->changes.left--;
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct net *net = user;

    (void)fd, (void)what;
    for (uint32_t i = 0; i <= 2 * net->max_pairs; i++)
        device_kick(net->device, i);
}

bool net_changes_init(struct net *net)
{
    net->changes.left = AT_ONCE;
    net->changes.counted = device_now(net->device);
    net->changes.timer = evtimer_new(device_event_base(net->device), on_timer, net);
    return net->changes.timer;
}

void net_changes_destroy(struct net *net)
{
    if (net->changes.timer)
        event_free(net->changes.timer);
}
