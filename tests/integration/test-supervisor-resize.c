/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* B/request/NAME/resize: from the toolstack to the worker and back. */

#include <stdio.h>
#include <string.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define RESIZE B7 "/request/disk/resize"

static struct stage s;

static struct stage_worker *worker(void)
{
    return stage_worker_7(&s);
}

static void open_with_disk(void)
{
    stage_open_connected(&s);
    stage_add_disk(&s);
}

static void ask(const char *count)
{
    stage_write(s.toolstack, RESIZE, count);
    stage_settle(&s);
}

static void worker_has_looked(void)
{
    stage_worker_says(worker(), IPC_DEVICE_RESIZED, 1, "");
    stage_settle(&s);
}

static void the_worker_looks_before_the_node_goes(void)
{
    open_with_disk();
    s.mute = true;
    ask("1");
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 1);
    CU_ASSERT_EQUAL(worker()->last.answer.number, 1);
    CU_ASSERT(stage_is(&s, RESIZE, "1"));
    CU_ASSERT(stage_keeps_schema(&s));
    worker_has_looked();
    CU_ASSERT(stage_is(&s, RESIZE, NULL));
    CU_ASSERT(stage_is(&s, B7 "/request/disk/number", "1"));
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "added"));
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 1);
    s.mute = false;
    ask("1");
    CU_ASSERT(stage_is(&s, RESIZE, NULL));
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 2);
    CU_ASSERT_EQUAL(s.spawned, 1);
    stage_close(&s);
}

/* It may have looked before the size changed once more. */
static void what_is_asked_meanwhile_is_asked_again(void)
{
    open_with_disk();
    s.mute = true;
    ask("1");
    ask("2");
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 1);
    worker_has_looked();
    CU_ASSERT(stage_is(&s, RESIZE, "2"));
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 2);
    worker_has_looked();
    CU_ASSERT(stage_is(&s, RESIZE, NULL));
    stage_close(&s);
}

static void a_device_still_being_added_is_looked_at_then(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_request(&s, "disk", stage_target(&s, "disk", 4096));
    stage_settle(&s);
    ask("1");
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 0);
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 1, "");
    stage_wait(&s, RESIZE, NULL);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 1);
    stage_close(&s);
}

static void nonsense_is_no_wish(void)
{
    static const char *const nonsense[] = {"", "yes", "-1", "18446744073709551616"};

    open_with_disk();
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
        ask(nonsense[i]);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 0);
    ask("18446744073709551615");
    CU_ASSERT(stage_is(&s, RESIZE, NULL));
    stage_close(&s);
}

static void a_new_worker_is_asked_anew(void)
{
    open_with_disk();
    s.mute = true;
    ask("1");
    stage_worker_dies(worker());
    s.mute = false;
    stage_wait(&s, RESIZE, NULL);
    CU_ASSERT_EQUAL(s.spawned, 2);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_ADD], 1);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 1);
    stage_close(&s);
}

static void a_removal_takes_the_wish_with_it(void)
{
    open_with_disk();
    s.mute = true;
    ask("1");
    stage_write(s.toolstack, B7 "/request/disk/remove", "force");
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_REMOVE], 1);
    stage_worker_says(worker(), IPC_DEVICE_RESIZED, 1, "");
    stage_worker_says(worker(), IPC_DEVICE_REMOVED, 1, "");
    stage_wait(&s, B7 "/request/disk", NULL);
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    CU_ASSERT_EQUAL(s.spawned, 1);
    stage_close(&s);
}

/* The wish of a request that was replaced is not answered in its place. */
static void another_device_of_that_name_gets_its_own_answer(void)
{
    open_with_disk();
    s.mute = true;
    ask("1");
    stage_remove(s.toolstack, B7 "/request/disk");
    stage_request(&s, "disk", stage_target(&s, "other", 4096));
    stage_write(s.toolstack, RESIZE, "1");
    stage_settle(&s);
    stage_worker_says(worker(), IPC_DEVICE_RESIZED, 1, "");
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, RESIZE, "1"));
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_REMOVED, 1, "");
    stage_wait(&s, RESIZE, NULL);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], 2);
    CU_ASSERT_EQUAL(worker()->last.answer.number, 2);
    stage_close(&s);
}

static void a_worker_that_was_not_asked_is_replaced(void)
{
    open_with_disk();
    worker_has_looked();
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT_EQUAL(s.spawned, 2);
    stage_close(&s);
}

/* Whatever else it answers meanwhile. */
static void a_worker_that_does_not_look_is_replaced(void)
{
    open_with_disk();
    s.mute = true;
    ask("1");
    stage_request(&s, "second", stage_target(&s, "second", 4096));
    while (!worker()->got[IPC_DEVICE_ADD] || worker()->last_add.device.number != 2)
        event_base_loop(s.base, EVLOOP_ONCE);
    s.daemon.answer_timeout = (struct timeval){.tv_usec = 1000};
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 2, "");
    while (s.spawned == 1)
        event_base_loop(s.base, EVLOOP_ONCE);
    s.mute = false;
    s.daemon.answer_timeout = (struct timeval){.tv_sec = 20};
    stage_wait(&s, RESIZE, NULL);
    stage_close(&s);
}

/* Else what it owes would count for its successor. */
static void a_worker_that_removes_what_it_has_not_looked_at_is_replaced(void)
{
    open_with_disk();
    s.mute = true;
    ask("1");
    stage_write(s.toolstack, B7 "/request/disk/remove", "force");
    stage_settle(&s);
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_REMOVED, 1, "");
    stage_wait(&s, B7 "/request/disk", NULL);
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT_EQUAL(s.spawned, 2);
    stage_close(&s);
}

/* What it is told must fit its socket. */
static void is_asked_no_more_than_it_can_take_in(void)
{
    enum { DISKS = 100, OWED_MAX = 32 };
    char name[16];

    open_with_disk();
    for (int i = 1; i < DISKS; i++) {
        snprintf(name, sizeof(name), "disk%d", i);
        stage_request(&s, name, stage_target(&s, "disk", 4096));
    }
    stage_wait(&s, store_path(B7 "/device/%d/state", DISKS).text, "added");
    s.mute = true;
    for (int i = 1; i < DISKS; i++)
        stage_write(s.toolstack, store_path(B7 "/request/disk%d/resize", i).text, "1");
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], OWED_MAX);
    s.mute = false;
    for (int i = 1; i <= OWED_MAX; i++)
        stage_worker_says(worker(), IPC_DEVICE_RESIZED, (uint64_t)i + 1, "");
    for (int i = 1; i < DISKS; i++)
        stage_wait(&s, store_path(B7 "/request/disk%d/resize", i).text, NULL);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_RESIZE], DISKS - 1);
    CU_ASSERT_EQUAL(s.spawned, 1);
    stage_close(&s);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(the_worker_looks_before_the_node_goes),
        TEST(what_is_asked_meanwhile_is_asked_again),
        TEST(a_device_still_being_added_is_looked_at_then),
        TEST(nonsense_is_no_wish),
        TEST(a_new_worker_is_asked_anew),
        TEST(a_removal_takes_the_wish_with_it),
        TEST(another_device_of_that_name_gets_its_own_answer),
        TEST(a_worker_that_was_not_asked_is_replaced),
        TEST(a_worker_that_does_not_look_is_replaced),
        TEST(a_worker_that_removes_what_it_has_not_looked_at_is_replaced),
        TEST(is_asked_no_more_than_it_can_take_in),
        {NULL, NULL},
    };

    return test_main("supervisor resize", cases);
}
