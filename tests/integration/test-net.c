/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The network interface from its guest's side. A socket that keeps frames apart stands
 * for the TAP interface: what is written to it is a frame for the guest, with virtio's
 * header. One queue at a time, which is the one under test.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"
#include "xenstore-schema/schema.h"

#define DEV 4u
#define BIT(n) (UINT64_C(1) << (n))
#define BASE (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET))
#define MERGE BIT(VIRTIO_NET_F_MRG_RXBUF)
#define CONTROL (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) |          \
                 BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
                 BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
#define WRITE VRING_DESC_F_WRITE
#define RX 0u
#define TX 1u
#define CTRL 2u
#define HEADER 12u
#define FRAME_MAX 70000u
#define MAC "00:16:3e:01:02:03"

static const uint8_t own[6] = {0x00, 0x16, 0x3e, 1, 2, 3};
static const uint8_t other[6] = {0x00, 0x16, 0x3e, 9, 9, 9};
static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0, 0, 1};
static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct guest *g;
static int wire; /* our end of what stands for the TAP interface */
static uint32_t queue;
static uint8_t frame[FRAME_MAX];

/* ---- the stage ---- */

static void add(const char *link)
{
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = DEV, .type = "net", .name = "net0"},
    };
    int pair[2], room = 1 << 20;

    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    wire = pair[0];
    choices_add(&message.device.choices, XS_MAC, MAC);
    choices_add(&message.device.choices, XS_MTU, "9000");
    if (link)
        choices_add(&message.device.choices, XS_LINK, link);
    guest_tell(g, &message, pair[1]);
    close(pair[1]);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_DEVICE_ADDED);
}

/* As guest_start_device(), with the one queue. */
static void start_device(uint64_t features)
{
    struct msg enable = guest_queue_request(DEV, SET_VQUEUE_ENABLE);
    uint8_t words[8];
    struct msg set = {
        .kind = MSG_set_driver_features_request,
        .dev_num = DEV,
        .set_driver_features_request = {.num_blocks = 2, .features = {words, sizeof(words)}},
    };

    le64_put(words, features);
    memset(g->area, 0, GUEST_DATA);
    g->used_seen = 0;
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 3), 3);
    guest_call(g, set);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 11), 11);
    enable.set_vqueue_request.index = queue;
    guest_call(g, enable);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 15), 15);
}

static void start(uint32_t index, uint64_t features)
{
    g = guest_new();
    queue = index;
    add(NULL);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    start_device(BASE | features);
}

static void end(void)
{
    guest_free(g);
    close(wire);
}

static void kick(void)
{
    guest_send(g, &(struct msg){
                      .kind = MSG_event_avail, .dev_num = DEV, .event_avail.vq_index = queue});
}

/* One buffer with one descriptor, at GUEST_DATA + 4096 * i. */
static uint8_t *offer(uint16_t i, uint32_t size, uint16_t flags)
{
    guest_describe(g, i, GUEST_DATA + 4096u * i, size, flags, 0);
    guest_make_available(g, i);
    return g->area + GUEST_DATA + 4096u * i;
}

static bool answered(void)
{
    guest_settle(g);
    return shared_load16_acquire(&g->used->idx) != g->used_seen;
}

static bool broken(void)
{
    struct msg ask = {.kind = MSG_get_device_status_request, .dev_num = DEV};

    guest_settle(g);
    return guest_call(g, ask).get_device_status_response.status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static uint8_t config_byte(uint32_t offset)
{
    struct msg ask = {
        .kind = MSG_get_config_request,
        .dev_num = DEV,
        .get_config_request = {.offset = offset, .length = 1},
    };
    struct msg answer = guest_call(g, ask);

    CU_ASSERT_EQUAL(answer.get_config_response.length, 1);
    return answer.get_config_response.data.bytes[0];
}

static bool link_up(void)
{
    return config_byte(6) & VIRTIO_NET_S_LINK_UP;
}

static void set_link(const char *to)
{
    struct ipc_message message = {.kind = IPC_DEVICE_SET, .answer.number = DEV};

    snprintf(message.answer.text, sizeof(message.answer.text), "link=%s", to);
    guest_tell(g, &message, -1);
    /* Which of the two is heard first is nobody's business. */
    message = (struct ipc_message){.kind = IPC_DEVICE_RESIZE, .answer.number = DEV};
    guest_tell(g, &message, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_RESIZED);
}

/* ---- frames ---- */

/* To this address, of so many bytes with the header; each byte tells where it is. */
static void make_frame(const uint8_t to[6], size_t size)
{
    for (size_t i = 0; i < size; i++)
        frame[i] = (uint8_t)(i * 7 + i / 256);
    memset(frame, 0, HEADER);
    memcpy(frame + HEADER, to, 6);
}

static void comes(const uint8_t to[6], size_t size)
{
    make_frame(to, size);
    CU_ASSERT_EQUAL_FATAL(write(wire, frame, size), (ssize_t)size);
}

/* The next frame that the guest sent; 0: there is none. */
static size_t sent(void)
{
    ssize_t size;

    guest_settle(g);
    size = read(wire, frame, sizeof(frame));
    return size < 0 ? 0 : (size_t)size;
}

static uint16_t num_buffers(const uint8_t *buffer)
{
    return le16_get(buffer + 10);
}

/* ---- what it is ---- */

static void says_what_it_is(void)
{
    struct msg info = {.kind = MSG_get_device_info_request, .dev_num = DEV};
    struct msg answer;

    start(RX, 0);
    answer = guest_call(g, info);
    CU_ASSERT_EQUAL(answer.get_device_info_response.device_id, 1);
    CU_ASSERT_EQUAL(answer.get_device_info_response.config_size, 12);
    for (unsigned i = 0; i < 6; i++)
        CU_ASSERT_EQUAL(config_byte(i), own[i]);
    CU_ASSERT(link_up());
    CU_ASSERT_EQUAL(config_byte(8), 1);
    CU_ASSERT_EQUAL(config_byte(10) | config_byte(11) << 8, 9000);
    end();
}

/* ---- receiving ---- */

static void a_frame_comes(void)
{
    uint8_t *buffer;

    start(RX, 0);
    buffer = offer(0, 4096, WRITE);
    kick();
    CU_ASSERT(!answered());
    comes(own, 100);
    CU_ASSERT_EQUAL(guest_await_used(g), 100);
    CU_ASSERT_EQUAL(num_buffers(buffer), 1);
    CU_ASSERT(memcmp(buffer + HEADER, frame + HEADER, 100 - HEADER) == 0);
    end();
}

static void frames_wait_for_buffers(void)
{
    start(RX, 0);
    for (unsigned i = 0; i < 3; i++)
        comes(own, 100 + i);
    CU_ASSERT(!answered());
    for (uint16_t i = 0; i < 2; i++)
        offer(i, 4096, WRITE);
    kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 100);
    CU_ASSERT_EQUAL(guest_await_used(g), 101);
    CU_ASSERT(!answered());
    offer(0, 4096, WRITE);
    kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 102);
    end();
}

static void a_large_frame_takes_several_buffers(void)
{
    uint8_t *first, together[3 * 4096];

    start(RX, MERGE);
    first = offer(0, 4096, WRITE);
    offer(1, 4096, WRITE);
    offer(2, 4096, WRITE);
    kick();
    comes(own, 9000);
    CU_ASSERT_EQUAL(guest_await_used(g), 4096);
    /* They all came at once. */
    CU_ASSERT_EQUAL(g->used->idx, 3);
    CU_ASSERT_EQUAL(guest_await_used(g), 4096);
    CU_ASSERT_EQUAL(guest_await_used(g), 9000 - 8192);
    CU_ASSERT_EQUAL(num_buffers(first), 3);
    memcpy(together, first, sizeof(together));
    CU_ASSERT(memcmp(together + HEADER, frame + HEADER, 9000 - HEADER) == 0);
    end();
}

/* Nothing of a frame for which there is no room yet is lost, nor shown too early. */
static void a_large_frame_waits_for_buffers(void)
{
    uint8_t *first;

    start(RX, MERGE);
    first = offer(0, 1000, WRITE);
    kick();
    comes(own, 5000);
    CU_ASSERT(!answered());
    offer(1, 1000, WRITE);
    kick();
    CU_ASSERT(!answered());
    offer(2, 4000, WRITE);
    kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 1000);
    CU_ASSERT_EQUAL(guest_await_used(g), 1000);
    CU_ASSERT_EQUAL(guest_await_used(g), 3000);
    CU_ASSERT_EQUAL(num_buffers(first), 3);
    CU_ASSERT(memcmp(first + HEADER, frame + HEADER, 1000 - HEADER) == 0);
    CU_ASSERT(memcmp(first + 4096, frame + 1000, 1000) == 0);
    CU_ASSERT(memcmp(first + 8192, frame + 2000, 3000) == 0);
    /* And the next ones come. */
    offer(3, 1000, WRITE);
    kick();
    comes(own, 60);
    CU_ASSERT_EQUAL(guest_await_used(g), 60);
    end();
}

/* All that the guest can ever offer is too little: the frame is lost, not the buffers. */
static void a_frame_that_never_fits_is_lost(void)
{
    start(RX, MERGE);
    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        guest_describe(g, i, GUEST_DATA + 64u * i, 64, WRITE, 0);
    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        guest_make_available(g, i);
    kick();
    comes(own, 60000);
    CU_ASSERT(!answered());
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
    start_device(BASE | MERGE);
    offer(0, 4096, WRITE);
    kick();
    comes(own, 70);
    CU_ASSERT_EQUAL(guest_await_used(g), 70);
    end();
}

static void without_merging_one_buffer_has_to_do(void)
{
    start(RX, 0);
    offer(0, 4096, WRITE);
    offer(1, 4096, WRITE);
    kick();
    comes(own, 5000);
    comes(own, 80);
    CU_ASSERT_EQUAL(guest_await_used(g), 80);
    end();
}

static void what_is_no_frame_is_ignored(void)
{
    start(RX, MERGE);
    offer(0, 4096, WRITE);
    kick();
    CU_ASSERT_EQUAL(write(wire, frame, 5), 5);
    CU_ASSERT_EQUAL(write(wire, frame, HEADER + 13), HEADER + 13);
    comes(own, HEADER + 14);
    CU_ASSERT_EQUAL(guest_await_used(g), HEADER + 14);
    end();
}

/* ---- who it is for ---- */

static void deliver_all(unsigned *got, const uint8_t *const *to, unsigned count)
{
    *got = 0;
    for (unsigned i = 0; i < count; i++)
        comes(to[i], 60 + i);
    for (guest_settle(g); shared_load16_acquire(&g->used->idx) != g->used_seen;)
        *got |= 1u << (guest_await_used(g) - 60);
}

/* The receive queue's, with commands sent before by hand is more than one queue: so the
 * filter is what a driver finds that says nothing. */
static void a_driver_that_filters_gets_its_own(void)
{
    const uint8_t *const to[] = {own, other, group, everybody};
    unsigned got;

    start(RX, CONTROL);
    for (uint16_t i = 0; i < 4; i++)
        offer(i, 4096, WRITE);
    kick();
    deliver_all(&got, to, 4);
    CU_ASSERT_EQUAL(got, 1u << 0 | 1u << 3);
    end();
    start(RX, 0);
    for (uint16_t i = 0; i < 4; i++)
        offer(i, 4096, WRITE);
    kick();
    deliver_all(&got, to, 4);
    CU_ASSERT_EQUAL(got, 15);
    end();
}

/* ---- sending ---- */

static void a_frame_goes(void)
{
    uint8_t *buffer;

    start(TX, 0);
    buffer = offer(0, 100, 0);
    make_frame(other, 100);
    memcpy(buffer, frame, 100);
    kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(sent(), 100);
    CU_ASSERT(memcmp(buffer, frame, 100) == 0);
    end();
}

/* Wherever virtio lets a driver cut. */
static void a_frame_goes_in_pieces(void)
{
    uint8_t *buffer;

    start(TX, 0);
    buffer = g->area + GUEST_DATA;
    make_frame(other, 3000);
    memcpy(buffer, frame, 3000);
    guest_describe(g, 0, GUEST_DATA, 5, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 5, 20, 0, 2);
    guest_describe(g, 2, GUEST_DATA + 25, 2975, 0, 0);
    guest_make_available(g, 0);
    kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(sent(), 3000);
    CU_ASSERT(memcmp(buffer, frame, 3000) == 0);
    end();
}

/* The interface takes no more: frames wait, and none is lost. */
static void frames_wait_for_the_interface(void)
{
    unsigned frames = 0, gone = 0;

    start(TX, 0);
    for (uint16_t i = 0; !answered() || g->used->idx == i; i++) {
        memset(offer(i % GUEST_QUEUE_SIZE, 4096, 0), 0, HEADER);
        kick();
        guest_settle(g);
        frames++;
        if (g->used->idx == g->used_seen)
            break;
        g->used_seen = g->used->idx;
        gone++;
        CU_ASSERT_FATAL(i < 10000);
    }
    CU_ASSERT_EQUAL(frames, gone + 1);
    for (; gone; gone--)
        CU_ASSERT_EQUAL(sent(), 4096);
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(sent(), 4096);
    end();
}

static void a_reset_ends_the_wait(void)
{
    start(TX, 0);
    for (uint16_t i = 0; i < 10000; i++) {
        offer(i % GUEST_QUEUE_SIZE, 4096, 0);
        kick();
        guest_settle(g);
        if (g->used->idx == g->used_seen)
            break;
        g->used_seen = g->used->idx;
    }
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
    CU_ASSERT_EQUAL(guest_unshare_area(g), 0);
    end();
}

static void what_is_too_long_is_lost(void)
{
    start(TX, 0);
    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        guest_describe(g, i, GUEST_DATA, 16384, 0, (uint16_t)((i + 1) % GUEST_QUEUE_SIZE));
    guest_make_available(g, 0);
    kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(sent(), 0);
    CU_ASSERT(!broken());
    end();
}

static void thousands_of_frames(void)
{
    start(TX, 0);
    for (unsigned i = 0; i < 3000; i++) {
        offer((uint16_t)(i % GUEST_QUEUE_SIZE), 64, 0);
        kick();
        guest_await_used(g);
        CU_ASSERT_EQUAL(sent(), 64);
    }
    end();
}

/* ---- the link ---- */

static void the_link_follows_its_owner(void)
{
    start(RX, 0);
    offer(0, 4096, WRITE);
    kick();
    guest_settle(g);
    g->config_events = 0;
    set_link("down");
    CU_ASSERT(!link_up());
    guest_settle(g);
    CU_ASSERT_EQUAL(g->config_events, 1);
    comes(own, 60);
    CU_ASSERT(!answered());
    set_link("down");
    guest_settle(g);
    CU_ASSERT_EQUAL(g->config_events, 1);
    set_link("up");
    CU_ASSERT(link_up());
    comes(own, 61);
    CU_ASSERT_EQUAL(guest_await_used(g), 61);
    CU_ASSERT_EQUAL(g->config_events, 2);
    end();
}

static void nothing_goes_over_a_link_that_is_down(void)
{
    start(TX, 0);
    set_link("down");
    offer(0, 100, 0);
    kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(sent(), 0);
    end();
}

static void a_link_may_begin_down(void)
{
    g = guest_new();
    add("down");
    guest_connect(g, MSG_WIDE, 272);
    CU_ASSERT(!link_up());
    end();
}

/* The interface is deleted under the device: no spin, the link is down. */
static void an_interface_that_is_taken_away(void)
{
    start(RX, 0);
    offer(0, 4096, WRITE);
    kick();
    guest_settle(g);
    close(wire);
    while (link_up())
        ;
    CU_ASSERT(!broken());
    set_link("up");
    CU_ASSERT(!link_up());
    end();
}

/* ---- control ---- */

/* The command's bytes; the answer. */
static uint8_t command(const void *bytes, uint32_t size)
{
    uint8_t *data = g->area + GUEST_DATA;

    memcpy(data, bytes, size);
    data[8192] = 77;
    guest_describe(g, 0, GUEST_DATA, size, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 8192, 1, WRITE, 0);
    guest_make_available(g, 0);
    kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 1);
    return data[8192];
}

#define COMMAND(...)                                      \
    command((const uint8_t[]){__VA_ARGS__},               \
            (uint32_t)sizeof((const uint8_t[]){__VA_ARGS__}))

static void commands_are_obeyed(void)
{
    start(CTRL, CONTROL);
    for (uint8_t mode = 0; mode < 6; mode++)
        CU_ASSERT_EQUAL(COMMAND(0, mode, 1), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(COMMAND(1, 1, 0x02, 1, 2, 3, 4, 5), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(config_byte(0), 2);
    CU_ASSERT_EQUAL(config_byte(5), 5);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(COMMAND(5, 0, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_OK);
    /* The next driver finds what the first one found. */
    start_device(BASE | CONTROL);
    CU_ASSERT_EQUAL(config_byte(5), 3);
    end();
}

static void bad_commands_are_refused(void)
{
    start(CTRL, CONTROL);
    CU_ASSERT_EQUAL(COMMAND(0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 0, 1, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 0, 2), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 6, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 255, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 1, 1, 2, 3, 4, 5), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 1, 1, 2, 3, 4, 5, 6, 7), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 2, 1, 2, 3, 4, 5, 6), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 1, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 255, 255, 255, 255, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(4, 0, 1, 0), VIRTIO_NET_ERR); /* not negotiated */
    CU_ASSERT_EQUAL(COMMAND(5, 0, 1, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(5, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(99, 0, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(config_byte(5), 3);
    CU_ASSERT(!broken());
    end();
}

static void more_addresses_than_there_is_room_for(void)
{
    static uint8_t bytes[2 + 4 + 100 * 6 + 4] = {1, 0, 100};

    start(CTRL, CONTROL);
    CU_ASSERT_EQUAL(command(bytes, sizeof(bytes)), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(command(bytes, sizeof(bytes) - 1), VIRTIO_NET_ERR);
    end();
}

/* ---- a guest that breaks the rules ---- */

static void expect_broken(void)
{
    kick();
    CU_ASSERT(broken());
    start_device(BASE | CONTROL);
    CU_ASSERT(!broken());
    end();
}

static void a_command_without_room_for_its_answer(void)
{
    start(CTRL, CONTROL);
    offer(0, 3, 0);
    expect_broken();
}

static void a_receive_buffer_that_is_to_be_read(void)
{
    start(RX, MERGE);
    offer(0, 4096, 0);
    expect_broken();
    start(RX, MERGE);
    guest_describe(g, 0, GUEST_DATA, 64, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 64, 4000, WRITE, 0);
    guest_make_available(g, 0);
    expect_broken();
}

static void a_receive_buffer_without_room_for_a_header(void)
{
    start(RX, MERGE);
    offer(0, HEADER - 1, WRITE);
    expect_broken();
}

/* Others it offered before are given back at the reset, and frames do not make the
 * worker spin until then. */
static void a_bad_buffer_behind_a_good_one(void)
{
    start(RX, MERGE);
    offer(0, 4096, WRITE);
    offer(1, 4, WRITE);
    kick();
    guest_settle(g);
    comes(own, 60);
    comes(own, 60);
    CU_ASSERT(broken());
    start_device(BASE | MERGE);
    end();
}

static void a_frame_that_is_to_be_written(void)
{
    start(TX, 0);
    offer(0, 100, WRITE);
    expect_broken();
    start(TX, 0);
    guest_describe(g, 0, GUEST_DATA, 64, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 64, 64, WRITE, 0);
    guest_make_available(g, 0);
    expect_broken();
}

static void a_frame_shorter_than_its_header(void)
{
    start(TX, 0);
    offer(0, HEADER - 1, 0);
    expect_broken();
}

static void a_queue_of_its_own_is_never_served(void)
{
    start(7, CONTROL);
    offer(0, 100, WRITE);
    kick();
    CU_ASSERT(!answered());
    CU_ASSERT(!broken());
    end();
}

/* ---- its end ---- */

static struct ipc_message remove_message(void)
{
    return (struct ipc_message){.kind = IPC_DEVICE_REMOVE, .answer.number = DEV};
}

static void it_goes_with_buffers_held(void)
{
    struct ipc_message message = remove_message();

    start(RX, MERGE);
    for (uint16_t i = 0; i < 8; i++)
        offer(i, 4096, WRITE);
    kick();
    comes(own, 60);
    guest_await_used(g);
    guest_tell(g, &message, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
    end();
}

static void a_reset_of_the_queue_gives_buffers_back(void)
{
    struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = DEV};

    start(RX, MERGE);
    for (uint16_t i = 0; i < 8; i++)
        offer(i, 4096, WRITE);
    kick();
    guest_settle(g);
    CU_ASSERT_EQUAL(guest_call(g, reset).kind, MSG_reset_vqueue_response);
    memset(g->area, 0, GUEST_DATA);
    g->used_seen = 0;
    guest_call(g, guest_queue_request(DEV, SET_VQUEUE_ENABLE));
    offer(3, 4096, WRITE);
    kick();
    comes(own, 60);
    CU_ASSERT_EQUAL(guest_await_used(g), 60);
    end();
}

static void a_bus_may_be_lost_meanwhile(void)
{
    start(RX, MERGE);
    for (uint16_t i = 0; i < 8; i++)
        offer(i, 4096, WRITE);
    kick();
    guest_settle(g);
    guest_disconnect(g);
    comes(own, 60);
    end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(says_what_it_is),
        TEST(a_frame_comes),
        TEST(frames_wait_for_buffers),
        TEST(a_large_frame_takes_several_buffers),
        TEST(a_large_frame_waits_for_buffers),
        TEST(a_frame_that_never_fits_is_lost),
        TEST(without_merging_one_buffer_has_to_do),
        TEST(what_is_no_frame_is_ignored),
        TEST(a_driver_that_filters_gets_its_own),
        TEST(a_frame_goes),
        TEST(a_frame_goes_in_pieces),
        TEST(frames_wait_for_the_interface),
        TEST(a_reset_ends_the_wait),
        TEST(what_is_too_long_is_lost),
        TEST(thousands_of_frames),
        TEST(the_link_follows_its_owner),
        TEST(nothing_goes_over_a_link_that_is_down),
        TEST(a_link_may_begin_down),
        TEST(an_interface_that_is_taken_away),
        TEST(commands_are_obeyed),
        TEST(bad_commands_are_refused),
        TEST(more_addresses_than_there_is_room_for),
        TEST(a_command_without_room_for_its_answer),
        TEST(a_receive_buffer_that_is_to_be_read),
        TEST(a_receive_buffer_without_room_for_a_header),
        TEST(a_bad_buffer_behind_a_good_one),
        TEST(a_frame_that_is_to_be_written),
        TEST(a_frame_shorter_than_its_header),
        TEST(a_queue_of_its_own_is_never_served),
        TEST(it_goes_with_buffers_held),
        TEST(a_reset_of_the_queue_gives_buffers_back),
        TEST(a_bus_may_be_lost_meanwhile),
        {NULL, NULL},
    };

    return test_main("net", cases);
}
