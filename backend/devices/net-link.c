/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Whether frames may travel: as whoever attached the device wants it, and as long as the
 * interface is there. */

#include <errno.h>

#include "backend/devices/net.h"

bool net_link_up(const struct net *net)
{
    return net->link && !net->gone;
}

static void link_changed(struct net *net)
{
    device_config_changed(net->device, offsetof(struct virtio_net_config, status),
                          sizeof(((struct virtio_net_config *)0)->status));
}

void net_link_set(struct net *net, bool up)
{
    bool was_up = net_link_up(net);

    net->link = up;
    for (uint32_t i = 0; i < net->max_pairs; i++)
        net_tap_set_carrier(net->rx[i].fd, up);
    if (net_link_up(net) != was_up)
        link_changed(net);
}

/* ---- what becomes of frames ---- */

static bool is_lost(int error)
{
    return error == EBADFD || error == ENODEV || error == EPIPE;
}

/* A frame that is refused for its own sake tells nothing of the interface: a guest could bring
 * about a change with each. */
static bool changes(const struct net *net, int error)
{
    if (is_lost(error))
        return !net->gone;
    return error == EIO ? !net->down : !error && net->down;
}

void net_link_note(struct net *net, const struct queue *queue, int error)
{
    uint32_t index = queue_index(queue);

    if (!changes(net, error))
        return;
    net->news[index] = (struct net_news){.waits = true, .error = error};
    device_kick(net->device, index);
}

/* No more frames will come or go. */
static void lost(struct net *net)
{
    bool was_up = net_link_up(net);

    for (uint32_t i = 0; i < net->max_pairs; i++)
        event_del(net->rx[i].readable);
    net->gone = true;
    device_say(net->device, "its interface was taken away, the link is down for good");
    if (was_up)
        link_changed(net);
}

void net_link_tell(struct net *net, uint32_t index)
{
    int error = net->news[index].error;

    net->news[index].waits = false;
    /* Another queue's may have said so meanwhile. */
    if (!changes(net, error))
        return;
    if (is_lost(error)) {
        lost(net);
        return;
    }
    net->down = error == EIO;
    device_say(net->device, net->down ? "its interface is down, frames are dropped"
                                      : "its interface is up again");
}
