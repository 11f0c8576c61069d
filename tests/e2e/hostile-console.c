/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A console of two ports, whose terminals nobody reads. */

#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "common/le.h"
#include "hostile.h"

#define WRITE VRING_DESC_F_WRITE
#define PORT_IN 0u
#define PORT_OUT 1u
#define CONTROL_IN 2u
#define CONTROL_OUT 3u
#define OTHER_OUT 5u
#define REPLY 1024u /* where the device's messages come */

static enum outcome tell(struct xvmsg_device *device, uint32_t port, uint16_t event,
                         uint16_t value)
{
    uint8_t *message = chain_memory(device);

    le32_put(message, port);
    le16_put(message + 4, event);
    le16_put(message + 6, value);
    return chain_offer(device, CONTROL_OUT, CHAIN({0, 8, 0}));
}

static void expect_reply(struct xvmsg_device *device, uint32_t room)
{
    chain_lay(xvmsg_device_queue(device, CONTROL_IN), CHAIN({REPLY, room, WRITE}));
}

/* There is always something to tell who says so. */
static bool good(struct xvmsg_device *device)
{
    expect_reply(device, 64);
    return tell(device, 0, VIRTIO_CONSOLE_DEVICE_READY, 1) == USED &&
           tell(device, 0, VIRTIO_CONSOLE_PORT_READY, 0) == USED &&
           tell(device, 0, VIRTIO_CONSOLE_PORT_READY, 1) == USED &&
           chain_await(device, CONTROL_IN, 1) == USED && chain_written() >= 8;
}

/* ---- control messages ---- */

static enum outcome message_cut_short(struct xvmsg_device *device)
{
    return chain_offer(device, CONTROL_OUT, CHAIN({0, 7, 0}));
}

static enum outcome message_to_be_written(struct xvmsg_device *device)
{
    return chain_offer(device, CONTROL_OUT, CHAIN({0, 8, 0}, {8, 8, WRITE}));
}

static enum outcome port_that_is_not_there(struct xvmsg_device *device)
{
    return tell(device, 2, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

static enum outcome last_port_of_all(struct xvmsg_device *device)
{
    return tell(device, UINT32_MAX, VIRTIO_CONSOLE_PORT_READY, 1);
}

static enum outcome unknown_event(struct xvmsg_device *device)
{
    return tell(device, 0, 4711, 1);
}

static enum outcome event_of_the_device(struct xvmsg_device *device)
{
    return tell(device, 4711, VIRTIO_CONSOLE_PORT_REMOVE, 1);
}

static enum outcome no_room_for_a_reply(struct xvmsg_device *device)
{
    expect_reply(device, 7);
    if (tell(device, 0, VIRTIO_CONSOLE_PORT_READY, 1) == NOTHING)
        return NOTHING;
    return chain_await(device, CONTROL_IN, 1);
}

static enum outcome flood_of_messages(struct xvmsg_device *device)
{
    enum outcome outcome = USED;

    for (unsigned i = 0; i < 300 && outcome == USED; i++)
        outcome = tell(device, 0, VIRTIO_CONSOLE_PORT_READY, i % 2);
    return outcome;
}

/* ---- bytes ---- */

static enum outcome bytes_that_cannot_come(struct xvmsg_device *device)
{
    if (tell(device, 0, VIRTIO_CONSOLE_PORT_OPEN, 1) != USED)
        return NOTHING;
    return chain_offer(device, PORT_IN, CHAIN({0, 100, 0}));
}

/* More than a terminal takes; the rest waits in the queue. */
static bool is_stuck(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(device, PORT_OUT);

    if (tell(device, 0, VIRTIO_CONSOLE_PORT_OPEN, 1) != USED)
        return false;
    for (unsigned i = 0; i < queue->size; i++)
        chain_lay(queue, CHAIN({0, BUFFER_BYTES, 0}));
    ring_tell(PORT_OUT);
    return true;
}

static enum outcome reset_while_nobody_reads(struct xvmsg_device *device)
{
    struct xvmsg_waiter w = {0};

    if (!is_stuck(device) || xvmsg_reset_vqueue(h, number, PORT_OUT, xvmsg_wake, &w) < 0 ||
        xvmsg_wait(h, &w) < 0)
        return NOTHING;
    return ANSWERED;
}

static enum outcome another_port_while_nobody_reads(struct xvmsg_device *device)
{
    if (!is_stuck(device) || tell(device, 1, VIRTIO_CONSOLE_PORT_OPEN, 1) != USED)
        return NOTHING;
    return chain_offer(device, OTHER_OUT, CHAIN({0, 10, 0}));
}

static const struct abuse abuses[] = {
    {"message-cut-short", message_cut_short, BROKEN, true, XVMSG_QUEUE_ANY},
    {"message-to-be-written", message_to_be_written, BROKEN, true, XVMSG_QUEUE_ANY},
    {"port-that-is-not-there", port_that_is_not_there, BROKEN, true, XVMSG_QUEUE_ANY},
    {"last-port-of-all", last_port_of_all, BROKEN, true, XVMSG_QUEUE_ANY},
    {"unknown-event", unknown_event, USED, true, XVMSG_QUEUE_ANY},
    {"event-of-the-device", event_of_the_device, USED, true, XVMSG_QUEUE_ANY},
    {"no-room-for-a-reply", no_room_for_a_reply, BROKEN, true, XVMSG_QUEUE_ANY},
    {"flood-of-messages", flood_of_messages, USED, true, XVMSG_QUEUE_ANY},
    {"bytes-that-cannot-come", bytes_that_cannot_come, BROKEN, true, XVMSG_QUEUE_ANY},
    {"reset-while-nobody-reads", reset_while_nobody_reads, ANSWERED, true, XVMSG_QUEUE_ANY},
    {"another-port-while-nobody-reads", another_port_while_nobody_reads, USED, true, XVMSG_QUEUE_ANY},
    {.name = NULL},
};

const struct hostile_class hostile_console = {
    .name = "console",
    .driver = {.device_id = VIRTIO_ID_CONSOLE,
               .features = UINT64_C(1) << VIRTIO_CONSOLE_F_MULTIPORT,
               .num_queues = 6,
               .queue_size = 64,
               .buffer_bytes = BUFFER_BYTES,
               .used = chain_used,
               .broken = chain_broken},
    .queue = PORT_OUT,
    .flags = 0,
    .good = good,
    .abuses = abuses,
};
