/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Bytes of messages made and taken apart by hand: the codec is under test as well. */
#ifndef XVMSG_CONFORM_RAW_H
#define XVMSG_CONFORM_RAW_H

#include "tests/conformance/device/driver.h"

#define RAW_MAX 512u

/* What stands in a header. */
struct raw_header {
    uint8_t type;
    uint8_t id;
    uint16_t token;
    uint16_t size; /* of the whole message */
    uint16_t reserved;
    uint64_t device;
};

size_t raw_header_size(const struct driver *d);

/* A header for the message's device and the size that follows, then the payload;
 * returns the size of both. */
size_t raw_build(const struct driver *d, uint8_t *bytes, uint8_t type, uint8_t id, uint16_t token,
                 const void *payload, size_t payload_size);

/* The last message received, and what follows its header. */
struct raw_header raw_received(const struct driver *d);
const uint8_t *raw_payload(const struct driver *d);

/* Sends; nothing comes back but events, and the device is as it was. */
void raw_expect_dropped(struct driver *d, const void *bytes, size_t size);

/* Sends; one response of that id comes back, and nothing else. */
void raw_expect_answered(struct driver *d, const void *bytes, size_t size);

#endif
