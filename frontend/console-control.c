/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The control messages of a console with several ports. What the device is to be told
 * are marks, sent when there is room: one that asks for answers all the time, and
 * takes none, costs nothing.
 */

#include <ctype.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <string.h>

#include "common/le.h"
#include "frontend/console.h"
#include "frontend/device.h"

#define HEADER_BYTES 8u
#define SIZE_BYTES 4u

struct message {
    struct console_port *told;
    uint32_t id;
    uint16_t event;
    uint16_t value;
    const uint8_t *tail;
    uint32_t tail_size;
};

/* ---- to the device ---- */

/* The next thing to say; false when there is none. */
static bool next_message(struct xvmsg_console *c, struct message *m)
{
    if (c->say_device_ready) {
        *m = (struct message){
            .id = VIRTIO_CONSOLE_BAD_ID, .event = VIRTIO_CONSOLE_DEVICE_READY, .value = 1};
        c->say_device_ready = false;
        return true;
    }
    for (unsigned i = 0; i < c->num_ports; i++) {
        struct console_port *port = &c->ports[i];

        if (port->say_ready) {
            *m = (struct message){.id = i, .event = VIRTIO_CONSOLE_PORT_READY, .value = 1};
            port->say_ready = false;
            return true;
        }
        if (port->say_open) {
            *m = (struct message){.told = port,
                                  .id = i,
                                  .event = VIRTIO_CONSOLE_PORT_OPEN,
                                  .value = port->open};
            port->say_open = false;
            return true;
        }
    }
    return false;
}

static struct console_slot *free_slot(struct xvmsg_console *c)
{
    for (unsigned i = 0; i < CONSOLE_SLOTS; i++)
        if (!c->control_out[i].busy)
            return &c->control_out[i];
    return NULL;
}

void console_control_flush(struct xvmsg_console *c)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(c->device, CONSOLE_CONTROL_OUT);
    struct console_slot *slot;
    struct message m;

    if (!c->multiport)
        return;
    while (c->usable && (slot = free_slot(c)) && xvmsg_queue_free(queue) && next_message(c, &m)) {
        le32_put(slot->bytes, m.id);
        le16_put(slot->bytes + 4, m.event);
        le16_put(slot->bytes + 6, m.value);
        slot->told = m.told;
        if (!console_io_push(c, CONSOLE_CONTROL_OUT, slot, HEADER_BYTES))
            return;
        if (m.told)
            m.told->telling++;
    }
}

void console_control_sent(struct xvmsg_console *c)
{
    struct console_slot *slot;

    while (c->usable &&
           (slot = xvmsg_queue_pop(xvmsg_device_queue(c->device, CONSOLE_CONTROL_OUT), NULL))) {
        slot->busy = false;
        if (slot->told) {
            slot->told->telling--;
            console_io_room(c, slot->told);
        }
    }
    if (c->usable)
        console_control_flush(c);
}

/* ---- from the device ---- */

static void offer_buffers(struct xvmsg_console *c)
{
    for (unsigned i = 0; i < CONSOLE_SLOTS; i++)
        if (!c->control_in[i].busy &&
            !console_io_push(c, CONSOLE_CONTROL_IN, &c->control_in[i], CONSOLE_CONTROL_BYTES))
            return;
}

static void port_added(struct xvmsg_console *c, unsigned id)
{
    struct console_port *port = &c->ports[id];

    if (port->added)
        return;
    port->added = true;
    port->say_ready = true;
    console_io_offer(c, id);
    console_tell(c, XVMSG_CONSOLE_ADDED, id);
}

static void port_removed(struct xvmsg_console *c, unsigned id)
{
    struct console_port *port = &c->ports[id];

    port->added = port->open = port->say_ready = port->say_open = port->wants_room = false;
    memset(&port->info, 0, sizeof(port->info));
    console_io_forget(port);
    console_tell(c, XVMSG_CONSOLE_REMOVED, id);
}

/* As much as there is room for, up to a zero: nobody else puts one at its end. */
static void port_named(struct console_port *port, const struct message *m)
{
    char *name = port->info.name;
    size_t size = smaller(m->tail_size, sizeof(port->info.name) - 1);

    memset(name, 0, sizeof(port->info.name));
    for (size_t i = 0; i < size && m->tail[i]; i++)
        name[i] = isprint(m->tail[i]) ? (char)m->tail[i] : '?';
}

static void port_connected(struct xvmsg_console *c, unsigned id, bool connected)
{
    struct console_port *port = &c->ports[id];

    if (port->info.connected == connected)
        return;
    port->info.connected = connected;
    console_tell(c, connected ? XVMSG_CONSOLE_CONNECTED : XVMSG_CONSOLE_DISCONNECTED, id);
}

/* The size of another port is nobody's. */
static void port_resized(struct xvmsg_console *c, const struct message *m)
{
    if (m->tail_size < SIZE_BYTES)
        console_break(c, "it sent a size of so many bytes", m->tail_size);
    else if (m->id == 0)
        console_resize(c, le16_get(m->tail), le16_get(m->tail + 2));
}

static void obey(struct xvmsg_console *c, const struct message *m)
{
    bool known = m->id < c->num_ports;

    if (m->event == VIRTIO_CONSOLE_PORT_ADD && known) {
        port_added(c, m->id);
        return;
    }
    /* More ports than we can serve are no fault; a port that is not there is. */
    if (m->event == VIRTIO_CONSOLE_PORT_ADD && m->id < c->told_ports)
        return;
    if (!known || !c->ports[m->id].added) {
        console_break(c, "a control message is about a port that is not there", m->id);
        return;
    }
    switch (m->event) {
    case VIRTIO_CONSOLE_PORT_REMOVE:
        port_removed(c, m->id);
        break;
    case VIRTIO_CONSOLE_CONSOLE_PORT:
        c->ports[m->id].info.is_console = true;
        break;
    case VIRTIO_CONSOLE_PORT_NAME:
        port_named(&c->ports[m->id], m);
        break;
    case VIRTIO_CONSOLE_PORT_OPEN:
        port_connected(c, m->id, m->value);
        break;
    case VIRTIO_CONSOLE_RESIZE:
        port_resized(c, m);
        break;
    }
}

static void take(struct xvmsg_console *c, const uint8_t *shared, uint32_t size)
{
    uint8_t bytes[CONSOLE_CONTROL_BYTES];

    if (size < HEADER_BYTES) {
        console_break(c, "it sent a control message of so many bytes", size);
        return;
    }
    memcpy(bytes, shared, size);

    const struct message m = {
        .id = le32_get(bytes),
        .event = le16_get(bytes + 4),
        .value = le16_get(bytes + 6),
        .tail = bytes + HEADER_BYTES,
        .tail_size = size - HEADER_BYTES,
    };

    obey(c, &m);
}

void console_control_received(struct xvmsg_console *c)
{
    struct console_slot *slot;
    uint32_t written;

    while (c->usable &&
           (slot = xvmsg_queue_pop(xvmsg_device_queue(c->device, CONSOLE_CONTROL_IN), &written))) {
        slot->busy = false;
        take(c, slot->bytes, written);
    }
    if (!c->usable)
        return;
    /* Only now, as in console-io.c. */
    offer_buffers(c);
    console_control_flush(c);
}

void console_control_start(struct xvmsg_console *c)
{
    if (c->multiport) {
        c->say_device_ready = true;
        offer_buffers(c);
        console_control_flush(c);
        return;
    }
    c->ports[0].info.is_console = true;
    c->ports[0].info.connected = true;
    port_added(c, 0);
}
