/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Figures as people read them, in a few letters. */
#ifndef XVMSG_UNITS_H
#define XVMSG_UNITS_H

#include <stdint.h>

#define UNITS_SIZE 16 /* room for any of them */

/* Each returns `text`. */
const char *units_bytes(char text[UNITS_SIZE], double bytes);        /* "48.2 MiB" */
const char *units_count(char text[UNITS_SIZE], double count);        /* "12.3k" */
const char *units_time(char text[UNITS_SIZE], double nanoseconds);   /* "1.53 ms" */
const char *units_clock(char text[UNITS_SIZE], uint64_t seconds);    /* "1:02:03", "2:03" */

#endif
