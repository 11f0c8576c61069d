/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/hex.h"

#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

ssize_t hex_parse(const char *text, uint8_t *bytes, size_t capacity, const char **why)
{
    size_t count = 0;

    for (text += strspn(text, HEX_BETWEEN); *text; text += strspn(text, HEX_BETWEEN)) {
        int high = digit(text[0]);
        int low = high < 0 ? -1 : digit(text[1]);

        if (low < 0) {
            *why = high < 0 ? "not a hex digit" : "a hex digit without its partner";
            return -1;
        }
        if (count == capacity) {
            *why = "longer than any message";
            return -1;
        }
        bytes[count++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return (ssize_t)count;
}

void hex_format(const uint8_t *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}
