/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A driver in small steps, each of which may be wrong if a case wants it so.
 * Messages, waiting and memory are scripted-driver.h's; here is what belongs to
 * one device.
 */
#ifndef XVMSG_CONFORM_DRIVER_H
#define XVMSG_CONFORM_DRIVER_H

#include <linux/virtio_config.h>

#include "tests/integration/scripted-driver.h"

#define BIT(n) (UINT64_C(1) << (n))
#define VERSION_1 BIT(VIRTIO_F_VERSION_1)
#define RING_RESET BIT(VIRTIO_F_RING_RESET)
#define NOTIFICATION_DATA BIT(VIRTIO_F_NOTIFICATION_DATA)

#define DRIVER_QUEUES 4u
#define DRIVER_QUEUE_SIZE 16u
#define DRIVER_SLOTS 5u     /* requests that a queue of ours may have out */
#define DRIVER_WRITTEN 513u /* bytes a device writes into each */
#define DRIVER_CONFIG_MAX 256u
#define DRIVER_MAX_POLLS 10000u /* of a state that no event tells of */

/* What the test may do at the other end, where that is in its own process. The
 * device there is the probe, see probe.h. */
struct control {
    void (*add)(struct guest *g, uint64_t number, bool with_uuid);
    void (*begin_removal)(struct guest *g, uint64_t number);
    void (*finish_removal)(struct guest *g, uint64_t number);
    const char *(*bus_failure)(struct guest *g); /* waits for it */
    void (*reconnect)(struct guest *g, enum msg_form form, uint16_t max_message);
    /* Lines with these words that the other end logs during `run`. */
    unsigned (*lines)(struct guest *g, void (*run)(void), const char *words);
    void (*let_time_pass)(struct guest *g); /* enough for another line */

    /* The probe: keep requests until give_back(); otherwise they are used at once. */
    void (*hold)(void);
    void (*give_back)(void);
    unsigned (*held)(void);
    /* New values for a range of its configuration, and the driver is told. */
    void (*change)(uint32_t offset, uint32_t length);
    void (*break_down)(void);
};

struct driver_queue {
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    uint16_t seen; /* used index */
};

struct driver {
    struct guest *g;
    uint64_t device;
    const struct control *control;
    bool slow; /* take samples */
    struct msg_get_device_info_response info;
    uint64_t offered;
    struct driver_queue queues[DRIVER_QUEUES];
};

void driver_begin(struct driver *d);
/* Leaves the device reset. */
void driver_end(struct driver *d);

/* A message to the device, and its exchange for the response. */
struct msg driver_message(const struct driver *d, enum msg_kind kind);
struct msg driver_call(struct driver *d, struct msg request);

/* Reads the event that comes next; its tail lives until the next message. */
struct msg driver_await_event(struct driver *d, enum msg_kind kind);

/* ---- status and features ---- */

uint32_t driver_status(struct driver *d);
uint32_t driver_set_status(struct driver *d, uint32_t status);
void driver_reset(struct driver *d); /* and waits until it is complete */

/* One block, or both of the first two. */
void driver_accept_block(struct driver *d, uint32_t block, uint32_t bits);
void driver_accept(struct driver *d, uint64_t features);
/* From reset to FEATURES_OK, and to DRIVER_OK with queue 0 enabled. */
void driver_negotiate(struct driver *d, uint64_t features);
void driver_start(struct driver *d, uint64_t features);

/* ---- configuration ---- */

struct msg driver_read_config(struct driver *d, uint32_t offset, uint32_t length);
/* The response's length. */
uint32_t driver_write_config(struct driver *d, uint32_t generation, uint32_t offset,
                             const void *data, uint32_t length);
uint32_t driver_generation(struct driver *d);
/* All of it, in as many pieces as it takes; info.config_size bytes. */
void driver_whole_config(struct driver *d, uint8_t *config);

/* ---- queues ---- */

struct msg_get_vqueue_response driver_get_queue(struct driver *d, uint32_t index);
/* Good parameters for a queue below DRIVER_QUEUES, flags: enable. */
struct msg_set_vqueue_request driver_good_queue(uint32_t index);
void driver_set_queue(struct driver *d, const struct msg_set_vqueue_request *set);
void driver_enable_queue(struct driver *d, uint32_t index);
void driver_reset_queue(struct driver *d, uint32_t index);
bool driver_queue_is_clear(const struct msg_get_vqueue_response *q);

/* Makes a request of one sector available, without a word; tells; waits until
 * one more was used and returns how many bytes were written. */
void driver_offer(struct driver *d, uint32_t index, uint16_t slot);
void driver_kick(struct driver *d, uint32_t index);
uint32_t driver_await_used(struct driver *d, uint32_t index);
uint16_t driver_used_index(const struct driver *d, uint32_t index);
/* All of these for slot 0, and what came of it is right. */
void driver_do_one(struct driver *d, uint32_t index);

/* ---- everything a driver can see ---- */

struct driver_view {
    struct msg_get_device_info_response info;
    uint64_t offered;
    uint32_t status;
    struct msg_get_vqueue_response queues[DRIVER_QUEUES];
    uint8_t config[DRIVER_CONFIG_MAX];
};

void driver_look(struct driver *d, struct driver_view *view);
bool driver_sees(struct driver *d, const struct driver_view *before);

#endif
