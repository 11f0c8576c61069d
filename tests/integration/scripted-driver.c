/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/scripted-driver.h"

#include <string.h>

#include "common/address.h"
#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"

/* ---- as the guest: messages ---- */

static void ring_bell(struct guest *g)
{
    CU_ASSERT(g->domu->ops->evtchn_notify(g->domu, (uint32_t)g->port) == 0);
}

void guest_send_bytes(struct guest *g, const void *bytes, size_t size)
{
    CU_ASSERT_FATAL(size <= g->ring.max_message);
    while (!ring_put(&g->ring, bytes, size))
        g->wait(g);
    if (ring_publish(&g->ring))
        ring_bell(g);
}

void guest_send(struct guest *g, const struct msg *m)
{
    static uint8_t bytes[MSG_PROTOCOL_MAX];
    size_t size = msg_encode(g->ring.form, m, bytes, sizeof(bytes), NULL);

    CU_ASSERT_FATAL(size > 0);
    guest_send_bytes(g, bytes, size);
}

static bool try_receive(struct guest *g, struct msg *m)
{
    struct msg_error error;
    size_t size = ring_get(&g->ring, g->message);

    if (!size)
        return false;
    if (ring_release(&g->ring))
        ring_bell(g);
    CU_ASSERT_FATAL(msg_decode(g->ring.form, g->message, size, m, &error));
    return true;
}

struct msg guest_receive(struct guest *g)
{
    struct msg m;

    while (!try_receive(g, &m)) {
        if (ring_await_message(&g->ring))
            g->wait(g);
    }
    return m;
}

bool guest_count_event(struct guest *g, const struct msg *m)
{
    if (m->kind == MSG_event_config) {
        g->config_events++;
        g->last_status = m->event_config.device_status;
    } else if (m->kind == MSG_event_used) {
        g->used_events++;
    } else {
        return false;
    }
    CU_ASSERT_EQUAL(m->token, 0);
    return true;
}

struct msg guest_receive_response(struct guest *g)
{
    struct msg m;

    do
        m = guest_receive(g);
    while (guest_count_event(g, &m));
    return m;
}

struct msg guest_call(struct guest *g, struct msg request)
{
    struct msg response;

    request.token = ++g->token;
    guest_send(g, &request);
    response = guest_receive_response(g);
    CU_ASSERT_EQUAL(response.kind, request.kind + 1);
    CU_ASSERT_EQUAL(response.token, request.token);
    CU_ASSERT_EQUAL(response.dev_num, request.dev_num);
    return response;
}

void guest_settle(struct guest *g)
{
    struct msg ping = {.kind = MSG_ping_request, .ping_request.data = 0x600d0000u + g->token};
    struct msg pong = guest_call(g, ping);

    CU_ASSERT_EQUAL(pong.ping_response.data, ping.ping_request.data);
}

/* ---- as the guest: a device ---- */

/* By directory, so that the message is small enough for any bus. */
uint16_t guest_share_pages(struct guest *g, uint16_t area, uint32_t count, uint8_t **pages)
{
    struct platform *p = g->domu;
    uint32_t directory_ref, refs[1024];
    uint8_t word[4];
    uint8_t *directory = p->ops->grant_share(p, 0, 1, false, &directory_ref);
    struct msg share = {
        .kind = MSG_area_share_request,
        .area_share_request = {area, AREA_F_DIRECTORY, count, 1, {word, 4}},
    };

    *pages = p->ops->grant_share(p, 0, count, true, refs);
    CU_ASSERT_FATAL(directory && *pages);
    for (unsigned i = 0; i < count; i++)
        le32_put(directory + 4 * i, refs[i]);
    le32_put(word, directory_ref);
    return guest_call(g, share).area_share_response.status;
}

void guest_share_area(struct guest *g)
{
    CU_ASSERT_EQUAL(guest_share_pages(g, GUEST_AREA, GUEST_PAGES, &g->area), AREA_OK);
    g->desc = (struct vring_desc *)(void *)(g->area + GUEST_DESC);
    g->avail = (struct vring_avail *)(void *)(g->area + GUEST_AVAIL);
    g->used = (struct vring_used *)(void *)(g->area + GUEST_USED);
}

uint16_t guest_unshare_area(struct guest *g)
{
    struct msg unshare = {
        .kind = MSG_area_unshare_request,
        .area_unshare_request.area = GUEST_AREA,
    };

    return guest_call(g, unshare).area_unshare_response.status;
}

uint32_t guest_set_status(struct guest *g, uint64_t device, uint32_t status)
{
    struct msg set = {
        .kind = MSG_set_device_status_request,
        .dev_num = device,
        .set_device_status_request.status = status,
    };

    return guest_call(g, set).set_device_status_response.status;
}

struct msg guest_queue_request(uint64_t device, uint32_t flags)
{
    return (struct msg){
        .kind = MSG_set_vqueue_request,
        .dev_num = device,
        .set_vqueue_request =
            {
                .flags = flags,
                .size = GUEST_QUEUE_SIZE,
                .desc_addr = address_of_area(GUEST_AREA, GUEST_DESC),
                .driver_addr = address_of_area(GUEST_AREA, GUEST_AVAIL),
                .device_addr = address_of_area(GUEST_AREA, GUEST_USED),
            },
    };
}

void guest_start_device(struct guest *g, uint64_t device, uint64_t features)
{
    memset(g->area, 0, GUEST_DATA);
    g->used_seen = 0;
    guest_resume_device(g, device, features);
}

void guest_resume_device(struct guest *g, uint64_t device, uint64_t features)
{
    uint8_t words[8];
    struct msg set = {
        .kind = MSG_set_driver_features_request,
        .dev_num = device,
        .set_driver_features_request = {.num_blocks = 2, .features = {words, sizeof(words)}},
    };

    le64_put(words, features);
    CU_ASSERT_EQUAL(guest_set_status(g, device, 0), 0);
    CU_ASSERT_EQUAL(guest_set_status(g, device, 3), 3);
    guest_call(g, set);
    CU_ASSERT_EQUAL(guest_set_status(g, device, 11), 11);
    guest_call(g, guest_queue_request(device, SET_VQUEUE_ENABLE));
    CU_ASSERT_EQUAL(guest_set_status(g, device, 15), 15);
}

void guest_describe(struct guest *g, unsigned index, uint64_t offset, uint32_t length,
                    uint16_t flags, uint16_t next)
{
    g->desc[index] = (struct vring_desc){
        .addr = address_of_area(GUEST_AREA, offset),
        .len = length,
        .flags = (uint16_t)(flags | (next ? VRING_DESC_F_NEXT : 0)),
        .next = next,
    };
}

void guest_make_available(struct guest *g, uint16_t head)
{
    uint16_t index = g->avail->idx;

    g->avail->ring[index % GUEST_QUEUE_SIZE] = head;
    shared_store16_release(&g->avail->idx, (uint16_t)(index + 1));
}

void guest_kick(struct guest *g, uint64_t device)
{
    guest_send(g, &(struct msg){.kind = MSG_event_avail, .dev_num = device});
}

uint32_t guest_await_used(struct guest *g)
{
    struct msg m;

    /* Events are taken on the way, lest they fill the ring. */
    while (try_receive(g, &m))
        CU_ASSERT(guest_count_event(g, &m));
    while (shared_load16_acquire(&g->used->idx) == g->used_seen)
        g->wait(g);
    return g->used->ring[g->used_seen++ % GUEST_QUEUE_SIZE].len;
}
