/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* virtio-console, shared by its files: the device (console.c), its control messages
 * (console-control.c), a port between its queues and its line (console-port.c), and
 * the line, which is what people attach to (console-line.c). */
#ifndef XVMSG_BACKEND_CONSOLE_H
#define XVMSG_BACKEND_CONSOLE_H

#include "backend/device.h"
#include "common/store.h"

/* One descriptor each from the supervisor. */
#define CONSOLE_MAX_PORTS FDS_MAX
#define CONSOLE_QUEUES (2 + 2 * CONSOLE_MAX_PORTS)
#define CONSOLE_CONTROL_IN 2u  /* queue: to the driver */
#define CONSOLE_CONTROL_OUT 3u /* queue: from it */

struct console;
struct console_port;

/* ---- console-line ---- */

/*
 * Where the bytes of a port go and come from: a pseudo-terminal, or whoever is
 * connected to a listening socket. What is read or written when nothing can be says
 * so with 0, and the owner is called when it can be.
 */
struct console_line {
    struct console_port *port;
    bool is_socket;
    int source; /* the terminal's master, or the listening socket */
    int slave;  /* the terminal's other end, held open: without it nothing could be
                 * written while nobody is there, and poll() would never sleep */
    int fd;     /* for bytes; -1: nobody is there */
    struct event_base *base;
    struct event *arrival; /* of somebody at a socket */
    struct event *retry;
    struct event *readable;
    struct event *writable;
};

/* Takes `source` when it succeeds; a descriptor that does not block. */
bool console_line_open(struct console_line *line, struct console_port *port,
                       struct event_base *base, int source);
void console_line_close(struct console_line *line);

/* Is there somebody, or something that keeps bytes for whoever comes? */
bool console_line_connected(const struct console_line *line);

/* How many bytes; 0: none now. Uses up `iov`, which holds at least one byte. */
size_t console_line_read(struct console_line *line, struct iov *iov);
size_t console_line_write(struct console_line *line, struct iov *iov);

/* Have console_port_readable() called whenever it is, or console_port_writable() once. */
void console_line_await_readable(struct console_line *line, bool wanted);
void console_line_await_writable(struct console_line *line, bool wanted);

/* False where there is no such thing. */
bool console_line_size(const struct console_line *line, uint16_t *columns, uint16_t *rows);

/* ---- console-port ---- */

/* What the driver has not been told of yet. */
enum console_news {
    CONSOLE_NEWS_ADD = 1,
    CONSOLE_NEWS_CONSOLE = 2,
    CONSOLE_NEWS_NAME = 4,
    CONSOLE_NEWS_SIZE = 8,
    CONSOLE_NEWS_OPEN = 16,
};

struct console_port {
    struct console *console;
    uint32_t id;
    struct console_line line;
    struct queue *in_queue;
    struct queue *out_queue;
    struct chain *in;  /* waits for bytes from the line */
    struct chain *out; /* waits for the line to take the rest */
    /* Only with MULTIPORT. */
    bool announced; /* the driver knows of it */
    bool ready;     /* and has it set up */
    bool open;      /* somebody in the guest uses it */
    unsigned news;  /* enum console_news bits */
};

uint32_t console_port_in_queue(const struct console_port *port);
uint32_t console_port_out_queue(const struct console_port *port);

/* Looks at both of its queues: something they depend on has changed. */
void console_port_kick(struct console_port *port);

/* Requests wait on this queue, one of the port's. */
void console_port_serve(struct console_port *port, struct queue *queue);
void console_port_stop(struct console_port *port, struct queue *queue);

/* What the line tells. */
void console_port_readable(struct console_port *port);
void console_port_writable(struct console_port *port);
void console_port_connection(struct console_port *port);

/* ---- console-control ---- */

/* Serves one of the two control queues. */
void console_control_receive(struct console *console, struct queue *queue);
void console_control_send(struct console *console, struct queue *queue);

/* The driver is to be told, if it wants to be told anything. */
void console_control_tell(struct console_port *port, unsigned news);

/* ---- console ---- */

struct console {
    struct device *device;
    char name[NAME_MAX_LENGTH + 1]; /* the device's, and so the ports' */
    uint16_t columns; /* of port 0, as the driver was told */
    uint16_t rows;
    uint32_t num_ports;
    struct console_port ports[];
};

/* Looks whether port 0's window has another size now. */
void console_look_at_size(struct console *console);

#endif
