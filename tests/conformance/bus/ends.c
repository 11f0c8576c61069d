/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/bus/ends.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/harness.h"

/* Turns without a message after which nobody is about to send one. */
#define QUIET_TURNS 20

/* A case that is stuck: so many turns, and so long, without a message; one that goes
 * on for ever ends the program by SIGALRM. */
#define STUCK_TURNS 1000
#define STUCK_SECONDS 3

/* The library's constructor for a platform of any kind. */
struct xvmsg *xvmsg_new_on(struct platform *p);

/* ---- what the library tells ---- */

static void on_connected(struct xvmsg *h, void *user)
{
    struct ends *e = user;

    (void)h;
    e->connected = true;
}

static void on_disconnected(struct xvmsg *h, void *user)
{
    struct ends *e = user;

    e->connected = false;
    e->losses++;
    snprintf(e->why, sizeof(e->why), "%s", xvmsg_error(h));
}

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    struct ends *e = user;
    size_t length = strlen(e->heard);
    char sign = event == XVMSG_DEVICE_ADDED ? '+' : event == XVMSG_DEVICE_GONE ? '-' : '?';

    (void)h;
    snprintf(e->heard + length, sizeof(e->heard) - length, "%c%" PRIu64 " ", sign, number);
}

static void on_config(struct xvmsg *h, uint64_t number, uint32_t status, uint32_t offset,
                      uint32_t length, void *user)
{
    struct ends *e = user;

    (void)h, (void)offset, (void)length;
    e->configs++;
    e->config_of = number;
    e->config_status = status;
}

/* ---- life ---- */

static int spawn(void *user, const char *label, pid_t *pid)
{
    struct ends *e = user;
    int supervisor;

    *pid = 0;
    CU_ASSERT_PTR_NULL_FATAL(e->relay);
    e->relay = relay_new(e->s.fx, 7, e->s.base, label, &supervisor);
    return supervisor;
}

void ends_make_handle(struct ends *e, const struct ends_setup *setup)
{
    const struct xvmsg_handlers handlers = {
        .connected = on_connected,
        .disconnected = on_disconnected,
        .device = on_device,
        .config = on_config,
    };

    e->h = xvmsg_new_on(fake_xen_domain(e->s.fx, 7));
    CU_ASSERT_PTR_NOT_NULL_FATAL(e->h);
    xvmsg_set_handlers(e->h, &handlers, e);
    CU_ASSERT_EQUAL(xvmsg_set_wire_form(e->h, setup->form), 0);
    CU_ASSERT_EQUAL(xvmsg_set_strict_config(e->h, setup->strict), 0);
    CU_ASSERT_EQUAL(xvmsg_set_queue_doorbells(e->h, setup->doorbells), 0);
    if (setup->message_size)
        CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, setup->message_size), 0);
}

struct ends *ends_new(const struct ends_setup *setup)
{
    struct ends *e = calloc(1, sizeof(*e));

    if (!e)
        abort();
    test_alarm(TEST_PATIENCE);
    stage_open(&e->s, 0);
    e->s.daemon.spawn = spawn;
    e->s.daemon.spawn_user = e;
    if (!setup->alone)
        stage_start_daemon(&e->s);
    stage_make_bus(&e->s, 7);
    if (setup->first_number)
        stage_write(e->s.toolstack, B7 "/device-number-next",
                    store_path("%" PRIu64, setup->first_number).text);
    ends_make_handle(e, setup);
    if (!setup->apart && !setup->alone) {
        CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
        ends_run(e, &e->connected);
    }
    return e;
}

void ends_free(struct ends *e)
{
    xvmsg_free(e->h);
    stage_stop_daemon(&e->s);
    if (e->relay)
        relay_free(e->relay);
    CU_ASSERT_EQUAL(fake_xen_counters(e->s.fx).mapped_pages, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(e->s.fx).open_ports, 0);
    stage_close(&e->s);
    free(e);
    test_alarm(0);
}

/* ---- running ---- */

static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

bool ends_turn(struct ends *e)
{
    bool any;

    event_base_loop(e->s.base, EVLOOP_NONBLOCK);
    any = e->relay && relay_step(e->relay);
    CU_ASSERT_EQUAL_FATAL(xvmsg_process(e->h), 0);
    if (any || !e->quiet++) {
        e->quiet = !any;
        e->quiet_since = seconds();
    } else if (e->quiet > STUCK_TURNS && seconds() - e->quiet_since > STUCK_SECONDS) {
        CU_FAIL_FATAL("nothing moves any more");
    }
    return any;
}

void ends_run(struct ends *e, const bool *what)
{
    e->quiet = 0;
    while (!*what)
        ends_turn(e);
}

static bool node_is(struct ends *e, const char *path, const char *value)
{
    size_t size;
    char *text = e->s.toolstack->ops->xs_read(e->s.toolstack, PLATFORM_NO_TX, path, &size);
    bool same = value ? text && strcmp(text, value) == 0 : !text;

    free(text);
    return same;
}

void ends_run_until_node(struct ends *e, const char *path, const char *value)
{
    e->quiet = 0;
    while (!node_is(e, path, value))
        ends_turn(e);
}

void ends_settle(struct ends *e)
{
    unsigned quiet = 0;

    e->quiet = 0;
    while (quiet < QUIET_TURNS)
        quiet = ends_turn(e) ? 0 : quiet + 1;
}

void ends_pass(struct ends *e, unsigned milliseconds)
{
    fake_xen_advance(e->s.fx, milliseconds * UINT64_C(1000000));
    ends_settle(e);
}

bool ends_node_says(struct ends *e, const char *path, const char *words)
{
    return stage_says(&e->s, path, words);
}

/* ---- devices ---- */

uint64_t ends_attach(struct ends *e, const char *name)
{
    struct store_path request = store_path(B7 "/request/%s", name);
    uint64_t number = 0;
    char told[32];

    stage_request(&e->s, name, stage_target(&e->s, name, ENDS_DISK_BYTES));
    e->quiet = 0;
    while (store_read_u64(e->s.toolstack, PLATFORM_NO_TX, request.text, "number", 0, UINT64_MAX,
                          &number) < 0)
        ends_turn(e);
    snprintf(told, sizeof(told), "+%" PRIu64 " ", number);
    while (e->connected && !strstr(e->heard, told))
        ends_turn(e);
    return number;
}

void ends_detach(struct ends *e, const char *name, const char *how)
{
    stage_write(e->s.toolstack, store_path(B7 "/request/%s/remove", name).text, how);
    ends_run_until_node(e, store_path(B7 "/request/%s", name).text, NULL);
    ends_settle(e);
}

/* ---- requests ---- */

void ends_answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    static unsigned turn;
    struct ends_call *call = user;

    (void)h;
    call->done = true;
    call->times++;
    call->turn = ++turn;
    call->reply = *reply;
}

enum xvmsg_status ends_finish(struct ends *e, int submitted, struct ends_call *call)
{
    CU_ASSERT_EQUAL_FATAL(submitted, 0);
    CU_ASSERT_EQUAL(xvmsg_flush(e->h), 0);
    ends_run(e, &call->done);
    CU_ASSERT_EQUAL(call->times, 1);
    return call->reply.status;
}

struct xvmsg_device_info ends_info(struct ends *e, uint64_t device)
{
    struct ends_call call = {0};

    CU_ASSERT_EQUAL(
        ends_finish(e, xvmsg_get_device_info(e->h, device, ends_answered, &call), &call),
        XVMSG_OK);
    return call.reply.u.info;
}

enum xvmsg_status ends_ping(struct ends *e, uint32_t data)
{
    struct ends_call call = {0};

    return ends_finish(e, xvmsg_ping(e->h, data, ends_answered, &call), &call);
}

uint32_t ends_status(struct ends *e, uint64_t device)
{
    struct ends_call call = {0};

    CU_ASSERT_EQUAL(ends_finish(e, xvmsg_get_device_status(e->h, device, ends_answered, &call),
                                &call),
                    XVMSG_OK);
    return call.reply.u.device_status;
}

/* ---- a disk ---- */

struct disk_call {
    bool done;
    enum xvmsg_status status;
};

static void on_blk(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct disk_call *call = user;

    (void)blk;
    call->done = true;
    call->status = status;
}

void ends_open_disk(struct ends *e, uint64_t number)
{
    struct disk_call call = {0};

    e->blk = xvmsg_blk_open(e->h, number, on_blk, &call);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e->blk);
    ends_run(e, &call.done);
    CU_ASSERT_EQUAL_FATAL(call.status, XVMSG_OK);
}

enum xvmsg_status ends_read_sector(struct ends *e, unsigned n)
{
    struct disk_call call = {0};

    memset(e->sector, 0, sizeof(e->sector));
    CU_ASSERT_EQUAL_FATAL(xvmsg_blk_read(e->blk, (uint64_t)n * ENDS_SECTOR, e->sector,
                                         sizeof(e->sector), on_blk, &call),
                          0);
    CU_ASSERT_EQUAL(xvmsg_flush(e->h), 0);
    ends_run(e, &call.done);
    return call.status;
}

struct ends *ends_disks(enum xvmsg_wire_form form, unsigned count)
{
    static const char *const names[] = {"one", "two", "three"};
    struct ends *e = ends_new(&(struct ends_setup){.form = form});

    for (unsigned i = 0; i < count; i++)
        CU_ASSERT_EQUAL_FATAL(ends_attach(e, names[i]), i + 1);
    relay_forget(e->relay);
    return e;
}

void ends_use_everything(struct ends *e)
{
    struct ends_call call = {0};
    uint8_t bitmap[2];

    ends_open_disk(e, 1);
    for (unsigned i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(ends_read_sector(e, i), XVMSG_OK);
    CU_ASSERT_EQUAL(ends_ping(e, 0x12345678), XVMSG_OK);
    CU_ASSERT_EQUAL(
        ends_finish(e, xvmsg_get_devices(e->h, 0, 13, bitmap, ends_answered, &call), &call),
        XVMSG_OK);
    CU_ASSERT_EQUAL(bitmap[0], 1u << 1);
    CU_ASSERT_EQUAL(ends_status(e, 1), 15);
    xvmsg_blk_close(e->blk);
    ends_settle(e);
}

uint32_t ends_random(void)
{
    static uint32_t state = 20251;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}
