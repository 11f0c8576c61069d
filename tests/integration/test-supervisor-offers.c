/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a frontend writes in xenstore: offers, good, bad and changing, and why it
 * closes the bus. */

#include <string.h>

#include "backend/log.h"
#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define PAUSE UINT64_C(100000000) /* between two advertisements */

#define LONGER_THAN_A_LIMIT UINT64_C(20000000000)

static struct stage s;

/* ---- what a frontend may not write ---- */

struct bad_value {
    const char *key;
    const char *value; /* NULL: the node is missing */
    const char *expected;
};

static const struct bad_value bad_offers[] = {
    {"version", NULL, "device/virtio-msg/0/version: missing"},
    {"version", "2", "device/virtio-msg/0/version: 2 is not 1"},
    {"version", "1 ", "version: 1  is not 1"},
    {"version", "", "version: nothing is not 1"},
    {"wire-form", NULL, "wire-form: missing"},
    {"wire-form", "narrow", "wire-form: narrow is not wide or compact"},
    {"wire-form", "\033[2Jwide", "wire-form: ?[2Jwide is not wide or compact"},
    {"message-size", "59", "message-size: 59 is not 60 to 65535"},
    {"message-size", "65536", "message-size: 65536 is not 60 to 65535"},
    {"message-size", "18446744073709551888", "message-size: 18446744073709551888 is not 60"},
    {"message-size", "0x110", "message-size: 0x110 is not 60 to 65535"},
    {"message-size", "-272", "message-size: -272 is not 60 to 65535"},
    {"message-size", "8000", "message-size: 8000 bytes do not fit a ring of order 1"},
    {"ring-page-order", NULL, "ring-page-order: missing"},
    {"ring-page-order", "99", "device/virtio-msg/0/ring-page-order: 99 is not 0 to 6"},
    {"ring-page-order", "7", "ring-page-order: 7 is not 0 to 6"},
    {"ring-page-order", "4294967296", "ring-page-order: 4294967296 is not 0 to 6"},
    {"ring-page-order", "2", "ring-ref-2: missing"},
    {"ring-ref-1", NULL, "ring-ref-1: missing"},
    {"ring-ref-0", "4294967296", "ring-ref-0: 4294967296 is not 0 to 4294967295"},
    {"ring-ref-0", "all of them", "ring-ref-0: all of them is not 0 to 4294967295"},
    {"event-channel", NULL, "event-channel: missing"},
    {"event-channel", "0", "event-channel: 0 is not 1 to"},
    {"event-channel", "4294967301", "event-channel: 4294967301 is not 1 to"},
    {"transport-features", "2", "transport-features: 2 is not a part of the bits offered, 1"},
    {"transport-features", "3", "transport-features: 3 is not a part of the bits offered, 1"},
    {"transport-features", "18446744073709551614", "is not a part of the bits offered, 1"},
    {"transport-features", "18446744073709551616", "is not 0 to 18446744073709551615"},
    {"transport-features", "-1", "transport-features: -1 is not 0 to"},
    {"transport-features", NULL, "transport-features: missing"},
    {"state", "7", "device/virtio-msg/0/state: 7 is not 1 to 6"},
    {"feature-queue-doorbell", "2", "feature-queue-doorbell: 2 is not 0 to 1"},
    {"feature-queue-resume", "yes", "feature-queue-resume: yes is not 0 to 1"},
    {"state", "three", "state: three is not 1 to 6"},
    {"state", "", "state: nothing is not 1 to 6"},
};

/* Good offer, one value spoilt, Initialised: all in one transaction. */
static int spoilt_offer(struct platform *p, platform_tx tx, void *user)
{
    static const char *const good[][2] = {
        {"version", "1"},       {"wire-form", "wide"},  {"message-size", "272"},
        {"event-channel", "5"}, {"ring-ref-0", "100"},  {"ring-ref-1", "101"},
        {"state", "3"},         {"ring-page-order", "1"}, {"transport-features", "0"},
        {"feature-queue-doorbell", "1"}, {"feature-queue-resume", "1"},
    };
    const struct bad_value *bad = user;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        store_write_text(p, tx, F7, good[i][0], good[i][1]);
    return bad->value ? store_write_text(p, tx, F7, bad->key, bad->value)
                      : store_remove(p, tx, F7, bad->key);
}

static void a_bad_value_closes_its_bus_by_name(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_connect(&s, s.other, 8);
    stage_make_bus(&s, 7);
    for (size_t i = 0; i < sizeof(bad_offers) / sizeof(bad_offers[0]); i++) {
        stage_wait(&s, B7 "/state", "2");
        CU_ASSERT_EQUAL(store_transaction(s.guest, spoilt_offer, (void *)&bad_offers[i]), 0);
        stage_wait(&s, B7 "/state", "5");
        CU_ASSERT(stage_says(&s, B7 "/error", bad_offers[i].expected));
        CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_CONNECT], 0);

        /* The frontend sees it, says so, and starts anew. */
        fake_xen_advance(s.fx, PAUSE);
        stage_write(s.guest, F7 "/state", "6");
        stage_wait(&s, B7 "/state", "6");
        stage_begin(s.guest, 7);
        stage_wait(&s, B7 "/state", "2");
        CU_ASSERT(stage_is(&s, B7 "/error", NULL));
    }
    stage_connect(&s, s.guest, 7);
    CU_ASSERT(stage_is(&s, B8 "/state", "4"));
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 8 bus 0")->got[IPC_DISCONNECT], 0);
    stage_close(&s);
}

static void the_compact_form_has_its_own_least_size(void)
{
    struct bad_value compact = {"wire-form", "compact", ""};

    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT_EQUAL(store_transaction(s.guest, spoilt_offer, &compact), 0);
    stage_wait(&s, B7 "/state", "4");
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->last.connect.wire_form, MSG_COMPACT);
    stage_close(&s);
}

static void a_part_of_the_transport_features_may_be_accepted(void)
{
    struct bad_value strict = {"transport-features", "1", ""};

    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT_EQUAL(store_transaction(s.guest, spoilt_offer, &strict), 0);
    stage_wait(&s, B7 "/state", "4");
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->last.connect.transport_features,
                    MSG_F_STRICT_CONFIG_GENERATION);
    stage_close(&s);
}

static void an_unreadable_value_is_the_frontends_fault(void)
{
    struct platform_perm mine = {.domid = 7};

    stage_open(&s, 3);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, "/local/domain/3/backend/virtio-msg/7/0/state", "2");
    stage_write(s.guest, F7 "/version", "1");
    CU_ASSERT_EQUAL(s.guest->ops->xs_set_perms(s.guest, PLATFORM_NO_TX, F7 "/version", &mine, 1),
                    0);
    stage_offer(&s, s.guest, 7);
    stage_wait(&s, "/local/domain/3/backend/virtio-msg/7/0/state", "5");
    CU_ASSERT(stage_says(&s, "/local/domain/3/backend/virtio-msg/7/0/error", "version: "));
    stage_close(&s);
}

static void an_offer_that_changes_is_mapped_anew(void)
{
    struct stage_worker *w;

    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_offer(&s, s.guest, 7);
    stage_settle(&s);
    w = stage_worker(&s, "dom 7 bus 0");
    CU_ASSERT_EQUAL(w->got[IPC_CONNECT], 1);
    stage_write(s.guest, F7 "/ring-ref-0", "200");
    s.mute = false;
    stage_worker_says(w, IPC_CONNECTED, 0, "");
    stage_wait(&s, B7 "/state", "4");
    CU_ASSERT_EQUAL(w->got[IPC_DISCONNECT], 1);
    CU_ASSERT_EQUAL(w->got[IPC_CONNECT], 2);
    CU_ASSERT_EQUAL(w->last.connect.ring_refs[0], 200);
    stage_close(&s);
}

static void an_offer_taken_back_is_not_connected(void)
{
    stage_open(&s, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    s.mute = true;
    stage_offer(&s, s.guest, 7);
    stage_settle(&s);
    stage_begin(s.guest, 7);
    stage_worker_says(stage_worker(&s, "dom 7 bus 0"), IPC_CONNECTED, 0, "");
    stage_settle(&s);
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DISCONNECT], 1);
    CU_ASSERT(stage_is(&s, B7 "/state", "2"));
    s.mute = false;
    stage_worker_says(stage_worker(&s, "dom 7 bus 0"), IPC_DISCONNECTED, 0, "");
    stage_connect(&s, s.guest, 7);
    stage_close(&s);
}

static void a_frontend_that_deletes_its_home_is_let_go(void)
{
    stage_open_connected(&s);
    stage_remove(s.guest, F7);
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_DISCONNECT], 1);
    stage_close(&s);
}

/* ---- a frontend that says why it closes ---- */

struct farewell {
    const char *state;
    const char *error;
};

static int farewell_body(struct platform *p, platform_tx tx, void *user)
{
    const struct farewell *f = user;

    if (f->error && store_write_text(p, tx, F7, "error", f->error) < 0)
        return -1;
    return store_write_text(p, tx, F7, "state", f->state);
}

static void say_farewell(const char *state, const char *error)
{
    struct farewell f = {state, error};

    CU_ASSERT_EQUAL(store_transaction(s.guest, farewell_body, &f), 0);
    stage_settle(&s);
}

static void open_for_farewells(void)
{
    stage_open(&s, 0);
    log_set_level(LOG_LEVEL_WARNING);
    stage_start_daemon(&s);
}

/* While connected, and when it does not like what the backend offers. */
static void close_with_a_reason(void)
{
    open_for_farewells();
    stage_connect(&s, s.guest, 7);
    say_farewell("5", "the ring's \033[2Jproducer index is impossible");
    fake_xen_advance(s.fx, LONGER_THAN_A_LIMIT);
    say_farewell("6", NULL);
    stage_close(&s);
}

static void refuse_the_backend(void)
{
    open_for_farewells();
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
    say_farewell("6", "the backend does not speak the compact form");
    CU_ASSERT(stage_is(&s, B7 "/state", "2"));
    stage_close(&s);
}

static void close_for_ever_new_reasons(void)
{
    open_for_farewells();
    for (int i = 0; i < 30; i++) {
        stage_connect(&s, s.guest, 7);
        say_farewell("6", store_path("reason %d", i).text);
        stage_begin(s.guest, 7);
        stage_settle(&s);
        fake_xen_advance(s.fx, PAUSE);
    }
    stage_close(&s);
}

/* Too long, or nothing at all: cut, or passed by. */
static void close_with_odd_reasons(void)
{
    char endless[1000] = "endless ";

    memset(endless + 8, 'a', sizeof(endless) - 9);
    endless[sizeof(endless) - 1] = '\0';
    open_for_farewells();
    stage_connect(&s, s.guest, 7);
    say_farewell("5", "");
    say_farewell("6", endless);
    stage_close(&s);
}

static void the_guests_reason_is_logged(void)
{
    CU_ASSERT_EQUAL(test_count_lines(close_with_a_reason, "dom 7 bus 0: the guest closed the bus: "
                                     "the ring's ?[2Jproducer index is impossible"), 1);
    CU_ASSERT_EQUAL(test_count_lines(refuse_the_backend, "the guest closed the bus: the backend "
                                     "does not speak the compact form"), 1);
    CU_ASSERT_EQUAL(test_count_lines(close_for_ever_new_reasons, "the guest closed the bus"), 1);
    CU_ASSERT_EQUAL(test_count_lines(close_with_odd_reasons, "closed the bus: endless"), 1);
    CU_ASSERT_EQUAL(test_count_lines(close_with_odd_reasons, "the guest closed the bus"), 1);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(a_bad_value_closes_its_bus_by_name),
        TEST(the_compact_form_has_its_own_least_size),
        TEST(a_part_of_the_transport_features_may_be_accepted),
        TEST(an_unreadable_value_is_the_frontends_fault),
        TEST(an_offer_that_changes_is_mapped_anew),
        TEST(an_offer_taken_back_is_not_connected),
        TEST(a_frontend_that_deletes_its_home_is_let_go),
        TEST(the_guests_reason_is_logged),
        {NULL, NULL},
    };

    return test_main("supervisor offers", cases);
}
