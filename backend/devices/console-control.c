/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The control queues of MULTIPORT. What the driver is to be told are marks at the
 * ports, sent as they are at the time when it has a buffer: a driver that asks for
 * the same a thousand times is told once.
 */

#include <linux/virtio_console.h>
#include <stdio.h>
#include <string.h>

#include "backend/devices/console.h"
#include "common/le.h"

#define NAME_BYTES (NAME_MAX_LENGTH + 4u) /* ".7" */
#define CONTROL(member) offsetof(struct virtio_console_control, member)
#define HEADER_BYTES sizeof(struct virtio_console_control)

struct control {
    uint8_t bytes[HEADER_BYTES + NAME_BYTES];
    size_t size;
};

static void begin(struct control *control, uint32_t id, uint16_t event, uint16_t value)
{
    le32_put(control->bytes + CONTROL(id), id);
    le16_put(control->bytes + CONTROL(event), event);
    le16_put(control->bytes + CONTROL(value), value);
    control->size = HEADER_BYTES;
}

/* ---- to the driver ---- */

/* Without a zero at its end, as the specification has it. */
static void add_name(struct control *control, const struct console_port *port)
{
    char name[NAME_BYTES];
    int length = port->id ? snprintf(name, sizeof(name), "%s.%u", port->console->name, port->id)
                          : snprintf(name, sizeof(name), "%s", port->console->name);

    memcpy(control->bytes + control->size, name, (size_t)length);
    control->size += (size_t)length;
}

static void add_size(struct control *control, const struct console *console)
{
    le16_put(control->bytes + control->size, console->columns);
    le16_put(control->bytes + control->size + 2, console->rows);
    control->size += 4;
}

/* The message for the port's first news. */
static void build(struct control *control, struct console_port *port)
{
    unsigned news = port->news & -port->news;

    port->news &= ~news;
    switch (news) {
    case CONSOLE_NEWS_ADD:
        begin(control, port->id, VIRTIO_CONSOLE_PORT_ADD, 1);
        return;
    case CONSOLE_NEWS_CONSOLE:
        begin(control, port->id, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
        return;
    case CONSOLE_NEWS_NAME:
        begin(control, port->id, VIRTIO_CONSOLE_PORT_NAME, 1);
        add_name(control, port);
        return;
    case CONSOLE_NEWS_SIZE:
        begin(control, port->id, VIRTIO_CONSOLE_RESIZE, 0);
        add_size(control, port->console);
        return;
    default:
        begin(control, port->id, VIRTIO_CONSOLE_PORT_OPEN,
              console_line_connected(&port->line));
    }
}

static struct console_port *with_news(struct console *console)
{
    for (uint32_t i = 0; i < console->num_ports; i++)
        if (console->ports[i].news)
            return &console->ports[i];
    return NULL;
}

void console_control_send(struct console *console, struct queue *queue)
{
    struct console_port *port;
    struct control control;
    struct chain *chain;
    size_t filled;

    while ((port = with_news(console)) && (chain = queue_pop(queue))) {
        build(&control, port);
        filled = iov_fill(&chain->in, control.bytes, control.size);
        if (filled < control.size)
            device_needs_reset(console->device, "a buffer is too small for a control message");
        queue_push(queue, chain, (uint32_t)filled);
    }
}

void console_control_tell(struct console_port *port, unsigned news)
{
    port->news |= news;
    device_kick(port->console->device, CONSOLE_CONTROL_IN);
}

/* ---- from the driver ---- */

static void announce_all(struct console *console)
{
    for (uint32_t i = 0; i < console->num_ports; i++) {
        struct console_port *port = &console->ports[i];

        if (!port->announced)
            console_control_tell(port, CONSOLE_NEWS_ADD);
        port->announced = true;
    }
}

static void port_ready(struct console_port *port, bool ready)
{
    unsigned news = CONSOLE_NEWS_NAME | CONSOLE_NEWS_OPEN;

    if (port->id == 0)
        news |= CONSOLE_NEWS_CONSOLE | (port->line.is_socket ? 0 : CONSOLE_NEWS_SIZE);
    if (ready && !port->ready)
        console_control_tell(port, news);
    port->ready = ready;
}

static void port_open(struct console_port *port, bool open)
{
    port->open = open;
    console_port_kick(port);
}

/* NULL when all is well with it. Events that we do not know are none of ours. */
static const char *obey(struct console *console, uint32_t id, uint16_t event, uint16_t value)
{
    struct console_port *port = id < console->num_ports ? &console->ports[id] : NULL;

    if (event == VIRTIO_CONSOLE_DEVICE_READY) {
        if (value)
            announce_all(console);
        return NULL;
    }
    if (event != VIRTIO_CONSOLE_PORT_READY && event != VIRTIO_CONSOLE_PORT_OPEN)
        return NULL;
    /* A driver that is restored (Linux does) knows its ports from before. */
    if (port && event == VIRTIO_CONSOLE_PORT_READY)
        port->announced = true;
    if (!port || !port->announced)
        return "a control message is about a port that the driver was not told of";
    if (event == VIRTIO_CONSOLE_PORT_READY)
        port_ready(port, value);
    else
        port_open(port, value);
    return NULL;
}

static const char *take(struct console *console, struct chain *chain)
{
    uint8_t header[HEADER_BYTES];

    if (chain->in.count)
        return "a control message has a part that is to be written";
    if (iov_take(&chain->out, header, sizeof(header)) < sizeof(header))
        return "a control message is too short";
    return obey(console, le32_get(header + CONTROL(id)), le16_get(header + CONTROL(event)),
                le16_get(header + CONTROL(value)));
}

void console_control_receive(struct console *console, struct queue *queue)
{
    struct chain *chain;

    while ((chain = queue_pop(queue))) {
        const char *wrong = take(console, chain);

        if (wrong)
            device_needs_reset(console->device, wrong);
        queue_push(queue, chain, 0);
    }
}
