/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a bus owes when devices come and go, and to their numbers. */

#include <string.h>

#include "common/store.h"
#include "tests/conformance/bus/ends.h"
#include "tests/harness.h"

#define FAR (UINT64_C(1) << 32)

static struct ends *empty_bus(uint64_t first_number)
{
    return ends_new(&(struct ends_setup){.first_number = first_number});
}

/* The devices as GET_DEVICES tells them, from 0; their number. */
static size_t ask(struct ends *e, uint64_t *numbers, size_t capacity)
{
    uint64_t offset = 0;
    size_t found = 0;

    do {
        struct ends_call call = {0};
        uint8_t bitmap[8] = {0};

        CU_ASSERT_EQUAL_FATAL(
            ends_finish(e, xvmsg_get_devices(e->h, offset, 64, bitmap, ends_answered, &call),
                        &call),
            XVMSG_OK);
        for (unsigned i = 0; i < call.reply.u.devices.count; i++)
            if (bitmap[i / 8] & 1u << i % 8 && found < capacity)
                numbers[found++] = offset + i;
        offset = call.reply.u.devices.next_offset;
    } while (offset);
    return found;
}

/* GET_DEVICES and xenstore name the same devices. */
static size_t agree(struct ends *e)
{
    struct xvmsg_device_entry entries[16];
    uint64_t numbers[16];
    size_t asked = ask(e, numbers, 16);
    ssize_t listed = xvmsg_list_devices(e->h, entries, 16);

    CU_ASSERT_EQUAL_FATAL((size_t)listed, asked);
    for (size_t i = 0; i < asked; i++) {
        CU_ASSERT_EQUAL(entries[i].number, numbers[i]);
        CU_ASSERT_EQUAL(ends_info(e, numbers[i]).device_id, 2);
    }
    return asked;
}

static void from_empty(void)
{
    struct ends *e = empty_bus(0);

    CU_ASSERT_EQUAL(agree(e), 0);
    CU_ASSERT_STRING_EQUAL(e->heard, "");
    ends_attach(e, "one");
    CU_ASSERT_EQUAL(agree(e), 1);
    ends_attach(e, "two");
    CU_ASSERT_EQUAL(agree(e), 2);
    ends_detach(e, "one", "orderly");
    CU_ASSERT_EQUAL(agree(e), 1);
    ends_detach(e, "two", "orderly");
    CU_ASSERT_EQUAL(agree(e), 0);
    ends_free(e);
}

static void numbers_are_new(void)
{
    struct ends *e = empty_bus(0);
    uint64_t numbers[20];

    for (unsigned i = 0; i < 20; i++) {
        numbers[i] = ends_attach(e, "disk");
        for (unsigned j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(numbers[i], numbers[j]);
        CU_ASSERT_EQUAL(agree(e), 1);
        ends_detach(e, "disk", i % 2 ? "orderly" : "force");
    }
    ends_free(e);
}

static void many_at_once(void)
{
    struct ends *e = empty_bus(0);
    uint64_t numbers[12];

    for (unsigned i = 0; i < 12; i++) {
        numbers[i] = ends_attach(e, store_path("disk%u", i).text);
        for (unsigned j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(numbers[i], numbers[j]);
    }
    CU_ASSERT_EQUAL(agree(e), 12);
    for (unsigned i = 0; i < 12; i += 2)
        ends_detach(e, store_path("disk%u", i).text, "force");
    CU_ASSERT_EQUAL(agree(e), 6);
    ends_free(e);
}

static void far_numbers(void)
{
    struct ends *e = empty_bus(FAR);
    uint64_t number = ends_attach(e, "disk");
    struct msg m;

    CU_ASSERT_EQUAL(number, FAR);
    CU_ASSERT_EQUAL(agree(e), 1);
    ends_open_disk(e, number);
    CU_ASSERT_EQUAL(ends_read_sector(e, 0), XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(e->sector, "disk", 4), 0);
    for (size_t i = 0; i < relay_count(e->relay); i++) {
        m = relay_decode(e->relay, relay_nth(e->relay, i));
        if (msg_describe(m.kind)->name_space == MSG_TRANSPORT)
            CU_ASSERT_EQUAL(m.dev_num, FAR);
    }
    ends_free(e);
}

static void told_once(void)
{
    struct ends *e = empty_bus(0);

    ends_attach(e, "one");
    ends_attach(e, "two");
    ends_detach(e, "one", "force");
    ends_attach(e, "three");
    ends_detach(e, "three", "orderly");
    ends_settle(e);
    CU_ASSERT_PTR_NOT_NULL(strstr(e->heard, "+1 +2 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(e->heard, "-1 +3 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(e->heard, "-3 "));
    CU_ASSERT_PTR_NULL(strstr(e->heard, "-2"));
    for (unsigned n = 1; n <= 3; n++) {
        const char *added = strstr(e->heard, store_path("+%u ", n).text);

        CU_ASSERT_PTR_NOT_NULL_FATAL(added);
        CU_ASSERT_PTR_NULL(strstr(added + 1, store_path("+%u ", n).text));
    }
    CU_ASSERT_EQUAL(relay_seen(e->relay, MSG_event_device), 0);
    ends_free(e);
}

/* Repeated, reversed and invented: nobody is told twice, and nothing is touched. */
static void event_device_changes_nothing(void)
{
    static const uint16_t states[] = {1, 1, 2, 2, 0, 3, 0x8000};
    struct ends *e = empty_bus(0);
    char heard[sizeof(e->heard)];

    ends_attach(e, "one");
    ends_open_disk(e, 1);
    memcpy(heard, e->heard, sizeof(heard));
    for (size_t i = 0; i < 7; i++)
        for (uint64_t number = 0; number < 3; number++)
            relay_send(e->relay, TO_DRIVER,
                       &(struct msg){.kind = MSG_event_device,
                                     .event_device = {number, states[i]}});
    ends_settle(e);
    CU_ASSERT_STRING_EQUAL(e->heard, heard);
    CU_ASSERT_EQUAL(ends_read_sector(e, 0), XVMSG_OK);
    ends_free(e);
}

static void told_means_usable(void)
{
    struct ends *e = empty_bus(0);
    uint64_t number = ends_attach(e, "disk");
    const struct relay_message *info, *features, *queue;

    relay_forget(e->relay);
    ends_open_disk(e, number);
    info = relay_find(e->relay, MSG_get_device_info_request, 0);
    features = relay_find(e->relay, MSG_get_device_features_request, 0);
    queue = relay_find(e->relay, MSG_set_vqueue_request, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(info);
    CU_ASSERT_PTR_NOT_NULL_FATAL(features);
    CU_ASSERT_PTR_NOT_NULL_FATAL(queue);
    CU_ASSERT_EQUAL(relay_decode(e->relay, info).dev_num, number);
    for (size_t i = 0; relay_nth(e->relay, i) != info; i++) {
        CU_ASSERT_PTR_NOT_EQUAL(relay_nth(e->relay, i), features);
        CU_ASSERT_PTR_NOT_EQUAL(relay_nth(e->relay, i), queue);
    }
    ends_free(e);
}

static void wanted_back(void)
{
    struct ends *e = empty_bus(0);

    ends_attach(e, "disk");
    ends_open_disk(e, 1);
    stage_write(e->s.toolstack, B7 "/request/disk/remove", "orderly");
    ends_run_until_node(e, B7 "/device/1/state", "removing");
    ends_settle(e);
    CU_ASSERT_STRING_EQUAL(e->heard, "+1 ?1 ");
    CU_ASSERT_EQUAL(ends_read_sector(e, 0), XVMSG_OK);
    xvmsg_blk_close(e->blk);
    ends_run_until_node(e, B7 "/request/disk", NULL);
    ends_settle(e);
    CU_ASSERT_STRING_EQUAL(e->heard, "+1 ?1 -1 ");
    CU_ASSERT_EQUAL(agree(e), 0);
    ends_free(e);
}

static void taken_away(void)
{
    struct ends *e = empty_bus(0);
    size_t before;

    ends_attach(e, "disk");
    ends_open_disk(e, 1);
    ends_detach(e, "disk", "force");
    CU_ASSERT_PTR_NOT_NULL(strstr(e->heard, "-1 "));
    before = relay_count(e->relay);
    xvmsg_blk_close(e->blk);
    ends_settle(e);
    for (size_t i = before; i < relay_count(e->relay); i++)
        CU_ASSERT_NOT_EQUAL(relay_decode(e->relay, relay_nth(e->relay, i)).dev_num, 1);
    CU_ASSERT_EQUAL(agree(e), 0);
    ends_free(e);
}

/* What is in the store but no device is not shown; nor what the daemon refused. */
static void only_valid_numbers(void)
{
    struct ends *e = empty_bus(0);

    ends_attach(e, "one");
    stage_write(e->s.toolstack, B7 "/device/12x/state", "added");
    stage_write(e->s.toolstack, B7 "/device/-3/state", "added");
    stage_write(e->s.toolstack, B7 "/device/18446744073709551616/state", "added");
    stage_write(e->s.toolstack, B7 "/device/77/state", "wonderful");
    stage_request(&e->s, "bad", "/nowhere/at/all");
    while (!store_exists(e->s.toolstack, PLATFORM_NO_TX, B7 "/request/bad/error"))
        ends_turn(e);
    ends_settle(e);
    CU_ASSERT_STRING_EQUAL(e->heard, "+1 ");
    ends_free(e);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"BUS-16 BUS-17 BUS-21 BUS-44: from no device to two and back, told and asked alike",
         from_empty},
        {"BUS-14 BUS-15: no number comes twice, though a device goes before each",
         numbers_are_new},
        {"BUS-14 BUS-16 BUS-19: twelve at once have twelve numbers, and answer", many_at_once},
        {"BUS-56 BUS-28 DRV-10 DEV-08: numbers beyond 32 bits", far_numbers},
        {"BUS-43: each device is told once when it comes, and once when it goes", told_once},
        {"BUS-43 DRV-66: EVENT_DEVICE, repeated or invented, changes nothing",
         event_device_changes_nothing},
        {"BUS-20 BUS-44 DRV-64: who takes a device that was told of begins with the query",
         told_means_usable},
        {"BUS-45 DRV-65: a device that is wanted back is let go", wanted_back},
        {"BUS-43 BUS-45 DRV-65: one that is taken away gets no message any more", taken_away},
        {"BUS-19: only what is a device is shown", only_valid_numbers},
        {NULL, NULL},
    };

    return test_main("bus-hotplug", cases);
}
