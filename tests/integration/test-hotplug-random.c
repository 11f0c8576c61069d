/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Hot-plug against a model: a toolstack, a daemon and a guest do what they may in
 * any order, and whenever they come to rest, the guest knows the devices that the
 * toolstack wants and no others, and each number means what it always meant.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/joined.h"

#define NAMES 12u
#define STEPS 1500u
#define SETTLE_EACH 12u /* steps, on average */

static struct joined j;
static char target[64];
static uint64_t seed;

/* The model: what the toolstack wants, by name; 0: nothing. Each request has a
 * serial number of its own, which is its UUID too. */
static unsigned wanted[NAMES];
static unsigned last_serial;
static unsigned serial_of[JOINED_NUMBERS]; /* what a number was first seen to mean */
static unsigned asked, answered;
static struct xvmsg_device *drivers[JOINED_NUMBERS]; /* devices the guest has open */
static unsigned opened;

static uint32_t pick(uint32_t bound)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % bound;
}

static const char *name_of(unsigned i)
{
    static char name[8];

    snprintf(name, sizeof(name), "d%u", i);
    return name;
}

/* ---- what the toolstack does ---- */

static void want(unsigned i)
{
    char uuid[UUID_TEXT_SIZE];

    wanted[i] = ++last_serial;
    snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012x", last_serial);
    joined_request(&j, name_of(i), target, uuid);
}

static void unwant(unsigned i)
{
    static const char *const ways[] = {"orderly", "force"};
    unsigned way = pick(3);
    struct store_path request = store_path(B7 "/request/%s", name_of(i));

    wanted[i] = 0;
    /* A request without a device is taken back, not removed. */
    if (way == 2 || !joined_number(&j, name_of(i)))
        stage_remove(j.s.toolstack, request.text);
    else
        stage_write(j.s.toolstack, store_path("%s/remove", request.text).text, ways[way]);
}

/* A name is free again when the daemon has removed its request. */
static bool is_free(unsigned i)
{
    size_t size;
    char *text = j.s.toolstack->ops->xs_read(
        j.s.toolstack, PLATFORM_NO_TX, store_path(B7 "/request/%s", name_of(i)).text, &size);

    free(text);
    return !text;
}

static void toolstack_acts(void)
{
    unsigned i = pick(NAMES);

    if (wanted[i] && pick(3) == 0)
        want(i); /* pulled out and made anew at once */
    else if (wanted[i])
        unwant(i);
    else if (is_free(i))
        want(i);
}

/* Watches fire for nothing. */
static void node_is_touched(void)
{
    uint64_t number = joined_number(&j, name_of(pick(NAMES)));
    struct store_path state = store_path(B7 "/device/%u/state", (unsigned)number);
    size_t size;
    char *text =
        j.s.toolstack->ops->xs_read(j.s.toolstack, PLATFORM_NO_TX, state.text, &size);

    if (text)
        stage_write(j.s.toolstack, state.text, text);
    free(text);
}

/* ---- what the guest asks ---- */

static void on_info(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    unsigned serial;

    (void)h;
    (void)user;
    answered++;
    CU_ASSERT(reply->status == XVMSG_OK || reply->status == XVMSG_DEVICE_REMOVED ||
              reply->status == XVMSG_BUS_CLOSED || reply->status == XVMSG_CANCELLED);
    if (reply->status != XVMSG_OK)
        return;
    serial = (unsigned)reply->u.info.uuid[12] << 24 | (unsigned)reply->u.info.uuid[13] << 16 |
             (unsigned)reply->u.info.uuid[14] << 8 | reply->u.info.uuid[15];
    if (!serial_of[reply->device])
        serial_of[reply->device] = serial;
    CU_ASSERT_EQUAL(serial_of[reply->device], serial);
}

static void guest_asks(void)
{
    for (uint64_t number = 1; number < JOINED_NUMBERS; number++)
        if (j.told[number] == JOINED_ADDED && pick(2) &&
            xvmsg_get_device_info(j.h, number, on_info, NULL) == 0)
            asked++;
    xvmsg_flush(j.h);
}

/* ---- what the guest drives ---- */

static void let_go(uint64_t number)
{
    xvmsg_device_close(drivers[number]);
    drivers[number] = NULL;
}

static void on_broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)status;
    (void)user;
    CU_ASSERT_PTR_EQUAL(drivers[xvmsg_device_number(device)], device);
    let_go(xvmsg_device_number(device));
}

static void on_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    if (status != XVMSG_OK)
        on_broken(device, status, user);
}

/* Most drivers do as they are told; what the others keep is taken from them. */
static void on_wanted_back(struct joined *joined, uint64_t number)
{
    (void)joined;
    if (pick(4))
        let_go(number);
}

static void driver_acts(void)
{
    const struct xvmsg_driver driver = {
        .device_id = 2, .num_queues = 1, .queue_size = 16, .broken = on_broken};
    uint64_t number = joined_number(&j, name_of(pick(NAMES)));

    if (drivers[number]) {
        let_go(number);
    } else if (j.told[number] == JOINED_ADDED) {
        drivers[number] = xvmsg_device_open(j.h, number, &driver, on_ready, NULL);
        opened += drivers[number] != NULL;
    }
}

/* ---- coming to rest ---- */

static bool at_rest(struct joined *joined, void *user)
{
    unsigned count = 0;

    (void)user;
    if (!joined->connected)
        return false;
    for (unsigned i = 0; i < NAMES; i++) {
        uint64_t number;

        if (!wanted[i])
            continue;
        number = joined_number(joined, name_of(i));
        if (!number || joined->told[number] != JOINED_ADDED)
            return false;
        count++;
    }
    return joined->present == count && joined_children(joined, B7 "/request") == count &&
           joined_children(joined, B7 "/device") == count && asked == answered;
}

static void settle(void)
{
    joined_run_until(&j, at_rest, NULL);
    guest_asks();
    joined_run_until(&j, at_rest, NULL);
    for (unsigned i = 0; i < NAMES; i++) {
        uint64_t number = wanted[i] ? joined_number(&j, name_of(i)) : 0;

        if (number && serial_of[number])
            CU_ASSERT_EQUAL(serial_of[number], wanted[i]);
    }
    /* Nothing is left of a device that is gone. */
    CU_ASSERT(joined_children(&j, F7 "/device") <= j.present);
}

static void step(void)
{
    switch (pick(40)) {
    case 0:
        joined_stop_daemon(&j);
        for (uint32_t turns = pick(3); turns; turns--)
            toolstack_acts();
        joined_start_daemon(&j);
        break;
    case 1:
        joined_stop_guest(&j);
        memset(drivers, 0, sizeof(drivers));
        for (uint32_t turns = pick(3); turns; turns--)
            toolstack_acts();
        joined_start_guest(&j);
        break;
    case 2:
    case 3:
        node_is_touched();
        break;
    case 4:
    case 5:
    case 6:
        guest_asks();
        break;
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
        driver_acts();
        break;
    default:
        toolstack_acts();
    }
    for (uint32_t turns = pick(12); turns; turns--)
        joined_turn(&j);
    if (pick(SETTLE_EACH) == 0)
        settle();
}

static void run(uint64_t from)
{
    seed = from;
    memset(wanted, 0, sizeof(wanted));
    memset(serial_of, 0, sizeof(serial_of));
    memset(drivers, 0, sizeof(drivers));
    last_serial = asked = answered = opened = 0;
    joined_open(&j);
    j.wanted_back = on_wanted_back;
    j.s.daemon.remove_timeout = (struct timeval){.tv_usec = 2000};
    strcpy(target, stage_target(&j.s, "target", 4096));
    for (unsigned i = 0; i < STEPS; i++)
        step();
    settle();
    CU_ASSERT(stage_keeps_schema(&j.s));
    printf("# seed %u: %u requests, %u questions, %u devices opened\n", (unsigned)from, last_serial,
           asked, opened);
    joined_close(&j);
}

static void whatever_happens_both_ends_agree_in_the_end(void)
{
    for (uint64_t from = 1; from <= 4; from++)
        run(from);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(whatever_happens_both_ends_agree_in_the_end),
        {NULL, NULL},
    };

    return test_main("hot-plug at random", cases);
}
