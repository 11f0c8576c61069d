/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The control queue. A command is a class, a number and what belongs to them; all of
 * it is copied once, and has the length that it should have, or is refused. */

#include <string.h>

#include "backend/devices/net.h"
#include "common/le.h"

#define GUEST_OFFLOADS                                                                     \
    (NET_FEATURE(VIRTIO_NET_F_GUEST_CSUM) | NET_FEATURE(VIRTIO_NET_F_GUEST_TSO4) |         \
     NET_FEATURE(VIRTIO_NET_F_GUEST_TSO6))

/* Copies exactly what is left of a command. */
static bool take_all(struct iov *data, void *to, size_t size)
{
    return iov_size(data) == size && iov_take(data, to, size) == size;
}

static bool negotiated(const struct net *net, unsigned feature)
{
    return device_has_feature(net->device, feature);
}

/* ---- commands: was it done? ---- */

static bool set_mode(struct net *net, uint8_t command, struct iov *data)
{
    bool extra = command > VIRTIO_NET_CTRL_RX_ALLMULTI;
    uint8_t on;

    if (!negotiated(net, extra ? VIRTIO_NET_F_CTRL_RX_EXTRA : VIRTIO_NET_F_CTRL_RX) ||
        command > VIRTIO_NET_CTRL_RX_NOBCAST || !take_all(data, &on, sizeof(on)) || on > 1)
        return false;
    net_filter_set_mode(&net->filter, command, on);
    return true;
}

static bool set_address(struct net *net, struct iov *data)
{
    return negotiated(net, VIRTIO_NET_F_CTRL_MAC_ADDR) &&
           take_all(data, net->filter.own, sizeof(net->filter.own));
}

/* One of the two tables: how many, and these. */
static bool take_table(struct iov *data, struct net_macs *table)
{
    uint8_t bytes[4];
    uint32_t count;

    if (iov_take(data, bytes, sizeof(bytes)) < sizeof(bytes))
        return false;
    count = le32_get(bytes);
    if (iov_size(data) / ETH_ALEN < count)
        return false;
    table->all = count > NET_FILTER_MAX;
    table->count = table->all ? 0 : count;
    iov_take(data, table->macs, (size_t)table->count * ETH_ALEN);
    if (table->all)
        iov_skip(data, (uint64_t)count * ETH_ALEN);
    return true;
}

static bool set_table(struct net *net, struct iov *data)
{
    struct net_macs unicast, multicast;

    if (!negotiated(net, VIRTIO_NET_F_CTRL_RX) || !take_table(data, &unicast) ||
        !take_table(data, &multicast) || iov_size(data))
        return false;
    net->filter.unicast = unicast;
    net->filter.multicast = multicast;
    return true;
}

static bool set_pairs(struct net *net, struct iov *data)
{
    uint8_t bytes[2];
    uint32_t pairs;

    if (!negotiated(net, VIRTIO_NET_F_MQ) || !take_all(data, bytes, sizeof(bytes)))
        return false;
    pairs = le16_get(bytes);
    if (pairs < 1 || pairs > net->max_pairs)
        return false;
    net_use_pairs(net, pairs);
    return true;
}

static bool set_offloads(struct net *net, struct iov *data)
{
    uint8_t bytes[8];
    uint64_t offloads;

    if (!negotiated(net, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
        !take_all(data, bytes, sizeof(bytes)))
        return false;
    offloads = le64_get(bytes);
    for (unsigned bit = 0; bit < 64; bit++)
        if (offloads & NET_FEATURE(bit) &&
            !(GUEST_OFFLOADS & NET_FEATURE(bit) && negotiated(net, bit)))
            return false;
    net_set_offloads(net, offloads);
    return true;
}

static bool obey(struct net *net, uint8_t class, uint8_t command, struct iov *data)
{
    switch (class) {
    case VIRTIO_NET_CTRL_RX:
        return set_mode(net, command, data);
    case VIRTIO_NET_CTRL_MAC:
        if (command == VIRTIO_NET_CTRL_MAC_TABLE_SET)
            return set_table(net, data);
        return command == VIRTIO_NET_CTRL_MAC_ADDR_SET && set_address(net, data);
    case VIRTIO_NET_CTRL_MQ:
        return command == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET && set_pairs(net, data);
    case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
        return command == VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET && set_offloads(net, data);
    default:
        return false;
    }
}

/* ---- the queue ---- */

/* False: it cannot even be refused. */
static bool serve(struct net *net, struct queue *queue, struct chain *chain)
{
    struct virtio_net_ctrl_hdr header;
    uint8_t *ack = iov_take_last(&chain->in);

    if (!ack) {
        device_needs_reset(net->device, "a control command has no room for its answer");
        queue_push(queue, chain, 0);
        return false;
    }

    bool done = iov_take(&chain->out, &header, sizeof(header)) == sizeof(header) &&
                obey(net, header.class, header.cmd, &chain->out);

    *ack = done ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
    queue_push(queue, chain, 1);
    return true;
}

void net_control_serve(struct net *net, struct queue *queue)
{
    struct chain *chain;

    while (net_changes_allowed(net) && (chain = queue_pop(queue)))
        if (!serve(net, queue, chain))
            break;
}
