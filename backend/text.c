/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/text.h"

void text_printable(char *out, size_t size, const char *in)
{
    size_t i;

    for (i = 0; in[i] && i + 1 < size; i++)
        out[i] = in[i] < 0x20 || in[i] > 0x7e ? '?' : in[i];
    out[i] = '\0';
}
