/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * Queues whose drivers do not wait for a call: who made a buffer available looks for it until it
 * is used, perhaps with interrupts off, when nobody could tell that the backend has died. The
 * commands of networks and consoles are such, and what a kernel writes to its console.
 *
 * The device never sees a driver's ring of that kind, which is in memory of the kernel's own: what
 * was made available is used when the notification returns. Meanwhile its bytes went to a ring
 * that the device has instead, one request at a time.
 *
 * Commands that were obeyed are remembered. A device that comes back without its state has it
 * again when they are said again, and its driver has noticed nothing.
 */

#include <linux/slab.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "internal.h"

#define RING_SIZE 4u                   /* entries; the least that a queue may have */
#define STATUS_OFFSET (PAGE_SIZE / 2)  /* a command's answer */
#define BYTES_OFFSET PAGE_SIZE         /* what the device is to read */
#define MAX_BYTES PAGE_SIZE
#define MEMORY (BYTES_OFFSET + MAX_BYTES)
#define WAIT_LIMIT (5 * NSEC_PER_SEC)  /* the kernel complains of 20 s with interrupts off */
#define NO_ANSWER 0xff                 /* no device's "done" */
#define MAX_COMMANDS 8192u             /* remembered: two for each VLAN that there may be */

struct command {
    struct list_head link;
    bool answered; /* by a status */
    size_t size;
    u8 bytes[];
};

struct polled {
    spinlock_t lock;     /* one request at a time: a driver's, or one that is said again */
    void *pages;         /* the driver's ring */
    size_t pages_size;
    u8 *memory;          /* of the pool: the device's ring, status, bytes */
    dma_addr_t address;  /* of it */
    struct vring ring;   /* the device's */
    u16 made;            /* requests that the device was given */
    struct list_head commands;
    unsigned num_commands;
};

/* ---- what has to be said again ---- */

/* A command is the same as another, with other values perhaps, when its first bytes are. 0: we
 * do not know this device's commands. */
static size_t key_size(const struct virtio_device *vdev, const u8 *bytes, size_t size)
{
    switch (vdev->id.device) {
    case VIRTIO_ID_NET: /* class, command; there is one for each VLAN */
        return size && bytes[0] == VIRTIO_NET_CTRL_VLAN ? 4 : 2;
    case VIRTIO_ID_CONSOLE: /* port, event */
        return offsetof(struct virtio_console_control, value);
    default:
        return 0;
    }
}

static bool is_for_commands(const struct queue *queue)
{
    return !queue->vq->callback;
}

static void forget(struct polled *polled, struct command *command)
{
    list_del(&command->link);
    kfree(command);
    polled->num_commands--;
}

/* The last of its kind, in the order in which they were said. */
static void remember(struct queue *queue, const u8 *bytes, size_t size, bool answered)
{
    struct virtio_device *vdev = &queue->device->vdev;
    struct polled *polled = queue->polled;
    size_t key = key_size(vdev, bytes, size);
    struct command *command, *next;

    if (size < key)
        return;
    list_for_each_entry_safe(command, next, &polled->commands, link)
        if (memcmp(command->bytes, bytes, key) == 0)
            forget(polled, command);
    /* The backend can have the driver say more, and write to the bytes meanwhile. */
    if (polled->num_commands == MAX_COMMANDS)
        forget(polled, list_first_entry(&polled->commands, struct command, link));
    command = kmalloc(struct_size(command, bytes, size), GFP_ATOMIC);
    if (!command) {
        dev_warn_ratelimited(&vdev->dev, "no memory to remember a command\n");
        return;
    }
    command->answered = answered;
    command->size = size;
    memcpy(command->bytes, bytes, size);
    list_add_tail(&command->link, &polled->commands);
    polled->num_commands++;
}

/* ---- one request; polled->lock is held ---- */

/* In descriptors 0 and 1, always the same. */
static void make_available(struct polled *polled, size_t size, bool answered)
{
    struct vring *ring = &polled->ring;

    polled->memory[STATUS_OFFSET] = NO_ANSWER;
    ring->desc[0] = (struct vring_desc){.addr = polled->address + BYTES_OFFSET, .len = size,
                                        .flags = answered ? VRING_DESC_F_NEXT : 0, .next = 1};
    ring->desc[1] = (struct vring_desc){.addr = polled->address + STATUS_OFFSET, .len = 1,
                                        .flags = VRING_DESC_F_WRITE};
    ring->avail->ring[polled->made % RING_SIZE] = 0;
    virt_wmb();
    WRITE_ONCE(ring->avail->idx, ++polled->made);
    virt_mb();
}

static bool is_busy(const struct polled *polled)
{
    return READ_ONCE(polled->ring.used->idx) != polled->made;
}

/* -ENODEV: the connection has ended. */
static int await(struct queue *queue, unsigned connection)
{
    struct bus *bus = queue->device->bus;
    u64 end = ktime_get_ns() + WAIT_LIMIT;

    for (unsigned looks = 1; is_busy(queue->polled); looks++) {
        cpu_relax();
        if (looks % 16384)
            continue;
        if (READ_ONCE(queue->device->gone) || READ_ONCE(bus->connections) != connection)
            return -ENODEV;
        if (!channel_alive(&bus->channel)) {
            bus_wake(bus);
            return -ENODEV;
        }
        if (ktime_get_ns() > end)
            return -ETIMEDOUT;
    }
    virt_rmb();
    return 0;
}

/* Has the device read the bytes that are in their place, and answer. */
static int exchange(struct queue *queue, size_t size, bool answered)
{
    unsigned connection = READ_ONCE(queue->device->bus->connections);

    make_available(queue->polled, size, answered);
    queues_ring(queue);
    return await(queue, connection);
}

/* ---- what drivers make available ---- */

/* The bytes that the device is to read; more than there is place for: -EMSGSIZE. */
static ssize_t gather(struct queue *queue, u32 head)
{
    struct pool *pool = &queue->device->bus->pool;
    u8 *to = queue->polled->memory + BYTES_OFFSET;
    struct vring_desc part;
    struct chain chain;
    size_t size = 0;

    chain_begin(&chain, pool, virtqueue_get_vring(queue->vq), head);
    while (chain_next(&chain, &part)) {
        const void *from = pool_bytes(pool, part.addr, part.len);

        if (part.flags & VRING_DESC_F_WRITE)
            continue;
        if (!from || part.len > MAX_BYTES - size)
            return -EMSGSIZE;
        memcpy(to + size, from, part.len);
        size += part.len;
    }
    return size;
}

/* What a backend that is away cannot be told now is said when it is back, which is as good. The
 * answer. */
static u8 obey(struct queue *queue, u32 head, bool answered)
{
    struct device_on_bus *device = queue->device;
    struct polled *polled = queue->polled;
    bool away = READ_ONCE(device->away);
    u8 answer = NO_ANSWER;
    ssize_t size;
    int rc;

    /* One is under way that took too long: nobody reads the other end of a console. */
    if (READ_ONCE(device->gone) || (!away && is_busy(polled)))
        return NO_ANSWER;
    size = gather(queue, head);
    if (size < 0)
        return NO_ANSWER;
    rc = away ? -ENODEV : exchange(queue, size, answered);
    if (!is_for_commands(queue))
        return NO_ANSWER;
    if (rc == -ETIMEDOUT) {
        WRITE_ONCE(device->stuck, true);
        mod_delayed_work(system_highpri_wq, &device->fail, 0);
    }
    if (!rc)
        answer = answered ? READ_ONCE(polled->memory[STATUS_OFFSET]) : 0;
    else if (rc == -ENODEV && !READ_ONCE(device->gone))
        answer = 0;
    if (!answer)
        remember(queue, polled->memory + BYTES_OFFSET, size, answered);
    return answer;
}

static void serve(struct queue *queue, u32 head)
{
    u8 *status = chain_status(&queue->device->bus->pool, virtqueue_get_vring(queue->vq), head);
    u8 answer = obey(queue, head, status);

    if (status)
        *status = answer;
}

void polled_serve(struct queue *queue)
{
    const struct vring *ring = virtqueue_get_vring(queue->vq);
    unsigned long flags;
    u16 used;

    spin_lock_irqsave(&queue->polled->lock, flags);
    while ((used = ring->used->idx) != READ_ONCE(ring->avail->idx)) {
        u16 head;

        virt_rmb();
        head = ring->avail->ring[used % ring->num];
        serve(queue, head);
        ring->used->ring[used % ring->num] = (struct vring_used_elem){.id = head};
        virt_wmb();
        WRITE_ONCE(ring->used->idx, used + 1);
    }
    /* The next one is to be notified of as well. */
    vring_avail_event(ring) = used;
    spin_unlock_irqrestore(&queue->polled->lock, flags);
}

/* ---- another connection ---- */

bool polled_can_resume(const struct queue *queue)
{
    return !is_for_commands(queue) || key_size(&queue->device->vdev, NULL, 0);
}

static int say_again(struct queue *queue, const struct command *command)
{
    struct polled *polled = queue->polled;
    int rc;

    memcpy(polled->memory + BYTES_OFFSET, command->bytes, command->size);
    rc = exchange(queue, command->size, command->answered);
    if (!rc && command->answered && READ_ONCE(polled->memory[STATUS_OFFSET]))
        dev_warn(&queue->device->vdev.dev, "the device refuses a command that it obeyed before\n");
    return rc;
}

int polled_resume(struct queue *queue)
{
    struct command *command;
    int rc = 0;

    spin_lock_irq(&queue->polled->lock);
    list_for_each_entry(command, &queue->polled->commands, link) {
        rc = say_again(queue, command);
        if (rc)
            break;
    }
    /* No command may come between the last of these and this. */
    if (!rc && is_for_commands(queue))
        WRITE_ONCE(queue->device->away, false);
    spin_unlock_irq(&queue->polled->lock);
    return rc;
}

/* ---- life ---- */

void polled_restart(struct queue *queue, struct msg_set_vqueue_request *request)
{
    struct polled *polled = queue->polled;
    u64 start = (u64)(uintptr_t)polled->memory;

    spin_lock_irq(&polled->lock);
    memset(polled->memory, 0, BYTES_OFFSET);
    polled->made = 0;
    /* What it would say is seen without. */
    polled->ring.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    spin_unlock_irq(&polled->lock);
    request->size = RING_SIZE;
    request->desc_addr = polled->address;
    request->driver_addr = polled->address + ((u64)(uintptr_t)polled->ring.avail - start);
    request->device_addr = polled->address + ((u64)(uintptr_t)polled->ring.used - start);
}

struct virtqueue *polled_open(struct queue *queue, unsigned size, bool ctx,
                              bool (*notify)(struct virtqueue *vq), vq_callback_t *callback,
                              const char *name)
{
    struct virtio_device *vdev = &queue->device->vdev;
    struct polled *polled = kzalloc(sizeof(*polled), GFP_KERNEL);
    struct virtqueue *vq;

    if (!polled)
        return NULL;
    spin_lock_init(&polled->lock);
    INIT_LIST_HEAD(&polled->commands);
    polled->pages_size = PAGE_ALIGN(vring_size(size, SMP_CACHE_BYTES));
    polled->pages = alloc_pages_exact(polled->pages_size, GFP_KERNEL | __GFP_ZERO);
    if (!polled->pages)
        goto fail;
    polled->memory = pool_take(&queue->device->bus->pool, MEMORY, &polled->address);
    if (!polled->memory)
        goto fail_memory;
    vring_init(&polled->ring, RING_SIZE, polled->memory, SMP_CACHE_BYTES);
    vq = vring_new_virtqueue(queue->index, size, SMP_CACHE_BYTES, vdev, true, ctx, polled->pages,
                             notify, callback, name);
    if (!vq)
        goto fail_queue;
    queue->polled = polled;
    return vq;

fail_queue:
    pool_give(&queue->device->bus->pool, polled->memory, MEMORY);
fail_memory:
    free_pages_exact(polled->pages, polled->pages_size);
fail:
    kfree(polled);
    return NULL;
}

void polled_close(struct queue *queue)
{
    struct polled *polled = queue->polled;
    struct command *command, *next;

    if (!polled)
        return;
    list_for_each_entry_safe(command, next, &polled->commands, link)
        forget(polled, command);
    pool_give(&queue->device->bus->pool, polled->memory, MEMORY);
    free_pages_exact(polled->pages, polled->pages_size);
    kfree(polled);
}
