/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/xvmsg.h"

static const struct {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
    enum {
        IN_XENSTORE, /* all of it, so that the backend may be another domain's */
        AT_DAEMON,   /* asks this domain's too */
        ALONE,       /* asks nobody */
    } where;
} commands[] = {
    {"attach", "give a guest a device", cmd_attach, IN_XENSTORE},
    {"detach", "take a device away again", cmd_detach, IN_XENSTORE},
    {"resize", "tell a guest that its disk has another size", cmd_resize, IN_XENSTORE},
    {"set", "change how a device is", cmd_set, IN_XENSTORE},
    {"console", "connect this terminal to a guest's console", cmd_console, AT_DAEMON},
    {"export", "print a guest's devices, for import", cmd_export, IN_XENSTORE},
    {"import", "give a guest the devices that export printed", cmd_import, IN_XENSTORE},
    {"list", "show the devices and how they are", cmd_list, IN_XENSTORE},
    {"stats", "show what the devices have done so far", cmd_stats, AT_DAEMON},
    {"top", "watch what they do", cmd_top, AT_DAEMON},
    {"trace", "record the messages of a bus", cmd_trace, AT_DAEMON},
    {"decode", "show recorded messages, or hex digits", cmd_decode, ALONE},
    {"encode", "turn messages given as JSON into hex digits", cmd_encode, ALONE},
};

void complain(const char *name, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "xvmsg %s: ", name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void print_help(FILE *to)
{
    fputs("usage: xvmsg [--backend DOMAIN] COMMAND [ARGUMENT ...]\n"
          "       xvmsg --help | --version\n"
          "\n"
          "virtio devices for Xen guests over virtio-msg.\n"
          "\n",
          to);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  --backend DOMAIN  the driver domain (name or id) whose xvmsgd is meant, and\n"
          "                    not this domain's; not for console, stats, top, trace,\n"
          "                    decode and encode\n"
          "\n"
          "xvmsg COMMAND --help tells more about one. Exit status: 0 done, 1 failed,\n"
          "2 wrong usage.\n",
          to);
}

/* What could not be written was not done. */
static int finish(int status)
{
    if (!fflush(stdout) && !ferror(stdout))
        return status;
    perror("xvmsg: standard output");
    return EXIT_FAILURE;
}

static int run(size_t command, int argc, char **argv, const char *backend)
{
    static char name[32];

    if (backend && commands[command].where == ALONE) {
        complain(commands[command].name, "has no --backend: it asks no daemon");
        return EXIT_USAGE;
    }
    if (backend && commands[command].where == AT_DAEMON) {
        complain(commands[command].name, "has no --backend: run it in domain %s", backend);
        return EXIT_USAGE;
    }
    bus_choose_backend(backend);
    snprintf(name, sizeof(name), "xvmsg %s", commands[command].name);
    argv[0] = name;
    return finish(commands[command].run(argc, argv));
}

/* How many arguments say which; -1: not so. */
static int take_backend(int argc, char **argv, const char **backend)
{
    static const char option[] = "--backend=";
    size_t size = sizeof(option) - 1;

    if (argc < 2 || strncmp(argv[1], option, size - 1) != 0 ||
        (argv[1][size - 1] && argv[1][size - 1] != '='))
        return 0;
    *backend = argv[1][size - 1] ? argv[1] + size : argv[2];
    if (*backend && **backend)
        return argv[1][size - 1] ? 1 : 2;
    fputs("xvmsg: --backend needs a domain; see xvmsg --help\n", stderr);
    return -1;
}

int main(int argc, char **argv)
{
    const char *backend = NULL;
    int taken = take_backend(argc, argv, &backend);

    if (taken < 0)
        return EXIT_USAGE;
    argc -= taken;
    argv += taken;
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        puts("xvmsg " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(argv[1], commands[i].name))
            return run(i, argc - 1, argv + 1, backend);
    fprintf(stderr, "xvmsg: no command '%s'; see xvmsg --help\n", argv[1]);
    return EXIT_USAGE;
}
