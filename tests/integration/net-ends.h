/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The library's network interface against the whole backend, with sockets in place of a
 * TAP interface. For the supervisor it is of a type that stands on nothing.
 *
 *     net_start(1);
 *     net_send(0, 100, 0);
 *     net_expect_sent(0, 100);
 *     net_end();
 */
#ifndef XVMSG_NET_ENDS_H
#define XVMSG_NET_ENDS_H

#include <sys/types.h>

#include "backend/device.h"
#include "frontend/xvmsg-net.h"
#include "tests/integration/joined.h"

#define NET_REQUEST B7 "/request/net"
#define NET_PAIRS 2u

/* One at a time. */
struct net_ends {
    struct joined j;
    struct xvmsg_net *net;
    int wires[NET_PAIRS]; /* our ends of what stands for the TAP interface */
    uint8_t frame[XVMSG_NET_FRAME_MAX]; /* the one made last */
    uint8_t arrived[XVMSG_NET_FRAME_MAX]; /* what the wire had */
    ssize_t arrived_size;
    /* What the callbacks were told. */
    enum xvmsg_status opened;
    unsigned num_received, num_changed, num_writable, num_done;
    unsigned received_pair;
    size_t received_length;
    uint8_t received[XVMSG_NET_FRAME_MAX];
    enum xvmsg_status changed_to, done_status;
    void (*when_received)(void); /* may be NULL */
};

extern struct net_ends n;
extern const uint8_t net_own[6]; /* the device's address */
extern const uint8_t net_other[6];

/* The device, of type "rng": the true one, unless the test has another. */
extern const struct device_class *net_ends_class;

/* Of all that begins from now on: queue threads, with event channels of queues, and the
 * addresses that the library uses. */
extern unsigned net_threads;
extern enum xvmsg_addresses net_addresses;

/* Both ends run, and there is the device; is open with so many pairs, both; closed. */
void net_begin(void);
enum xvmsg_status net_open(unsigned pairs);
void net_start(unsigned pairs);
void net_end(void);

/* In n.frame; each byte tells where it is, and which frame it is of. */
void net_make_frame(const uint8_t to[6], size_t size, unsigned number);
/* A frame for the guest, and that it has got; one from it, and that it was sent. */
void net_comes(unsigned pair, const uint8_t to[6], size_t size, unsigned number);
void net_expect_received(size_t size);
void net_send(unsigned pair, size_t size, unsigned number);
void net_expect_sent(unsigned pair, size_t size);

/* Callbacks that are noted above. */
void net_ready(struct xvmsg_net *net, enum xvmsg_status status, void *user);
void net_done(struct xvmsg_net *net, enum xvmsg_status status, void *user);

/* For joined_run_until(): a number that is not 0; a pair whose wire has a frame. */
bool net_counted(struct joined *j, void *number);
bool net_has_arrived(struct joined *j, void *pair);

#endif
