/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg set, and what xvmsg attach gives a network interface that was given nothing. */

#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/unit/admin-guest.h"
#include "tests/unit/complaint.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/mac.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define B ADMIN_B
#define NET B "/request/eth"

static struct platform *silent; /* the daemon */

static void start(void)
{
    admin_guest_start("eth", "net");
    store_write_text(dom0, PLATFORM_NO_TX, NET, XS_MAC, "00:16:3e:01:02:03");
    silent = admin_guest_silent_daemon();
}

static void stop(void)
{
    platform_close(silent);
    admin_guest_stop();
}

/* The exit status; what was said is in `complaint`. */
static int set(const char *device, const char *key, const char *value)
{
    struct set_request request = {.domain = "web", .device = device};

    choices_add(&request.choices, key, value);
    complaint_clear();
    return set_run(dom0, &request);
}

static bool link_is(const char *expected)
{
    char *value = store_read_text(dom0, PLATFORM_NO_TX, NET, XS_LINK);
    bool same = value && expected ? strcmp(value, expected) == 0 : !value && !expected;

    free(value);
    return same;
}

static void a_link_is_set(void)
{
    start();
    CU_ASSERT_EQUAL(set("eth", "link", "down"), EXIT_SUCCESS);
    CU_ASSERT(link_is("down"));
    CU_ASSERT_EQUAL(set("7", "link", "up"), EXIT_SUCCESS);
    CU_ASSERT(link_is("up"));
    stop();
}

static void what_cannot_be_set_is_refused(void)
{
    start();
    CU_ASSERT_EQUAL(set("eth", "link", "sideways"), EXIT_FAILURE);
    CU_ASSERT_STRING_EQUAL(complaint, "link 'sideways' is not up or down");
    CU_ASSERT_EQUAL(set("eth", "mac", "00:16:3e:01:02:04"), EXIT_FAILURE);
    CU_ASSERT_STRING_EQUAL(complaint, "a device of type net has no mac to be set");
    CU_ASSERT_EQUAL(set("waiting", "link", "down"), EXIT_FAILURE);
    CU_ASSERT_STRING_EQUAL(complaint, "a device of type blk has no link to be set");
    CU_ASSERT_EQUAL(set("nothing", "link", "down"), EXIT_FAILURE);
    CU_ASSERT_PTR_NOT_NULL(strstr(complaint, "nothing"));
    CU_ASSERT(link_is(NULL));
    stop();
}

static void two_settings_are_set_or_none(void)
{
    struct set_request request = {.domain = "web", .device = "eth"};

    start();
    choices_add(&request.choices, "link", "down");
    choices_add(&request.choices, "mtu", "1400");
    CU_ASSERT_EQUAL(set_run(dom0, &request), EXIT_FAILURE);
    CU_ASSERT(link_is(NULL));
    stop();
}

static void wrong_command_lines_are_refused(void)
{
    static const char *const bad[][6] = {
        {"set", "web", "eth", NULL},
        {"set", "web", "eth", "link", NULL},
        {"set", "web", "eth", "=up", NULL},
        {"set", "web", "eth", "link=up", "link=down", NULL},
        {"set", "web", "eth", "bus=1", NULL},
        {"set", "web", "eth", "link=up", "bus=x", NULL},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *argv[6] = {NULL};
        int argc = 0;

        for (; bad[i][argc]; argc++)
            argv[argc] = (char *)(uintptr_t)bad[i][argc];
        CU_ASSERT_EQUAL(cmd_set(argc, argv), EXIT_USAGE);
    }
}

static void an_address_is_one_of_xens_and_stays_the_same(void)
{
    const struct bus_id id = {.frontend = 5}, other_bus = {.frontend = 5, .bus = 1};
    char first[MAC_TEXT_SIZE], again[MAC_TEXT_SIZE], other[MAC_TEXT_SIZE];
    uint8_t mac[6];

    start();
    store_write_text(dom0, PLATFORM_NO_TX, "/local/domain/5", "vm",
                     "/vm/7d444840-9dc0-11d1-b245-5ffdce74fad2");
    mac_derive(dom0, PLATFORM_NO_TX, &id, "net0", first);
    CU_ASSERT_EQUAL(mac_parse_text(first, mac), 0);
    CU_ASSERT_NSTRING_EQUAL(first, "00:16:3e:", 9);
    CU_ASSERT(mac[3] < 0x80);
    mac_derive(dom0, PLATFORM_NO_TX, &id, "net0", again);
    CU_ASSERT_STRING_EQUAL(first, again);
    mac_derive(dom0, PLATFORM_NO_TX, &id, "net1", other);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
    mac_derive(dom0, PLATFORM_NO_TX, &other_bus, "net0", other);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
    store_write_text(dom0, PLATFORM_NO_TX, "/local/domain/5", "vm",
                     "/vm/7d444840-9dc0-11d1-b245-5ffdce74fad3");
    mac_derive(dom0, PLATFORM_NO_TX, &id, "net0", other);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
    stop();
}

static void addresses_are_read_strictly(void)
{
    static const char *const bad[] = {"",
                                      "00:16:3e:01:02",
                                      "00:16:3e:01:02:03:04",
                                      "00:16:3e:01:02:0",
                                      "00:16:3e:01:02:0g",
                                      "00-16-3e-01-02-03",
                                      "01:16:3e:01:02:03",
                                      "ff:ff:ff:ff:ff:ff"};
    uint8_t mac[6];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(mac_parse_text(bad[i], mac), -1);
    CU_ASSERT_EQUAL(mac_parse_text("AA:bB:3e:01:02:ff", mac), 0);
    CU_ASSERT_EQUAL(mac[0], 0xaa);
    CU_ASSERT_EQUAL(mac[5], 0xff);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(a_link_is_set),
        TEST(what_cannot_be_set_is_refused),
        TEST(two_settings_are_set_or_none),
        TEST(wrong_command_lines_are_refused),
        TEST(an_address_is_one_of_xens_and_stays_the_same),
        TEST(addresses_are_read_strictly),
        {NULL, NULL},
    };

    return test_main("admin-net", cases);
}
