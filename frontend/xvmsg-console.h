/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * libxvmsg: consoles (virtio-console).
 *
 * A console has ports, each a stream of bytes in both directions; port 0 is the
 * console proper, with a size. The device announces its ports after it was opened;
 * the guest opens those it wants to use. What is not read stays with the device and
 * holds its writer back; of what the device does not take some KiB are kept for each
 * port, then writing says EAGAIN.
 */
#ifndef XVMSG_CONSOLE_H
#define XVMSG_CONSOLE_H

#include <xvmsg.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xvmsg_console;

enum xvmsg_console_event {
    XVMSG_CONSOLE_ADDED = 1,    /* the port is there, and may be opened */
    XVMSG_CONSOLE_REMOVED,      /* it no longer is, and what was not read is gone */
    XVMSG_CONSOLE_CONNECTED,    /* somebody is at the other end */
    XVMSG_CONSOLE_DISCONNECTED,
    XVMSG_CONSOLE_READABLE,     /* bytes came where there were none */
    XVMSG_CONSOLE_WRITABLE,     /* there is room again, after a write that found too little */
    XVMSG_CONSOLE_RESIZED,      /* xvmsg_console_get_size() says another size */
    XVMSG_CONSOLE_BROKEN,       /* port 0: all of it; only xvmsg_console_close() now */
};

typedef void xvmsg_console_ready(struct xvmsg_console *console, enum xvmsg_status status,
                                 void *user);
typedef void xvmsg_console_handler(struct xvmsg_console *console, enum xvmsg_console_event event,
                                   unsigned port, void *user);

/*
 * Opens device `number` as a console. `ready` runs once, before the first port is
 * ADDED; with anything but XVMSG_OK only xvmsg_console_close() may follow. NULL with
 * errno as xvmsg_device_open().
 */
struct xvmsg_console *xvmsg_console_open(struct xvmsg *h, uint64_t number,
                                         xvmsg_console_ready *ready, void *user);
/* Blocking version; NULL with EIO, too. Ports may have been ADDED when it returns. */
struct xvmsg_console *xvmsg_console_open_wait(struct xvmsg *h, uint64_t number);
/* As xvmsg_blk_close(). What the device has not taken of the bytes written is lost. */
void xvmsg_console_close(struct xvmsg_console *console);

/* Who is told of what happens; NULL, as at first: nobody. */
void xvmsg_console_set_handler(struct xvmsg_console *console, xvmsg_console_handler *handler,
                               void *user);

/* ---- ports ---- */

struct xvmsg_console_port {
    bool is_console;
    bool connected;
    char name[64]; /* printable; "": none */
};

/* Ports there may be, 0 to this - 1; at most 16. */
unsigned xvmsg_console_num_ports(const struct xvmsg_console *console);
/* What is known of a port. -1 with ENOENT: there is none now. */
int xvmsg_console_get_port(const struct xvmsg_console *console, unsigned port,
                           struct xvmsg_console_port *info);

/* Tells the device that the port is used from now on, or no longer. Before, nothing
 * comes from it. Closing throws away what was not read. -1 with ENOENT, EIO. */
int xvmsg_console_open_port(struct xvmsg_console *console, unsigned port);
int xvmsg_console_close_port(struct xvmsg_console *console, unsigned port);

/*
 * Both take what they can, which may be less, and return how many bytes that was; -1
 * with EAGAIN (nothing can be read, nothing be written now), ENOENT (no such port, or not
 * open), EIO (the device is broken).
 */
ssize_t xvmsg_console_read(struct xvmsg_console *console, unsigned port, void *buffer,
                           size_t size);
ssize_t xvmsg_console_write(struct xvmsg_console *console, unsigned port, const void *bytes,
                            size_t size);

/* Bytes written that the device has not taken yet. */
size_t xvmsg_console_unsent(const struct xvmsg_console *console, unsigned port);

/* The console's size in characters; 0 and 0 when nobody knows. */
void xvmsg_console_get_size(const struct xvmsg_console *console, unsigned *columns,
                            unsigned *rows);

#ifdef __cplusplus
}
#endif

#endif
