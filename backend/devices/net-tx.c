/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Frames from the guest. Each is one write from where it lies; the kernel looks at
 * the header, and what it does not like is a frame lost, as on any wire.
 */

#include <errno.h>
#include <sys/uio.h>

#include "backend/devices/net.h"

static void done(struct net_tx *tx, struct chain *chain)
{
    queue_push(tx->queue, chain, 0);
}

/* False: there is no room now. */
static bool write_frame(struct net_tx *tx, const struct chain *chain)
{
    ssize_t written;

    do
        written = writev(tx->fd, chain->out.pieces, (int)chain->out.count);
    while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EAGAIN)
        return false;
    net_link_note(tx->net, tx->queue, written < 0 ? errno : 0);
    return true;
}

/* False: the frame waits, or the device does not go on. */
static bool send_frame(struct net_tx *tx, struct chain *chain)
{
    uint64_t size = iov_size(&chain->out);

    if (chain->in.count || size < NET_HEADER) {
        device_needs_reset(tx->net->device, chain->in.count
                                                ? "a frame has a part that is to be written"
                                                : "a frame is shorter than its header");
        done(tx, chain);
        return false;
    }
    if (size <= NET_FRAME_MAX && net_link_up(tx->net) && !write_frame(tx, chain)) {
        tx->chain = chain;
        event_add(tx->writable, NULL);
        return false;
    }
    done(tx, chain);
    return true;
}

/* The one that waited is the first. */
static struct chain *next_frame(struct net_tx *tx)
{
    struct chain *chain = tx->chain;

    tx->chain = NULL;
    return chain ? chain : queue_pop(tx->queue);
}

static void send_frames(struct net_tx *tx)
{
    struct chain *chain;

    for (unsigned i = 0; i < NET_FRAMES_AT_ONCE; i++)
        if (!(chain = next_frame(tx)) || !send_frame(tx, chain))
            return;
    device_kick(tx->net->device, queue_index(tx->queue));
}

void net_tx_serve(struct net_tx *tx, struct queue *queue)
{
    tx->queue = queue;
    if (!event_pending(tx->writable, EV_WRITE, NULL))
        send_frames(tx);
    /* What the kernel answers to them is there already, at the queue before this one. */
    device_kick(tx->net->device, queue_index(queue) - 1);
}

/* Also when the interface's queue is detached, which takes no frame: then the frame waits
 * until the pair is in use again. */
static void on_writable(evutil_socket_t fd, short what, void *user)
{
    struct net_tx *tx = user;

    (void)fd, (void)what;
    device_kick(tx->net->device, queue_index(tx->queue));
}

void net_tx_stop(struct net_tx *tx)
{
    struct chain *chain = tx->chain;

    event_del(tx->writable);
    tx->chain = NULL;
    if (chain)
        done(tx, chain);
}

bool net_tx_init(struct net_tx *tx, struct net *net, struct event_base *base, int fd)
{
    tx->net = net;
    tx->fd = fd;
    tx->writable = event_new(base, fd, EV_WRITE, on_writable, tx);
    return tx->writable;
}

void net_tx_destroy(struct net_tx *tx)
{
    if (tx->writable)
        event_free(tx->writable);
}
