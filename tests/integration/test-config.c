/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The configuration space of any device, in the baseline and the strict profile:
 * writes, generations, and what a driver is told of changes. */

#include <linux/virtio_config.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/keeper.h"

static struct keeper k;

static struct msg_get_config_response read_config(uint32_t offset, uint32_t length)
{
    struct msg ask = {.kind = MSG_get_config_request, .get_config_request = {offset, length}};

    return keeper_call(&k, ask)->get_config_response;
}

static uint32_t current_generation(void)
{
    return read_config(0, 4).generation;
}

static struct msg_set_config_response write_config(uint32_t generation, uint32_t offset,
                                                   const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    struct msg write = {
        .kind = MSG_set_config_request,
        .set_config_request = {generation, offset, length, {(const uint8_t *)text, length}},
    };
    struct msg_set_config_response response = keeper_call(&k, write)->set_config_response;

    CU_ASSERT_EQUAL(response.offset, offset);
    CU_ASSERT_EQUAL(response.data.size, 0);
    return response;
}

static struct msg_event_config next_event(void)
{
    struct msg event = {0};

    CU_ASSERT(keeper_next_event(&k, &event));
    CU_ASSERT_EQUAL(event.kind, MSG_event_config);
    CU_ASSERT_EQUAL(event.token, 0);
    return event.event_config;
}

static void expect_silence(void)
{
    struct msg event;

    CU_ASSERT(!keeper_next_event(&k, &event));
}

/* A device that runs. */
static void start(bool strict)
{
    keeper_open(&k);
    k.host.strict = strict;
    keeper_start(&k, 0);
}

/* ---- writes ---- */

static void writes_all_or_nothing(void)
{
    keeper_open(&k);
    keeper_set_status(&k, 3);
    CU_ASSERT_EQUAL(write_config(0, KEEPER_CONFIG_SIZE - 4, "abcd").length, 4);
    CU_ASSERT_NSTRING_EQUAL(k.config + KEEPER_CONFIG_SIZE - 4, "abcd", 4);
    CU_ASSERT_EQUAL(write_config(0, KEEPER_CONFIG_SIZE - 3, "efgh").length, 0);
    CU_ASSERT_EQUAL(write_config(0, 0x80000000, "efgh").length, 0);
    CU_ASSERT_EQUAL(write_config(0, UINT32_MAX - 1, "efgh").length, 0);
    CU_ASSERT_NSTRING_EQUAL(k.config + KEEPER_CONFIG_SIZE - 4, "abcd", 4);
    keeper_close(&k);
}

static void baseline_looks_at_no_generation(void)
{
    static const uint32_t generations[] = {0, 1, 2, 0x80000000, UINT32_MAX};

    start(false);
    device_config_changed(k.device, 0, 0);
    next_event();
    for (size_t i = 0; i < sizeof(generations) / sizeof(generations[0]); i++) {
        memset(k.config, 0, sizeof(k.config));
        CU_ASSERT_EQUAL(write_config(generations[i], 3, "abc").length, 3);
        CU_ASSERT_NSTRING_EQUAL(k.config + 3, "abc", 3);
        expect_silence();
    }
    keeper_close(&k);
}

static void strict_refuses_another_generation(void)
{
    uint32_t now;

    start(true);
    device_config_changed(k.device, 0, 0);
    next_event();
    now = current_generation();
    for (uint32_t wrong = now - 1; wrong <= now + 1; wrong += 2) {
        struct msg_set_config_response r = write_config(wrong, 0, "abc");

        CU_ASSERT_EQUAL(r.length, 0);
        CU_ASSERT_EQUAL(r.generation, now);
        CU_ASSERT_EQUAL(k.config[0], 0);
    }
    CU_ASSERT_EQUAL(write_config(now, 0, "abc").length, 3);
    CU_ASSERT_NSTRING_EQUAL(k.config, "abc", 3);
    /* The driver's own writes are no news to it: no event, no new generation. */
    CU_ASSERT_EQUAL(write_config(now, 0, "xyz").length, 3);
    CU_ASSERT_EQUAL(current_generation(), now);
    expect_silence();
    keeper_close(&k);
}

/* ---- generations ---- */

static void the_generation_is_live_in_both_profiles(void)
{
    for (int strict = 0; strict <= 1; strict++) {
        uint32_t before;

        start(strict);
        before = current_generation();
        CU_ASSERT_EQUAL(current_generation(), before);
        k.config[7] = 1;
        device_config_changed(k.device, 7, 1);
        CU_ASSERT_NOT_EQUAL(current_generation(), before);
        CU_ASSERT_EQUAL(next_event().generation, current_generation());
        keeper_close(&k);
    }
}

static void every_event_with_data_has_its_own_generation(void)
{
    uint32_t first;

    start(true);
    device_config_changed(k.device, 0, 4);
    first = next_event().generation;
    device_config_changed(k.device, 0, 4);
    CU_ASSERT_NOT_EQUAL(next_event().generation, first);
    keeper_close(&k);
}

/* ---- events ---- */

static void a_change_comes_with_its_data(void)
{
    for (int strict = 0; strict <= 1; strict++) {
        struct msg_event_config event;

        start(strict);
        memcpy(k.config + 10, "news", 4);
        device_config_changed(k.device, 10, 4);
        event = next_event();
        CU_ASSERT_EQUAL(event.device_status, 15);
        CU_ASSERT_EQUAL(event.offset, 10);
        CU_ASSERT_EQUAL(event.length, 4);
        CU_ASSERT_EQUAL(event.data.size, 4);
        CU_ASSERT_NSTRING_EQUAL(event.data.bytes, "news", 4);
        expect_silence();
        keeper_close(&k);
    }
}

/* The data are those of the time when the event goes. */
static void changes_that_wait_are_told_together(void)
{
    struct msg_event_config event;

    start(true);
    device_config_changed(k.device, 20, 2);
    device_config_changed(k.device, 12, 4);
    device_config_changed(k.device, 14, 1);
    k.config[15] = 0x77;
    event = next_event();
    CU_ASSERT_EQUAL(event.offset, 12);
    CU_ASSERT_EQUAL(event.length, 10);
    CU_ASSERT_EQUAL(event.data.size, 10);
    CU_ASSERT_EQUAL(event.data.bytes[3], 0x77);
    CU_ASSERT_EQUAL(event.generation, current_generation());
    expect_silence();
    /* And the next one knows nothing of them. */
    device_config_changed(k.device, 40, 1);
    event = next_event();
    CU_ASSERT_EQUAL(event.offset, 40);
    CU_ASSERT_EQUAL(event.length, 1);
    keeper_close(&k);
}

static void expect_generic(uint32_t status)
{
    struct msg_event_config event = next_event();

    CU_ASSERT_EQUAL(event.device_status, status);
    CU_ASSERT_EQUAL(event.generation, current_generation());
    CU_ASSERT_EQUAL(event.offset, 0);
    CU_ASSERT_EQUAL(event.length, 0);
    CU_ASSERT_EQUAL(event.data.size, 0);
}

static void anything_may_have_changed(void)
{
    start(true);
    device_config_changed(k.device, 0, 0);
    expect_generic(15);
    device_config_changed(k.device, 4, 4);
    device_config_changed(k.device, 0, 0);
    device_config_changed(k.device, 8, 4);
    expect_generic(15);
    expect_silence();
    keeper_close(&k);
}

/* 60 bytes carry 28 of configuration. */
static void what_does_not_fit_is_told_without_data(void)
{
    struct msg_event_config event;

    for (int strict = 0; strict <= 1; strict++) {
        start(strict);
        k.answer.max_message = 60;
        device_config_changed(k.device, 1, 28);
        event = next_event();
        CU_ASSERT_EQUAL(event.length, 28);
        CU_ASSERT_EQUAL(event.data.size, 28);
        device_config_changed(k.device, 1, 29);
        if (!strict) {
            expect_generic(15);
        } else {
            event = next_event();
            CU_ASSERT_EQUAL(event.offset, 1);
            CU_ASSERT_EQUAL(event.length, 29);
            CU_ASSERT_EQUAL(event.data.size, 0);
            CU_ASSERT_EQUAL(event.generation, current_generation());
        }
        CU_ASSERT_EQUAL(read_config(1, 29).length, 29);
        keeper_close(&k);
    }
}

static void a_status_alone_has_no_range(void)
{
    start(true);
    device_config_changed(k.device, 3, 4);
    next_event();
    device_needs_reset(k.device, "for a test");
    expect_generic(15 | VIRTIO_CONFIG_S_NEEDS_RESET);
    expect_silence();
    keeper_close(&k);
}

static void the_drivers_own_doings_are_no_news(void)
{
    start(false);
    write_config(0, 0, "abcd");
    keeper_set_status(&k, 15);
    keeper_set_status(&k, 15 | VIRTIO_CONFIG_S_FAILED);
    expect_silence();
    keeper_set_status(&k, 0);
    expect_silence();
    keeper_close(&k);
}

/* A driver reads the configuration before DRIVER_OK, and must not miss what
 * changes meanwhile; one that is not there has read nothing. */
static void changes_before_driver_ok_are_told_then(void)
{
    struct msg_event_config event;

    keeper_open(&k);
    device_config_changed(k.device, 0, 4);
    keeper_start(&k, 0);
    expect_silence();
    keeper_set_status(&k, 0);
    keeper_negotiate(&k, 0);
    device_config_changed(k.device, 8, 2);
    expect_silence();
    CU_ASSERT_EQUAL(keeper_set_status(&k, 15), 15);
    event = next_event();
    CU_ASSERT_EQUAL(event.offset, 8);
    CU_ASSERT_EQUAL(event.length, 2);
    expect_silence();
    /* A reset forgets what was not told. */
    device_config_changed(k.device, 0, 4);
    keeper_set_status(&k, 0);
    keeper_start(&k, 0);
    expect_silence();
    keeper_close(&k);
}

static const struct test_case cases[] = {
    TEST(writes_all_or_nothing),
    TEST(baseline_looks_at_no_generation),
    TEST(strict_refuses_another_generation),
    TEST(the_generation_is_live_in_both_profiles),
    TEST(every_event_with_data_has_its_own_generation),
    TEST(a_change_comes_with_its_data),
    TEST(changes_that_wait_are_told_together),
    TEST(anything_may_have_changed),
    TEST(what_does_not_fit_is_told_without_data),
    TEST(a_status_alone_has_no_range),
    TEST(the_drivers_own_doings_are_no_news),
    TEST(changes_before_driver_ok_are_told_then),
    {NULL, NULL},
};

int main(void)
{
    return test_main("config", cases);
}
