/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A recorded bus as a pcapng file: a section header, one interface for each
 * wire form (the link types are pcapng's for private use), one enhanced packet
 * for each message, interface statistics.
 */
#ifndef XVMSG_PCAPNG_H
#define XVMSG_PCAPNG_H

#include "common/codec.h"

/* A file begins so; to who reads it as text, these are two lines. */
#define PCAPNG_MAGIC PCAPNG_FIRST_LINE PCAPNG_SECOND_LINE
#define PCAPNG_FIRST_LINE "\n"
#define PCAPNG_SECOND_LINE "\r\r\n"

#define PCAPNG_SECTION 0x0a0d0d0au
#define PCAPNG_INTERFACE 1u
#define PCAPNG_STATISTICS 5u
#define PCAPNG_PACKET 6u

#define PCAPNG_BYTE_ORDER 0x1a2b3c4du
#define PCAPNG_MAJOR 1u

#define PCAPNG_LINK_WIDE 147u    /* LINKTYPE_USER0 */
#define PCAPNG_LINK_COMPACT 148u /* LINKTYPE_USER1 */

/* Options, each of the block in its name; 0 ends them. */
#define PCAPNG_SECTION_APPLICATION 4u
#define PCAPNG_INTERFACE_NAME 2u
#define PCAPNG_INTERFACE_DESCRIPTION 3u
#define PCAPNG_INTERFACE_RESOLUTION 9u
#define PCAPNG_INTERFACE_TIME_OFFSET 14u
#define PCAPNG_PACKET_FLAGS 2u
#define PCAPNG_PACKET_LOST 4u
#define PCAPNG_STATISTICS_RECEIVED 4u
#define PCAPNG_STATISTICS_LOST 5u

/* The lowest bits of a packet's flags; inbound is what the guest sent. */
#define PCAPNG_DIRECTION 3u
#define PCAPNG_INBOUND 1u
#define PCAPNG_OUTBOUND 2u

enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_FROM_GUEST, PCAPNG_TO_GUEST };

struct pcapng_message {
    enum msg_form form;
    enum pcapng_direction direction;
    uint64_t time; /* nanoseconds since 1970 */
    uint64_t lost; /* messages not recorded just before this one */
    const uint8_t *bytes;
    uint32_t size;
};

#endif
