/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg console: this terminal becomes the other end of a guest's console. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/signals.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define COMMAND "console"
#define ESCAPE 0x1d
#define STEP 4096u

static const char usage[] =
    "usage: xvmsg console [--port NUMBER] DOMAIN DEVICE [bus=NUMBER]\n"
    "\n"
    "Connects this terminal to a console, by its number or name, of DOMAIN (name or\n"
    "id), until Ctrl-] is typed or standard input ends.\n"
    "\n"
    "  --port NUMBER      which port of the console; 0 is the default\n"
    "  bus=NUMBER         which bus of the guest; 0 is the default\n";

struct session {
    struct platform *platform;
    struct store_path request; /* B/request/NAME */
    bool sizes;   /* the far end has a size, and this terminal too */
    int far;
    struct signals signals;
    bool raw; /* this terminal is, and was as `saved` says */
    struct termios saved;
};

/* ---- where it is ---- */

/* The word of that index in a list; NULL when it has fewer. */
static char *word(char *list, uint32_t index)
{
    char *rest = list;
    char *found;

    do
        found = strsep(&rest, " ");
    while (found && index--);
    return found;
}

static int open_tty(char *paths, uint32_t port)
{
    char *path = word(paths, port);

    if (!path) {
        errno = ENOENT;
        return -1;
    }
    return open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

static int open_socket(const char *path, uint32_t port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (!schema_output_path(path, port, address.sun_path, sizeof(address.sun_path))) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;

    int saved = errno;

    close(fd);
    errno = saved;
    return -1;
}

static int open_far(struct session *s, const struct console_request *request)
{
    struct platform *p = s->platform;
    char *paths = store_read_text(p, PLATFORM_NO_TX, s->request.text, XS_TTY);
    char *output = store_read_text(p, PLATFORM_NO_TX, s->request.text, XS_OUTPUT);

    errno = ENOTTY;
    if (paths)
        s->far = open_tty(paths, request->port);
    else if (output)
        s->far = open_socket(output, request->port);
    s->sizes = paths && request->port == 0;
    free(paths);
    free(output);
    if (s->far >= 0)
        return 0;
    if (errno == ENOTTY)
        complain(COMMAND, "device %s is no console, or is not there yet", request->device);
    else
        complain(COMMAND, "port %u of device %s cannot be opened: %s", request->port,
                 request->device, strerror(errno));
    return -1;
}

/* ---- this terminal ---- */

static void make_raw(struct session *s)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &s->saved) < 0)
        return;
    raw = s->saved;
    cfmakeraw(&raw);
    s->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static int count_up(struct platform *p, platform_tx tx, void *user)
{
    const struct session *s = user;

    return resize_count_up(p, tx, s->request.text);
}

/* The far end takes the size of this terminal; xvmsgd is told to look at it. */
static void pass_size(struct session *s)
{
    struct winsize size;

    if (!s->sizes || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 ||
        ioctl(s->far, TIOCSWINSZ, &size) < 0)
        return;
    if (store_transaction(s->platform, count_up, s) < 0)
        complain(COMMAND, "the guest is not told of the size: %s\r", strerror(errno));
}

/* ---- bytes ---- */

/* All of it; a descriptor that does not block is waited for. */
static int write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t written = write(fd, bytes, size);

        if (written < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};

            poll(&room, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            return -1;
        } else if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

/* Both: false when it is over. */
static bool from_here(struct session *s)
{
    char bytes[STEP];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
    char *escape = got > 0 && s->raw ? memchr(bytes, ESCAPE, (size_t)got) : NULL;

    if (got <= 0)
        return got < 0 && errno == EINTR;
    if (escape)
        got = escape - bytes;
    return write_all(s->far, bytes, (size_t)got) == 0 && !escape;
}

static bool from_there(struct session *s)
{
    char bytes[STEP];
    ssize_t got = read(s->far, bytes, sizeof(bytes));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    return got > 0 && write_all(STDOUT_FILENO, bytes, (size_t)got) == 0;
}

static bool on_signal(struct session *s)
{
    int signal = signals_next(&s->signals);

    if (signal == SIGWINCH)
        pass_size(s);
    return signal == SIGWINCH || signal == 0;
}

static void relay(struct session *s)
{
    struct pollfd fds[] = {
        {.fd = s->signals.fd, .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = s->far, .events = POLLIN},
    };
    bool goes_on = true;

    while (goes_on) {
        if (poll(fds, 3, -1) < 0)
            goes_on = errno == EINTR;
        else if (fds[0].revents)
            goes_on = on_signal(s);
        else if (fds[2].revents)
            goes_on = from_there(s);
        else if (fds[1].revents)
            goes_on = from_here(s);
    }
}

static void talk(struct session *s)
{
    make_raw(s);
    pass_size(s);
    relay(s);
    if (s->raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &s->saved);
    signals_release(&s->signals);
}

int console_run(struct platform *p, const struct console_request *request)
{
    struct session s = {.platform = p, .far = -1};
    int status = EXIT_FAILURE;
    struct bus_id id;

    if (bus_find(p, COMMAND, request->domain, request->bus, &id) < 0)
        return EXIT_FAILURE;
    if (bus_find_request(p, PLATFORM_NO_TX, &id, request->device, &s.request) < 0) {
        bus_complain_about_request(COMMAND, request->domain, request->bus, request->device);
        return EXIT_FAILURE;
    }
    if (open_far(&s, request) < 0)
        return EXIT_FAILURE;
    if (signals_catch(&s.signals, COMMAND, (const int[]){SIGWINCH, 0}) == 0) {
        talk(&s);
        status = EXIT_SUCCESS;
    }
    close(s.far);
    return status;
}

/* ---- the command line ---- */

static int parse_command_line(int argc, char **argv, struct console_request *r)
{
    const struct options_known known[] = {{"port", .number = &r->port}, {0}};
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    return options_device(COMMAND, usage, argc, argv, &r->domain, &r->device, &r->bus);
}

static int run(struct platform *p, const void *request)
{
    return console_run(p, request);
}

int cmd_console(int argc, char **argv)
{
    struct console_request request = {0};
    int status = parse_command_line(argc, argv, &request);

    return status < 0 ? bus_run(COMMAND, run, &request) : status;
}
