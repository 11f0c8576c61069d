/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Devices come, break and go; and the bus is asked whether it is there. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "common/le.h"
#include "tests/conformance/driver/scene.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

static struct scene s;

/* ---- a user that opens what comes ---- */

static struct {
    unsigned added[16]; /* by number, what was told */
    unsigned gone[16];
    unsigned opened[16]; /* how often it was initialized */
    unsigned failed[16];
    struct xvmsg_blk *disks[16];
} seen;

static void on_disk(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    unsigned number = (unsigned)(uintptr_t)user;

    (void)blk;
    if (status == XVMSG_OK)
        seen.opened[number]++;
    else
        seen.failed[number]++;
}

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    (void)user;
    CU_ASSERT_FATAL(number < 16);
    if (event == XVMSG_DEVICE_ADDED) {
        seen.added[number]++;
        seen.disks[number] = xvmsg_blk_open(h, number, on_disk, (void *)(uintptr_t)number);
    } else if (event == XVMSG_DEVICE_GONE) {
        seen.gone[number]++;
        xvmsg_blk_close(seen.disks[number]);
        seen.disks[number] = NULL;
    } else {
        xvmsg_blk_close(seen.disks[number]);
        seen.disks[number] = NULL;
    }
}

static void start_opening(void)
{
    struct xvmsg_handlers handlers = {.device = on_device};

    memset(&seen, 0, sizeof(seen));
    scene_start(&s);
    xvmsg_set_handlers(s.t.b->h, &handlers, NULL);
}

static void send_device_event(uint64_t number, uint16_t state)
{
    struct msg event = {.kind = MSG_event_device, .event_device = {number, state}};

    backend_send(s.t.b, &event);
    backend_settle(s.t.b);
}

/* Of the messages to device `number`, the first of this kind. */
static long place_of(enum msg_kind kind, uint64_t number)
{
    for (size_t i = 0; i < s.tape.count; i++)
        if (s.tape.messages[i].valid && s.tape.messages[i].m.kind == kind &&
            s.tape.messages[i].m.dev_num == number)
            return (long)i;
    return -1;
}

static bool info_is_none(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_device_info_request || m->dev_num != 5)
        return false;
    backend_send(b, &r);
    return true;
}

static void added_devices_are_probed(void)
{
    start_opening();
    s.t.b->script = info_is_none;
    send_device_event(4, DEVICE_BUS_STATE_ADDED);
    scene_add_disk(&s, 4);
    CU_ASSERT_EQUAL(seen.added[4], 1);
    CU_ASSERT_EQUAL(seen.opened[4], 1);
    CU_ASSERT(place_of(MSG_get_device_info_request, 4) > 0);
    scene_add_disk(&s, 5); /* it answers, but is no device */
    send_device_event(5, DEVICE_BUS_STATE_ADDED);
    CU_ASSERT_EQUAL(seen.added[5], 1);
    CU_ASSERT_EQUAL(seen.failed[5], 1);
    CU_ASSERT(place_of(MSG_get_device_info_request, 5) > 0);
    CU_ASSERT_EQUAL(place_of(MSG_get_device_features_request, 5), -1);
    CU_ASSERT_EQUAL(place_of(MSG_set_vqueue_request, 5), -1);
    scene_end(&s);
}

/* ---- removal ---- */

static void a_removed_device_is_not_spoken_to(void)
{
    static uint8_t sector[512];
    size_t before;

    start_opening();
    scene_add_disk(&s, 4);
    CU_ASSERT_EQUAL(seen.opened[4], 1);
    s.t.b->devices[1].idle = true;
    CU_ASSERT_EQUAL(xvmsg_blk_read(seen.disks[4], 0, sector, 512,
                                   on_disk, (void *)(uintptr_t)4), 0);
    backend_settle(s.t.b);
    before = s.tape.count;
    backend_vanish(s.t.b, 4);
    send_device_event(4, DEVICE_BUS_STATE_REMOVED);
    CU_ASSERT_EQUAL(seen.gone[4], 1);
    CU_ASSERT_EQUAL(seen.failed[4], 1); /* the read, once */
    CU_ASSERT_EQUAL(recording_sent_to(&s.tape, 4, before), 0);
    scene_wait(&s, 10 * SECOND);
    CU_ASSERT_EQUAL(recording_sent_to(&s.tape, 4, before), 0);
    CU_ASSERT_EQUAL(seen.failed[4], 1);
    CU_ASSERT_TRUE(backend_front_is(s.t.b, "device/4", NULL));
    CU_ASSERT_TRUE(scene_bus_works(&s));
    scene_end(&s);
}

static void a_device_wanted_back_is_released(void)
{
    start_opening();
    scene_add_disk(&s, 4);
    backend_want_back(s.t.b, 4);
    backend_settle(s.t.b);
    CU_ASSERT_TRUE(backend_front_is(s.t.b, "device/4/state", XS_DEVICE_RELEASED));
    CU_ASSERT_EQUAL(s.t.b->devices[1].status, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(s.t.b->fx).shared_pages, 4); /* the ring alone */
    backend_vanish(s.t.b, 4);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(seen.gone[4], 1);
    scene_end(&s);
}

static void events_out_of_order(void)
{
    size_t before;

    start_opening();
    before = s.tape.count;
    send_device_event(4, DEVICE_BUS_STATE_REMOVED); /* before it came */
    send_device_event(9, DEVICE_BUS_STATE_REMOVED); /* never there */
    send_device_event(9, DEVICE_BUS_STATE_ADDED);   /* nor now */
    send_device_event(3, DEVICE_BUS_STATE_ADDED);   /* there for long */
    CU_ASSERT_EQUAL(recording_sent_to(&s.tape, 9, before), 0);
    CU_ASSERT_EQUAL(seen.added[9] + seen.gone[9], 0);
    scene_add_disk(&s, 4);
    for (unsigned i = 0; i < 3; i++)
        send_device_event(4, DEVICE_BUS_STATE_ADDED);
    CU_ASSERT_EQUAL(seen.added[4], 1);
    CU_ASSERT_EQUAL(seen.opened[4], 1);
    send_device_event(4, DEVICE_BUS_STATE_REMOVED); /* which is not so */
    CU_ASSERT_EQUAL(seen.gone[4], 0);
    backend_vanish(s.t.b, 4);
    for (unsigned i = 0; i < 3; i++)
        send_device_event(4, DEVICE_BUS_STATE_REMOVED);
    CU_ASSERT_EQUAL(seen.gone[4], 1);
    CU_ASSERT_EQUAL(seen.added[4], 1);
    CU_ASSERT_TRUE(scene_bus_works(&s));
    scene_end(&s);
}

static void reserved_states_mean_nothing(void)
{
    static const uint16_t states[] = {0, 3, 4, 0x7fff, 0x8000, 0xffff};

    start_opening();
    scene_add_disk(&s, 4);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        send_device_event(4, states[i]);
        send_device_event(7, states[i]);
    }
    CU_ASSERT_EQUAL(seen.added[4], 1);
    CU_ASSERT_EQUAL(seen.gone[4], 0);
    CU_ASSERT_EQUAL(seen.added[7] + seen.gone[7], 0);
    scene_end(&s);
}

/* ---- a device that wants a reset ---- */

static void a_reset_that_is_needed(void)
{
    struct msg event = {.kind = MSG_event_config, .dev_num = 3};
    unsigned before;
    size_t place;

    scene_open(&s);
    before = recording_count(&s.tape, MSG_set_device_status_request);
    place = s.tape.count;
    event.event_config.device_status = s.t.disk->status | VIRTIO_CONFIG_S_NEEDS_RESET;
    backend_send(s.t.b, &event);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(s.t.broken_count, 1);
    CU_ASSERT_EQUAL(s.t.broke, XVMSG_NEEDS_RESET);
    CU_ASSERT_EQUAL_FATAL(recording_count(&s.tape, MSG_set_device_status_request), before + 1);
    CU_ASSERT_EQUAL(recording_find(&s.tape, MSG_set_device_status_request, before)
                        ->m.set_device_status_request.status, 0);
    CU_ASSERT_EQUAL(recording_sent_to(&s.tape, 3, place), 1);
    errno = 0;
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(s.t.device, 0),
                                     &(struct xvmsg_buffer){16, 16}, 1, 0, &s), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    xvmsg_device_close(s.t.device);
    s.t.ready = false;
    scene_ready(&s);
    CU_ASSERT_EQUAL(s.t.disk->status, 15);
    scene_end(&s);
}

/* ---- the bus ---- */

/* Devices 2, 5 and 2^40, in windows that jump from one to the next. */
static bool sparse_windows(struct backend *b, const struct msg *m)
{
    static const uint8_t first = 0x24, far = 0x01;
    struct msg r = backend_response(m);
    bool at_start = m->get_devices_request.offset == 0;

    if (m->kind != MSG_get_devices_request)
        return false;
    r.get_devices_response.offset = m->get_devices_request.offset;
    r.get_devices_response.next_offset = at_start ? UINT64_C(1) << 40 : 0;
    r.get_devices_response.count = at_start ? 6 : 1;
    r.get_devices_response.bitmap = (struct msg_tail){at_start ? &first : &far, 1};
    backend_send(b, &r);
    return true;
}

static void devices_are_enumerated(void)
{
    uint64_t found[8] = {0}, offset = 0;
    unsigned count = 0, turns = 0;

    scene_start(&s);
    s.t.b->script = sparse_windows;
    do {
        struct xvmsg_waiter w = {0};
        uint8_t bitmap[2];

        CU_ASSERT_EQUAL(xvmsg_get_devices(s.t.b->h, offset, 16, bitmap, xvmsg_wake, &w), 0);
        backend_settle(s.t.b);
        CU_ASSERT_EQUAL_FATAL(w.reply.status, XVMSG_OK);
        for (unsigned i = 0; i < w.reply.u.devices.count; i++)
            if (bitmap[i / 8] & 1u << i % 8)
                found[count++ % 8] = offset + i;
        offset = w.reply.u.devices.next_offset;
    } while (offset && ++turns < 8);
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT_EQUAL(found[0], 2);
    CU_ASSERT_EQUAL(found[1], 5);
    CU_ASSERT_EQUAL(found[2], UINT64_C(1) << 40);
    scene_end(&s);
}

/* ---- health ---- */

static void start_with_heartbeat(void)
{
    struct backend *b = backend_new();

    CU_ASSERT_EQUAL(xvmsg_set_heartbeat(b->h, 1000), 0);
    backend_make_bus(b);
    backend_advertise(b);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    scene_start_on(&s, b);
}

static void an_idle_bus_is_asked(void)
{
    scene_open(&s);
    scene_wait(&s, 20 * SECOND);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_ping_request), 0); /* nobody wanted it */
    scene_end(&s);

    start_with_heartbeat();
    scene_ready(&s);
    scene_wait(&s, 20 * SECOND);
    CU_ASSERT(recording_count(&s.tape, MSG_ping_request) >= 5);
    CU_ASSERT(recording_count(&s.tape, MSG_ping_request) <= 20);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_get_device_status_request), 0);
    CU_ASSERT_EQUAL(s.t.broken_count, 0);
    scene_end(&s);
}

static bool no_pong(struct backend *b, const struct msg *m)
{
    (void)b;
    return m->kind == MSG_ping_request;
}

static bool no_pong_no_status(struct backend *b, const struct msg *m)
{
    (void)b;
    return m->kind == MSG_ping_request || m->kind == MSG_get_device_status_request;
}

static void a_lost_ping_has_the_devices_asked(void)
{
    start_with_heartbeat();
    scene_ready(&s);
    s.t.b->script = no_pong;
    scene_wait(&s, 10 * SECOND);
    CU_ASSERT(recording_count(&s.tape, MSG_get_device_status_request) >= 1);
    CU_ASSERT_EQUAL(s.t.broken_count, 0); /* it answers, and goes on */
    s.t.b->script = NULL;
    CU_ASSERT_TRUE(scene_bus_works(&s));

    s.t.b->script = no_pong_no_status;
    scene_wait(&s, 20 * SECOND);
    CU_ASSERT_EQUAL(s.t.broken_count, 1);
    CU_ASSERT_EQUAL(s.t.broke, XVMSG_TIMEOUT);
    s.t.b->script = NULL;
    xvmsg_device_close(s.t.device);
    s.t.ready = false;
    scene_ready(&s); /* it recovered */
    scene_end(&s);
}

static const struct test_case cases[] = {
    {"DRV-64: a device that was added is probed, and initialized if that succeeds",
     added_devices_are_probed},
    {"DRV-65: a device that was removed gets no message any more",
     a_removed_device_is_not_spoken_to},
    {"DRV-65: a device that is wanted back is reset and released",
     a_device_wanted_back_is_released},
    {"DRV-66: EVENT_DEVICE may come twice, too early, too late and wrongly", events_out_of_order},
    {"DRV-04 DRV-66: reserved states of EVENT_DEVICE mean nothing", reserved_states_mean_nothing},
    {"DRV-52: a device that needs a reset gets one before anything else", a_reset_that_is_needed},
    {"DRV-68: GET_DEVICES is followed from window to window", devices_are_enumerated},
    {"DRV-67: an idle bus is asked by PING if that is wanted", an_idle_bus_is_asked},
    {"DRV-48 DRV-69: without an answer to PING the devices are asked for their status",
     a_lost_ping_has_the_devices_asked},
    {NULL, NULL},
};

int main(void)
{
    return test_main("driver-hotplug", cases);
}
