/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The device part of the conformance suite in one process: the cases' driver, a
 * worker with the probe as its device, and a fake Xen between them.
 */

#include <unistd.h>

#include "backend/log.h"
#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/probe.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

#define WIDE_NUMBER ((UINT64_C(7) << 32) + 5)
#define COMPACT_NUMBER 0x1234u
#define MAX_IDLE_TURNS 1000u

static unsigned idle; /* turns */

static uint64_t number(const struct setting *setting)
{
    return setting->form == MSG_WIDE ? WIDE_NUMBER : COMPACT_NUMBER;
}

static void add(struct guest *g, uint64_t device, bool with_uuid)
{
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = device, .type = PROBE_TYPE, .name = "probe"},
    };
    int target = guest_disk(0);

    for (unsigned i = 0; with_uuid && i < sizeof(message.device.uuid); i++)
        message.device.uuid[i] = (uint8_t)(0xa0 + i);
    guest_tell(g, &message, target);
    close(target);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_DEVICE_ADDED);
}

/* Both ends are in this thread: when turn after turn neither takes nor gives a
 * message, none will come. So a case fails that waits for what never happens, and
 * the others run. */
static void run_worker(struct guest *g)
{
    static uint32_t taken, given;

    if (taken != g->ring.in.cons || given != g->ring.out.prod)
        idle = 0;
    taken = g->ring.in.cons;
    given = g->ring.out.prod;
    CU_ASSERT_FATAL(++idle < MAX_IDLE_TURNS);
    event_base_loop(g->base, EVLOOP_NONBLOCK);
}

static struct guest *enter(const struct setting *setting, bool strict)
{
    struct guest *g = guest_new();
    struct ipc_message offer;

    /* A case that failed may have left its guest behind. */
    probe_forget();
    idle = 0;
    g->wait = run_worker;
    add(g, number(setting), true);
    offer = guest_offer(g, setting->form, setting->max_message);
    offer.connect.transport_features = strict ? MSG_F_STRICT_CONFIG_GENERATION : 0;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
    guest_share_area(g);
    return g;
}

/* ---- control ---- */

static void begin_removal(struct guest *g, uint64_t device)
{
    struct ipc_message message = {.kind = IPC_DEVICE_REMOVE, .answer.number = device};

    guest_tell(g, &message, -1);
}

static void finish_removal(struct guest *g, uint64_t device)
{
    struct ipc_message message = guest_told(g);

    CU_ASSERT_EQUAL(message.kind, IPC_DEVICE_REMOVED);
    CU_ASSERT_EQUAL(message.answer.number, device);
}

static const char *bus_failure(struct guest *g)
{
    static struct ipc_message message;

    message = guest_told(g);
    CU_ASSERT_EQUAL_FATAL(message.kind, IPC_BUS_FAILED);
    return message.failed.text;
}

static void reconnect(struct guest *g, enum msg_form form, uint16_t max_message)
{
    guest_disconnect(g);
    guest_connect(g, form, max_message);
    guest_share_area(g);
}

static unsigned lines(struct guest *g, void (*run)(void), const char *words)
{
    unsigned count;

    (void)g;
    log_set_level(LOG_LEVEL_WARNING);
    count = test_count_lines(run, words);
    log_set_level(LOG_LEVEL_ERROR);
    return count;
}

static void let_time_pass(struct guest *g)
{
    fake_xen_advance(g->fx, UINT64_C(60) * 1000000000);
}

static const struct control control = {
    .add = add,
    .begin_removal = begin_removal,
    .finish_removal = finish_removal,
    .bus_failure = bus_failure,
    .reconnect = reconnect,
    .lines = lines,
    .let_time_pass = let_time_pass,
    .hold = probe_hold,
    .give_back = probe_give_back,
    .held = probe_held,
    .change = probe_change,
    .break_down = probe_break_down,
};

int main(void)
{
    static const struct place place = {
        .enter = enter,
        .leave = guest_free,
        .number = number,
        .control = &control,
    };

    return conform_main(&place);
}
