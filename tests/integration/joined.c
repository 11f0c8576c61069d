/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/joined.h"

#include <CUnit/CUnit.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

#define LOOK_US 50u /* before queue threads sleep */

/* The library's constructor for a platform of any kind. */
struct xvmsg *xvmsg_new_on(struct platform *p);

/* ---- the backend ---- */

static int spawn(void *user, const char *label, pid_t *pid)
{
    struct joined *j = user;
    int socket;

    *pid = 0;
    worker_free(j->worker); /* of a bus that was let go */
    socket = stage_true_worker(&j->s, j->worker_xen, label, &j->worker);
    for (unsigned i = 0; i < j->queue_threads; i++)
        CU_ASSERT_FATAL(worker_add_thread(j->worker, j->thread_xen[i]));
    return socket;
}

void joined_start_daemon(struct joined *j)
{
    stage_start_daemon(&j->s);
}

void joined_stop_daemon(struct joined *j)
{
    supervisor_free(j->s.supervisor);
    j->s.supervisor = NULL;
    worker_free(j->worker);
    j->worker = NULL;
    platform_close(j->s.daemon.platform);
}

/* ---- the guest ---- */

static void on_connected(struct xvmsg *h, void *user)
{
    struct joined *j = user;

    (void)h;
    j->connected = true;
}

static void on_disconnected(struct xvmsg *h, void *user)
{
    struct joined *j = user;

    (void)h;
    j->connected = false;
}

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    struct joined *j = user;

    (void)h;
    CU_ASSERT_FATAL(number > 0 && number < JOINED_NUMBERS);

    enum joined_told before = j->told[number];

    switch (event) {
    case XVMSG_DEVICE_ADDED:
        CU_ASSERT_EQUAL(before, JOINED_NOTHING);
        j->told[number] = JOINED_ADDED;
        j->present++;
        break;
    case XVMSG_DEVICE_REMOVING:
        CU_ASSERT_EQUAL(before, JOINED_ADDED);
        j->told[number] = JOINED_REMOVING;
        if (j->wanted_back)
            j->wanted_back(j, number);
        break;
    case XVMSG_DEVICE_GONE:
        CU_ASSERT(before == JOINED_ADDED || before == JOINED_REMOVING);
        j->told[number] = JOINED_GONE;
        j->present--;
        break;
    }
}

void joined_start_guest(struct joined *j)
{
    struct xvmsg_handlers handlers = {
        .connected = on_connected, .disconnected = on_disconnected, .device = on_device};

    memset(j->told, 0, sizeof(j->told));
    j->present = 0;
    j->connected = false;
    j->guest = fake_xen_domain(j->s.fx, 7);
    j->h = xvmsg_new_on(j->guest);
    CU_ASSERT_PTR_NOT_NULL_FATAL(j->h);
    xvmsg_set_handlers(j->h, &handlers, j);
    CU_ASSERT_EQUAL(xvmsg_set_addresses(j->h, j->addresses), 0);
    CU_ASSERT_EQUAL(xvmsg_set_queue_doorbells(j->h, j->queue_doorbells), 0);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect(j->h), 0);
}

void joined_stop_guest(struct joined *j)
{
    xvmsg_free(j->h);
    j->h = NULL;
}

/* ---- both ---- */

void joined_open(struct joined *j)
{
    joined_open_threads(j, 0, false);
}

void joined_open_threads(struct joined *j, unsigned threads, bool queue_doorbells)
{
    memset(j, 0, sizeof(*j));
    stage_open(&j->s, 0);
    j->queue_threads = threads;
    j->queue_doorbells = queue_doorbells;
    for (unsigned i = 0; i < threads; i++)
        j->thread_xen[i] = fake_xen_domain(j->s.fx, 0);
    fake_xen_real_clock(j->s.fx);
    j->s.daemon.spawn = spawn;
    j->s.daemon.spawn_user = j;
    j->s.daemon.poll_us = threads ? LOOK_US : 0;
    j->worker_xen = fake_xen_domain(j->s.fx, 0);
    stage_make_bus(&j->s, 7);
    joined_start_daemon(j);
    joined_start_guest(j);
}

void joined_close(struct joined *j)
{
    joined_stop_guest(j);
    joined_stop_daemon(j);
    CU_ASSERT_EQUAL(fake_xen_counters(j->s.fx).mapped_pages, 0);
    platform_close(j->worker_xen);
    for (unsigned i = 0; i < j->queue_threads; i++)
        platform_close(j->thread_xen[i]);
    stage_close(&j->s);
}

void joined_turn(struct joined *j)
{
    struct pollfd pfd = {.fd = xvmsg_fd(j->h), .events = POLLIN};

    event_base_loop(j->s.base, EVLOOP_NONBLOCK);
    if (poll(&pfd, 1, 0) > 0 && xvmsg_process(j->h) < 0)
        CU_ASSERT(fake_xen_killed(j->guest));
}

void joined_run_until(struct joined *j, bool (*done)(struct joined *j, void *user), void *user)
{
    test_alarm(TEST_PATIENCE);
    while (!done(j, user))
        joined_turn(j);
    test_alarm(0);
}

/* ---- the toolstack ---- */

struct request {
    const char *name;
    const char *target;
    const char *uuid;
};

static int request_body(struct platform *p, platform_tx tx, void *user)
{
    const struct request *r = user;
    struct store_path dir = store_path(B7 "/" XS_REQUEST "/%s", r->name);

    if (store_remove(p, tx, B7 "/" XS_REQUEST, r->name) < 0 ||
        store_write_text(p, tx, dir.text, XS_TYPE, "blk") < 0 ||
        store_write_text(p, tx, dir.text, XS_TARGET, r->target) < 0 ||
        store_write_text(p, tx, dir.text, XS_UUID, r->uuid) < 0)
        return -1;
    return store_write_text(p, tx, dir.text, XS_MODE, XS_MODE_WRITE);
}

static bool was_added(struct joined *j, void *user)
{
    return j->told[*(const uint64_t *)user] == JOINED_ADDED;
}

void joined_await_device(struct joined *j, uint64_t number)
{
    joined_run_until(j, was_added, &number);
}

void joined_request(struct joined *j, const char *name, const char *target, const char *uuid)
{
    struct request request = {.name = name, .target = target, .uuid = uuid};

    CU_ASSERT_EQUAL(store_transaction(j->s.toolstack, request_body, &request), 0);
}

uint64_t joined_number(struct joined *j, const char *name)
{
    uint64_t number = 0;

    store_read_u64(j->s.toolstack, PLATFORM_NO_TX,
                   store_path(B7 "/" XS_REQUEST "/%s", name).text, XS_NUMBER, 1,
                   JOINED_NUMBERS - 1, &number);
    return number;
}

size_t joined_children(struct joined *j, const char *path)
{
    struct platform *p = j->s.toolstack;
    size_t count = 0;

    free(p->ops->xs_list(p, PLATFORM_NO_TX, path, &count));
    return count;
}
