/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#ifndef XVMSG_HEX_H
#define XVMSG_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HEX_BETWEEN " \t\r\n:"
#define HEX_CHARACTERS "0123456789abcdefABCDEF" HEX_BETWEEN

/*
 * Bytes from pairs of hex digits; blanks and colons may stand between pairs.
 * Returns their number, or -1 with *why a static sentence.
 */
ssize_t hex_parse(const char *text, uint8_t *bytes, size_t capacity, const char **why);

/* Two digits a byte, no blanks; `text` has room for 2 * count + 1. */
void hex_format(const uint8_t *bytes, size_t count, char *text);

#endif
