/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A guest with a network interface, device NET_DEV of a scripted guest. A socket that
 * keeps frames apart stands for the TAP interface: what is written to it is a frame for
 * the guest, with virtio's header. One queue at a time, which is the one under test.
 *
 *     net_start(NET_TX, 0);
 *     net_offer(0, 100, 0);
 *     net_kick();
 *     ...
 *     net_end();
 */
#ifndef XVMSG_NET_GUEST_H
#define XVMSG_NET_GUEST_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "tests/integration/scripted-guest.h"

#define NET_DEV 4u
#define BIT(n) (UINT64_C(1) << (n))
#define NET_BASE (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET))
#define NET_MERGE BIT(VIRTIO_NET_F_MRG_RXBUF)
#define NET_CONTROL (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) |             \
                     BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
                     BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
#define NET_RX 0u
#define NET_TX 1u
#define NET_CTRL 2u
#define NET_HEADER 12u
#define NET_FRAME_MAX 70000u
#define WRITE VRING_DESC_F_WRITE

extern struct guest *g;
extern int wire; /* our end of what stands for the TAP interface */
extern uint8_t frame[NET_FRAME_MAX];

extern const uint8_t net_own[6]; /* the device's address */
extern const uint8_t net_other[6];
extern const uint8_t net_group[6];
extern const uint8_t net_everybody[6];

/* A worker with the device, whose link is `link` (NULL: nothing is said); and a bus. */
void net_add(const char *link);

/* All of it, with that queue, up to DRIVER_OK. */
void net_start(uint32_t queue, uint64_t features);
void net_end(void);

/* The driver begins anew, with the same queue. */
void net_start_device(uint64_t features);

/* The queue was kicked. */
void net_kick(void);

/* One buffer with one descriptor, at GUEST_DATA + 4096 * i. Where it is. */
uint8_t *net_offer(uint16_t i, uint32_t size, uint16_t flags);

/* Has a buffer come back? Does the device want a reset? */
bool net_answered(void);
bool net_broken(void);

uint8_t net_config_byte(uint32_t offset);
bool net_link_is_up(void);
void net_set_link(const char *to);

/* Makes a frame to this address, of so many bytes with the header; each byte tells where
 * it is. And sends it to the guest. */
void net_make_frame(const uint8_t to[6], size_t size);
void net_comes(const uint8_t to[6], size_t size);

/* The next frame that the guest sent, in `frame`; 0: there is none. */
size_t net_sent(void);

#endif
