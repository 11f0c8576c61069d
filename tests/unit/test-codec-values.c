/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Every kind with every length and with values that must be refused. */

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/unit/sample.h"

static uint8_t wire[SAMPLE_MAX];

static void set_size(enum msg_form form, uint8_t *bytes, size_t size)
{
    le16_put(bytes + (form == MSG_WIDE ? 4 : 6), (uint16_t)size);
}

/* Decodes out of a block of exactly `size` bytes, so that a sanitizer or
 * valgrind sees any byte read beyond it. */
static bool decode_exact(enum msg_form form, const uint8_t *bytes, size_t size,
                         struct msg_error *error)
{
    uint8_t *block = malloc(size ? size : 1);
    struct msg m;
    bool good;

    memcpy(block, bytes, size);
    good = msg_decode(form, block, size, &m, error);
    free(block);
    return good;
}

static void for_each_kind(void (*check)(enum msg_form form, enum msg_kind kind))
{
    for (enum msg_kind kind = 0; kind < MSG_KINDS; kind++)
        for (int again = 0; again < 50; again++) {
            check(MSG_WIDE, kind);
            check(MSG_COMPACT, kind);
        }
}

static void check_round_trip(enum msg_form form, enum msg_kind kind)
{
    struct msg m = sample_message(form, kind);
    size_t size = msg_encode(form, &m, wire, sizeof(wire), NULL);
    struct msg back;

    CU_ASSERT(size >= msg_fixed_size(form, kind));
    CU_ASSERT_EQUAL(msg_peek_size(form, wire), size);
    CU_ASSERT(msg_decode(form, wire, size, &back, NULL));
    CU_ASSERT(sample_equal(&m, &back));
}

static void round_trips(void)
{
    for_each_kind(check_round_trip);
}

/* Fewer bytes than msg_size says: always truncated, always msg_size. */
static void check_cut(enum msg_form form, enum msg_kind kind)
{
    struct msg m = sample_message(form, kind);
    size_t size = msg_encode(form, &m, wire, sizeof(wire), NULL);
    struct msg_error error;

    for (size_t cut = 0; cut < size; cut++) {
        CU_ASSERT(!decode_exact(form, wire, cut, &error));
        CU_ASSERT_EQUAL(error.fault, MSG_TRUNCATED);
        CU_ASSERT_STRING_EQUAL(error.field, "msg_size");
    }
}

static void cut_messages(void)
{
    for_each_kind(check_cut);
}

/* The field that covers the byte at `place`, which is behind the header. */
static const char *field_at(enum msg_form form, enum msg_kind kind, size_t place)
{
    const struct msg_description *description = msg_describe(kind);
    size_t end = msg_header_size(form);

    for (unsigned i = 0; i < description->num_fields; i++) {
        end += msg_field_size(form, description->fields[i].type);
        if (place < end || msg_field_is_tail(&description->fields[i]))
            return description->fields[i].name;
    }
    return NULL;
}

/* A msg_size that is too small for the layout: the field that lacks is named. */
static void check_short(enum msg_form form, enum msg_kind kind)
{
    struct msg m = sample_message(form, kind);
    size_t size = msg_encode(form, &m, wire, sizeof(wire), NULL);
    const struct msg_field *tail = msg_tail_field(kind);
    struct msg_error error;

    for (size_t cut = 0; cut < size; cut++) {
        size_t fixed = msg_fixed_size(form, kind);
        bool empty_allowed = tail && tail->type == MSG_FIELD_maybe && cut == fixed;

        set_size(form, wire, cut);
        CU_ASSERT_EQUAL(decode_exact(form, wire, cut, &error),
                        cut >= msg_header_size(form) && empty_allowed);
        if (cut < msg_header_size(form) || empty_allowed)
            continue;
        CU_ASSERT_EQUAL(error.fault, cut < fixed ? MSG_TRUNCATED : MSG_BAD_TAIL);
        CU_ASSERT_STRING_EQUAL(error.field, field_at(form, kind, cut));
    }
}

static void short_messages(void)
{
    for_each_kind(check_short);
}

/* Requests and responses may be longer than their layout, events may not. */
static void check_long(enum msg_form form, enum msg_kind kind)
{
    struct msg m = sample_message(form, kind);
    size_t size = msg_encode(form, &m, wire, sizeof(wire), NULL);
    const struct msg_field *tail = msg_tail_field(kind);
    bool event = msg_describe(kind)->class == MSG_EVENT;
    struct msg_error error;

    if (tail && tail->type == MSG_FIELD_maybe && size == msg_fixed_size(form, kind))
        return; /* what follows would be its data */
    memset(wire + size, 0xee, 5);
    set_size(form, wire, size + 5);
    CU_ASSERT_EQUAL(decode_exact(form, wire, size + 5, &error), !event);
    if (event) {
        CU_ASSERT_EQUAL(error.fault, MSG_BAD_SIZE);
        CU_ASSERT_STRING_EQUAL(error.field, "msg_size");
    }
}

static void long_messages(void)
{
    for_each_kind(check_long);
}

/* Too little room to encode: nothing, at any capacity, and never beyond it. */
static void check_capacity(enum msg_form form, enum msg_kind kind)
{
    struct msg m = sample_message(form, kind);
    size_t size = msg_encode(form, &m, wire, sizeof(wire), NULL);
    struct msg_error error;

    for (size_t capacity = 0; capacity < size; capacity++) {
        uint8_t *block = malloc(capacity ? capacity : 1);

        CU_ASSERT_EQUAL(msg_encode(form, &m, block, capacity, &error), 0);
        CU_ASSERT_EQUAL(error.fault, MSG_BAD_SIZE);
        CU_ASSERT_PTR_NOT_NULL(error.field);
        free(block);
    }
}

static void small_capacities(void)
{
    for_each_kind(check_capacity);
}

static void refuse_encode(enum msg_form form, const struct msg *m, enum msg_fault fault,
                          const char *field)
{
    struct msg_error error = {MSG_OK, ""};

    CU_ASSERT_EQUAL(msg_encode(form, m, wire, sizeof(wire), &error), 0);
    CU_ASSERT_EQUAL(error.fault, fault);
    CU_ASSERT_STRING_EQUAL(error.field, field);
}

static void device_numbers(void)
{
    struct msg used = {.kind = MSG_event_used, .dev_num = 65535};
    struct msg ping = {.kind = MSG_ping_request, .dev_num = 1};
    struct msg list = {.kind = MSG_get_devices_response, .get_devices_response = {.offset = 65535}};
    struct msg added = {.kind = MSG_event_device, .event_device = {.device_number = 65536}};
    struct msg_error error;

    CU_ASSERT(msg_encode(MSG_COMPACT, &used, wire, sizeof(wire), NULL));
    used.dev_num = 65536;
    CU_ASSERT(msg_encode(MSG_WIDE, &used, wire, sizeof(wire), NULL));
    refuse_encode(MSG_COMPACT, &used, MSG_BAD_VALUE, "dev_num");
    refuse_encode(MSG_WIDE, &ping, MSG_BAD_VALUE, "dev_num");
    CU_ASSERT(msg_encode(MSG_COMPACT, &list, wire, sizeof(wire), NULL));
    list.get_devices_response.next_offset = 65536;
    refuse_encode(MSG_COMPACT, &list, MSG_BAD_VALUE, "next_offset");
    refuse_encode(MSG_COMPACT, &added, MSG_BAD_VALUE, "device_number");

    ping.dev_num = 0;
    CU_ASSERT_EQUAL(msg_encode(MSG_WIDE, &ping, wire, sizeof(wire), NULL), 20);
    wire[15] = 1;
    CU_ASSERT(!decode_exact(MSG_WIDE, wire, 20, &error));
    CU_ASSERT_EQUAL(error.fault, MSG_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(error.field, "dev_num");
}

static void tails_that_disagree(void)
{
    static const uint8_t bytes[16] = {0xff, 0xff, 0xff};
    struct msg m = {.kind = MSG_get_config_response,
                    .get_config_response = {.length = 4, .data = {bytes, 3}}};

    refuse_encode(MSG_WIDE, &m, MSG_BAD_TAIL, "data");
    m = (struct msg){.kind = MSG_set_driver_features_request,
                     .set_driver_features_request = {.num_blocks = 4, .features = {bytes, 4}}};
    refuse_encode(MSG_WIDE, &m, MSG_BAD_TAIL, "features");
    /* 4 * 0x40000001 is 4 in 32 bits. */
    m.set_driver_features_request.num_blocks = 0x40000001;
    refuse_encode(MSG_WIDE, &m, MSG_BAD_TAIL, "features");
    m = (struct msg){.kind = MSG_event_config, .event_config = {.length = 4, .data = {bytes, 2}}};
    refuse_encode(MSG_WIDE, &m, MSG_BAD_TAIL, "data");
    m = (struct msg){.kind = MSG_get_devices_response,
                     .get_devices_response = {.count = 13, .bitmap = {bytes, 2}}};
    refuse_encode(MSG_WIDE, &m, MSG_BAD_TAIL, "bitmap");
    m.get_devices_response.bitmap.size = 1;
    refuse_encode(MSG_WIDE, &m, MSG_BAD_TAIL, "bitmap");
    m = (struct msg){.kind = MSG_KINDS};
    refuse_encode(MSG_WIDE, &m, MSG_UNKNOWN, "msg_id");
}

static void huge_counts_are_refused(void)
{
    static const uint32_t counts[] = {2, 0x40000000, 0x40000001, 0x80000001, UINT32_MAX};
    struct msg m = {.kind = MSG_set_driver_features_request};
    struct msg_error error;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        CU_ASSERT_EQUAL(msg_encode(MSG_WIDE, &m, wire, sizeof(wire), NULL), 24);
        le32_put(wire + 20, counts[i]);
        memset(wire + 24, 0, 4);
        set_size(MSG_WIDE, wire, 28);
        CU_ASSERT(!decode_exact(MSG_WIDE, wire, 28, &error));
        CU_ASSERT_EQUAL(error.fault, MSG_BAD_TAIL);
        CU_ASSERT_STRING_EQUAL(error.field, "features");
    }
}

static void spare_bitmap_bits_are_refused(void)
{
    static const uint8_t zero[2];
    struct msg_error error;

    for (uint16_t count = 9; count <= 16; count++) {
        struct msg m = {.kind = MSG_get_devices_response,
                        .get_devices_response = {.count = count, .bitmap = {zero, 2}}};

        for (unsigned bit = 0; bit < 8; bit++) {
            size_t size = msg_encode(MSG_WIDE, &m, wire, sizeof(wire), NULL);

            wire[35] = (uint8_t)(1u << bit);
            CU_ASSERT_EQUAL(decode_exact(MSG_WIDE, wire, size, &error), 8 + bit < count);
        }
    }
}

static void largest_message(void)
{
    static uint8_t bytes[MSG_PROTOCOL_MAX + 10];
    static uint8_t data[MSG_PROTOCOL_MAX];
    struct msg m = {.kind = MSG_set_config_request,
                    .set_config_request = {.length = 65535 - 28, .data = {data, 65535 - 28}}};
    struct msg_error error;

    CU_ASSERT_EQUAL(msg_encode(MSG_WIDE, &m, bytes, sizeof(bytes), NULL), 65535);
    CU_ASSERT(decode_exact(MSG_WIDE, bytes, 65535, &error));
    m.set_config_request.length++;
    m.set_config_request.data.size++;
    CU_ASSERT_EQUAL(msg_encode(MSG_WIDE, &m, bytes, sizeof(bytes), &error), 0);
    CU_ASSERT_EQUAL(error.fault, MSG_BAD_SIZE);
}

/* Random bytes under a plausible header: any answer, but no byte beyond. */
static void garbage(void)
{
    struct msg_error error;

    for (int again = 0; again < 100000; again++) {
        enum msg_form form = again % 2 ? MSG_WIDE : MSG_COMPACT;
        size_t size = sample_random() % 80;

        for (size_t i = 0; i < size; i++)
            wire[i] = (uint8_t)sample_random();
        if (size >= 8) {
            wire[0] &= 3;
            wire[1] &= 0x4f;
            set_size(form, wire, size);
        }
        CU_ASSERT(decode_exact(form, wire, size, &error) || error.field);
    }
}

static const struct test_case cases[] = {
    TEST(round_trips),
    TEST(cut_messages),
    TEST(short_messages),
    TEST(long_messages),
    TEST(small_capacities),
    TEST(device_numbers),
    TEST(tails_that_disagree),
    TEST(huge_counts_are_refused),
    TEST(spare_bitmap_bits_are_refused),
    TEST(largest_message),
    TEST(garbage),
    {NULL, NULL},
};

int main(void)
{
    return test_main("codec-values", cases);
}
