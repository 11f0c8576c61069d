/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest console: a port of a console as a terminal of the guest. */

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xvmsg-console.h>

#include "common/store.h"
#include "frontend/guest/guest.h"
#include "frontend/guest/terminal.h"

#define MAX_PORT 65535
/* A pipe that can be written takes so many without blocking. */
#define STEP 4096u
/* Ends it, where standard input is a terminal: Ctrl-]. */
#define ESCAPE 0x1d

struct bytes {
    uint8_t data[STEP];
    size_t size;
    size_t done; /* of them, moved on */
};

struct session {
    const struct guest_options *options;
    uint64_t number;
    unsigned port;
    bool stdio;
    const char *link;
    char **command; /* NULL: none */

    struct xvmsg *h;
    struct xvmsg_console *console;
    struct terminal terminal;
    bool open;    /* the port is */
    bool leaving; /* the command has ended */
    bool in_ends; /* nothing more comes from the terminal */
    struct bytes to_device;
    struct bytes from_device;
    bool ended;
    int status;
};

static void end(struct session *s, int status)
{
    if (!s->ended)
        s->status = status;
    s->ended = true;
}

static bool is_empty(const struct bytes *bytes)
{
    return bytes->done == bytes->size;
}

/* ---- the port ---- */

static void send_to_device(struct session *s)
{
    struct bytes *b = &s->to_device;
    ssize_t sent;

    if (!s->open || is_empty(b))
        return;
    sent = xvmsg_console_write(s->console, s->port, b->data + b->done, b->size - b->done);
    if (sent >= 0)
        b->done += (size_t)sent;
    else if (errno != EAGAIN)
        end(s, guest_fail("%s", xvmsg_error(s->h)));
}

static void take_from_device(struct session *s)
{
    struct bytes *b = &s->from_device;
    ssize_t got;

    if (!s->open || !is_empty(b))
        return;
    got = xvmsg_console_read(s->console, s->port, b->data, sizeof(b->data));
    b->done = 0;
    b->size = got > 0 ? (size_t)got : 0;
    if (got < 0 && errno != EAGAIN)
        end(s, guest_fail("%s", xvmsg_error(s->h)));
}

static void resize(struct session *s)
{
    unsigned columns, rows;

    xvmsg_console_get_size(s->console, &columns, &rows);
    if (s->port == 0)
        terminal_resize(&s->terminal, columns, rows);
}

static void start(struct session *s)
{
    resize(s);
    if (xvmsg_console_open_port(s->console, s->port) < 0)
        end(s, guest_fail("%s", xvmsg_error(s->h)));
    else if (s->command && terminal_start(&s->terminal, s->command) < 0)
        end(s, EXIT_FAILURE);
    else
        s->open = true;
}

static void on_event(struct xvmsg_console *console, enum xvmsg_console_event event, unsigned port,
                     void *user)
{
    struct session *s = user;

    (void)console;
    if (event == XVMSG_CONSOLE_BROKEN)
        end(s, guest_fail("%s", xvmsg_error(s->h)));
    else if (event == XVMSG_CONSOLE_RESIZED)
        resize(s);
    else if (event == XVMSG_CONSOLE_ADDED && port == s->port && !s->open)
        start(s);
    else if (event == XVMSG_CONSOLE_REMOVED && port == s->port)
        end(s, guest_fail("port %u is gone", port));
}

static void on_ready(struct xvmsg_console *console, enum xvmsg_status status, void *user)
{
    struct session *s = user;
    unsigned ports = xvmsg_console_num_ports(console);

    if (status != XVMSG_OK)
        end(s, guest_fail("%s", xvmsg_error(s->h)));
    else if (s->port >= ports)
        end(s, guest_fail("device %llu has no port %u, but 0 to %u",
                          (unsigned long long)s->number, s->port, ports - 1));
}

static void device_event(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event,
                         void *user)
{
    struct session *s = user;

    (void)h;
    if (number == s->number && event == XVMSG_DEVICE_REMOVING)
        end(s, guest_fail("device %llu is being removed", (unsigned long long)number));
}

/* ---- the terminal ---- */

static void read_terminal(struct session *s)
{
    struct bytes *b = &s->to_device;
    ssize_t got = read(s->terminal.in, b->data, sizeof(b->data));

    b->done = 0;
    b->size = got > 0 ? (size_t)got : 0;
    if (s->terminal.raw && got > 0 && memchr(b->data, ESCAPE, b->size)) {
        b->size = (size_t)((uint8_t *)memchr(b->data, ESCAPE, b->size) - b->data);
        s->in_ends = true;
    }
    /* A command has ended and nothing is left of what it wrote; or all that it started have
     * left the terminal: EIO. */
    if (got == 0 || (got < 0 && errno == EAGAIN && s->leaving) ||
        (got < 0 && errno != EAGAIN && errno != EINTR))
        s->in_ends = true;
}

static void write_terminal(struct session *s)
{
    struct bytes *b = &s->from_device;
    ssize_t sent = write(s->terminal.out, b->data + b->done, b->size - b->done);

    if (sent >= 0)
        b->done += (size_t)sent;
    else if (errno == EPIPE)
        end(s, EXIT_SUCCESS);
    else if (errno == EIO && s->terminal.master >= 0)
        b->done = b->size; /* for a command that has ended */
    else if (errno != EINTR && errno != EAGAIN)
        end(s, guest_fail("the terminal cannot be written: %s", strerror(errno)));
}

/* ---- the loop ---- */

static bool wants_more(const struct session *s)
{
    return s->open && !s->in_ends && is_empty(&s->to_device);
}

/* What has to be waited for. */
static void set_up(struct session *s, struct pollfd fds[5])
{
    fds[2].fd = wants_more(s) ? s->terminal.in : -1;
    fds[2].events = POLLIN;
    fds[3].fd = is_empty(&s->from_device) ? -1 : s->terminal.out;
    fds[3].events = POLLOUT;
    fds[4].fd = s->leaving ? -1 : s->terminal.ended;
    fds[4].events = POLLIN;
}

static void move_bytes(struct session *s)
{
    send_to_device(s);
    take_from_device(s);
    if (!s->ended && xvmsg_flush(s->h) < 0)
        end(s, guest_fail("%s", xvmsg_error(s->h)));
    /* Whoever has gone leaves when the device has all of it; a command may leave its
     * terminal long before it ends. */
    if (!s->ended && s->in_ends && (!s->command || s->leaving) && is_empty(&s->to_device) &&
        xvmsg_console_unsent(s->console, s->port) == 0)
        end(s, terminal_wait(&s->terminal));
}

static void run(struct session *s, int signals)
{
    struct pollfd fds[5] = {
        {.fd = xvmsg_fd(s->h), .events = POLLIN},
        {.fd = signals, .events = POLLIN},
    };

    while (!s->ended) {
        set_up(s, fds);
        if (poll(fds, 5, s->leaving && wants_more(s) ? 0 : -1) < 0) {
            if (errno != EINTR)
                end(s, guest_fail("waiting failed: %s", strerror(errno)));
            continue;
        }
        if (fds[1].revents)
            end(s, EXIT_SUCCESS);
        if (fds[4].fd >= 0 && fds[4].revents)
            s->leaving = true;
        if (fds[2].fd >= 0 && (fds[2].revents || s->leaving))
            read_terminal(s);
        if (fds[3].fd >= 0 && fds[3].revents)
            write_terminal(s);
        if (!s->ended && fds[0].revents && xvmsg_process(s->h) < 0)
            end(s, guest_fail("%s", xvmsg_error(s->h)));
        if (!s->ended)
            move_bytes(s);
    }
}

static int open_terminal(struct session *s)
{
    if (s->stdio)
        return terminal_use_stdio(&s->terminal);
    if (s->command)
        return terminal_open_for_command(&s->terminal);
    if (terminal_open(&s->terminal, s->link) < 0)
        return -1;
    /* A script wants to know it at once. */
    puts(s->terminal.path);
    return fflush(stdout) == 0 ? 0 : -1;
}

static int serve(struct session *s)
{
    struct xvmsg_handlers handlers = {.device = device_event};
    int signals = guest_take_signals();

    if (signals < 0)
        return guest_fail("no descriptor for signals: %s", strerror(errno));
    s->console = xvmsg_console_open(s->h, s->number, on_ready, s);
    if (!s->console)
        end(s, guest_fail("%s", xvmsg_error(s->h)));
    else if (open_terminal(s) < 0)
        end(s, EXIT_FAILURE);
    if (!s->ended) {
        xvmsg_console_set_handler(s->console, on_event, s);
        xvmsg_set_handlers(s->h, &handlers, s);
        run(s, signals);
    }
    xvmsg_console_close(s->console);
    terminal_close(&s->terminal);
    close(signals);
    return s->status;
}

/* ---- the command line ---- */

static int take_option(struct session *s, int option)
{
    uint64_t port;

    switch (option) {
    case 'p':
        if (parse_u64(optarg, 0, MAX_PORT, &port) < 0)
            return guest_usage("'%s' is not the number of a port", optarg);
        s->port = (unsigned)port;
        return 0;
    case 's':
        s->stdio = true;
        return 0;
    case 'l':
        s->link = optarg;
        return 0;
    default:
        return EXIT_USAGE; /* getopt said why */
    }
}

static int parse(struct session *s, int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},
        {"stdio", no_argument, NULL, 's'},
        {"link", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        int rc = take_option(s, option);

        if (rc != 0)
            return rc;
    }
    if (optind == argc)
        return guest_usage("console needs a device number");
    if (argc - optind > 1)
        s->command = argv + optind + 1;
    if (s->stdio + (s->link != NULL) + (s->command != NULL) > 1)
        return guest_usage("console takes one of --stdio, --link and a command");
    return guest_parse_number(argv[optind], &s->number);
}

int guest_console(const struct guest_options *options, int argc, char **argv)
{
    struct session s = {.terminal = TERMINAL_NONE};
    int rc = parse(&s, argc, argv);

    if (rc != 0)
        return rc;
    s.h = guest_connect(options, s.number);
    if (!s.h)
        return EXIT_FAILURE;

    int status = serve(&s);

    xvmsg_free(s.h);
    return status;
}
