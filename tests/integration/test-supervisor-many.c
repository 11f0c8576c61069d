/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The supervisor with thousands of devices on one bus: each costs what the first
 * one cost, and none is lost on the way. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define FEW 20u
#define MANY 2000u

static struct stage s;
static char target[64];

static const char *disk(unsigned i)
{
    static char name[16];

    snprintf(name, sizeof(name), "disk%u", i);
    return name;
}

static void attach(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        stage_request(&s, disk(i), target);
    stage_wait(&s, store_path(B7 "/device/%u/state", to).text, "added");
}

static void begin(unsigned count)
{
    stage_open_connected(&s);
    strcpy(target, stage_target(&s, "target", 512));
    attach(0, count);
}

static size_t children(const char *path)
{
    size_t count = 0;

    free(s.toolstack->ops->xs_list(s.toolstack, PLATFORM_NO_TX, path, &count));
    return count;
}

static uint64_t calls(void)
{
    return fake_xen_counters(s.fx).xenstore_calls;
}

/* Calls to xenstore, but for those of the test, for one more device to come, be
 * used, and go. */
static uint64_t cost_of_one(unsigned next)
{
    uint64_t before = calls();

    stage_request(&s, disk(next), target);
    stage_settle(&s);
    stage_write(s.guest, store_path(F7 "/device/%u/state", next + 1).text, "in-use");
    stage_settle(&s);
    stage_write(s.toolstack, store_path(B7 "/request/%s/remove", disk(next)).text, "orderly");
    stage_settle(&s);
    stage_write(s.guest, store_path(F7 "/device/%u/state", next + 1).text, "released");
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, store_path(B7 "/request/%s", disk(next)).text, NULL));
    return calls() - before;
}

static void one_more_costs_the_same_among_many(void)
{
    uint64_t among_few, among_many;

    begin(FEW);
    among_few = cost_of_one(FEW);
    attach(FEW + 1, MANY);
    among_many = cost_of_one(MANY);
    printf("# %u xenstore calls for a device among few, %u among many\n", (unsigned)among_few,
           (unsigned)among_many);
    /* A note of released numbers begins now and then. */
    CU_ASSERT(among_many <= among_few + 4);
    stage_close(&s);
}

static void all_go_when_the_bus_goes_offline(void)
{
    begin(MANY);
    stage_write(s.toolstack, B7 "/online", "0");
    stage_wait(&s, B7 "/request/disk1999", NULL);
    stage_write(s.guest, F7 "/state", "6");
    stage_wait(&s, B7 "/state", "6");
    CU_ASSERT_EQUAL(children(B7 "/request"), 0);
    CU_ASSERT_EQUAL(children(B7 "/device"), 0);
    /* It was told at a speed it can follow. */
    CU_ASSERT_EQUAL(s.spawned, 1);
    stage_close(&s);
}

static void all_come_back_with_a_new_daemon(void)
{
    begin(MANY);
    stage_stop_daemon(&s);
    stage_remove(s.toolstack, B7 "/request/disk7");
    stage_start_daemon(&s);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DEVICE_ADD], MANY - 1);
    CU_ASSERT_EQUAL(children(B7 "/device"), MANY - 1);
    CU_ASSERT(stage_is(&s, B7 "/request/disk1999/number", "2000"));
    CU_ASSERT(stage_is(&s, B7 "/device/8", NULL));
    stage_close(&s);
}

static void a_worker_that_dies_meanwhile_loses_nothing(void)
{
    begin(MANY);
    s.keeps_devices = true;
    for (unsigned i = 0; i < 200; i++)
        stage_write(s.toolstack, store_path(B7 "/request/%s/remove", disk(i)).text, "force");
    stage_settle(&s);
    s.keeps_devices = false;
    stage_worker_dies(stage_worker(&s, "dom 7 bus 0"));
    stage_wait(&s, B7 "/request/disk199", NULL);
    stage_write(s.guest, F7 "/state", "6");
    stage_begin(s.guest, 7);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT_EQUAL(children(B7 "/request"), MANY - 200);
    CU_ASSERT_EQUAL(children(B7 "/device"), MANY - 200);
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DEVICE_ADD], MANY - 200);
    stage_close(&s);
}

/* What a driver's start costs once it has to wait for its turn. */
static uint64_t cost_of_a_paced_start(void)
{
    uint64_t before;

    for (int i = 0; i < 12; i++) {
        stage_begin(s.guest, 7);
        stage_settle(&s);
        stage_offer(&s, s.guest, 7);
        stage_settle(&s);
    }
    stage_begin(s.guest, 7);
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));
    before = calls();
    fake_xen_advance(s.fx, UINT64_C(100000000));
    stage_wait(&s, B7 "/state", "2");
    stage_settle(&s);
    return calls() - before;
}

/* A guest may start its driver ten times a second for ever. */
static void a_start_costs_the_same_with_many(void)
{
    uint64_t with_few, with_many;

    begin(FEW);
    with_few = cost_of_a_paced_start();
    stage_close(&s);
    begin(MANY);
    with_many = cost_of_a_paced_start();
    stage_close(&s);
    printf("# %u xenstore calls for a start with few devices, %u with many\n",
           (unsigned)with_few, (unsigned)with_many);
    /* The test's own looks at the state are among them. */
    CU_ASSERT(with_many <= with_few + FEW);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(one_more_costs_the_same_among_many),
        TEST(all_go_when_the_bus_goes_offline),
        TEST(all_come_back_with_a_new_daemon),
        TEST(a_worker_that_dies_meanwhile_loses_nothing),
        TEST(a_start_costs_the_same_with_many),
        {NULL, NULL},
    };

    return test_main("supervisor with many devices", cases);
}
