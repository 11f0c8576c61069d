/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest: a guest's virtio-msg devices from the command line. */

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"
#include "common/store.h"
#include "config.h"
#include "frontend/guest/guest.h"
#include "xenstore-schema/schema.h"

#define DEFAULT_TIMEOUT 10
#define MAX_TIMEOUT 86400

/* How getopt's complaints begin. */
static char program[] = "xvmsg-guest";

static const struct command {
    const char *name;
    int (*run)(const struct guest_options *options, int argc, char **argv);
} commands[] = {
    {"list", guest_list},
    {"info", guest_info},
    {"events", guest_events},
    {"blk", guest_blk},
    {"net", guest_net},
    {"rng", guest_rng},
    {"console", guest_console},
    {"serve", guest_serve},
};

static const char help[] =
    "usage: xvmsg-guest [OPTION]... COMMAND\n"
    "\n"
    "Shows and uses this guest's virtio-msg devices.\n"
    "\n"
    "  list                  the devices there are\n"
    "  info NUMBER           what a device says of itself\n"
    "  events [--count N]    devices as they come and go, one line each\n"
    "  blk read NUMBER [--offset BYTES] [--length BYTES]\n"
    "                        a disk, or a part of it, to standard output\n"
    "  blk write NUMBER [--offset BYTES]\n"
    "                        standard input to a disk\n"
    "  blk discard NUMBER [--offset BYTES] [--length BYTES]\n"
    "                        gives back the room of a disk, or of a part of it\n"
    "  blk zero NUMBER [--offset BYTES] [--length BYTES]\n"
    "                        a disk, or a part of it, full of zeros\n"
    "                        on a terminal, these four show how far they are; not with\n"
    "                        --quiet\n"
    "  blk watch NUMBER      a disk's size, again whenever it changes\n"
    "  net tap NUMBER [--name NAME] [--queues N]\n"
    "                        a network interface as one of this guest's own, until\n"
    "                        interrupted; prints its name\n"
    "  rng NUMBER [--length BYTES] [--fifo PATH]\n"
    "                        random bytes to standard output or a FIFO, until interrupted\n"
    "  console NUMBER [--port N] [--stdio | --link PATH | [--respawn] -- COMMAND...]\n"
    "                        a port of a console as a terminal, whose path is printed; on\n"
    "                        standard input and output; or with a command on it, again\n"
    "                        and again with --respawn\n"
    "  serve DEVICE [+ DEVICE]...\n"
    "                        several devices of the bus at once, each as after net, rng or\n"
    "                        console above, until interrupted\n"
    "\n"
    "  --bus N               the bus, default 0\n"
    "  --timeout SECONDS     how long to wait for the backend, default 10\n"
    "  --wire-form FORM      wide (default) or compact\n"
    "  --queue-doorbells     give each queue of a device an event channel of its own, if\n"
    "                        the backend can\n"
    "  --addresses KIND      area (default) or grant: how queues and buffers are addressed\n"
    "  --strict              use the strict configuration profile, or fail\n"
    "  --queue-layout LAYOUT split, packed or any (default)\n"
    "  -h, --help, --version\n";

int guest_fail(const char *format, ...)
{
    va_list arguments;

    progress_erase();
    va_start(arguments, format);
    fputs("xvmsg-guest: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return EXIT_FAILURE;
}

int guest_usage(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("xvmsg-guest: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("; see xvmsg-guest --help\n", stderr);
    va_end(arguments);
    return EXIT_USAGE;
}

int guest_parse_number(const char *text, uint64_t *number)
{
    if (parse_u64(text, 0, UINT64_MAX, number) == 0)
        return 0;
    return guest_usage("'%s' is not a device number", text);
}

struct xvmsg *guest_open(const struct guest_options *options)
{
    const char *why;
    struct xvmsg *h = xvmsg_new(&why);

    if (!h) {
        guest_fail("%s", why);
        return NULL;
    }
    xvmsg_set_bus(h, options->bus);
    xvmsg_set_wire_form(h, options->form);
    xvmsg_set_addresses(h, options->addresses);
    xvmsg_set_strict_config(h, options->strict);
    xvmsg_set_queue_layout(h, options->layout);
    xvmsg_set_queue_doorbells(h, options->queue_doorbells);
    return h;
}

bool guest_find(struct xvmsg *h, uint64_t number, struct xvmsg_device_entry *entry)
{
    struct xvmsg_device_entry *entries;
    ssize_t count = guest_devices(h, &entries);
    bool found = false;

    for (ssize_t i = 0; i < count && !found; i++)
        if (entries[i].number == number) {
            *entry = entries[i];
            found = true;
        }
    free(entries);
    return found;
}

bool guest_has(struct xvmsg *h, uint64_t number)
{
    struct xvmsg_device_entry entry;

    if (guest_find(h, number, &entry))
        return true;
    guest_fail("there is no device %llu; xvmsg-guest list shows what there is",
               (unsigned long long)number);
    return false;
}

struct xvmsg *guest_join(const struct guest_options *options)
{
    struct xvmsg *h = guest_open(options);

    if (!h)
        return NULL;
    if (xvmsg_connect_wait(h, (int)options->timeout * 1000) < 0)
        guest_fail("%s", xvmsg_error(h));
    else if (options->strict && !xvmsg_is_strict(h))
        guest_fail("the backend does not offer the strict configuration profile");
    else
        return h;
    guest_leave(h);
    return NULL;
}

struct xvmsg *guest_connect(const struct guest_options *options, uint64_t number)
{
    struct xvmsg *h = guest_join(options);

    if (h && !guest_has(h, number)) {
        guest_leave(h);
        h = NULL;
    }
    return h;
}

/* ---- the command line ---- */

enum {
    OPTION_HELP = 'h',
    OPTION_BUS = 256,
    OPTION_TIMEOUT,
    OPTION_WIRE_FORM,
    OPTION_QUEUE_DOORBELLS,
    OPTION_ADDRESSES,
    OPTION_STRICT,
    OPTION_QUEUE_LAYOUT,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"bus", required_argument, NULL, OPTION_BUS},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"wire-form", required_argument, NULL, OPTION_WIRE_FORM},
    {"queue-doorbells", no_argument, NULL, OPTION_QUEUE_DOORBELLS},
    {"addresses", required_argument, NULL, OPTION_ADDRESSES},
    {"strict", no_argument, NULL, OPTION_STRICT},
    {"queue-layout", required_argument, NULL, OPTION_QUEUE_LAYOUT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static int parse_form(const char *text, enum xvmsg_wire_form *form)
{
    if (strcmp(text, "wide") == 0)
        *form = XVMSG_WIDE;
    else if (strcmp(text, "compact") == 0)
        *form = XVMSG_COMPACT;
    else
        return guest_usage("--wire-form is wide or compact, not '%s'", text);
    return 0;
}

static int parse_addresses(const char *text, enum xvmsg_addresses *addresses)
{
    if (strcmp(text, "area") == 0)
        *addresses = XVMSG_ADDRESS_AREA;
    else if (strcmp(text, "grant") == 0)
        *addresses = XVMSG_ADDRESS_GRANT;
    else
        return guest_usage("--addresses is area or grant, not '%s'", text);
    return 0;
}

static int parse_layout(const char *text, enum xvmsg_queue_layout *layout)
{
    if (strcmp(text, "any") == 0)
        *layout = XVMSG_QUEUE_ANY;
    else if (strcmp(text, "split") == 0)
        *layout = XVMSG_QUEUE_SPLIT;
    else if (strcmp(text, "packed") == 0)
        *layout = XVMSG_QUEUE_PACKED;
    else
        return guest_usage("--queue-layout is split, packed or any, not '%s'", text);
    return 0;
}

/* 0, or the exit status. */
static int take_option(int option, const char *argument, struct guest_options *options)
{
    uint64_t value;

    switch (option) {
    case OPTION_BUS:
        if (parse_u64(argument, 0, XS_BUS_MAX, &value) < 0)
            return guest_usage("--bus needs a number up to %u, not '%s'", XS_BUS_MAX, argument);
        options->bus = (unsigned)value;
        return 0;
    case OPTION_TIMEOUT:
        if (parse_u64(argument, 0, MAX_TIMEOUT, &value) < 0)
            return guest_usage("--timeout needs seconds up to %d, not '%s'", MAX_TIMEOUT, argument);
        options->timeout = (unsigned)value;
        return 0;
    case OPTION_WIRE_FORM:
        return parse_form(argument, &options->form);
    case OPTION_ADDRESSES:
        return parse_addresses(argument, &options->addresses);
    case OPTION_STRICT:
        options->strict = true;
        return 0;
    case OPTION_QUEUE_LAYOUT:
        return parse_layout(argument, &options->layout);
    case OPTION_QUEUE_DOORBELLS:
        options->queue_doorbells = true;
        return 0;
    default:
        return EXIT_USAGE; /* getopt said why */
    }
}

/* No argument of a subcommand means anything else; but what follows "--" is not ours. */
static bool asks_for_help(char **argv)
{
    for (; *argv && strcmp(*argv, "--") != 0; argv++)
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0)
            return true;
    return false;
}

static int print_help(void)
{
    fputs(help, stdout);
    return EXIT_SUCCESS;
}

static int run(const struct guest_options *options, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[0], commands[i].name) != 0)
            continue;
        if (asks_for_help(argv + 1))
            return print_help();
        argv[0] = program;
        optind = 0; /* the subcommand parses its own, anew and in any order */
        return commands[i].run(options, argc, argv);
    }
    return guest_usage("there is no command '%s'", argv[0]);
}

int main(int argc, char **argv)
{
    struct guest_options options = {.timeout = DEFAULT_TIMEOUT, .form = XVMSG_WIDE};
    int option;

    /* A reader that ends early is an error like any other, and no sudden death. */
    signal(SIGPIPE, SIG_IGN);
    argv[0] = program;
    /* '+': stops at the subcommand, whose options are its own. */
    while ((option = getopt_long(argc, argv, "+h", long_options, NULL)) != -1) {
        if (option == OPTION_HELP)
            return print_help();
        if (option == OPTION_VERSION) {
            puts("xvmsg-guest " PACKAGE_VERSION);
            return 0;
        }

        int rc = take_option(option, optarg, &options);

        if (rc != 0)
            return rc;
    }
    if (optind == argc)
        return guest_usage("a command is missing");
    return run(&options, argc - optind, argv + optind);
}
