/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>

/* Three digits that matter, and the unit. */
static const char *scale(char text[UNITS_SIZE], double value, double step,
                         const char *const *names, unsigned last)
{
    unsigned n = 0;

    /* What would be rounded up to the next unit is shown in that. */
    for (; n < last && value >= step * 0.9995; n++)
        value /= step;

    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

    if (n == 0 && value == (double)(uint64_t)value)
        decimals = 0;
    snprintf(text, UNITS_SIZE, "%.*f%s", decimals, value, names[n]);
    return text;
}

const char *units_bytes(char text[UNITS_SIZE], double bytes)
{
    static const char *const names[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};

    return scale(text, bytes, 1024, names, 6);
}

const char *units_count(char text[UNITS_SIZE], double count)
{
    static const char *const names[] = {"", "k", "M", "G", "T", "P", "E"};

    return scale(text, count, 1000, names, 6);
}

const char *units_time(char text[UNITS_SIZE], double nanoseconds)
{
    static const char *const names[] = {" ns", " us", " ms", " s"};

    return scale(text, nanoseconds, 1000, names, 3);
}

const char *units_clock(char text[UNITS_SIZE], uint64_t seconds)
{
    unsigned minutes = seconds / 60 % 60, rest = seconds % 60;

    if (seconds >= 3600 * 10000)
        snprintf(text, UNITS_SIZE, "very long");
    else if (seconds >= 3600)
        snprintf(text, UNITS_SIZE, "%" PRIu64 ":%02u:%02u", seconds / 3600, minutes, rest);
    else
        snprintf(text, UNITS_SIZE, "%u:%02u", minutes, rest);
    return text;
}
