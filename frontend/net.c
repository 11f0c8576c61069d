/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A network interface: opening, closing, what it is. Where its control queue lies depends
 * on how many pairs of queues it has, so that is asked for first if it matters. */

#include "frontend/net.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"

#define CONFIG(member) offsetof(struct virtio_net_config, member)

#define FEATURES                                                                       \
    (NET_FEATURE(VIRTIO_NET_F_MAC) | NET_FEATURE(VIRTIO_NET_F_STATUS) |                \
     NET_FEATURE(VIRTIO_NET_F_MTU) | NET_FEATURE(VIRTIO_NET_F_CSUM) |                  \
     NET_FEATURE(VIRTIO_NET_F_GUEST_CSUM) | NET_FEATURE(VIRTIO_NET_F_HOST_TSO4) |      \
     NET_FEATURE(VIRTIO_NET_F_HOST_TSO6) | NET_FEATURE(VIRTIO_NET_F_GUEST_TSO4) |      \
     NET_FEATURE(VIRTIO_NET_F_GUEST_TSO6) | NET_FEATURE(VIRTIO_NET_F_CTRL_RX) |        \
     NET_FEATURE(VIRTIO_NET_F_CTRL_MAC_ADDR) | NEEDED)
#define NEEDED (NET_FEATURE(VIRTIO_NET_F_MRG_RXBUF) | NET_FEATURE(VIRTIO_NET_F_CTRL_VQ))

/* ---- what it is ---- */

/* Little-endian bytes of the configuration; 0 where it is too short for them. */
static uint16_t config_u16(const struct xvmsg_net *net, unsigned feature, uint32_t at)
{
    const uint8_t *config = net->device ? xvmsg_device_config(net->device) : NULL;

    if (!config || xvmsg_device_get_info(net->device)->config_size < at + sizeof(uint16_t) ||
        !(xvmsg_net_features(net) & NET_FEATURE(feature)))
        return 0;
    return le16_get(config + at);
}

uint64_t xvmsg_net_features(const struct xvmsg_net *net)
{
    return net->device ? xvmsg_device_features(net->device) : 0;
}

unsigned xvmsg_net_pairs(const struct xvmsg_net *net)
{
    return net->pairs;
}

unsigned xvmsg_net_mtu(const struct xvmsg_net *net)
{
    return config_u16(net, VIRTIO_NET_F_MTU, CONFIG(mtu));
}

void xvmsg_net_mac(const struct xvmsg_net *net, uint8_t mac[6])
{
    for (unsigned i = 0; i < 6; i += 2)
        le16_put(mac + i, config_u16(net, VIRTIO_NET_F_MAC, CONFIG(mac) + i));
}

/* One that does not say is up (virtio 5.1.5). */
bool xvmsg_net_link_is_up(const struct xvmsg_net *net)
{
    return !(xvmsg_net_features(net) & NET_FEATURE(VIRTIO_NET_F_STATUS)) ||
           config_u16(net, VIRTIO_NET_F_STATUS, CONFIG(status)) & VIRTIO_NET_S_LINK_UP;
}

void xvmsg_net_set_handlers(struct xvmsg_net *net, const struct xvmsg_net_handlers *handlers,
                            void *user)
{
    net->handlers = *handlers;
    net->handlers_user = user;
}

/* ---- what the device tells ---- */

static void used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct xvmsg_net *net = user;

    (void)device;
    held_hold(&net->held);
    if (index == net->control)
        net_control_used(net);
    else if (index / 2 < net->pairs && net->usable)
        net_io_used(net, index);
    held_release(&net->held);
}

static void configured(struct xvmsg_device *device, uint32_t offset, uint32_t length, void *user)
{
    struct xvmsg_net *net = user;

    (void)device, (void)offset, (void)length;
    held_hold(&net->held);
    if (net->usable && net->handlers.changed)
        net->handlers.changed(net, XVMSG_OK, net->handlers_user);
    held_release(&net->held);
}

static void broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_net *net = user;

    (void)device;
    held_hold(&net->held);
    net->usable = false;
    net_control_end_all(net, status);
    if (!net->held.closed && net->handlers.changed)
        net->handlers.changed(net, status, net->handlers_user);
    held_release(&net->held);
}

/* ---- opening ---- */

static void opened(struct xvmsg_net *net, enum xvmsg_status status)
{
    xvmsg_net_ready *ready = net->ready;

    if (status != XVMSG_OK)
        net->usable = false;
    net->ready = NULL;
    if (ready)
        ready(net, status, net->user);
}

static void pairs_set(struct xvmsg_net *net, enum xvmsg_status status, void *user)
{
    (void)user;
    device_expire_at(net->device, NEVER);
    if (status == XVMSG_TIMEOUT)
        handle_fail(net->h, ETIMEDOUT, "device %llu: %u pairs of queues are asked for in vain",
                    (unsigned long long)net->number, net->pairs);
    if (status == XVMSG_REFUSED)
        handle_fail(net->h, EIO, "device %llu: it does not use %u pairs of queues",
                    (unsigned long long)net->number, net->pairs);
    opened(net, status);
}

/* The commands lie in the first page, behind it the frames' pages. */
static int start(struct xvmsg_net *net)
{
    struct xvmsg_area *area = xvmsg_device_buffers(net->device);
    uint8_t *memory = xvmsg_area_memory(area);
    size_t bytes = xvmsg_area_size(area);

    for (unsigned i = 0; i < net->pairs; i++)
        if (xvmsg_queue_size(xvmsg_device_queue(net->device, 2 * i + 1)) < NET_FRAME_PAGES)
            return handle_fail(net->h, EIO, "device %llu: its queue %u is too small for a frame",
                               (unsigned long long)net->number, 2 * i + 1);
    net->pages = calloc(bytes / NET_PAGE, sizeof(*net->pages));
    if (!net->pages)
        return handle_fail(net->h, ENOMEM, "out of memory for device %llu",
                           (unsigned long long)net->number);
    net_control_start(net, memory);
    if (net_io_start(net, memory + NET_PAGE, bytes - NET_PAGE) < 0)
        return -1;
    net->usable = true;
    if (net->pairs == 1)
        return 0;
    /* A command, which the device may leave in its queue. */
    device_expire_at(net->device, handle_now(net->h) + net->h->timeout);
    return net_control_set_pairs(net, pairs_set);
}

static void device_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_net *net = user;

    net->device = device;
    held_hold(&net->held);
    if (status == XVMSG_OK && start(net) < 0)
        status = XVMSG_REFUSED;
    if (status != XVMSG_OK || net->pairs == 1)
        opened(net, status);
    held_release(&net->held);
}

static int open_device(struct xvmsg_net *net)
{
    const struct xvmsg_driver driver = {
        .device_id = VIRTIO_ID_NET,
        .features = FEATURES | (net->pairs > 1 ? NET_FEATURE(VIRTIO_NET_F_MQ) : 0),
        .needed = NEEDED | (net->pairs > 1 ? NET_FEATURE(VIRTIO_NET_F_MQ) : 0),
        .num_queues = net->control + 1,
        .queue_size = NET_QUEUE_SIZE,
        .buffer_bytes = NET_PAGE + (size_t)net->pairs * NET_PAIR_BYTES,
        .used = used,
        .config = configured,
        .broken = broken,
    };

    net->device = xvmsg_device_open(net->h, net->number, &driver, device_ready, net);
    return net->device ? 0 : -1;
}

/* More pairs than the device has are as many as it has. */
static void pairs_known(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_net *net = user;
    bool known = reply->status == XVMSG_OK && reply->u.config.length == sizeof(net->answer);
    unsigned pairs = known ? le16_get(net->answer) : 1;

    (void)h;
    net->asking = false;
    held_hold(&net->held);
    if (pairs > 1 && pairs <= NET_MAX_PAIRS)
        net->control = 2 * pairs;
    net->pairs = pairs > 1 && pairs <= NET_MAX_PAIRS ? smaller(net->pairs, pairs) : 1;
    if (open_device(net) < 0)
        opened(net, errno == ENOTCONN ? XVMSG_BUS_CLOSED : XVMSG_REFUSED);
    held_release(&net->held);
}

static int begin(struct xvmsg_net *net)
{
    if (net->pairs == 1)
        return open_device(net);
    if (xvmsg_get_config(net->h, net->number, CONFIG(max_virtqueue_pairs), sizeof(net->answer),
                         net->answer, pairs_known, net) < 0)
        return -1;
    net->asking = true;
    handle_alarm(net->h, 0);
    return 0;
}

static void close_it(struct held *held)
{
    struct xvmsg_net *net = (struct xvmsg_net *)held;

    net->usable = false;
    net->ready = NULL;
    if (net->asking)
        request_forget(net->h, pairs_known, net);
    xvmsg_device_close(net->device);
    net_control_end_all(net, XVMSG_CANCELLED);
}

static void break_off(struct held *held)
{
    struct xvmsg_net *net = (struct xvmsg_net *)held;

    if (net->device)
        device_break(net->device, XVMSG_CANCELLED);
}

static void clear(struct held *held)
{
    free(((struct xvmsg_net *)held)->pages);
}

static const struct held_class class = {
    .size = sizeof(struct xvmsg_net), .close = close_it, .break_off = break_off, .clear = clear};

struct xvmsg_net *xvmsg_net_open(struct xvmsg *h, uint64_t number, unsigned pairs,
                                 xvmsg_net_ready *ready, void *user)
{
    struct xvmsg_net *net;

    if (pairs < 1 || pairs > NET_MAX_PAIRS) {
        handle_fail(h, EINVAL, "a network interface has 1 to %u pairs of queues", NET_MAX_PAIRS);
        return NULL;
    }
    net = held_new(h, &class, number);
    if (!net)
        return NULL;
    net->h = h;
    net->number = number;
    net->pairs = pairs;
    net->control = 2;
    net->ready = ready;
    net->user = user;
    return begin(net) == 0 ? net : held_fail(&net->held);
}

void xvmsg_net_close(struct xvmsg_net *net)
{
    if (net)
        held_close(&net->held);
}

/* ---- blocking ---- */

static void note_ready(struct xvmsg_net *net, enum xvmsg_status status, void *user)
{
    struct held_outcome *outcome = user;

    (void)net;
    *outcome = (struct held_outcome){true, status, 0};
}

struct xvmsg_net *xvmsg_net_open_wait(struct xvmsg *h, uint64_t number, unsigned pairs)
{
    struct held_outcome outcome = {0};
    struct xvmsg_net *net = xvmsg_net_open(h, number, pairs, note_ready, &outcome);

    return net ? held_await(&net->held, h, &outcome) : NULL;
}
