/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#ifndef XVMSG_PCAPNG_WRITER_H
#define XVMSG_PCAPNG_WRITER_H

#include <stdio.h>

#include "tools/xvmsg/pcapng.h"

/* Read `messages` and `lost` freely, by enum msg_form. */
struct pcapng_writer {
    FILE *out;
    uint64_t messages[2];
    uint64_t lost[2];
    uint64_t last_time;
};

/* Begins a file about one bus, "dom5 bus 0"; `out` stays the caller's, and so do
 * the errors of writing to it. */
void pcapng_writer_begin(struct pcapng_writer *w, FILE *out, const char *bus);

void pcapng_writer_add(struct pcapng_writer *w, const struct pcapng_message *message);

/* The statistics. */
void pcapng_writer_end(struct pcapng_writer *w);

#endif
