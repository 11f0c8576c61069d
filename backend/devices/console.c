/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio-console: ports of bytes, each to a pseudo-terminal or a socket of its own,
 * the first one a console with a size. What nobody takes stays with the guest.
 */

#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/devices/console.h"
#include "backend/devices/table.h"
#include "common/le.h"

#define QUEUE_SIZE 64u
#define FEATURE(bit) (UINT64_C(1) << (bit))
#define CONFIG(member) offsetof(struct virtio_console_config, member)
#define SIZE_BYTES 4u /* columns and rows */

/* ---- configuration ---- */

static void console_read_config(void *state, void *config)
{
    const struct console *console = state;
    uint8_t *bytes = config;

    memset(bytes, 0, sizeof(struct virtio_console_config));
    le16_put(bytes + CONFIG(cols), console->columns);
    le16_put(bytes + CONFIG(rows), console->rows);
    le32_put(bytes + CONFIG(max_nr_ports), console->num_ports);
}

/* The low byte of one number is a character from a guest in need. It is not waited
 * for. */
static void console_write_config(void *state, uint32_t offset, const void *bytes, uint32_t size)
{
    struct console *console = state;
    uint32_t at = CONFIG(emerg_wr);
    struct console_line *line = &console->ports[0].line;

    if (offset > at || at - offset >= size || !console_line_connected(line))
        return;

    uint8_t byte = ((const uint8_t *)bytes)[at - offset];
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};

    console_line_write(line, &(struct iov){.pieces = &piece, .count = 1});
}

void console_look_at_size(struct console *console)
{
    struct console_port *port = &console->ports[0];
    uint16_t columns, rows;

    if (!console_line_size(&port->line, &columns, &rows) ||
        (columns == console->columns && rows == console->rows))
        return;
    console->columns = columns;
    console->rows = rows;
    device_config_changed(console->device, CONFIG(cols), SIZE_BYTES);
    if (port->ready)
        console_control_tell(port, CONSOLE_NEWS_SIZE);
}

static void console_target_changed(void *state)
{
    console_look_at_size(state);
}

/* ---- queues ---- */

/* NULL: a control queue, or one of a port that is not there. */
static struct console_port *port_of(struct console *console, uint32_t index)
{
    uint32_t id = index < 2 ? 0 : index / 2 - 1;

    return index / 2 != 1 && id < console->num_ports ? &console->ports[id] : NULL;
}

static void console_queue_kick(void *state, struct queue *queue)
{
    struct console *console = state;
    uint32_t index = queue_index(queue);
    struct console_port *port = port_of(console, index);

    if (port)
        console_port_serve(port, queue);
    else if (index == CONSOLE_CONTROL_IN)
        console_control_send(console, queue);
    else if (index == CONSOLE_CONTROL_OUT)
        console_control_receive(console, queue);
}

static void console_queue_stop(void *state, struct queue *queue)
{
    struct console_port *port = port_of(state, queue_index(queue));

    if (port)
        console_port_stop(port, queue);
}

/* ---- life ---- */

static void console_reset(void *state)
{
    struct console *console = state;

    for (uint32_t i = 0; i < console->num_ports; i++) {
        struct console_port *port = &console->ports[i];

        port->announced = port->ready = port->open = false;
        port->news = 0;
    }
}

static void console_destroy(void *state)
{
    struct console *console = state;

    for (uint32_t i = 0; i < console->num_ports; i++)
        console_line_close(&console->ports[i].line);
    free(console);
}

static uint32_t console_count_queues(const struct device_setup *setup)
{
    return 2 + 2 * setup->fds->count;
}

/* On failure the descriptors stay whose they were. */
static bool open_ports(struct console *console, const struct device_setup *setup)
{
    for (; console->num_ports < setup->fds->count; console->num_ports++) {
        struct console_port *port = &console->ports[console->num_ports];

        port->console = console;
        port->id = console->num_ports;
        if (!console_line_open(&port->line, port, device_event_base(console->device),
                               setup->fds->fd[port->id]))
            return false;
    }
    return true;
}

static void *console_create(struct device *device, const struct device_setup *setup, char *why)
{
    struct console *console =
        calloc(1, sizeof(*console) + setup->fds->count * sizeof(console->ports[0]));

    snprintf(why, DEVICE_WHY_MAX, "%s: its terminals or sockets cannot be used", setup->name);
    if (!console)
        return NULL;
    console->device = device;
    snprintf(console->name, sizeof(console->name), "%s", setup->name);
    if (!open_ports(console, setup)) {
        for (uint32_t i = 0; i < console->num_ports; i++)
            console->ports[i].line.source = -1;
        console_destroy(console);
        return NULL;
    }
    console_line_size(&console->ports[0].line, &console->columns, &console->rows);
    device_offer_features(device, FEATURE(VIRTIO_CONSOLE_F_MULTIPORT) |
                                      FEATURE(VIRTIO_CONSOLE_F_EMERG_WRITE));
    if (!console->ports[0].line.is_socket)
        device_offer_features(device, FEATURE(VIRTIO_CONSOLE_F_SIZE));
    return console;
}

const struct device_class console_class = {
    .name = "console",
    .virtio_id = VIRTIO_ID_CONSOLE,
    .num_queues = CONSOLE_QUEUES,
    .queue_size = QUEUE_SIZE,
    .config_size = sizeof(struct virtio_console_config),
    .count_queues = console_count_queues,
    .create = console_create,
    .destroy = console_destroy,
    .reset = console_reset,
    .read_config = console_read_config,
    .write_config = console_write_config,
    .target_changed = console_target_changed,
    .queue_kick = console_queue_kick,
    .queue_stop = console_queue_stop,
};
