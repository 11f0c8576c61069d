/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * libxvmsg: network interfaces (virtio-net).
 *
 * A frame is Ethernet's, behind a header of XVMSG_NET_HEADER bytes as virtio defines
 * it (struct virtio_net_hdr_mrg_rxbuf of linux/virtio_net.h, little-endian), which
 * says what is left to do: a checksum to fill in, a large segment to cut. All zero, the
 * frame is complete. What may be left to the other side has to be negotiated, see
 * xvmsg_net_features(). A TAP interface of Linux with IFF_VNET_HDR speaks of frames in
 * the same way, so that they pass unchanged.
 *
 * Frames lie in memory shared with the device: those to send are built there or copied,
 * those received are looked at where they are.
 */
#ifndef XVMSG_NET_H
#define XVMSG_NET_H

#include <sys/uio.h>
#include <xvmsg.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XVMSG_NET_HEADER 12u
/* Bytes of the longest frame, with its header. */
#define XVMSG_NET_FRAME_MAX 65570u
/* Pieces in which a frame may come. */
#define XVMSG_NET_PIECES 32u

struct xvmsg_net;

typedef void xvmsg_net_ready(struct xvmsg_net *net, enum xvmsg_status status, void *user);
typedef void xvmsg_net_done(struct xvmsg_net *net, enum xvmsg_status status, void *user);

/*
 * Opens device `number` as a network interface, with up to `pairs` pairs of queues (at
 * least 1; see xvmsg_net_pairs()). The device has to offer MRG_RXBUF and CTRL_VQ. NULL
 * with errno as xvmsg_device_open(). With several pairs the device is given the request
 * timeout to use them; then `ready` is told XVMSG_TIMEOUT. It receives what is sent to its own address, to a
 * multicast address that nobody asked for not, and broadcasts.
 */
struct xvmsg_net *xvmsg_net_open(struct xvmsg *h, uint64_t number, unsigned pairs,
                                 xvmsg_net_ready *ready, void *user);
/* The same, until it is open; may block. NULL with EIO too. */
struct xvmsg_net *xvmsg_net_open_wait(struct xvmsg *h, uint64_t number, unsigned pairs);
/* As xvmsg_blk_close(). */
void xvmsg_net_close(struct xvmsg_net *net);

/* ---- what it is; of an open interface ---- */

unsigned xvmsg_net_pairs(const struct xvmsg_net *net);
void xvmsg_net_mac(const struct xvmsg_net *net, uint8_t mac[6]);
/* Bytes behind the Ethernet header; 0: the device does not say. */
unsigned xvmsg_net_mtu(const struct xvmsg_net *net);
bool xvmsg_net_link_is_up(const struct xvmsg_net *net);
/* What was negotiated, as masks of VIRTIO_NET_F_*: CSUM and HOST_TSO4, HOST_TSO6 for
 * frames that are sent; GUEST_CSUM, GUEST_TSO4, GUEST_TSO6 for those that come. */
uint64_t xvmsg_net_features(const struct xvmsg_net *net);

struct xvmsg_net_handlers {
    /* A frame came on a pair of queues: `length` bytes with the header, in pieces that
     * are the library's again when this returns. */
    void (*received)(struct xvmsg_net *net, unsigned pair, const struct iovec *pieces,
                     unsigned count, size_t length, void *user);
    /* There is room to send again, after EAGAIN. */
    void (*writable)(struct xvmsg_net *net, unsigned pair, void *user);
    /* XVMSG_OK: the link went up or down, or another property is new. Another status: the
     * interface broke, and can only be closed. */
    void (*changed)(struct xvmsg_net *net, enum xvmsg_status status, void *user);
};

/* Any member may be NULL; may be called at any time. Frames that nobody takes are
 * lost. */
void xvmsg_net_set_handlers(struct xvmsg_net *net, const struct xvmsg_net_handlers *handlers,
                            void *user);

/* ---- sending ---- */

/*
 * Sends a frame of `length` bytes, header included, from anywhere; it is copied. The
 * device is told at the next flush. -1 with EAGAIN (no room; writable() will tell),
 * EINVAL (shorter than its header, or too long; no such pair), EIO.
 */
int xvmsg_net_send(struct xvmsg_net *net, unsigned pair, const void *frame, size_t length);

/*
 * The same without a copy. Room for one frame of any length in pieces of shared memory,
 * for the caller to fill: their number, or -1 with EAGAIN, EINVAL, EIO. The same room
 * comes again until xvmsg_net_commit() sends its first `length` bytes, as
 * xvmsg_net_send() does.
 */
int xvmsg_net_reserve(struct xvmsg_net *net, unsigned pair,
                      struct iovec pieces[XVMSG_NET_PIECES]);
int xvmsg_net_commit(struct xvmsg_net *net, unsigned pair, size_t length);

/* ---- control ----
 *
 * Each sends one command; `done` (NULL: nobody cares) runs once, with XVMSG_REFUSED
 * when the device says no. -1 with EAGAIN (four are under way), ENOTSUP (the device
 * cannot do it), EIO.
 */

int xvmsg_net_set_mac(struct xvmsg_net *net, const uint8_t mac[6], xvmsg_net_done *done,
                      void *user);
/* Every frame there is, or not. */
int xvmsg_net_set_promiscuous(struct xvmsg_net *net, bool on, xvmsg_net_done *done, void *user);
/* Every frame to a multicast address, or not. */
int xvmsg_net_set_all_multicast(struct xvmsg_net *net, bool on, xvmsg_net_done *done,
                                void *user);

#ifdef __cplusplus
}
#endif

#endif
