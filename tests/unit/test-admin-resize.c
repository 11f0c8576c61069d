/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg resize, over a fake Xen. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/unit/admin-daemon.h"
#include "tests/unit/admin-guest.h"
#include "tests/unit/complaint.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define B ADMIN_B
#define DATA B "/request/data"

static void start(void)
{
    admin_guest_start("data", "blk");
}

static struct platform *start_silent_daemon(void)
{
    start();
    return admin_guest_silent_daemon();
}

static int resize(const char *device, unsigned timeout)
{
    const struct resize_request request = {.domain = "web", .device = device, .timeout = timeout};

    complaint_clear();
    return resize_run(dom0, &request);
}

static bool is_count(uint64_t expected)
{
    uint64_t count;

    return store_read_u64(dom0, PLATFORM_NO_TX, DATA, XS_RESIZE, 0, UINT64_MAX, &count) == 0 &&
           count == expected;
}

/* ---- what it does ---- */

/* With the daemon answering a change, no wait comes near this. */
#define LONG_ENOUGH 60

static void waits_until_the_daemon_has_looked(void)
{
    struct admin_daemon *daemon;

    start();
    daemon = admin_daemon_start(fx, ADMIN_GRANTS);
    CU_ASSERT_EQUAL(resize("data", LONG_ENOUGH), 0);
    CU_ASSERT_EQUAL(resize("7", LONG_ENOUGH), 0);
    CU_ASSERT_STRING_EQUAL(complaint, "");
    CU_ASSERT(!store_exists(dom0, PLATFORM_NO_TX, DATA "/" XS_RESIZE));
    CU_ASSERT(store_exists(dom0, PLATFORM_NO_TX, DATA));
    admin_daemon_stop(daemon);
    admin_guest_stop();
}

static void counts_up_and_does_not_wait_for_ever(void)
{
    struct platform *silent = start_silent_daemon();

    CU_ASSERT_EQUAL(resize("data", 0), 1);
    CU_ASSERT_STRING_EQUAL(complaint,
                           "xvmsgd has not looked at device data within 0 s; it will when it can");
    CU_ASSERT(is_count(1));
    CU_ASSERT_EQUAL(resize("7", 0), 1);
    CU_ASSERT(is_count(2));
    platform_close(silent);
    admin_guest_stop();
}

static void refuses_what_is_not_there(void)
{
    static const char *const devices[] = {"6", "other", "", "../data", "waiting",
                                          "18446744073709551616"};
    struct platform *silent = start_silent_daemon();

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        char expected[80];

        snprintf(expected, sizeof(expected), "domain web has no device %s on bus 0", devices[i]);
        CU_ASSERT_EQUAL(resize(devices[i], 0), 1);
        CU_ASSERT_STRING_EQUAL(complaint, expected);
    }
    CU_ASSERT(!store_exists(dom0, PLATFORM_NO_TX, B "/request/waiting/" XS_RESIZE));
    CU_ASSERT(!store_exists(dom0, PLATFORM_NO_TX, B "/request/other"));
    platform_close(silent);
    admin_guest_stop();
}

static void a_device_removed_meanwhile_was_not_resized(void)
{
    struct admin_daemon *daemon;

    start();
    daemon = admin_daemon_start(fx, ADMIN_PULLS_OUT);
    CU_ASSERT_EQUAL(resize("data", LONG_ENOUGH), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "device data was removed meanwhile");
    admin_daemon_stop(daemon);
    admin_guest_stop();
}

static void a_missing_daemon_or_domain_is_told(void)
{
    struct resize_request nobody = {.domain = "mail", .device = "data"};
    struct platform *silent;

    start();
    CU_ASSERT_EQUAL(resize("data", 0), 1);
    CU_ASSERT(complaint_has("xvmsgd is not running"));
    admin_guest_stop();
    silent = start_silent_daemon();
    CU_ASSERT_EQUAL(resize_run(dom0, &nobody), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no domain 'mail'");
    platform_close(silent);
    admin_guest_stop();
}

static void every_failing_call_is_told(void)
{
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        struct platform *silent = start_silent_daemon();

        fake_xen_fail(fx, 0, NULL, n, EIO);
        CU_ASSERT_EQUAL(resize("data", 0), 1);
        CU_ASSERT_NOT_EQUAL(complaint[0], '\0');
        failed = fake_xen_failed(fx);
        platform_close(silent);
        platform_close(dom0);
        CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
        CU_ASSERT_FATAL(n < 200);
    }
}

/* Status 2, and Xen is not even looked for. */
static bool wrong_usage(const char *line)
{
    char *argv[8], *copy = strdup(line), *rest = copy, *word;
    int argc = 0, status;

    while ((word = strsep(&rest, " ")))
        argv[argc++] = word;
    argv[argc] = NULL;
    status = cmd_resize(argc, argv);
    free(copy);
    return status == EXIT_USAGE;
}

static void wrong_command_lines_are_refused(void)
{
    CU_ASSERT(wrong_usage("resize"));
    CU_ASSERT(wrong_usage("resize web"));
    CU_ASSERT(wrong_usage("resize web data more"));
    CU_ASSERT_STRING_EQUAL(complaint, "unknown argument 'more'; see xvmsg resize --help");
    CU_ASSERT(wrong_usage("resize web data bus=x"));
    CU_ASSERT(wrong_usage("resize web data bus=0 more"));
    CU_ASSERT(wrong_usage("resize --timeout=soon web data"));
    CU_ASSERT(wrong_usage("resize --force web data"));
}

static const struct test_case cases[] = {
    TEST(waits_until_the_daemon_has_looked),
    TEST(counts_up_and_does_not_wait_for_ever),
    TEST(refuses_what_is_not_there),
    TEST(a_device_removed_meanwhile_was_not_resized),
    TEST(a_missing_daemon_or_domain_is_told),
    TEST(every_failing_call_is_told),
    TEST(wrong_command_lines_are_refused),
    {NULL, NULL},
};

int main(void)
{
    return test_main("admin resize", cases);
}
