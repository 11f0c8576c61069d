/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The supervisor when others fail: workers that die, lie or hang, and every
 * call of the platform once. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define SECOND UINT64_C(1000000000)

/* Bus 0 of domain 7 when the daemon runs in domain 3. */
#define B "/local/domain/3/backend/virtio-msg/7/0"

static struct stage s;

static struct stage_worker *worker(void)
{
    return stage_worker_7(&s);
}

/* Two connected guests, the first with the disk "disk". */
static void open_with_two(void)
{
    stage_open_connected(&s);
    stage_connect(&s, s.other, 8);
    stage_add_disk(&s);
    stage_use_disk(&s);
}

static void the_other_guest_noticed_nothing(void)
{
    CU_ASSERT(stage_is(&s, B8 "/state", "4"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(stage_worker(&s, "dom 8 bus 0"));
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 8 bus 0")->got[IPC_DISCONNECT], 0);
}

/* ---- workers ---- */

static void a_dead_worker_is_replaced_with_its_devices(void)
{
    open_with_two();
    stage_worker_dies(worker());
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT(stage_says(&s, B7 "/error", "worker closed its socket"));
    CU_ASSERT_EQUAL(s.spawned, 3);
    CU_ASSERT_EQUAL(worker()->last_add.device.number, 1);
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "added"));
    stage_write(s.guest, F7 "/state", "6");
    stage_begin(s.guest, 7);
    stage_connect(&s, s.guest, 7);
    CU_ASSERT(stage_is(&s, B7 "/error", NULL));
    the_other_guest_noticed_nothing();
    stage_close(&s);
}

static void the_guest_waits_until_its_devices_are_back(void)
{
    open_with_two();
    s.mute = true;
    stage_worker_dies(worker());
    stage_wait(&s, B7 "/state", "5");
    stage_write(s.guest, F7 "/state", "6");
    stage_begin(s.guest, 7);
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/state", "5"));
    s.mute = false;
    stage_worker_says(worker(), IPC_DEVICE_ADDED, 1, "");
    stage_wait(&s, B7 "/state", "2");
    stage_close(&s);
}

static void a_removal_under_way_survives_the_worker(void)
{
    static const char *const ways[] = {"orderly", "force"};

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        open_with_two();
        s.mute = true;
        stage_write(s.toolstack, B7 "/request/disk/remove", ways[i]);
        stage_settle(&s);
        s.mute = false;
        stage_worker_dies(worker());
        stage_wait(&s, B7 "/request/disk", NULL);
        CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
        stage_close(&s);
    }
}

static void a_worker_that_keeps_dying_is_given_up(void)
{
    open_with_two();
    for (int i = 0; i < 5; i++) {
        fake_xen_advance(s.fx, SECOND);
        stage_worker_dies(worker());
        stage_settle(&s);
    }
    CU_ASSERT_PTR_NULL(stage_worker(&s, "dom 7 bus 0"));
    CU_ASSERT(stage_says(&s, B7 "/error", "too often: the bus stays closed"));
    stage_write(s.guest, F7 "/state", "6");
    stage_wait(&s, B7 "/state", "6");
    stage_begin(s.guest, 7);
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/state", "6"));

    /* The toolstack is not left without an answer. */
    stage_request(&s, "new", stage_target(&s, "new", 512));
    stage_settle(&s);
    CU_ASSERT(stage_says(&s, B7 "/request/new/error", "its worker died too often"));
    stage_write(s.toolstack, B7 "/request/disk/remove", "orderly");
    stage_wait(&s, B7 "/request/disk", NULL);
    the_other_guest_noticed_nothing();
    stage_close(&s);
}

static void a_worker_that_dies_now_and_then_is_not_given_up(void)
{
    open_with_two();
    for (int i = 0; i < 12; i++) {
        fake_xen_advance(s.fx, 20 * SECOND);
        stage_worker_dies(worker());
        stage_settle(&s);
    }
    CU_ASSERT_PTR_NOT_NULL(stage_worker(&s, "dom 7 bus 0"));
    stage_close(&s);
}

static void what_the_worker_reports_closes_the_bus(void)
{
    open_with_two();
    stage_worker_says(worker(), IPC_BUS_FAILED, 0, "ring: bad\033[31m producer");
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT(stage_is(&s, B7 "/error", "ring: bad?[31m producer"));
    CU_ASSERT_EQUAL(worker()->got[IPC_DISCONNECT], 1);
    CU_ASSERT_EQUAL(s.spawned, 2);
    CU_ASSERT(stage_keeps_schema(&s));
    stage_write(s.guest, F7 "/state", "6");
    stage_begin(s.guest, 7);
    stage_connect(&s, s.guest, 7);
    stage_close(&s);
}

static void a_worker_that_cannot_map_closes_the_bus(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_offer(&s, s.guest, 7);
    stage_settle(&s);
    s.mute = false;
    stage_worker_says(worker(), IPC_BUS_FAILED, 0, "ring-ref 100 cannot be mapped");
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT(stage_is(&s, B7 "/error", "ring-ref 100 cannot be mapped"));
    stage_close(&s);
}

static void a_failed_offer_does_not_fail_the_next(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_offer(&s, s.guest, 7);
    stage_settle(&s);

    /* The frontend starts anew before the worker has tried. */
    stage_begin(s.guest, 7);
    stage_write(s.guest, F7 "/event-channel", "6");
    stage_write(s.guest, F7 "/state", "3");
    stage_settle(&s);
    stage_worker_says(worker(), IPC_BUS_FAILED, 0, "no such port");
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/state", "2"));
    CU_ASSERT(stage_is(&s, B7 "/error", NULL));
    s.mute = false;
    stage_worker_says(worker(), IPC_DISCONNECTED, 0, "");
    stage_wait(&s, B7 "/state", "4");
    CU_ASSERT_EQUAL(worker()->last.connect.event_channel, 6);
    stage_close(&s);
}

struct lie {
    enum ipc_kind kind;
    uint64_t number;
};

static void a_worker_that_lies_is_replaced(void)
{
    static const struct lie lies[] = {
        {IPC_CONNECTED, 0},      {IPC_DISCONNECTED, 0},   {IPC_DEVICE_ADDED, 1},
        {IPC_DEVICE_ADDED, 99},  {IPC_DEVICE_REFUSED, 1}, {IPC_DEVICE_REMOVED, 1},
        {IPC_DEVICE_REMOVED, 7}, {IPC_CONNECT, 0},        {IPC_DEVICE_ADD, 1},
    };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        open_with_two();
        stage_worker_says(worker(), lies[i].kind, lies[i].number, "");
        stage_wait(&s, B7 "/state", "5");
        CU_ASSERT_EQUAL(s.spawned, 3);
        CU_ASSERT(stage_is(&s, B7 "/device/1/state", "added"));
        the_other_guest_noticed_nothing();
        stage_close(&s);
    }
}

static void a_worker_that_talks_nonsense_is_replaced(void)
{
    open_with_two();
    CU_ASSERT_EQUAL(send(worker()->socket, "hello", 5, 0), 5);
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT_EQUAL(s.spawned, 3);
    the_other_guest_noticed_nothing();
    stage_close(&s);
}

static void a_worker_that_does_not_answer_is_replaced(void)
{
    stage_open(&s, 0);
    s.daemon.answer_timeout = (struct timeval){.tv_usec = 1000};
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_offer(&s, s.guest, 7);
    stage_wait(&s, B7 "/state", "5");
    s.mute = false;
    CU_ASSERT_EQUAL(s.spawned, 2);
    stage_close(&s);
}

/* What may cross a DISCONNECT on its way may do so once. */
static void a_worker_that_repeats_itself_is_replaced(void)
{
    static const enum ipc_kind words[] = {IPC_CONNECTED, IPC_BUS_FAILED};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        open_with_two();
        s.mute = true;
        stage_begin(s.guest, 7);
        stage_settle(&s);
        CU_ASSERT_EQUAL(worker()->got[IPC_DISCONNECT], 1);
        stage_worker_says(worker(), words[i], 0, "");
        stage_settle(&s);
        CU_ASSERT_EQUAL(s.spawned, 2);
        stage_worker_says(worker(), words[i], 0, "");
        stage_settle(&s);
        CU_ASSERT_EQUAL(s.spawned, 3);
        the_other_guest_noticed_nothing();
        stage_close(&s);
    }
}

/* Guest and worker together: it owes a removal, and is kept busy connecting. */
static void paying_one_debt_does_not_put_off_another(void)
{
    struct stage_worker *w;

    open_with_two();
    s.daemon.answer_timeout = (struct timeval){.tv_usec = 300000};
    s.keeps_devices = true;
    w = worker();
    stage_write(s.toolstack, B7 "/request/disk/remove", "force");
    stage_settle(&s);
    CU_ASSERT_EQUAL(w->got[IPC_DEVICE_REMOVE], 1);
    test_alarm(TEST_PATIENCE);
    while (!w->released) {
        fake_xen_advance(s.fx, SECOND);
        stage_begin(s.guest, 7);
        stage_settle(&s);
        stage_offer(&s, s.guest, 7);
        stage_settle(&s);
    }
    test_alarm(0);
    CU_ASSERT(w->got[IPC_CONNECT] > 1);
    CU_ASSERT_EQUAL(s.spawned, 3);
    stage_wait(&s, B7 "/request/disk", NULL);
    stage_close(&s);
}

static void give_frontend_node_to(uint32_t owner)
{
    struct platform_perm perm = {.domid = owner};

    CU_ASSERT_EQUAL(s.toolstack->ops->xs_set_perms(s.toolstack, PLATFORM_NO_TX, B "/frontend",
                                                   &perm, 1), 0);
}

/* Its last offer was refused, which could not be written before it died; that
 * offer is gone, and still the bus says why it stays closed. */
static void a_bus_that_is_given_up_says_so_whatever_came_before(void)
{
    stage_open(&s, 3);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    for (int i = 0; i < 4; i++) {
        stage_wait(&s, B "/state", "2");
        stage_worker_dies(worker());
        stage_settle(&s);
    }
    stage_wait(&s, B "/state", "2");
    s.mute = true;
    stage_offer(&s, s.guest, 7);
    stage_settle(&s);
    stage_write(s.guest, F7 "/event-channel", "6");
    give_frontend_node_to(0);
    stage_worker_says(worker(), IPC_BUS_FAILED, 0, "no such port");
    stage_settle(&s);
    stage_worker_dies(worker());
    stage_settle(&s);
    give_frontend_node_to(3);
    stage_settle(&s);
    stage_wait(&s, B "/state", "5");
    CU_ASSERT(stage_says(&s, B "/error", "too often"));
    CU_ASSERT_EQUAL(s.spawned, 5);
    stage_close(&s);
}

static void a_worker_that_cannot_be_started_is_tried_again(void)
{
    stage_open(&s, 0);
    s.spawns_to_fail = 3;
    stage_start_daemon(&s);
    stage_connect(&s, s.guest, 7);
    CU_ASSERT_EQUAL(s.spawned, 1);
    stage_close(&s);
}

/* ---- every call once ---- */

struct phase {
    const char *name;
    void (*before)(void);  /* without failures, and settled */
    void (*trigger)(void); /* makes the work in which a call fails */
    const char *path;      /* the end everything must come to */
    const char *value;
};

static void nothing(void)
{
}

static void make_bus(void)
{
    stage_make_bus(&s, 7);
}

static void advertised(void)
{
    stage_make_bus(&s, 7);
    stage_wait(&s, B "/state", "2");
}

static void offer(void)
{
    stage_offer(&s, s.guest, 7);
}

static void spoil(void)
{
    stage_write(s.guest, F7 "/state", "99");
}

static void connected(void)
{
    stage_connect(&s, s.guest, 7);
}

static void request(void)
{
    stage_request(&s, "disk", stage_target(&s, "disk", 512));
}

static void attached(void)
{
    connected();
    request();
    stage_wait(&s, B "/device/1/state", "added");
    stage_write(s.guest, F7 "/device/1/state", "in-use");
}

static void ask_to_remove(void)
{
    stage_write(s.toolstack, B "/request/disk/remove", "orderly");
    stage_write(s.guest, F7 "/device/1/state", "released");
}

static void pull_out(void)
{
    stage_remove(s.toolstack, B "/request/disk");
}

static void leave(void)
{
    stage_begin(s.guest, 7);
}

static void kill_worker(void)
{
    stage_worker_dies(worker());
}

static void remove_bus(void)
{
    stage_remove(s.toolstack, B);
}

static void left_by_another_daemon(void)
{
    attached();
    stage_stop_daemon(&s);
}

static const struct phase phases[] = {
    {"take up", nothing, make_bus, B "/state", "2"},
    {"connect", advertised, offer, B "/state", "4"},
    {"refuse", advertised, spoil, B "/error", "device/virtio-msg/0/state: 99 is not 1 to 6"},
    {"attach", connected, request, B "/device/1/state", "added"},
    {"detach", attached, ask_to_remove, B "/request/disk", NULL},
    {"pull out", attached, pull_out, B "/device/1", NULL},
    {"driver leaves", connected, leave, B "/state", "2"},
    {"worker dies", attached, kill_worker, B "/error", "worker closed its socket"},
    {"bus removed", connected, remove_bus, B, NULL},
};

/* The daemon runs in domain 3, so that only its own calls are counted. */
static bool fails_the_nth(const struct phase *phase, unsigned nth)
{
    bool failed;

    stage_open(&s, 3);
    stage_start_daemon(&s);
    stage_settle(&s);
    phase->before();
    stage_settle(&s);
    fake_xen_fail(s.fx, 3, NULL, nth, EIO);
    phase->trigger();
    stage_wait(&s, phase->path, phase->value);
    failed = fake_xen_failed(s.fx);
    if (!failed)
        fake_xen_fail(s.fx, 3, NULL, 0, 0);
    stage_close(&s);
    return failed;
}

static void any_one_failing_call_is_got_over(void)
{
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        unsigned nth = 1;

        while (fails_the_nth(&phases[i], nth))
            nth++;
        printf("# %s: %u calls\n", phases[i].name, nth - 1);
        CU_ASSERT(nth > 3);
    }
}

/* A start either fails with a sentence or comes to the same end. */
static bool start_fails_the_nth(unsigned nth)
{
    char why[WHY_SIZE] = "";
    bool failed;

    stage_open(&s, 3);
    stage_start_daemon(&s);
    left_by_another_daemon();
    s.daemon.platform = fake_xen_domain(s.fx, 3);
    fake_xen_fail(s.fx, 3, NULL, nth, EIO);
    s.supervisor = supervisor_new(&s.daemon, why);
    if (s.supervisor) {
        stage_wait(&s, B "/state", "2");
        CU_ASSERT(stage_is(&s, B "/device/1/state", "added"));
        CU_ASSERT(stage_is(&s, B "/released/1", NULL));
        CU_ASSERT_EQUAL(worker()->last_add.device.number, 1);
    } else {
        CU_ASSERT(strlen(why) > 0);
        platform_close(s.daemon.platform);
    }
    failed = fake_xen_failed(s.fx);
    if (!failed)
        fake_xen_fail(s.fx, 3, NULL, 0, 0);
    stage_close(&s);
    return failed;
}

static void any_one_failing_call_at_the_start_is_got_over_or_told(void)
{
    unsigned nth = 1;

    while (start_fails_the_nth(nth))
        nth++;
    printf("# %u calls\n", nth - 1);
    CU_ASSERT(nth > 10);
}

static void a_watch_that_cannot_be_read_loses_nothing(void)
{
    stage_open(&s, 3);
    stage_start_daemon(&s);
    stage_settle(&s);
    fake_xen_fail(s.fx, 3, "xs_next_watch", 1, EIO);
    stage_make_bus(&s, 7);
    stage_wait(&s, B "/state", "2");
    CU_ASSERT(fake_xen_failed(s.fx));
    stage_connect(&s, s.guest, 7);
    stage_close(&s);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(a_dead_worker_is_replaced_with_its_devices),
        TEST(the_guest_waits_until_its_devices_are_back),
        TEST(a_removal_under_way_survives_the_worker),
        TEST(a_worker_that_keeps_dying_is_given_up),
        TEST(a_worker_that_dies_now_and_then_is_not_given_up),
        TEST(what_the_worker_reports_closes_the_bus),
        TEST(a_worker_that_cannot_map_closes_the_bus),
        TEST(a_failed_offer_does_not_fail_the_next),
        TEST(a_worker_that_lies_is_replaced),
        TEST(a_worker_that_talks_nonsense_is_replaced),
        TEST(a_worker_that_does_not_answer_is_replaced),
        TEST(a_worker_that_repeats_itself_is_replaced),
        TEST(paying_one_debt_does_not_put_off_another),
        TEST(a_bus_that_is_given_up_says_so_whatever_came_before),
        TEST(a_worker_that_cannot_be_started_is_tried_again),
        TEST(any_one_failing_call_is_got_over),
        TEST(any_one_failing_call_at_the_start_is_got_over_or_told),
        TEST(a_watch_that_cannot_be_read_loses_nothing),
        {NULL, NULL},
    };

    return test_main("supervisor failures", cases);
}
