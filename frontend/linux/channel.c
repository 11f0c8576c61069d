/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * The message ring of a bus. Messages come in by interrupt: an answer is copied to
 * whoever waits for it, an event goes to its device at once. What the backend writes is
 * checked by ring.c and codec.c; a ring that breaks its rules is the end of the connection.
 */

#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/virtio_ring.h>
#include <xen/events.h>
#include <xen/interface/event_channel.h>

#include "internal.h"

#define REQUEST_TIMEOUT (5 * HZ)
#define BATCH 64 /* messages that one interrupt takes */
#define SCAN_PAUSE (HZ / 10)

/* ---- messages out; out_lock is held ---- */

static bool put(struct channel *channel, const struct msg *m)
{
    u8 bytes[MESSAGE_SIZE];
    size_t size = msg_encode(channel->ring.form, m, bytes, sizeof(bytes), NULL);

    return size && ring_put(&channel->ring, bytes, size);
}

static void publish(struct channel *channel)
{
    if (ring_publish(&channel->ring))
        notify_remote_via_irq(channel->irq);
}

static bool put_notification(struct channel *channel, u64 number, unsigned queue)
{
    const struct msg m = {
        .kind = MSG_event_avail, .dev_num = number, .event_avail = {.vq_index = queue}};

    return put(channel, &m);
}

/* The next of what waits to be sent. False: no room for it, or nothing waits. */
static bool put_next(struct channel *channel)
{
    struct pending_source *source;
    u32 bit;

    if (channel->pinged) {
        channel->pinged = !put(channel, &channel->pong);
        return !channel->pinged;
    }
    if (!pending_next(&channel->pending, &source, &bit) ||
        !put_notification(channel, container_of(source, struct device_on_bus, pending)->number,
                          bit - PENDING_QUEUE(0)))
        return false;
    pending_done(&channel->pending, source, bit);
    return true;
}

/* Sends what waits for room, and has the interrupt go on when it is not enough. */
static void put_pending(struct channel *channel)
{
    do {
        while (put_next(channel))
            ;
        publish(channel);
    } while ((channel->pinged || !pending_empty(&channel->pending)) && !channel->ring.fault &&
             !ring_await_room(&channel->ring, MESSAGE_SIZE));
}

void channel_notify(struct channel *channel, struct device_on_bus *device, unsigned queue)
{
    unsigned long flags;

    spin_lock_irqsave(&channel->out_lock, flags);
    if (channel->irq) {
        pending_set(&channel->pending, &device->pending, PENDING_QUEUE(queue));
        put_pending(channel);
    }
    spin_unlock_irqrestore(&channel->out_lock, flags);
}

void channel_forget(struct channel *channel, struct device_on_bus *device)
{
    unsigned long flags;

    spin_lock_irqsave(&channel->out_lock, flags);
    pending_drop(&channel->pending, &device->pending);
    spin_unlock_irqrestore(&channel->out_lock, flags);
}

/* 1 sent, 0 no room yet (the interrupt wakes us when there is), or -errno. */
static int try_send(struct channel *channel, const struct msg *request)
{
    unsigned long flags;
    int rc = -ENODEV;

    spin_lock_irqsave(&channel->out_lock, flags);
    while (channel->irq && !channel->ring.fault) {
        if (ring_has_room(&channel->ring, MESSAGE_SIZE)) {
            rc = put(channel, request) ? 1 : -EINVAL;
            publish(channel);
            break;
        }
        if (ring_await_room(&channel->ring, MESSAGE_SIZE)) {
            rc = 0;
            break;
        }
    }
    spin_unlock_irqrestore(&channel->out_lock, flags);
    return rc;
}

static int send(struct channel *channel, const struct msg *request)
{
    int rc = 0;

    if (!wait_event_timeout(channel->room, (rc = try_send(channel, request)) != 0,
                            REQUEST_TIMEOUT))
        return -ETIMEDOUT;
    return rc < 0 ? rc : 0;
}

/* ---- requests ---- */

static int start_waiting(struct channel *channel, struct waiter *waiter)
{
    int rc = 0;

    spin_lock_irq(&channel->in_lock);
    /* 0 is what events carry. */
    if (++channel->token == 0)
        channel->token = 1;
    waiter->token = channel->token;
    waiter->size = 0;
    init_completion(&waiter->done);
    if (channel->dead)
        rc = -ENODEV;
    else
        list_add_tail(&waiter->link, &channel->waiters);
    spin_unlock_irq(&channel->in_lock);
    return rc;
}

static void stop_waiting(struct channel *channel, struct waiter *waiter)
{
    spin_lock_irq(&channel->in_lock);
    list_del_init(&waiter->link);
    spin_unlock_irq(&channel->in_lock);
}

bool channel_alive(struct channel *channel)
{
    struct evtchn_status status = {.dom = DOMID_SELF, .port = READ_ONCE(channel->port)};

    return READ_ONCE(channel->irq) &&
           HYPERVISOR_event_channel_op(EVTCHNOP_status, &status) == 0 &&
           status.status == EVTCHNSTAT_interdomain;
}

/* Nobody else will tell that it is gone. */
static int check_alive(struct channel *channel)
{
    if (channel_alive(channel))
        return 0;
    channel_fail(channel);
    bus_wake(channel->bus);
    return -ENODEV;
}

int channel_request(struct channel *channel, const struct msg *request, enum msg_kind answer,
                    struct waiter *waiter, struct msg *response)
{
    struct msg m = *request;
    int rc;

    waiter->answer = answer;
    waiter->dev_num = m.dev_num;
    rc = check_alive(channel);
    if (!rc)
        rc = start_waiting(channel, waiter);
    if (rc)
        return rc;
    m.token = waiter->token;
    rc = send(channel, &m);
    if (!rc && !wait_for_completion_timeout(&waiter->done, REQUEST_TIMEOUT))
        rc = -ETIMEDOUT;
    stop_waiting(channel, waiter);
    if (rc == -ETIMEDOUT && check_alive(channel))
        rc = -ENODEV;
    if (rc)
        return rc;
    if (!waiter->size)
        return -ENODEV;
    return msg_decode(channel->ring.form, waiter->bytes, waiter->size, response, NULL) ? 0
                                                                                        : -EPROTO;
}

/* ---- messages in; in_lock is held ---- */

static void take_answer(struct channel *channel, const struct msg *m, size_t size)
{
    struct waiter *waiter;

    list_for_each_entry(waiter, &channel->waiters, link)
        if (waiter->token == m->token && waiter->dev_num == m->dev_num &&
            waiter->answer == m->kind) {
            memcpy(waiter->bytes, channel->in, size);
            waiter->size = size;
            list_del_init(&waiter->link);
            complete(&waiter->done);
            return;
        }
}

static void take_used(struct device_on_bus *device, u32 index)
{
    struct queue *queue = index < MAX_QUEUES ? device->queues[index] : NULL;

    if (queue)
        queues_interrupt(queue);
}

/* Of interest once the device has a driver. */
static void take_config(struct device_on_bus *device, const struct msg_event_config *event)
{
    if (!(READ_ONCE(device->status) & VIRTIO_CONFIG_S_DRIVER))
        return;
    WRITE_ONCE(device->status, (u8)event->device_status);
    WRITE_ONCE(device->generation, event->generation);
    virtio_config_changed(&device->vdev);
}

/* A backend has one PING under way; serve() answers it. */
static void take_ping(struct channel *channel, const struct msg *m)
{
    spin_lock(&channel->out_lock);
    channel->pong = (struct msg){.kind = MSG_ping_response,
                                 .token = m->token,
                                 .ping_response = {.data = m->ping_request.data}};
    channel->pinged = true;
    spin_unlock(&channel->out_lock);
}

/* An answer to what nobody here asks any more, and events not known, are dropped. False: it was
 * no message. */
static bool take(struct channel *channel, size_t size)
{
    struct bus *bus = channel->bus;
    struct device_on_bus *device;
    struct msg m;

    if (!msg_decode(channel->ring.form, channel->in, size, &m, NULL))
        return false;
    switch (m.kind) {
    case MSG_event_used:
    case MSG_event_config:
        device = xa_load(&bus->devices, m.dev_num);
        if (device && m.kind == MSG_event_used)
            take_used(device, m.event_used.vq_index);
        else if (device)
            take_config(device, &m.event_config);
        return device;
    case MSG_event_device:
        /* It costs its sender nothing; the watches tell meanwhile. */
        hotplug_wake(bus, SCAN_PAUSE);
        return true;
    case MSG_ping_request:
        take_ping(channel, &m);
        return true;
    default:
        take_answer(channel, &m, size);
        return true;
    }
}

/* Takes messages until there is none. Returns whether there was one: who rings for nothing is
 * slowed down. */
static bool take_all(struct channel *channel)
{
    unsigned long flags;
    unsigned taken = 0;
    bool any = false, more = false;

    spin_lock_irqsave(&channel->in_lock, flags);
    while (!channel->dead) {
        size_t size = taken < BATCH ? ring_get(&channel->ring, channel->in) : 0;

        if (size) {
            any = take(channel, size) || any;
            taken++;
            continue;
        }
        if (ring_release(&channel->ring))
            notify_remote_via_irq(channel->irq);
        if (ring_await_message(&channel->ring) || channel->ring.fault)
            break;
        if (taken == BATCH) {
            more = true;
            break;
        }
    }
    spin_unlock_irqrestore(&channel->in_lock, flags);
    if (more)
        queue_work(system_highpri_wq, &channel->more);
    return any;
}

static bool serve(struct channel *channel)
{
    bool any = take_all(channel);
    unsigned long flags;

    spin_lock_irqsave(&channel->out_lock, flags);
    if (channel->irq)
        put_pending(channel);
    spin_unlock_irqrestore(&channel->out_lock, flags);
    wake_up_all(&channel->room);
    if (channel->ring.fault)
        bus_wake(channel->bus);
    return any;
}

static irqreturn_t on_interrupt(int irq, void *user)
{
    bool any = serve(user);

    xen_irq_lateeoi(irq, any ? 0 : XEN_EOI_FLAG_SPURIOUS);
    return IRQ_HANDLED;
}

static void on_more(struct work_struct *work)
{
    serve(container_of(work, struct channel, more));
}

void channel_synchronize(struct channel *channel)
{
    if (channel->irq)
        synchronize_irq(channel->irq);
    flush_work(&channel->more);
}

/* ---- open and close ---- */

static int open_port(struct channel *channel)
{
    struct xenbus_device *xbdev = channel->bus->xbdev;
    int irq, rc = xenbus_alloc_evtchn(xbdev, &channel->port);

    if (rc)
        return rc;
    irq = bind_evtchn_to_irqhandler_lateeoi(channel->port, on_interrupt, 0, dev_name(&xbdev->dev),
                                            channel);
    if (irq < 0) {
        xenbus_free_evtchn(xbdev, channel->port);
        return irq;
    }
    channel->irq = irq;
    return 0;
}

void channel_init(struct channel *channel, struct bus *bus)
{
    channel->bus = bus;
    channel->dead = true;
    spin_lock_init(&channel->out_lock);
    spin_lock_init(&channel->in_lock);
    init_waitqueue_head(&channel->room);
    INIT_LIST_HEAD(&channel->waiters);
    INIT_WORK(&channel->more, on_more);
}

int channel_open(struct channel *channel)
{
    struct xenbus_device *xbdev = channel->bus->xbdev;
    int rc = xenbus_setup_ring(xbdev, GFP_KERNEL, &channel->pages, 1, &channel->ref);

    if (rc)
        return rc;
    channel->dead = false;
    channel->pinged = false;
    memset(channel->pages, 0, XEN_PAGE_SIZE);
    ring_format(channel->pages, 0);
    ring_attach(&channel->ring, channel->pages, 0, RING_FRONTEND, MSG_WIDE, MESSAGE_SIZE);
    ring_await_message(&channel->ring);
    rc = open_port(channel);
    if (rc)
        xenbus_teardown_ring(&channel->pages, 1, &channel->ref);
    return rc;
}

void channel_fail(struct channel *channel)
{
    struct waiter *waiter, *next;

    spin_lock_irq(&channel->in_lock);
    channel->dead = true;
    list_for_each_entry_safe(waiter, next, &channel->waiters, link) {
        list_del_init(&waiter->link);
        complete(&waiter->done);
    }
    spin_unlock_irq(&channel->in_lock);
    wake_up_all(&channel->room);
}

void channel_close(struct channel *channel)
{
    int irq = channel->irq;

    if (!irq)
        return;
    channel_fail(channel);
    spin_lock_irq(&channel->out_lock);
    channel->irq = 0;
    spin_unlock_irq(&channel->out_lock);
    unbind_from_irqhandler(irq, channel);
    cancel_work_sync(&channel->more);
    xenbus_teardown_ring(&channel->pages, 1, &channel->ref);
}
