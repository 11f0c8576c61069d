/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Devices of the supervisor: requests, numbers, removal, restarts. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"
#include "xenstore-schema/schema.h"

static struct stage s;

static struct stage_worker *worker(void)
{
    return stage_worker_7(&s);
}

/* A connected bus with the disk "disk", number 1, that the guest uses. */
static void open_with_disk(void)
{
    stage_open_connected(&s);
    stage_add_disk(&s);
    stage_use_disk(&s);
}

static void a_request_becomes_a_device(void)
{
    stage_open_connected(&s);
    stage_request(&s, "disk", stage_target(&s, "its-target", 4096));
    stage_wait(&s, B7 "/request/disk/number", "1");
    CU_ASSERT(stage_is(&s, B7 "/device/1/name", "disk"));
    CU_ASSERT(stage_is(&s, B7 "/device/1/type", "blk"));
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "added"));
    CU_ASSERT(stage_is(&s, B7 "/request/disk/error", NULL));
    CU_ASSERT_EQUAL(worker()->last_add.device.number, 1);
    CU_ASSERT_STRING_EQUAL(worker()->last_add.device.name, "disk");
    CU_ASSERT_STRING_EQUAL(worker()->last_add.device.type, "blk");
    CU_ASSERT_STRING_EQUAL(choices_get(&worker()->last_add.device.choices, XS_MODE), "w");
    CU_ASSERT_STRING_EQUAL(worker()->target, "its-target");
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

static void mode_and_uuid_reach_the_worker(void)
{
    static const uint8_t uuid[16] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
                                     0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0};
    const char *target;

    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    target = stage_target(&s, "only-to-read", 512);
    CU_ASSERT_EQUAL(chmod(target, 0400), 0);
    stage_write(s.toolstack, B7 "/request/disk/uuid", "11223344-5566-7788-99aa-bbccddeeff00");
    stage_write(s.toolstack, B7 "/request/disk/mode", "r");
    stage_write(s.toolstack, B7 "/request/disk/target", target);
    stage_write(s.toolstack, B7 "/request/disk/type", "blk");
    stage_wait(&s, B7 "/request/disk/number", "1");
    CU_ASSERT_STRING_EQUAL(choices_get(&worker()->last_add.device.choices, XS_MODE), "r");
    CU_ASSERT_EQUAL(memcmp(worker()->last_add.device.uuid, uuid, 16), 0);
    stage_close(&s);
}

static void the_guest_sees_devices_and_nothing_of_requests(void)
{
    static const char *const closed[] = {
        B7 "/request", B7 "/request/disk/target", B7 "/request/disk/number",
        B7 "/device-number-next", B7 "/taken", B7 "/released", B7 "/released/0",
    };
    size_t size;
    char *text;

    open_with_disk();
    stage_request(&s, "second", stage_target(&s, "second", 4096));
    stage_wait(&s, B7 "/device/2/state", "added");
    stage_write(s.toolstack, B7 "/request/second/remove", "force");
    stage_wait(&s, B7 "/request/second", NULL);
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
        CU_ASSERT_PTR_NULL(s.guest->ops->xs_read(s.guest, PLATFORM_NO_TX, closed[i], &size));
    text = s.guest->ops->xs_read(s.guest, PLATFORM_NO_TX, B7 "/device/1/state", &size);
    CU_ASSERT_PTR_NOT_NULL(text);
    free(text);
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

/* ---- refusals ---- */

struct bad_request {
    const char *key;
    const char *value; /* NULL: missing */
    const char *words;
};

static void a_bad_request_is_answered_with_a_sentence(void)
{
    static const struct bad_request bad[] = {
        {"type", "toaster", "type: toaster is no type"},
        {"type", "a-name-far-too-long-for-any-type", "type: a-name-far-too"},
        {"mode", NULL, "mode: missing"},
        {"mode", "rw", "mode: rw is not r or w"},
        {"uuid", "1234", "uuid: 1234 is not a UUID"},
        {"uuid", "", "uuid:  is not a UUID"},
        {"target", NULL, "target: missing"},
        {"target", "relative/path", "target: relative/path is not an absolute file name"},
        {"target", "", "target:  is not an absolute file name"},
        {"target", "/tmp", "Is a directory"},
        {"target", "/nowhere/at/all", "/nowhere/at/all: cannot be opened to write: No such file"},
        {"target", "/dev/null", "/dev/null: a character device"},
        {"number", "0", "number: not a device number"},
        {"number", "many", "number: not a device number"},
    };
    const char *good;

    open_with_disk();
    good = stage_target(&s, "good", 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        platform_tx tx;

        CU_ASSERT_EQUAL(s.toolstack->ops->xs_begin(s.toolstack, &tx), 0);
        store_write_text(s.toolstack, tx, B7 "/request/bad", "type", "blk");
        store_write_text(s.toolstack, tx, B7 "/request/bad", "mode", "w");
        store_write_text(s.toolstack, tx, B7 "/request/bad", "target", good);
        if (bad[i].value)
            store_write_text(s.toolstack, tx, B7 "/request/bad", bad[i].key, bad[i].value);
        else
            store_remove(s.toolstack, tx, B7 "/request/bad", bad[i].key);
        CU_ASSERT_EQUAL(s.toolstack->ops->xs_end(s.toolstack, tx, false), 0);
        stage_settle(&s);
        CU_ASSERT(stage_says(&s, B7 "/request/bad/error", bad[i].words));
        CU_ASSERT(stage_is(&s, B7 "/request/bad/number", NULL));
        stage_remove(s.toolstack, B7 "/request/bad");
    }
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_ADD], 1);
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));
    stage_close(&s);
}

static void refused(const char *name, const char *target, const char *words)
{
    stage_request(&s, name, target);
    stage_settle(&s);
    CU_ASSERT(stage_says(&s, store_path(B7 "/request/%s/error", name).text, words));
}

static void a_bad_target_is_refused_by_its_size_or_kind(void)
{
    char pipe[64];

    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    refused("odd", stage_target(&s, "odd", 1000), "odd: size 1000 is not a multiple of 512");
    refused("empty", stage_target(&s, "empty", 0), "empty: empty, size 0");
    snprintf(pipe, sizeof(pipe), "%s/pipe", s.directory);
    CU_ASSERT_EQUAL(mkfifo(pipe, 0600), 0);
    refused("pipe", pipe, "pipe: a pipe, not a file or block device");
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_ADD], 0);
    stage_close(&s);
}

static void a_bad_name_is_refused_and_a_very_long_one_passed_by(void)
{
    char name[200], path[300];

    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    refused("1disk", stage_target(&s, "a", 512), "the name is not");
    refused("a-name-of-21-letters-", stage_target(&s, "b", 512), "the name is not");
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    snprintf(path, sizeof(path), B7 "/request/%s/type", name);
    stage_write(s.toolstack, path, "blk");
    stage_request(&s, "good", stage_target(&s, "c", 512));
    stage_wait(&s, B7 "/request/good/number", "1");
    stage_close(&s);
}

static void what_the_worker_refuses_has_its_words(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    s.refusal = "the disk\nis upside down";
    refused("disk", stage_target(&s, "disk", 512), "the disk?is upside down");
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    s.refusal = NULL;

    /* Taken back and asked for again, it is a new request. */
    stage_remove(s.toolstack, B7 "/request/disk");
    stage_settle(&s);
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/request/disk/error", NULL));
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

/* ---- numbers ---- */

static void requests_are_served_in_the_order_they_come(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_request(&s, "c", stage_target(&s, "c", 512));
    stage_settle(&s);
    stage_request(&s, "b", stage_target(&s, "b", 512));
    stage_request(&s, "a", stage_target(&s, "a", 512));
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_ADD], 1);
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 1, "");
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/request/c/number", "1"));
    CU_ASSERT(stage_is(&s, B7 "/request/b/number", "2"));
    CU_ASSERT(stage_is(&s, B7 "/request/a/number", "3"));
    stage_close(&s);
}

static void requests_found_together_are_served_in_order_of_name(void)
{
    stage_open(&s, 0);
    stage_make_bus(&s, 7);
    stage_request(&s, "b", stage_target(&s, "b", 512));
    stage_request(&s, "a", stage_target(&s, "a", 512));
    stage_start_daemon(&s);
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/request/a/number", "1"));
    CU_ASSERT(stage_is(&s, B7 "/request/b/number", "2"));
    stage_close(&s);
}

static void a_number_is_never_given_twice(void)
{
    open_with_disk();
    stage_write(s.toolstack, B7 "/request/disk/remove", "force");
    stage_wait(&s, B7 "/request/disk", NULL);
    stage_stop_daemon(&s);
    stage_start_daemon(&s);
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_wait(&s, B7 "/request/disk/number", "2");

    /* Not even when a worker dies between taking it and telling. */
    s.mute = true;
    stage_request(&s, "other", stage_target(&s, "other", 512));
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->last_add.device.number, 3);
    s.mute = false;
    stage_worker_dies(worker());
    stage_wait(&s, B7 "/request/other/number", "4");
    CU_ASSERT(stage_is(&s, B7 "/device/3", NULL));
    stage_close(&s);
}

static void a_corrupt_counter_is_no_reason_to_start_anew(void)
{
    static const char *const corrupt[][2] = {
        {"", "not a number"},
        {"0", "not a number"},
        {"-1", "not a number"},
        {"18446744073709551616", "not a number"},
        {"18446744073709551615", "no device number is left"},
    };

    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    for (size_t i = 0; i < sizeof(corrupt) / sizeof(corrupt[0]); i++) {
        stage_write(s.toolstack, B7 "/device-number-next", corrupt[i][0]);
        refused("disk", stage_target(&s, "disk", 512), corrupt[i][1]);
        stage_remove(s.toolstack, B7 "/request/disk");
        CU_ASSERT(stage_is(&s, B7 "/device-number-next", corrupt[i][0]));
    }
    stage_close(&s);
}

static void numbers_above_32_bits_are_given(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_write(s.toolstack, B7 "/device-number-next", "4294967296");
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_wait(&s, B7 "/request/disk/number", "4294967296");
    CU_ASSERT(stage_is(&s, B7 "/device/4294967296/state", "added"));
    stage_close(&s);
}

static void a_counter_set_back_meanwhile_announces_nothing(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_settle(&s);
    stage_write(s.toolstack, B7 "/device-number-next", "1");
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 1, "");
    stage_settle(&s);
    CU_ASSERT(stage_says(&s, B7 "/request/disk/error", "device-number-next: 1 was not taken"));
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_REMOVE], 1);
    stage_close(&s);
}

/* ---- restarts ---- */

static void a_new_daemon_restores_devices_before_it_lets_the_guest_in(void)
{
    open_with_disk();
    stage_request(&s, "second", stage_target(&s, "second", 512));
    stage_wait(&s, B7 "/request/second/number", "2");
    stage_stop_daemon(&s);
    s.mute = true;
    stage_start_daemon(&s);
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->last_add.device.number, 1);
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 1, "");
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->last_add.device.number, 2);
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 2, "");
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "added"));
    CU_ASSERT(stage_is(&s, B7 "/device/2/state", "added"));
    CU_ASSERT(stage_is(&s, B7 "/device-number-next", "3"));
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

static void what_happened_while_no_daemon_ran_is_made_up_for(void)
{
    open_with_disk();
    stage_request(&s, "gone", stage_target(&s, "gone", 512));
    stage_wait(&s, B7 "/request/gone/number", "2");
    stage_request(&s, "asked", stage_target(&s, "asked", 512));
    stage_wait(&s, B7 "/request/asked/number", "3");
    stage_request(&s, "lost", stage_target(&s, "lost", 512));
    stage_wait(&s, B7 "/request/lost/number", "4");
    stage_stop_daemon(&s);

    stage_remove(s.toolstack, B7 "/request/gone");
    stage_write(s.toolstack, B7 "/request/asked/remove", "orderly");
    CU_ASSERT_EQUAL(unlink(store_path("%s/lost", s.directory).text), 0);
    stage_start_daemon(&s);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "added"));
    CU_ASSERT(stage_is(&s, B7 "/device/2", NULL));
    CU_ASSERT(stage_is(&s, B7 "/device/3", NULL));
    CU_ASSERT(stage_is(&s, B7 "/request/asked", NULL));
    CU_ASSERT(stage_is(&s, B7 "/device/4", NULL));
    CU_ASSERT(stage_says(&s, B7 "/request/lost/error", "lost: cannot be opened to write"));
    CU_ASSERT(stage_is(&s, B7 "/request/lost/number", NULL));
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

static void two_requests_with_one_number_are_not_both_served(void)
{
    open_with_disk();
    stage_request(&s, "second", stage_target(&s, "second", 512));
    stage_wait(&s, B7 "/request/second/number", "2");
    stage_stop_daemon(&s);
    stage_write(s.toolstack, B7 "/request/second/number", "1");
    stage_start_daemon(&s);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT(stage_says(&s, B7 "/request/second/error", "number: is another device's"));
    CU_ASSERT(stage_is(&s, B7 "/device/1/name", "disk"));
    stage_close(&s);
}

/* ---- removal ---- */

static void orderly_removal_waits_for_the_guest(void)
{
    open_with_disk();
    stage_write(s.toolstack, B7 "/request/disk/remove", "orderly");
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "removing"));
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_REMOVE], 0);
    s.mute = true;
    stage_write(s.guest, F7 "/device/1/state", "released");
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_REMOVE], 1);
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "removing"));
    stage_worker_says(worker(), IPC_DEVICE_REMOVED, 1, "");
    stage_wait(&s, B7 "/request/disk", NULL);
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    CU_ASSERT(stage_says(&s, B7 "/released/0", "1 "));
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

static void a_device_not_in_use_goes_at_once(void)
{
    open_with_disk();
    stage_remove(s.guest, F7 "/device/1");
    stage_write(s.toolstack, B7 "/request/disk/remove", "orderly");
    stage_wait(&s, B7 "/request/disk", NULL);
    stage_close(&s);
}

static void force_and_surprise_do_not_wait(void)
{
    open_with_disk();
    s.mute = true;
    stage_write(s.toolstack, B7 "/request/disk/remove", "force");
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "removing"));
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_REMOVE], 1);
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_REMOVED, 1, "");
    stage_wait(&s, B7 "/request/disk", NULL);
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));

    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_wait(&s, B7 "/device/2/state", "added");
    stage_remove(s.toolstack, B7 "/request/disk");
    stage_wait(&s, B7 "/device/2", NULL);
    CU_ASSERT(stage_is(&s, B7 "/request/disk", NULL));
    stage_close(&s);
}

static void orderly_becomes_force_when_asked(void)
{
    open_with_disk();
    stage_write(s.toolstack, B7 "/request/disk/remove", "orderly");
    stage_settle(&s);
    stage_write(s.toolstack, B7 "/request/disk/remove", "force");
    stage_wait(&s, B7 "/request/disk", NULL);
    stage_close(&s);
}

static void a_guest_that_does_not_let_go_is_not_asked_for_ever(void)
{
    stage_open(&s, 0);
    s.daemon.remove_timeout = (struct timeval){.tv_usec = 1000};
    stage_start_daemon(&s);
    stage_connect(&s, s.guest, 7);
    stage_add_disk(&s);
    stage_write(s.guest, F7 "/device/1/state", "in-use");
    stage_write(s.toolstack, B7 "/request/disk/remove", "orderly");
    stage_wait(&s, B7 "/request/disk", NULL);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_REMOVE], 1);
    stage_close(&s);
}

static void a_guest_that_leaves_lets_go(void)
{
    open_with_disk();
    stage_write(s.toolstack, B7 "/request/disk/remove", "orderly");
    stage_settle(&s);
    stage_write(s.guest, F7 "/state", "6");
    stage_wait(&s, B7 "/request/disk", NULL);
    stage_close(&s);
}

static void a_request_made_anew_under_the_same_name_is_another_device(void)
{
    open_with_disk();
    stage_remove(s.toolstack, B7 "/request/disk");
    stage_request(&s, "disk", stage_target(&s, "another", 512));
    stage_wait(&s, B7 "/request/disk/number", "2");
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    CU_ASSERT_STRING_EQUAL(worker()->target, "another");
    stage_close(&s);
}

static void a_request_taken_back_before_it_is_served_leaves_nothing(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
    stage_settle(&s);
    stage_remove(s.toolstack, B7 "/request/disk");
    stage_settle(&s);
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 1, "");
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_REMOVE], 1);
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    CU_ASSERT(stage_is(&s, B7 "/request/disk", NULL));
    stage_close(&s);
}

static void a_request_replaced_before_it_is_served_gets_its_own_target(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_request(&s, "disk", stage_target(&s, "first", 512));
    stage_settle(&s);
    stage_remove(s.toolstack, B7 "/request/disk");
    stage_request(&s, "disk", stage_target(&s, "second", 512));
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 1, "");
    stage_wait(&s, B7 "/request/disk/number", "2");
    CU_ASSERT_STRING_EQUAL(worker()->target, "second");
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    stage_close(&s);
}

static void a_word_nobody_knows_removes_nothing(void)
{
    open_with_disk();
    stage_write(s.toolstack, B7 "/request/disk/remove", "perhaps");
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "added"));
    stage_close(&s);
}

static void a_bad_device_state_closes_the_bus_and_frees_the_device(void)
{
    open_with_disk();
    stage_write(s.guest, F7 "/device/1/state", "never");
    stage_write(s.toolstack, B7 "/request/disk/remove", "orderly");
    stage_wait(&s, B7 "/request/disk", NULL);
    CU_ASSERT(stage_is(&s, B7 "/state", "5"));
    CU_ASSERT(stage_says(&s, B7 "/error",
                         "device/virtio-msg/0/device/1/state: never is not in-use or released"));
    stage_close(&s);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(a_request_becomes_a_device),
        TEST(mode_and_uuid_reach_the_worker),
        TEST(the_guest_sees_devices_and_nothing_of_requests),
        TEST(a_bad_request_is_answered_with_a_sentence),
        TEST(a_bad_target_is_refused_by_its_size_or_kind),
        TEST(a_bad_name_is_refused_and_a_very_long_one_passed_by),
        TEST(what_the_worker_refuses_has_its_words),
        TEST(requests_are_served_in_the_order_they_come),
        TEST(requests_found_together_are_served_in_order_of_name),
        TEST(a_number_is_never_given_twice),
        TEST(a_corrupt_counter_is_no_reason_to_start_anew),
        TEST(numbers_above_32_bits_are_given),
        TEST(a_counter_set_back_meanwhile_announces_nothing),
        TEST(a_new_daemon_restores_devices_before_it_lets_the_guest_in),
        TEST(what_happened_while_no_daemon_ran_is_made_up_for),
        TEST(two_requests_with_one_number_are_not_both_served),
        TEST(orderly_removal_waits_for_the_guest),
        TEST(a_device_not_in_use_goes_at_once),
        TEST(force_and_surprise_do_not_wait),
        TEST(orderly_becomes_force_when_asked),
        TEST(a_guest_that_does_not_let_go_is_not_asked_for_ever),
        TEST(a_guest_that_leaves_lets_go),
        TEST(a_request_made_anew_under_the_same_name_is_another_device),
        TEST(a_request_taken_back_before_it_is_served_leaves_nothing),
        TEST(a_request_replaced_before_it_is_served_gets_its_own_target),
        TEST(a_word_nobody_knows_removes_nothing),
        TEST(a_bad_device_state_closes_the_bus_and_frees_the_device),
        {NULL, NULL},
    };

    return test_main("supervisor devices", cases);
}
