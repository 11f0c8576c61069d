/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg --backend, over a fake Xen: domain 0 gives guest 5 devices of driver domain 3. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/unit/admin-guest.h"
#include "tests/unit/complaint.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "xenstore-schema/schema.h"

#define BUSES "/local/domain/3/backend/virtio-msg/5"
#define B BUSES "/1"
#define F "/local/domain/5/device/virtio-msg/1"

static struct platform *driver;

static void start(void)
{
    admin_guest_start("data", "blk");
    fake_xen_create_domain(fx, 3, "store");
    driver = fake_xen_domain(fx, 3);
    bus_choose_backend("store");
}

static void stop(void)
{
    bus_choose_backend(NULL);
    platform_close(driver);
    admin_guest_stop();
}

static int attach(uint32_t bus)
{
    const struct attach_request request = {.domain = "web", .bus = bus, .type = "blk",
                                           .target = "/srv/far.img", .name = "far"};
    char *output;
    size_t size;
    FILE *out = open_memstream(&output, &size);
    int status;

    complaint_clear();
    status = attach_run(dom0, &request, out);
    fclose(out);
    free(output);
    return status;
}

static bool holds(struct platform *p, const char *dir, const char *key, const char *expected)
{
    char *value = store_read_text(p, PLATFORM_NO_TX, dir, key);
    bool same = value && strcmp(value, expected) == 0;

    free(value);
    return same;
}

static void the_bus_is_the_driver_domains(void)
{
    start();
    CU_ASSERT_EQUAL(attach(1), 1); /* nobody answers there */
    CU_ASSERT_STRING_EQUAL(complaint, "xvmsgd did not answer within 0 s");
    CU_ASSERT(holds(driver, B, "frontend", F));
    CU_ASSERT(holds(driver, F, "backend", B));
    CU_ASSERT(holds(driver, F, "backend-id", "3"));
    CU_ASSERT_EQUAL(store_write_text(driver, PLATFORM_NO_TX, B, XS_STATE, "2"), 0);
    stop();
}

static void its_daemon_reads_requests_and_removes_what_is_left(void)
{
    start();
    CU_ASSERT_EQUAL(attach(1), 1);
    store_write_text(dom0, PLATFORM_NO_TX, B "/request/far", XS_TYPE, "blk");
    CU_ASSERT(holds(driver, B "/request/far", XS_TYPE, "blk"));
    CU_ASSERT_EQUAL(store_remove(driver, PLATFORM_NO_TX, "/local/domain/3/backend/virtio-msg", "5"),
                    0);
    CU_ASSERT(!store_exists(dom0, PLATFORM_NO_TX, BUSES));
    stop();
}

static void a_bus_has_one_backend(void)
{
    struct platform *daemon;

    start();
    daemon = admin_guest_silent_daemon();
    CU_ASSERT_EQUAL(attach(1), 1);
    bus_choose_backend(NULL);
    CU_ASSERT_EQUAL(attach(1), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "bus 1 of domain web has its devices from another domain: "
                                      "choose another with bus=NUMBER");
    CU_ASSERT(holds(dom0, F, "backend", B));
    CU_ASSERT(!store_exists(dom0, PLATFORM_NO_TX, "/local/domain/0/backend/virtio-msg/5/1"));
    CU_ASSERT_EQUAL(attach(2), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "xvmsgd did not answer within 0 s");
    platform_close(daemon);
    stop();
}

static void lists_are_of_that_domain(void)
{
    const struct list_request request = {0};
    char *output;
    size_t size;
    FILE *out = open_memstream(&output, &size);

    start();
    store_write_text(dom0, PLATFORM_NO_TX, B "/request/far", XS_TYPE, "blk");
    CU_ASSERT_EQUAL(list_run(dom0, &request, out), 0);
    fclose(out);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "far"));
    CU_ASSERT_PTR_NULL(strstr(output, "waiting"));
    free(output);
    stop();
}

static void there_must_be_such_a_domain(void)
{
    start();
    bus_choose_backend("attic");
    CU_ASSERT_EQUAL(attach(1), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no domain 'attic'");
    stop();
}

static const struct test_case cases[] = {
    TEST(the_bus_is_the_driver_domains),
    TEST(its_daemon_reads_requests_and_removes_what_is_left),
    TEST(a_bus_has_one_backend),
    TEST(lists_are_of_that_domain),
    TEST(there_must_be_such_a_domain),
    {NULL, NULL},
};

int main(void)
{
    return test_main("admin-backend", cases);
}
