/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Devices come and go: what the library tells of them, and when it looks. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/listener.h"
#include "xenstore-schema/schema.h"

static void devices_come_and_go_once_each(void)
{
    struct backend *b = listener_new();

    backend_make_bus(b);
    backend_add_disk(b, 3, "disk0");
    backend_settle(b);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, ""); /* not before the bus can be used */
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +3 ");
    backend_add_disk(b, UINT64_C(1) << 40, "disk1");
    backend_settle(b);
    backend_write(b, "device/3/state", "added"); /* the watch fires, nothing changed */
    backend_write(b, "device/nonsense/state", "added");
    backend_write(b, "device/3/name", "other");
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +3 +1099511627776 ");
    backend_want_back(b, 3);
    backend_want_back(b, 3);
    backend_settle(b);
    CU_ASSERT_TRUE(backend_front_is(b, "device/3", NULL)); /* nobody had taken it */
    backend_vanish(b, 3);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +3 +1099511627776 ?3 -3 ");
    CU_ASSERT_TRUE(backend_front_is(b, "device/3", NULL));
    /* Devices outlive a connection. */
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +3 +1099511627776 ?3 -3 down up ");
    backend_free(b);
}

static void surprise_removal_is_told_once(void)
{
    struct backend *b = listener_connected();

    backend_add_disk(b, 1, "a");
    backend_add_disk(b, 2, "b");
    backend_settle(b);
    backend_vanish(b, 2);
    backend_settle(b);
    backend_vanish(b, 1);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +1 +2 -2 -1 ");
    backend_free(b);
}

static void device_events_make_it_look_not_too_often(void)
{
    const struct msg m = {.kind = MSG_event_device, .event_device = {7, DEVICE_BUS_STATE_ADDED}};
    struct backend *b = listener_connected();
    struct platform_watch *watch;
    uint64_t before, calls;

    for (unsigned i = 0; i < 100; i++)
        backend_write(b, store_path("device/%u/state", 100 + i).text, "added");
    backend_settle(b);
    before = fake_xen_counters(b->fx).xenstore_calls;
    for (unsigned i = 0; i < 200; i++) {
        backend_send(b, &m);
        backend_settle(b);
    }
    calls = fake_xen_counters(b->fx).xenstore_calls - before;
    CU_ASSERT(calls > 1000 && calls < 6000); /* twenty thousand for a scan each */
    /* The last one is not forgotten. */
    backend_add_disk(b, 1, "a");
    while ((watch = b->guest->ops->xs_next_watch(b->guest)))
        free(watch);
    heard[0] = '\0';
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "");
    fake_xen_advance(b->fx, UINT64_C(1000000000));
    xvmsg_process(b->h);
    CU_ASSERT_STRING_EQUAL(heard, "+1 ");
    backend_free(b);
}

static void device_events_make_it_look(void)
{
    static const uint16_t reserved[] = {0, 3, 0x7fff, 0x8000, 0xffff};
    struct backend *b = listener_connected();
    struct msg m = {.kind = MSG_event_device, .event_device = {1, DEVICE_BUS_STATE_ADDED}};
    struct platform_watch *watch;

    /* The watch is lost, as if it came much later. */
    backend_add_disk(b, 1, "a");
    while ((watch = b->guest->ops->xs_next_watch(b->guest)))
        free(watch);
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        m.event_device.device_bus_state = reserved[i];
        backend_send(b, &m);
    }
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up ");
    m.event_device.device_bus_state = DEVICE_BUS_STATE_ADDED;
    backend_send(b, &m);
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +1 ");
    /* Removed although it is there, and one that never was: xenstore knows better. */
    m.event_device.device_bus_state = DEVICE_BUS_STATE_REMOVED;
    backend_send(b, &m);
    m.event_device.device_number = 77;
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +1 ");
    backend_vanish(b, 1);
    while ((watch = b->guest->ops->xs_next_watch(b->guest)))
        free(watch);
    backend_send(b, &m);
    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up +1 -1 ");
    backend_free(b);
}

static void observers_need_no_connection(void)
{
    struct backend *b = listener_new();

    CU_ASSERT_EQUAL(xvmsg_observe(b->h), 0);
    backend_make_bus(b);
    backend_add_disk(b, 5, "disk0");
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "+5 ");
    CU_ASSERT_TRUE(backend_front_is(b, XS_STATE, "1"));
    backend_want_back(b, 5);
    backend_settle(b);
    CU_ASSERT_TRUE(backend_front_is(b, "device/5/state", NULL));
    backend_remove_bus(b);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "+5 ?5 -5 ");
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    backend_free(b);
}

static void lists_what_xenstore_shows(void)
{
    struct xvmsg_device_entry entries[2];
    struct backend *b = listener_new();

    CU_ASSERT_EQUAL(xvmsg_list_devices(b->h, entries, 2), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    backend_make_bus(b);
    CU_ASSERT_EQUAL(xvmsg_list_devices(b->h, entries, 2), 0);
    backend_add_disk(b, 10, "ten");
    backend_add_disk(b, 9, "../nine");
    backend_add_disk(b, 11, "eleven");
    backend_want_back(b, 10);
    CU_ASSERT_EQUAL(xvmsg_list_devices(b->h, entries, 2), 3);
    CU_ASSERT_EQUAL(entries[0].number, 9);
    CU_ASSERT_STRING_EQUAL(entries[0].name, "?");
    CU_ASSERT_FALSE(entries[0].removing);
    CU_ASSERT_EQUAL(entries[1].number, 10);
    CU_ASSERT_STRING_EQUAL(entries[1].name, "ten");
    CU_ASSERT_STRING_EQUAL(entries[1].type, "blk");
    CU_ASSERT_TRUE(entries[1].removing);
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(devices_come_and_go_once_each),
    TEST(surprise_removal_is_told_once),
    TEST(device_events_make_it_look),
    TEST(device_events_make_it_look_not_too_often),
    TEST(observers_need_no_connection),
    TEST(lists_what_xenstore_shows),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-hotplug", cases);
}
