/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Buses of the supervisor: advertising, connecting, going away. */

#include <errno.h>

#include "backend/log.h"
#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

static struct stage s;

static void advertises_a_new_bus(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT(stage_is(&s, B7 "/versions", "1"));
    CU_ASSERT(stage_is(&s, B7 "/max-message-size", "65535"));
    CU_ASSERT(stage_is(&s, B7 "/max-ring-page-order", "6"));
    CU_ASSERT(stage_is(&s, B7 "/transport-revision", "1"));
    CU_ASSERT(stage_is(&s, B7 "/transport-features", "1"));
    CU_ASSERT(stage_is(&s, B7 "/feature-wire-compact", "1"));
    CU_ASSERT(stage_is(&s, B7 "/error", NULL));
    CU_ASSERT(stage_keeps_schema(&s));
    CU_ASSERT_EQUAL(s.spawned, 1);
    stage_close(&s);
}

static void connects(void)
{
    stage_open_connected(&s);

    struct stage_worker *w = stage_worker(&s, "dom 7 bus 0");

    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    CU_ASSERT_EQUAL(w->got[IPC_CONNECT], 1);
    CU_ASSERT_EQUAL(w->last.connect.frontend_domid, 7);
    CU_ASSERT_EQUAL(w->last.connect.event_channel, 5);
    CU_ASSERT_EQUAL(w->last.connect.message_size, 272);
    CU_ASSERT_EQUAL(w->last.connect.ring_page_order, 1);
    CU_ASSERT_EQUAL(w->last.connect.ring_refs[0], 100);
    CU_ASSERT_EQUAL(w->last.connect.ring_refs[1], 101);
    CU_ASSERT_EQUAL(w->last.connect.wire_form, MSG_WIDE);
    CU_ASSERT_EQUAL(w->last.max_shared_pages, s.daemon.max_shared_pages);
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

static void works_in_a_driver_domain(void)
{
    stage_open(&s, 3);
    stage_start_daemon(&s);
    stage_connect(&s, s.guest, 7);
    stage_request(&s, "disk", stage_target(&s, "disk", 4096));
    stage_wait(&s, "/local/domain/3/backend/virtio-msg/7/0/device/1/state", "added");
    CU_ASSERT(stage_keeps_schema(&s));
    stage_close(&s);
}

#define DRIVEN "/local/domain/3/backend/virtio-msg/7"

/* As the toolstack makes it: what is of a guest belongs to the backend's domain. */
static void give_to_the_driver_domain(void)
{
    const struct platform_perm owner = {.domid = 3};

    CU_ASSERT_EQUAL(s.toolstack->ops->xs_set_perms(s.toolstack, PLATFORM_NO_TX, DRIVEN, &owner, 1),
                    0);
}

/* Which is not told who lives, and has to look when it starts. */
static void a_driver_domain_keeps_the_living_and_buries_the_dead(void)
{
    stage_open(&s, 3);
    stage_start_daemon(&s);
    stage_connect(&s, s.guest, 7);
    give_to_the_driver_domain();
    stage_request(&s, "disk", stage_target(&s, "disk", 4096));
    stage_wait(&s, DRIVEN "/0/device/1/state", "added");
    stage_stop_daemon(&s);
    stage_start_daemon(&s);
    stage_wait(&s, DRIVEN "/0/state", "2");
    CU_ASSERT(stage_is(&s, DRIVEN "/0/device/1/state", "added"));
    stage_stop_daemon(&s);
    fake_xen_destroy_domain(s.fx, 7);
    stage_start_daemon(&s);
    stage_wait(&s, DRIVEN, NULL);
    stage_close(&s);
}

static const struct platform_ops *real_ops;
static bool made_meanwhile;

/* When the daemon has looked and is about to remove, domain 0 makes the guest's first bus. */
static int remove_late(struct platform *p, platform_tx tx, const char *path)
{
    if (!made_meanwhile && strcmp(path, DRIVEN) == 0) {
        made_meanwhile = true;
        stage_make_bus(&s, 7);
    }
    return real_ops->xs_remove(p, tx, path);
}

static void a_bus_made_while_a_driver_domain_buries_stays(void)
{
    struct platform_ops ops;

    stage_open(&s, 3);
    CU_ASSERT_EQUAL(s.toolstack->ops->xs_mkdir(s.toolstack, PLATFORM_NO_TX, DRIVEN), 0);
    give_to_the_driver_domain();
    made_meanwhile = false;
    stage_start_daemon(&s);
    real_ops = s.daemon.platform->ops;
    ops = *real_ops;
    ops.xs_remove = remove_late;
    s.daemon.platform->ops = &ops;
    stage_settle(&s);
    CU_ASSERT(made_meanwhile);
    CU_ASSERT(stage_is(&s, DRIVEN "/0/online", "1"));
    CU_ASSERT(stage_is(&s, DRIVEN "/0/state", "2"));
    s.daemon.platform->ops = real_ops;
    stage_close(&s);
}

static void a_driver_that_leaves_frees_the_ring_and_may_return(void)
{
    static const char *const ways[] = {"1", "5", "6"};

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        stage_open(&s, 0);
        stage_start_daemon(&s);
        stage_connect(&s, s.guest, 7);
        stage_write(s.guest, F7 "/state", ways[i]);
        stage_wait(&s, B7 "/state", "2");
        CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DISCONNECT], 1);
        stage_connect(&s, s.guest, 7);
        CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_CONNECT], 2);
        CU_ASSERT_EQUAL(s.spawned, 1);
        stage_close(&s);
    }
}

static void the_ring_is_let_go_before_a_new_one_is_asked_for(void)
{
    stage_open_connected(&s);
    s.mute = true;
    stage_begin(s.guest, 7);
    stage_settle(&s);
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DISCONNECT], 1);
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));
    stage_worker_says(stage_worker(&s, "dom 7 bus 0"), IPC_DISCONNECTED, 0, "");
    stage_wait(&s, B7 "/state", "2");
    stage_close(&s);
}

/* ---- a driver that starts anew, and anew ---- */

#define PAUSE UINT64_C(100000000)

static void connect_often(void)
{
    stage_open(&s, 0);
    log_set_level(LOG_LEVEL_INFO);
    stage_start_daemon(&s);
    for (int i = 0; i < 30; i++) {
        stage_connect(&s, s.guest, 7);
        stage_begin(s.guest, 7);
        stage_settle(&s);
        fake_xen_advance(s.fx, PAUSE);
    }
    stage_close(&s);
}

static void connecting_often_is_said_once(void)
{
    CU_ASSERT_EQUAL(test_count_lines(connect_often, ": connected"), 1);
    CU_ASSERT_EQUAL(test_count_lines(connect_often, ": disconnected: the guest's driver left"), 1);
}

/* The clock stands still: ten are served at once, the next has to wait. */
static void connecting_in_a_loop_is_slowed_down(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    for (int i = 0; i < 10; i++) {
        stage_connect(&s, s.guest, 7);
        stage_begin(s.guest, 7);
        stage_settle(&s);
    }
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DISCONNECT], 10);
    fake_xen_advance(s.fx, PAUSE);
    stage_connect(&s, s.guest, 7);
    stage_begin(s.guest, 7);
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));
    fake_xen_advance(s.fx, PAUSE);
    stage_wait(&s, B7 "/state", "2");
    stage_close(&s);
}

/* ---- the toolstack's side ---- */

static void a_removed_bus_is_let_go_and_stays_removed(void)
{
    stage_open_connected(&s);
    stage_remove(s.toolstack, B7);
    stage_settle(&s);
    CU_ASSERT_PTR_NULL(stage_worker(&s, "dom 7 bus 0"));
    CU_ASSERT(stage_is(&s, B7, NULL));
    stage_close(&s);
}

static void a_worker_that_answers_late_does_not_bring_a_bus_back(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_offer(&s, s.guest, 7);
    stage_settle(&s);
    /* The supervisor hears of the removal only after it has acted. */
    fake_xen_fail(s.fx, 0, "xs_next_watch", 1, EIO);
    stage_worker_says(stage_worker(&s, "dom 7 bus 0"), IPC_CONNECTED, 0, "");
    stage_remove(s.toolstack, B7);
    stage_settle(&s);
    CU_ASSERT(fake_xen_failed(s.fx));
    CU_ASSERT(stage_is(&s, B7, NULL));
    stage_close(&s);
}

static void a_bus_made_anew_is_a_new_bus(void)
{
    stage_open_connected(&s);
    stage_remove(s.toolstack, B7);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT_EQUAL(s.spawned, 2);
    stage_connect(&s, s.guest, 7);
    stage_close(&s);
}

static void going_offline_closes_in_order(void)
{
    stage_open_connected(&s);
    stage_add_disk(&s);
    stage_write(s.guest, F7 "/device/1/state", "in-use");
    stage_write(s.toolstack, B7 "/online", "0");
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/device/1/state", "removing"));
    CU_ASSERT(stage_is(&s, B7 "/state", "4"));
    stage_write(s.guest, F7 "/device/1/state", "released");
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    CU_ASSERT(stage_is(&s, B7 "/error", NULL));
    stage_write(s.guest, F7 "/state", "6");
    stage_wait(&s, B7 "/state", "6");
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DISCONNECT], 1);

    /* Offline, nobody gets in; online again, all do. */
    stage_begin(s.guest, 7);
    stage_settle(&s);
    CU_ASSERT(stage_is(&s, B7 "/state", "6"));
    stage_write(s.toolstack, B7 "/online", "1");
    stage_wait(&s, B7 "/state", "2");
    stage_connect(&s, s.guest, 7);
    stage_close(&s);
}

static void nonsense_does_not_keep_a_bus_that_is_to_go(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    for (int online = 0; online < 2; online++) {
        stage_connect(&s, s.guest, 7);
        stage_write(s.toolstack, online ? F7 "/state" : B7 "/online", online ? "nonsense" : "0");
        stage_settle(&s);
        stage_write(s.toolstack, online ? B7 "/online" : F7 "/state", online ? "0" : "nonsense");
        stage_settle(&s);
        CU_ASSERT(stage_is(&s, B7 "/state", "6"));
        CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DISCONNECT], 1u + (unsigned)online);
        stage_write(s.toolstack, B7 "/online", "1");
        stage_begin(s.guest, 7);
        stage_settle(&s);
    }
    CU_ASSERT_EQUAL(s.spawned, 1);
    stage_close(&s);
}

static void a_dead_domain_leaves_nothing(void)
{
    stage_open_connected(&s);
    stage_connect(&s, s.other, 8);
    stage_add_disk(&s);
    fake_xen_destroy_domain(s.fx, 7);
    stage_wait(&s, "/local/domain/0/backend/virtio-msg/7", NULL);
    CU_ASSERT_PTR_NULL(stage_worker(&s, "dom 7 bus 0"));
    CU_ASSERT(stage_is(&s, B8 "/state", "4"));
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 8 bus 0")->got[IPC_DISCONNECT], 0);
    stage_close(&s);
}

static void a_domain_that_died_before_is_buried_at_the_start(void)
{
    stage_open(&s, 0);
    stage_make_bus(&s, 7);
    fake_xen_destroy_domain(s.fx, 7);
    stage_start_daemon(&s);
    stage_wait(&s, "/local/domain/0/backend/virtio-msg/7", NULL);
    stage_close(&s);
}

static void there_is_one_daemon(void)
{
    struct daemon second;
    char why[WHY_SIZE];

    stage_open(&s, 0);
    stage_start_daemon(&s);
    second = s.daemon;
    second.work = NULL;
    second.platform = fake_xen_domain(s.fx, 0);
    CU_ASSERT_PTR_NULL(supervisor_new(&second, why));
    CU_ASSERT_STRING_EQUAL(why, "another xvmsgd is running");
    platform_close(second.platform);
    stage_close(&s);
}

static void a_new_daemon_advertises_whatever_it_finds(void)
{
    static const char *const states[] = {"1", "2", "3", "4", "5", "6", "nonsense"};

    stage_open(&s, 0);
    stage_make_bus(&s, 7);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        stage_write(s.toolstack, B7 "/state", states[i]);
        stage_write(s.toolstack, B7 "/error", "of another time");
        stage_start_daemon(&s);
        stage_wait(&s, B7 "/state", "2");
        CU_ASSERT(stage_is(&s, B7 "/error", NULL));
        stage_stop_daemon(&s);
    }
    stage_close(&s);
}

static void odd_directories_are_passed_by(void)
{
    static const char *const odd[] = {"/x", "/7", "/7/zero", "/99999/0", "/8/5000000000/frontend",
                                      "/7/1/request/disk/type"};

    stage_open(&s, 0);
    stage_start_daemon(&s);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        stage_write(s.toolstack,
                    store_path("/local/domain/0/backend/virtio-msg%s", odd[i]).text, "");
    stage_connect(&s, s.other, 8);
    CU_ASSERT_EQUAL(s.spawned, 1);
    stage_close(&s);
}

/* The number is there already, so that a toolstack may ask at any time. */
static void a_removal_asked_for_while_the_daemon_restores_is_not_lost(void)
{
    stage_open_connected(&s);
    stage_add_disk(&s);
    stage_stop_daemon(&s);
    s.mute = true;
    stage_start_daemon(&s);
    stage_settle(&s);
    stage_write(s.toolstack, B7 "/request/disk/remove", "orderly");
    stage_settle(&s);
    s.mute = false;
    stage_worker_says(stage_worker(&s, "dom 7 bus 0"), IPC_DEVICE_ADDED, 1, "");
    stage_wait(&s, B7 "/request/disk", NULL);
    stage_close(&s);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(advertises_a_new_bus),
        TEST(connects),
        TEST(works_in_a_driver_domain),
        TEST(a_driver_domain_keeps_the_living_and_buries_the_dead),
        TEST(a_bus_made_while_a_driver_domain_buries_stays),
        TEST(a_driver_that_leaves_frees_the_ring_and_may_return),
        TEST(the_ring_is_let_go_before_a_new_one_is_asked_for),
        TEST(connecting_often_is_said_once),
        TEST(connecting_in_a_loop_is_slowed_down),
        TEST(a_removed_bus_is_let_go_and_stays_removed),
        TEST(a_worker_that_answers_late_does_not_bring_a_bus_back),
        TEST(a_bus_made_anew_is_a_new_bus),
        TEST(going_offline_closes_in_order),
        TEST(nonsense_does_not_keep_a_bus_that_is_to_go),
        TEST(a_dead_domain_leaves_nothing),
        TEST(a_domain_that_died_before_is_buried_at_the_start),
        TEST(there_is_one_daemon),
        TEST(a_new_daemon_advertises_whatever_it_finds),
        TEST(odd_directories_are_passed_by),
        TEST(a_removal_asked_for_while_the_daemon_restores_is_not_lost),
    {NULL, NULL},
    };

    return test_main("supervisor", cases);
}
