/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * Virtqueues: made by the kernel's virtio_ring in memory of the pool, told to the device with
 * SET_VQUEUE. Each has an event channel of its own where the backend agrees (QUEUE_DOORBELL),
 * which saves a message each way; else EVENT_AVAIL and EVENT_USED go through the ring.
 */

#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <xen/events.h>

#include "internal.h"

#define MIN_SIZE 4u   /* what the least request of a disk takes: less has it wait for good */
#define MAX_SIZE 256u /* entries of a queue: more take memory, not less time */

static struct queue *of(struct virtqueue *vq)
{
    return vq->priv;
}

/* ---- notification ---- */

/* The port, and not the interrupt, which may go at any time: what others have there by then is
 * disturbed by nothing but a look too many. */
void queues_ring(struct queue *queue)
{
    struct device_on_bus *device = queue->device;
    evtchn_port_t port = READ_ONCE(queue->port);

    if (port)
        notify_remote_via_evtchn(port);
    else
        channel_notify(&device->bus->channel, device, queue->index);
}

/* Any context. One that is away looks at its queues when it comes back. */
static bool notify(struct virtqueue *vq)
{
    struct queue *queue = of(vq);
    struct device_on_bus *device = queue->device;

    if (queue->polled)
        polled_serve(queue);
    else if (READ_ONCE(device->gone))
        mod_delayed_work(system_highpri_wq, &device->fail, 0);
    else if (!READ_ONCE(device->away))
        queues_ring(queue);
    return true;
}

irqreturn_t queues_interrupt(struct queue *queue)
{
    /* Nobody waits for that of a polled one: who sends it all the same is to be slowed down. */
    irqreturn_t result = queue->polled ? IRQ_NONE : vring_interrupt(0, queue->vq);

    /* The used ring said what cannot be: whoever waits for this queue waits for good. */
    if (virtqueue_is_broken(queue->vq) && !READ_ONCE(queue->device->gone))
        mod_delayed_work(system_highpri_wq, &queue->device->fail, 0);
    return result;
}

static irqreturn_t on_doorbell(int irq, void *user)
{
    struct queue *queue = user;
    irqreturn_t result = queues_interrupt(queue);

    xen_irq_lateeoi(irq, result == IRQ_HANDLED ? 0 : XEN_EOI_FLAG_SPURIOUS);
    return IRQ_HANDLED;
}

static void close_doorbell(struct queue *queue)
{
    int irq = queue->irq;

    WRITE_ONCE(queue->port, 0);
    queue->irq = 0;
    if (irq)
        unbind_from_irqhandler(irq, queue);
}

static bool tell_port(struct queue *queue, evtchn_port_t port)
{
    struct waiter *waiter = kmalloc(sizeof(*waiter), GFP_KERNEL);
    struct msg response, request = {
        .kind = MSG_queue_doorbell_request,
        .queue_doorbell_request = {.device_number = queue->device->number,
                                   .vq_index = queue->index, .port = port}};
    bool told = waiter && channel_request(&queue->device->bus->channel, &request,
                                          MSG_queue_doorbell_response, waiter, &response) == 0;

    kfree(waiter);
    return told && response.queue_doorbell_response.status == DOORBELL_OK;
}

/* A queue without a doorbell works too, a little slower. */
static void open_doorbell(struct queue *queue)
{
    struct bus *bus = queue->device->bus;
    evtchn_port_t port;
    int irq;

    if (!bus->doorbells || xenbus_alloc_evtchn(bus->xbdev, &port))
        return;
    irq = bind_evtchn_to_irqhandler_lateeoi(port, on_doorbell, 0, queue->vq->name, queue);
    if (irq < 0) {
        xenbus_free_evtchn(bus->xbdev, port);
        return;
    }
    queue->irq = irq;
    if (tell_port(queue, port))
        WRITE_ONCE(queue->port, port);
    else
        close_doorbell(queue);
}

/* ---- set up and take down ---- */

/* What GET_VQUEUE says; 0 for a queue that is not there. */
static int get_queue(struct queue *queue, struct msg *response)
{
    struct msg request = {.kind = MSG_get_vqueue_request,
                          .get_vqueue_request = {.index = queue->index}};
    int rc = transport_ask(queue->device, &request, MSG_get_vqueue_response, response);

    if (!rc && response->get_vqueue_response.index != queue->index)
        rc = -EPROTO;
    return rc;
}

static void locate(struct queue *queue, struct msg_set_vqueue_request *request)
{
    struct virtqueue *vq = queue->vq;

    if (queue->polled) {
        polled_restart(queue, request);
        return;
    }
    request->size = virtqueue_get_vring_size(vq);
    request->desc_addr = virtqueue_get_desc_addr(vq);
    request->driver_addr = virtqueue_get_avail_addr(vq);
    request->device_addr = pool_used_address(virtqueue_get_used_addr(vq));
}

/* The answer to SET_VQUEUE is empty: GET_VQUEUE tells what became of it. */
static int enable(struct queue *queue)
{
    struct msg response, request = {
        .kind = MSG_set_vqueue_request,
        .set_vqueue_request = {.index = queue->index, .flags = SET_VQUEUE_ENABLE}};
    int rc;

    locate(queue, &request.set_vqueue_request);
    rc = transport_ask(queue->device, &request, MSG_set_vqueue_response, &response);
    if (!rc)
        rc = get_queue(queue, &response);
    if (!rc && !(response.get_vqueue_response.flags & GET_VQUEUE_ENABLED))
        rc = -EIO;
    if (!rc)
        open_doorbell(queue);
    return rc;
}

/* From now on the interrupt may call the queue. */
static void publish(struct queue *queue, struct queue *to)
{
    struct channel *channel = &queue->device->bus->channel;

    spin_lock_irq(&channel->in_lock);
    queue->device->queues[queue->index] = to;
    spin_unlock_irq(&channel->in_lock);
}

/* Who gives commands has no callback. The kernel's console, which is port 0 of a console's, has
 * one, but who writes to it may not sleep, and looks as well. */
static bool looks(const struct virtio_device *vdev, unsigned index, vq_callback_t *callback)
{
    return !callback || (vdev->id.device == VIRTIO_ID_CONSOLE && index == 1);
}

static void free_queue(struct queue *queue)
{
    vring_del_virtqueue(queue->vq);
    polled_close(queue);
    kfree(queue);
}

static struct virtqueue *new_virtqueue(struct queue *queue, vq_callback_t *callback,
                                       const char *name, bool ctx)
{
    struct virtio_device *vdev = &queue->device->vdev;
    struct msg response;
    unsigned size;
    int rc = get_queue(queue, &response);

    if (rc)
        return ERR_PTR(rc);
    size = response.get_vqueue_response.max_size;
    /* A device may say anything; split queues want a power of two. */
    if (size < MIN_SIZE || size > 32768)
        return ERR_PTR(size ? -EPROTO : -ENOENT);
    size = rounddown_pow_of_two(min(size, MAX_SIZE));
    queue->vq = looks(vdev, queue->index, callback)
                    ? polled_open(queue, size, ctx, notify, callback, name)
                    : vring_create_virtqueue(queue->index, size, QUEUE_ALIGN, vdev, true, true,
                                             ctx, notify, callback, name);
    if (!queue->vq)
        return ERR_PTR(-ENOMEM);
    queue->vq->priv = queue;
    queue->vq->num_max = size;
    return queue->vq;
}

static struct virtqueue *set_up(struct device_on_bus *device, unsigned index,
                                vq_callback_t *callback, const char *name, bool ctx)
{
    struct queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);
    struct virtqueue *vq;
    int rc;

    if (!queue)
        return ERR_PTR(-ENOMEM);
    queue->device = device;
    queue->index = index;
    vq = new_virtqueue(queue, callback, name, ctx);
    if (IS_ERR(vq)) {
        kfree(queue);
        return vq;
    }
    publish(queue, queue);
    rc = enable(queue);
    if (!rc)
        return vq;
    publish(queue, NULL);
    free_queue(queue);
    return ERR_PTR(rc);
}

static int find(struct virtio_device *vdev, unsigned count, struct virtqueue *vqs[],
                vq_callback_t *callbacks[], const char *const names[], const bool *ctx)
{
    unsigned index = 0;

    for (unsigned i = 0; i < count; i++) {
        vqs[i] = NULL;
        if (!names[i])
            continue;
        if (index == MAX_QUEUES)
            return -EINVAL;
        vqs[i] = set_up(to_device(vdev), index++, callbacks[i], names[i], ctx && ctx[i]);
        if (IS_ERR(vqs[i])) {
            int rc = PTR_ERR(vqs[i]);

            dev_err(&vdev->dev, "queue %u (%s) cannot be set up: error %d\n", index - 1, names[i],
                    rc);
            return rc;
        }
    }
    return 0;
}

static void delete_all(struct virtio_device *vdev)
{
    struct virtqueue *vq, *next;

    list_for_each_entry_safe(vq, next, &vdev->vqs, list) {
        struct queue *queue = of(vq);

        publish(queue, NULL);
        close_doorbell(queue);
        free_queue(queue);
    }
}

int queues_find(struct virtio_device *vdev, unsigned count, struct virtqueue *vqs[],
                vq_callback_t *callbacks[], const char *const names[], const bool *ctx,
                struct irq_affinity *affinity)
{
    struct device_on_bus *device = to_device(vdev);
    int rc;

    mutex_lock(&device->life);
    rc = find(vdev, count, vqs, callbacks, names, ctx);
    if (rc)
        delete_all(vdev);
    mutex_unlock(&device->life);
    return rc;
}

/* The device was reset before. */
void queues_delete(struct virtio_device *vdev)
{
    struct device_on_bus *device = to_device(vdev);

    mutex_lock(&device->life);
    delete_all(vdev);
    mutex_unlock(&device->life);
}

void queues_synchronize(struct virtio_device *vdev)
{
    struct virtqueue *vq;

    list_for_each_entry(vq, &vdev->vqs, list)
        if (of(vq)->irq)
            synchronize_irq(of(vq)->irq);
    channel_synchronize(&to_device(vdev)->bus->channel);
}

/* ---- the connection ends, and another begins ---- */

bool queues_can_resume(struct device_on_bus *device)
{
    bool can = true;

    mutex_lock(&device->life);
    for (unsigned i = 0; can && i < MAX_QUEUES; i++)
        can = !device->queues[i] || !device->queues[i]->polled ||
              polled_can_resume(device->queues[i]);
    mutex_unlock(&device->life);
    return can;
}

bool queues_broken(struct device_on_bus *device)
{
    struct channel *channel = &device->bus->channel;
    bool broken = false;

    spin_lock_irq(&channel->in_lock);
    for (unsigned i = 0; !broken && i < MAX_QUEUES; i++)
        broken = device->queues[i] && virtqueue_is_broken(device->queues[i]->vq);
    spin_unlock_irq(&channel->in_lock);
    return broken;
}

void queues_lose_doorbells(struct device_on_bus *device)
{
    mutex_lock(&device->life);
    for (unsigned i = 0; i < MAX_QUEUES; i++)
        if (device->queues[i])
            close_doorbell(device->queues[i]);
    mutex_unlock(&device->life);
}

int queues_resume(struct device_on_bus *device)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < MAX_QUEUES; i++)
        if (device->queues[i])
            rc = enable(device->queues[i]);
    return rc;
}

int queues_say_again(struct device_on_bus *device)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < MAX_QUEUES; i++)
        if (device->queues[i] && device->queues[i]->polled)
            rc = polled_resume(device->queues[i]);
    return rc;
}

/* Neither side's last notification need have reached the other. */
void queues_kick(struct device_on_bus *device)
{
    struct channel *channel = &device->bus->channel;

    /* What a callback raises is to run when interrupts are on again. */
    local_bh_disable();
    spin_lock_irq(&channel->in_lock);
    for (unsigned i = 0; i < MAX_QUEUES; i++)
        if (device->queues[i] && !device->queues[i]->polled) {
            queues_ring(device->queues[i]);
            vring_interrupt(0, device->queues[i]->vq);
        }
    spin_unlock_irq(&channel->in_lock);
    local_bh_enable();
}

/* ---- a device that is gone ---- */

/* As the device would give them back; how far that is. */
static u16 fail(struct queue *queue)
{
    struct pool *pool = &queue->device->bus->pool;
    const struct vring *ring = virtqueue_get_vring(queue->vq);
    /* As far as the driver came, whatever the device wrote there. */
    u16 mask = ring->num - 1, used = virtqueue_enable_cb_prepare(queue->vq), avail;

    do {
        avail = READ_ONCE(ring->avail->idx);
        virt_rmb();
        if ((u16)(avail - used) > ring->num)
            break;
        for (; used != avail; used++) {
            u16 head = READ_ONCE(ring->avail->ring[used & mask]);
            u8 *status = chain_status(pool, ring, head);

            /* Nobody's "done". */
            if (status)
                *status = 0xff;
            ring->used->ring[used & mask] = (struct vring_used_elem){.id = head};
        }
        virt_wmb();
        WRITE_ONCE(ring->used->idx, used);
        /* Tell us of the next one. */
        WRITE_ONCE(vring_avail_event(ring), used);
        virt_mb();
    } while (READ_ONCE(ring->avail->idx) != used);
    return used;
}

/* Has the driver what it was given? A backend that lives may write there all the while. */
static bool fail_and_tell(struct queue *queue)
{
    u16 used;

    /* A broken one gives nothing back. */
    __virtqueue_unbreak(queue->vq);
    used = fail(queue);
    vring_interrupt(0, queue->vq);
    return !virtqueue_is_broken(queue->vq) &&
           READ_ONCE(virtqueue_get_vring(queue->vq)->used->idx) == used;
}

bool queues_fail(struct device_on_bus *device)
{
    struct channel *channel = &device->bus->channel;
    bool all = true;

    local_bh_disable();
    spin_lock_irq(&channel->in_lock);
    for (unsigned i = 0; i < MAX_QUEUES; i++)
        if (device->queues[i] && !device->queues[i]->polled)
            all = fail_and_tell(device->queues[i]) && all;
    spin_unlock_irq(&channel->in_lock);
    local_bh_enable();
    return all;
}

/* ---- reset of one queue (RING_RESET) ---- */

static int disable(struct virtqueue *vq)
{
    struct queue *queue = of(vq);
    struct msg response, request = {.kind = MSG_reset_vqueue_request,
                                    .reset_vqueue_request = {.index = queue->index}};
    int rc = transport_ask(queue->device, &request, MSG_reset_vqueue_response, &response);

    if (!rc)
        rc = get_queue(queue, &response);
    if (!rc && (response.get_vqueue_response.flags & GET_VQUEUE_ENABLED))
        rc = -EIO;
    if (rc)
        return rc;
    publish(queue, NULL);
    close_doorbell(queue);
    channel_synchronize(&queue->device->bus->channel);
    vq->reset = true;
    return 0;
}

int queues_disable(struct virtqueue *vq)
{
    struct device_on_bus *device = of(vq)->device;
    int rc;

    mutex_lock(&device->life);
    rc = disable(vq);
    mutex_unlock(&device->life);
    return rc;
}

static int enable_again(struct virtqueue *vq)
{
    struct queue *queue = of(vq);
    int rc;

    if (!vq->reset)
        return -EBUSY;
    publish(queue, queue);
    rc = enable(queue);
    if (rc)
        publish(queue, NULL);
    else
        vq->reset = false;
    return rc;
}

int queues_enable(struct virtqueue *vq)
{
    struct device_on_bus *device = of(vq)->device;
    int rc;

    mutex_lock(&device->life);
    rc = enable_again(vq);
    mutex_unlock(&device->life);
    return rc;
}
