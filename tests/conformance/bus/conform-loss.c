/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What becomes of a request when the bus loses, repeats, delays or mangles messages: it
 * ends once, with its answer or with a name for what happened. */

#include <errno.h>
#include <string.h>

#include "common/le.h"
#include "tests/conformance/bus/ends.h"
#include "tests/harness.h"

#define TIMEOUT_MS 5000u
#define NOBODY 999u

/* ---- one message ---- */

static void absent_device(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct ends_call call = {0};

    CU_ASSERT_EQUAL(xvmsg_get_device_info(e->h, NOBODY, ends_answered, &call), 0);
    ends_settle(e);
    CU_ASSERT_EQUAL(relay_count(e->relay), 1);
    ends_pass(e, TIMEOUT_MS - 1);
    CU_ASSERT(!call.done);
    ends_pass(e, 1);
    CU_ASSERT_EQUAL(call.times, 1);
    CU_ASSERT_EQUAL(call.reply.status, XVMSG_TIMEOUT);
    CU_ASSERT_EQUAL(ends_ping(e, 5), XVMSG_OK);
    CU_ASSERT_EQUAL(ends_info(e, 1).device_id, 2);
    ends_free(e);
}

static bool drop_responses(struct relay *relay, struct relay_message *m)
{
    (void)relay;
    return m->way == TO_DEVICE;
}

static bool drop_requests(struct relay *relay, struct relay_message *m)
{
    (void)relay;
    return m->way == TO_DRIVER;
}

static void lost(relay_script *script)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct ends_call bus = {0}, device = {0};
    uint8_t bitmap[1];

    relay_set_script(e->relay, script, NULL);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(e->h, 1, ends_answered, &device), 0);
    CU_ASSERT_EQUAL(xvmsg_get_devices(e->h, 0, 8, bitmap, ends_answered, &bus), 0);
    ends_settle(e);
    ends_pass(e, TIMEOUT_MS);
    CU_ASSERT_EQUAL(device.times, 1);
    CU_ASSERT_EQUAL(device.reply.status, XVMSG_TIMEOUT);
    CU_ASSERT_EQUAL(bus.times, 1);
    CU_ASSERT_EQUAL(bus.reply.status, XVMSG_TIMEOUT);
    relay_set_script(e->relay, NULL, NULL);
    ends_use_everything(e);
    ends_free(e);
}

static void lost_messages(void)
{
    lost(drop_responses);
    lost(drop_requests);
}

/* The answer to a request that has expired must not be taken for the next one's. */
static void late_response(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct ends_call first = {0}, second = {0};
    const struct relay_message *m;

    relay_set_script(e->relay, drop_responses, NULL);
    CU_ASSERT_EQUAL(xvmsg_get_vqueue(e->h, 1, 0, ends_answered, &first), 0);
    ends_settle(e);
    ends_pass(e, TIMEOUT_MS);
    CU_ASSERT_EQUAL(first.reply.status, XVMSG_TIMEOUT);
    CU_ASSERT_EQUAL(xvmsg_get_vqueue(e->h, 1, 0, ends_answered, &second), 0);
    ends_settle(e);
    m = relay_find(e->relay, MSG_get_vqueue_response, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    relay_send_bytes(e->relay, TO_DRIVER, m->bytes, m->size);
    ends_settle(e);
    CU_ASSERT(!second.done);
    m = relay_nth(e->relay, relay_count(e->relay) - 1);
    relay_send_bytes(e->relay, TO_DRIVER, m->bytes, m->size);
    ends_run(e, &second.done);
    CU_ASSERT_EQUAL(second.reply.status, XVMSG_OK);
    CU_ASSERT_EQUAL(first.times, 1);
    ends_free(e);
}

static bool cut_response(struct relay *relay, struct relay_message *m)
{
    (void)relay;
    if (m->way == TO_DRIVER && m->size > 16) {
        m->size = 16;
        le16_put(m->bytes + 4, 16);
    }
    return true;
}

static void cut_off_response(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct ends_call call = {0};

    relay_set_script(e->relay, cut_response, NULL);
    CU_ASSERT_EQUAL(ends_finish(e, xvmsg_get_device_info(e->h, 1, ends_answered, &call), &call),
                    XVMSG_MALFORMED_RESPONSE);
    relay_set_script(e->relay, NULL, NULL);
    CU_ASSERT_EQUAL(ends_info(e, 1).device_id, 2);
    ends_free(e);
}

/* ---- all of it at once ---- */

struct chaos {
    unsigned lost;
    unsigned repeated;
    unsigned held_back;
    unsigned cut;
};

/* One held message at a time: it goes on behind the next one that is held. */
static void hold(struct relay *relay, struct chaos *chaos, const struct relay_message *m)
{
    static uint8_t bytes[4096];
    static size_t size;
    static enum relay_way way;

    if (size)
        relay_send_bytes(relay, way, bytes, size);
    memcpy(bytes, m->bytes, m->size);
    size = m->size;
    way = m->way;
    chaos->held_back++;
}

static bool make_chaos(struct relay *relay, struct relay_message *m)
{
    struct chaos *chaos = relay_user(relay);

    switch (ends_random() % 12) {
    case 0:
        chaos->lost++;
        return false;
    case 1:
        chaos->repeated++;
        relay_send_bytes(relay, m->way, m->bytes, m->size);
        return true;
    case 2:
        hold(relay, chaos, m);
        return false;
    case 3:
        chaos->cut += cut_response(relay, m);
        return true;
    default:
        return true;
    }
}

static void chaos(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 3);
    struct chaos chaos = {0};
    unsigned ended[XVMSG_CANCELLED + 1] = {0};

    relay_set_script(e->relay, make_chaos, &chaos);
    for (unsigned wave = 0; wave < 40; wave++) {
        struct ends_call calls[20] = {{0}};

        for (uint32_t i = 0; i < 20; i++)
            CU_ASSERT_EQUAL(
                i % 5 == 4
                    ? xvmsg_ping(e->h, i, ends_answered, &calls[i])
                    : xvmsg_get_vqueue(e->h, 1 + i % 3, i + 100 * wave, ends_answered, &calls[i]),
                0);
        xvmsg_flush(e->h);
        ends_settle(e);
        ends_pass(e, TIMEOUT_MS);
        for (uint32_t i = 0; i < 20; i++) {
            CU_ASSERT_EQUAL_FATAL(calls[i].times, 1);
            ended[calls[i].reply.status]++;
            if (i % 5 != 4 && calls[i].reply.status == XVMSG_OK)
                CU_ASSERT_EQUAL(calls[i].reply.u.vqueue.index, i + 100 * wave);
        }
    }
    CU_ASSERT(chaos.lost && chaos.repeated && chaos.held_back && chaos.cut);
    CU_ASSERT(ended[XVMSG_OK] > 100);
    CU_ASSERT(ended[XVMSG_TIMEOUT] > 10);
    CU_ASSERT(ended[XVMSG_MALFORMED_RESPONSE] > 10);
    CU_ASSERT_EQUAL(ended[XVMSG_OK] + ended[XVMSG_TIMEOUT] + ended[XVMSG_MALFORMED_RESPONSE], 800);
    relay_set_script(e->relay, NULL, NULL);
    for (unsigned i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(ends_ping(e, i), XVMSG_OK);
    CU_ASSERT_EQUAL(ends_info(e, 3).device_id, 2);
    ends_free(e);
}

/* ---- requests whose device or bus goes ---- */

static void device_goes(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 2);
    struct ends_call calls[3] = {{0}}, other = {0};

    relay_set_script(e->relay, drop_responses, NULL);
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(xvmsg_get_device_status(e->h, 1, ends_answered, &calls[i]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(e->h, 2, ends_answered, &other), 0);
    ends_settle(e);
    ends_detach(e, "one", "force");
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(calls[i].times, 1);
        CU_ASSERT_EQUAL(calls[i].reply.status, XVMSG_DEVICE_REMOVED);
    }
    CU_ASSERT(!other.done);
    ends_pass(e, TIMEOUT_MS);
    CU_ASSERT_EQUAL(other.reply.status, XVMSG_TIMEOUT);
    ends_free(e);
}

static void bus_goes(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 2);
    struct ends_call calls[4] = {{0}};

    relay_set_script(e->relay, drop_responses, NULL);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(xvmsg_get_device_status(e->h, 1 + i % 2, ends_answered, &calls[i]), 0);
    ends_settle(e);
    stage_write(e->s.toolstack, B7 "/state", "5");
    ends_settle(e);
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(calls[i].times, 1);
        CU_ASSERT_EQUAL(calls[i].reply.status, XVMSG_BUS_CLOSED);
    }
    CU_ASSERT_EQUAL(e->losses, 1);
    ends_free(e);
}

static void handle_goes(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct ends_call call = {0};

    relay_set_script(e->relay, drop_responses, NULL);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(e->h, 1, ends_answered, &call), 0);
    ends_free(e);
    CU_ASSERT_EQUAL(call.times, 1);
    CU_ASSERT_EQUAL(call.reply.status, XVMSG_CANCELLED);
}

/* ---- what is refused, and what is dropped ---- */

static void refused_by_the_call(void)
{
    static uint32_t words[1000];
    struct ends *e = ends_new(&(struct ends_setup){.apart = true});
    struct ends_call call = {0};

    CU_ASSERT_EQUAL(xvmsg_get_device_info(e->h, 1, ends_answered, &call), -1);
    CU_ASSERT_EQUAL(errno, ENOTCONN);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(e->h), "GET_DEVICE_INFO"));
    CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
    ends_run(e, &e->connected);
    ends_attach(e, "one");
    relay_forget(e->relay);
    CU_ASSERT_EQUAL(xvmsg_set_driver_features(e->h, 1, 0, 1000, words, ends_answered, &call), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(e->h), "SET_DRIVER_FEATURES"));
    ends_settle(e);
    CU_ASSERT(!call.done);
    CU_ASSERT_EQUAL(relay_count(e->relay), 0);
    ends_free(e);
}

static void send_header(struct ends *e, enum relay_way way, uint8_t type, uint8_t id,
                        uint64_t device, uint16_t size)
{
    uint8_t bytes[64] = {type, id, 0x34, 0x12};

    le16_put(bytes + 4, size);
    le64_put(bytes + 8, device);
    relay_send_bytes(e->relay, way, bytes, size);
}

/* Ids that are in no revision we speak, in each direction, while a disk is in use. */
static void unknown_messages(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);
    struct ends_call call = {0};
    size_t before;

    ends_open_disk(e, 1);
    before = relay_count(e->relay);
    for (unsigned id = 0; id < 256; id++) {
        bool known = (id >= 0x02 && id <= 0x0c) || (id >= 0x40 && id <= 0x42);
        bool known_to_bus = id == 0x02 || id == 0x03 || id == 0x40 || (id >= 0x80 && id <= 0x82);

        for (enum relay_way way = TO_DEVICE; way <= TO_DRIVER; way++) {
            if (!known)
                send_header(e, way, 0, (uint8_t)id, 1, 40);
            if (!known_to_bus)
                send_header(e, way, MSG_TYPE_BUS, (uint8_t)id, 0, 40);
        }
    }
    ends_settle(e);
    CU_ASSERT_EQUAL(relay_count(e->relay), before);
    CU_ASSERT_EQUAL(ends_read_sector(e, 0), XVMSG_OK);
    CU_ASSERT_EQUAL(
        ends_finish(e, xvmsg_get_device_status(e->h, 1, ends_answered, &call), &call), XVMSG_OK);
    CU_ASSERT_EQUAL(call.reply.u.device_status, 15);
    ends_free(e);
}

static void driver_answers_ping(void)
{
    static const uint32_t values[] = {0, 0x12345678, 0xffffffff};
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    for (size_t i = 0; i < 3; i++) {
        struct msg m;

        relay_forget(e->relay);
        relay_send(e->relay, TO_DRIVER,
                   &(struct msg){.kind = MSG_ping_request,
                                 .token = (uint16_t)(7 + i),
                                 .ping_request.data = values[i]});
        ends_settle(e);
        CU_ASSERT_EQUAL_FATAL(relay_count(e->relay), 1);
        m = relay_decode(e->relay, relay_nth(e->relay, 0));
        CU_ASSERT_EQUAL(m.kind, MSG_ping_response);
        CU_ASSERT_EQUAL(m.token, 7 + i);
        CU_ASSERT_EQUAL(m.ping_response.data, values[i]);
    }
    /* With a device it is no bus message. */
    send_header(e, TO_DRIVER, MSG_TYPE_BUS, 0x03, 1, 20);
    ends_settle(e);
    CU_ASSERT_EQUAL(relay_count(e->relay), 1);
    ends_free(e);
}

/* Eight bytes more than the layout asks for, which the next revision may have. */
static bool lengthen_response(struct relay *relay, struct relay_message *m)
{
    uint8_t bytes[300];

    if (!(m->bytes[0] & MSG_TYPE_RESPONSE))
        return true;
    memcpy(bytes, m->bytes, m->size);
    memset(bytes + m->size, 0xee, 8);
    le16_put(bytes + 4, (uint16_t)(m->size + 8));
    relay_send_bytes(relay, m->way, bytes, m->size + 8);
    return false;
}

static void long_responses(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    relay_set_script(e->relay, lengthen_response, NULL);
    ends_use_everything(e);
    ends_free(e);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"BUS-18 BUS-22 REC-02: a request to nobody ends with the time limit, 5 seconds",
         absent_device},
        {"BUS-22 REC-02: so does one that was lost, or its response", lost_messages},
        {"REC-02 BUS-34: a response that comes too late is nobody's", late_response},
        {"REC-02: a response that is cut off ends its request as malformed", cut_off_response},
        {"REC-02 BUS-31 BUS-34: lost, repeated, delayed, cut: each of 800 requests ends once",
         chaos},
        {"REC-02 BUS-45: requests to a device that goes end with that", device_goes},
        {"REC-02 BUS-22: requests on a bus that is closed end with that", bus_goes},
        {"REC-02: requests of a handle that is freed are cancelled", handle_goes},
        {"BUS-26: what cannot be sent is refused by the call, in words", refused_by_the_call},
        {"BUS-13 BUS-23 BUS-25 DRV-04 DEV-12: unknown messages are dropped by both ends",
         unknown_messages},
        {"BUS-54 BUS-27: a driver repeats the value of a PING, too", driver_answers_ping},
        {"REC-09: a response may be longer than its layout", long_responses},
        {NULL, NULL},
    };

    return test_main("bus-loss", cases);
}
