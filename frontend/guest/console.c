/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest console: a port of a console as a terminal of the guest. */

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <xvmsg-console.h>

#include "common/store.h"
#include "frontend/guest/part.h"
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

/* A command that ends at once must not begin again and again without a break. */
#define RESPAWN_SECONDS 1

/* What a session waits for. */
enum {
    FD_IN,
    FD_OUT,
    FD_ENDED,
    FD_RESPAWN,
    FDS,
};

struct session {
    struct part part;
    unsigned port;
    bool stdio;
    const char *link;
    char **command; /* NULL: none */
    bool respawn;   /* it begins again when it has ended */

    struct xvmsg_console *console;
    struct terminal terminal;
    bool open;    /* the port is */
    bool leaving; /* the command has ended */
    int pause;    /* a timer until it begins again, -1: none */
    bool in_ends; /* nothing more comes from the terminal */
    struct bytes to_device;
    struct bytes from_device;
};

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
        part_fail(&s->part, "%s", xvmsg_error(s->part.h));
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
        part_fail(&s->part, "%s", xvmsg_error(s->part.h));
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
        part_fail(&s->part, "%s", xvmsg_error(s->part.h));
    else if (s->command && terminal_start(&s->terminal, s->command) < 0)
        part_end(&s->part, EXIT_FAILURE);
    else
        s->open = true;
}

static void on_event(struct xvmsg_console *console, enum xvmsg_console_event event, unsigned port,
                     void *user)
{
    struct session *s = user;

    (void)console;
    if (event == XVMSG_CONSOLE_BROKEN)
        part_fail(&s->part, "%s", xvmsg_error(s->part.h));
    else if (event == XVMSG_CONSOLE_RESIZED)
        resize(s);
    else if (event == XVMSG_CONSOLE_ADDED && port == s->port && !s->open)
        start(s);
    else if (event == XVMSG_CONSOLE_REMOVED && port == s->port)
        part_fail(&s->part, "port %u is gone", port);
}

static void on_ready(struct xvmsg_console *console, enum xvmsg_status status, void *user)
{
    struct session *s = user;
    unsigned ports = xvmsg_console_num_ports(console);

    if (status != XVMSG_OK)
        part_fail(&s->part, "%s", xvmsg_error(s->part.h));
    else if (s->port >= ports)
        part_fail(&s->part, "device %llu has no port %u, but 0 to %u",
                  (unsigned long long)s->part.number, s->port, ports - 1);
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
        part_end(&s->part, EXIT_SUCCESS);
    else if (errno == EIO && s->terminal.master >= 0)
        b->done = b->size; /* for a command that has ended */
    else if (errno != EINTR && errno != EAGAIN)
        part_fail(&s->part, "the terminal cannot be written: %s", strerror(errno));
}

/* ---- a command that begins again ---- */

static void pause_command(struct session *s)
{
    const struct itimerspec pause = {.it_value.tv_sec = RESPAWN_SECONDS};

    terminal_close(&s->terminal);
    s->leaving = s->in_ends = false;
    s->pause = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->pause < 0 || timerfd_settime(s->pause, 0, &pause, NULL) < 0)
        part_fail(&s->part, "no timer: %s", strerror(errno));
}

static void end_pause(struct session *s)
{
    if (s->pause >= 0)
        close(s->pause);
    s->pause = -1;
}

static void respawn(struct session *s)
{
    end_pause(s);
    if (terminal_open_for_command(&s->terminal) < 0 ||
        terminal_start(&s->terminal, s->command) < 0)
        part_end(&s->part, EXIT_FAILURE);
    else
        resize(s);
}

/* ---- the loop ---- */

static bool wants_more(const struct session *s)
{
    return s->open && !s->in_ends && is_empty(&s->to_device);
}

static unsigned wait(struct part *part, struct pollfd *fds)
{
    const struct session *s = (const struct session *)part;

    fds[FD_IN] = (struct pollfd){.fd = wants_more(s) ? s->terminal.in : -1, .events = POLLIN};
    fds[FD_OUT] = (struct pollfd){
        .fd = is_empty(&s->from_device) ? -1 : s->terminal.out,
        .events = POLLOUT,
    };
    fds[FD_ENDED] = (struct pollfd){.fd = s->leaving ? -1 : s->terminal.ended, .events = POLLIN};
    fds[FD_RESPAWN] = (struct pollfd){.fd = s->pause, .events = POLLIN};
    return FDS;
}

static void move_bytes(struct session *s)
{
    int status;

    send_to_device(s);
    take_from_device(s);
    /* Whoever has gone leaves when the device has all of it; a command may leave its
     * terminal long before it ends. */
    if (!s->part.ended && s->in_ends && (!s->command || s->leaving) &&
        is_empty(&s->to_device) && xvmsg_console_unsent(s->console, s->port) == 0) {
        status = terminal_wait(&s->terminal);
        if (s->respawn)
            pause_command(s);
        else
            part_end(&s->part, status);
    }
}

static void turn(struct part *part, const struct pollfd *fds)
{
    struct session *s = (struct session *)part;

    if (fds[FD_RESPAWN].revents)
        respawn(s);
    if (fds[FD_ENDED].revents)
        s->leaving = true;
    if (fds[FD_IN].revents)
        read_terminal(s);
    if (fds[FD_OUT].revents)
        write_terminal(s);
    if (!part->ended)
        move_bytes(s);
    /* What a command that has ended left in its terminal: as much as the device takes. */
    while (!part->ended && s->leaving && wants_more(s)) {
        read_terminal(s);
        move_bytes(s);
    }
}

/* ---- from the beginning to the end ---- */

static int open_terminal(struct session *s)
{
    if (s->stdio)
        return terminal_use_stdio(&s->terminal);
    if (s->command)
        return terminal_open_for_command(&s->terminal);
    if (terminal_open(&s->terminal, s->link) < 0)
        return -1;
    part_tell(&s->part, s->terminal.path);
    return 0;
}

static void open_session(struct part *part)
{
    struct session *s = (struct session *)part;

    s->terminal = (struct terminal)TERMINAL_NONE;
    s->pause = -1;
    s->console = xvmsg_console_open(part->h, part->number, on_ready, s);
    if (!s->console)
        part_fail(part, "%s", xvmsg_error(part->h));
    else if (open_terminal(s) < 0)
        part_end(part, EXIT_FAILURE);
    else
        xvmsg_console_set_handler(s->console, on_event, s);
}

static void close_session(struct part *part)
{
    struct session *s = (struct session *)part;

    xvmsg_console_close(s->console);
    terminal_close(&s->terminal);
    end_pause(s);
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
    case 'r':
        s->respawn = true;
        return 0;
    default:
        return EXIT_USAGE; /* getopt said why */
    }
}

static int parse(struct part *part, int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},
        {"stdio", no_argument, NULL, 's'},
        {"link", required_argument, NULL, 'l'},
        {"respawn", no_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    struct session *s = (struct session *)part;
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
    if (s->respawn && !s->command)
        return guest_usage("--respawn wants a command");
    if (s->stdio && part->has_company)
        return guest_usage("console takes --stdio where it is alone");
    return guest_parse_number(argv[optind], &part->number);
}

const struct part_class part_console = {
    .name = "console",
    .size = sizeof(struct session),
    .parse = parse,
    .open = open_session,
    .wait = wait,
    .turn = turn,
    .close = close_session,
};

int guest_console(const struct guest_options *options, int argc, char **argv)
{
    return part_run(&part_console, options, argc, argv);
}
