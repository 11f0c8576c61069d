/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What a bus's worker and `xvmsg trace` say to each other, after control-protocol.h:
 *
 *   the worker  packets of whole records, as messages come and go
 *   the tool    shuts its sending side down when it has seen enough
 *   the worker  the records that are left, and closes
 */
#ifndef XVMSG_TRACE_PROTOCOL_H
#define XVMSG_TRACE_PROTOCOL_H

#include <stdint.h>

/* One message; its bytes follow, padded to a multiple of TRACE_ALIGN. */
struct trace_record {
    uint64_t time; /* nanoseconds since 1970 */
    uint64_t lost; /* messages lost before this one, since the trace began */
    uint32_t size; /* of the message, at most TRACE_MESSAGE_MAX */
    uint8_t form;  /* enum msg_form */
    uint8_t from_guest;
    uint8_t reserved[2];
};

#define TRACE_ALIGN 8u
#define TRACE_MESSAGE_MAX 65535u

/* No packet is longer: the greatest record fits. */
#define TRACE_PACKET_MAX (sizeof(struct trace_record) + TRACE_MESSAGE_MAX + 1)

_Static_assert(sizeof(struct trace_record) == 24, "no padding");
_Static_assert(TRACE_PACKET_MAX % TRACE_ALIGN == 0, "records stay aligned");

/* Bytes of a record with its message. */
static inline uint32_t trace_record_size(uint32_t message_size)
{
    uint32_t size = (uint32_t)sizeof(struct trace_record) + message_size;

    return (size + TRACE_ALIGN - 1) & ~(TRACE_ALIGN - 1);
}

#endif
