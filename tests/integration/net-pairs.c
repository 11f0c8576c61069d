/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/net-pairs.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/address.h"
#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

/* Of the area, for each queue: three parts, then the slots. */
#define SPAN (GUEST_PAGES / PAIRS_QUEUES * 4096u)
#define AVAIL 0x200u
#define USED 0x400u
#define SLOTS_AT 0x1000u
#define OK 15u

_Static_assert(SLOTS_AT + PAIRS_SLOTS * PAIRS_SLOT <= SPAN, "a queue has its part of the area");

struct net_pairs np;
const uint8_t pairs_own[6] = {0x00, 0x16, 0x3e, 1, 2, 3};
const uint8_t pairs_other[6] = {0x00, 0x16, 0x3e, 9, 9, 9};

/* ---- queues ---- */

static void choose(unsigned queue)
{
    uint8_t *at = np.g->area + (size_t)queue * SPAN;

    np.g->desc = (struct vring_desc *)(void *)at;
    np.g->avail = (struct vring_avail *)(void *)(at + AVAIL);
    np.g->used = (struct vring_used *)(void *)(at + USED);
    np.g->used_seen = np.seen[queue];
}

static uint64_t slot_offset(unsigned queue, unsigned i)
{
    return (uint64_t)queue * SPAN + SLOTS_AT + (uint64_t)(i % PAIRS_SLOTS) * PAIRS_SLOT;
}

uint8_t *pairs_slot(unsigned queue)
{
    return np.g->area + slot_offset(queue, np.offered[queue]);
}

static void kick(unsigned queue)
{
    struct msg event = {
        .kind = MSG_event_avail, .dev_num = PAIRS_DEV, .event_avail.vq_index = queue};

    if (!np.by_doorbells) {
        guest_send(np.g, &event);
        return;
    }
    CU_ASSERT_EQUAL(np.g->domu->ops->evtchn_notify(np.g->domu, np.ports[queue]), 0);
}

void pairs_offer_as(unsigned queue, uint32_t size, uint16_t flags)
{
    unsigned i = np.offered[queue]++ % PAIRS_SLOTS;

    choose(queue);
    guest_describe(np.g, i, slot_offset(queue, i), size, flags, 0);
    guest_make_available(np.g, (uint16_t)i);
    kick(queue);
}

void pairs_offer(unsigned queue, uint32_t size)
{
    pairs_offer_as(queue, size, queue % 2 ? 0 : VRING_DESC_F_WRITE);
}

uint32_t pairs_await(unsigned queue)
{
    uint32_t length;

    choose(queue);
    length = guest_await_used(np.g);
    np.seen[queue] = np.g->used_seen;
    return length;
}

unsigned pairs_answers(unsigned queue)
{
    choose(queue);
    return (uint16_t)(shared_load16_acquire(&np.g->used->idx) - np.g->used_seen);
}

uint8_t pairs_command(unsigned queue, const uint8_t *bytes, uint32_t size)
{
    uint8_t *slot = pairs_slot(queue);
    uint64_t at = slot_offset(queue, np.offered[queue]);

    memcpy(slot, bytes, size);
    slot[size] = 77;
    choose(queue);
    guest_describe(np.g, 0, at, size, 0, 1);
    guest_describe(np.g, 1, at + size, 1, VRING_DESC_F_WRITE, 0);
    guest_make_available(np.g, 0);
    kick(queue);
    CU_ASSERT_EQUAL(pairs_await(queue), 1);
    return slot[size];
}

/* ---- the stage ---- */

void pairs_turn(void)
{
    event_base_loop(np.g->base, EVLOOP_NONBLOCK);
}

static void turn(struct guest *g)
{
    (void)g;
    pairs_turn();
}

static void add_device(void)
{
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = PAIRS_DEV, .type = "net", .name = "net0"},
    };
    struct fds fds = {.count = PAIRS};
    int ends[2], room = 8192;

    for (unsigned i = 0; i < PAIRS; i++) {
        CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) == 0);
        setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        np.wires[i] = ends[0];
        np.inside[i] = fds.fd[i] = ends[1];
    }
    choices_add(&message.device.choices, XS_MAC, "00:16:3e:01:02:03");
    CU_ASSERT_FATAL(ipc_send(np.g->supervisor, &message, &fds) == 0);
    CU_ASSERT_EQUAL_FATAL(guest_told(np.g).kind, IPC_DEVICE_ADDED);
}

void pairs_connect(void)
{
    struct ipc_message offer = guest_offer(np.g, MSG_WIDE, 272);

    offer.connect.queue_doorbells = np.by_doorbells;
    guest_tell(np.g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(np.g).kind, IPC_CONNECTED);
    guest_share_area(np.g);
}

static void bind_doorbell(unsigned queue)
{
    int port = np.g->domu->ops->evtchn_alloc(np.g->domu, 0);
    struct msg request = {
        .kind = MSG_queue_doorbell_request,
        .queue_doorbell_request = {PAIRS_DEV, queue, (uint32_t)port},
    };

    CU_ASSERT_FATAL(port > 0);
    np.ports[queue] = (uint32_t)port;
    CU_ASSERT_EQUAL(guest_call(np.g, request).queue_doorbell_response.status, DOORBELL_OK);
}

void pairs_enable(unsigned queue)
{
    struct msg set = guest_queue_request(PAIRS_DEV, SET_VQUEUE_ENABLE);
    uint64_t at = address_of_area(GUEST_AREA, (uint64_t)queue * SPAN);

    set.set_vqueue_request.index = queue;
    set.set_vqueue_request.desc_addr = at;
    set.set_vqueue_request.driver_addr = at + AVAIL;
    set.set_vqueue_request.device_addr = at + USED;
    memset(np.g->area + (size_t)queue * SPAN, 0, SLOTS_AT);
    np.seen[queue] = 0;
    np.offered[queue] = 0;
    guest_call(np.g, set);
    if (np.by_doorbells)
        bind_doorbell(queue);
}

void pairs_reset(void)
{
    while (guest_set_status(np.g, PAIRS_DEV, 0))
        pairs_turn();
}

void pairs_drive(uint64_t features)
{
    uint8_t words[8];
    struct msg set = {
        .kind = MSG_set_driver_features_request,
        .dev_num = PAIRS_DEV,
        .set_driver_features_request = {.num_blocks = 2, .features = {words, sizeof(words)}},
    };

    le64_put(words, features);
    pairs_reset();
    CU_ASSERT_EQUAL(guest_set_status(np.g, PAIRS_DEV, 3), 3);
    guest_call(np.g, set);
    CU_ASSERT_EQUAL(guest_set_status(np.g, PAIRS_DEV, 11), 11);
    for (unsigned i = 0; i < PAIRS_QUEUES; i++)
        pairs_enable(i);
    CU_ASSERT_EQUAL(guest_set_status(np.g, PAIRS_DEV, OK), OK);
}

void pairs_start(bool threads, bool doorbells, uint64_t features)
{
    memset(&np, 0, sizeof(np));
    np.g = guest_new();
    np.g->wait = turn;
    np.by_doorbells = doorbells;
    for (unsigned i = 0; threads && i < PAIRS_THREADS; i++) {
        np.thread_xen[i] = fake_xen_domain(np.g->fx, 0);
        CU_ASSERT_FATAL(worker_add_thread(np.g->worker, np.thread_xen[i]));
    }
    add_device();
    pairs_connect();
    pairs_drive(features);
}

void pairs_end(void)
{
    worker_free(np.g->worker);
    np.g->worker = NULL;
    for (unsigned i = 0; i < PAIRS_THREADS; i++)
        platform_close(np.thread_xen[i]);
    for (unsigned i = 0; i < PAIRS; i++) {
        close(np.wires[i]);
        close(np.inside[i]);
    }
    guest_free(np.g);
}

/* ---- frames ---- */

void pairs_make_frame(uint8_t *frame, const uint8_t to[6], size_t size, unsigned number)
{
    for (size_t i = 0; i < size; i++)
        frame[i] = (uint8_t)(i * 7 + i / 256 + number);
    memset(frame, 0, PAIRS_HEADER);
    memcpy(frame + PAIRS_HEADER, to, 6);
}

void pairs_send(unsigned pair, size_t size, unsigned number)
{
    pairs_make_frame(pairs_slot(TX(pair)), pairs_other, size, number);
    pairs_offer(TX(pair), (uint32_t)size);
}

bool pairs_sent(unsigned pair)
{
    uint8_t frame[PAIRS_SLOT];

    return read(np.wires[pair], frame, sizeof(frame)) > 0;
}

void pairs_expect_sent(unsigned pair, size_t size, unsigned number)
{
    uint8_t frame[PAIRS_SLOT], got[PAIRS_SLOT];
    ssize_t length;

    pairs_make_frame(frame, pairs_other, size, number);
    while ((length = read(np.wires[pair], got, sizeof(got))) < 0)
        pairs_turn();
    CU_ASSERT_EQUAL(length, (ssize_t)size);
    CU_ASSERT(memcmp(got, frame, size) == 0);
}

void pairs_comes(unsigned pair, const uint8_t to[6], size_t size, unsigned number)
{
    uint8_t frame[PAIRS_SLOT];

    pairs_make_frame(frame, to, size, number);
    CU_ASSERT_EQUAL_FATAL(write(np.wires[pair], frame, size), (ssize_t)size);
}

void pairs_expect_received(unsigned pair, const uint8_t to[6], size_t size, unsigned number)
{
    unsigned queue = RX(pair);
    uint8_t frame[PAIRS_SLOT];
    const uint8_t *slot = np.g->area + slot_offset(queue, np.seen[queue]);

    pairs_make_frame(frame, to, size, number);
    CU_ASSERT_EQUAL(pairs_await(queue), size);
    CU_ASSERT(memcmp(slot + PAIRS_HEADER, frame + PAIRS_HEADER, size - PAIRS_HEADER) == 0);
}

#define FILLER 1000u

void pairs_fill(unsigned pair)
{
    static const uint8_t filler[FILLER];

    while (write(np.inside[pair], filler, FILLER) > 0)
        ;
}

void pairs_empty(unsigned pair)
{
    uint8_t frame[PAIRS_SLOT];

    while (recv(np.wires[pair], frame, sizeof(frame), MSG_PEEK) == FILLER)
        CU_ASSERT_EQUAL(read(np.wires[pair], frame, sizeof(frame)), FILLER);
}
