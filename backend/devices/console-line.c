/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/devices/console.h"

/* The kernel takes no more at once. */
#define MAX_PIECES 1024u

/* How soon to try again what failed for reasons that pass. */
static const struct timeval soon = {.tv_sec = 1};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- events ---- */

static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct console_line *line = user;

    (void)fd, (void)what;
    console_port_readable(line->port);
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
    struct console_line *line = user;

    (void)fd, (void)what;
    console_port_writable(line->port);
}

/* There is none while nobody is there. */
static void await(struct event *event, bool wanted)
{
    if (event && wanted)
        event_add(event, NULL);
    else if (event)
        event_del(event);
}

void console_line_await_readable(struct console_line *line, bool wanted)
{
    await(line->readable, wanted);
}

void console_line_await_writable(struct console_line *line, bool wanted)
{
    await(line->writable, wanted);
}

static void free_event(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

/* ---- somebody comes and goes ---- */

static void disconnect(struct console_line *line)
{
    free_event(&line->readable);
    free_event(&line->writable);
    if (line->is_socket)
        close_fd(&line->fd);
    line->fd = -1;
}

static bool connect_to(struct console_line *line, int fd)
{
    line->fd = fd;
    line->readable = event_new(line->base, fd, EV_READ | EV_PERSIST, on_readable, line);
    line->writable = event_new(line->base, fd, EV_WRITE, on_writable, line);
    if (!line->readable || !line->writable)
        disconnect(line);
    return line->fd >= 0;
}

/* Opens the terminal's other end, by its master: its name may be another's here. */
static bool hold_terminal(struct console_line *line)
{
    close_fd(&line->slave);
    line->slave = ioctl(line->source, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return line->slave >= 0 && connect_to(line, line->source);
}

/* A terminal is only ever hung up by a program that was attached to it. */
static void on_hang_up(struct console_line *line)
{
    disconnect(line);
    if (!line->is_socket)
        event_add(line->retry, &soon);
    console_port_connection(line->port);
}

static bool is_gone(int fd)
{
    struct pollfd poll_fd = {.fd = fd};

    return poll(&poll_fd, 1, 0) > 0 && poll_fd.revents & (POLLHUP | POLLERR);
}

/* One at a time: who comes while somebody is there finds the connection closed. */
static void on_client(struct console_line *line)
{
    int fd = accept4(line->source, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) {
        event_del(line->arrival);
        event_add(line->retry, &soon);
    }
    if (fd < 0)
        return;
    if (line->fd >= 0 && is_gone(line->fd))
        disconnect(line);
    if (line->fd >= 0)
        close(fd);
    else if (connect_to(line, fd))
        console_port_connection(line->port);
}

static void on_arrival(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    on_client(user);
}

static void on_retry(evutil_socket_t fd, short what, void *user)
{
    struct console_line *line = user;

    (void)fd, (void)what;
    if (line->is_socket)
        event_add(line->arrival, NULL);
    else if (hold_terminal(line))
        console_port_connection(line->port);
    else
        event_add(line->retry, &soon);
}

/* ---- bytes ---- */

bool console_line_connected(const struct console_line *line)
{
    return line->fd >= 0;
}

static int pieces(const struct iov *iov)
{
    return (int)(iov->count < MAX_PIECES ? iov->count : MAX_PIECES);
}

/* The bytes that were moved; what ends the connection is dealt with. */
static size_t moved(struct console_line *line, struct iov *iov, ssize_t result, bool end_is_gone)
{
    if (result > 0)
        iov_skip(iov, (uint64_t)result);
    else if ((result == 0 && end_is_gone) || (result < 0 && errno != EAGAIN && errno != EINTR))
        on_hang_up(line);
    return result > 0 ? (size_t)result : 0;
}

size_t console_line_read(struct console_line *line, struct iov *iov)
{
    return moved(line, iov, readv(line->fd, iov->pieces, pieces(iov)), true);
}

size_t console_line_write(struct console_line *line, struct iov *iov)
{
    struct msghdr message = {.msg_iov = iov->pieces, .msg_iovlen = (size_t)pieces(iov)};

    return moved(line, iov,
                 line->is_socket ? sendmsg(line->fd, &message, MSG_NOSIGNAL)
                                 : writev(line->fd, iov->pieces, pieces(iov)),
                 false);
}

bool console_line_size(const struct console_line *line, uint16_t *columns, uint16_t *rows)
{
    struct winsize size;

    if (line->is_socket || ioctl(line->source, TIOCGWINSZ, &size) < 0)
        return false;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return true;
}

/* ---- life ---- */

static bool is_listening(int fd)
{
    int listening = 0;
    socklen_t size = sizeof(listening);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

bool console_line_open(struct console_line *line, struct console_port *port,
                       struct event_base *base, int source)
{
    *line = (struct console_line){
        .port = port,
        .base = base,
        .is_socket = is_listening(source),
        .source = source,
        .slave = -1,
        .fd = -1,
    };
    line->retry = evtimer_new(base, on_retry, line);
    if (line->is_socket)
        line->arrival = event_new(base, source, EV_READ | EV_PERSIST, on_arrival, line);
    if (line->retry &&
        (line->is_socket ? line->arrival && event_add(line->arrival, NULL) == 0
                         : hold_terminal(line)))
        return true;
    line->source = -1;
    console_line_close(line);
    return false;
}

void console_line_close(struct console_line *line)
{
    disconnect(line);
    free_event(&line->arrival);
    free_event(&line->retry);
    close_fd(&line->slave);
    close_fd(&line->source);
}
