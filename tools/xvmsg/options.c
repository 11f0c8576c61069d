/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tools/xvmsg/xvmsg.h"

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
