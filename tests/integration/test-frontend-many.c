/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library on a bus with thousands of devices: each is told once, whatever
 * xenstore's watches do, and costs what the first one cost. */

#include <stdlib.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

#define FEW 10u
#define MANY 3000u

static struct backend *b;
static unsigned added[MANY + 2], gone[MANY + 2], answered[MANY + 2];

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    (void)h;
    (void)user;
    CU_ASSERT_FATAL(number < MANY + 2);
    added[number] += event == XVMSG_DEVICE_ADDED;
    gone[number] += event == XVMSG_DEVICE_GONE;
}

/* Some answer, others are silent. */
static bool answer(struct backend *backend, const struct msg *m)
{
    struct msg response = backend_response(m);

    if (m->kind != MSG_get_device_info_request)
        return false;
    if (m->dev_num % 64 == 0)
        backend_send(backend, &response);
    return true;
}

static void announce(unsigned number)
{
    backend_write(b, store_path("device/%u/name", number).text, "disk");
    backend_write(b, store_path("device/%u/type", number).text, "blk");
    backend_write(b, store_path("device/%u/state", number).text, "added");
}

static void start(unsigned count)
{
    struct xvmsg_handlers handlers = {.device = on_device};

    for (unsigned i = 0; i < MANY + 2; i++)
        added[i] = gone[i] = answered[i] = 0;
    b = backend_new();
    xvmsg_set_handlers(b->h, &handlers, NULL);
    b->script = answer;
    backend_make_bus(b);
    for (unsigned i = 1; i <= count; i++)
        announce(i);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
}

static unsigned count_of(const unsigned *told)
{
    unsigned count = 0;

    for (unsigned i = 0; i < MANY + 2; i++) {
        CU_ASSERT(told[i] <= 1);
        count += told[i];
    }
    return count;
}

static uint64_t calls(void)
{
    return fake_xen_counters(b->fx).xenstore_calls;
}

/* The first look: one listing and a call for each device. */
static void each_is_looked_at_once(void)
{
    uint64_t few, many;

    start(FEW);
    few = calls() - 3 * FEW;
    CU_ASSERT_EQUAL(count_of(added), FEW);
    backend_free(b);
    start(MANY);
    many = calls() - 3 * MANY;
    CU_ASSERT_EQUAL(count_of(added), MANY);
    CU_ASSERT_EQUAL(many - few, MANY - FEW);
    backend_free(b);
}

/* Calls for one device to come, to be wanted back, and to go. */
static uint64_t cost_of_one(unsigned number)
{
    uint64_t before = calls();

    announce(number);
    backend_settle(b);
    backend_want_back(b, number);
    backend_settle(b);
    backend_vanish(b, number);
    backend_settle(b);
    CU_ASSERT_EQUAL(added[number], 1);
    CU_ASSERT_EQUAL(gone[number], 1);
    return calls() - before;
}

static void one_more_costs_the_same_among_many(void)
{
    uint64_t among_few;

    start(FEW);
    among_few = cost_of_one(MANY + 1);
    backend_free(b);
    start(MANY);
    CU_ASSERT(cost_of_one(MANY + 1) <= among_few);
    printf("# %u xenstore calls, of both ends\n", (unsigned)among_few);
    backend_free(b);
}

static void each_is_told_once_whatever_the_watches_do(void)
{
    start(0);
    for (unsigned i = MANY; i > 0; i--)
        announce(i);
    backend_write(b, "device", ""); /* look at all */
    for (unsigned i = 1; i <= MANY; i += 3)
        backend_write(b, store_path("device/%u/state", i).text, "added");
    backend_settle(b);
    CU_ASSERT_EQUAL(count_of(added), MANY);
    /* Some vanish and others come between two looks. */
    for (unsigned i = 1; i <= MANY; i += 2)
        backend_write(b, store_path("device/%u", i).text, NULL);
    announce(MANY + 1);
    backend_write(b, "device", "");
    backend_settle(b);
    CU_ASSERT_EQUAL(count_of(added), MANY + 1);
    CU_ASSERT_EQUAL(count_of(gone), MANY / 2);
    /* One that came and went unseen was never there. */
    announce(0);
    backend_write(b, "device/0", NULL);
    backend_settle(b);
    CU_ASSERT_EQUAL(added[0] + gone[0], 0);
    /* Devices outlive a connection. */
    backend_drop(b);
    backend_advertise(b);
    backend_settle(b);
    CU_ASSERT_EQUAL(count_of(added), MANY + 1);
    backend_remove_bus(b);
    backend_settle(b);
    CU_ASSERT_EQUAL(count_of(gone), MANY + 1);
    backend_free(b);
}

static void on_info(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    unsigned *times = user;

    (void)h;
    (void)reply;
    ++*times;
}

static void a_request_to_each_ends_once(void)
{
    start(MANY);
    for (unsigned i = 1; i <= MANY; i++)
        CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, i, on_info, &answered[i]), 0);
    /* Some go while requests wait for room in the ring. */
    for (unsigned i = 1; i <= MANY; i += 5)
        backend_write(b, store_path("device/%u", i).text, NULL);
    backend_settle(b);
    CU_ASSERT(count_of(answered) >= MANY / 5);
    fake_xen_advance(b->fx, UINT64_C(60000000000));
    xvmsg_process(b->h);
    CU_ASSERT_EQUAL(count_of(answered), MANY);
    CU_ASSERT_EQUAL(count_of(gone), MANY / 5);
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(each_is_looked_at_once),
    TEST(one_more_costs_the_same_among_many),
    TEST(each_is_told_once_whatever_the_watches_do),
    TEST(a_request_to_each_ends_once),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend with many devices", cases);
}
