/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A console: opening, closing, what it is. */

#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "common/le.h"
#include "frontend/console.h"
#include "frontend/device.h"

#define FEATURE_SIZE CONSOLE_FEATURE(VIRTIO_CONSOLE_F_SIZE)
#define FEATURE_MULTIPORT CONSOLE_FEATURE(VIRTIO_CONSOLE_F_MULTIPORT)

/* Configuration offsets. */
#define CONFIG_COLUMNS 0u
#define CONFIG_ROWS 2u
#define CONFIG_MAX_PORTS 4u
#define CONFIG_BYTES 8u /* of what we read */

/* ---- what happens ---- */

void console_tell(struct xvmsg_console *c, enum xvmsg_console_event event, unsigned port)
{
    if (c->handler && !c->held.closed)
        c->handler(c, event, port, c->handler_user);
}

void console_break(struct xvmsg_console *c, const char *what, unsigned long long value)
{
    handle_fail(c->h, EIO, "console %llu: %s (%llu)", (unsigned long long)c->number, what, value);
    device_break(c->device, XVMSG_MALFORMED_RESPONSE);
}

void console_resize(struct xvmsg_console *c, unsigned columns, unsigned rows)
{
    if (columns == c->columns && rows == c->rows)
        return;
    c->columns = columns;
    c->rows = rows;
    console_tell(c, XVMSG_CONSOLE_RESIZED, 0);
}

static void used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct xvmsg_console *c = user;

    (void)device;
    held_hold(&c->held);
    if (c->usable && index == CONSOLE_CONTROL_IN)
        console_control_received(c);
    else if (c->usable && index == CONSOLE_CONTROL_OUT)
        console_control_sent(c);
    else if (c->usable && index / 2 <= c->num_ports)
        console_io_used(c, index);
    held_release(&c->held);
}

static bool read_size(const struct xvmsg_console *c, unsigned *columns, unsigned *rows)
{
    const uint8_t *config = xvmsg_device_config(c->device);

    if (!(xvmsg_device_features(c->device) & FEATURE_SIZE))
        return false;
    *columns = le16_get(config + CONFIG_COLUMNS);
    *rows = le16_get(config + CONFIG_ROWS);
    return true;
}

static void configured(struct xvmsg_device *device, uint32_t offset, uint32_t length, void *user)
{
    struct xvmsg_console *c = user;
    unsigned columns, rows;

    (void)device, (void)offset, (void)length;
    held_hold(&c->held);
    if (c->usable && read_size(c, &columns, &rows))
        console_resize(c, columns, rows);
    held_release(&c->held);
}

static void broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_console *c = user;
    bool was_usable = c->usable;

    (void)device, (void)status;
    held_hold(&c->held);
    c->usable = false;
    if (was_usable)
        console_tell(c, XVMSG_CONSOLE_BROKEN, 0);
    held_release(&c->held);
}

/* ---- opening ---- */

static uint8_t *take_slots(struct console_slot *slots, uint8_t *memory, uint32_t bytes)
{
    for (unsigned i = 0; i < CONSOLE_SLOTS; i++, memory += bytes)
        slots[i].bytes = memory;
    return memory;
}

static void divide_memory(struct xvmsg_console *c)
{
    struct xvmsg_area *area = xvmsg_device_buffers(c->device);
    uint8_t *memory = xvmsg_area_memory(area);
    size_t room = (xvmsg_area_size(area) - CONSOLE_CONTROL_AREA) /
                  (2 * CONSOLE_SLOTS * c->num_ports);

    c->slot_bytes = CONSOLE_SLOT_BYTES;
    while (c->slot_bytes > room)
        c->slot_bytes /= 2;
    take_slots(c->control_out, take_slots(c->control_in, memory, CONSOLE_CONTROL_BYTES),
               CONSOLE_CONTROL_BYTES);
    memory += CONSOLE_CONTROL_AREA;
    for (unsigned i = 0; i < c->num_ports; i++) {
        memory = take_slots(c->ports[i].in, memory, c->slot_bytes);
        memory = take_slots(c->ports[i].out, memory, c->slot_bytes);
    }
}

/* A device decides how long its configuration is. */
static bool config_fits(const struct xvmsg_console *c)
{
    return !(xvmsg_device_features(c->device) & (FEATURE_SIZE | FEATURE_MULTIPORT)) ||
           xvmsg_device_get_info(c->device)->config_size >= CONFIG_BYTES;
}

static unsigned count_queues(struct xvmsg_device *device, void *user)
{
    struct xvmsg_console *c = user;
    uint32_t queues = xvmsg_device_get_info(device)->max_virtqueues;
    const uint8_t *config = xvmsg_device_config(device);

    c->told_ports = 1;
    c->num_ports = 1;
    c->multiport = xvmsg_device_features(device) & FEATURE_MULTIPORT;
    if (!c->multiport || !config_fits(c))
        return 2;
    c->told_ports = le32_get(config + CONFIG_MAX_PORTS);
    c->num_ports = smaller(c->told_ports, queues < 4 ? 0 : (queues - 2) / 2);
    c->num_ports = smaller(c->num_ports, CONSOLE_MAX_PORTS);
    return 2 + 2 * c->num_ports;
}

static int check_console(struct xvmsg_console *c)
{
    unsigned long long number = c->number;

    if (!config_fits(c))
        return handle_fail(c->h, EIO, "device %llu: a console's configuration is not %u bytes",
                           number, xvmsg_device_get_info(c->device)->config_size);
    if (!c->num_ports)
        return handle_fail(c->h, EIO, "device %llu: a console without ports, or queues for them",
                           number);
    if (xvmsg_area_size(xvmsg_device_buffers(c->device)) < 2 * CONSOLE_CONTROL_AREA)
        return handle_fail(c->h, ENOMEM, "device %llu: too little memory for its buffers", number);
    return 0;
}

static void device_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct xvmsg_console *c = user;

    (void)device;
    if (status == XVMSG_OK && check_console(c) < 0)
        status = XVMSG_REFUSED;
    held_hold(&c->held);
    if (status == XVMSG_OK) {
        divide_memory(c);
        read_size(c, &c->columns, &c->rows);
        c->usable = true;
    }
    c->ready(c, status, c->user);
    if (c->usable)
        console_control_start(c);
    held_release(&c->held);
}

static void close_it(struct held *held)
{
    struct xvmsg_console *c = (struct xvmsg_console *)held;

    c->usable = false;
    xvmsg_device_close(c->device);
}

static void break_off(struct held *held)
{
    device_break(((struct xvmsg_console *)held)->device, XVMSG_CANCELLED);
}

static const struct held_class class = {
    .size = sizeof(struct xvmsg_console), .close = close_it, .break_off = break_off};

struct xvmsg_console *xvmsg_console_open(struct xvmsg *h, uint64_t number,
                                         xvmsg_console_ready *ready, void *user)
{
    static const struct xvmsg_driver driver = {
        .device_id = VIRTIO_ID_CONSOLE,
        .features = FEATURE_SIZE | FEATURE_MULTIPORT,
        .num_queues = 2 + 2 * CONSOLE_MAX_PORTS,
        .queue_size = CONSOLE_SLOTS,
        .count_queues = count_queues,
        .buffer_bytes = CONSOLE_CONTROL_AREA + CONSOLE_DATA_AREA,
        .used = used,
        .config = configured,
        .broken = broken,
    };
    struct xvmsg_console *c = held_new(h, &class, number);

    if (!c)
        return NULL;
    c->h = h;
    c->number = number;
    c->ready = ready;
    c->user = user;
    c->device = xvmsg_device_open(h, number, &driver, device_ready, c);
    return c->device ? c : held_fail(&c->held);
}

void xvmsg_console_set_handler(struct xvmsg_console *c, xvmsg_console_handler *handler, void *user)
{
    c->handler = handler;
    c->handler_user = user;
}

void xvmsg_console_close(struct xvmsg_console *c)
{
    if (c)
        held_close(&c->held);
}

/* ---- ports ---- */

unsigned xvmsg_console_num_ports(const struct xvmsg_console *c)
{
    return c->num_ports;
}

int xvmsg_console_get_port(const struct xvmsg_console *c, unsigned port,
                           struct xvmsg_console_port *info)
{
    if (port >= c->num_ports || !c->ports[port].added)
        return handle_fail(c->h, ENOENT, "the console has no port %u", port);
    *info = c->ports[port].info;
    return 0;
}

static int set_open(struct xvmsg_console *c, unsigned port, bool open)
{
    struct xvmsg_console_port info;

    if (!c->usable)
        return handle_fail(c->h, EIO, "the console cannot be used any more");
    if (xvmsg_console_get_port(c, port, &info) < 0)
        return -1;
    c->ports[port].open = open;
    c->ports[port].say_open = c->multiport;
    if (!open)
        console_io_forget(&c->ports[port]);
    console_io_offer(c, port);
    console_control_flush(c);
    return 0;
}

int xvmsg_console_open_port(struct xvmsg_console *c, unsigned port)
{
    return set_open(c, port, true);
}

int xvmsg_console_close_port(struct xvmsg_console *c, unsigned port)
{
    return set_open(c, port, false);
}

void xvmsg_console_get_size(const struct xvmsg_console *c, unsigned *columns, unsigned *rows)
{
    *columns = c->columns;
    *rows = c->rows;
}

/* ---- blocking ---- */

static void note_ready(struct xvmsg_console *c, enum xvmsg_status status, void *user)
{
    struct held_outcome *outcome = user;

    (void)c;
    *outcome = (struct held_outcome){true, status, 0};
}

struct xvmsg_console *xvmsg_console_open_wait(struct xvmsg *h, uint64_t number)
{
    struct held_outcome outcome = {0};
    struct xvmsg_console *c = xvmsg_console_open(h, number, note_ready, &outcome);

    return c ? held_await(&c->held, h, &outcome) : NULL;
}
