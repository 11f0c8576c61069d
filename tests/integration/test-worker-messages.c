/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a guest puts into a worker's ring: a ring that goes bad, and messages nobody takes. */

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "backend/log.h"
#include "common/address.h"
#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

/* ---- a ring that goes bad ---- */

static void prod_out_of_range(struct xvmsg_ring_abi *abi)
{
    shared_store32(&abi->to_backend.prod, 0x7fffffff);
}

static void prod_unaligned(struct xvmsg_ring_abi *abi)
{
    shared_store32(&abi->to_backend.prod, abi->to_backend.prod + 3);
}

static void record_of_size_zero(struct xvmsg_ring_abi *abi)
{
    shared_store32(&abi->to_backend.prod, 64);
}

static void fails_once_on_an_impossible_ring(void)
{
    static const struct {
        void (*spoil)(struct xvmsg_ring_abi *abi);
        enum ring_fault fault;
    } cases[] = {
        {prod_out_of_range, RING_BAD_PRODUCER},
        {prod_unaligned, RING_BAD_PRODUCER},
        {record_of_size_zero, RING_BAD_RECORD},
    };

    for (unsigned i = 0; i < 3; i++) {
        struct guest *g = guest_new();
        struct ipc_message message;

        guest_connect(g, MSG_WIDE, 272);
        guest_tell(g, &(struct ipc_message){.kind = IPC_DEVICE_REMOVE}, -1);
        CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
        cases[i].spoil(g->ring_pages);
        g->domu->ops->evtchn_notify(g->domu, (uint32_t)g->port);
        message = guest_told(g);
        CU_ASSERT_EQUAL(message.kind, IPC_BUS_FAILED);
        CU_ASSERT_PTR_NOT_NULL(strstr(message.failed.text, "guest's message ring: "));
        CU_ASSERT_EQUAL(ring_peer_fault(&g->ring), cases[i].fault);
        /* Said once, and nothing is mapped any more when it is told to let go. */
        g->domu->ops->evtchn_notify(g->domu, (uint32_t)g->port);
        guest_disconnect(g);
        CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
        guest_free(g);
    }
}

static void a_message_above_the_maximum_ends_the_connection(void)
{
    struct guest *g = guest_new();
    struct xvmsg_ring_abi *abi;
    struct ipc_message message;
    uint8_t *lane;

    guest_connect(g, MSG_WIDE, 272);
    abi = g->ring_pages;
    lane = (uint8_t *)abi + RING_HEADER_SIZE;
    memcpy(lane, (uint8_t[]){2, 3, 0, 0, 0x11, 0x01}, 6); /* 273 bytes */
    shared_store32(&abi->to_backend.prod, 280);
    g->domu->ops->evtchn_notify(g->domu, (uint32_t)g->port);
    message = guest_told(g);
    CU_ASSERT_EQUAL(message.kind, IPC_BUS_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(message.failed.text, "record of impossible size"));
    CU_ASSERT_EQUAL(ring_peer_fault(&g->ring), RING_BAD_RECORD);
    guest_disconnect(g);
    guest_free(g);
}

/* A queue in pages that are nobody's. */
static void ask_for_what_is_not_granted(struct guest *g, uint64_t device)
{
    struct msg request = guest_queue_request(device, SET_VQUEUE_ENABLE);

    request.set_vqueue_request.desc_addr = address_of_grant(9999, 0);
    guest_set_status(g, device, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    guest_call(g, request);
}

/* Two reads into granted pages, for both of which there is no room. */
static void ask_for_more_than_there_is_room(struct guest *g, uint64_t device)
{
    guest_share_area(g);
    guest_start_device(g, device, UINT64_C(1) << VIRTIO_F_VERSION_1);
    for (uint16_t i = 0; i < 6; i += 3) {
        guest_describe(g, i, GUEST_HEADERS, 16, 0, i + 1);
        guest_describe(g, i + 1u, 0, 6u << 20, VRING_DESC_F_WRITE, i + 2);
        g->desc[i + 1].addr = address_of_grant(9999, 0);
        guest_describe(g, i + 2u, GUEST_STATUSES, 1, VRING_DESC_F_WRITE, 0);
        guest_make_available(g, i);
    }
    guest_kick(g, device);
    guest_settle(g);
}

/* A message nobody takes, a queue that cannot be mapped, requests that wait, a ring that goes
 * bad, and all of it again. */
static void misbehave_often(void)
{
    struct guest *g = guest_new();

    log_set_level(LOG_LEVEL_WARNING);
    guest_add_blk(g, 1, guest_disk(8), false);
    for (unsigned i = 0; i < 20; i++) {
        guest_connect(g, MSG_WIDE, 272);
        guest_send(g, &(struct msg){.kind = MSG_get_device_info_request, .dev_num = 9});
        guest_settle(g);
        ask_for_what_is_not_granted(g, 1);
        ask_for_more_than_there_is_room(g, 1);
        prod_out_of_range(g->ring_pages);
        g->domu->ops->evtchn_notify(g->domu, (uint32_t)g->port);
        CU_ASSERT_EQUAL(guest_told(g).kind, IPC_BUS_FAILED);
        guest_disconnect(g);
    }
    guest_free(g);
}

static void connecting_anew_gives_no_new_lines(void)
{
    CU_ASSERT_EQUAL(test_count_lines(misbehave_often, "dropped a message"), 1);
    CU_ASSERT_EQUAL(test_count_lines(misbehave_often, "of a queue from grant reference"), 1);
    CU_ASSERT_EQUAL(test_count_lines(misbehave_often, "a request waits"), 1);
    CU_ASSERT_EQUAL(test_count_lines(misbehave_often, "message ring"), 1);
}

/* The guest stops reading: the worker stops taking, and loses nothing. */
static void a_full_ring_holds_requests_back(void)
{
    struct guest *g = guest_new();
    unsigned sent = 0, answered = 0;
    struct msg request = {.kind = MSG_ping_request};

    guest_connect(g, MSG_WIDE, 272);
    for (;;) {
        uint8_t bytes[64];

        request.token = (uint16_t)sent;
        request.ping_request.data = sent;
        if (!ring_put(&g->ring, bytes, msg_encode(MSG_WIDE, &request, bytes, 64, NULL))) {
            ring_publish(&g->ring);
            g->domu->ops->evtchn_notify(g->domu, (uint32_t)g->port);
            for (unsigned i = 0; i < 8; i++)
                event_base_loop(g->base, EVLOOP_NONBLOCK);
            if (!ring_has_room(&g->ring, 20))
                break;
            continue;
        }
        sent++;
    }
    for (; answered < sent; answered++)
        CU_ASSERT_EQUAL(guest_receive(g).ping_response.data, answered);
    guest_settle(g);
    guest_free(g);
}

/* ---- messages that nobody takes ---- */

static void drops_garbage_and_goes_on(void)
{
    static const uint8_t garbage[][26] = {
        {0, 0x00, 0, 0, 16},             /* reserved id */
        {0, 0x01, 0, 0, 16},
        {0, 0x0d, 0, 0, 16},             /* transport ids nobody knows */
        {0, 0x3f, 0, 0, 16},
        {0, 0x7f, 0, 0, 16},
        {0, 0x80, 0, 0, 16},
        {2, 0x00, 0, 0, 16},             /* bus ids nobody knows */
        {2, 0x01, 0, 0, 16},
        {2, 0x04, 0, 0, 16},
        {2, 0x7f, 0, 0, 16},
        {2, 0x83, 0, 0, 16},
        {2, 0x03, 0, 0, 16},             /* PING without its data */
        {2, 0x02, 0, 0, 25},             /* GET_DEVICES one byte short */
        {0, 0x08, 0, 0, 19},             /* SET_DEVICE_STATUS likewise */
        {0, 0x41, 0, 0, 26, 0, 0, 0, 1}, /* EVENT_AVAIL two bytes long */
        {0, 0x04, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, /* no words */
        {2, 0x03, 0, 0, 20, 0, 0, 0, 1}, /* bus message with a device number */
        {1, 0x02, 0, 0, 16},             /* a response that is none */
        {3, 0x03, 0, 0, 20},             /* response to a PING we never sent */
        {0, 0x40, 0, 0, 32, 0, 0, 0, 1}, /* a device's event (padded by the ring) */
        {0, 0x42, 0, 0, 20, 0, 0, 0, 1},
        {2, 0x40, 0, 0, 26},
        {0, 0x02, 0, 0, 16, 0, 0, 0, 2}, /* no such device */
        {0, 0x41, 0, 0, 24, 0, 0, 0, 2}, /* nor for its event */
    };
    struct guest *g = guest_new();

    guest_add_blk(g, 1, guest_disk(1), true);
    guest_connect(g, MSG_WIDE, 272);
    for (unsigned i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        uint8_t bytes[40] = {0};

        memcpy(bytes, garbage[i], sizeof(garbage[i]));
        guest_send_bytes(g, bytes, bytes[4]);
        guest_settle(g);
    }
    CU_ASSERT_EQUAL(g->config_events + g->used_events, 0);
    guest_free(g);
}

/* Reserved bits say nothing; a response carries zeros there. */
static void ignores_reserved_bits(void)
{
    uint8_t bytes[20] = {0xfe, 0x03, 0x34, 0x12, 20, 0, 0xff, 0xff, [16] = 1, 2, 3, 4};
    struct guest *g = guest_new();
    struct msg m;

    guest_connect(g, MSG_WIDE, 272);
    guest_send_bytes(g, bytes, sizeof(bytes));
    m = guest_receive(g);
    CU_ASSERT_EQUAL(m.kind, MSG_ping_response);
    CU_ASSERT_EQUAL(m.token, 0x1234);
    CU_ASSERT_EQUAL(m.ping_response.data, 0x04030201);
    CU_ASSERT_EQUAL(g->message[0], 3);
    CU_ASSERT_EQUAL(le16_get(g->message + 6), 0);
    guest_free(g);
}

static const struct test_case cases[] = {
    TEST(fails_once_on_an_impossible_ring),
    TEST(a_message_above_the_maximum_ends_the_connection),
    TEST(connecting_anew_gives_no_new_lines),
    TEST(a_full_ring_holds_requests_back),
    TEST(drops_garbage_and_goes_on),
    TEST(ignores_reserved_bits),
    {NULL, NULL},
};

int main(void)
{
    return test_main("worker, messages", cases);
}
