/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A guest with a network interface of two pairs of queues and a control queue, device
 * PAIRS_DEV of a scripted guest, with or without queue threads. Sockets that keep frames
 * apart stand for the TAP interface's queues.
 */
#ifndef XVMSG_NET_PAIRS_H
#define XVMSG_NET_PAIRS_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "tests/integration/scripted-guest.h"

#define PAIRS_DEV 4u
#define PAIRS 2u
#define PAIRS_THREADS 2u
#define PAIRS_QUEUES 5u
#define RX(pair) (2 * (pair))
#define TX(pair) (2 * (pair) + 1)
#define CONTROL 4u
#define CONTROL_WITHOUT_MQ 2u

#define BIT(n) (UINT64_C(1) << (n))
#define PAIRS_BASE (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET) | \
                    BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX))
#define PAIRS_ALL (PAIRS_BASE | BIT(VIRTIO_NET_F_MQ))
#define PAIRS_HEADER 12u
#define PAIRS_SLOTS 8u     /* of a queue; a head is the number of its buffer */
#define PAIRS_SLOT 0x600u  /* bytes of a buffer */

/* One at a time. */
struct net_pairs {
    struct guest *g;
    bool by_doorbells;
    struct platform *thread_xen[PAIRS_THREADS];
    int wires[PAIRS];  /* our ends */
    int inside[PAIRS]; /* the device's */
    uint32_t ports[PAIRS_QUEUES];
    uint16_t seen[PAIRS_QUEUES]; /* of the used ring */
    unsigned offered[PAIRS_QUEUES];
};

extern struct net_pairs np;
extern const uint8_t pairs_own[6]; /* the device's address */
extern const uint8_t pairs_other[6];

/* All of it, with the features. */
void pairs_start(bool threads, bool doorbells, uint64_t features);
void pairs_end(void);

/* The guest offers a ring, anew after it has left, and shares its area. */
void pairs_connect(void);

/* The driver resets the device; begins anew; with a queue that was reset. */
void pairs_reset(void);
void pairs_drive(uint64_t features);
void pairs_enable(unsigned queue);

/* The next slot of a queue; offers it, to be filled or to be read as the queue has it, or as
 * these flags have it, and says so. */
uint8_t *pairs_slot(unsigned queue);
void pairs_offer(unsigned queue, uint32_t size);
void pairs_offer_as(unsigned queue, uint32_t size, uint16_t flags);

/* Waits for the next used buffer; its length. */
uint32_t pairs_await(unsigned queue);

/* How many used buffers were not waited for yet? Now, which may change. */
unsigned pairs_answers(unsigned queue);

/* A command by that queue; the answer. */
uint8_t pairs_command(unsigned queue, const uint8_t *bytes, uint32_t size);

/* A frame to this address, each byte of which tells where it is and of which frame. */
void pairs_make_frame(uint8_t *frame, const uint8_t to[6], size_t size, unsigned number);

/* The guest sends one; the wire has got it, and it is right. */
void pairs_send(unsigned pair, size_t size, unsigned number);
void pairs_expect_sent(unsigned pair, size_t size, unsigned number);

/* The wire brings one; the guest, which has a buffer there, has got it. */
void pairs_comes(unsigned pair, const uint8_t to[6], size_t size, unsigned number);
void pairs_expect_received(unsigned pair, const uint8_t to[6], size_t size, unsigned number);

/* The wire takes no more frames; takes them again. */
void pairs_fill(unsigned pair);
void pairs_empty(unsigned pair);

/* Is there a frame on the wire now? Takes it. */
bool pairs_sent(unsigned pair);

/* Runs what there is to run. */
void pairs_turn(void);

#endif
