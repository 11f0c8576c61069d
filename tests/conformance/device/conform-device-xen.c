/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The device part of the conformance suite in a guest on real Xen:
 * conform-device-xen NUMBER plays the cases' driver against device NUMBER, a
 * disk. The library connects and then keeps its hands off the ring; cases that
 * want a device of the test's own are skipped.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/internal.h"
#include "tests/conformance/device/conform.h"
#include "tests/harness.h"

#define PATIENCE_SECONDS 300

static uint64_t device;

/* The connection that there is; made anew when a case needs another one, or the
 * case before it did not come to its end. */
static struct {
    struct xvmsg *h;
    struct guest *g;
    const struct setting *setting;
    bool strict;
    bool in_use;
} now;

static uint64_t number(const struct setting *setting)
{
    (void)setting;
    return device;
}

/* Until the backend's event channel fires. */
static void sleep_for_event(struct guest *g)
{
    struct platform *p = g->domu;
    struct pollfd pfd = {.fd = p->ops->evtchn_fd(p), .events = POLLIN};
    int port;

    poll(&pfd, 1, -1);
    port = p->ops->evtchn_next(p);
    if (port >= 0)
        CU_ASSERT_FATAL(p->ops->evtchn_unmask(p, (uint32_t)port) == 0);
    if (port < 0)
        CU_ASSERT_EQUAL_FATAL(errno, EAGAIN);
}

static void disconnect(void)
{
    xvmsg_free(now.h);
    free(now.g);
    memset(&now, 0, sizeof(now));
}

static void connect_as(const struct setting *setting, bool strict)
{
    enum xvmsg_wire_form form = setting->form == MSG_WIDE ? XVMSG_WIDE : XVMSG_COMPACT;
    const char *why;
    struct xvmsg *h = xvmsg_new(&why);

    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    now.h = h;
    now.g = calloc(1, sizeof(*now.g));
    CU_ASSERT_PTR_NOT_NULL_FATAL(now.g);
    CU_ASSERT_EQUAL(xvmsg_set_wire_form(h, form), 0);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(h, setting->max_message), 0);
    CU_ASSERT_EQUAL(xvmsg_set_strict_config(h, strict), 0);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect_wait(h, 1000 * PATIENCE_SECONDS), 0);
    CU_ASSERT_EQUAL(xvmsg_is_strict(h), strict);
    CU_ASSERT_EQUAL(h->bus.max_message, setting->max_message);
    now.g->domu = h->platform;
    now.g->wait = sleep_for_event;
    now.g->ring = h->bus.ring;
    now.g->port = h->bus.port;
    guest_share_area(now.g);
    now.setting = setting;
    now.strict = strict;
}

static struct guest *enter(const struct setting *setting, bool strict)
{
    alarm(PATIENCE_SECONDS);
    if (now.h && (now.in_use || now.setting != setting || now.strict != strict))
        disconnect();
    if (!now.h)
        connect_as(setting, strict);
    now.in_use = true;
    return now.g;
}

static void leave(struct guest *g)
{
    (void)g;
    now.in_use = false;
}

int main(int argc, char **argv)
{
    static const struct place place = {
        .enter = enter,
        .leave = leave,
        .number = number,
        .slow = true,
    };
    int failed;

    if (argc != 2 || parse_u64(argv[1], 1, UINT16_MAX, &device) < 0) {
        fprintf(stderr, "usage: conform-device-xen NUMBER\n");
        return 2;
    }
    failed = conform_main(&place);
    disconnect();
    return failed;
}
