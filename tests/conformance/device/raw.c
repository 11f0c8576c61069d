/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/device/raw.h"

#include <string.h>

#include "tests/harness.h"

static void put(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

size_t raw_header_size(const struct driver *d)
{
    return d->g->ring.form == MSG_WIDE ? 16 : 8;
}

size_t raw_build(const struct driver *d, uint8_t *bytes, uint8_t type, uint8_t id, uint16_t token,
                 const void *payload, size_t payload_size)
{
    size_t header = raw_header_size(d), size = header + payload_size;
    uint64_t device = type & MSG_TYPE_BUS ? 0 : d->device;

    memset(bytes, 0, header);
    bytes[0] = type;
    bytes[1] = id;
    if (d->g->ring.form == MSG_WIDE) {
        put(bytes + 2, token, 2);
        put(bytes + 4, size, 2);
        put(bytes + 8, device, 8);
    } else {
        put(bytes + 2, device, 2);
        put(bytes + 4, token, 2);
        put(bytes + 6, size, 2);
    }
    if (payload_size)
        memcpy(bytes + header, payload, payload_size);
    return size;
}

struct raw_header raw_received(const struct driver *d)
{
    const uint8_t *bytes = d->g->message;
    bool wide = d->g->ring.form == MSG_WIDE;

    return (struct raw_header){
        .type = bytes[0],
        .id = bytes[1],
        .token = (uint16_t)get(bytes + (wide ? 2 : 4), 2),
        .size = (uint16_t)get(bytes + (wide ? 4 : 6), 2),
        .reserved = wide ? (uint16_t)get(bytes + 6, 2) : 0,
        .device = wide ? get(bytes + 8, 8) : get(bytes + 2, 2),
    };
}

const uint8_t *raw_payload(const struct driver *d)
{
    return d->g->message + raw_header_size(d);
}

void raw_expect_dropped(struct driver *d, const void *bytes, size_t size)
{
    guest_send_bytes(d->g, bytes, size);
    guest_settle(d->g);
}

void raw_expect_answered(struct driver *d, const void *bytes, size_t size)
{
    struct raw_header header;

    guest_send_bytes(d->g, bytes, size);
    guest_receive_response(d->g);
    header = raw_received(d);
    CU_ASSERT_EQUAL(header.type & 1, 1);
    CU_ASSERT_EQUAL(header.id, ((const uint8_t *)bytes)[1]);
    guest_settle(d->g);
}
