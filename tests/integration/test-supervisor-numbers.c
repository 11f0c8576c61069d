/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Device numbers as the supervisor gives them: wire forms, quarantine, deaths. */

#include <stdio.h>
#include <string.h>

#include "backend/log.h"
#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define SECOND UINT64_C(1000000000)
#define COMPACT_NUMBERS 65535u

static struct stage s;

static void open_bus(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
}

/* The guest's driver begins anew and offers the compact form. */
static void connect_compact(void)
{
    stage_begin(s.guest, 7);
    stage_wait(&s, B7 "/state", "2");
    stage_offer(&s, s.guest, 7);
    stage_write(s.guest, F7 "/wire-form", "compact");
    stage_write(s.guest, F7 "/message-size", "264");
    stage_wait(&s, B7 "/state", "4");
    stage_write(s.guest, F7 "/state", "4");
    stage_settle(&s);
}

static void add(const char *name, const char *number)
{
    stage_request(&s, name, stage_target(&s, name, 512));
    stage_wait(&s, store_path(B7 "/request/%s/number", name).text, number);
}

static void remove_by_force(const char *name)
{
    stage_write(s.toolstack, store_path(B7 "/request/%s/remove", name).text, "force");
    stage_wait(&s, store_path(B7 "/request/%s", name).text, NULL);
}

/* ---- forms ---- */

static void numbers_fit_the_form_of_the_last_connection(void)
{
    open_bus();
    CU_ASSERT(stage_is(&s, B7 "/device-number-form", NULL));
    connect_compact();
    CU_ASSERT(stage_is(&s, B7 "/device-number-form", "compact"));
    stage_write(s.toolstack, B7 "/device-number-next", "65535");
    add("a", "65535");
    add("b", "1");
    CU_ASSERT(stage_is(&s, B7 "/device-number-next", "65537"));
    CU_ASSERT(stage_keeps_schema(&s));

    stage_stop_daemon(&s);
    stage_start_daemon(&s);
    stage_wait(&s, B7 "/state", "2");
    add("c", "2");
    stage_begin(s.guest, 7);
    stage_connect(&s, s.guest, 7);
    CU_ASSERT(stage_is(&s, B7 "/device-number-form", "wide"));
    add("d", "65538");
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

static void meet_a_device_of_the_wide_form(void)
{
    open_bus();
    log_set_level(LOG_LEVEL_WARNING);
    stage_write(s.toolstack, B7 "/device-number-next", "65534");
    add("seen", "65534");
    add("last", "65535");
    add("hidden", "65536");
    connect_compact();
    remove_by_force("hidden");
    stage_close(&s);
}

static void the_log_tells_what_a_compact_driver_does_not_see(void)
{
    CU_ASSERT_EQUAL(test_count_lines(meet_a_device_of_the_wide_form,
                                     "the guest's driver speaks the compact form: devices with "
                                     "numbers above 65535, which it does not see: 1"), 1);
}

/* ---- no number is left ---- */

/* Every compact number was released at second 0, in order. */
static void release_all(void)
{
    char text[NUMBERING_PER_NODE * 16];
    unsigned number = 1;

    while (number <= COMPACT_NUMBERS) {
        unsigned sequence = number - 1;
        int length = 0;

        for (int i = 0; i < NUMBERING_PER_NODE && number <= COMPACT_NUMBERS; i++)
            length += snprintf(text + length, sizeof(text) - (size_t)length, "%s%u 0",
                               i ? "," : "", number++);
        stage_write(s.toolstack, store_path(B7 "/released/%u", sequence).text, text);
    }
}

static void exhaustion_is_told_and_ends(void)
{
    open_bus();
    connect_compact();
    release_all();
    stage_write(s.toolstack, B7 "/device-number-next", "65536");
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_settle(&s);
    CU_ASSERT(stage_says(&s, B7 "/request/disk/error",
                         "all 65535 device numbers of the compact form are in use or in "
                         "quarantine, the first of them until 0 more are released and "
                         "60 s have passed"));
    CU_ASSERT(stage_is(&s, B7 "/device-number-next", "65536"));
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));

    stage_remove(s.toolstack, B7 "/request/disk");
    stage_settle(&s);
    fake_xen_advance(s.fx, 61 * SECOND);
    add("disk", "1");
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

/* ---- numbers that were taken and not used ---- */

static void a_refused_device_puts_its_number_in_quarantine(void)
{
    open_bus();
    s.refusal = "upside down";
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_wait(&s, B7 "/request/disk/error", "upside down");
    CU_ASSERT(stage_is(&s, B7 "/taken/1", NULL));
    CU_ASSERT(stage_says(&s, B7 "/released/0", "1 "));
    stage_close(&s);
}

static void a_request_taken_back_early_puts_its_number_in_quarantine(void)
{
    open_bus();
    s.mute = true;
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_wait(&s, B7 "/taken/1", "disk");
    CU_ASSERT(stage_keeps_schema(&s));
    stage_remove(s.toolstack, B7 "/request/disk");
    stage_settle(&s);
    s.mute = false;
    stage_worker_says(stage_worker(&s, "dom 7 bus 0"), IPC_DEVICE_ADDED, 1, "");
    stage_wait(&s, B7 "/taken/1", NULL);
    CU_ASSERT(stage_says(&s, B7 "/released/0", "1 "));
    CU_ASSERT(stage_is(&s, B7 "/request/disk", NULL));
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    stage_close(&s);
}

static void whoever_dies_with_a_number_leaves_it_in_quarantine(void)
{
    open_bus();
    s.mute = true;
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_wait(&s, B7 "/taken/1", "disk");
    stage_stop_daemon(&s);
    CU_ASSERT(stage_is(&s, B7 "/taken/1", "disk"));
    stage_start_daemon(&s);
    stage_wait(&s, B7 "/taken/1", NULL);
    CU_ASSERT(stage_says(&s, B7 "/released/0", "1 "));
    stage_wait(&s, B7 "/taken/2", "disk");
    s.mute = false;
    stage_worker_dies(stage_worker(&s, "dom 7 bus 0"));
    stage_wait(&s, B7 "/request/disk/number", "3");
    CU_ASSERT(stage_is(&s, B7 "/taken/2", NULL));
    CU_ASSERT(stage_is(&s, B7 "/taken/3", NULL));
    CU_ASSERT(stage_says(&s, B7 "/released/0", ",2 "));
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

/* Its number would be in use and in quarantine once the bus is online again. */
static void a_bus_taken_offline_without_a_daemon_keeps_no_number(void)
{
    open_bus();
    add("disk", "1");
    stage_stop_daemon(&s);
    stage_write(s.toolstack, B7 "/online", "0");
    stage_start_daemon(&s);
    stage_wait(&s, B7 "/request/disk", NULL);
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    CU_ASSERT(stage_says(&s, B7 "/released/0", "1 "));
    stage_write(s.toolstack, B7 "/online", "1");
    add("disk", "2");
    stage_close(&s);
}

static void settings_are_shown_and_follow_the_daemon(void)
{
    open_bus();
    CU_ASSERT(stage_is(&s, B7 "/quarantine-count", "1024"));
    CU_ASSERT(stage_is(&s, B7 "/quarantine-seconds", "60"));
    stage_stop_daemon(&s);
    s.daemon.quarantine = (struct quarantine){.count = 7, .seconds = 5};
    stage_start_daemon(&s);
    stage_wait(&s, B7 "/quarantine-count", "7");
    CU_ASSERT(stage_is(&s, B7 "/quarantine-seconds", "5"));
    stage_close(&s);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(numbers_fit_the_form_of_the_last_connection),
        TEST(the_log_tells_what_a_compact_driver_does_not_see),
        TEST(exhaustion_is_told_and_ends),
        TEST(a_refused_device_puts_its_number_in_quarantine),
        TEST(a_request_taken_back_early_puts_its_number_in_quarantine),
        TEST(whoever_dies_with_a_number_leaves_it_in_quarantine),
        TEST(a_bus_taken_offline_without_a_daemon_keeps_no_number),
        TEST(settings_are_shown_and_follow_the_daemon),
        {NULL, NULL},
    };

    return test_main("supervisor numbers", cases);
}
