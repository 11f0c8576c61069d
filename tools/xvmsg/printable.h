/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A guest's words, or those of a worker, on their way to somebody's terminal. */
#ifndef XVMSG_PRINTABLE_H
#define XVMSG_PRINTABLE_H

static inline void make_printable(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

#endif
