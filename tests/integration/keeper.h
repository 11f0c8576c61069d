/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device of a class of the tests' own, which keeps its requests for as long as
 * the test wants, with nothing around it but the guest's memory. Its second queue
 * is an admin queue; all of its configuration space can be written; it has one
 * region of shared memory.
 *
 *     static struct keeper k;
 *
 *     keeper_open(&k);
 *     keeper_start(&k, 0);
 *     ...
 *     keeper_close(&k);
 *
 * What every case relies on is asserted in here.
 */
#ifndef XVMSG_KEEPER_H
#define XVMSG_KEEPER_H

#include "backend/transport.h"
#include "tests/fake/fake-xen.h"

#define KEEPER_NUMBER 9u
#define KEEPER_QUEUES 2u
#define KEEPER_QUEUE_SIZE 8u
#define KEEPER_CONFIG_SIZE 64u
#define KEEPER_FEATURE 5u /* a bit of its own that it offers */
#define KEEPER_SHM 7u     /* its region's index */
#define KEEPER_SHM_LENGTH (UINT64_C(1) << 33)
#define KEEPER_SHM_ADDRESS (UINT64_C(3) << 40)
#define KEEPER_AREA 1u
#define KEEPER_QUEUE_SPAN 0x1000u /* each queue's part of the area */

struct keeper {
    struct fake_xen *fx;
    struct platform *dom0;
    struct platform *domu;
    struct device_host host;
    struct device *device;
    uint8_t *area;
    struct answer answer;
    uint8_t tail[272];
    unsigned settled; /* calls of the host's */
    unsigned waiting;

    struct chain *kept[KEEPER_QUEUES][KEEPER_QUEUE_SIZE];
    unsigned count[KEEPER_QUEUES];
    unsigned stops;
    bool give_back_on_stop;
    uint8_t config[KEEPER_CONFIG_SIZE];
};

void keeper_open(struct keeper *k);
void keeper_close(struct keeper *k);

/* The guest's memory, which keeper_open() has shared. */
void keeper_share_area(struct keeper *k);

/* Serves a request that is answered at once; the answer. */
struct msg *keeper_call(struct keeper *k, struct msg request);
uint32_t keeper_set_status(struct keeper *k, uint32_t status);
uint32_t keeper_get_status(struct keeper *k);

/* The driver accepts these features besides VERSION_1, with FEATURES_OK. */
void keeper_negotiate(struct keeper *k, uint64_t features);
void keeper_enable_queue(struct keeper *k, uint32_t queue);

/* All of that, up to DRIVER_OK. */
void keeper_start(struct keeper *k, uint64_t features);

/* Offers `count` buffers of one byte and has the device look at them. */
void keeper_offer(struct keeper *k, uint32_t queue, uint16_t count);

/* Gives back every chain it keeps of a queue. */
void keeper_give_back(struct keeper *k, uint32_t queue);
uint16_t keeper_used_index(const struct keeper *k, uint32_t queue);

/* The next event, as the ring would carry it; a tail lies in k->tail. False: none
 * waits. */
bool keeper_next_event(struct keeper *k, struct msg *event);

#endif
