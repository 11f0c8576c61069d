/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * The kernel's frontend: a xenbus driver for devices of type virtio-msg, whose
 * virtio devices the kernel's own drivers (virtio_blk, virtio_net ...) take.
 *
 *   bus.c        xenbus: the handshake of a bus, its start and end
 *   channel.c    the message ring: requests that wait for their answer, events
 *   pool.c       areas shared with the backend, and DMA through them
 *   transport.c  virtio_config_ops by messages
 *   queues.c     virtqueues: set up, doorbells, reset of one
 *   hotplug.c    devices that come and go in xenstore
 *
 * Contexts: xenstore's watches and everything that waits for an answer run in one
 * work item per bus, so the handshake and hot-plug need no lock. Interrupts take
 * messages in; a driver's notification may come from any context.
 */
#ifndef XVMSG_LINUX_INTERNAL_H
#define XVMSG_LINUX_INTERNAL_H

#include <linux/completion.h>
#include <linux/genalloc.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "common/address.h"
#include "common/codec.h"
#include "common/pending.h"
#include "common/ring.h"
#include "xenstore-schema/schema.h"

#define MESSAGE_SIZE MSG_WIDE_DEFAULT_MAX
#define MAX_QUEUES 64u /* of a device: the binding's limit */
#define POOL_MAX_AREAS 32u

struct bus;

/* A request under way; its answer's bytes are copied here by the interrupt. */
struct waiter {
    struct list_head link;
    enum msg_kind answer;
    u16 token;
    u64 dev_num;
    size_t size; /* of the answer; 0: there will be none */
    struct completion done;
    u8 bytes[MESSAGE_SIZE];
};

/* The ring and its event channel. */
struct channel {
    struct bus *bus;
    struct ring ring;
    void *pages;
    grant_ref_t ref;
    evtchn_port_t port;
    int irq; /* 0: not open */
    bool dead; /* no request will be answered any more; under in_lock */

    spinlock_t out_lock; /* ring.out and what waits for room; may be taken in in_lock */
    struct pending pending;
    struct msg pong; /* if `pinged` */
    bool pinged;
    wait_queue_head_t room;

    spinlock_t in_lock; /* ring.in, waiters, who is told of events; around callbacks */
    struct list_head waiters;
    u16 token;
    struct work_struct more; /* after a full batch */
    u8 in[MESSAGE_SIZE];
};

/* A set of pages shared once, part of the pool. */
struct area;

/* All memory that the backend sees: queues, and what is copied to and from buffers. */
struct pool {
    struct gen_pool *gen; /* NULL: not open */
    struct area *areas[POOL_MAX_AREAS]; /* number i + 1 */
    unsigned num_areas;
};

struct device_on_bus {
    struct virtio_device vdev;
    struct bus *bus;
    u64 number;
    u32 generation; /* last seen */
    u8 status;      /* last seen */
    bool gone;      /* the backend has it no more */
    struct mutex lock; /* one request at a time, in the order of the calls */
    struct pending_source pending;
    u32 pending_bits[PENDING_WORDS(1 + MAX_QUEUES)];
    struct queue *queues[MAX_QUEUES]; /* changed under channel.in_lock */
};

struct queue {
    struct virtqueue *vq;
    struct device_on_bus *device;
    unsigned index;
    int irq; /* of its doorbell; 0: it has none */
};

struct bus {
    struct xenbus_device *xbdev;
    struct channel channel;
    struct pool pool;
    struct xarray devices; /* by number; changed under channel.in_lock */
    struct xarray refused; /* numbers of those that could not be begun; not asked again */
    bool talking;   /* the backend was Connected: it is to stay so */
    bool connected; /* devices can be used */
    bool doorbells; /* agreed on */
    bool leaving;
    struct delayed_work look;
    struct xenbus_watch device_watch; /* B/device */
};

static inline struct device_on_bus *to_device(struct virtio_device *vdev)
{
    return container_of(vdev, struct device_on_bus, vdev);
}

/* ---- channel.c ---- */

void channel_init(struct channel *channel, struct bus *bus);

/* A fresh ring and port. 0 or -errno. */
int channel_open(struct channel *channel);

/* Ends requests that wait and lets go of everything; the backend may still have the
 * page mapped, which is then freed when it has let go. */
void channel_close(struct channel *channel);

/*
 * Sends `request` and waits for its answer, at most 5 seconds (-ETIMEDOUT); -ENODEV when
 * the connection has ended. `waiter` is the caller's: the answer's tail points into it.
 * Sleeps.
 */
int channel_request(struct channel *channel, const struct msg *request, enum msg_kind answer,
                    struct waiter *waiter, struct msg *response);

/* Tells the backend of buffers in a queue: now, or as soon as the ring has room. */
void channel_notify(struct channel *channel, struct device_on_bus *device, unsigned queue);

/* Nothing more is sent of a device that goes. */
void channel_forget(struct channel *channel, struct device_on_bus *device);

/* The other end is gone: requests that wait end with -ENODEV, and so do later ones. */
void channel_fail(struct channel *channel);

/* Waits until no callback runs that began before. */
void channel_synchronize(struct channel *channel);

/* ---- pool.c ---- */

extern const struct dma_map_ops pool_dma_ops;

/* Shares the first areas; the channel is open. Sleeps. */
int pool_open(struct bus *bus);

/* The connection is over: nothing in the pool is used any more. */
void pool_close(struct pool *pool);

/* ---- transport.c ---- */

extern const struct virtio_config_ops transport_ops;

/* GET_DEVICE_INFO, answered into `info`. */
int transport_info(struct device_on_bus *device, struct msg_get_device_info_response *info);

/* One request of a device, header filled in here, whose answer has no tail. */
int transport_ask(struct device_on_bus *device, struct msg *request, enum msg_kind answer,
                  struct msg *response);

/* ---- queues.c ---- */

int queues_find(struct virtio_device *vdev, unsigned count, struct virtqueue *vqs[],
                vq_callback_t *callbacks[], const char *const names[], const bool *ctx,
                struct irq_affinity *affinity);
void queues_delete(struct virtio_device *vdev);
void queues_synchronize(struct virtio_device *vdev);
int queues_disable(struct virtqueue *vq);
int queues_enable(struct virtqueue *vq);

/* ---- hotplug.c ---- */

/* Has the kernel's devices be what B/device lists. */
void hotplug_look(struct bus *bus);

/* Everything goes; `surprise`: the backend does not answer any more. */
void hotplug_remove_all(struct bus *bus, bool surprise);

/* ---- bus.c ---- */

/* Something happened that the work item is to look at, in so many jiffies. Any context. */
void bus_wake(struct bus *bus, unsigned long delay);

#endif
