/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg export and xvmsg import, over a fake Xen. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/unit/admin-guest.h"
#include "tests/unit/complaint.h"
#include "tools/xvmsg/admin.h"
#include "xenstore-schema/schema.h"

#define OTHER_B "/local/domain/0/backend/virtio-msg/6/0" /* of the guest "restored" */
#define OTHER_F "/local/domain/6/device/virtio-msg/0"
#define LONG_50 "longest-longest-longest-longest-longest-longest-12"
#define LONG_NAME LONG_50 LONG_50 LONG_50 LONG_50 /* no path of the schema's has that much room */
#define HEAD "xvmsg-export 1\nbus 0\nnext 9\n"
#define DISK "device data\ntype blk\nnumber 7\nmode r\ntarget /srv/a disk.img\n"

static void write_text(const char *dir, const char *key, const char *value)
{
    CU_ASSERT(store_write_text(dom0, PLATFORM_NO_TX, dir, key, value) == 0);
}

/* Guest "web" has a disk, one that was refused, and one that goes. */
static void start(void)
{
    admin_guest_start("data", "blk");
    fake_xen_create_domain(fx, 6, "restored");
    write_text(ADMIN_B, XS_DEVICE_NUMBER_NEXT, "9");
    write_text(ADMIN_B "/request/data", XS_MODE, "r");
    write_text(ADMIN_B "/request/data", XS_TARGET, "/srv/a disk.img");
    write_text(ADMIN_B "/request/data", XS_RESIZE, "3");
    write_text(ADMIN_B "/request/waiting", XS_ERROR, "no such file");
    write_text(ADMIN_B "/request/going", XS_TYPE, "rng");
    write_text(ADMIN_B "/request/going", XS_REMOVE, XS_REMOVE_ORDERLY);
    write_text(ADMIN_B "/request/" LONG_NAME, XS_TYPE, "rng");
}

static char *export_web(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    complaint_clear();
    CU_ASSERT_EQUAL(export_run(dom0, "web", out), 0);
    fclose(out);
    return text;
}

static int import(const char *text)
{
    const struct import_request request = {.domain = "restored", .timeout = 0};
    FILE *from = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    int status;

    complaint_clear();
    status = import_run(dom0, &request, from);
    fclose(from);
    return status;
}

static bool is(const char *dir, const char *key, const char *expected)
{
    char *value = store_read_text(dom0, PLATFORM_NO_TX, dir, key);
    bool same = value && strcmp(value, expected) == 0;

    free(value);
    return same;
}

/* ---- what it does ---- */

static void what_is_exported_is_what_was_asked_for(void)
{
    char *text;

    start();
    text = export_web();
    CU_ASSERT(strncmp(text, HEAD, strlen(HEAD)) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "device data\ntype blk\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nnumber 7\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\ntarget /srv/a disk.img\n"));
    CU_ASSERT_PTR_NULL(strstr(text, "resize"));
    CU_ASSERT_PTR_NULL(strstr(text, "waiting"));
    CU_ASSERT_PTR_NULL(strstr(text, "going"));
    CU_ASSERT_PTR_NULL(strstr(text, "longest"));
    CU_ASSERT_STRING_EQUAL(text + strlen(text) - strlen("\nend\n"), "\nend\n");
    free(text);
    admin_guest_stop();
}

static void what_is_imported_is_what_was_exported(void)
{
    struct platform *silent;
    char *text;

    start();
    silent = admin_guest_silent_daemon();
    text = export_web();
    CU_ASSERT_EQUAL(import(text), 1);
    CU_ASSERT_STRING_EQUAL(complaint,
                           "device data of bus 0 is not there: xvmsgd did not answer in time");
    CU_ASSERT(is(OTHER_B, XS_DEVICE_NUMBER_NEXT, "9"));
    CU_ASSERT(is(OTHER_B, XS_ONLINE, "1"));
    CU_ASSERT(is(OTHER_B "/request/data", XS_TYPE, "blk"));
    CU_ASSERT(is(OTHER_B "/request/data", XS_NUMBER, "7"));
    CU_ASSERT(is(OTHER_B "/request/data", XS_MODE, "r"));
    CU_ASSERT(is(OTHER_B "/request/data", XS_TARGET, "/srv/a disk.img"));
    CU_ASSERT(is(OTHER_F, XS_BACKEND, OTHER_B));
    free(text);
    platform_close(silent);
    admin_guest_stop();
}

static void a_bus_that_has_devices_is_left_alone(void)
{
    struct platform *silent;

    start();
    silent = admin_guest_silent_daemon();
    write_text(OTHER_B "/request/mine", XS_TYPE, "rng");
    CU_ASSERT_EQUAL(import(HEAD DISK "end\n"), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "bus 0 of domain restored has, or had, devices already");
    CU_ASSERT(!store_exists(dom0, PLATFORM_NO_TX, OTHER_B "/request/data"));
    platform_close(silent);
    admin_guest_stop();
}

static void a_bus_without_devices_keeps_its_counter(void)
{
    struct platform *silent;

    start();
    silent = admin_guest_silent_daemon();
    CU_ASSERT_EQUAL(import(HEAD "\n# nothing\nend\n\n"), 0);
    CU_ASSERT_STRING_EQUAL(complaint, "");
    CU_ASSERT(is(OTHER_B, XS_DEVICE_NUMBER_NEXT, "9"));
    platform_close(silent);
    admin_guest_stop();
}

/* ---- bad files ---- */

static void bad_files_are_refused_by_line(void)
{
    static const struct {
        const char *text;
        const char *named;
    } bad[] = {
        {"bus 0\n", "line 1: this is not what xvmsg export prints"},
        {"xvmsg-export 1\nbus\n", "line 2: 'bus' has no value"},
        {"xvmsg-export 1\nbus x\n", "line 2: 'x' is no number of a bus"},
        {"xvmsg-export 1\nbus 65536\n", "line 2: '65536' is no number of a bus"},
        {"xvmsg-export 1\nnext 5\n", "line 2: next comes once, after bus"},
        {"xvmsg-export 1\nbus 0\nnext 0\n", "line 3: '0' is no next number"},
        {HEAD "next 5\n", "line 4: next comes once, after bus"},
        {HEAD "bus 0\n", "line 4: bus 0 is there twice"},
        {HEAD "type blk\n", "line 4: 'type' is neither bus, next nor device"},
        {"xvmsg-export 1\nbus 0\ndevice a\n", "line 3: a device comes after bus and next"},
        {HEAD "device ../a\n", "line 4: '../a' is no name of a device"},
        {HEAD DISK "device data\n", "line 9: device data is there twice"},
        {HEAD "device a\nmode r\n", "line 5: mode comes before the type of device a"},
        {HEAD "device a\ntype floppy\n", "line 5: type 'floppy' is not"},
        {HEAD "device a\ntype rng\ntype rng\n", "line 6: type is given twice"},
        {HEAD "device a\ntype rng\nmode r\n", "line 6: a device of type rng has no mode"},
        {HEAD "device a\ntype rng\nremove force\n", "line 6: 'remove' is nothing that a device"},
        {HEAD "device a\ntype rng\nnumber 9\n", "line 6: number 9 is not 1 to 8, below next"},
        {HEAD DISK "device a\ntype rng\nnumber 7\n", "line 11: device data has number 7 already"},
        {HEAD "device a\ntype rng\nrate 0\n", "line 6: rate '0' is not"},
        {HEAD "device a\ntype blk\nmode r\nend\n", "line 4: device a has no target"},
        {HEAD "device a\ntype blk\nmode r\nbus 1\n", "line 4: device a has no target"},
        {HEAD "device a\nend\n", "line 4: device a has no type"},
        {HEAD "device a\ntype \033[2J\n", "line 5: type '?[2J' is not"},
        {HEAD "device a\ntype rng\nnumber 1", "line 6: the text ends within it"},
        {HEAD DISK, "line 8: this is not its end, which says end"},
        {HEAD DISK "end\nbus 1\n", "line 10: nothing comes after end"},
    };

    start();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(import(bad[i].text), 1);
        if (strncmp(complaint, bad[i].named, strlen(bad[i].named)) != 0)
            CU_FAIL(bad[i].named);
        CU_ASSERT(!store_exists(dom0, PLATFORM_NO_TX, OTHER_B));
    }
    admin_guest_stop();
}

static const struct test_case cases[] = {
    TEST(what_is_exported_is_what_was_asked_for),
    TEST(what_is_imported_is_what_was_exported),
    TEST(a_bus_that_has_devices_is_left_alone),
    TEST(a_bus_without_devices_keeps_its_counter),
    TEST(bad_files_are_refused_by_line),
    {NULL, NULL},
};

int main(void)
{
    return test_main("admin-export", cases);
}
