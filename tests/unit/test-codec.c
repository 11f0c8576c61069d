/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the specification says about bytes: vectors, sizes, ids, refusals. */

#include <string.h>

#include "common/codec.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/unit/sample.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static uint8_t wire[SAMPLE_MAX];

/* Does `m` encode to exactly these bytes, and do these decode to its header? */
static void same_bytes(const struct msg *m, const uint8_t *bytes, size_t size)
{
    struct msg_error error;
    struct msg decoded;

    CU_ASSERT_EQUAL(msg_encode(MSG_WIDE, m, wire, sizeof(wire), &error), size);
    CU_ASSERT(!memcmp(wire, bytes, size));
    CU_ASSERT(msg_decode(MSG_WIDE, bytes, size, &decoded, &error));
    CU_ASSERT(sample_equal(m, &decoded));
}

static void vector_get_device_info(void)
{
    struct msg request = {.kind = MSG_get_device_info_request, .token = 2, .dev_num = 5};
    struct msg response = {
        .kind = MSG_get_device_info_response,
        .token = 2,
        .dev_num = 5,
        .get_device_info_response = {.device_id = 1,
                                     .vendor_id = 0x554d4551,
                                     .num_feature_blocks = 2,
                                     .config_size = 16,
                                     .max_virtqueues = 3},
    };

    same_bytes(&request, BYTES(0x00, 0x02, 0x02, 0, 0x10, 0, 0, 0, 0x05, 0, 0, 0, 0, 0, 0, 0));
    same_bytes(&response,
               BYTES(0x01, 0x02, 0x02, 0x00, 0x3c, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, /**/
                     0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x51, 0x45, 0x4d, 0x55, /**/
                     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /**/
                     0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, /**/
                     0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00));
}

static void vector_set_vqueue(void)
{
    struct msg request = {
        .kind = MSG_set_vqueue_request,
        .token = 3,
        .dev_num = 5,
        .set_vqueue_request = {.flags = SET_VQUEUE_ENABLE,
                               .size = 256,
                               .desc_addr = 0x10000,
                               .driver_addr = 0x11000,
                               .device_addr = 0x12000},
    };

    same_bytes(&request,
               BYTES(0x00, 0x0a, 0x03, 0x00, 0x38, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, /**/
                     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, /**/
                     0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, /**/
                     0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, /**/
                     0x00, 0x20, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00));
}

static void vector_events(void)
{
    struct msg used = {.kind = MSG_event_used, .dev_num = (UINT64_C(1) << 32) + 1};
    struct msg added = {
        .kind = MSG_event_device,
        .event_device = {.device_number = UINT64_C(1) << 32,
                         .device_bus_state = DEVICE_BUS_STATE_ADDED},
    };

    same_bytes(&used, BYTES(0x00, 0x42, 0, 0, 0x14, 0, 0, 0, 0x01, 0, 0, 0, 0x01, 0, 0, 0, /**/
                            0, 0, 0, 0));
    same_bytes(&added, BYTES(0x02, 0x40, 0, 0, 0x1a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /**/
                             0, 0, 0, 0, 0x01, 0, 0, 0, 0x01, 0));
}

static void vector_get_devices(void)
{
    static const uint8_t bitmap[] = {0x25, 0x00}; /* devices 0, 2, 5 */
    struct msg request = {
        .kind = MSG_get_devices_request, .token = 9, .get_devices_request = {.count = 16}};
    struct msg response = {
        .kind = MSG_get_devices_response,
        .token = 9,
        .get_devices_response = {.next_offset = 16,
                                 .count = 16,
                                 .bitmap = {bitmap, sizeof(bitmap)}},
    };

    same_bytes(&request, BYTES(0x02, 0x02, 0x09, 0, 0x1a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /**/
                               0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0));
    same_bytes(&response, BYTES(0x03, 0x02, 0x09, 0, 0x24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /**/
                                0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, /**/
                                0x10, 0, 0x25, 0));
}

/* The compact header's own order: type, id, dev_num, token, size. */
static void compact_header(void)
{
    struct msg m = {.kind = MSG_event_used,
                    .token = 0x0403,
                    .dev_num = 0x0201,
                    .event_used = {.vq_index = 0x0a090807}};
    static const uint8_t expected[] = {0x00, 0x42, 0x01, 0x02, 0x03, 0x04, 0x0c, 0x00, 7, 8, 9, 10};

    CU_ASSERT_EQUAL(msg_encode(MSG_COMPACT, &m, wire, sizeof(wire), NULL), sizeof(expected));
    CU_ASSERT(!memcmp(wire, expected, sizeof(expected)));
    CU_ASSERT_EQUAL(msg_peek_size(MSG_COMPACT, wire), sizeof(expected));
}

/* The specification's table, plus this binding's own three requests. */
static const struct {
    enum msg_kind kind;
    size_t wide;
    size_t compact;
    bool tail;
} sizes[] = {
    {MSG_get_device_info_request, 16, 8, false},
    {MSG_get_device_info_response, 60, 52, false},
    {MSG_get_device_features_request, 24, 16, false},
    {MSG_get_device_features_response, 24, 16, true},
    {MSG_set_driver_features_request, 24, 16, true},
    {MSG_set_driver_features_response, 16, 8, false},
    {MSG_get_config_request, 24, 16, false},
    {MSG_get_config_response, 28, 20, true},
    {MSG_set_config_request, 28, 20, true},
    {MSG_set_config_response, 28, 20, true},
    {MSG_get_device_status_request, 16, 8, false},
    {MSG_get_device_status_response, 20, 12, false},
    {MSG_set_device_status_request, 20, 12, false},
    {MSG_set_device_status_response, 20, 12, false},
    {MSG_get_vqueue_request, 20, 12, false},
    {MSG_get_vqueue_response, 56, 48, false},
    {MSG_set_vqueue_request, 56, 48, false},
    {MSG_set_vqueue_response, 16, 8, false},
    {MSG_reset_vqueue_request, 20, 12, false},
    {MSG_reset_vqueue_response, 16, 8, false},
    {MSG_get_shm_request, 20, 12, false},
    {MSG_get_shm_response, 40, 32, false},
    {MSG_event_config, 32, 24, true},
    {MSG_event_avail, 24, 16, false},
    {MSG_event_used, 20, 12, false},
    {MSG_get_devices_request, 26, 12, false},
    {MSG_get_devices_response, 34, 14, true},
    {MSG_ping_request, 20, 12, false},
    {MSG_ping_response, 20, 12, false},
    {MSG_event_device, 26, 12, false},
    {MSG_area_share_request, 28, 20, true},
    {MSG_area_share_response, 20, 12, false},
    {MSG_area_unshare_request, 20, 12, false},
    {MSG_area_unshare_response, 20, 12, false},
    {MSG_queue_doorbell_request, 32, 18, false},
    {MSG_queue_doorbell_response, 32, 18, false},
};

static void fixed_sizes(void)
{
    CU_ASSERT_EQUAL(sizeof(sizes) / sizeof(sizes[0]), MSG_KINDS);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CU_ASSERT_EQUAL(sizes[i].kind, i);
        CU_ASSERT_EQUAL(msg_fixed_size(MSG_WIDE, sizes[i].kind), sizes[i].wide);
        CU_ASSERT_EQUAL(msg_fixed_size(MSG_COMPACT, sizes[i].kind), sizes[i].compact);
        CU_ASSERT_EQUAL(msg_tail_field(sizes[i].kind) != NULL, sizes[i].tail);
    }
}

/* The specification's capacity table at the least and the recommended maximum. */
static void tail_rooms(void)
{
    static const struct {
        enum msg_form form;
        size_t max, config, event, blocks, slots;
    } rows[] = {
        {MSG_WIDE, MSG_WIDE_MIN_MAX, 32, 28, 9, 208},
        {MSG_WIDE, MSG_WIDE_DEFAULT_MAX, 244, 240, 62, 1904},
        {MSG_COMPACT, MSG_COMPACT_MIN_MAX, 32, 28, 9, 304},
        {MSG_COMPACT, MSG_COMPACT_DEFAULT_MAX, 244, 240, 62, 2000},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum msg_form form = rows[i].form;
        size_t max = rows[i].max;

        CU_ASSERT_EQUAL(msg_tail_room(form, MSG_get_config_response, max), rows[i].config);
        CU_ASSERT_EQUAL(msg_tail_room(form, MSG_set_config_request, max), rows[i].config);
        CU_ASSERT_EQUAL(msg_tail_room(form, MSG_event_config, max), rows[i].event);
        CU_ASSERT_EQUAL(msg_tail_room(form, MSG_get_device_features_response, max),
                        rows[i].blocks * 4);
        CU_ASSERT_EQUAL(msg_tail_room(form, MSG_get_devices_response, max) * 8, rows[i].slots);
    }
    CU_ASSERT_EQUAL(msg_tail_room(MSG_WIDE, MSG_get_config_response, 28), 0);
    CU_ASSERT_EQUAL(msg_tail_room(MSG_WIDE, MSG_get_config_response, 5), 0);
    CU_ASSERT_EQUAL(msg_tail_room(MSG_WIDE, MSG_ping_request, 272), 0);
    CU_ASSERT_EQUAL(msg_tail_room(MSG_WIDE, MSG_get_config_response, SIZE_MAX), 65535 - 28);
}

/* Every id of both namespaces and both type bits: known ones have their own
 * kind, all others, whatever range they are in, have none. */
static void ids(void)
{
    unsigned known = 0;

    for (unsigned key = 0; key < 1024; key++) {
        enum msg_namespace name_space = key & 512 ? MSG_BUS : MSG_TRANSPORT;
        bool response = key & 256;
        enum msg_kind kind = msg_find(name_space, response, (uint8_t)key);

        if (kind == MSG_KINDS)
            continue;

        const struct msg_description *description = msg_describe(kind);

        known++;
        CU_ASSERT_EQUAL(description->name_space, name_space);
        CU_ASSERT_EQUAL(description->msg_id, (uint8_t)key);
        CU_ASSERT_EQUAL(description->class == MSG_RESPONSE, response);
        CU_ASSERT_EQUAL(description->class == MSG_EVENT, (key & 0x40) != 0);
    }
    CU_ASSERT_EQUAL(known, MSG_KINDS);
    CU_ASSERT_EQUAL(msg_find(MSG_TRANSPORT, true, 0x42), MSG_KINDS);
    CU_ASSERT_PTR_NULL(msg_describe(MSG_KINDS));
}

static void unknown_ids_are_refused(void)
{
    struct msg_header header;
    struct msg_error error;
    struct msg m;

    for (unsigned id = 0; id < 256; id++) {
        uint8_t bytes[16] = {0x00, (uint8_t)id, 0, 0, 16};

        if (msg_find(MSG_TRANSPORT, false, (uint8_t)id) != MSG_KINDS)
            continue;
        CU_ASSERT(!msg_decode(MSG_WIDE, bytes, sizeof(bytes), &m, &error));
        CU_ASSERT_EQUAL(error.fault, MSG_UNKNOWN);
        CU_ASSERT_STRING_EQUAL(error.field, "msg_id");
        CU_ASSERT(msg_decode_header(MSG_WIDE, bytes, sizeof(bytes), &header));
        CU_ASSERT_EQUAL(header.msg_id, id);
    }
}

static void reserved_bits_are_ignored(void)
{
    uint8_t bytes[] = {0xfc, 0x42, 7, 0, 20, 0, 0xff, 0xff, 5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0};
    struct msg m;

    CU_ASSERT(msg_decode(MSG_WIDE, bytes, sizeof(bytes), &m, NULL));
    CU_ASSERT_EQUAL(m.kind, MSG_event_used);
    CU_ASSERT_EQUAL(m.dev_num, 5);
    CU_ASSERT_EQUAL(m.event_used.vq_index, 3);

    memset(wire, 0xff, sizeof(wire));
    CU_ASSERT_EQUAL(msg_encode(MSG_WIDE, &m, wire, sizeof(wire), NULL), 20);
    CU_ASSERT_EQUAL(wire[0], 0);
    CU_ASSERT_EQUAL(le16_get(wire + 6), 0);
}

static void header_sizes(void)
{
    uint8_t bytes[] = {0x00, 0x02, 7, 0, 16, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0xee};
    struct msg_header header;
    struct msg_error error;
    struct msg m;

    /* Bytes after msg_size are the bus's padding. */
    CU_ASSERT(msg_decode_header(MSG_WIDE, bytes, sizeof(bytes), &header));
    CU_ASSERT_EQUAL(header.msg_size, 16);
    CU_ASSERT_EQUAL(header.token, 7);
    CU_ASSERT_EQUAL(header.dev_num, 5);
    CU_ASSERT(msg_decode(MSG_WIDE, bytes, sizeof(bytes), &m, NULL));

    for (size_t size = 0; size < 16; size++) {
        CU_ASSERT(!msg_decode_header(MSG_WIDE, bytes, size, &header));
        CU_ASSERT(!msg_decode(MSG_WIDE, bytes, size, &m, &error));
        CU_ASSERT_EQUAL(error.fault, MSG_TRUNCATED);
    }
    bytes[4] = 15;
    CU_ASSERT(!msg_decode(MSG_WIDE, bytes, sizeof(bytes), &m, &error));
    CU_ASSERT_EQUAL(error.fault, MSG_BAD_SIZE);
    CU_ASSERT_STRING_EQUAL(error.field, "msg_size");
    CU_ASSERT(!msg_decode_header(MSG_WIDE, bytes, sizeof(bytes), &header));
    bytes[4] = 18;
    CU_ASSERT(!msg_decode(MSG_WIDE, bytes, sizeof(bytes), &m, &error));
    CU_ASSERT_EQUAL(error.fault, MSG_TRUNCATED);
}

static const struct test_case cases[] = {
    TEST(vector_get_device_info),
    TEST(vector_set_vqueue),
    TEST(vector_events),
    TEST(vector_get_devices),
    TEST(compact_header),
    TEST(fixed_sizes),
    TEST(tail_rooms),
    TEST(ids),
    TEST(unknown_ids_are_refused),
    TEST(reserved_bits_are_ignored),
    TEST(header_sizes),
    {NULL, NULL},
};

int main(void)
{
    return test_main("codec", cases);
}
