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
 *   polled.c     virtqueues whose drivers wait by looking: commands, a console's output
 *   chains.c     what drivers made available, read in the device's place
 *   hotplug.c    devices that come and go in xenstore
 *   resume.c     devices whose backend goes away and comes back, or does not
 *
 * Contexts: two work items per bus, `look` for the handshake and what belongs to it, `plug`
 * for devices that come and go. Drivers may wait for their requests in the latter, and so
 * for the former to connect anew; it never waits for a driver's requests. Interrupts take
 * messages in; a driver's notification may come from any context.
 */
#ifndef XVMSG_LINUX_INTERNAL_H
#define XVMSG_LINUX_INTERNAL_H

#include <linux/completion.h>
#include <linux/genalloc.h>
#include <linux/interrupt.h>
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
#define POOL_MAX_AREAS 64u
#define MAX_CONFIG 256u /* bytes of a device's: the binding's limit */

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
    struct mutex lock; /* areas come and go */
    struct gen_pool *gen; /* NULL: not open */
    struct gen_pool *rings;
    struct area *areas[POOL_MAX_AREAS]; /* number i + 1 */
    unsigned num_areas;
};

struct device_on_bus {
    struct virtio_device vdev;
    struct bus *bus;
    u64 number;
    struct msg_uuid uuid;
    u32 generation; /* last seen */
    u8 status;      /* last seen */
    bool gone;      /* the backend has it no more: see device_give_up() */
    bool away;      /* its driver runs, its backend does not: it is to be resumed */
    bool leaving;   /* its driver lets go of it, */
    unsigned long leaves_by; /* and waits until then for what is under way */
    bool stuck;     /* it took a command and did not answer */
    struct mutex lock; /* one request at a time, in the order of the calls */
    struct mutex life; /* its driver's setting up and taking down, or the resume */
    struct delayed_work fail; /* ends requests, and sees when that has to begin */

    u8 config[MAX_CONFIG]; /* as last read or written */
    DECLARE_BITMAP(config_written, MAX_CONFIG);

    struct pending_source pending;
    u32 pending_bits[PENDING_WORDS(1 + MAX_QUEUES)];
    struct queue *queues[MAX_QUEUES]; /* changed under channel.in_lock */
};

struct polled;

struct queue {
    struct virtqueue *vq;
    struct device_on_bus *device;
    unsigned index;
    int irq; /* of its doorbell; 0: it has none */
    evtchn_port_t port; /* the same */
    struct polled *polled; /* NULL: its driver waits to be called */
};

/* The parts of what a driver made available, one after the other. */
struct chain {
    struct pool *pool;
    const struct vring_desc *table;
    u32 count; /* of the table */
    u32 next;
    u32 left;
    bool entered; /* an indirect table */
};

struct bus {
    struct xenbus_device *xbdev;
    struct channel channel;
    struct pool pool;
    struct xarray devices; /* by number; changed under list_lock and channel.in_lock */
    struct mutex list_lock;
    struct xarray refused; /* numbers of devices that could not be begun; not asked again */
    unsigned connections; /* that have ended */
    bool offered;   /* a ring, which the backend may take at any time */
    bool talking;   /* the backend was Connected: it is to stay so */
    bool connected; /* devices can be used */
    bool plugged;   /* they are those that the backend has */
    bool doorbells; /* agreed on */
    bool resumes;   /* queues go on: agreed on */
    bool leaving;
    struct delayed_work look;
    struct delayed_work plug;
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

/* Does the backend have its end of the event channel? A process that dies loses it at once,
 * long before anybody says so in xenstore. Any context. */
bool channel_alive(struct channel *channel);

/* Waits until no callback runs that began before. */
void channel_synchronize(struct channel *channel);

/* ---- pool.c ---- */

/* Where a queue's used ring begins: behind all that its driver writes, however large it is, so
 * that the device can be kept from writing there. */
#define QUEUE_ALIGN (2 * PAGE_SIZE)

/* What is allocated of these is a queue's, with that alignment. */
extern const struct dma_map_ops pool_dma_ops;

/* Where the device writes what is at `address` of a queue, which it may only read. */
u64 pool_used_address(u64 address);

void pool_init(struct pool *pool);

/* Shares the pool with the backend, which is made the first time; the channel is open.
 * Sleeps. */
int pool_share(struct bus *bus);

/* The connection is over. What is in the pool stays. */
void pool_revoke(struct pool *pool);

/* Nothing in the pool is used any more. */
void pool_close(struct pool *pool);

/* Zeroes, which the device reads and writes. NULL: the pool is full. */
void *pool_take(struct pool *pool, size_t size, dma_addr_t *address);
void pool_give(struct pool *pool, void *start, size_t size);

/* The memory behind an address that anybody may have written. NULL: there is none. */
void *pool_bytes(struct pool *pool, u64 address, size_t size);

/* ---- transport.c ---- */

extern const struct virtio_config_ops transport_ops;

/* GET_DEVICE_INFO, answered into `info`. */
int transport_info(struct device_on_bus *device, struct msg_get_device_info_response *info);

/* The backend has come back: does it have this device, and can that do what it could?
 * -ENXIO: no. */
int transport_check(struct device_on_bus *device);

/* Has the device be as its driver set it up, but for its queues and DRIVER_OK. */
int transport_resume(struct device_on_bus *device);

/* A network's driver finds its cable pulled, until it is asked again. */
void transport_lose_link(struct device_on_bus *device);

/* DRIVER_OK, the last step. */
int transport_start(struct device_on_bus *device);

/* One request of a device, header filled in here, whose answer has no tail. */
int transport_ask(struct device_on_bus *device, struct msg *request, enum msg_kind answer,
                  struct msg *response);

/* ---- queues.c ---- */

int queues_find(struct virtio_device *vdev, unsigned count, struct virtqueue *vqs[],
                vq_callback_t *callbacks[], const char *const names[], const bool *ctx,
                struct irq_affinity *affinity);
void queues_delete(struct virtio_device *vdev);
void queues_synchronize(struct virtio_device *vdev);

/* Buffers may have been used. Interrupt context. */
irqreturn_t queues_interrupt(struct queue *queue);

/* Has the device broken a queue's rules? */
bool queues_broken(struct device_on_bus *device);
int queues_disable(struct virtqueue *vq);
int queues_enable(struct virtqueue *vq);

/* Has the device look at the queue. Any context. */
void queues_ring(struct queue *queue);

/* Can the device be brought to the state that it had? */
bool queues_can_resume(struct device_on_bus *device);

/* The connection is over; the queues are kept. */
void queues_lose_doorbells(struct device_on_bus *device);

/* Enables all of them in the device, where they were. */
int queues_resume(struct device_on_bus *device);

/* Says what was said by commands; the device is not away any more then. */
int queues_say_again(struct device_on_bus *device);

/* Has both ends look at all of them. */
void queues_kick(struct device_on_bus *device);

/* Gives back to the driver all that it made available, as failed. False: the backend wrote there
 * meanwhile, and it is to be done again. */
bool queues_fail(struct device_on_bus *device);

/* ---- polled.c ---- */

/* NULL: no memory. */
struct virtqueue *polled_open(struct queue *queue, unsigned size, bool ctx,
                              bool (*notify)(struct virtqueue *vq), vq_callback_t *callback,
                              const char *name);
/* After its virtqueue is gone. */
void polled_close(struct queue *queue);

/* The device is to have it from the beginning: its size and addresses. */
void polled_restart(struct queue *queue, struct msg_set_vqueue_request *request);

/* What the driver has made available is used when this returns. Any context. */
void polled_serve(struct queue *queue);

bool polled_can_resume(const struct queue *queue);
int polled_resume(struct queue *queue);

/* ---- chains.c ---- */

void chain_begin(struct chain *chain, struct pool *pool, const struct vring *ring, u32 head);

/* False: there are no more. */
bool chain_next(struct chain *chain, struct vring_desc *part);

/* The last byte that the device may write, where it says how it went. NULL: there is none. */
u8 *chain_status(struct pool *pool, const struct vring *ring, u32 head);

/* ---- hotplug.c ---- */

/* The work item. Has the kernel's devices be what B/device lists. */
void hotplug_plug(struct work_struct *work);

/* Wakes it, in so many jiffies. Any context. */
void hotplug_wake(struct bus *bus, unsigned long delay);

/* Gives up what B/device lists no more: its driver may wait for it, and hotplug_plug() for
 * its driver. */
void hotplug_miss(struct bus *bus);

/* For every device, while none comes or goes. Sleeps. */
void hotplug_each(struct bus *bus, void (*what)(struct device_on_bus *device));

/* Everything goes. */
void hotplug_remove_all(struct bus *bus);

/* Says in F/device that a driver has it. */
void hotplug_say_in_use(struct device_on_bus *device);

/* Does B/device have it? */
bool hotplug_is_there(struct device_on_bus *device);

/* ---- resume.c ---- */

/* The connection ends, for now. */
void resume_away(struct bus *bus);

/* It is there again: devices go on, or are given up. -ENODEV: it has ended again. */
int resume_back(struct bus *bus);

/* The backend does not have the device any more: every request of its driver fails, those
 * under way too, and none waits. Any context that may take channel.in_lock. */
void device_give_up(struct device_on_bus *device);

/* The work item `fail`. */
void device_on_fail(struct work_struct *work);

/* ---- bus.c ---- */

/* Something happened that the work item `look` is to look at. Any context. */
void bus_wake(struct bus *bus);

/* Is it connected, to a backend that lives? Any context. */
bool bus_is_served(struct bus *bus);

#endif
