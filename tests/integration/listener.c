/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/listener.h"

#include <stdio.h>
#include <string.h>

#include "tests/harness.h"

char heard[512];

static void hear(const char *word, unsigned long long number, bool with_number)
{
    size_t length = strlen(heard);

    if (with_number)
        snprintf(heard + length, sizeof(heard) - length, "%s%llu ", word, number);
    else
        snprintf(heard + length, sizeof(heard) - length, "%s ", word);
}

static void on_connected(struct xvmsg *h, void *user)
{
    (void)h;
    (void)user;
    hear("up", 0, false);
}

static void on_disconnected(struct xvmsg *h, void *user)
{
    (void)user;
    CU_ASSERT_FALSE(xvmsg_is_connected(h));
    hear("down", 0, false);
}

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    (void)h;
    (void)user;
    hear(event == XVMSG_DEVICE_ADDED ? "+" : event == XVMSG_DEVICE_GONE ? "-" : "?", number, true);
}

struct backend *listener_new(void)
{
    struct xvmsg_handlers handlers = {
        .connected = on_connected, .disconnected = on_disconnected, .device = on_device};
    struct backend *b = backend_new();

    heard[0] = '\0';
    xvmsg_set_handlers(b->h, &handlers, NULL);
    return b;
}

struct backend *listener_connected(void)
{
    struct backend *b = listener_new();

    backend_make_bus(b);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_STRING_EQUAL(heard, "up ");
    return b;
}
