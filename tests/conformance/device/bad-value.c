/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Messages of the right size with something wrong in them. */

#include <string.h>

#include "common/le.h"
#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"

/* ---- not for a device: discarded ---- */

static bool driver_may_send(enum msg_namespace name_space, bool response, uint8_t id)
{
    enum msg_kind kind = msg_find(name_space, response, id);

    return !response && kind != MSG_KINDS && msg_describe(kind)->sender & MSG_DRIVER;
}

/* All ids of one kind of type, with no payload and with a long one. */
static void try_ids(struct driver *d, uint8_t type)
{
    uint8_t payload[40], bytes[RAW_MAX];
    struct driver_view before;

    memset(payload, 0x5a, sizeof(payload));
    driver_start(d, VERSION_1);
    driver_look(d, &before);
    for (unsigned id = 0; id < 256; id++) {
        if (driver_may_send(type & MSG_TYPE_BUS ? MSG_BUS : MSG_TRANSPORT,
                            type & MSG_TYPE_RESPONSE, (uint8_t)id))
            continue;
        guest_send_bytes(d->g, bytes, raw_build(d, bytes, type, (uint8_t)id, 1, NULL, 0));
        guest_send_bytes(d->g, bytes, raw_build(d, bytes, type, (uint8_t)id, 1, payload, 40));
        if (id % 16 == 15)
            guest_settle(d->g);
    }
    CU_ASSERT(driver_sees(d, &before));
    driver_do_one(d, 0);
}

static void unknown_ids(struct driver *d)
{
    try_ids(d, 0);
    try_ids(d, 0xfc);
}

static void unknown_bus_ids(struct driver *d)
{
    try_ids(d, MSG_TYPE_BUS);
}

/* All of them well-formed: what a device says, said to it. */
static void responses(struct driver *d)
{
    static const uint8_t zeros[64];
    uint8_t bytes[RAW_MAX];

    try_ids(d, MSG_TYPE_RESPONSE);
    try_ids(d, MSG_TYPE_RESPONSE | MSG_TYPE_BUS);
    for (int kind = 0; kind < MSG_KINDS; kind++) {
        const struct msg_description *what = msg_describe(kind);
        size_t header = raw_header_size(d);
        size_t payload = msg_fixed_size(d->g->ring.form, kind) - header;
        uint8_t type = what->name_space == MSG_BUS ? MSG_TYPE_BUS : 0;

        if (what->sender & MSG_DRIVER && what->class != MSG_RESPONSE)
            continue;
        if (what->class == MSG_RESPONSE)
            type |= MSG_TYPE_RESPONSE;
        raw_expect_dropped(d, bytes,
                           raw_build(d, bytes, type, what->msg_id, 1, zeros, payload));
    }
    driver_do_one(d, 0);
}

static void other_numbers(struct driver *d)
{
    bool wide = d->g->ring.form == MSG_WIDE;
    const uint64_t numbers[] = {0, d->device - 1, d->device + 1, d->device ^ 0x8000,
                                wide ? d->device ^ BIT(32) : 0xffff, wide ? UINT64_MAX : 0xfffe};
    struct driver_view before;

    driver_start(d, VERSION_1);
    driver_offer(d, 0, 0);
    driver_look(d, &before);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct msg_set_vqueue_request set = driver_good_queue(0);
        const struct msg wrong[] = {
            {.kind = MSG_get_device_info_request},
            {.kind = MSG_get_device_features_request, .get_device_features_request = {0, 1}},
            {.kind = MSG_set_driver_features_request},
            {.kind = MSG_get_config_request, .get_config_request = {0, 1}},
            {.kind = MSG_set_config_request},
            {.kind = MSG_get_device_status_request},
            {.kind = MSG_set_device_status_request, .set_device_status_request = {0}},
            {.kind = MSG_get_vqueue_request},
            {.kind = MSG_set_vqueue_request, .set_vqueue_request = set},
            {.kind = MSG_reset_vqueue_request},
            {.kind = MSG_get_shm_request},
            {.kind = MSG_event_avail},
        };

        for (unsigned k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
            struct msg m = wrong[k];

            m.dev_num = numbers[i];
            guest_send(d->g, &m);
        }
        guest_settle(d->g);
    }
    CU_ASSERT(driver_sees(d, &before));
    CU_ASSERT_EQUAL(driver_used_index(d, 0), 0);
}

/* ---- counts that promise more than there is: discarded ---- */

static void try_count(struct driver *d, uint8_t id, const uint8_t *payload, size_t size,
                      size_t count_at, uint8_t type)
{
    static const uint32_t more[] = {1, 2, 3, 64, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000,
                                    UINT32_MAX - 16};
    uint8_t copy[40], bytes[RAW_MAX];
    uint32_t right = le32_get(payload + count_at);

    memcpy(copy, payload, size);
    for (unsigned i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        le32_put(copy + count_at, right + more[i]);
        raw_expect_dropped(d, bytes, raw_build(d, bytes, type, id, 1, copy, size));
    }
}

static void promised_too_much(struct driver *d)
{
    static const uint8_t features[12] = {1, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t config[16] = {0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0xee, 0xee, 0xee, 0xee};
    static const uint8_t share[16] = {2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f};
    struct driver_view before;

    driver_set_status(d, 3);
    driver_accept(d, VERSION_1);
    driver_look(d, &before);
    try_count(d, 0x04, features, sizeof(features), 4, 0);
    try_count(d, 0x06, config, sizeof(config), 8, 0);
    try_count(d, 0x80, share, sizeof(share), 8, MSG_TYPE_BUS);
    CU_ASSERT(driver_sees(d, &before));
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 11);
}

/* ---- well-formed, and impossible: answered with "no" ---- */

/* At and around a limit, and where numbers end. */
static unsigned beyond(uint32_t limit, uint32_t values[6])
{
    values[0] = limit;
    values[1] = limit + 1;
    values[2] = 0x7fffffff;
    values[3] = 0x80000000;
    values[4] = 0x80000000 + limit;
    values[5] = UINT32_MAX;
    return 6;
}

static void indices(struct driver *d)
{
    uint32_t values[6];
    unsigned count = beyond(d->info.max_virtqueues, values);
    struct driver_view before;

    driver_start(d, VERSION_1 | RING_RESET);
    driver_look(d, &before);
    CU_ASSERT(driver_get_queue(d, d->info.max_virtqueues - 1).max_size > 0);
    for (unsigned i = 0; i < count; i++) {
        struct msg_set_vqueue_request set = driver_good_queue(0);
        struct msg_get_vqueue_response q = driver_get_queue(d, values[i]);

        CU_ASSERT_EQUAL(q.max_size, 0);
        CU_ASSERT(driver_queue_is_clear(&q));
        set.index = values[i];
        driver_set_queue(d, &set);
        driver_reset_queue(d, values[i]);
        driver_kick(d, values[i]);
    }
    guest_settle(d->g);
    CU_ASSERT(driver_sees(d, &before));
    driver_do_one(d, 0);
}

static void offsets(struct driver *d)
{
    static const uint8_t bytes[8] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
    uint32_t size = d->info.config_size, values[6];
    unsigned count = beyond(size, values);
    struct driver_view before;

    driver_start(d, VERSION_1);
    driver_look(d, &before);
    CU_ASSERT_EQUAL(driver_read_config(d, size - 1, 1).get_config_response.length, 1);
    for (unsigned i = 0; i < count; i++) {
        /* At that offset; of that length; ending just where 32 bits do, and beyond. */
        CU_ASSERT_EQUAL(driver_read_config(d, values[i], 1).get_config_response.length, 0);
        CU_ASSERT_EQUAL(driver_read_config(d, 1, values[i]).get_config_response.length, 0);
        CU_ASSERT_EQUAL(driver_read_config(d, values[i], 0u - values[i])
                            .get_config_response.length, 0);
        CU_ASSERT_EQUAL(driver_read_config(d, values[i], 4u - values[i])
                            .get_config_response.length, 0);
        CU_ASSERT_EQUAL(driver_write_config(d, 0, values[i], bytes, 8), 0);
        CU_ASSERT_EQUAL(driver_write_config(d, 0, values[i], bytes, 1), 0);
    }
    CU_ASSERT(driver_sees(d, &before));
}

static void blocks(struct driver *d)
{
    uint32_t values[6];
    unsigned count = beyond(d->info.num_feature_blocks, values);

    for (unsigned i = 0; i < count; i++) {
        driver_reset(d);
        driver_set_status(d, 3);
        driver_accept(d, VERSION_1);
        driver_accept_block(d, values[i], 0);
        CU_ASSERT_EQUAL(driver_set_status(d, 11), 11);
        driver_reset(d);
        driver_set_status(d, 3);
        driver_accept(d, VERSION_1);
        driver_accept_block(d, values[i], 1);
        CU_ASSERT_EQUAL(driver_set_status(d, 11), 3);
    }
}

/* Three from the last one on: neither of the others is block 0 or 1 again. */
static void blocks_that_wrap(struct driver *d)
{
    static const uint8_t words[12];
    struct msg m = driver_message(d, MSG_set_driver_features_request);

    driver_set_status(d, 3);
    driver_accept(d, VERSION_1);
    m.set_driver_features_request.block_index = UINT32_MAX;
    m.set_driver_features_request.num_blocks = 3;
    m.set_driver_features_request.features = (struct msg_tail){words, sizeof(words)};
    driver_call(d, m);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 11);
}

static void nothing_asked_for(struct driver *d)
{
    struct msg m = driver_message(d, MSG_set_driver_features_request);

    driver_negotiate(d, VERSION_1);
    driver_call(d, m);
    CU_ASSERT_EQUAL(driver_read_config(d, 0, 0).get_config_response.length, 0);
    CU_ASSERT_EQUAL(driver_write_config(d, 0, 0, NULL, 0), 0);
    m = driver_message(d, MSG_get_device_features_request);
    CU_ASSERT_EQUAL(driver_call(d, m).get_device_features_response.num_blocks, 0);
    CU_ASSERT_EQUAL(driver_status(d), 11);
}

const struct conform_case bad_value_cases[] = {
    {"DEV-04 DEV-12 DEV-15: no id that is unknown or not a driver's is answered", unknown_ids, 0},
    {"DEV-12: nor one of a bus message", unknown_bus_ids, 0},
    {"DEV-12: responses, and events of a device, are not for a device", responses, 0},
    {"DEV-08 DEV-12: a message for another number is not for this device", other_numbers, 0},
    {"DEV-12: counts that promise more bytes than there are", promised_too_much, 0},
    {"DEV-14 REC-03 REC-04: queue indices from the limit on say no and change nothing", indices, 0},
    {"DEV-14 DEV-25 DEV-38: configuration offsets and lengths that reach outside or wrap", offsets,
     0},
    {"DEV-14 DEV-21 DEV-23: feature blocks from the limit on", blocks, 0},
    {"DEV-14 DEV-22: numbers of feature blocks that wrap", blocks_that_wrap, 0},
    {"DEV-14: requests for nothing are answered with nothing", nothing_asked_for, 0},
    {NULL, NULL, 0},
};
