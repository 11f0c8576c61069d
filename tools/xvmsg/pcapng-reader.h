/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Recordings, ours or written anew by another program, in either byte order. */
#ifndef XVMSG_PCAPNG_READER_H
#define XVMSG_PCAPNG_READER_H

#include <stdio.h>

#include "tools/xvmsg/pcapng.h"

#define PCAPNG_WHY_SIZE 160

struct pcapng_reader;

/* Reads on after PCAPNG_MAGIC; `in` stays the caller's. NULL without memory. */
struct pcapng_reader *pcapng_reader_new(FILE *in);
void pcapng_reader_free(struct pcapng_reader *r);

/*
 * The next message; its bytes, and the name of the bus (at most 63 characters,
 * empty if there is none) are good until the next call. 1, 0 at the end, or -1 with
 * a sentence that tells where in the file; then only free it. May block.
 */
int pcapng_reader_next(struct pcapng_reader *r, struct pcapng_message *message,
                       const char **bus, char why[PCAPNG_WHY_SIZE]);

#endif
