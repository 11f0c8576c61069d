/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A worker whose bus is traced: what is recorded, and that no tool disturbs it. */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backend/trace-protocol.h"
#include "backend/trace.h"
#include "tests/harness.h"
#include "tests/integration/tool.h"

#define RECORDS_MAX 64
#define FEATURES                                                          \
    (UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_BLK_F_FLUSH | \
     UINT64_C(1) << VIRTIO_F_RING_RESET)

/* ---- the tool ---- */

/* What one packet, or several, brought. */
static struct trace_record records[RECORDS_MAX];
static uint8_t messages[RECORDS_MAX][TRACE_MESSAGE_MAX];
static size_t count;

static int trace(struct guest *g)
{
    int tool = tool_start(g, IPC_TRACE, 0);

    CU_ASSERT_FATAL(tool_is_accepted(g, tool, ""));
    count = 0;
    return tool;
}

static void take_apart(const uint8_t *packet, size_t size)
{
    size_t at = 0;

    while (at < size) {
        struct trace_record *record = &records[count];

        CU_ASSERT_FATAL(count < RECORDS_MAX && size - at >= sizeof(*record));
        memcpy(record, packet + at, sizeof(*record));
        CU_ASSERT_FATAL(trace_record_size(record->size) <= size - at);
        memcpy(messages[count], packet + at + sizeof(*record), record->size);
        at += trace_record_size(record->size);
        count++;
    }
}

/* False at the end. */
static bool read_packet(struct guest *g, int tool)
{
    static uint8_t packet[TRACE_PACKET_MAX];
    ssize_t size = tool_receive(g, tool, packet, sizeof(packet));

    CU_ASSERT_FATAL(size >= 0);
    take_apart(packet, (size_t)size);
    return size > 0;
}

static void await_records(struct guest *g, int tool, size_t wanted)
{
    while (count < wanted)
        CU_ASSERT_FATAL(read_packet(g, tool));
    CU_ASSERT_EQUAL(count, wanted);
}

static struct msg recorded(size_t n)
{
    struct msg m = {.kind = MSG_KINDS};

    CU_ASSERT(msg_decode((enum msg_form)records[n].form, messages[n], records[n].size, &m, NULL));
    return m;
}

static uint64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t ping(struct guest *g, uint32_t data)
{
    struct msg m = {.kind = MSG_ping_request, .ping_request.data = data};

    return guest_call(g, m).ping_response.data;
}

/* ---- what is recorded ---- */

static void records_both_directions_in_both_forms(void)
{
    for (int form = MSG_WIDE; form <= MSG_COMPACT; form++) {
        struct guest *g = guest_new();
        uint64_t before = clock_now();
        int tool = trace(g);

        guest_connect(g, (enum msg_form)form, 272);
        CU_ASSERT_EQUAL(ping(g, 0xabcd), 0xabcd);
        await_records(g, tool, 2);
        CU_ASSERT_EQUAL(recorded(0).kind, MSG_ping_request);
        CU_ASSERT_EQUAL(recorded(1).kind, MSG_ping_response);
        CU_ASSERT_EQUAL(recorded(1).ping_response.data, 0xabcd);
        CU_ASSERT(records[0].from_guest && !records[1].from_guest);
        CU_ASSERT_EQUAL(records[0].form, form);
        CU_ASSERT(before <= records[0].time && records[0].time <= records[1].time);
        CU_ASSERT(records[1].time <= clock_now());
        CU_ASSERT_EQUAL(records[1].lost, 0);
        close(tool);
        guest_free(g);
    }
}

static void records_what_is_dropped(void)
{
    static const uint8_t unknown[16] = {0x03, 0x3f, 7, 0, 16};
    struct guest *g = guest_new();
    int tool;

    guest_connect(g, MSG_WIDE, 272);
    tool = trace(g);
    guest_send_bytes(g, unknown, sizeof(unknown));
    guest_settle(g);
    await_records(g, tool, 3);
    CU_ASSERT_EQUAL(records[0].size, sizeof(unknown));
    CU_ASSERT(memcmp(messages[0], unknown, sizeof(unknown)) == 0);
    close(tool);
    guest_free(g);
}

/* A flush that the kernel has, its completion not yet seen. */
static void begin_flush(struct guest *g)
{
    memset(g->area + GUEST_HEADERS, 0, 16);
    g->area[GUEST_HEADERS] = VIRTIO_BLK_T_FLUSH;
    guest_describe(g, 0, GUEST_HEADERS, 16, 0, 1);
    guest_describe(g, 1, GUEST_STATUSES, 1, VRING_DESC_F_WRITE, 0);
    guest_make_available(g, 0);
    guest_kick(g, 1);
    event_base_loop(g->base, EVLOOP_NONBLOCK);
}

static unsigned count_recorded(enum msg_kind kind)
{
    unsigned found = 0;

    for (size_t i = 0; i < count; i++)
        found += recorded(i).kind == kind;
    return found;
}

static void records_a_message_once_however_often_it_is_tried(void)
{
    static const struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = 1};
    static const struct msg ask = {.kind = MSG_get_vqueue_request, .dev_num = 1};
    struct guest *g = guest_new();
    int tool;

    guest_add_blk(g, 1, guest_disk(8), false);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    guest_start_device(g, 1, FEATURES);
    tool = trace(g);
    begin_flush(g);
    guest_send(g, &reset);
    guest_send(g, &ask); /* waits for the queue to be quiet */
    while (guest_receive(g).kind != MSG_get_vqueue_response)
        ;
    shutdown(tool, SHUT_WR);
    while (read_packet(g, tool))
        ;
    CU_ASSERT_EQUAL(count_recorded(MSG_reset_vqueue_request), 1);
    CU_ASSERT_EQUAL(count_recorded(MSG_get_vqueue_request), 1);
    CU_ASSERT_EQUAL(count_recorded(MSG_get_vqueue_response), 1);
    close(tool);
    guest_free(g);
}

static void goes_on_when_the_guest_connects_anew(void)
{
    struct guest *g = guest_new();
    int tool;

    guest_connect(g, MSG_WIDE, 272);
    tool = trace(g);
    ping(g, 1);
    guest_disconnect(g);
    guest_connect(g, MSG_COMPACT, 264);
    ping(g, 2);
    await_records(g, tool, 4);
    CU_ASSERT_EQUAL(recorded(3).ping_response.data, 2);
    CU_ASSERT_EQUAL(records[3].form, MSG_COMPACT);
    close(tool);
    guest_free(g);
}

/* ---- tools ---- */

static void sends_what_is_left_when_the_tool_has_seen_enough(void)
{
    struct guest *g = guest_new();
    int tool;

    guest_connect(g, MSG_WIDE, 272);
    tool = trace(g);
    ping(g, 1);
    shutdown(tool, SHUT_WR);
    while (read_packet(g, tool))
        ;
    CU_ASSERT_EQUAL(count, 2);
    ping(g, 2);
    close(tool);
    tool = trace(g);
    ping(g, 3);
    await_records(g, tool, 2);
    CU_ASSERT_EQUAL(recorded(0).ping_request.data, 3);
    close(tool);
    guest_free(g);
}

static void sends_what_is_left_when_the_worker_ends(void)
{
    struct guest *g = guest_new();
    int tool;

    guest_connect(g, MSG_WIDE, 272);
    tool = trace(g);
    ping(g, 1);
    guest_free(g);
    while (read_packet(NULL, tool))
        ;
    CU_ASSERT_EQUAL(count, 2);
    close(tool);
}

static void refuses_a_second_tool_in_words(void)
{
    struct guest *g = guest_new();
    int tool, second;

    guest_connect(g, MSG_WIDE, 272);
    tool = trace(g);
    second = tool_start(g, IPC_TRACE, 0);
    CU_ASSERT(!tool_is_accepted(g, second, "somebody else traces this bus"));
    close(second);
    ping(g, 1);
    await_records(g, tool, 2);
    close(tool);
    guest_free(g);
}

static void forgets_a_tool_that_died(void)
{
    struct guest *g = guest_new();

    guest_connect(g, MSG_WIDE, 272);
    for (unsigned i = 0; i < 3; i++) {
        int tool = trace(g);

        ping(g, i);
        close(tool);
        ping(g, i);
        guest_settle(g);
    }
    guest_free(g);
}

/* More than the buffer and the socket hold, in messages of the greatest size. */
static void flood(struct guest *g, uint64_t *sent)
{
    static uint8_t bytes[4096], data[3000];
    struct msg m = {.kind = MSG_set_config_request, .dev_num = 99};
    size_t size;

    m.set_config_request.length = sizeof(data);
    m.set_config_request.data = (struct msg_tail){data, sizeof(data)};
    size = msg_encode(MSG_WIDE, &m, bytes, sizeof(bytes), NULL);
    for (unsigned i = 0; i < 1000; i++)
        guest_send_bytes(g, bytes, size);
    guest_settle(g);
    *sent += 1002;
}

static void gives_up_the_oldest_when_the_tool_does_not_read(void)
{
    struct guest *g = guest_new();
    uint64_t sent = 0, got = 0, lost;
    int tool;

    guest_connect(g, MSG_WIDE, 4096);
    tool = trace(g);
    flood(g, &sent);
    shutdown(tool, SHUT_WR);
    do {
        count = 0;
        CU_ASSERT_FATAL(read_packet(g, tool));
        got += count;
    } while (recorded(count - 1).kind != MSG_ping_response);
    lost = records[count - 1].lost;
    CU_ASSERT(lost > 0);
    CU_ASSERT_EQUAL(got + lost, sent);
    close(tool);
    guest_free(g);
}

/* The tool finds its socket closed; the guest does not notice. */
static void serves_on_when_no_descriptor_is_left_for_the_tool(void)
{
    struct rlimit before, full;
    struct guest *g;
    char byte;
    int tool;

    if (test_skip_under_valgrind("the kernel does not know of the limit there"))
        return;
    g = guest_new();
    guest_connect(g, MSG_WIDE, 272);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    tool = tool_start(g, IPC_TRACE, 0);
    full = before;
    full.rlim_cur = (rlim_t)dup(tool);
    close((int)full.rlim_cur);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &full), 0);
    CU_ASSERT_EQUAL(tool_receive(g, tool, &byte, 1), 0);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
    CU_ASSERT(!event_base_got_break(g->base));
    CU_ASSERT_EQUAL(ping(g, 7), 7);
    close(tool);
    guest_free(g);
}

static const struct test_case cases[] = {
    TEST(records_both_directions_in_both_forms),
    TEST(records_what_is_dropped),
    TEST(records_a_message_once_however_often_it_is_tried),
    TEST(goes_on_when_the_guest_connects_anew),
    TEST(sends_what_is_left_when_the_tool_has_seen_enough),
    TEST(sends_what_is_left_when_the_worker_ends),
    TEST(refuses_a_second_tool_in_words),
    TEST(forgets_a_tool_that_died),
    TEST(gives_up_the_oldest_when_the_tool_does_not_read),
    TEST(serves_on_when_no_descriptor_is_left_for_the_tool),
    {NULL, NULL},
};

int main(void)
{
    return test_main("trace", cases);
}
