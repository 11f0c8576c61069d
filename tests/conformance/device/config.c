/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The configuration space in the baseline profile. */

#include <string.h>

#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/probe.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"

/* The most that one response can carry. */
static uint32_t room(const struct driver *d)
{
    return d->g->ring.max_message - (uint32_t)raw_header_size(d) - 12u;
}

static void reads_any_range(struct driver *d)
{
    uint8_t all[DRIVER_CONFIG_MAX];

    driver_whole_config(d, all);
    for (uint32_t offset = 0; offset <= d->info.config_size; offset += 3) {
        uint32_t left = d->info.config_size - offset;

        for (uint32_t length = 1; length <= 17 && length <= left; length++) {
            struct msg m = driver_read_config(d, offset, length);

            CU_ASSERT_EQUAL_FATAL(m.get_config_response.length, length);
            CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 12 + length);
            CU_ASSERT(memcmp(m.get_config_response.data.bytes, all + offset, length) == 0);
        }
    }
}

static void reads_nothing_outside(struct driver *d)
{
    uint32_t size = d->info.config_size;
    const uint32_t ranges[][2] = {
        {size, 1}, {size - 1, 2}, {0, size + 1}, {size + 1, 0}, {UINT32_MAX, 1},
        {0x80000000, 0x80000000}, {UINT32_MAX, UINT32_MAX}, {4, UINT32_MAX}, {4, UINT32_MAX - 3},
        {size, UINT32_MAX - size + 1}, {0, room(d) + 1},
    };

    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct msg m = driver_read_config(d, ranges[i][0], ranges[i][1]);

        CU_ASSERT_EQUAL(m.get_config_response.length, 0);
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 12);
    }
    CU_ASSERT_EQUAL(driver_read_config(d, size, 0).get_config_response.length, 0);
}

/* What is there now, so that nothing changes on a device that is not the probe. */
static uint32_t write_back(struct driver *d, uint32_t generation, uint32_t offset, uint32_t length)
{
    uint8_t bytes[DRIVER_CONFIG_MAX];

    driver_whole_config(d, bytes);
    return driver_write_config(d, generation, offset, bytes + offset, length);
}

static void writes_count_in_full(struct driver *d)
{
    driver_set_status(d, 3);
    for (uint32_t length = 1; length <= 24 && length <= d->info.config_size; length++) {
        CU_ASSERT_EQUAL(write_back(d, 0, 0, length), length);
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 12);
        CU_ASSERT_EQUAL(write_back(d, 0, d->info.config_size - length, length), length);
    }
    CU_ASSERT_EQUAL(driver_write_config(d, 0, 0, NULL, 0), 0);
}

static void any_generation(struct driver *d)
{
    static const uint32_t generations[] = {0, 1, 2, 77, 0x80000000, UINT32_MAX};

    driver_start(d, VERSION_1);
    for (unsigned i = 0; i < sizeof(generations) / sizeof(generations[0]); i++)
        CU_ASSERT_EQUAL(write_back(d, generations[i], 0, 8), 8);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
}

static void any_generation_is_applied(struct driver *d)
{
    driver_start(d, VERSION_1);
    for (uint32_t generation = 0; generation < 200; generation += 33) {
        uint8_t value[8] = {(uint8_t)(generation + 1), 2, 3, 4, 5, 6, 7, 8};

        CU_ASSERT_EQUAL(driver_write_config(d, generation, 5, value, 8), 8);
        CU_ASSERT(memcmp(driver_read_config(d, 5, 8).get_config_response.data.bytes, value, 8) ==
                  0);
    }
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
}

static void refuses_without_a_trace(struct driver *d)
{
    uint32_t size = d->info.config_size;
    const uint32_t ranges[][2] = {
        {size, 1}, {size - 1, 2}, {size - 7, 8}, {UINT32_MAX, 1}, {UINT32_MAX - 3, 8},
        {0x80000000, 4}, {size + 1, 1},
    };
    static const uint8_t data[8] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
    uint8_t before[DRIVER_CONFIG_MAX], after[DRIVER_CONFIG_MAX];

    driver_start(d, VERSION_1);
    driver_whole_config(d, before);
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        CU_ASSERT_EQUAL(driver_write_config(d, 0, ranges[i][0], data, ranges[i][1]), 0);
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 12);
    }
    driver_whole_config(d, after);
    CU_ASSERT(memcmp(before, after, size) == 0);
}

static void nobody_writes_before_driver(struct driver *d)
{
    uint8_t before[DRIVER_CONFIG_MAX], after[DRIVER_CONFIG_MAX];

    driver_whole_config(d, before);
    CU_ASSERT_EQUAL(driver_write_config(d, 0, 0, "abcd", 4), 0);
    driver_set_status(d, 1);
    CU_ASSERT_EQUAL(driver_write_config(d, 0, 0, "abcd", 4), 0);
    driver_whole_config(d, after);
    CU_ASSERT(memcmp(before, after, d->info.config_size) == 0);
}

/* Across the border of what can be written: all of it counts. */
static void read_only_bytes(struct driver *d)
{
    uint8_t value[8] = {1, 2, 3, 4, 5, 6, 7, 8}, before[8];

    driver_set_status(d, 3);
    memcpy(before, driver_read_config(d, PROBE_WRITABLE - 4, 8).get_config_response.data.bytes, 8);
    CU_ASSERT_EQUAL(driver_write_config(d, 0, PROBE_WRITABLE - 4, value, 8), 8);
    memcpy(before, value, 4);
    CU_ASSERT(memcmp(driver_read_config(d, PROBE_WRITABLE - 4, 8).get_config_response.data.bytes,
                     before, 8) == 0);
    CU_ASSERT_EQUAL(driver_write_config(d, 0, PROBE_WRITABLE, value, 8), 8);
    CU_ASSERT(driver_read_config(d, PROBE_WRITABLE, 1).get_config_response.data.bytes[0] ==
              before[4]);
}

/* Our reading: the same live count as in the strict profile. */
static void live_generation(struct driver *d)
{
    uint32_t before, event;

    driver_start(d, VERSION_1);
    before = driver_generation(d);
    d->control->change(0, 4);
    event = driver_await_event(d, MSG_event_config).event_config.generation;
    CU_ASSERT(event != before);
    CU_ASSERT_EQUAL(driver_generation(d), event);
    driver_write_config(d, 0, 0, "ab", 2);
    CU_ASSERT_EQUAL(driver_generation(d), event);
}

static void generation_over_a_reset(struct driver *d)
{
    uint32_t before;

    driver_start(d, VERSION_1);
    d->control->change(0, 4);
    driver_await_event(d, MSG_event_config);
    before = driver_generation(d);
    driver_reset(d);
    CU_ASSERT_EQUAL(driver_generation(d), before);
    /* A change while nobody is told is seen all the same. */
    d->control->change(0, 4);
    CU_ASSERT(driver_generation(d) != before);
}

static void too_much_for_one_event(struct driver *d)
{
    uint8_t before[DRIVER_CONFIG_MAX], after[DRIVER_CONFIG_MAX];
    uint32_t size = d->info.config_size;

    struct msg_event_config e;

    driver_start(d, VERSION_1);
    driver_whole_config(d, before);
    d->control->change(0, size);
    e = driver_await_event(d, MSG_event_config).event_config;
    if (size > msg_tail_room(d->g->ring.form, MSG_event_config, d->g->ring.max_message))
        CU_ASSERT_EQUAL(e.offset + e.length + e.data.size, 0);
    driver_whole_config(d, after);
    for (uint32_t i = 0; i < size; i++)
        CU_ASSERT_EQUAL(after[i], (uint8_t)(before[i] + 1));
}

const struct conform_case config_cases[] = {
    {"DEV-25: GET_CONFIG reads any range, echoed", reads_any_range, 0},
    {"DEV-01 DEV-25: a range outside, or too long for a response, has length 0",
     reads_nothing_outside, 0},
    {"DEV-37 REC-06: SET_CONFIG counts every byte, read-only ones as well", writes_count_in_full,
     0},
    {"DEV-37 REC-06: read-only bytes are left alone", read_only_bytes, NEEDS_CONTROL},
    {"DEV-31 DEV-32 DEV-33: baseline: no generation is refused, none raises an event",
     any_generation, 0},
    {"DEV-31 DEV-32 DEV-33: baseline: writes of any generation are applied",
     any_generation_is_applied, NEEDS_CONTROL},
    {"DEV-38: a refused SET_CONFIG has length 0, no data, no effect", refuses_without_a_trace, 0},
    {"DEV-38: there is nothing to write before DRIVER", nobody_writes_before_driver, 0},
    {"DEV-30: the generation is the live one in the baseline profile too", live_generation,
     NEEDS_CONTROL},
    {"DEV-34: the generation goes on over a reset", generation_over_a_reset, NEEDS_CONTROL},
    {"DEV-35 DEV-36 DEV-66: what does not fit an event is told as 0, 0 and can be read",
     too_much_for_one_event, NEEDS_CONTROL},
    {NULL, NULL, 0},
};
