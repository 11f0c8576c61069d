/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * Virtqueues: made by the kernel's virtio_ring in memory of the pool, told to the device with
 * SET_VQUEUE. Each has an event channel of its own where the backend agrees (QUEUE_DOORBELL),
 * which saves a message each way; else EVENT_AVAIL and EVENT_USED go through the ring.
 */

#include <linux/interrupt.h>
#include <linux/slab.h>
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

/* Any context. */
static bool notify(struct virtqueue *vq)
{
    struct queue *queue = of(vq);

    if (queue->irq)
        notify_remote_via_irq(queue->irq);
    else
        channel_notify(&queue->device->bus->channel, queue->device, queue->index);
    return true;
}

static irqreturn_t on_doorbell(int irq, void *user)
{
    struct queue *queue = user;
    irqreturn_t result = vring_interrupt(irq, queue->vq);

    xen_irq_lateeoi(irq, result == IRQ_HANDLED ? 0 : XEN_EOI_FLAG_SPURIOUS);
    return IRQ_HANDLED;
}

static void close_doorbell(struct queue *queue)
{
    if (queue->irq)
        unbind_from_irqhandler(queue->irq, queue);
    queue->irq = 0;
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
    if (!tell_port(queue, port))
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

/* The answer to SET_VQUEUE is empty: GET_VQUEUE tells what became of it. */
static int enable(struct queue *queue)
{
    struct virtqueue *vq = queue->vq;
    struct msg response, request = {
        .kind = MSG_set_vqueue_request,
        .set_vqueue_request = {.index = queue->index, .flags = SET_VQUEUE_ENABLE,
                               .size = virtqueue_get_vring_size(vq),
                               .desc_addr = virtqueue_get_desc_addr(vq),
                               .driver_addr = virtqueue_get_avail_addr(vq),
                               .device_addr = virtqueue_get_used_addr(vq)}};
    int rc = transport_ask(queue->device, &request, MSG_set_vqueue_response, &response);

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
    queue->vq = vring_create_virtqueue(queue->index, size, SMP_CACHE_BYTES, vdev, true, true, ctx,
                                       notify, callback, name);
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
    vring_del_virtqueue(vq);
    kfree(queue);
    return ERR_PTR(rc);
}

int queues_find(struct virtio_device *vdev, unsigned count, struct virtqueue *vqs[],
                vq_callback_t *callbacks[], const char *const names[], const bool *ctx,
                struct irq_affinity *affinity)
{
    unsigned index = 0;

    for (unsigned i = 0; i < count; i++) {
        vqs[i] = NULL;
        if (!names[i])
            continue;
        if (index == MAX_QUEUES) {
            queues_delete(vdev);
            return -EINVAL;
        }
        vqs[i] = set_up(to_device(vdev), index++, callbacks[i], names[i], ctx && ctx[i]);
        if (IS_ERR(vqs[i])) {
            int rc = PTR_ERR(vqs[i]);

            dev_err(&vdev->dev, "queue %u (%s) cannot be set up: error %d\n", index - 1, names[i],
                    rc);
            queues_delete(vdev);
            return rc;
        }
    }
    return 0;
}

/* The device was reset before. */
void queues_delete(struct virtio_device *vdev)
{
    struct virtqueue *vq, *next;

    list_for_each_entry_safe(vq, next, &vdev->vqs, list) {
        struct queue *queue = of(vq);

        publish(queue, NULL);
        close_doorbell(queue);
        vring_del_virtqueue(vq);
        kfree(queue);
    }
}

void queues_synchronize(struct virtio_device *vdev)
{
    struct virtqueue *vq;

    list_for_each_entry(vq, &vdev->vqs, list)
        if (of(vq)->irq)
            synchronize_irq(of(vq)->irq);
    channel_synchronize(&to_device(vdev)->bus->channel);
}

/* ---- reset of one queue (RING_RESET) ---- */

int queues_disable(struct virtqueue *vq)
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

int queues_enable(struct virtqueue *vq)
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
