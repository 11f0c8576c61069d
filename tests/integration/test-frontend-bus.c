/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's connection: handshake in every order, losing it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/listener.h"
#include "xenstore-schema/schema.h"

static void complain(const char *path, const char *why, void *user)
{
    (void)user;
    printf("# %s: %s\n", path, why);
}

/* ---- handshake ---- */

static void connects_whatever_comes_first(void)
{
    /* The order in which bus, backend and frontend turn up. */
    static const char orders[][4] = {"bac", "bca", "cba"};

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct backend *b = listener_new();

        for (const char *step = orders[i]; *step; step++) {
            if (*step == 'b')
                backend_make_bus(b);
            else if (*step == 'a')
                backend_advertise(b);
            else
                CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
            backend_settle(b);
        }
        CU_ASSERT_STRING_EQUAL(heard, "up ");
        CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "4"));
        CU_ASSERT_EQUAL(schema_check_bus(b->dom0, 0, BACKEND_GUEST, 0, complain, NULL), 0);
        backend_free(b);
    }
}

static void offers_what_was_asked_within_what_the_backend_can(void)
{
    struct backend *b = listener_new();

    backend_make_bus(b);
    backend_advertise(b);
    backend_write(b, XS_MAX_MESSAGE_SIZE, "100");
    backend_write(b, XS_MAX_RING_PAGE_ORDER, "1");
    CU_ASSERT_EQUAL(xvmsg_set_wire_form(b->h, XVMSG_COMPACT), 0);
    CU_ASSERT_EQUAL(xvmsg_set_ring_order(b->h, 5), 0);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
    CU_ASSERT_TRUE(backend_front_is(b, XS_MESSAGE_SIZE, "100"));
    CU_ASSERT_TRUE(backend_front_is(b, XS_RING_PAGE_ORDER, "1"));
    CU_ASSERT_TRUE(backend_front_is(b, XS_WIRE_FORM, "compact"));
    CU_ASSERT_TRUE(backend_front_is(b, XS_VERSION, "1"));
    CU_ASSERT_TRUE(backend_front_is(b, XS_TRANSPORT_FEATURES, "0"));
    CU_ASSERT_TRUE(backend_front_is(b, "ring-ref-2", NULL));
    backend_free(b);
}

static void the_strict_profile_needs_both_ends(void)
{
    static const struct {
        const char *offered;
        bool wanted;
        const char *chosen;
    } cases[] = {
        {"0", true, "0"}, {"1", false, "0"}, {"1", true, "1"},
        {"18446744073709551615", true, "1"}, {"18446744073709551614", true, "0"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct backend *b = listener_new();

        backend_make_bus(b);
        backend_advertise(b);
        backend_write(b, XS_TRANSPORT_FEATURES, cases[i].offered);
        CU_ASSERT_EQUAL(xvmsg_set_strict_config(b->h, cases[i].wanted), 0);
        CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
        CU_ASSERT_FALSE(xvmsg_is_strict(b->h));
        backend_settle(b);
        CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
        CU_ASSERT_TRUE(backend_front_is(b, XS_TRANSPORT_FEATURES, cases[i].chosen));
        CU_ASSERT_EQUAL(xvmsg_is_strict(b->h), cases[i].chosen[0] == '1');
        CU_ASSERT_EQUAL(xvmsg_set_strict_config(b->h, true), -1);
        CU_ASSERT_EQUAL(errno, EBUSY);
        backend_remove_bus(b);
        backend_settle(b);
        CU_ASSERT_FALSE(xvmsg_is_strict(b->h));
        backend_free(b);
    }
}

static void takes_over_what_an_earlier_driver_left(void)
{
    struct backend *b = listener_new();

    backend_make_bus(b);
    backend_write_front(b, XS_STATE, "4");
    backend_write_front(b, "ring-ref-0", "9");
    backend_write_front(b, "ring-ref-1", "10");
    backend_write_front(b, XS_ERROR, "an old story");
    backend_write_front(b, "device/7/state", "in-use");
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "1"));
    CU_ASSERT_TRUE(backend_front_is(b, "ring-ref-0", NULL));
    CU_ASSERT_TRUE(backend_front_is(b, "ring-ref-1", NULL));
    CU_ASSERT_TRUE(backend_front_is(b, XS_ERROR, NULL));
    CU_ASSERT_TRUE(backend_front_is(b, "device/7/state", NULL));
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up ");
    backend_free(b);
}

static void says_why_it_cannot_connect(void)
{
    static const struct {
        const char *key;
        const char *value;
        const char *words;
    } cases[] = {
        {XS_VERSIONS, "2,3", "versions '2,3'"},
        {XS_VERSIONS, NULL, "version"},
        {XS_VERSIONS, "11", "versions"},
        {XS_MAX_MESSAGE_SIZE, "59", "max-message-size"},
        {XS_MAX_MESSAGE_SIZE, "70000", "max-message-size"},
        {XS_MAX_MESSAGE_SIZE, "-272", "max-message-size"},
        {XS_MAX_RING_PAGE_ORDER, "lots", "max-ring-page-order"},
        {XS_TRANSPORT_REVISION, "0", "transport-revision"},
        {XS_TRANSPORT_FEATURES, NULL, "transport-features"},
        {XS_TRANSPORT_FEATURES, "strict", "transport-features"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct backend *b = listener_new();

        backend_make_bus(b);
        backend_advertise(b);
        backend_write(b, cases[i].key, cases[i].value);
        CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
        backend_settle(b);
        CU_ASSERT_FALSE(xvmsg_is_connected(b->h));
        CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), cases[i].words));
        CU_ASSERT_TRUE(backend_front_says(b, XS_ERROR, cases[i].words));
        CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "6"));
        CU_ASSERT_STRING_EQUAL(heard, "down ");
        /* A backend that comes back with what is needed is taken. */
        backend_advertise(b);
        backend_settle(b);
        CU_ASSERT_STRING_EQUAL(heard, "down up ");
        CU_ASSERT_TRUE(backend_front_is(b, XS_ERROR, NULL));
        backend_free(b);
    }
}

static void wants_the_compact_form_offered(void)
{
    struct backend *b = listener_new();

    backend_make_bus(b);
    backend_advertise(b);
    backend_write(b, XS_FEATURE_WIRE_COMPACT, "0");
    CU_ASSERT_EQUAL(xvmsg_set_wire_form(b->h, XVMSG_COMPACT), 0);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(backend_front_says(b, XS_ERROR, "compact"));
    backend_free(b);
}

static void ignores_a_bus_whose_backend_is_not_where_it_must_be(void)
{
    struct backend *b = listener_new();

    backend_make_bus(b);
    backend_advertise(b);
    backend_write_front(b, XS_BACKEND, "/local/domain/0/backend/virtio-msg/6/0");
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "");
    CU_ASSERT_EQUAL(xvmsg_connect_wait(b->h, 0), -1);
    CU_ASSERT_EQUAL(errno, ETIMEDOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "virtio-msg/6/0"));
    backend_write_front(b, XS_BACKEND, BACKEND_B);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up ");
    backend_free(b);
}

static void tells_how_far_it_came(void)
{
    struct backend *b = listener_new();

    CU_ASSERT_EQUAL(xvmsg_connect_wait(b->h, 0), -1);
    CU_ASSERT_EQUAL(errno, ETIMEDOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "xvmsg attach"));
    backend_make_bus(b);
    backend_settle(b);
    CU_ASSERT_EQUAL(xvmsg_connect_wait(b->h, 0), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "xvmsgd"));
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_EQUAL(xvmsg_connect_wait(b->h, 0), 0);
    backend_free(b);
}

static void one_driver_at_a_time(void)
{
    struct backend *b = listener_connected();
    struct platform *p = fake_xen_domain(b->fx, BACKEND_GUEST);
    struct xvmsg *other = xvmsg_new_on(p);

    CU_ASSERT_EQUAL(xvmsg_connect(other), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(other), "another process"));
    xvmsg_free(other);
    CU_ASSERT_EQUAL(xvmsg_set_bus(b->h, 1), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    backend_free(b);
}

static void a_bus_of_the_kernel_is_left_to_it(void)
{
    struct backend *b = listener_new();

    fake_xen_give_bus_to_kernel(b->fx, BACKEND_GUEST, 0);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "the kernel"));
    CU_ASSERT_EQUAL(xvmsg_set_bus(b->h, 1), 0);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_free(b);
}

/* ---- losing it ---- */

static void reconnects_when_the_backend_starts_anew(void)
{
    struct backend *b = listener_connected();

    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up down up ");
    CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).open_ports, 2);
    backend_free(b);
}

static void a_closing_backend_is_left_with_its_words(void)
{
    struct backend *b = listener_connected();

    backend_drop(b);
    backend_write(b, XS_ERROR, "the ring is broken");
    backend_write(b, XS_STATE, "5");
    xvmsg_process(b->h);
    CU_ASSERT_STRING_EQUAL(heard, "up down ");
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "the ring is broken"));
    CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "6"));
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).shared_pages, 0);
    /* The bus had worked, so the driver asks for it once more. */
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up down up ");
    backend_free(b);
}

static void a_backend_that_refuses_the_offer_is_not_asked_again(void)
{
    struct backend *b = listener_new();

    backend_make_bus(b);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    xvmsg_process(b->h);
    xvmsg_process(b->h);
    CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "3"));
    backend_write(b, XS_ERROR, "no room for the ring");
    backend_write(b, XS_STATE, "5");
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "down ");
    CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "6"));
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "no room for the ring"));
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "down up ");
    backend_free(b);
}

static void survives_its_bus_being_taken_away_and_made_again(void)
{
    struct backend *b = listener_connected();

    backend_add_disk(b, 3, "disk0");
    backend_settle(b);
    backend_remove_bus(b);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +3 down -3 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "taken away"));
    b->devices[0].present = false;
    backend_make_bus(b);
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +3 down -3 up ");
    backend_free(b);
}

static void closes_a_bus_whose_ring_lies(void)
{
    struct backend *b = listener_connected();
    struct xvmsg_ring_abi *shared = b->pages;
    unsigned maps = (unsigned)fake_xen_counters(b->fx).maps;

    shared->to_frontend.prod = 0x7fffffff;
    b->dom0->ops->evtchn_notify(b->dom0, (uint32_t)b->port);
    xvmsg_process(b->h);
    CU_ASSERT_STRING_EQUAL(heard, "up down ");
    CU_ASSERT_TRUE(backend_front_says(b, XS_ERROR, "producer index"));
    CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "6"));
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up down up ");
    CU_ASSERT(fake_xen_counters(b->fx).maps > maps);
    backend_free(b);
}

static void leaves_the_bus_closed(void)
{
    struct backend *b = listener_connected();
    struct platform *p = fake_xen_domain(b->fx, BACKEND_GUEST);

    backend_write_front(b, "device/3/state", "in-use");
    xvmsg_free(b->h);
    CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "6"));
    CU_ASSERT_TRUE(backend_front_is(b, "device/3/state", NULL));
    /* The next driver finds its way in. */
    b->h = xvmsg_new_on(p);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
    backend_free(b);
}

static unsigned shared(struct backend *b)
{
    return fake_xen_counters(b->fx).shared_pages;
}

/* A ring, and an area that its user has freed meanwhile, the other not. */
static struct backend *with_areas(unsigned *pages)
{
    struct backend *b = listener_connected();
    struct xvmsg_area *freed = xvmsg_area_new(b->h, 1, NULL, NULL);

    CU_ASSERT_PTR_NOT_NULL(xvmsg_area_new(b->h, 8 * PLATFORM_PAGE_SIZE, NULL, NULL));
    backend_settle(b);
    *pages = shared(b);
    xvmsg_area_free(freed);
    return b;
}

static void memory_stays_shared_until_the_backend_let_go(void)
{
    static const char *const ends[] = {"2", "6", NULL};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        unsigned pages;
        struct backend *b = with_areas(&pages);

        CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 0), -1);
        CU_ASSERT_EQUAL(errno, ETIMEDOUT);
        CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "6"));
        CU_ASSERT_FALSE(xvmsg_is_connected(b->h));
        CU_ASSERT_EQUAL(shared(b), pages);
        /* It closes, and has yet to let go. */
        backend_write(b, XS_STATE, "5");
        CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 0), -1);
        CU_ASSERT_EQUAL(shared(b), pages);
        backend_drop(b);
        backend_write(b, XS_STATE, ends[i]);
        CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 0), 0);
        CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "6"));
        xvmsg_free(b->h);
        CU_ASSERT_EQUAL(fake_xen_counters(b->fx).unshared_while_mapped, 0);
        b->h = NULL;
        backend_free(b);
    }
}

static void note_ready(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    (void)blk;
    *(bool *)user = status == XVMSG_OK;
}

static void count_end(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    (void)blk;
    *(unsigned *)user += status == XVMSG_CANCELLED;
}

/* With its queues and buffers in areas or at grant addresses, closed before or not. */
static void a_disk_goes_and_its_memory_stays(void)
{
    for (unsigned i = 0; i < 4; i++) {
        struct backend *b = listener_new();
        struct xvmsg_blk *blk;
        unsigned pages, cancelled = 0;
        uint8_t sector[512];
        bool ready = false;

        CU_ASSERT_EQUAL(xvmsg_set_addresses(b->h, i % 2 ? XVMSG_ADDRESS_GRANT
                                                        : XVMSG_ADDRESS_AREA), 0);
        backend_make_bus(b);
        backend_advertise(b);
        CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
        backend_settle(b);
        backend_add_disk(b, 3, "disk0")->idle = true;
        blk = xvmsg_blk_open(b->h, 3, note_ready, &ready);
        backend_settle(b);
        CU_ASSERT_TRUE_FATAL(ready);
        CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 0, sector, sizeof(sector), count_end, &cancelled), 0);
        pages = shared(b);
        if (i / 2)
            xvmsg_blk_close(blk);
        CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 0), -1);
        CU_ASSERT_EQUAL(cancelled, 1);
        CU_ASSERT_EQUAL(shared(b), pages);
        backend_handshake(b);
        CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 0), 0);
        CU_ASSERT_EQUAL(shared(b), pages);
        backend_free(b);
    }
}

static void a_backend_that_keeps_memory_is_not_waited_for_longer(void)
{
    unsigned pages;
    struct backend *b = with_areas(&pages);

    fake_xen_real_clock(b->fx);
    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 5), -1);
    CU_ASSERT_EQUAL(errno, ETIMEDOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "let go"));
    CU_ASSERT_EQUAL(shared(b), pages);
    xvmsg_free(b->h);
    CU_ASSERT_EQUAL(shared(b), 0);
    b->h = NULL;
    backend_free(b);
}

static void waits_while_the_backend_lets_go(void)
{
    unsigned pages;
    struct backend *b = with_areas(&pages);

    backend_start(b);
    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, -1), 0);
    backend_stop(b);
    xvmsg_free(b->h);
    CU_ASSERT_EQUAL(fake_xen_counters(b->fx).unshared_while_mapped, 0);
    b->h = NULL;
    backend_free(b);
}

static void note_end(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    (void)h;
    *(enum xvmsg_status *)user = reply->status;
}

static void leaving_ends_what_is_under_way(void)
{
    struct backend *b = listener_connected();
    enum xvmsg_status status = XVMSG_OK;

    CU_ASSERT_EQUAL(xvmsg_ping(b->h, 1, note_end, &status), 0);
    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 0), -1);
    CU_ASSERT_EQUAL(status, XVMSG_CANCELLED);
    backend_add_disk(b, 3, "disk0");
    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 0), -1);
    CU_ASSERT_STRING_EQUAL(heard, "up ");
    backend_free(b);
}

static void what_is_not_connected_is_left_at_once(void)
{
    struct backend *b = listener_new();

    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, -1), 0);
    backend_free(b);

    b = listener_new();
    backend_make_bus(b);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    xvmsg_process(b->h);
    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, -1), 0);
    backend_free(b);

    b = listener_connected();
    backend_remove_bus(b);
    backend_settle(b);
    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, -1), 0);
    backend_free(b);
}

static void xenstore_may_fail_while_waiting(void)
{
    struct backend *b = listener_connected();

    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, 0), -1);
    backend_write(b, XS_STATE, "5");
    fake_xen_fail(b->fx, BACKEND_GUEST, "xs_read", 1, EIO);
    CU_ASSERT_EQUAL(xvmsg_leave_wait(b->h, -1), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_STRING_EQUAL(heard, "up ");
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(connects_whatever_comes_first),
    TEST(offers_what_was_asked_within_what_the_backend_can),
    TEST(the_strict_profile_needs_both_ends),
    TEST(takes_over_what_an_earlier_driver_left),
    TEST(says_why_it_cannot_connect),
    TEST(wants_the_compact_form_offered),
    TEST(ignores_a_bus_whose_backend_is_not_where_it_must_be),
    TEST(tells_how_far_it_came),
    TEST(one_driver_at_a_time),
    TEST(a_bus_of_the_kernel_is_left_to_it),
    TEST(reconnects_when_the_backend_starts_anew),
    TEST(a_closing_backend_is_left_with_its_words),
    TEST(a_backend_that_refuses_the_offer_is_not_asked_again),
    TEST(survives_its_bus_being_taken_away_and_made_again),
    TEST(closes_a_bus_whose_ring_lies),
    TEST(leaves_the_bus_closed),
    TEST(memory_stays_shared_until_the_backend_let_go),
    TEST(a_disk_goes_and_its_memory_stays),
    TEST(a_backend_that_keeps_memory_is_not_waited_for_longer),
    TEST(waits_while_the_backend_lets_go),
    TEST(leaving_ends_what_is_under_way),
    TEST(what_is_not_connected_is_left_at_once),
    TEST(xenstore_may_fail_while_waiting),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-bus", cases);
}
