/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/scripted-backend.h"

#include <CUnit/CUnit.h>
#include <poll.h>
#include <stdlib.h>

#include "xenstore-schema/schema.h"

/* Rounds in which the frontend has nothing to do before it is believed, for the
 * backend may answer only in the next; and rounds that no exchange here needs. */
#define QUIET_ROUNDS 4
#define MAX_ROUNDS 200

void backend_check(bool holds, const char *what, const char *file, unsigned line)
{
    CU_assertImplementation(holds, line, what, file, "", CU_TRUE);
}

struct backend *backend_new(void)
{
    struct backend *b = calloc(1, sizeof(*b));
    struct fake_xen *fx = fake_xen_new();

    if (!b)
        abort();
    fake_xen_create_domain(fx, BACKEND_GUEST, "guest");
    backend_init(b, fake_xen_domain(fx, 0), BACKEND_GUEST, 0);
    b->fx = fx;
    b->guest = fake_xen_domain(b->fx, BACKEND_GUEST);
    b->h = xvmsg_new_on(b->guest);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->h);
    return b;
}

void backend_free(struct backend *b)
{
    struct fake_counters left;

    backend_stop(b);
    xvmsg_free(b->h);
    backend_drop(b);
    platform_close(b->dom0);
    left = fake_xen_counters(b->fx);
    CU_ASSERT_EQUAL(left.open_ports, 0);
    CU_ASSERT_EQUAL(left.mapped_pages, 0);
    CU_ASSERT_EQUAL(left.shared_pages, 0);
    CU_ASSERT_EQUAL(left.transactions, 0);
    CU_ASSERT_EQUAL(left.watches, 0);
    CU_ASSERT_EQUAL(fake_xen_free(b->fx), 0);
    for (unsigned i = 0; i < BACKEND_DEVICES; i++)
        free(b->devices[i].disk);
    free(b);
}

/* After the flush the handle's descriptor must ask for every turn that is needed. */
void backend_settle(struct backend *b)
{
    struct pollfd pfd = {.fd = xvmsg_fd(b->h), .events = POLLIN};
    int quiet = 0;

    xvmsg_flush(b->h);
    for (int i = 0; quiet < QUIET_ROUNDS && i < MAX_ROUNDS; i++) {
        backend_step(b);
        quiet = poll(&pfd, 1, 0) > 0 ? 0 : quiet + 1;
        if (!quiet)
            xvmsg_process(b->h);
    }
}

struct backend *backend_connected(void)
{
    return backend_connected_as(MSG_WIDE, 0, false);
}

struct backend *backend_connected_as(enum msg_form form, unsigned max_message, bool strict)
{
    struct backend *b = backend_new();

    xvmsg_set_wire_form(b->h, form == MSG_WIDE ? XVMSG_WIDE : XVMSG_COMPACT);
    if (max_message)
        CU_ASSERT_EQUAL_FATAL(xvmsg_set_message_size(b->h, max_message), 0);
    if (max_message > MSG_WIDE_DEFAULT_MAX)
        CU_ASSERT_EQUAL_FATAL(xvmsg_set_ring_order(b->h, RING_MAX_ORDER), 0);
    CU_ASSERT_EQUAL(xvmsg_set_strict_config(b->h, strict), 0);
    backend_make_bus(b);
    backend_advertise(b);
    if (strict)
        backend_write(b, XS_TRANSPORT_FEATURES, "1");
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_TRUE_FATAL(xvmsg_is_connected(b->h));
    CU_ASSERT_EQUAL_FATAL(xvmsg_is_strict(b->h), strict);
    return b;
}

static void *run(void *user)
{
    struct backend *b = user;

    while (!__atomic_load_n(&b->stop, __ATOMIC_ACQUIRE)) {
        struct pollfd pfd = {.fd = b->dom0->ops->evtchn_fd(b->dom0), .events = POLLIN};

        backend_step(b);
        /* Handshakes come by xenstore, which this backend does not watch. */
        poll(&pfd, 1, 1);
    }
    return NULL;
}

void backend_start(struct backend *b)
{
    fake_xen_real_clock(b->fx);
    b->stop = false;
    b->threaded = true;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&b->thread, NULL, run, b), 0);
}

void backend_stop(struct backend *b)
{
    if (!b->threaded)
        return;
    __atomic_store_n(&b->stop, true, __ATOMIC_RELEASE);
    pthread_join(b->thread, NULL);
    b->threaded = false;
}
