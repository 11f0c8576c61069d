/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A network interface of two pairs of queues. At the other end is 10.9.0.1, which answers
 * who asks for it. */

#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

#define WRITE VRING_DESC_F_WRITE
#define FEATURE(bit) (UINT64_C(1) << (bit))
#define RX 0u
#define TX 1u
#define CONTROL 4u
#define HEADER ((uint32_t)sizeof(struct virtio_net_hdr_mrg_rxbuf))
#define FRAME 100u      /* bytes of one, with nothing in it */
#define INCOMING 8192u  /* where frames come */
#define ANSWER 4096u    /* and the answer to a command */
#define FRAMES_TO_SKIP 20u

/* ---- it works ---- */

/* Who has 10.9.0.1? */
static uint32_t put_question(struct xvmsg_device *device)
{
    static const uint8_t arp[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
    static const uint8_t asking[] = {10, 9, 0, 2}, asked[] = {10, 9, 0, 1};
    uint8_t *frame = chain_memory(device) + HEADER;
    const uint8_t *own = xvmsg_device_config(device);

    memset(chain_memory(device), 0, HEADER + 42);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, own, 6);
    memcpy(frame + 12, arp, sizeof(arp));
    memcpy(frame + 22, own, 6);
    memcpy(frame + 28, asking, sizeof(asking));
    memcpy(frame + 38, asked, sizeof(asked));
    return HEADER + 42;
}

static bool is_answer(const uint8_t *frame)
{
    return frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 2;
}

static bool good(struct xvmsg_device *device)
{
    uint32_t size = put_question(device);

    chain_lay(xvmsg_device_queue(device, RX), CHAIN({INCOMING, 4096, WRITE}));
    ring_tell(RX);
    if (chain_offer(device, TX, CHAIN({0, size, 0})) != USED)
        return false;
    for (unsigned i = 0; i < FRAMES_TO_SKIP && chain_await(device, RX, 1) == USED; i++) {
        if (is_answer(chain_memory(device) + INCOMING + HEADER))
            return true;
        chain_lay(xvmsg_device_queue(device, RX), CHAIN({INCOMING, 4096, WRITE}));
    }
    return false;
}

/* ---- frames ---- */

static enum outcome send_header(struct xvmsg_device *device,
                                struct virtio_net_hdr_mrg_rxbuf header)
{
    memset(chain_memory(device), 0, HEADER + FRAME);
    memcpy(chain_memory(device), &header, HEADER);
    return chain_offer(device, TX, CHAIN({0, HEADER + FRAME, 0}));
}

/* Nobody is told of a frame that the kernel does not like. */
static enum outcome header_at_its_limits(struct xvmsg_device *device)
{
    const struct virtio_net_hdr headers[] = {
        {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4},
        {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 65535},
        {.gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1, .hdr_len = 65535},
        {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, .gso_size = 1,
         .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16},
        {.gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 8, .hdr_len = 34},
        {.gso_type = 0x7f, .gso_size = 100},
        {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 101, .csum_offset = 0},
        {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535},
        {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 99, .csum_offset = 0},
        {.hdr_len = 65535},
        {.flags = 0xff, .gso_type = 0xff, .hdr_len = 0xffff, .gso_size = 0xffff,
         .csum_start = 0xffff, .csum_offset = 0xffff},
    };
    enum outcome outcome = USED;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]) && outcome == USED; i++)
        outcome = send_header(device, (struct virtio_net_hdr_mrg_rxbuf){
                                          .hdr = headers[i], .num_buffers = 0xffff});
    return outcome;
}

static enum outcome headers_at_random(struct xvmsg_device *device)
{
    struct virtio_net_hdr_mrg_rxbuf header;
    enum outcome outcome = USED;

    srandom(1);
    for (unsigned n = 0; n < 200 && outcome == USED; n++) {
        for (size_t i = 0; i < sizeof(header); i++)
            ((uint8_t *)&header)[i] = (uint8_t)random();
        outcome = send_header(device, header);
    }
    return outcome;
}

static enum outcome header_alone(struct xvmsg_device *device)
{
    memset(chain_memory(device), 0, HEADER);
    return chain_offer(device, TX, CHAIN({0, HEADER, 0}));
}

static enum outcome header_cut_short(struct xvmsg_device *device)
{
    return chain_offer(device, TX, CHAIN({0, HEADER - 1, 0}));
}

static enum outcome frame_of_bytes(struct xvmsg_device *device)
{
    memset(chain_memory(device), 0, HEADER + 2);
    return chain_offer(device, TX,
                       CHAIN({0, 1, 0}, {1, 1, 0}, {2, HEADER - 2, 0}, {HEADER, 1, 0}));
}

static enum outcome frame_longer_than_any(struct xvmsg_device *device)
{
    memset(chain_memory(device), 0, HEADER);
    return chain_offer(device, TX, CHAIN({0, 100000, 0}));
}

/* ---- room for frames ---- */

static enum outcome room_to_be_read(struct xvmsg_device *device)
{
    return chain_offer(device, RX, CHAIN({0, 4096, 0}));
}

static enum outcome room_without_a_header(struct xvmsg_device *device)
{
    return chain_offer(device, RX, CHAIN({0, HEADER - 1, WRITE}));
}

static enum outcome reset_with_room_given(struct xvmsg_device *device)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(device, RX);
    struct xvmsg_waiter w = {0};

    for (unsigned i = 0; i < queue->size; i++)
        chain_lay(queue, CHAIN({INCOMING, 4096, WRITE}));
    ring_tell(RX);
    if (xvmsg_reset_vqueue(h, number, RX, xvmsg_wake, &w) < 0 || xvmsg_wait(h, &w) < 0)
        return NOTHING;
    return ANSWERED;
}

/* ---- commands ---- */

/* A command that begins at 0 of the buffers. */

static enum outcome send_command(struct xvmsg_device *device, uint32_t size)
{
    enum outcome outcome;

    chain_memory(device)[ANSWER] = 77;
    outcome = chain_offer(device, CONTROL, CHAIN({0, size, 0}, {ANSWER, 1, WRITE}));
    if (outcome == USED && chain_memory(device)[ANSWER] == VIRTIO_NET_ERR)
        return REFUSED;
    return chain_memory(device)[ANSWER] == VIRTIO_NET_OK ? outcome : NOTHING;
}

static enum outcome command(struct xvmsg_device *device, const uint8_t *bytes, uint32_t size)
{
    memcpy(chain_memory(device), bytes, size);
    return send_command(device, size);
}

#define COMMAND(device, ...)                              \
    command(device, (const uint8_t[]){__VA_ARGS__},       \
            (uint32_t)sizeof((const uint8_t[]){__VA_ARGS__}))

static enum outcome half_a_command(struct xvmsg_device *device)
{
    return COMMAND(device, VIRTIO_NET_CTRL_RX);
}

static enum outcome command_without_its_data(struct xvmsg_device *device)
{
    return COMMAND(device, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 2, 0, 0, 0, 0);
}

static enum outcome unknown_class(struct xvmsg_device *device)
{
    return COMMAND(device, 99, 0, 1);
}

static enum outcome unknown_command(struct xvmsg_device *device)
{
    return COMMAND(device, VIRTIO_NET_CTRL_RX, 99, 1);
}

static enum outcome command_without_an_answer(struct xvmsg_device *device)
{
    return chain_offer(device, CONTROL, CHAIN({0, 3, 0}));
}

static enum outcome answer_without_a_command(struct xvmsg_device *device)
{
    return chain_offer(device, CONTROL, CHAIN({ANSWER, 1, WRITE})) == USED &&
                   chain_memory(device)[ANSWER] == VIRTIO_NET_ERR
               ? REFUSED
               : NOTHING;
}

static enum outcome answer_into_the_command(struct xvmsg_device *device)
{
    memcpy(chain_memory(device), (const uint8_t[]){VIRTIO_NET_CTRL_RX, 0, 1}, 3);
    return chain_offer(device, CONTROL, CHAIN({0, 1, 0}, {1, 1, 0}, {2, 1, 0}, {0, 3, WRITE}));
}

static enum outcome table_that_is_not_there(struct xvmsg_device *device)
{
    return COMMAND(device, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 255, 255, 255, 255,
                   0, 0, 0, 0);
}

/* More addresses than are kept: every one of them is wanted then. */
static enum outcome table_of_thousands(struct xvmsg_device *device)
{
    const uint32_t addresses = 5000;
    uint8_t *bytes = chain_memory(device);

    memset(bytes + INCOMING, 0, 65536);
    memcpy(bytes, (const uint8_t[]){VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
                                    addresses % 256, addresses / 256, 0, 0}, 6);
    bytes[ANSWER] = 77;
    return chain_offer(device, CONTROL,
                       CHAIN({0, 6, 0}, {INCOMING, addresses * 6 + 4, 0}, {ANSWER, 1, WRITE})) ==
                           USED &&
                   bytes[ANSWER] == VIRTIO_NET_OK
               ? USED
               : NOTHING;
}

static enum outcome no_pairs(struct xvmsg_device *device)
{
    return COMMAND(device, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 0, 0);
}

static enum outcome more_pairs_than_there_are(struct xvmsg_device *device)
{
    return COMMAND(device, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 3, 0);
}

static enum outcome pairs_65535(struct xvmsg_device *device)
{
    return COMMAND(device, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 255, 255);
}

static enum outcome offloads_of_nobody(struct xvmsg_device *device)
{
    return COMMAND(device, VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
                   255, 255, 255, 255, 255, 255, 255, 255);
}

static const struct abuse abuses[] = {
    {"header-cut-short", header_cut_short, BROKEN, true, XVMSG_QUEUE_ANY},
    {"header-at-its-limits", header_at_its_limits, USED, true, XVMSG_QUEUE_ANY},
    {"headers-at-random", headers_at_random, USED, true, XVMSG_QUEUE_ANY},
    {"header-alone", header_alone, USED, true, XVMSG_QUEUE_ANY},
    {"frame-of-bytes", frame_of_bytes, USED, true, XVMSG_QUEUE_ANY},
    {"frame-longer-than-any", frame_longer_than_any, USED, true, XVMSG_QUEUE_ANY},
    {"room-to-be-read", room_to_be_read, BROKEN, true, XVMSG_QUEUE_ANY},
    {"room-without-a-header", room_without_a_header, BROKEN, true, XVMSG_QUEUE_ANY},
    {"reset-with-room-given", reset_with_room_given, ANSWERED, true, XVMSG_QUEUE_ANY},
    {"half-a-command", half_a_command, REFUSED, true, XVMSG_QUEUE_ANY},
    {"command-without-its-data", command_without_its_data, REFUSED, true, XVMSG_QUEUE_ANY},
    {"unknown-class", unknown_class, REFUSED, true, XVMSG_QUEUE_ANY},
    {"unknown-command", unknown_command, REFUSED, true, XVMSG_QUEUE_ANY},
    {"command-without-an-answer", command_without_an_answer, BROKEN, true, XVMSG_QUEUE_ANY},
    {"answer-without-a-command", answer_without_a_command, REFUSED, true, XVMSG_QUEUE_ANY},
    {"answer-into-the-command", answer_into_the_command, USED, true, XVMSG_QUEUE_ANY},
    {"table-that-is-not-there", table_that_is_not_there, REFUSED, true, XVMSG_QUEUE_ANY},
    {"table-of-thousands", table_of_thousands, USED, true, XVMSG_QUEUE_ANY},
    {"no-pairs", no_pairs, REFUSED, true, XVMSG_QUEUE_ANY},
    {"more-pairs-than-there-are", more_pairs_than_there_are, REFUSED, true, XVMSG_QUEUE_ANY},
    {"pairs-65535", pairs_65535, REFUSED, true, XVMSG_QUEUE_ANY},
    {"offloads-of-nobody", offloads_of_nobody, REFUSED, true, XVMSG_QUEUE_ANY},
    {.name = NULL},
};

const struct hostile_class hostile_net = {
    .name = "net",
    .driver = {.device_id = VIRTIO_ID_NET,
               .features = FEATURE(VIRTIO_NET_F_MAC) | FEATURE(VIRTIO_NET_F_CSUM) |
                           FEATURE(VIRTIO_NET_F_HOST_TSO4) | FEATURE(VIRTIO_NET_F_HOST_TSO6) |
                           FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_TSO4) |
                           FEATURE(VIRTIO_NET_F_MRG_RXBUF) | FEATURE(VIRTIO_NET_F_CTRL_VQ) |
                           FEATURE(VIRTIO_NET_F_CTRL_RX) | FEATURE(VIRTIO_NET_F_CTRL_MAC_ADDR) |
                           FEATURE(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | FEATURE(VIRTIO_NET_F_MQ),
               .num_queues = 5,
               .queue_size = 64,
               .buffer_bytes = BUFFER_BYTES,
               .used = chain_used,
               .broken = chain_broken},
    .queue = TX,
    .flags = 0,
    .good = good,
    .abuses = abuses,
};
