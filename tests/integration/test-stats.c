/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a worker has counted after a known load, as it tells those who ask. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/control-protocol.h"
#include "backend/stats-protocol.h"
#include "backend/stats-reader.h"
#include "tests/harness.h"
#include "tests/integration/blk-guest.h"
#include "tests/integration/tool.h"

#define DEVICES 1000u

/* ---- the tool ---- */

static struct stats_bus bus;
static struct stats_device device; /* the last that was told of */
static struct stats_queue queue;   /* likewise */
static unsigned devices, queues;
static bool complete;

static int ask(struct guest *g)
{
    return tool_start(g, IPC_STATS, 2 * STATS_PACKET_MAX); /* what waits is soon too much */
}

static void take_record(const uint8_t *bytes, uint32_t kind)
{
    CU_ASSERT(!complete);
    if (kind == STATS_BUS) {
        memcpy(&bus, bytes, sizeof(bus));
    } else if (kind == STATS_DEVICE) {
        memcpy(&device, bytes, sizeof(device));
        devices++;
    } else if (kind == STATS_QUEUE) {
        memcpy(&queue, bytes, sizeof(queue));
        queues++;
    }
    complete = kind == STATS_END;
}

static void take_packet(const uint8_t *packet, size_t size)
{
    struct stats_head head;

    for (size_t at = 0; at < size; at += head.size) {
        CU_ASSERT_FATAL(size - at >= sizeof(head));
        memcpy(&head, packet + at, sizeof(head));
        CU_ASSERT_EQUAL_FATAL(head.size, stats_record_size(head.kind));
        CU_ASSERT_FATAL(head.size && head.size <= size - at);
        take_record(packet + at, head.kind);
    }
}

static void read_all(struct guest *g, int tool)
{
    static uint8_t packet[STATS_PACKET_MAX];
    ssize_t size;

    devices = queues = 0;
    complete = false;
    CU_ASSERT_FATAL(tool_is_accepted(g, tool, ""));
    while ((size = tool_receive(g, tool, packet, sizeof(packet))) > 0)
        take_packet(packet, (size_t)size);
    CU_ASSERT_EQUAL(size, 0);
    CU_ASSERT(complete);
    close(tool);
}

static void look(struct guest *g)
{
    read_all(g, ask(g));
}

static uint64_t requests_timed(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        sum += queue.counts.latency.buckets[i];
    return sum;
}

/* ---- what is counted ---- */

static void counts_a_known_load(void)
{
    struct guest *g = blk_guest_start(guest_disk(SECTORS), false, FEATURES);
    uint32_t length;

    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_OUT, i, 512, &length), 0);
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, i, 1024, &length), 0);
    look(g);
    CU_ASSERT(devices == 1 && queues == 1);
    CU_ASSERT_EQUAL(device.number, DEV);
    CU_ASSERT_STRING_EQUAL(device.type, "blk");
    CU_ASSERT_EQUAL(device.counts.needs_resets, 0);
    CU_ASSERT_EQUAL(queue.index, 0);
    CU_ASSERT_EQUAL(queue.counts.requests, 5);
    CU_ASSERT_EQUAL(queue.counts.bytes_from_guest, 5 * 16 + 3 * 512);
    CU_ASSERT_EQUAL(queue.counts.bytes_to_guest, 5 * 1 + 2 * 1024);
    CU_ASSERT_EQUAL(queue.counts.doorbells, 5);
    CU_ASSERT_EQUAL(queue.counts.notifications, 5);
    CU_ASSERT_EQUAL(queue.counts.suppressed, 0);
    CU_ASSERT_EQUAL(queue.counts.depth, 0);
    CU_ASSERT_EQUAL(queue.counts.depth_max, 1);
    CU_ASSERT_EQUAL(requests_timed(), 5);
    blk_guest_stop(g);
}

/* Of a bus: the messages of a ping and back, and of the area that is shared. */
static void counts_messages_and_mappings(void)
{
    struct guest *g = guest_new();
    struct msg ping = {.kind = MSG_ping_request};
    struct msg nobodys = {.kind = MSG_event_avail, .dev_num = 99};

    look(g);
    CU_ASSERT_EQUAL(bus.connected, 0);
    CU_ASSERT_EQUAL(bus.channel.from_guest, 0);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    look(g);
    CU_ASSERT_EQUAL(bus.connected, 1);
    CU_ASSERT_EQUAL(bus.channel.from_guest, 1);
    CU_ASSERT_EQUAL(bus.memory.maps, 2); /* the area, and its directory */
    CU_ASSERT_EQUAL(bus.memory.mapped_pages, GUEST_PAGES);
    guest_call(g, ping);
    guest_send(g, &nobodys);
    guest_settle(g);
    look(g);
    CU_ASSERT_EQUAL(bus.channel.dropped, 1);
    CU_ASSERT_EQUAL(bus.channel.from_guest - bus.channel.to_guest, 1);
    CU_ASSERT_EQUAL(bus.channel.events, 0);
    guest_free(g);
}

static void counts_go_on_over_connections(void)
{
    struct guest *g = blk_guest_start(guest_disk(SECTORS), false, FEATURES);
    uint64_t messages;
    uint32_t length;

    blk_guest_request(g, VIRTIO_BLK_T_IN, 0, 512, &length);
    look(g);
    messages = bus.channel.from_guest;
    guest_disconnect(g);
    look(g);
    CU_ASSERT_EQUAL(bus.connected, 0);
    CU_ASSERT_EQUAL(bus.channel.from_guest, messages);
    CU_ASSERT(bus.memory.maps == 2 && bus.memory.mapped_pages == 0);
    CU_ASSERT_EQUAL(device.counts.resets, 1);
    CU_ASSERT_EQUAL(queue.counts.requests, 1);
    blk_guest_stop(g);
}

static void counts_a_device_that_gave_up(void)
{
    struct guest *g = blk_guest_start(guest_disk(SECTORS), false, FEATURES);

    guest_make_available(g, GUEST_QUEUE_SIZE);
    guest_kick(g, DEV);
    guest_settle(g);
    look(g);
    CU_ASSERT_EQUAL(device.counts.needs_resets, 1);
    CU_ASSERT_EQUAL(queue.counts.faults, 1);
    CU_ASSERT(device.status & VIRTIO_CONFIG_S_NEEDS_RESET);
    blk_guest_stop(g);
}

/* ---- who asks ---- */

/* They come in order, up to the greatest number there can be. */
static void tells_of_very_many_devices(void)
{
    struct guest *g = guest_new();
    int disk = guest_disk(1);

    for (uint64_t n = 0; n < DEVICES; n++)
        guest_add_blk(g, UINT64_MAX - n, dup(disk), false);
    look(g);
    CU_ASSERT_EQUAL(devices, DEVICES);
    CU_ASSERT_EQUAL(device.number, UINT64_MAX);
    CU_ASSERT_EQUAL(queues, 0);
    close(disk);
    guest_free(g);
}

/* Nobody waits for a reader that stopped in the middle. */
static void slow_readers_disturb_nobody(void)
{
    struct guest *g = guest_new();
    int tools[STATS_READERS_MAX], disk = guest_disk(1);
    struct control_answer answer;
    int one_more;

    for (uint64_t n = 1; n <= DEVICES; n++)
        guest_add_blk(g, n, dup(disk), false);
    guest_connect(g, MSG_WIDE, 272);
    for (unsigned i = 0; i < STATS_READERS_MAX - 1; i++) {
        tools[i] = ask(g);
        CU_ASSERT(tool_is_accepted(g, tools[i], ""));
    }
    guest_settle(g);
    look(g);
    CU_ASSERT_EQUAL(devices, DEVICES);
    tools[STATS_READERS_MAX - 1] = ask(g);
    CU_ASSERT(tool_is_accepted(g, tools[STATS_READERS_MAX - 1], ""));
    one_more = ask(g);
    CU_ASSERT_EQUAL_FATAL(tool_receive(g, one_more, &answer, sizeof(answer)), sizeof(answer));
    CU_ASSERT(!answer.accepted && strstr(answer.why, "too many"));
    close(one_more);
    close(tools[0]);
    guest_settle(g);
    look(g);
    CU_ASSERT_EQUAL(devices, DEVICES);
    for (unsigned i = 1; i < STATS_READERS_MAX; i++)
        close(tools[i]);
    close(disk);
    guest_free(g);
}

/* The rest is told as it is by then. */
static void devices_may_leave_meanwhile(void)
{
    static uint8_t packet[STATS_PACKET_MAX];
    struct guest *g = guest_new();
    int disk = guest_disk(1), tool;
    ssize_t size;

    for (uint64_t n = 1; n <= DEVICES; n++)
        guest_add_blk(g, n, dup(disk), false);
    tool = ask(g);
    CU_ASSERT(tool_is_accepted(g, tool, ""));
    devices = 0;
    complete = false;
    for (uint64_t n = 2; n <= DEVICES; n++) {
        guest_tell(g, &(struct ipc_message){.kind = IPC_DEVICE_REMOVE, .answer.number = n}, -1);
        CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
    }
    while ((size = tool_receive(g, tool, packet, sizeof(packet))) > 0)
        take_packet(packet, (size_t)size);
    CU_ASSERT(complete);
    CU_ASSERT(devices >= 1 && devices <= DEVICES);
    close(tool);
    close(disk);
    guest_free(g);
}

static void stop_loop(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    event_base_loopbreak(user);
}

/* Neither counting nor telling leaves anything to do behind. */
static void a_worker_that_was_read_rests(void)
{
    const struct timeval soon = {.tv_usec = 50000};
    struct guest *g = blk_guest_start(guest_disk(SECTORS), false, FEATURES);
    struct event *end = evtimer_new(g->base, stop_loop, g->base);
    unsigned turns = 0;
    uint32_t length;

    blk_guest_request(g, VIRTIO_BLK_T_IN, 0, 512, &length);
    look(g);
    evtimer_add(end, &soon);
    for (; !event_base_got_break(g->base); turns++)
        event_base_loop(g->base, EVLOOP_ONCE);
    CU_ASSERT(turns < 20);
    event_free(end);
    blk_guest_stop(g);
}

static const struct test_case cases[] = {
    TEST(counts_a_known_load),
    TEST(counts_messages_and_mappings),
    TEST(counts_go_on_over_connections),
    TEST(counts_a_device_that_gave_up),
    TEST(tells_of_very_many_devices),
    TEST(slow_readers_disturb_nobody),
    TEST(devices_may_leave_meanwhile),
    TEST(a_worker_that_was_read_rests),
    {NULL, NULL},
};

int main(void)
{
    return test_main("stats", cases);
}
