/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A console's bytes: copied from and to buffers of the area. */

#include <errno.h>
#include <string.h>

#include "frontend/console.h"

static unsigned in_queue(unsigned port)
{
    return port ? 2 * port + 2 : 0;
}

static struct console_port *port_of(struct xvmsg_console *c, unsigned index)
{
    return &c->ports[index < 2 ? 0 : index / 2 - 1];
}

bool console_io_push(struct xvmsg_console *c, unsigned index, struct console_slot *slot,
                     uint32_t length)
{
    bool out = index % 2;
    const struct xvmsg_buffer buffer = {
        .address = xvmsg_area_address(xvmsg_device_buffers(c->device), slot->bytes),
        .length = length,
    };

    slot->busy = xvmsg_queue_push(xvmsg_device_queue(c->device, index), &buffer, out, !out,
                                  slot) == 0;
    return slot->busy;
}

void console_io_offer(struct xvmsg_console *c, unsigned port)
{
    for (unsigned i = 0; i < CONSOLE_SLOTS; i++) {
        struct console_slot *slot = &c->ports[port].in[i];

        if (!slot->busy && !console_io_push(c, in_queue(port), slot, c->slot_bytes))
            return;
    }
}

/* ---- from the device ---- */

void console_io_forget(struct console_port *port)
{
    for (; port->first; port->first = port->first->next)
        port->first->busy = false;
    port->last = NULL;
}

static void append(struct console_port *port, struct console_slot *slot, uint32_t written)
{
    slot->size = written;
    slot->taken = 0;
    slot->next = NULL;
    if (port->first)
        port->last->next = slot;
    else
        port->first = slot;
    port->last = slot;
}

/* Buffers go back to the device when all that it used were taken, so that one which
 * fills them at once does not keep us here. */
static void received(struct xvmsg_console *c, unsigned index)
{
    struct console_port *port = port_of(c, index);
    bool had = port->first;
    struct console_slot *slot;
    uint32_t written;

    while ((slot = xvmsg_queue_pop(xvmsg_device_queue(c->device, index), &written)))
        if (written && port->open)
            append(port, slot, written);
        else
            slot->busy = false;
    if (!c->usable)
        return;
    console_io_offer(c, (unsigned)(port - c->ports));
    if (!had && port->first)
        console_tell(c, XVMSG_CONSOLE_READABLE, (unsigned)(port - c->ports));
}

/* What the device gets before it knows that the port is open, it throws away; and the
 * queues overtake each other. */
static bool knows_it_is_open(const struct console_port *port)
{
    return !port->say_open && !port->telling;
}

void console_io_room(struct xvmsg_console *c, struct console_port *port)
{
    if (!c->usable || !port->wants_room || !knows_it_is_open(port))
        return;
    port->wants_room = false;
    console_tell(c, XVMSG_CONSOLE_WRITABLE, (unsigned)(port - c->ports));
}

static void sent(struct xvmsg_console *c, unsigned index)
{
    struct console_port *port = port_of(c, index);
    struct console_slot *slot;

    while ((slot = xvmsg_queue_pop(xvmsg_device_queue(c->device, index), NULL))) {
        slot->busy = false;
        port->unsent -= slot->size;
        slot->size = 0;
    }
    console_io_room(c, port);
}

void console_io_used(struct xvmsg_console *c, unsigned index)
{
    if (index % 2)
        sent(c, index);
    else
        received(c, index);
}

/* ---- for the user ---- */

static struct console_port *open_port(struct xvmsg_console *c, unsigned port)
{
    if (!c->usable)
        handle_fail(c->h, EIO, "the console cannot be used any more");
    else if (port >= c->num_ports || !c->ports[port].added || !c->ports[port].open)
        handle_fail(c->h, ENOENT, "port %u of the console is not open", port);
    else
        return &c->ports[port];
    return NULL;
}

ssize_t xvmsg_console_read(struct xvmsg_console *c, unsigned port, void *buffer, size_t size)
{
    struct console_port *p = open_port(c, port);
    uint8_t *to = buffer;
    size_t read = 0;

    if (!p)
        return -1;
    while (p->first && read < size) {
        struct console_slot *slot = p->first;
        uint32_t part = smaller(size - read, slot->size - slot->taken);

        memcpy(to + read, slot->bytes + slot->taken, part);
        read += part;
        slot->taken += part;
        if (slot->taken == slot->size) {
            p->first = slot->next;
            slot->busy = false;
        }
    }
    console_io_offer(c, port);
    if (!read && size)
        return handle_fail(c->h, EAGAIN, "nothing came on port %u of the console", port);
    return (ssize_t)read;
}

static struct console_slot *free_slot(struct console_port *port)
{
    for (unsigned i = 0; i < CONSOLE_SLOTS; i++)
        if (!port->out[i].busy)
            return &port->out[i];
    return NULL;
}

ssize_t xvmsg_console_write(struct xvmsg_console *c, unsigned port, const void *bytes, size_t size)
{
    struct console_port *p = open_port(c, port);
    const uint8_t *from = bytes;
    struct console_slot *slot;
    size_t written = 0;

    if (!p)
        return -1;
    while (written < size && knows_it_is_open(p) && (slot = free_slot(p))) {
        uint32_t part = smaller(size - written, c->slot_bytes);

        memcpy(slot->bytes, from + written, part);
        if (!console_io_push(c, in_queue(port) + 1, slot, part))
            break;
        slot->size = part;
        p->unsent += part;
        written += part;
    }
    p->wants_room = written < size;
    if (!written && size)
        return handle_fail(c->h, EAGAIN, "port %u of the console takes no more now", port);
    return (ssize_t)written;
}

size_t xvmsg_console_unsent(const struct xvmsg_console *c, unsigned port)
{
    return port < c->num_ports ? c->ports[port].unsent : 0;
}
