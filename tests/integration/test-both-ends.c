/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library against the whole backend: devices come, go and change, and the daemon does. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/disk-ends.h"

static void devices_are_detached_in_order_and_by_force(void)
{
    struct xvmsg_blk *blk;

    disk_start(XVMSG_WIDE);
    disk_attach("one", "1");
    disk_attach("two", "2");
    blk = disk_open(1);
    stage_write(d.s.toolstack, B7 "/request/one/remove", "orderly");
    disk_run_until_node(B7 "/device/1/state", "removing");
    while (!strchr(d.heard, '?'))
        CU_ASSERT_EQUAL(xvmsg_process(d.h), 0);
    xvmsg_blk_close(blk);
    disk_run_until_node(B7 "/request/one", NULL);
    blk = disk_open(2);
    stage_write(d.s.toolstack, B7 "/request/two/remove", "force");
    disk_run_until_node(B7 "/request/two", NULL);
    disk_run_until_node(F7 "/device/2", NULL);
    CU_ASSERT_EQUAL(strncmp(d.heard, "+1 +2 ?1 -1 ", 12), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.heard, "-2 ")); /* whether "?2" is seen is a matter of time */
    xvmsg_blk_close(blk);
    disk_end();
}

/* As stage_stop_daemon(), with a guest that goes on. */
static void stop_daemon(void)
{
    supervisor_free(d.s.supervisor);
    d.s.supervisor = NULL;
    stage_settle(&d.s);
    worker_free(d.worker);
    d.worker = NULL;
    platform_close(d.s.daemon.platform);
}

static void restart_daemon(void)
{
    stop_daemon();
    stage_start_daemon(&d.s);
    while (d.connected) {
        event_base_loop(d.s.base, EVLOOP_NONBLOCK);
        xvmsg_process(d.h);
    }
    disk_run_until(&d.connected);
}

static void the_bus_comes_back_with_the_daemon(void)
{
    struct xvmsg_blk *blk;

    disk_start(XVMSG_WIDE);
    disk_attach("disk", "1");
    blk = disk_open(1);
    restart_daemon();
    xvmsg_blk_close(blk);
    disk_open(1);
    disk_end();
}

/* The detached disk's go at once, the other's with the connection; then a new one. */
static void doorbells_go_with_device_and_connection(void)
{
    struct xvmsg_blk *first, *second;
    unsigned before;

    d.doorbells = true;
    disk_start(XVMSG_WIDE);
    disk_attach("one", "1");
    disk_attach("two", "2");
    before = disk_open_ports();
    first = disk_open(1);
    second = disk_open(2);
    CU_ASSERT_EQUAL(disk_open_ports(), before + 4);
    stage_write(d.s.toolstack, B7 "/request/one/remove", "force");
    disk_run_until_node(B7 "/device/1", NULL);
    CU_ASSERT_EQUAL(disk_open_ports(), before + 3);
    xvmsg_blk_close(first);
    restart_daemon();
    CU_ASSERT_EQUAL(disk_open_ports(), before);
    xvmsg_blk_close(second);
    disk_open(2);
    CU_ASSERT_EQUAL(disk_open_ports(), before + 2);
    disk_end();
    d.doorbells = false;
}

static void a_compact_driver_meets_only_numbers_it_can_name(void)
{
    disk_start(XVMSG_COMPACT);
    stage_write(d.s.toolstack, B7 "/device-number-next", "65535");
    disk_attach("last", "65535");
    stage_write(d.s.toolstack, B7 "/device-number-form", "wide");
    disk_attach("hidden", "65536");
    stage_write(d.s.toolstack, B7 "/device-number-form", "compact");
    disk_attach("again", "2");
    stage_write(d.s.toolstack, B7 "/request/hidden/remove", "orderly");
    disk_run_until_node(B7 "/request/hidden", NULL);
    disk_open(2);
    CU_ASSERT_STRING_EQUAL(d.heard, "+65535 +2 ");
    disk_end();
}

static void on_changed(struct xvmsg_blk *blk, enum xvmsg_status how, void *user)
{
    uint64_t *size = user;

    *size = xvmsg_blk_size(blk);
    d.status = how;
    d.done = true;
}

static void a_resized_disk_is_noticed_in_both_profiles(void)
{
    for (int strict = 0; strict < 2; strict++) {
        struct xvmsg_blk *blk;
        const char *target;
        uint64_t size = 0;

        disk_start_in(XVMSG_WIDE, strict);
        target = disk_attach("disk", "1");
        blk = disk_open(1);
        xvmsg_blk_set_changed(blk, on_changed, &size);
        for (off_t bytes = 2 * DISK_BYTES; bytes > 512; bytes /= 3) {
            bytes &= ~(off_t)511;
            d.done = false;
            CU_ASSERT_EQUAL_FATAL(truncate(target, bytes), 0);
            stage_write(d.s.toolstack, B7 "/request/disk/resize", "1");
            disk_run_until(&d.done);
            CU_ASSERT_EQUAL(d.status, XVMSG_OK);
            CU_ASSERT_EQUAL(size, (uint64_t)bytes);
        }
        xvmsg_blk_close(blk);
        disk_end();
    }
}

static const struct test_case cases[] = {
    TEST(devices_are_detached_in_order_and_by_force),
    TEST(the_bus_comes_back_with_the_daemon),
    TEST(doorbells_go_with_device_and_connection),
    TEST(a_compact_driver_meets_only_numbers_it_can_name),
    TEST(a_resized_disk_is_noticed_in_both_profiles),
    {NULL, NULL},
};

int main(void)
{
    return test_main("both-ends", cases);
}
