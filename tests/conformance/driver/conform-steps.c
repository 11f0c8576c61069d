/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device that fails in each step of its initialization, of its use and of its
 * end: it vanishes, says nothing more, or its bus goes. Whoever waits is told once,
 * in bounded time, and the disk beside works on.
 */

#include <linux/virtio_config.h>
#include <string.h>

#include "common/le.h"
#include "tests/conformance/driver/bystander.h"
#include "tests/harness.h"

/* Requests of an initialization, and more than it has. */
#define STEPS 40u

static struct scene s;

/* ---- what happens with the nth request for device 3 or its memory ---- */

static unsigned countdown;
static bool happened;
static void (*happen)(void);
static bool silent; /* from then on */

static bool concerns_the_device(const struct msg *m)
{
    return m->dev_num == 3 || m->kind == MSG_area_share_request ||
           m->kind == MSG_area_unshare_request;
}

static bool wait_for_step(struct backend *b, const struct msg *m)
{
    (void)b;
    if (!concerns_the_device(m))
        return false;
    if (happened)
        return silent;
    if (countdown-- > 0)
        return false;
    happened = true;
    happen();
    return silent;
}

static void start(unsigned step, void (*what)(void), bool and_silent)
{
    bystander_start(&s);
    countdown = step;
    happened = false;
    happen = what;
    silent = and_silent;
    s.t.b->script = wait_for_step;
}

static void nothing(void)
{
}

static void vanish(void)
{
    backend_vanish(s.t.b, 3);
}

/* Closes what was opened, in time that is bounded too. */
static void close_and_count(void)
{
    s.t.b->script = NULL;
    xvmsg_device_close(s.t.device);
    backend_settle(s.t.b);
    scene_wait(&s, 6 * SECOND);
    s.t.device = NULL;
}

/* ---- cases ---- */

static void it_vanishes(void)
{
    unsigned steps = 0;

    for (unsigned step = 0; step < STEPS; step++) {
        size_t place;

        start(step, vanish, true);
        driven_open(&s.t);
        if (!happened) {
            CU_ASSERT_EQUAL(s.t.status, XVMSG_OK);
            bystander_end(&s);
            break;
        }
        steps++;
        backend_settle(s.t.b);
        CU_ASSERT_TRUE(s.t.ready);
        CU_ASSERT_EQUAL(s.t.status, XVMSG_DEVICE_REMOVED);
        CU_ASSERT_EQUAL(s.t.broken_count, 0);
        place = s.tape.count;
        bystander_check(&s);
        close_and_count();
        CU_ASSERT_EQUAL(recording_sent_to(&s.tape, 3, place), 0);
        CU_ASSERT_TRUE(backend_front_is(s.t.b, "device/3", NULL));
        bystander_end(&s);
    }
    CU_ASSERT(steps >= 15);
}

static void it_says_nothing_more(void)
{
    unsigned steps = 0;

    for (unsigned step = 0; step < STEPS; step++) {
        start(step, nothing, true);
        driven_open(&s.t);
        if (!happened) {
            bystander_end(&s);
            break;
        }
        steps++;
        CU_ASSERT_FALSE(s.t.ready);
        bystander_check(&s);
        scene_wait(&s, 5 * SECOND);
        CU_ASSERT_TRUE(s.t.ready);
        CU_ASSERT_EQUAL(s.t.status, XVMSG_TIMEOUT);
        CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(s.t.b->h), "timeout"));
        scene_wait(&s, 6 * SECOND); /* FAILED is not answered either */
        close_and_count();
        CU_ASSERT_TRUE(backend_front_is(s.t.b, "device/3/state", "released"));
        s.t.ready = false;
        s.t.b->script = NULL;
        driven_open(&s.t); /* it speaks again, and all is well */
        CU_ASSERT_EQUAL(s.t.status, XVMSG_OK);
        bystander_end(&s);
    }
    CU_ASSERT(steps >= 15);
}

static void restart_backend(void)
{
    silent = true;
}

static void its_bus_goes(void)
{
    unsigned steps = 0;

    for (unsigned step = 0; step < STEPS; step++) {
        scene_start(&s);
        countdown = step;
        happened = false;
        happen = restart_backend;
        silent = false;
        s.t.b->script = wait_for_step;
        driven_open(&s.t);
        if (!happened) {
            scene_end(&s);
            break;
        }
        steps++;
        s.t.b->script = NULL;
        backend_advertise(s.t.b);
        backend_settle(s.t.b);
        CU_ASSERT_TRUE(s.t.ready);
        CU_ASSERT_EQUAL(s.t.status, XVMSG_BUS_CLOSED);
        xvmsg_device_close(s.t.device);
        s.t.ready = false;
        scene_ready(&s);
        CU_ASSERT_TRUE(scene_bus_works(&s));
        scene_end(&s);
    }
    CU_ASSERT(steps >= 15);
}

/* ---- the end ---- */

static unsigned ends;

static void closing_is_bounded(void)
{
    for (unsigned step = 0; step < 4; step++) {
        start(STEPS, nothing, true);
        scene_ready(&s);
        countdown = step; /* reset, and the two areas */
        xvmsg_device_close(s.t.device);
        backend_settle(s.t.b);
        bystander_check(&s);
        scene_wait(&s, 16 * SECOND);
        s.t.b->script = NULL;
        s.t.ready = false;
        driven_open(&s.t);
        CU_ASSERT_TRUE(s.t.ready);
        CU_ASSERT_EQUAL(s.t.status, XVMSG_OK);
        bystander_end(&s);
    }
}

static bool never_reset(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->dev_num != 3)
        return false;
    if (m->kind == MSG_get_device_status_request)
        r.get_device_status_response.status = 0x0f;
    else if (m->kind == MSG_set_device_status_request)
        r.set_device_status_response.status = 0x0f;
    else
        return false;
    backend_send(b, &r);
    return true;
}

static void an_endless_reset_at_the_end(void)
{
    unsigned polls;

    start(STEPS, nothing, false);
    scene_ready(&s);
    s.t.b->script = never_reset;
    xvmsg_device_close(s.t.device);
    backend_settle(s.t.b);
    scene_wait(&s, 6 * SECOND);
    bystander_check(&s);
    polls = recording_count(&s.tape, MSG_get_device_status_request);
    CU_ASSERT(polls > 0 && polls <= 600);
    scene_wait(&s, 6 * SECOND);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_get_device_status_request), polls);
    s.t.b->script = NULL;
    s.t.ready = false;
    driven_open(&s.t);
    CU_ASSERT_TRUE(s.t.ready);
    CU_ASSERT_EQUAL(s.t.status, XVMSG_OK);
    bystander_end(&s);
}

/* ---- its memory ---- */

static uint16_t area_status;
static uint16_t area_number_off;

static bool answer_area(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_area_share_request)
        return false;
    r.area_share_response.area = (uint16_t)(m->area_share_request.area + area_number_off);
    r.area_share_response.status = area_status;
    backend_send(b, &r);
    return true;
}

static void areas_that_are_refused(void)
{
    static const uint16_t statuses[] = {1, 2, 3, 4, 5, 6, 0x8000, 0xffff};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        start(STEPS, nothing, false);
        s.t.b->script = answer_area;
        area_status = statuses[i];
        area_number_off = 0;
        driven_open(&s.t);
        CU_ASSERT_TRUE(s.t.ready);
        CU_ASSERT_NOT_EQUAL(s.t.status, XVMSG_OK);
        CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_vqueue_request), 1); /* the other disk's */
        bystander_check(&s);
        close_and_count();
        bystander_end(&s);
    }
    start(STEPS, nothing, false);
    s.t.b->script = answer_area;
    area_status = 0;
    area_number_off = 1; /* of another area */
    driven_open(&s.t);
    CU_ASSERT_TRUE(s.t.ready);
    CU_ASSERT_EQUAL(s.t.status, XVMSG_MALFORMED_RESPONSE);
    close_and_count();
    bystander_end(&s);
}

/* ---- what was asked of it ---- */

static void on_end(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    (void)h;
    (void)user;
    ends++;
    CU_ASSERT_NOT_EQUAL(reply->status, XVMSG_OK);
}

static void requests_end_once(void)
{
    static uint8_t data[8];

    for (unsigned way = 0; way < 4; way++) {
        ends = 0;
        start(0, nothing, true);
        for (unsigned i = 0; i < 50; i++) {
            CU_ASSERT_EQUAL(xvmsg_get_device_info(s.t.b->h, 3, on_end, NULL), 0);
            CU_ASSERT_EQUAL(xvmsg_get_config(s.t.b->h, 3, 0, 8, data, on_end, NULL), 0);
        }
        backend_settle(s.t.b);
        CU_ASSERT_EQUAL(ends, 0);
        if (way == 0)
            scene_wait(&s, 6 * SECOND);
        if (way == 1)
            vanish();
        backend_settle(s.t.b);
        if (way < 2) {
            CU_ASSERT_EQUAL(ends, 100);
            bystander_end(&s);
            CU_ASSERT_EQUAL(ends, 100);
            continue;
        }
        if (way == 2)
            backend_remove_bus(s.t.b);
        backend_settle(s.t.b);
        scene_end(&s); /* way 3: with the handle */
        CU_ASSERT_EQUAL(ends, 100);
    }
}

static const struct test_case cases[] = {
    {"DRV-65 REC-02: a device that vanishes in any step of its initialization", it_vanishes},
    {"DRV-50 REC-02: a device that falls silent in any step of its initialization",
     it_says_nothing_more},
    {"REC-02: a bus that goes in any step of an initialization", its_bus_goes},
    {"DRV-51 REC-02: a device that falls silent while it is closed", closing_is_bounded},
    {"DRV-50 REC-02: a reset that never ends while a device is closed",
     an_endless_reset_at_the_end},
    {"DRV-38 REC-02: memory that the backend does not take", areas_that_are_refused},
    {"DRV-65 REC-02: requests end once however they end", requests_end_once},
    {NULL, NULL},
};

int main(void)
{
    return test_main("driver-steps", cases);
}
