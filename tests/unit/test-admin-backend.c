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

/* ---- what the driver domain may write at will ---- */

#define CLEAR "\033[2J"
#define LATIN "\303\244\377" /* a letter of two bytes, and a byte that is none */

static void write_wild(const char *dir, const char *key)
{
    CU_ASSERT_EQUAL(store_write_text(driver, PLATFORM_NO_TX, dir, key, CLEAR LATIN "\n"), 0);
}

static char *list(struct list_request request)
{
    char *output = NULL;
    size_t size;
    FILE *out = open_memstream(&output, &size);

    CU_ASSERT_EQUAL(list_run(dom0, &request, out), 0);
    fclose(out);
    return output;
}

/* Nothing but lines of plain letters. */
static bool plain(const char *text)
{
    for (; *text; text++)
        if ((*text < ' ' || *text > '~') && *text != '\n')
            return false;
    return true;
}

static void make_wild_devices(void)
{
    static const char *const keys[] = {XS_TYPE, XS_TARGET, XS_ERROR};

    CU_ASSERT_EQUAL(attach(1), 1);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        write_wild(B "/request/far", keys[i]);
        write_wild(B "/request/net0", keys[i]);
    }
    write_wild(B "/request/net0", XS_MAC);
    write_wild(B "/request/net0", XS_VIF);
    write_wild(B "/request/tty0", XS_TTY);
    write_wild(B "/request/tty1", XS_OUTPUT);
    store_write_text(driver, PLATFORM_NO_TX, B "/request/far", XS_NUMBER, "1");
    write_wild(B "/device/1", XS_STATE);
    write_wild(B "/device/1", XS_NAME);
    CU_ASSERT_EQUAL(store_write_text(driver, PLATFORM_NO_TX, B, XS_TAKEN "/3", CLEAR), 0);
    write_wild(B, XS_ERROR);
}

static void lists_are_of_plain_letters(void)
{
    char *output;

    start();
    make_wild_devices();
    for (unsigned i = 0; i < 4; i++) {
        output = list((struct list_request){.json = i & 1, .numbers = i & 2});
        CU_ASSERT(plain(output));
        CU_ASSERT_PTR_NOT_NULL(strstr(output, "?[2J"));
        CU_ASSERT_PTR_NULL(strstr(output, "\\u"));
        free(output);
    }
    output = list((struct list_request){0});
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "far   ?[2J????  ?[2J????"));
    free(output);
    stop();
}

static const struct platform_ops *real_ops;

/* Attach begins to wait; the domain has refused the request already. */
static int refuse_when_watched(struct platform *p, const char *path, const char *token)
{
    write_wild(path, XS_ERROR);
    return real_ops->xs_watch(p, path, token);
}

static void a_refusal_is_in_plain_letters(void)
{
    struct platform_ops ops;

    start();
    real_ops = dom0->ops;
    ops = *real_ops;
    ops.xs_watch = refuse_when_watched;
    dom0->ops = &ops;
    CU_ASSERT_EQUAL(attach(1), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "?[2J????");
    dom0->ops = real_ops;
    stop();
}

static void what_would_add_lines_is_not_exported(void)
{
    static const struct {
        const char *key;
        const char *value;
        const char *complaint;
    } bad[] = {
        {XS_TARGET, "/a\ndevice more\ntype rng",
         "the target of device far, bus 1 of domain web, has control characters: not exported"},
        {XS_TARGET, CLEAR,
         "the target of device far, bus 1 of domain web, has control characters: not exported"},
        {XS_MODE, "w\177",
         "the mode of device far, bus 1 of domain web, has control characters: not exported"},
        {XS_TYPE, "blk\nnumber 1",
         "the type of device far, bus 1 of domain web, has control characters: not exported"},
    };

    start();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *output = NULL;
        size_t size;
        FILE *out = open_memstream(&output, &size);

        attach(1);
        store_write_text(driver, PLATFORM_NO_TX, B "/request/far", XS_TYPE, "blk");
        store_write_text(driver, PLATFORM_NO_TX, B "/request/far", bad[i].key, bad[i].value);
        complaint_clear();
        CU_ASSERT_EQUAL(export_run(dom0, "web", out), 1);
        fclose(out);
        CU_ASSERT_STRING_EQUAL(complaint, bad[i].complaint);
        CU_ASSERT_PTR_NULL(strstr(output, "more"));
        CU_ASSERT_PTR_NULL(strstr(output, "\nend\n"));
        free(output);
        CU_ASSERT_EQUAL(store_remove(driver, PLATFORM_NO_TX, B "/request", "far"), 0);
    }
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
    TEST(lists_are_of_plain_letters),
    TEST(a_refusal_is_in_plain_letters),
    TEST(what_would_add_lines_is_not_exported),
    TEST(there_must_be_such_a_domain),
    {NULL, NULL},
};

int main(void)
{
    return test_main("admin-backend", cases);
}
