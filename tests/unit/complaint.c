/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/complaint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/xvmsg/xvmsg.h"

char complaint[512];

void complain(const char *name, const char *format, ...)
{
    va_list args;

    (void)name;
    va_start(args, format);
    vsnprintf(complaint, sizeof(complaint), format, args);
    va_end(args);
}

void complaint_clear(void)
{
    complaint[0] = '\0';
}

bool complaint_has(const char *part)
{
    return strstr(complaint, part) != NULL;
}
