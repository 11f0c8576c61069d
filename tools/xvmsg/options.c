/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/options.h"

#include <stdio.h>
#include <stdlib.h>

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
