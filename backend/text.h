/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Text of others, made fit for a log line, a terminal and xenstore. */
#ifndef XVMSG_TEXT_H
#define XVMSG_TEXT_H

#include <stddef.h>

/* Copies at most size - 1 characters; '?' stands for what cannot be printed.
 * Both may be the same place. */
void text_printable(char *out, size_t size, const char *in);

#endif
