/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a bus owes to events: when they come, and that they do. */

#include <string.h>

#include "common/le.h"
#include "tests/conformance/bus/ends.h"
#include "tests/harness.h"

#define VIRTIO_F_NOTIFICATION_DATA 38

static bool keep_from_driver(struct relay *relay, struct relay_message *m)
{
    (void)relay;
    return m->way == TO_DEVICE;
}

/* What device 1 says does not get through. */
static bool hold_device_1(struct relay *relay, struct relay_message *m)
{
    (void)relay;
    return m->way == TO_DEVICE || le64_get(m->bytes + 8) != 1;
}

static void event_before_response(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct ends_call call = {0};
    const struct relay_message *m;

    relay_set_script(e->relay, hold_device_1, NULL);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(e->h, 1, ends_answered, &call), 0);
    ends_settle(e);
    relay_send(e->relay, TO_DRIVER,
               &(struct msg){.kind = MSG_event_config,
                             .dev_num = 1,
                             .event_config.device_status = 0x41});
    ends_settle(e);
    CU_ASSERT(!call.done);
    CU_ASSERT_EQUAL(e->configs, 1);
    CU_ASSERT_EQUAL(e->config_of, 1);
    CU_ASSERT_EQUAL(e->config_status, 0x41);
    m = relay_find(e->relay, MSG_get_device_info_response, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    relay_send_bytes(e->relay, TO_DRIVER, m->bytes, m->size);
    ends_run(e, &call.done);
    CU_ASSERT_EQUAL(call.reply.status, XVMSG_OK);
    ends_free(e);
}

static void notifications_in_band(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 2);
    struct msg m;

    ends_open_disk(e, 2);
    relay_forget(e->relay);
    CU_ASSERT_EQUAL(ends_read_sector(e, 0), XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(e->sector, "two", 3), 0);
    ends_settle(e);
    m = relay_decode(e->relay, relay_find(e->relay, MSG_event_avail, 0));
    CU_ASSERT_EQUAL(m.dev_num, 2);
    CU_ASSERT_EQUAL(m.event_avail.vq_index, 0);
    m = relay_decode(e->relay, relay_find(e->relay, MSG_event_used, 0));
    CU_ASSERT_EQUAL(m.dev_num, 2);
    CU_ASSERT_EQUAL(m.event_used.vq_index, 0);
    ends_free(e);
}

static void flood(struct ends *e, enum relay_way way, enum msg_kind kind)
{
    for (uint64_t i = 0; i < 3000; i++)
        relay_send(e->relay, way, &(struct msg){.kind = kind, .dev_num = i % 3});
}

static void floods_of_events(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    ends_open_disk(e, 1);
    for (unsigned i = 0; i < 40; i++) {
        if (i % 10 == 0) {
            flood(e, TO_DEVICE, MSG_event_avail);
            flood(e, TO_DRIVER, MSG_event_used);
            flood(e, TO_DRIVER, MSG_event_config);
        }
        CU_ASSERT_EQUAL(ends_read_sector(e, i), XVMSG_OK);
        CU_ASSERT_EQUAL(memcmp(e->sector, "one", 3) == 0, i == 0);
    }
    ends_settle(e);
    CU_ASSERT(e->configs >= 1);
    CU_ASSERT_EQUAL(ends_status(e, 1), 15);
    ends_free(e);
}

static bool drop_used(struct relay *relay, struct relay_message *m)
{
    return !relay_is(relay, m, MSG_event_used);
}

struct read {
    bool done;
};

static void on_read(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct read *read = user;

    (void)blk;
    CU_ASSERT_EQUAL(status, XVMSG_OK);
    read->done = true;
}

static void used_makes_the_driver_look(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct read read = {false};

    ends_open_disk(e, 1);
    relay_forget(e->relay);
    relay_set_script(e->relay, drop_used, NULL);
    CU_ASSERT_EQUAL(xvmsg_blk_read(e->blk, 0, e->sector, ENDS_SECTOR, on_read, &read), 0);
    xvmsg_flush(e->h);
    while (!relay_seen(e->relay, MSG_event_used))
        ends_turn(e);
    ends_settle(e);
    CU_ASSERT(!read.done);
    relay_send(e->relay, TO_DRIVER, &(struct msg){.kind = MSG_event_used, .dev_num = 1});
    ends_run(e, &read.done);
    ends_free(e);
}

static void doorbell_refused(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct ends_call call = {0};
    uint32_t words[2];
    struct msg m;

    relay_set_script(e->relay, keep_from_driver, NULL);
    relay_send(e->relay, TO_DEVICE,
               &(struct msg){.kind = MSG_queue_doorbell_request,
                             .token = 77,
                             .queue_doorbell_request = {.device_number = 1, .port = 5}});
    ends_settle(e);
    m = relay_decode(e->relay, relay_find(e->relay, MSG_queue_doorbell_response, 0));
    CU_ASSERT_EQUAL(m.token, 77);
    CU_ASSERT_EQUAL(m.queue_doorbell_response.status, DOORBELL_BAD_REQUEST);
    relay_set_script(e->relay, NULL, NULL);
    ends_finish(e, xvmsg_get_device_features(e->h, 1, 0, 2, words, ends_answered, &call), &call);
    CU_ASSERT(words[1] & 1u << (VIRTIO_F_NOTIFICATION_DATA - 32));
    ends_use_everything(e);
    CU_ASSERT(relay_seen(e->relay, MSG_event_avail) > 0);
    CU_ASSERT(relay_seen(e->relay, MSG_event_used) > 0);
    ends_free(e);
}

/* The events reach device and driver all the same: requests are served. */
static void doorbells_are_events(void)
{
    struct ends *e = ends_new(&(struct ends_setup){.form = XVMSG_WIDE, .doorbells = true});
    struct ends_call call = {0};
    uint32_t words[2];

    CU_ASSERT_EQUAL_FATAL(ends_attach(e, "one"), 1);
    ends_use_everything(e);
    CU_ASSERT_EQUAL(relay_seen(e->relay, MSG_queue_doorbell_response), 1);
    CU_ASSERT_EQUAL(relay_seen(e->relay, MSG_event_avail), 0);
    CU_ASSERT_EQUAL(relay_seen(e->relay, MSG_event_used), 0);
    ends_finish(e, xvmsg_get_device_features(e->h, 1, 0, 2, words, ends_answered, &call), &call);
    CU_ASSERT_FALSE(words[1] & 1u << (VIRTIO_F_NOTIFICATION_DATA - 32));
    ends_free(e);
}

/* EVENT_CONFIG of device 1 that names `length` bytes and has `size` of them. */
static void send_config_event(struct ends *e, uint32_t length, uint16_t size)
{
    uint8_t bytes[64] = {0x00, 0x40};

    le16_put(bytes + 4, (uint16_t)(32 + size));
    le64_put(bytes + 8, 1);
    le32_put(bytes + 28, length);
    relay_send_bytes(e->relay, TO_DRIVER, bytes, 32u + size);
    ends_settle(e);
}

static void events_of_another_size(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    send_config_event(e, 8, 4);
    send_config_event(e, 4, 8);
    send_config_event(e, 0, 4);
    CU_ASSERT_EQUAL(e->configs, 0);
    send_config_event(e, 8, 8);
    send_config_event(e, 8, 0);
    send_config_event(e, 0, 0);
    CU_ASSERT_EQUAL(e->configs, 3);
    ends_free(e);
}

static void idle_is_silent(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    uint64_t notifies;
    size_t count;

    ends_open_disk(e, 1);
    CU_ASSERT_EQUAL(ends_read_sector(e, 0), XVMSG_OK);
    ends_settle(e);
    notifies = fake_xen_counters(e->s.fx).notifies;
    count = relay_count(e->relay);
    for (unsigned i = 0; i < 100; i++)
        ends_pass(e, 1000);
    CU_ASSERT_EQUAL(fake_xen_counters(e->s.fx).notifies, notifies);
    CU_ASSERT_EQUAL(relay_count(e->relay), count);
    ends_free(e);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"BUS-35 BUS-36 BUS-40 DRV-16: an event is told while a response is still due",
         event_before_response},
        {"BUS-37 BUS-40: notifications are messages with device and queue",
         notifications_in_band},
        {"BUS-38 BUS-35: among thousands of events none that matters is lost", floods_of_events},
        {"BUS-40 DRV-62: EVENT_USED makes the driver look", used_makes_the_driver_look},
        {"BUS-39 BUS-42: a doorbell that was not agreed on is refused, and NOTIFICATION_DATA offered",
         doorbell_refused},
        {"BUS-37 BUS-39 BUS-40 BUS-42: what doorbells say reaches both ends, without NOTIFICATION_DATA",
         doorbells_are_events},
        {"REC-08 REC-09 DRV-04: an event of another size than its layout is dropped",
         events_of_another_size},
        {"BUS-41: a bus with nothing to do is silent", idle_is_silent},
        {NULL, NULL},
    };

    return test_main("bus-events", cases);
}
