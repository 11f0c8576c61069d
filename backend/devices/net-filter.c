/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Which frames a guest wants to receive. */

#include <string.h>

#include "backend/devices/net.h"

static const uint8_t broadcast[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

bool net_filter_mode(const struct net_filter *filter, unsigned mode)
{
    return filter->modes & 1u << mode;
}

void net_filter_set_mode(struct net_filter *filter, unsigned mode, bool on)
{
    filter->modes = (uint8_t)((filter->modes & ~(1u << mode)) | (unsigned)on << mode);
}

static bool among(const struct net_macs *macs, const uint8_t to[ETH_ALEN])
{
    for (uint32_t i = 0; i < macs->count; i++)
        if (memcmp(macs->macs[i], to, ETH_ALEN) == 0)
            return true;
    return macs->all;
}

static bool wants_multicast(const struct net_filter *filter, const uint8_t to[ETH_ALEN])
{
    if (net_filter_mode(filter, VIRTIO_NET_CTRL_RX_NOMULTI))
        return false;
    return net_filter_mode(filter, VIRTIO_NET_CTRL_RX_ALLMULTI) || among(&filter->multicast, to);
}

static bool wants_unicast(const struct net_filter *filter, const uint8_t to[ETH_ALEN])
{
    if (net_filter_mode(filter, VIRTIO_NET_CTRL_RX_NOUNI))
        return false;
    return net_filter_mode(filter, VIRTIO_NET_CTRL_RX_ALLUNI) ||
           memcmp(filter->own, to, ETH_ALEN) == 0 || among(&filter->unicast, to);
}

bool net_filter_wants(const struct net_filter *filter, const uint8_t to[ETH_ALEN])
{
    if (net_filter_mode(filter, VIRTIO_NET_CTRL_RX_PROMISC))
        return true;
    if (memcmp(to, broadcast, ETH_ALEN) == 0)
        return !net_filter_mode(filter, VIRTIO_NET_CTRL_RX_NOBCAST);
    return to[0] & 1 ? wants_multicast(filter, to) : wants_unicast(filter, to);
}
