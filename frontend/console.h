/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio-console: life (console.c), control messages (console-control.c), bytes
 * (console-io.c). The buffer area:
 *
 *   +------------------+-------------------+---------------------------------+
 *   | control messages | control messages  | for each port: slots for bytes  |
 *   | to come, 8       | to be sent, 8     | to come, 8, and to be sent, 8   |
 *   +------------------+-------------------+---------------------------------+
 *   No slot lies in two pages, which by grant address would be two descriptors: a queue
 *   may have one.
 */
#ifndef XVMSG_FRONTEND_CONSOLE_H
#define XVMSG_FRONTEND_CONSOLE_H

#include <xvmsg-console.h>

#include "frontend/internal.h"

#define CONSOLE_MAX_PORTS 16u
#define CONSOLE_SLOTS 8u
#define CONSOLE_SLOT_BYTES 4096u /* a half, or a quarter ... where there are many ports */
#define CONSOLE_DATA_AREA 65536u
#define CONSOLE_CONTROL_BYTES 128u
#define CONSOLE_CONTROL_AREA 4096u
#define CONSOLE_CONTROL_IN 2u
#define CONSOLE_CONTROL_OUT 3u
_Static_assert(2u * CONSOLE_SLOTS * CONSOLE_CONTROL_BYTES <= CONSOLE_CONTROL_AREA, "they fit");
#define CONSOLE_FEATURE(bit) (UINT64_C(1) << (bit))

/* A buffer, and the token of its chain. */
struct console_slot {
    struct console_slot *next; /* of those with bytes to be read */
    struct console_port *told; /* open or not, by this control message; NULL: another one */
    uint8_t *bytes;            /* in the area */
    uint32_t size;             /* bytes that came, or were sent */
    uint32_t taken;            /* of them, by the user */
    bool busy;                 /* the device has it, or bytes that nobody read are in it */
};

struct console_port {
    bool added;
    bool open;
    bool say_ready; /* the device is to be told */
    bool say_open;
    unsigned telling; /* messages about that on their way */
    bool wants_room; /* a write found too little */
    struct xvmsg_console_port info;
    struct console_slot in[CONSOLE_SLOTS];
    struct console_slot out[CONSOLE_SLOTS];
    struct console_slot *first; /* to be read */
    struct console_slot *last;
    size_t unsent;
};

struct xvmsg_console {
    struct held held;
    struct xvmsg *h;
    uint64_t number;
    struct xvmsg_device *device;
    xvmsg_console_ready *ready;
    void *user;
    xvmsg_console_handler *handler;
    void *handler_user;
    bool usable;
    bool multiport;
    bool say_device_ready;
    uint32_t told_ports;       /* that the device may have, as it says */
    unsigned num_ports;        /* of them, those we drive */
    unsigned columns;
    unsigned rows;
    uint32_t slot_bytes;
    struct console_slot control_in[CONSOLE_SLOTS];
    struct console_slot control_out[CONSOLE_SLOTS];
    struct console_port ports[CONSOLE_MAX_PORTS];
};

/* ---- console ---- */

/* Tells the user; who may close the console. */
void console_tell(struct xvmsg_console *console, enum xvmsg_console_event event, unsigned port);

/* The device broke the rules. */
void console_break(struct xvmsg_console *console, const char *what, unsigned long long value);

void console_resize(struct xvmsg_console *console, unsigned columns, unsigned rows);

/* ---- console-control ---- */

/* The device is initialized: get to know its ports. */
void console_control_start(struct xvmsg_console *console);
/* The queues CONSOLE_CONTROL_IN and _OUT have used buffers. */
void console_control_received(struct xvmsg_console *console);
void console_control_sent(struct xvmsg_console *console);
/* Sends what the device is to be told, as far as there is room. */
void console_control_flush(struct xvmsg_console *console);

/* ---- console-io ---- */

/* There may be room on a port now: tells the user who waits for it. */
void console_io_room(struct xvmsg_console *console, struct console_port *port);
/* Gives the device everything there is to fill. */
void console_io_offer(struct xvmsg_console *console, unsigned port);
/* Throws away what was not read. */
void console_io_forget(struct console_port *port);
/* Queue `index`, not a control queue, has used buffers. */
void console_io_used(struct xvmsg_console *console, unsigned index);
/* Offers one buffer on a queue; false when it was not taken. */
bool console_io_push(struct xvmsg_console *console, unsigned index, struct console_slot *slot,
                     uint32_t length);

#endif
