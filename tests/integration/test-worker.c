/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A worker's connection: its beginning and end, devices coming and going, Xen failing. */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/log.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

static uint32_t ping(struct guest *g, uint32_t data)
{
    struct msg m = {.kind = MSG_ping_request, .ping_request.data = data};

    return guest_call(g, m).ping_response.data;
}

/* ---- connecting ---- */

static void connects_and_lets_go_in_both_forms(void)
{
    for (int form = MSG_WIDE; form <= MSG_COMPACT; form++) {
        struct guest *g = guest_new();

        guest_connect(g, (enum msg_form)form, 272);
        CU_ASSERT(fake_xen_counters(g->fx).mapped_pages > 0);
        CU_ASSERT_EQUAL(ping(g, 0), 0);
        CU_ASSERT_EQUAL(ping(g, UINT32_MAX), UINT32_MAX);
        guest_share_area(g);
        guest_disconnect(g);
        CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
        CU_ASSERT_EQUAL(fake_xen_counters(g->fx).open_ports, 1); /* the guest's own */
        guest_disconnect(g);
        guest_free(g);
    }
}

static void serves_what_waited_in_the_ring(void)
{
    struct guest *g = guest_new();
    struct ipc_message offer = guest_offer(g, MSG_WIDE, 272);

    guest_send(g, &(struct msg){.kind = MSG_ping_request, .token = 7, .ping_request.data = 9});
    event_base_loop(g->base, EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(ring_get(&g->ring, g->message), 0);
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_CONNECTED);
    CU_ASSERT_EQUAL(guest_receive(g).ping_response.data, 9);
    guest_free(g);
}

static void connects_again_after_letting_go(void)
{
    struct guest *g = guest_new();

    guest_add_blk(g, 1, guest_disk(8), false);
    for (unsigned i = 0; i < 3; i++) {
        guest_connect(g, MSG_WIDE, 272);
        guest_share_area(g);
        guest_start_device(g, 1, UINT64_C(1) << 32);
        guest_disconnect(g);
        CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
    }
    guest_free(g);
}

static void expect_failure(struct guest *g, const struct ipc_message *offer, const char *word)
{
    struct ipc_message message;

    guest_tell(g, offer, -1);
    message = guest_told(g);
    CU_ASSERT_EQUAL(message.kind, IPC_BUS_FAILED);
    if (!strstr(message.failed.text, word))
        CU_FAIL(word);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
}

static void refuses_a_bad_header(void)
{
    struct guest *g = guest_new();
    struct ipc_message offer = guest_offer(g, MSG_WIDE, 272);
    struct xvmsg_ring_abi *abi = g->ring_pages;
    struct xvmsg_ring_abi good = *abi;

    log_set_level(LOG_LEVEL_ERROR);
    abi->magic++;
    expect_failure(g, &offer, "header");
    *abi = good;
    abi->version++;
    expect_failure(g, &offer, "header");
    *abi = good;
    abi->page_order++;
    expect_failure(g, &offer, "header");
    *abi = good;
    abi->lane_size += 8;
    expect_failure(g, &offer, "header");
    *abi = good;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_CONNECTED);
    guest_free(g);
}

static void refuses_a_bad_offer(void)
{
    struct guest *g = guest_new();
    struct ipc_message good = guest_offer(g, MSG_WIDE, 272);
    struct ipc_message bad = good;

    bad.connect.ring_refs[0] = 999;
    expect_failure(g, &bad, "cannot map");
    bad = good;
    bad.connect.event_channel = 777;
    expect_failure(g, &bad, "event channel 777");
    bad = good;
    bad.connect.frontend_domid = 99;
    expect_failure(g, &bad, "cannot map");
    bad = good;
    bad.connect.ring_page_order = RING_MAX_ORDER + 1;
    expect_failure(g, &bad, "pages");
    bad = good;
    bad.connect.wire_form = 2;
    expect_failure(g, &bad, "wire form");
    bad = good;
    bad.connect.message_size = 59;
    expect_failure(g, &bad, "message size");
    bad.connect.message_size = 65536;
    expect_failure(g, &bad, "message size");
    guest_tell(g, &good, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_CONNECTED);
    guest_free(g);
}

/* ---- devices, as the supervisor sees them ---- */

static void refuse(struct guest *g, const struct ipc_device *device, int fd, const char *sentence)
{
    struct ipc_message message = {.kind = IPC_DEVICE_ADD, .device = *device};

    guest_tell(g, &message, fd);
    if (fd >= 0)
        close(fd);
    message = guest_told(g);
    CU_ASSERT_EQUAL(message.kind, IPC_DEVICE_REFUSED);
    CU_ASSERT_EQUAL(message.answer.number, device->number);
    CU_ASSERT_STRING_EQUAL(message.answer.text, sentence);
}

static void says_why_a_device_is_refused(void)
{
    struct ipc_device device = {.number = 3, .type = "blk", .name = "d"};
    struct guest *g = guest_new();
    int pipe_ends[2], fd = guest_disk(2);

    CU_ASSERT(ftruncate(fd, 1000) == 0);
    refuse(g, &device, fd, "d: size 1000 is not a multiple of 512");
    refuse(g, &device, guest_disk(0), "d: the target is empty");
    CU_ASSERT_FATAL(pipe(pipe_ends) == 0);
    close(pipe_ends[1]);
    refuse(g, &device, pipe_ends[0],
           "d: neither a file nor a block device (Invalid argument)");
    refuse(g, &device, -1, "d: too many open files to take another");
    strcpy(device.type, "rng");
    refuse(g, &device, guest_disk(1), "d: a device of type rng stands on no target");
    strcpy(device.type, "tape");
    refuse(g, &device, guest_disk(1), "d: there is no device type \"tape\"");
    strcpy(device.type, "blk");
    guest_add_blk(g, 3, guest_disk(1), false);
    refuse(g, &device, guest_disk(1), "d: number 3 is in use");
    guest_free(g);
}

static void a_removed_device_is_gone(void)
{
    struct guest *g = guest_new();
    struct ipc_message remove = {.kind = IPC_DEVICE_REMOVE, .answer.number = 1};
    struct msg list = {.kind = MSG_get_devices_request};

    guest_add_blk(g, 1, guest_disk(8), false);
    guest_add_blk(g, 2, guest_disk(8), false);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    guest_start_device(g, 1, UINT64_C(1) << 32);
    guest_tell(g, &remove, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
    list.get_devices_request.count = 8;
    list = guest_call(g, list);
    CU_ASSERT_EQUAL(list.get_devices_response.bitmap.bytes[0], 1 << 2);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
    guest_send(g, &(struct msg){.kind = MSG_get_device_info_request, .dev_num = 1});
    guest_settle(g);
    /* It stays removed, and its number is free. */
    guest_tell(g, &remove, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
    guest_add_blk(g, 1, guest_disk(8), false);
    CU_ASSERT_EQUAL(guest_set_status(g, 1, 1), 1);
    guest_free(g);
}

static void ends_when_the_supervisor_does(void)
{
    struct guest *g = guest_new();

    guest_connect(g, MSG_WIDE, 272);
    close(g->supervisor);
    g->supervisor = -1;
    CU_ASSERT_EQUAL(event_base_dispatch(g->base), 0);
    CU_ASSERT(event_base_got_break(g->base));
    guest_free(g);
}

static void ends_when_the_supervisor_talks_nonsense(void)
{
    struct guest *g = guest_new();

    guest_tell(g, &(struct ipc_message){.kind = IPC_CONNECTED}, -1);
    CU_ASSERT_EQUAL(event_base_dispatch(g->base), 0);
    CU_ASSERT(event_base_got_break(g->base));
    guest_free(g);
}

struct turns {
    struct event *timer;
    unsigned count;
};

static void on_turn(evutil_socket_t fd, short what, void *user)
{
    static const struct timeval at_once = {0};
    struct turns *turns = user;

    (void)fd, (void)what;
    turns->count++;
    evtimer_add(turns->timer, &at_once);
}

/* A guest that has each batch of messages make work, and the work an event, keeps
 * neither the supervisor nor I/O waiting. */
static void the_loop_turns_however_busy_the_guest_is(void)
{
    enum { DEVICES = 60, BATCH = 64 };
    struct msg nobodys = {.kind = MSG_event_avail, .dev_num = 999};
    struct guest *g = guest_new();
    struct turns turns = {0};

    turns.timer = evtimer_new(g->base, on_turn, &turns);
    guest_connect(g, MSG_WIDE, UINT16_MAX);
    guest_share_area(g);
    for (unsigned i = 1; i <= DEVICES; i++) {
        guest_add_blk(g, i, guest_disk(8), false);
        guest_start_device(g, i, UINT64_C(1) << VIRTIO_F_VERSION_1);
    }
    memset(g->area + GUEST_HEADERS, VIRTIO_BLK_T_GET_ID, 1);
    guest_describe(g, 0, GUEST_HEADERS, 16, 0, 1);
    guest_describe(g, 1, GUEST_DATA, 20, VRING_DESC_F_WRITE, 2);
    guest_describe(g, 2, GUEST_STATUSES, 1, VRING_DESC_F_WRITE, 0);
    guest_make_available(g, 0);
    for (unsigned i = 1; i <= DEVICES; i++) {
        guest_kick(g, i);
        for (unsigned n = 1; n < BATCH; n++)
            guest_send(g, &nobodys);
    }
    on_turn(-1, 0, &turns);
    g->used_events = 0;
    while (g->used_events < DEVICES) {
        struct msg event = guest_receive(g);

        CU_ASSERT(guest_count_event(g, &event));
    }
    printf("# %u turns\n", turns.count);
    CU_ASSERT(turns.count > 4);
    event_free(turns.timer);
    guest_settle(g);
    guest_free(g);
}

/* ---- Xen fails ---- */

/* The next word of the supervisor's socket, or 0 once `responses` came. */
static uint32_t run_until(struct guest *g, unsigned *responses)
{
    struct ipc_message message;
    struct fds fds;

    for (;;) {
        if (ipc_receive(g->supervisor, &message, &fds) == 1)
            return message.kind;
        while (*responses && ring_get(&g->ring, g->message)) {
            --*responses;
            if (ring_release(&g->ring))
                g->domu->ops->evtchn_notify(g->domu, (uint32_t)g->port);
            if (!*responses)
                return 0;
        }
        if (!*responses || ring_await_message(&g->ring))
            event_base_loop(g->base, EVLOOP_ONCE);
    }
}

/* Connects, shares an area by directory, pings, disconnects: however far it
 * comes, the worker says so and holds nothing at the end. */
static void whole_life(struct guest *g)
{
    struct ipc_message offer = guest_offer(g, MSG_WIDE, 272);
    uint32_t ref, directory_ref;
    uint8_t word[4];
    uint8_t *directory = g->domu->ops->grant_share(g->domu, 0, 1, false, &directory_ref);
    unsigned responses = 2;
    uint32_t kind;
    struct msg share = {
        .kind = MSG_area_share_request,
        .area_share_request = {1, AREA_F_DIRECTORY, 1, 1, {word, 4}},
    };

    g->domu->ops->grant_share(g->domu, 0, 1, true, &ref);
    le32_put(directory, ref);
    le32_put(word, directory_ref);
    guest_tell(g, &offer, -1);
    if (run_until(g, &(unsigned){0}) == IPC_CONNECTED) {
        guest_send(g, &share);
        guest_send(g, &(struct msg){.kind = MSG_ping_request});
        run_until(g, &responses);
    }
    guest_tell(g, &(struct ipc_message){.kind = IPC_DISCONNECT}, -1);
    kind = guest_told(g).kind;
    /* The failure may have come behind the last response. */
    if (kind == IPC_BUS_FAILED)
        kind = guest_told(g).kind;
    CU_ASSERT_EQUAL(kind, IPC_DISCONNECTED);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
}

static void every_failure_of_xen_is_survived(void)
{
    static const char *const calls[] = {
        "grant_map", "evtchn_bind", "evtchn_next", "evtchn_unmask", "evtchn_notify",
    };

    for (unsigned i = 0; i < 5; i++) {
        bool failed = true;

        for (unsigned nth = 1; failed; nth++) {
            struct guest *g = guest_new();

            fake_xen_fail(g->fx, 0, calls[i], nth, EIO);
            whole_life(g);
            failed = fake_xen_failed(g->fx);
            if (nth == 1)
                CU_ASSERT(failed);
            guest_free(g);
        }
    }
}

static const struct test_case cases[] = {
    TEST(connects_and_lets_go_in_both_forms),
    TEST(serves_what_waited_in_the_ring),
    TEST(connects_again_after_letting_go),
    TEST(refuses_a_bad_header),
    TEST(refuses_a_bad_offer),
    TEST(says_why_a_device_is_refused),
    TEST(a_removed_device_is_gone),
    TEST(the_loop_turns_however_busy_the_guest_is),
    TEST(ends_when_the_supervisor_does),
    TEST(ends_when_the_supervisor_talks_nonsense),
    TEST(every_failure_of_xen_is_survived),
    {NULL, NULL},
};

int main(void)
{
    return test_main("worker", cases);
}
