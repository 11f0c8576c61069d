/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio-net over a TAP interface: each pair of queues has a descriptor of its own.
 * While no driver is there the interface is detached, and drops what it is sent.
 */

#include "backend/devices/net.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "common/le.h"
#include "common/store.h"
#include "xenstore-schema/schema.h"

#define MTU_DEFAULT 1500u
#define CONTROL_WITHOUT_MQ 2u

#define FEATURES                                                                         \
    (NET_FEATURE(VIRTIO_NET_F_MAC) | NET_FEATURE(VIRTIO_NET_F_STATUS) |                  \
     NET_FEATURE(VIRTIO_NET_F_CSUM) | NET_FEATURE(VIRTIO_NET_F_GUEST_CSUM) |             \
     NET_FEATURE(VIRTIO_NET_F_HOST_TSO4) | NET_FEATURE(VIRTIO_NET_F_HOST_TSO6) |         \
     NET_FEATURE(VIRTIO_NET_F_GUEST_TSO4) | NET_FEATURE(VIRTIO_NET_F_GUEST_TSO6) |       \
     NET_FEATURE(VIRTIO_NET_F_MRG_RXBUF) | NET_FEATURE(VIRTIO_NET_F_CTRL_VQ) |           \
     NET_FEATURE(VIRTIO_NET_F_CTRL_RX) | NET_FEATURE(VIRTIO_NET_F_CTRL_RX_EXTRA) |       \
     NET_FEATURE(VIRTIO_NET_F_CTRL_MAC_ADDR) |                                           \
     NET_FEATURE(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))

/* ---- what it stands on ---- */

static void attach(struct net *net, uint32_t queues)
{
    for (; net->attached < queues; net->attached++)
        net_tap_attach(net->rx[net->attached].fd, true);
    for (; net->attached > queues; net->attached--)
        net_tap_attach(net->rx[net->attached - 1].fd, false);
}

void net_use_pairs(struct net *net, uint32_t pairs)
{
    net->pairs = pairs;
    if (net->attached == pairs)
        return;
    net_changes_count(net);
    attach(net, pairs);
    for (uint32_t i = 0; i < 2 * pairs; i++)
        device_kick(net->device, i);
}

void net_set_offloads(struct net *net, uint64_t features)
{
    if (net->offloads == features)
        return;
    net_changes_count(net);
    net->offloads = features;
    /* They are the interface's, not a queue's. */
    net_tap_set_offloads(net->rx[0].fd, features);
}

/* ---- the driver comes and goes ---- */

static uint64_t accepted(const struct net *net)
{
    uint64_t features = 0;

    for (unsigned bit = 0; bit < 64; bit++)
        if (device_has_feature(net->device, bit))
            features |= NET_FEATURE(bit);
    return features;
}

/* The first that is heard of a driver when it is ready. */
static void start(struct net *net)
{
    net->started = true;
    net->filters = device_has_feature(net->device, VIRTIO_NET_F_CTRL_RX);
    net_set_offloads(net, accepted(net));
    net_use_pairs(net, 1);
}

static void forget_driver(struct net *net)
{
    net->started = false;
    net->pairs = 1;
    attach(net, 0);
    memset(&net->filter, 0, sizeof(net->filter));
    memcpy(net->filter.own, net->mac, sizeof(net->mac));
}

static void net_reset(void *state)
{
    forget_driver(state);
}

/* ---- queues ---- */

static uint32_t control_index(const struct net *net)
{
    return device_has_feature(net->device, VIRTIO_NET_F_MQ) ? 2 * net->max_pairs
                                                            : CONTROL_WITHOUT_MQ;
}

static bool is_control(const struct net *net, uint32_t index)
{
    return index == control_index(net) && device_has_feature(net->device, VIRTIO_NET_F_CTRL_VQ);
}

/* What is all pairs' is changed by the first that is heard of a driver, by its commands, and
 * by what becomes of the interface. */
static bool net_queue_alone(const void *state, const struct queue *queue)
{
    const struct net *net = state;
    uint32_t index = queue_index(queue);

    return !net->started || is_control(net, index) ||
           (index / 2 < net->pairs && net->news[index].waits);
}

static void serve_pair(struct net *net, uint32_t index, struct queue *queue)
{
    if (net->news[index].waits)
        net_link_tell(net, index);
    if (index % 2)
        net_tx_serve(&net->tx[index / 2], queue);
    else
        net_rx_serve(&net->rx[index / 2], queue);
}

static void net_queue_kick(void *state, struct queue *queue)
{
    struct net *net = state;
    uint32_t index = queue_index(queue);

    if (!net->started && !net_changes_allowed(net))
        return;
    if (!net->started)
        start(net);
    if (is_control(net, index))
        net_control_serve(net, queue);
    else if (index / 2 < net->pairs)
        serve_pair(net, index, queue);
}

/* The control queue keeps nothing. */
static void net_queue_stop(void *state, struct queue *queue)
{
    struct net *net = state;
    uint32_t index = queue_index(queue);

    if (index / 2 >= net->max_pairs)
        return;
    net->news[index].waits = false;
    if (index % 2)
        net_tx_stop(&net->tx[index / 2]);
    else
        net_rx_stop(&net->rx[index / 2]);
}

/* ---- configuration ---- */

#define CONFIG(member) offsetof(struct virtio_net_config, member)
#define CONFIG_SIZE (CONFIG(mtu) + sizeof(((struct virtio_net_config *)0)->mtu))

static void net_read_config(void *state, void *config)
{
    const struct net *net = state;
    uint8_t *bytes = config;

    memcpy(bytes + CONFIG(mac), net->filter.own, ETH_ALEN);
    le16_put(bytes + CONFIG(status), net_link_up(net) ? VIRTIO_NET_S_LINK_UP : 0);
    le16_put(bytes + CONFIG(max_virtqueue_pairs), (uint16_t)net->max_pairs);
    le16_put(bytes + CONFIG(mtu), net->mtu);
}

/* The link, the only thing that may be changed. */
static void net_set(void *state, const char *key, const char *value)
{
    if (strcmp(key, XS_LINK) == 0)
        net_link_set(state, strcmp(value, XS_LINK_DOWN) != 0);
}

/* ---- life ---- */

static void net_destroy(void *state)
{
    struct net *net = state;

    net_changes_destroy(net);
    for (uint32_t i = 0; i < net->max_pairs; i++) {
        net_rx_destroy(&net->rx[i]);
        net_tx_destroy(&net->tx[i]);
        close(net->rx[i].fd);
    }
    free(net);
}

static bool make_pairs(struct net *net, const struct device_setup *setup)
{
    for (uint32_t i = 0; i < net->max_pairs; i++) {
        struct event_base *base = device_queue_base(net->device, 2 * i);
        int fd = setup->fds->fd[i];

        if (!net_rx_init(&net->rx[i], net, base, fd) || !net_tx_init(&net->tx[i], net, base, fd))
            return false;
        net_tap_prepare(fd);
    }
    return true;
}

static uint32_t pairs_of(const struct device_setup *setup)
{
    return setup->fds->count < NET_MAX_PAIRS ? setup->fds->count : NET_MAX_PAIRS;
}

/* And the control queue. */
static uint32_t net_count_queues(const struct device_setup *setup)
{
    return 2 * pairs_of(setup) + 1;
}

static void *net_create(struct device *device, const struct device_setup *setup, char *why)
{
    const char *mac = choices_get(setup->choices, XS_MAC);
    const char *link = choices_get(setup->choices, XS_LINK);
    uint64_t mtu = choices_number(setup->choices, XS_MTU, 0);
    struct net *net = calloc(1, sizeof(*net));

    snprintf(why, DEVICE_WHY_MAX, "%s: out of memory", setup->name);
    if (!net)
        return NULL;
    net->device = device;
    net->max_pairs = pairs_of(setup);
    net->link = !link || strcmp(link, XS_LINK_DOWN) != 0;
    net->mtu = (uint16_t)(mtu ? mtu : MTU_DEFAULT);
    if (!mac || mac_parse_text(mac, net->mac) < 0) {
        snprintf(why, DEVICE_WHY_MAX, "%s: has no MAC address", setup->name);
        goto fail;
    }
    if (!net_changes_init(net) || !make_pairs(net, setup))
        goto fail;
    device_offer_features(device, FEATURES | (mtu ? NET_FEATURE(VIRTIO_NET_F_MTU) : 0) |
                                      (net->max_pairs > 1 ? NET_FEATURE(VIRTIO_NET_F_MQ) : 0));
    /* As whoever made it left it. */
    net->attached = net->max_pairs;
    net->offloads = UINT64_MAX;
    forget_driver(net);
    net_link_set(net, net->link);
    return net;

fail:
    net_changes_destroy(net);
    for (uint32_t i = 0; i < net->max_pairs; i++) {
        net_rx_destroy(&net->rx[i]);
        net_tx_destroy(&net->tx[i]);
    }
    free(net);
    return NULL;
}

const struct device_class net_class = {
    .name = "net",
    .virtio_id = VIRTIO_ID_NET,
    .num_queues = 2 * NET_MAX_PAIRS + 1,
    .queue_size = NET_QUEUE_SIZE,
    .config_size = CONFIG_SIZE,
    .group = 2,
    .count_queues = net_count_queues,
    .create = net_create,
    .destroy = net_destroy,
    .reset = net_reset,
    .read_config = net_read_config,
    .set = net_set,
    .queue_kick = net_queue_kick,
    .queue_alone = net_queue_alone,
    .queue_stop = net_queue_stop,
};
