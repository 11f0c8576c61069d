/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/control-protocol.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/signals.h"
#include "tools/xvmsg/tracer.h"
#include "tools/xvmsg/xvmsg.h"

#define COMMAND "trace"
#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)

/* The worker has so long to send what it still has. */
#define LAST_RECORDS (5 * SECOND)
#define PROGRESS_PAUSE (SECOND / 5)

static const char usage[] =
    "usage: xvmsg trace [--bus NUMBER] [--output FILE] [--count NUMBER]\n"
    "                   [--seconds NUMBER] DOMAIN\n"
    "\n"
    "Records the messages of a bus of DOMAIN (name or id), both ways, until it is\n"
    "interrupted. xvmsg decode and Wireshark read the recording.\n"
    "\n"
    "  --bus NUMBER      which of the guest's buses; 0 is the default\n"
    "  --output FILE     pcapng file to write; " TRACE_OUTPUT_DEFAULT " is the default,\n"
    "                    - is standard output\n"
    "  --count NUMBER    end after so many messages\n"
    "  --seconds NUMBER  end after so long\n";

struct session {
    struct platform *platform;
    struct tracer tracer;
    struct pcapng_writer writer;
    int socket;
    struct signals signals;
    bool ending;
    uint64_t deadline; /* 0: none */
    bool terminal;
    uint64_t progress; /* when to show it again */
};

static uint64_t now(const struct session *s)
{
    return s->platform->ops->now(s->platform);
}

/* ---- progress ---- */

static void show_progress(struct session *s)
{
    uint64_t messages = s->writer.messages[MSG_WIDE] + s->writer.messages[MSG_COMPACT];

    if (!s->terminal || now(s) < s->progress)
        return;
    fprintf(stderr, "\rxvmsg trace: %" PRIu64 " messages", messages);
    s->progress = now(s) + PROGRESS_PAUSE;
}

static void show_result(const struct session *s)
{
    uint64_t messages = s->writer.messages[MSG_WIDE] + s->writer.messages[MSG_COMPACT];

    fprintf(stderr, "%sxvmsg trace: %" PRIu64 " messages recorded, %" PRIu64 " lost\n",
            s->terminal ? "\r" : "", messages, s->tracer.lost);
}

/* ---- recording ---- */

/* The worker sends what it has and closes. */
static void begin_end(struct session *s)
{
    s->ending = true;
    s->deadline = now(s) + LAST_RECORDS;
    shutdown(s->socket, SHUT_WR);
}

/* Milliseconds to wait, rounded up; -1 for ever. */
static int time_left(const struct session *s)
{
    uint64_t time = now(s);
    uint64_t left;

    if (!s->deadline)
        return -1;
    if (time >= s->deadline)
        return 0;
    left = (s->deadline - time + MILLISECOND - 1) / MILLISECOND;
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* False, after a complaint, when the worker left of itself. */
static bool at_end(const struct session *s)
{
    if (!s->ending)
        complain(COMMAND, "the bus, its worker or xvmsgd came to its end");
    return s->ending;
}

static bool written(const struct session *s)
{
    if (fflush(s->writer.out) == 0 && !ferror(s->writer.out))
        return true;
    complain(COMMAND, "cannot write the recording: %s", strerror(errno));
    return false;
}

/* 1 to go on, 0 done, -1 failed. */
static int take(struct session *s)
{
    switch (tracer_take(&s->tracer, s->socket)) {
    case TRACER_NOTHING:
        return 1;
    case TRACER_MESSAGES:
        show_progress(s);
        return written(s) ? 1 : -1;
    case TRACER_ENOUGH:
        return 0;
    case TRACER_END:
        return at_end(s) ? 0 : -1;
    case TRACER_NONSENSE:
        break;
    }
    return -1;
}

/* Asked of the clock: of a socket that always has more, poll() never says so. */
static bool time_is_up(const struct session *s)
{
    return s->deadline && now(s) >= s->deadline;
}

static int step(struct session *s)
{
    struct pollfd fds[] = {
        {.fd = s->socket, .events = POLLIN},
        {.fd = s->ending ? -1 : s->signals.fd, .events = POLLIN},
    };
    int ready = poll(fds, 2, time_left(s));

    if (ready < 0 && errno != EINTR) {
        complain(COMMAND, "cannot wait for messages: %s", strerror(errno));
        return -1;
    }
    if (s->ending && time_is_up(s)) {
        complain(COMMAND, "the worker does not end the trace: the last messages may be missing");
        return -1;
    }
    if (!s->ending && (time_is_up(s) || fds[1].revents))
        begin_end(s);
    return fds[0].revents ? take(s) : 1;
}

static int record(struct session *s, const char *bus)
{
    int rc = 1;

    pcapng_writer_begin(&s->writer, s->writer.out, bus);
    if (!written(s))
        return -1;
    while (rc > 0)
        rc = step(s);
    pcapng_writer_end(&s->writer);
    show_result(s);
    return written(s) ? rc : -1;
}

/* ---- what it needs ---- */

static FILE *open_output(const char *name)
{
    FILE *out;

    if (strcmp(name, "-") == 0)
        return stdout;
    out = fopen(name, "w");
    if (!out)
        complain(COMMAND, "cannot write %s: %s", name, strerror(errno));
    return out;
}

static int record_to_file(struct session *s, const struct trace_order *order,
                          const struct bus_id *id)
{
    char bus[48];
    FILE *out = open_output(order->output);
    int rc;

    if (!out)
        return -1;
    snprintf(bus, sizeof(bus), "dom%" PRIu32 " bus %" PRIu32, id->frontend, id->bus);
    fprintf(stderr, "xvmsg trace: recording %s to %s\n", bus,
            out == stdout ? "standard output" : order->output);
    s->writer.out = out;
    if (order->seconds)
        s->deadline = now(s) + order->seconds * SECOND;
    rc = record(s, bus);
    if (out != stdout && fclose(out) != 0 && rc == 0) {
        complain(COMMAND, "cannot write %s: %s", order->output, strerror(errno));
        rc = -1;
    }
    return rc;
}

int trace_run(struct platform *p, const struct trace_order *order)
{
    static const int none_besides[] = {0};
    static struct session s;
    struct bus_id id;
    int rc = -1;

    if (bus_find(p, COMMAND, order->domain, order->bus, &id) < 0)
        return EXIT_FAILURE;
    s = (struct session){.platform = p, .terminal = isatty(STDERR_FILENO)};
    s.tracer.writer = &s.writer;
    s.tracer.max = order->count ? order->count : UINT64_MAX;
    if (signals_catch(&s.signals, COMMAND, none_besides) < 0)
        return EXIT_FAILURE;
    s.socket = tracer_ask(order->socket, id.frontend, id.bus);
    if (s.socket >= 0) {
        rc = record_to_file(&s, order, &id);
        close(s.socket);
    }
    signals_release(&s.signals);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- command line ---- */

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct trace_order *order)
{
    const struct options_known known[] = {
        {"bus", .number = &order->bus},
        {"output", .text = &order->output},
        {"count", .number = &order->count},
        {"seconds", .number = &order->seconds},
        {0},
    };
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    if (argc - optind != 1)
        return options_usage(usage, false);
    order->domain = argv[optind];
    return -1;
}

static int run(struct platform *p, const void *order)
{
    return trace_run(p, order);
}

int cmd_trace(int argc, char **argv)
{
    struct trace_order order = {.output = TRACE_OUTPUT_DEFAULT, .socket = CONTROL_SOCKET};
    int status = parse_command_line(argc, argv, &order);

    if (status >= 0)
        return status;
    if (strcmp(order.output, "-") == 0 && isatty(STDOUT_FILENO)) {
        complain(COMMAND, "a recording is nothing for a terminal: name a file, or pipe it into "
                          "'xvmsg decode'");
        return EXIT_USAGE;
    }
    return bus_run(COMMAND, run, &order);
}
