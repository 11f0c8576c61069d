/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A guest and its console, which stands on terminals or a socket as the supervisor makes
 * them: device DEV, its queues side by side in the guest's area.
 */
#ifndef XVMSG_CON_H
#define XVMSG_CON_H

#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <sys/un.h>

#include "common/le.h"
#include "tests/integration/scripted-guest.h"

#define DEV 4u
#define BIT(n) (UINT64_C(1) << (n))
#define SIZE BIT(VIRTIO_CONSOLE_F_SIZE)
#define PLAIN (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET) | SIZE)
#define MULTI (PLAIN | BIT(VIRTIO_CONSOLE_F_MULTIPORT))
#define WRITE VRING_DESC_F_WRITE
#define OK 15u
#define BROKEN (OK | VIRTIO_CONFIG_S_NEEDS_RESET)

/* Queues: as many as fit before the data. */
#define QUEUES 6u
#define QUEUE_BYTES 0x400u
#define IN 0u
#define OUT 1u
#define CONTROL_IN 2u
#define CONTROL_OUT 3u
#define IN_OF(port) (2 * (port) + 2)
#define OUT_OF(port) (2 * (port) + 3)
#define SLOT 2048u /* bytes of a buffer */
#define SLOTS 8u   /* of a queue; a head is the number of its buffer */

struct con {
    struct guest *g;
    uint16_t seen[QUEUES];
    int slave[2];  /* what is attached to the ports' terminals, */
    int client;    /* or to the socket */
    char directory[32];
    struct sockaddr_un address;
};

/* ---- queues ---- */

/* Points the guest's desc, avail and used at a queue. */
void con_choose(struct con *t, unsigned q);

/* A buffer of a queue, and where it lies in the area. */
uint8_t *con_slot(struct con *t, unsigned q, unsigned i);
uint64_t con_slot_offset(unsigned q, unsigned i);

void con_kick(struct con *t, unsigned q);

/* A buffer to be filled, or to be read, as the queue has it; or with these flags. */
void con_offer(struct con *t, unsigned q, uint16_t i, uint32_t size);
void con_offer_as(struct con *t, unsigned q, uint16_t i, uint32_t size, uint16_t flags);

/* The length of the next one used. Is there one? */
uint32_t con_await(struct con *t, unsigned q);
bool con_answered(struct con *t, unsigned q);

/* ---- the stage ---- */

/* A console with two terminals. */
struct con con_start(void);
void con_end(struct con *t);

/* One with a socket, and somebody who connects to it. */
struct con con_start_on_socket(void);
void con_end_on_socket(struct con *t);
int con_come(struct con *t);

/* Initializes the device, with so many queues. */
void con_drive(struct con *t, uint64_t features, unsigned queues);
void con_enable(struct con *t, unsigned q);
uint32_t con_status(struct con *t);

/* The first terminal has another size. */
void con_resize(struct con *t, unsigned short columns, unsigned short rows);

/* ---- control messages ---- */

void con_say(struct con *t, uint32_t id, uint16_t event, uint16_t value);

/* The next message is this one; its size. There is none. */
uint32_t con_hear(struct con *t, uint32_t id, uint16_t event, uint16_t value);
bool con_silent(struct con *t);

/* Initializes it with all queues and hears of its two ports, which are then open or not. */
void con_meet(struct con *t, bool open);

#endif
