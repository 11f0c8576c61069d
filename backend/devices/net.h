/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio-net, shared by its files: the device (net.c), what it stands on (net-tap.c),
 * frames to the guest (net-rx.c) and from it (net-tx.c), which of them it wants
 * (net-filter.c), the link (net-link.c), the control queue (net-control.c), how often the
 * driver may change the interface (net-changes.c).
 *
 * A frame travels with virtio's header on both sides of the device: the kernel makes
 * it and judges it, and no byte is looked at here but the address a frame is for.
 */
#ifndef XVMSG_BACKEND_NET_H
#define XVMSG_BACKEND_NET_H

#include <linux/virtio_net.h>
#include <net/ethernet.h>

#include "backend/device.h"

#define NET_QUEUE_SIZE 256u
#define NET_MAX_PAIRS FDS_MAX
#define NET_HEADER ((uint32_t)sizeof(struct virtio_net_hdr_mrg_rxbuf))
/* The longest frame with its header: a segment of 64 KiB, an Ethernet header, two tags. */
#define NET_FRAME_MAX (NET_HEADER + 65536u + ETH_HLEN + 8u)
/* Frames of a queue before others have their turn, and the driver hears of them: the
 * two ends, and the two ways, are to work at the same time. */
#define NET_FRAMES_AT_ONCE 4u

#define NET_FEATURE(bit) (UINT64_C(1) << (bit))

struct net;

/* ---- net-filter ---- */

/* Of either kind; more of them, and all of that kind are taken. */
#define NET_FILTER_MAX 64u

struct net_macs {
    bool all;
    uint32_t count;
    uint8_t macs[NET_FILTER_MAX][ETH_ALEN];
};

/* What the guest wants to receive. */
struct net_filter {
    uint8_t own[ETH_ALEN];
    uint8_t modes; /* 1 << VIRTIO_NET_CTRL_RX_* */
    struct net_macs unicast;
    struct net_macs multicast;
};

bool net_filter_mode(const struct net_filter *filter, unsigned mode);
void net_filter_set_mode(struct net_filter *filter, unsigned mode, bool on);

/* Is a frame to this address wanted? */
bool net_filter_wants(const struct net_filter *filter, const uint8_t to[ETH_ALEN]);

/* ---- net-rx ---- */

/* Every chain of the queue twice over, and where a frame goes that is longer. */
#define NET_RX_PIECES (2u * NET_QUEUE_SIZE + 1u)

struct net_rx {
    struct net *net;
    int fd;
    struct queue *queue;    /* NULL: the driver has not kicked it */
    struct event *readable; /* pending while there is room for a frame */
    bool signalled;         /* it fired, and nobody has looked yet */
    struct chain *held[NET_QUEUE_SIZE]; /* empty buffers, in order */
    uint32_t num_held;
    uint32_t num_pieces; /* in them */
    uint64_t room;       /* bytes in them */
    uint32_t frame;      /* bytes of one that was read and waits for more room; 0: none */
    uint32_t spilled;    /* the last of these, which are in `spill` */
    uint8_t *spill;      /* NET_FRAME_MAX bytes */
    struct iovec pieces[NET_RX_PIECES];
};

/* False: no memory. */
bool net_rx_init(struct net_rx *rx, struct net *net, struct event_base *base, int fd);
void net_rx_destroy(struct net_rx *rx);
void net_rx_serve(struct net_rx *rx, struct queue *queue);
/* Gives all buffers back. */
void net_rx_stop(struct net_rx *rx);

/* ---- net-tx ---- */

struct net_tx {
    struct net *net;
    int fd;
    struct queue *queue;
    struct event *writable;
    struct chain *chain; /* a frame for which the interface had no room; NULL: none */
};

bool net_tx_init(struct net_tx *tx, struct net *net, struct event_base *base, int fd);
void net_tx_destroy(struct net_tx *tx);
void net_tx_serve(struct net_tx *tx, struct queue *queue);
void net_tx_stop(struct net_tx *tx);

/* ---- net-control ---- */

void net_control_serve(struct net *net, struct queue *queue);

/* ---- net-changes ---- */

/*
 * Each change of the interface takes a lock that all interfaces of the host share, so a
 * driver may make some at once and then a few a second. What else it asks for waits in
 * its queue.
 */
struct net_changes {
    uint32_t left;
    uint64_t counted; /* when `left` was */
    struct event *timer;
};

/* False: no memory. */
bool net_changes_init(struct net *net);
void net_changes_destroy(struct net *net);

/* May it make one now? Else all its queues are looked at again when it may. */
bool net_changes_allowed(struct net *net);
/* It made one. */
void net_changes_count(struct net *net);

/* ---- net-tap ---- */

/* Frames with a header of NET_HEADER bytes, little-endian. */
void net_tap_prepare(int fd);
/* Which offloads frames to the guest may use: those of these features. */
void net_tap_set_offloads(int fd, uint64_t features);
/* Queues that are not attached get no frames, and lose those they had. */
void net_tap_attach(int fd, bool attached);
void net_tap_set_carrier(int fd, bool carrier);

/* ---- net-link ---- */

/* May frames travel? */
bool net_link_up(const struct net *net);

/* Whoever attached it wants it so. */
void net_link_set(struct net *net, bool up);

/* What became of a frame of this queue: `error` is 0 or the interface's errno. If that is
 * news, the queue is served again soon, and alone. */
void net_link_note(struct net *net, const struct queue *queue, int error);

/* The news of that queue are told, while no other is served. */
void net_link_tell(struct net *net, uint32_t index);

/* ---- net ---- */

/* What became of a frame, when that changes something for all pairs. */
struct net_news {
    bool waits; /* until its queue is served the next time, alone */
    int error;
};

struct net {
    struct device *device;
    /* Pairs may be served at the same time: what is not a pair's own is changed while none
     * of them is. */
    uint32_t max_pairs;
    uint32_t pairs; /* in use */
    uint32_t attached; /* the interface's queues that are, the first ones */
    uint64_t offloads; /* as it was told them */
    struct net_changes changes;
    uint8_t mac[ETH_ALEN];
    uint16_t mtu;
    bool link;    /* wanted by whoever attached it */
    bool gone;    /* the interface is */
    bool down;    /* it was when the last frame was written */
    bool started; /* the interface knows what was negotiated */
    bool filters; /* the driver says what it wants */
    struct net_filter filter;
    struct net_rx rx[NET_MAX_PAIRS];
    struct net_tx tx[NET_MAX_PAIRS];
    struct net_news news[2 * NET_MAX_PAIRS]; /* by queue */
};

/* Which offloads frames to the guest may use from now on, by feature. */
void net_set_offloads(struct net *net, uint64_t features);

/* From now on so many pairs of queues are in use. */
void net_use_pairs(struct net *net, uint32_t pairs);

#endif
