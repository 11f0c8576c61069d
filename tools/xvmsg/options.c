/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tools/xvmsg/xvmsg.h"

/* What getopt() returns for the first option in its long form; no letter is as large. */
#define LONG_OPTIONS 256

int options_usage(const char *usage, bool asked)
{
    fputs(usage, asked ? stdout : stderr);
    return asked ? EXIT_SUCCESS : EXIT_USAGE;
}

int options_number(const char *command, const char *option, const char *text, uint32_t *number)
{
    uint64_t value;

    if (parse_u64(text, 0, UINT32_MAX, &value) == 0) {
        *number = (uint32_t)value;
        return 0;
    }
    complain(command, "%s must be a number, not '%s'", option, text);
    return -1;
}

/* What getopt() wants to know of the options, and of --help. */
static void describe(const struct options_known *known, struct option *longs, char *letters)
{
    int n = 0;

    for (; known[n].name; n++) {
        int argument = known[n].flag ? no_argument : required_argument;

        longs[n] = (struct option){known[n].name, argument, NULL, LONG_OPTIONS + n};
        if (!known[n].letter)
            continue;
        *letters++ = known[n].letter;
        if (argument == required_argument)
            *letters++ = ':';
    }
    longs[n] = (struct option){"help", no_argument, NULL, 'h'};
    longs[n + 1] = (struct option){0};
    strcpy(letters, "h");
}

/* The option of which getopt() speaks; NULL for --help, and for one it refused. */
static const struct options_known *find(const struct options_known *known, int c)
{
    for (int n = 0; known[n].name; n++)
        if (c == LONG_OPTIONS + n || c == known[n].letter)
            return &known[n];
    return NULL;
}

/* False after a complaint. */
static bool take(const char *command, const struct options_known *known)
{
    char name[32];

    if (known->flag) {
        *known->flag = true;
        return true;
    }
    if (known->text) {
        *known->text = optarg;
        return true;
    }
    snprintf(name, sizeof(name), "--%s", known->name);
    return options_number(command, name, optarg, known->number) == 0;
}

int options_parse(const char *command, const char *usage, const struct options_known *known,
                  int argc, char **argv)
{
    struct option longs[OPTIONS_KNOWN_MAX + 2];
    char letters[2 * OPTIONS_KNOWN_MAX + 2];

    describe(known, longs, letters);
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        const struct options_known *option = find(known, c);

        if (!option)
            return options_usage(usage, c == 'h');
        if (!take(command, option))
            return EXIT_USAGE;
    }
    return -1;
}

int options_device(const char *command, const char *usage, int argc, char **argv,
                   const char **domain, const char **device, uint32_t *bus)
{
    int count = argc - optind;

    if (count < 2 || count > 3)
        return options_usage(usage, false);
    *domain = argv[optind];
    *device = argv[optind + 1];
    if (count == 2)
        return -1;
    if (strncmp(argv[optind + 2], "bus=", 4) != 0) {
        complain(command, "unknown argument '%s'; see xvmsg %s --help", argv[optind + 2], command);
        return EXIT_USAGE;
    }
    return options_number(command, "bus", argv[optind + 2] + 4, bus) < 0 ? EXIT_USAGE : -1;
}
