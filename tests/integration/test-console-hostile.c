/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A console whose guest does what it must not. */

#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/con.h"

static void expect_broken(struct con *t)
{
    CU_ASSERT_EQUAL(con_status(t), BROKEN);
    con_meet(t, true);
    CU_ASSERT_EQUAL(con_status(t), OK);
}

static void wrong_directions_are_refused(void)
{
    struct con t = con_start();

    con_meet(&t, true);
    con_offer_as(&t, OUT, 0, 10, WRITE);
    con_await(&t, OUT);
    expect_broken(&t);
    con_offer_as(&t, IN_OF(1), 0, 10, 0);
    con_await(&t, IN_OF(1));
    expect_broken(&t);
    con_offer_as(&t, CONTROL_OUT, 0, 8, WRITE);
    con_await(&t, CONTROL_OUT);
    expect_broken(&t);
    con_resize(&t, 1, 1);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    con_offer_as(&t, CONTROL_IN, 0, 64, 0);
    con_await(&t, CONTROL_IN);
    expect_broken(&t);
    con_end(&t);
}

static void bad_control_messages_are_refused(void)
{
    struct con t = con_start();

    con_meet(&t, true);
    con_offer(&t, CONTROL_OUT, 0, 7);
    con_await(&t, CONTROL_OUT);
    expect_broken(&t);
    con_say(&t, 2, VIRTIO_CONSOLE_PORT_OPEN, 1);
    expect_broken(&t);
    con_say(&t, UINT32_MAX, VIRTIO_CONSOLE_PORT_READY, 1);
    expect_broken(&t);
    con_drive(&t, MULTI, QUEUES);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1); /* it was not told of it yet */
    expect_broken(&t);
    /* There is no room for what it has to be told. */
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    con_offer(&t, CONTROL_IN, 0, 7);
    con_await(&t, CONTROL_IN);
    expect_broken(&t);
    con_end(&t);
}

static void unknown_events_are_none(void)
{
    struct con t = con_start();

    con_meet(&t, true);
    con_say(&t, 0, 4711, 1);
    con_say(&t, 4711, VIRTIO_CONSOLE_PORT_REMOVE, 1);
    con_say(&t, 0, VIRTIO_CONSOLE_RESIZE, 1);
    CU_ASSERT(con_silent(&t));
    CU_ASSERT_EQUAL(con_status(&t), OK);
    con_end(&t);
}

/* Asked for a thousand times, answered as often as there are buffers for it. */
static void a_flood_of_requests_is_answered_once(void)
{
    struct con t = con_start();

    con_meet(&t, true);
    for (unsigned i = 0; i < 1000; i++)
        con_say(&t, 1, VIRTIO_CONSOLE_PORT_READY, i % 2);
    CU_ASSERT_EQUAL(con_hear(&t, 1, VIRTIO_CONSOLE_PORT_NAME, 1), 8 + 5);
    con_hear(&t, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT(con_silent(&t));
    con_end(&t);
}

static void there_are_no_queues_for_more_ports(void)
{
    struct con t = con_start();
    struct msg get = {
        .kind = MSG_get_vqueue_request,
        .dev_num = DEV,
        .get_vqueue_request.index = 6,
    };

    CU_ASSERT_EQUAL(guest_call(t.g, get).get_vqueue_response.max_size, 0);
    get.get_vqueue_request.index = 5;
    CU_ASSERT(guest_call(t.g, get).get_vqueue_response.max_size > 0);
    con_end(&t);
}

static void a_guest_in_need_writes_a_character(void)
{
    struct con t = con_start();
    uint8_t word[4] = {'!', 'x', 'x', 'x'};
    struct msg set = {
        .kind = MSG_set_config_request,
        .dev_num = DEV,
        .set_config_request = {.offset = 8, .length = 4, .data = {word, 4}},
    };
    char text[16] = "";

    CU_ASSERT_EQUAL(guest_set_status(t.g, DEV, 3), 3);
    CU_ASSERT_EQUAL(guest_call(t.g, set).set_config_response.length, 4);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), 1);
    CU_ASSERT_EQUAL(text[0], '!');
    set.set_config_request.offset = 0; /* the size is not the guest's */
    guest_call(t.g, set);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), -1);
    con_end(&t);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(wrong_directions_are_refused),
        TEST(bad_control_messages_are_refused),
        TEST(unknown_events_are_none),
        TEST(a_flood_of_requests_is_answered_once),
        TEST(there_are_no_queues_for_more_ports),
        TEST(a_guest_in_need_writes_a_character),
        {NULL, NULL},
    };

    return test_main("console-hostile", cases);
}
