/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Frames to the guest. Buffers are held until there is room for the longest frame
 * that may come, or no more buffers; then a frame is read into them. What does not
 * fit goes to `spill`, and waits there for more buffers (MRG_RXBUF) or is lost. As
 * long as there is no buffer nothing is read: the interface's own queue fills, and
 * drops.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "backend/devices/net.h"
#include "common/le.h"

#define NUM_BUFFERS offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers)

/* ---- buffers ---- */

static bool merges(const struct net_rx *rx)
{
    return device_has_feature(rx->net->device, VIRTIO_NET_F_MRG_RXBUF);
}

/* The longest frame the interface gives, as far as we know; a longer one spills. */
static uint32_t longest(const struct net_rx *rx)
{
    const struct device *device = rx->net->device;

    if (device_has_feature(device, VIRTIO_NET_F_GUEST_TSO4) ||
        device_has_feature(device, VIRTIO_NET_F_GUEST_TSO6))
        return NET_FRAME_MAX;
    return NET_HEADER + ETH_HLEN + 8 + rx->net->mtu;
}

/* May another buffer be held? A frame without MRG_RXBUF has one. */
static bool may_hold(const struct net_rx *rx)
{
    if (!merges(rx))
        return !rx->num_held;
    return rx->num_held < NET_QUEUE_SIZE && rx->num_pieces <= NET_QUEUE_SIZE;
}

/* False: there is none, or the driver broke the rules. */
static bool hold_one(struct net_rx *rx)
{
    struct chain *chain = queue_pop(rx->queue);
    uint64_t size;

    if (!chain)
        return false;
    size = iov_size(&chain->in);
    if (chain->out.count || size < NET_HEADER) {
        device_needs_reset(rx->net->device, chain->out.count
                                                ? "a receive buffer has a part that is read only"
                                                : "a receive buffer is shorter than a header");
        queue_push(rx->queue, chain, 0);
        return false;
    }
    rx->held[rx->num_held++] = chain;
    rx->num_pieces += chain->in.count;
    rx->room += size;
    return true;
}

static void hold_enough(struct net_rx *rx, uint32_t wanted)
{
    while (rx->room < wanted && may_hold(rx) && hold_one(rx))
        ;
}

/* The held buffers, for somebody to cut up. */
static struct iov gather(struct net_rx *rx)
{
    struct iov iov = {.pieces = rx->pieces};

    for (uint32_t i = 0; i < rx->num_held; i++) {
        const struct iov *in = &rx->held[i]->in;

        memcpy(iov.pieces + iov.count, in->pieces, in->count * sizeof(*in->pieces));
        iov.count += in->count;
    }
    return iov;
}

/* ---- a frame that was read ---- */

/* Counts the buffers of the frame, and notes what is written to each. */
static uint16_t share_out(const struct net_rx *rx, uint32_t written[NET_QUEUE_SIZE])
{
    uint32_t left = rx->frame;
    uint16_t count = 0;

    for (; left; count++) {
        uint64_t size = iov_size(&rx->held[count]->in);

        written[count] = left < size ? left : (uint32_t)size;
        left -= written[count];
    }
    return count;
}

static void drop_held(struct net_rx *rx, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rx->num_pieces -= rx->held[i]->in.count;
        rx->room -= iov_size(&rx->held[i]->in);
    }
    rx->num_held -= count;
    memmove(rx->held, rx->held + count, rx->num_held * sizeof(rx->held[0]));
}

static void deliver(struct net_rx *rx)
{
    uint32_t written[NET_QUEUE_SIZE];
    struct chain *chains[NET_QUEUE_SIZE];
    uint16_t count = share_out(rx, written);
    struct iov iov = gather(rx);
    uint8_t num_buffers[2];

    /* A header fits each of them, so that much of the frame has not spilled. */
    le16_put(num_buffers, count);
    iov_skip(&iov, NUM_BUFFERS);
    iov_fill(&iov, num_buffers, sizeof(num_buffers));
    iov_skip(&iov, rx->frame - rx->spilled - NET_HEADER);
    iov_fill(&iov, rx->spill, rx->spilled);
    memcpy(chains, rx->held, count * sizeof(chains[0]));
    drop_held(rx, count);
    rx->frame = rx->spilled = 0;
    queue_push_together(rx->queue, chains, written, count);
}

/* Gives the guest the frame, or loses it. False: it waits for more buffers. */
static bool finish(struct net_rx *rx)
{
    hold_enough(rx, rx->frame);
    if (rx->frame <= rx->room)
        deliver(rx);
    else if (may_hold(rx))
        return false;
    rx->frame = rx->spilled = 0;
    return true;
}

static bool is_wanted(struct net_rx *rx)
{
    struct iov iov = gather(rx);
    uint8_t to[ETH_ALEN];

    if (!rx->net->filters)
        return true;
    iov.pieces[iov.count++] = (struct iovec){.iov_base = rx->spill, .iov_len = ETH_ALEN};
    iov_skip(&iov, NET_HEADER);
    iov_take(&iov, to, sizeof(to));
    return net_filter_wants(&rx->net->filter, to);
}

/* ---- reading ---- */

static void wait_for_buffers(struct net_rx *rx)
{
    event_del(rx->readable);
}

static void wait_for_frames(struct net_rx *rx)
{
    if (!event_pending(rx->readable, EV_READ, NULL))
        event_add(rx->readable, NULL);
}

/* Bytes of a frame, 0 when it is to be forgotten, -1 when there is none now. */
static ssize_t read_frame(struct net_rx *rx)
{
    struct iov iov = gather(rx);
    ssize_t size;

    iov.pieces[iov.count++] = (struct iovec){.iov_base = rx->spill, .iov_len = NET_FRAME_MAX};
    size = readv(rx->fd, iov.pieces, (int)iov.count);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for_frames(rx);
        return -1;
    }
    if (size <= 0) {
        /* Until the driver is heard again nobody asks for what cannot be had. */
        event_del(rx->readable);
        net_link_note(rx->net, rx->queue, size < 0 ? errno : ENODEV);
        return -1;
    }
    return size >= NET_HEADER + ETH_HLEN ? size : 0;
}

/* False: there is nothing to do until something is heard again. */
static bool receive(struct net_rx *rx)
{
    ssize_t size;

    hold_enough(rx, longest(rx));
    if (!rx->num_held) {
        wait_for_buffers(rx);
        return false;
    }
    size = read_frame(rx);
    if (size < 0)
        return false;
    if (!size || !net_link_up(rx->net) || !is_wanted(rx))
        return true;
    /* What is more than that never was a frame. */
    rx->frame = size <= NET_FRAME_MAX ? (uint32_t)size : 0;
    rx->spilled = rx->frame > rx->room ? rx->frame - (uint32_t)rx->room : 0;
    return true;
}

void net_rx_serve(struct net_rx *rx, struct queue *queue)
{
    rx->queue = queue;
    rx->signalled = false;
    if (rx->net->gone)
        return;
    for (unsigned i = 0; i < NET_FRAMES_AT_ONCE; i++) {
        if (!rx->frame && !receive(rx))
            return;
        if (rx->frame && !finish(rx)) {
            wait_for_buffers(rx);
            return;
        }
    }
    /* There may be more. */
    device_kick(rx->net->device, queue_index(queue));
}

/* The queue is served as if the driver had kicked it; one that cannot be served, for
 * the device is broken, is not asked for ever. */
static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct net_rx *rx = user;

    (void)fd, (void)what;
    if (rx->signalled) {
        event_del(rx->readable);
        return;
    }
    rx->signalled = true;
    device_kick(rx->net->device, queue_index(rx->queue));
}

/* ---- life ---- */

void net_rx_stop(struct net_rx *rx)
{
    static const uint32_t nothing[NET_QUEUE_SIZE];
    struct chain *chains[NET_QUEUE_SIZE];
    uint32_t count = rx->num_held;

    event_del(rx->readable);
    rx->signalled = false;
    rx->frame = rx->spilled = 0;
    memcpy(chains, rx->held, count * sizeof(chains[0]));
    drop_held(rx, count);
    if (count)
        queue_push_together(rx->queue, chains, nothing, count);
}

bool net_rx_init(struct net_rx *rx, struct net *net, struct event_base *base, int fd)
{
    rx->net = net;
    rx->fd = fd;
    rx->spill = malloc(NET_FRAME_MAX);
    rx->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, rx);
    return rx->spill && rx->readable;
}

void net_rx_destroy(struct net_rx *rx)
{
    if (rx->readable)
        event_free(rx->readable);
    free(rx->spill);
}
