/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/net-guest.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

#define MAC "00:16:3e:01:02:03"

const uint8_t net_own[6] = {0x00, 0x16, 0x3e, 1, 2, 3};
const uint8_t net_other[6] = {0x00, 0x16, 0x3e, 9, 9, 9};
const uint8_t net_group[6] = {0x01, 0x00, 0x5e, 0, 0, 1};
const uint8_t net_everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct guest *g;
int wire; /* our end of what stands for the TAP interface */
static uint32_t queue;
uint8_t frame[NET_FRAME_MAX];

/* ---- the stage ---- */

void net_add(const char *link)
{
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = NET_DEV, .type = "net", .name = "net0"},
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
void net_start_device(uint64_t features)
{
    struct msg enable = guest_queue_request(NET_DEV, SET_VQUEUE_ENABLE);
    uint8_t words[8];
    struct msg set = {
        .kind = MSG_set_driver_features_request,
        .dev_num = NET_DEV,
        .set_driver_features_request = {.num_blocks = 2, .features = {words, sizeof(words)}},
    };

    le64_put(words, features);
    memset(g->area, 0, GUEST_DATA);
    g->used_seen = 0;
    CU_ASSERT_EQUAL(guest_set_status(g, NET_DEV, 0), 0);
    CU_ASSERT_EQUAL(guest_set_status(g, NET_DEV, 3), 3);
    guest_call(g, set);
    CU_ASSERT_EQUAL(guest_set_status(g, NET_DEV, 11), 11);
    enable.set_vqueue_request.index = queue;
    guest_call(g, enable);
    CU_ASSERT_EQUAL(guest_set_status(g, NET_DEV, 15), 15);
}

void net_start(uint32_t index, uint64_t features)
{
    g = guest_new();
    queue = index;
    net_add(NULL);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    net_start_device(NET_BASE | features);
}

void net_end(void)
{
    guest_free(g);
    close(wire);
}

void net_kick(void)
{
    guest_send(g, &(struct msg){
                      .kind = MSG_event_avail, .dev_num = NET_DEV, .event_avail.vq_index = queue});
}

/* One buffer with one descriptor, at GUEST_DATA + 4096 * i. */
uint8_t *net_offer(uint16_t i, uint32_t size, uint16_t flags)
{
    guest_describe(g, i, GUEST_DATA + 4096u * i, size, flags, 0);
    guest_make_available(g, i);
    return g->area + GUEST_DATA + 4096u * i;
}

bool net_answered(void)
{
    guest_settle(g);
    return shared_load16_acquire(&g->used->idx) != g->used_seen;
}

bool net_broken(void)
{
    struct msg ask = {.kind = MSG_get_device_status_request, .dev_num = NET_DEV};

    guest_settle(g);
    return guest_call(g, ask).get_device_status_response.status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

uint8_t net_config_byte(uint32_t offset)
{
    struct msg ask = {
        .kind = MSG_get_config_request,
        .dev_num = NET_DEV,
        .get_config_request = {.offset = offset, .length = 1},
    };
    struct msg answer = guest_call(g, ask);

    CU_ASSERT_EQUAL(answer.get_config_response.length, 1);
    return answer.get_config_response.data.bytes[0];
}

bool net_link_is_up(void)
{
    return net_config_byte(6) & VIRTIO_NET_S_LINK_UP;
}

void net_set_link(const char *to)
{
    struct ipc_message message = {.kind = IPC_DEVICE_SET, .answer.number = NET_DEV};

    snprintf(message.answer.text, sizeof(message.answer.text), "link=%s", to);
    guest_tell(g, &message, -1);
    /* Which of the two is heard first is nobody's business. */
    message = (struct ipc_message){.kind = IPC_DEVICE_RESIZE, .answer.number = NET_DEV};
    guest_tell(g, &message, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_RESIZED);
}

/* ---- frames ---- */

/* To this address, of so many bytes with the header; each byte tells where it is. */
void net_make_frame(const uint8_t to[6], size_t size)
{
    for (size_t i = 0; i < size; i++)
        frame[i] = (uint8_t)(i * 7 + i / 256);
    memset(frame, 0, NET_HEADER);
    memcpy(frame + NET_HEADER, to, 6);
}

void net_comes(const uint8_t to[6], size_t size)
{
    net_make_frame(to, size);
    CU_ASSERT_EQUAL_FATAL(write(wire, frame, size), (ssize_t)size);
}

/* The next frame that the guest sent; 0: there is none. */
size_t net_sent(void)
{
    ssize_t size;

    guest_settle(g);
    size = read(wire, frame, sizeof(frame));
    return size < 0 ? 0 : (size_t)size;
}
