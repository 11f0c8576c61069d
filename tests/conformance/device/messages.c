/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What every message has: header, sizes, tokens, one response for each request. */

#include <string.h>

#include "common/le.h"
#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"


/* Each transport request as bytes, and the payload of its response. */
static const struct {
    uint8_t id;
    uint8_t size;
    uint8_t payload[40];
    uint32_t answer_size;
    uint32_t known; /* bytes of the answer that are the same on every device */
    uint8_t answer[16];
} exchanges[] = {
    {0x02, 0, {0}, 44, 0, {0}},
    {0x03, 8, {3, 2, 1, 0, 1, 0, 0, 0}, 12, 12, {3, 2, 1, 0, 1}},
    {0x04, 12, {0, 0, 0, 0, 1}, 0, 0, {0}},
    {0x05, 8, {4, 3, 2, 1, 8, 7, 6, 5}, 12, 0, {0}},
    {0x06, 16, {0, 0, 0, 0, 4, 3, 2, 1, 4, 0, 0, 0, 9, 9, 9, 9}, 12, 0, {0}},
    {0x07, 0, {0}, 4, 4, {1}},
    {0x08, 4, {3, 0, 0, 0}, 4, 4, {3}},
    {0x09, 4, {0xd, 0xc, 0xb, 0xa}, 40, 16, {0xd, 0xc, 0xb, 0xa}},
    {0x0a, 40, {0xd, 0xc, 0xb, 0xa}, 0, 0, {0}},
    {0x0b, 4, {0xd, 0xc, 0xb, 0xa}, 0, 0, {0}},
    {0x0c, 4, {0xd, 0xc, 0xb, 0xa}, 24, 16, {0xd, 0xc, 0xb, 0xa}},
};
#define EXCHANGES (sizeof(exchanges) / sizeof(exchanges[0]))

static size_t build(const struct driver *d, uint8_t *bytes, unsigned i, uint8_t type,
                    uint16_t token)
{
    return raw_build(d, bytes, type, exchanges[i].id, token, exchanges[i].payload,
                     exchanges[i].size);
}

static void expect_response(struct driver *d, unsigned i, uint16_t token)
{
    struct raw_header header;

    guest_receive_response(d->g);
    header = raw_received(d);
    CU_ASSERT_EQUAL(header.type, MSG_TYPE_RESPONSE);
    CU_ASSERT_EQUAL(header.id, exchanges[i].id);
    CU_ASSERT_EQUAL(header.token, token);
    CU_ASSERT_EQUAL(header.size, raw_header_size(d) + exchanges[i].answer_size);
    CU_ASSERT_EQUAL(header.reserved, 0);
    CU_ASSERT_EQUAL(header.device, d->device);
    CU_ASSERT(memcmp(raw_payload(d), exchanges[i].answer, exchanges[i].known) == 0);
}

static void byte_by_byte(struct driver *d)
{
    uint8_t bytes[RAW_MAX];

    driver_set_status(d, 1);
    for (unsigned i = 0; i < EXCHANGES; i++) {
        guest_send_bytes(d->g, bytes, build(d, bytes, i, 0, 0x1234));
        expect_response(d, i, 0x1234);
    }
    guest_settle(d->g);
}

/* Offset and length of what cannot be read or written, after the generation. */
static void echoes_in_order(struct driver *d)
{
    static const uint8_t expected[] = {4, 3, 2, 1, 0, 0, 0, 0};
    uint8_t bytes[RAW_MAX];

    for (unsigned i = 3; i <= 4; i++) {
        guest_send_bytes(d->g, bytes, build(d, bytes, i, 0, 7));
        expect_response(d, i, 7);
        CU_ASSERT(memcmp(raw_payload(d) + 4, expected, sizeof(expected)) == 0);
    }
}

static void type_bits(struct driver *d)
{
    uint8_t bytes[RAW_MAX];

    for (unsigned high = 0; high < 64; high++) {
        uint16_t token = (uint16_t)(100 + high);

        guest_send_bytes(d->g, bytes, build(d, bytes, high % EXCHANGES, (uint8_t)(high << 2),
                                            token));
        guest_receive_response(d->g);
        CU_ASSERT_EQUAL(raw_received(d).type, MSG_TYPE_RESPONSE);
        CU_ASSERT_EQUAL(raw_received(d).token, token);
    }
}

static void header_reserved(struct driver *d)
{
    uint8_t bytes[RAW_MAX];

    for (unsigned bit = 0; bit <= 16; bit++) {
        size_t size = build(d, bytes, 0, 0, 9);

        le16_put(bytes + 6, bit < 16 ? (uint16_t)(1u << bit) : 0xffff);
        guest_send_bytes(d->g, bytes, size);
        expect_response(d, 0, 9);
    }
}

/* The ring pads each message to 8 bytes; what stands there is nobody's. */
static void padding(struct driver *d)
{
    struct ring *ring = &d->g->ring;
    uint8_t bytes[RAW_MAX];

    for (unsigned i = 0; i < EXCHANGES; i++) {
        size_t size = build(d, bytes, i, 0, 5);
        uint32_t start = ring->out.prod, answer = ring->in.cons;

        CU_ASSERT_FATAL(ring_put(ring, bytes, size));
        for (size_t at = size; at % RING_ALIGN; at++)
            ring->out.bytes[(start + at) % ring->size] = 0xff;
        if (ring_publish(ring))
            d->g->domu->ops->evtchn_notify(d->g->domu, (uint32_t)d->g->port);
        guest_receive_response(d->g);
        CU_ASSERT_EQUAL(raw_received(d).id, exchanges[i].id);
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + exchanges[i].answer_size);
        for (size_t at = raw_received(d).size; at % RING_ALIGN; at++)
            CU_ASSERT_EQUAL(ring->in.bytes[(answer + at) % ring->size], 0);
    }
}

static void tokens(struct driver *d)
{
    static const uint16_t unusual[] = {0, 0xffff, 1, 0x8000, 0x00ff, 0xff00, 1, 1, 0};
    struct msg m = driver_message(d, MSG_get_device_status_request);

    for (unsigned i = 0; i < 200; i++) {
        m.token = i < 9 ? unusual[i] : (uint16_t)(i * 40503u);
        guest_send(d->g, &m);
        CU_ASSERT_EQUAL(guest_receive_response(d->g).token, m.token);
    }
    /* Several on their way with one token. */
    for (unsigned i = 0; i < 5; i++)
        guest_send(d->g, &m);
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(guest_receive_response(d->g).token, m.token);
}

static void pipelined(struct driver *d)
{
    uint8_t bytes[RAW_MAX];

    driver_set_status(d, 1);
    for (uint16_t round = 0; round < 4; round++) {
        for (uint16_t i = 0; i < EXCHANGES; i++)
            guest_send_bytes(d->g, bytes, build(d, bytes, i, 0, (uint16_t)(round * 100 + i)));
        for (uint16_t i = 0; i < EXCHANGES; i++) {
            guest_receive_response(d->g);
            CU_ASSERT_EQUAL(raw_received(d).id, exchanges[i].id);
            CU_ASSERT_EQUAL(raw_received(d).token, round * 100 + i);
        }
        driver_reset(d);
        driver_set_status(d, 1);
    }
    guest_settle(d->g);
}

static void small_enough(struct driver *d)
{
    uint16_t max = d->g->ring.max_message;
    uint32_t config = d->info.config_size;
    uint32_t room = max - (uint32_t)raw_header_size(d) - 12u;
    struct msg m = driver_message(d, MSG_get_device_features_request);

    m.get_device_features_request.num_blocks = UINT32_MAX;
    m = driver_call(d, m);
    CU_ASSERT(raw_received(d).size <= max);
    CU_ASSERT_EQUAL(m.get_device_features_response.num_blocks, (room + 4) / 4);
    /* What fits is sent; one byte more is not cut off, it is refused. */
    m = driver_read_config(d, 0, room < config ? room : config);
    CU_ASSERT_EQUAL(m.get_config_response.length, room < config ? room : config);
    CU_ASSERT(raw_received(d).size <= max);
    m = driver_read_config(d, 0, room + 1);
    CU_ASSERT_EQUAL(m.get_config_response.length, 0);
    CU_ASSERT(raw_received(d).size <= max);
}

static void small_events(struct driver *d)
{
    driver_start(d, VERSION_1);
    for (uint32_t length = 1; length <= d->info.config_size; length += 15) {
        d->control->change(0, length);
        driver_await_event(d, MSG_event_config);
        CU_ASSERT(raw_received(d).size <= d->g->ring.max_message);
    }
}

static void only_revision_1(struct driver *d)
{
    driver_start(d, VERSION_1);
    driver_do_one(d, 0);
    CU_ASSERT_EQUAL(driver_status(d), 15);
}

static void newer_requests(struct driver *d)
{
    static const uint8_t ids[] = {0x0d, 0x0e, 0x20, 0x3f, 0x80, 0xbf};
    uint8_t bytes[RAW_MAX];

    for (unsigned i = 0; i < sizeof(ids); i++) {
        raw_expect_dropped(d, bytes, raw_build(d, bytes, 0, ids[i], 3, NULL, 0));
        CU_ASSERT_EQUAL(driver_status(d), 0);
    }
}

static void event_bytes(struct driver *d)
{
    static const uint8_t queue_0[4];
    struct raw_header header;

    driver_start(d, VERSION_1);
    driver_offer(d, 0, 0);
    driver_kick(d, 0);
    driver_await_event(d, MSG_event_used);
    header = raw_received(d);
    CU_ASSERT_EQUAL(header.type, 0);
    CU_ASSERT_EQUAL(header.id, 0x42);
    CU_ASSERT_EQUAL(header.token, 0);
    CU_ASSERT_EQUAL(header.size, raw_header_size(d) + 4);
    CU_ASSERT_EQUAL(header.reserved, 0);
    CU_ASSERT_EQUAL(header.device, d->device);
    CU_ASSERT(memcmp(raw_payload(d), queue_0, 4) == 0);
}

static void kick_bytes(struct driver *d)
{
    static const uint8_t payload[8] = {0, 0, 0, 0, 1, 0, 0, 0};
    uint8_t bytes[RAW_MAX];

    driver_start(d, VERSION_1);
    driver_offer(d, 0, 0);
    guest_send_bytes(d->g, bytes, raw_build(d, bytes, 0xfc, 0x41, 0xffff, payload, 8));
    CU_ASSERT_EQUAL(driver_await_used(d, 0), DRIVER_WRITTEN);
}

const struct conform_case message_cases[] = {
    {"DEV-05 DEV-07 DEV-08 DEV-16: each response is right byte by byte", byte_by_byte, 0},
    {"DEV-05 DEV-25 DEV-37: offset and length stand in their order", echoes_in_order, 0},
    {"DEV-05 DEV-08 REC-01 REC-09: EVENT_USED is right byte by byte", event_bytes, 0},
    {"DEV-05 DEV-10: EVENT_AVAIL is read as little-endian bytes", kick_bytes, 0},
    {"DEV-06: type bits 7:2 are ignored, and zero in responses", type_bits, 0},
    {"DEV-11: the header's reserved field is ignored, and zero in responses", header_reserved,
     NEEDS_WIDE},
    {"DEV-09: bytes behind a message are ignored, and zero behind responses", padding, 0},
    {"DEV-10 REC-01: any token will do, and comes back", tokens, 0},
    {"DEV-14: each of many requests has one response, in order", pipelined, 0},
    {"DEV-01: responses keep to the maximum", small_enough, 0},
    {"DEV-01: events keep to the maximum", small_events, NEEDS_CONTROL},
    {"DEV-02 DEV-03: revision 1 without further features leads to I/O", only_revision_1, 0},
    {"DEV-04 DEV-15: requests beyond the revision are not answered", newer_requests, 0},
    {NULL, NULL, 0},
};
