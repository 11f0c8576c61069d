/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a backend in this process logs from one point to another. */
#ifndef XVMSG_LOGGED_H
#define XVMSG_LOGGED_H

/* Warnings and errors are kept from here on. */
void logged_begin(void);

/* They go where they went before. The lines that were kept, until the next call. */
const char *logged_end(void);

/* How many lines a text has. */
unsigned logged_lines(const char *text);

#endif
