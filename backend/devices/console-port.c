/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A port: bytes from its line into the buffers of one queue, and from the buffers of
 * another to its line. One chain of each is off its queue at a time; it waits where
 * the line has nothing, or takes nothing, and the others wait behind it.
 */

#include <linux/virtio_console.h>

#include "backend/devices/console.h"

/* Of one guest's writes before everybody else has a turn. A chain may name the same
 * memory many times over. */
#define BYTES_AT_ONCE 65536u

uint32_t console_port_in_queue(const struct console_port *port)
{
    return port->id ? 2 * port->id + 2 : 0;
}

uint32_t console_port_out_queue(const struct console_port *port)
{
    return console_port_in_queue(port) + 1;
}

void console_port_kick(struct console_port *port)
{
    device_kick(port->console->device, console_port_in_queue(port));
    device_kick(port->console->device, console_port_out_queue(port));
}

/* Without MULTIPORT the only port there is is always open. */
static bool is_open(const struct console_port *port)
{
    if (!device_has_feature(port->console->device, VIRTIO_CONSOLE_F_MULTIPORT))
        return port->id == 0;
    return port->open;
}

/* ---- to the guest ---- */

static void give(struct console_port *port, uint32_t written)
{
    struct chain *chain = port->in;

    port->in = NULL;
    queue_push(port->in_queue, chain, written);
}

static void await_bytes(struct console_port *port)
{
    console_line_await_readable(&port->line, port->in && is_open(port));
}

void console_port_readable(struct console_port *port)
{
    size_t size;

    /* Who types at a terminal has perhaps changed its size before. */
    if (port->id == 0)
        console_look_at_size(port->console);
    if (!port->in)
        return;
    size = console_line_read(&port->line, &port->in->in);
    if (size) {
        give(port, (uint32_t)size);
        device_kick(port->console->device, console_port_in_queue(port));
    }
    await_bytes(port);
}

/* Takes a buffer for what will come. */
static void fill(struct console_port *port)
{
    while (!port->in && is_open(port) && console_line_connected(&port->line) &&
           (port->in = queue_pop(port->in_queue))) {
        if (!port->in->out.count)
            break;
        device_needs_reset(port->console->device,
                           "a buffer for bytes to come has a part that is not to be written");
        give(port, 0);
    }
    await_bytes(port);
}

/* ---- from the guest ---- */

static void finish(struct console_port *port)
{
    struct chain *chain = port->out;

    port->out = NULL;
    queue_push(port->out_queue, chain, 0);
}

/* Sends what is left of a chain, or has it wait. What is written to a port that
 * nobody opened goes nowhere. */
static void transmit(struct console_port *port)
{
    struct iov *iov = &port->out->out;
    size_t sent = 0, size = 0;

    if (port->out->in.count) {
        device_needs_reset(port->console->device,
                           "bytes to be sent have a part that is to be written");
        finish(port);
        return;
    }
    while (is_open(port) && sent < BYTES_AT_ONCE && iov_size(iov) &&
           console_line_connected(&port->line) && (size = console_line_write(&port->line, iov)))
        sent += size;
    if (!is_open(port) || !iov_size(iov))
        finish(port);
    else
        console_line_await_writable(&port->line, true);
}

static void drain(struct console_port *port)
{
    while (!port->out && (console_line_connected(&port->line) || !is_open(port)) &&
           (port->out = queue_pop(port->out_queue)))
        transmit(port);
}

void console_port_writable(struct console_port *port)
{
    if (port->out)
        transmit(port);
    if (!port->out)
        device_kick(port->console->device, console_port_out_queue(port));
}

/* ---- what changes ---- */

void console_port_serve(struct console_port *port, struct queue *queue)
{
    if (queue_index(queue) == console_port_in_queue(port)) {
        port->in_queue = queue;
        fill(port);
    } else {
        port->out_queue = queue;
        /* The port may have been closed, or its line come back, since it waited. */
        if (port->out)
            transmit(port);
        drain(port);
    }
}

void console_port_stop(struct console_port *port, struct queue *queue)
{
    if (queue_index(queue) == console_port_in_queue(port)) {
        console_line_await_readable(&port->line, false);
        if (port->in)
            give(port, 0);
    } else {
        console_line_await_writable(&port->line, false);
        if (port->out)
            finish(port);
    }
}

void console_port_connection(struct console_port *port)
{
    if (port->ready)
        console_control_tell(port, CONSOLE_NEWS_OPEN);
    console_port_kick(port);
}
