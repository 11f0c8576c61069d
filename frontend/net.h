/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A network interface, shared by its files: its life (net.c), frames (net-io.c),
 * commands (net-control.c). */
#ifndef XVMSG_FRONTEND_NET_H
#define XVMSG_FRONTEND_NET_H

#include <linux/virtio_net.h>

#include "frontend/device.h"

#define NET_FEATURE(bit) (UINT64_C(1) << (bit))

#define NET_MAX_PAIRS 8u
#define NET_QUEUE_SIZE 256u
#define NET_PAGE 4096u
/* Of each pair, if there is memory for so many; a frame to be sent takes up to
 * NET_FRAME_PAGES of the latter. */
#define NET_RX_PAGES 256u
#define NET_TX_PAGES 192u
#define NET_FRAME_PAGES ((XVMSG_NET_FRAME_MAX + NET_PAGE - 1) / NET_PAGE)
#define NET_COMMANDS 4u
#define NET_COMMAND_BYTES 64u

_Static_assert(NET_FRAME_PAGES <= XVMSG_NET_PIECES, "a frame has that many pieces");

/* A page of the area, and the queue's token for it. */
struct net_page {
    uint8_t *bytes;
    struct net_page *next; /* of a frame being sent, or of those that are free */
};

struct net_pair {
    struct net_page *free; /* to send from */
    uint32_t num_free;
    bool blocked; /* somebody waits for room to send */
};

struct net_command {
    bool busy;
    uint8_t *bytes; /* NET_COMMAND_BYTES; the last one is the answer */
    xvmsg_net_done *done;
    void *user;
};

struct xvmsg_net {
    struct held held;
    struct xvmsg *h;
    struct xvmsg_device *device; /* NULL while the number of its queues is asked for */
    uint64_t number;
    xvmsg_net_ready *ready;
    void *user;
    struct xvmsg_net_handlers handlers;
    void *handlers_user;
    bool usable;
    unsigned pairs;
    unsigned control; /* index of the control queue */
    uint8_t answer[2]; /* how many pairs the device has */
    bool asking;
    struct net_command commands[NET_COMMANDS];
    struct net_page *pages; /* all there are */
    struct net_pair pair[NET_MAX_PAIRS];
};

/* ---- net-io ---- */

/* Bytes of the area wanted for one pair. */
#define NET_PAIR_BYTES ((NET_RX_PAGES + NET_TX_PAGES) * NET_PAGE)

/* Divides pages among the pairs, and gives the device those to receive into. -1 with a
 * sentence. */
int net_io_start(struct xvmsg_net *net, uint8_t *memory, size_t bytes);
void net_io_used(struct xvmsg_net *net, unsigned queue);

/* ---- net-control ---- */

void net_control_start(struct xvmsg_net *net, uint8_t *memory);
void net_control_used(struct xvmsg_net *net);
void net_control_end_all(struct xvmsg_net *net, enum xvmsg_status status);
int net_control_set_pairs(struct xvmsg_net *net, xvmsg_net_done *done);

#endif
