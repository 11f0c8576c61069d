/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The strict configuration profile: generations that matter. */

#include <string.h>

#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"

static struct msg_event_config next_event(struct driver *d)
{
    return driver_await_event(d, MSG_event_config).event_config;
}

static uint32_t event_room(const struct driver *d)
{
    return d->g->ring.max_message - (uint32_t)raw_header_size(d) - 16u;
}

static void current_with_data(struct driver *d)
{
    driver_start(d, VERSION_1);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t told;

        d->control->change(8 * i, 8);
        told = next_event(d).generation;
        for (uint32_t offset = 0; offset < d->info.config_size; offset += 60)
            CU_ASSERT_EQUAL(driver_read_config(d, offset, 4).get_config_response.generation, told);
    }
}

/* Whoever sees the new bytes sees a new generation with them. */
static void moves_before_it_shows(struct driver *d)
{
    driver_start(d, VERSION_1);
    for (unsigned i = 0; i < 8; i++) {
        struct msg before = driver_read_config(d, 0, 1), after;
        uint8_t byte = before.get_config_response.data.bytes[0];

        d->control->change(0, 1);
        after = driver_read_config(d, 0, 1);
        CU_ASSERT(after.get_config_response.data.bytes[0] != byte);
        CU_ASSERT(after.get_config_response.generation != before.get_config_response.generation);
    }
}

static void each_event_its_own(struct driver *d)
{
    uint32_t last;

    driver_start(d, VERSION_1);
    last = driver_generation(d);
    for (unsigned i = 0; i < 6; i++) {
        struct msg_event_config e;

        d->control->change(4, 8);
        e = next_event(d);
        CU_ASSERT_EQUAL(e.data.size, 8);
        CU_ASSERT(e.generation != last);
        last = e.generation;
        CU_ASSERT_EQUAL(driver_generation(d), last);
    }
}

/* Changes that are told together: the last generation, the range of all. */
static void expect_one_event(struct driver *d, uint32_t first, uint32_t second)
{
    uint32_t before = driver_generation(d);
    struct msg_event_config e;
    uint8_t data[12];

    d->control->change(first, 4);
    d->control->change(second, 4);
    e = next_event(d);
    CU_ASSERT(e.generation != before);
    CU_ASSERT_EQUAL(e.offset, 4);
    CU_ASSERT_EQUAL(e.length, 12);
    CU_ASSERT_EQUAL_FATAL(e.data.size, 12);
    memcpy(data, e.data.bytes, 12);
    CU_ASSERT(memcmp(driver_read_config(d, 4, 12).get_config_response.data.bytes, data, 12) == 0);
    CU_ASSERT_EQUAL(driver_generation(d), e.generation);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
}

static void told_together(struct driver *d)
{
    driver_start(d, VERSION_1);
    expect_one_event(d, 4, 12);
    expect_one_event(d, 12, 4);
}

/* Writes what is there already; the response's length. */
static uint32_t write_back(struct driver *d, uint32_t generation)
{
    uint8_t now[4];

    memcpy(now, driver_read_config(d, 0, 4).get_config_response.data.bytes, 4);
    return driver_write_config(d, generation, 0, now, 4);
}

static void others_are_refused(struct driver *d)
{
    uint32_t current;

    driver_start(d, VERSION_1);
    current = driver_generation(d);
    for (unsigned bit = 0; bit < 32; bit++)
        CU_ASSERT_EQUAL(write_back(d, current ^ 1u << bit), 0);
    CU_ASSERT_EQUAL(write_back(d, current + 1), 0);
    CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 12);
    CU_ASSERT_EQUAL(write_back(d, current - 1), 0);
    CU_ASSERT_EQUAL(driver_generation(d), current);
    CU_ASSERT_EQUAL(write_back(d, current), 4);
    CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 12);
}

static void refused_without_effect(struct driver *d)
{
    uint8_t before[DRIVER_CONFIG_MAX], after[DRIVER_CONFIG_MAX];
    uint32_t stale;

    driver_start(d, VERSION_1);
    stale = driver_generation(d);
    d->control->change(100, 1);
    next_event(d);
    driver_whole_config(d, before);
    CU_ASSERT_EQUAL(driver_write_config(d, stale, 0, "abcd", 4), 0);
    driver_whole_config(d, after);
    CU_ASSERT(memcmp(before, after, d->info.config_size) == 0);
    /* After reading again it is applied. */
    CU_ASSERT_EQUAL(driver_write_config(d, driver_generation(d), 0, "abcd", 4), 4);
    CU_ASSERT(memcmp(driver_read_config(d, 0, 4).get_config_response.data.bytes, "abcd", 4) == 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->g->config_events, 0);
}

/* The response names the generation that the next write has to carry. */
static void tells_the_resulting_one(struct driver *d)
{
    struct msg m = driver_message(d, MSG_set_config_request);

    driver_start(d, VERSION_1);
    m.set_config_request.length = 4;
    m.set_config_request.data = (struct msg_tail){(const uint8_t *)"abcd", 4};
    m.set_config_request.generation = driver_generation(d) + 1;
    for (unsigned i = 0; i < 4; i++) {
        struct msg_set_config_response response = driver_call(d, m).set_config_response;

        CU_ASSERT_EQUAL(response.length, i ? 4 : 0);
        CU_ASSERT_EQUAL(response.generation, driver_generation(d));
        m.set_config_request.generation = response.generation;
    }
}

static void event_has_new_one(struct driver *d)
{
    uint32_t before;
    struct msg_event_config e;

    driver_start(d, VERSION_1);
    before = driver_generation(d);
    d->control->change(0, d->info.config_size);
    e = next_event(d);
    CU_ASSERT(e.generation != before);
    CU_ASSERT_EQUAL(e.generation, driver_generation(d));
}

/* As long as it fits, with the data; beyond, the range alone. */
static void event_has_the_range(struct driver *d)
{
    uint32_t size = d->info.config_size, room = event_room(d);
    const uint32_t lengths[] = {1, 28, 29, room - 1, room, room + 1, size - 3};

    driver_start(d, VERSION_1);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct msg_event_config e;

        if (lengths[i] > size - 3)
            continue;
        d->control->change(3, lengths[i]);
        e = next_event(d);
        CU_ASSERT_EQUAL(e.offset, 3);
        CU_ASSERT_EQUAL(e.length, lengths[i]);
        CU_ASSERT_EQUAL(e.data.size, lengths[i] <= room ? lengths[i] : 0);
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 16 + e.data.size);
    }
}

static void status_alone(struct driver *d)
{
    uint32_t before;
    struct msg_event_config e;

    driver_start(d, VERSION_1);
    before = driver_generation(d);
    d->control->break_down();
    e = next_event(d);
    CU_ASSERT_EQUAL(e.device_status, 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
    CU_ASSERT_EQUAL(e.offset + e.length + e.data.size, 0);
    CU_ASSERT_EQUAL(e.generation, before);
}

const struct conform_case strict_cases[] = {
    {"DEV-26: strict: the current generation comes with the data", current_with_data,
     NEEDS_CONTROL | NEEDS_STRICT},
    {"DEV-27: strict: the generation has moved when a change shows", moves_before_it_shows,
     NEEDS_CONTROL | NEEDS_STRICT},
    {"DEV-28: strict: each EVENT_CONFIG with data has a generation of its own",
     each_event_its_own, NEEDS_CONTROL | NEEDS_STRICT},
    {"DEV-27 DEV-28 DEV-64: strict: changes told together", told_together,
     NEEDS_CONTROL | NEEDS_STRICT},
    {"DEV-29 DEV-38: strict: SET_CONFIG with another generation has length 0", others_are_refused,
     NEEDS_STRICT},
    {"DEV-29 DEV-38: strict: and no effect, until the driver has read again",
     refused_without_effect, NEEDS_CONTROL | NEEDS_STRICT},
    {"DEV-29 DEV-37: strict: the response to SET_CONFIG tells the current generation",
     tells_the_resulting_one, NEEDS_CONTROL | NEEDS_STRICT},
    {"DEV-63: strict: EVENT_CONFIG carries the new generation", event_has_new_one,
     NEEDS_CONTROL | NEEDS_STRICT},
    {"DEV-35 DEV-64 DEV-65: strict: the range is told, its data when they fit",
     event_has_the_range, NEEDS_CONTROL | NEEDS_STRICT},
    {"DEV-62 DEV-66: strict: a change of status alone is told as 0, 0", status_alone,
     NEEDS_CONTROL | NEEDS_STRICT},
    {NULL, NULL, 0},
};
