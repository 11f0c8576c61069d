/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/disk-ends.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/harness.h"

/* The library's constructor for a platform of any kind. */
struct xvmsg *xvmsg_new_on(struct platform *p);

struct disk_ends d;

static int spawn(void *user, const char *label, pid_t *pid)
{
    (void)user;
    *pid = 0;
    return stage_true_worker(&d.s, d.worker_xen, label, &d.worker);
}

void disk_run_until(const bool *what)
{
    struct pollfd pfd = {.fd = xvmsg_fd(d.h), .events = POLLIN};

    test_alarm(TEST_PATIENCE);
    while (!*what) {
        event_base_loop(d.s.base, EVLOOP_NONBLOCK);
        if (poll(&pfd, 1, 0) > 0)
            CU_ASSERT_EQUAL(xvmsg_process(d.h), 0);
    }
    test_alarm(0);
}

void disk_run_until_node(const char *path, const char *value)
{
    struct pollfd pfd = {.fd = xvmsg_fd(d.h), .events = POLLIN};
    bool same = false;

    test_alarm(TEST_PATIENCE);
    while (!same) {
        size_t size;
        char *text = d.s.toolstack->ops->xs_read(d.s.toolstack, PLATFORM_NO_TX, path, &size);

        same = value ? text && strcmp(text, value) == 0 : !text;
        free(text);
        event_base_loop(d.s.base, EVLOOP_NONBLOCK);
        if (poll(&pfd, 1, 0) > 0)
            CU_ASSERT_EQUAL(xvmsg_process(d.h), 0);
    }
    test_alarm(0);
}

static void on_connected(struct xvmsg *handle, void *user)
{
    (void)handle;
    (void)user;
    d.connected = true;
}

static void on_disconnected(struct xvmsg *handle, void *user)
{
    (void)handle;
    (void)user;
    d.connected = false;
}

static void on_device(struct xvmsg *handle, uint64_t number, enum xvmsg_device_event event,
                      void *user)
{
    size_t length = strlen(d.heard);

    (void)handle;
    (void)user;
    snprintf(d.heard + length, sizeof(d.heard) - length, "%c%llu ",
             event == XVMSG_DEVICE_ADDED  ? '+'
             : event == XVMSG_DEVICE_GONE ? '-'
                                          : '?',
             (unsigned long long)number);
}

void disk_done(struct xvmsg_blk *blk, enum xvmsg_status how, void *user)
{
    (void)blk;
    (void)user;
    d.done = true;
    d.status = how;
}

void disk_start_in(enum xvmsg_wire_form form, bool strict)
{
    struct xvmsg_handlers handlers = {
        .connected = on_connected, .disconnected = on_disconnected, .device = on_device};

    stage_open(&d.s, 0);
    fake_xen_real_clock(d.s.fx);
    d.s.daemon.spawn = spawn;
    d.worker_xen = fake_xen_domain(d.s.fx, 0);
    stage_start_daemon(&d.s);
    stage_make_bus(&d.s, 7);
    d.h = xvmsg_new_on(fake_xen_domain(d.s.fx, 7));
    CU_ASSERT_PTR_NOT_NULL_FATAL(d.h);
    d.heard[0] = '\0';
    d.connected = false;
    xvmsg_set_handlers(d.h, &handlers, NULL);
    CU_ASSERT_EQUAL(xvmsg_set_wire_form(d.h, form), 0);
    CU_ASSERT_EQUAL(xvmsg_set_strict_config(d.h, strict), 0);
    CU_ASSERT_EQUAL(xvmsg_set_queue_layout(d.h, d.layout), 0);
    CU_ASSERT_EQUAL(xvmsg_set_queue_doorbells(d.h, d.doorbells), 0);
    CU_ASSERT_EQUAL(xvmsg_connect(d.h), 0);
    disk_run_until(&d.connected);
    CU_ASSERT_EQUAL(xvmsg_is_strict(d.h), strict);
}

void disk_start(enum xvmsg_wire_form form)
{
    disk_start_in(form, false);
}

void disk_end(void)
{
    xvmsg_free(d.h);
    stage_stop_daemon(&d.s);
    worker_free(d.worker);
    CU_ASSERT_EQUAL(fake_xen_counters(d.s.fx).mapped_pages, 0);
    platform_close(d.worker_xen);
    stage_close(&d.s);
}

const char *disk_attach(const char *name, const char *number)
{
    const char *target = stage_target(&d.s, name, DISK_BYTES);

    stage_request(&d.s, name, target);
    disk_run_until_node(store_path(B7 "/device/%s/state", number).text, "added");
    return target;
}

struct xvmsg_blk *disk_open(uint64_t number)
{
    struct xvmsg_blk *blk;

    d.done = false;
    blk = xvmsg_blk_open(d.h, number, disk_done, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(blk);
    disk_run_until(&d.done);
    CU_ASSERT_EQUAL_FATAL(d.status, XVMSG_OK);
    return blk;
}

void disk_finish(int submitted)
{
    CU_ASSERT_EQUAL_FATAL(submitted, 0);
    CU_ASSERT_EQUAL(xvmsg_flush(d.h), 0);
    disk_run_until(&d.done);
    CU_ASSERT_EQUAL(d.status, XVMSG_OK);
    d.done = false;
}

unsigned disk_open_ports(void)
{
    return fake_xen_counters(d.s.fx).open_ports;
}
