/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's network interface on the true device: what travels, its control, its end. */

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/net-ends.h"

#define HEADER XVMSG_NET_HEADER
#define LARGE 60000u

/* ---- frames ---- */

static void says_what_it_is(void)
{
    uint8_t mac[6];

    net_start(1);
    xvmsg_net_mac(n.net, mac);
    CU_ASSERT(memcmp(mac, net_own, sizeof(mac)) == 0);
    CU_ASSERT_EQUAL(xvmsg_net_mtu(n.net), 1400);
    CU_ASSERT(xvmsg_net_link_is_up(n.net));
    CU_ASSERT_EQUAL(xvmsg_net_pairs(n.net), 1);
    CU_ASSERT(xvmsg_net_features(n.net) & 1u << VIRTIO_NET_F_HOST_TSO6);
    CU_ASSERT(xvmsg_net_features(n.net) & 1u << VIRTIO_NET_F_GUEST_TSO4);
    net_end();
}

static void frames_travel(void)
{
    net_start(1);
    for (unsigned i = 0; i < 3; i++) {
        net_send(0, 60 + i, i);
        net_expect_sent(0, 60 + i);
        net_comes(0, net_own, 1400 + i, i);
        net_expect_received(1400 + i);
        net_send(0, LARGE + i, i);
        net_expect_sent(0, LARGE + i);
        net_comes(0, net_own, LARGE + i, i);
        net_expect_received(LARGE + i);
    }
    net_end();
}

/* What a TAP interface notes in a header and a driver may not say is not sent. */
static void a_header_is_tidied(void)
{
    net_start(1);
    net_make_frame(net_other, 100, 0);
    n.frame[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
    n.frame[10] = 3;
    CU_ASSERT_EQUAL(xvmsg_net_send(n.net, 0, n.frame, 100), 0);
    xvmsg_flush(n.j.h);
    n.frame[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    n.frame[10] = 0;
    net_expect_sent(0, 100);
    net_end();
}

static void room_is_filled_where_it_lies(void)
{
    struct iovec pieces[XVMSG_NET_PIECES];
    int count;

    net_start(1);
    net_make_frame(net_other, 5000, 1);
    count = xvmsg_net_reserve(n.net, 0, pieces);
    CU_ASSERT_FATAL(count > 1 && pieces[0].iov_len < 5000);
    memcpy(pieces[0].iov_base, n.frame, pieces[0].iov_len);
    memcpy(pieces[1].iov_base, n.frame + pieces[0].iov_len, 5000 - pieces[0].iov_len);
    CU_ASSERT_EQUAL(xvmsg_net_commit(n.net, 0, 5000), 0);
    xvmsg_flush(n.j.h);
    net_expect_sent(0, 5000);
    net_end();
}

static void what_cannot_be_sent_is_refused(void)
{
    net_start(1);
    CU_ASSERT_EQUAL(xvmsg_net_send(n.net, 0, n.frame, HEADER - 1), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_net_send(n.net, 0, n.frame, XVMSG_NET_FRAME_MAX + 1), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_net_send(n.net, 1, n.frame, 100), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    net_end();
}

/* Nobody takes frames off the wire: sending says so, and says when it goes on. */
static void a_full_wire_holds_the_sender_up(void)
{
    unsigned taken = 0, pair = 0;

    net_start(1);
    net_make_frame(net_other, LARGE, 0);
    for (unsigned i = 0; i < 10000; i++) {
        if (xvmsg_net_send(n.net, 0, n.frame, LARGE) < 0)
            break;
        taken++;
        xvmsg_flush(n.j.h);
        for (unsigned turn = 0; turn < 5; turn++)
            joined_turn(&n.j);
    }
    CU_ASSERT_EQUAL(errno, EAGAIN);
    CU_ASSERT(taken > 2 && taken < 10000);
    CU_ASSERT_EQUAL(n.num_writable, 0);
    for (; taken; taken--)
        joined_run_until(&n.j, net_has_arrived, &pair);
    joined_run_until(&n.j, net_counted, &n.num_writable);
    net_send(0, 100, 3);
    net_expect_sent(0, 100);
    net_end();
}

/* Both ways at once, far more than there are buffers for: none is lost, in order. */
static void thousands_of_frames(void)
{
    unsigned sent = 0, got = 0, written = 0;

    net_start(1);
    while (got < 2000 || n.num_received < 2000) {
        net_make_frame(net_own, 60 + sent % 1300, sent);
        if (sent < 2000 && xvmsg_net_send(n.net, 0, n.frame, 60 + sent % 1300) == 0)
            sent++;
        net_make_frame(net_own, 60 + written % 5000, written);
        if (written < 2000 && write(n.wires[0], n.frame, 60 + written % 5000) > 0)
            written++;
        xvmsg_flush(n.j.h);
        joined_turn(&n.j);
        for (; read(n.wires[0], n.arrived, sizeof(n.arrived)) > 0; got++) {
            net_make_frame(net_own, 60 + got % 1300, got);
            CU_ASSERT_FATAL(memcmp(n.arrived, n.frame, 60 + got % 1300) == 0);
        }
        if (n.num_received) {
            unsigned last = n.num_received - 1;

            CU_ASSERT_EQUAL_FATAL(n.received_length, 60 + last % 5000);
            net_make_frame(net_own, 60 + last % 5000, last);
            CU_ASSERT_FATAL(memcmp(n.received + HEADER, n.frame + HEADER, 48) == 0);
        }
    }
    CU_ASSERT_EQUAL(n.num_received, 2000);
    CU_ASSERT_EQUAL(got, 2000);
    net_end();
}

/* ---- control ---- */

static void do_command(int rc)
{
    CU_ASSERT_EQUAL(rc, 0);
    xvmsg_flush(n.j.h);
    n.num_done = 0;
    joined_run_until(&n.j, net_counted, &n.num_done);
    CU_ASSERT_EQUAL(n.done_status, XVMSG_OK);
}

static void the_guest_chooses_what_it_gets(void)
{
    net_start(1);
    net_comes(0, net_other, 60, 0);
    net_comes(0, net_own, 61, 0);
    net_expect_received(61);
    do_command(xvmsg_net_set_promiscuous(n.net, true, net_done, NULL));
    net_comes(0, net_other, 62, 0);
    net_expect_received(62);
    do_command(xvmsg_net_set_promiscuous(n.net, false, net_done, NULL));
    do_command(xvmsg_net_set_mac(n.net, net_other, net_done, NULL));
    net_comes(0, net_own, 60, 0);
    net_comes(0, net_other, 63, 0);
    net_expect_received(63);
    do_command(xvmsg_net_set_all_multicast(n.net, true, net_done, NULL));
    net_end();
}

static void four_commands_at_once(void)
{
    net_start(1);
    n.num_done = 0;
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(xvmsg_net_set_promiscuous(n.net, i, net_done, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_net_set_promiscuous(n.net, true, net_done, NULL), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    xvmsg_net_close(n.net);
    CU_ASSERT_EQUAL(n.num_done, 4);
    CU_ASSERT_EQUAL(n.done_status, XVMSG_CANCELLED);
    joined_close(&n.j);
}

/* ---- several pairs ---- */

static void pairs_are_used(void)
{
    net_start(8); /* more than there are */
    CU_ASSERT_EQUAL(xvmsg_net_pairs(n.net), NET_PAIRS);
    for (unsigned pair = 0; pair < NET_PAIRS; pair++) {
        net_send(pair, 100 + pair, 0);
        net_expect_sent(pair, 100 + pair);
        net_comes(pair, net_own, 200 + pair, 0);
        net_expect_received(200 + pair);
        CU_ASSERT_EQUAL(n.received_pair, pair);
    }
    do_command(xvmsg_net_set_promiscuous(n.net, true, net_done, NULL));
    net_end();
}

#define EACH 1000u

static unsigned received_by[NET_PAIRS];

static size_t size_of(unsigned pair, unsigned number)
{
    return 60 + pair + number % 1300;
}

static void expect_next(void)
{
    unsigned pair = n.received_pair, number = received_by[pair]++;

    net_make_frame(net_own, size_of(pair, number), number);
    CU_ASSERT_EQUAL_FATAL(n.received_length, size_of(pair, number));
    CU_ASSERT_FATAL(memcmp(n.received + HEADER, n.frame + HEADER, n.received_length - HEADER) == 0);
}

/* As many as there is room for, both ways. */
static void feed(unsigned pair, unsigned *sent, unsigned *written)
{
    net_make_frame(net_own, size_of(pair, *sent), *sent);
    if (*sent < EACH && xvmsg_net_send(n.net, pair, n.frame, size_of(pair, *sent)) == 0)
        ++*sent;
    net_make_frame(net_own, size_of(pair, *written), *written);
    if (*written < EACH && write(n.wires[pair], n.frame, size_of(pair, *written)) > 0)
        ++*written;
}

static void drain(unsigned pair, unsigned *got)
{
    for (; read(n.wires[pair], n.arrived, sizeof(n.arrived)) > 0; ++*got) {
        net_make_frame(net_own, size_of(pair, *got), *got);
        CU_ASSERT_FATAL(memcmp(n.arrived, n.frame, size_of(pair, *got)) == 0);
    }
}

/* None is lost, and those of a pair come in order. */
static void all_pairs_at_once(void)
{
    unsigned sent[NET_PAIRS] = {0}, written[NET_PAIRS] = {0}, got[NET_PAIRS] = {0};

    net_start(NET_PAIRS);
    memset(received_by, 0, sizeof(received_by));
    n.when_received = expect_next;
    while (got[0] < EACH || got[1] < EACH || n.num_received < NET_PAIRS * EACH) {
        for (unsigned pair = 0; pair < NET_PAIRS; pair++) {
            feed(pair, &sent[pair], &written[pair]);
            drain(pair, &got[pair]);
        }
        xvmsg_flush(n.j.h);
        joined_turn(&n.j);
    }
    net_end();
}

static void a_number_of_pairs_that_makes_no_sense(void)
{
    net_start(1);
    CU_ASSERT_PTR_NULL(xvmsg_net_open(n.j.h, 1, 0, net_ready, NULL));
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_PTR_NULL(xvmsg_net_open(n.j.h, 1, 9, net_ready, NULL));
    net_end();
    net_begin();
    n.net = xvmsg_net_open(n.j.h, 1, 2, net_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL(n.net); /* and is closed while it is asked */
    net_end();
}

/* ---- its end ---- */

static void a_removal_ends_it(void)
{
    net_start(1);
    stage_write(n.j.s.toolstack, NET_REQUEST "/remove", "force");
    joined_run_until(&n.j, net_counted, &n.num_changed);
    CU_ASSERT_EQUAL(n.changed_to, XVMSG_DEVICE_REMOVED);
    CU_ASSERT_EQUAL(xvmsg_net_send(n.net, 0, n.frame, 100), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(xvmsg_net_set_promiscuous(n.net, true, NULL, NULL), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    net_end();
}

static void close_it(void)
{
    xvmsg_net_close(n.net);
}

static bool received_of_size(struct joined *joined, void *size)
{
    (void)joined;
    return n.received_length == *(const size_t *)size;
}

static void it_may_be_closed_from_a_callback(void)
{
    size_t next = 62;

    net_start(1);
    n.when_received = close_it;
    net_comes(0, net_own, 60, 0);
    net_comes(0, net_own, 61, 0);
    joined_run_until(&n.j, net_counted, &n.num_received);
    for (unsigned i = 0; i < 20; i++)
        joined_turn(&n.j);
    CU_ASSERT_EQUAL(n.num_received, 1);
    CU_ASSERT_EQUAL_FATAL(net_open(1), XVMSG_OK);
    /* The second frame may have been too late to get lost. */
    n.when_received = NULL;
    net_comes(0, net_own, next, 0);
    joined_run_until(&n.j, received_of_size, &next);
    net_end();
}

static void the_handle_may_end_first(void)
{
    net_start(1);
    net_comes(0, net_own, 60, 0);
    joined_stop_guest(&n.j);
    joined_close(&n.j);
}

/* ---- all of them ---- */

static int by_one_loop(void)
{
    net_threads = 0;
    net_addresses = XVMSG_ADDRESS_AREA;
    return 0;
}

static int by_threads(void)
{
    net_threads = 2;
    net_addresses = XVMSG_ADDRESS_AREA;
    return 0;
}

static int by_threads_with_grants(void)
{
    net_threads = 2;
    net_addresses = XVMSG_ADDRESS_GRANT;
    return 0;
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(says_what_it_is),
        TEST(frames_travel),
        TEST(a_header_is_tidied),
        TEST(room_is_filled_where_it_lies),
        TEST(what_cannot_be_sent_is_refused),
        TEST(a_full_wire_holds_the_sender_up),
        TEST(thousands_of_frames),
        TEST(the_guest_chooses_what_it_gets),
        TEST(four_commands_at_once),
        TEST(pairs_are_used),
        TEST(all_pairs_at_once),
        TEST(a_number_of_pairs_that_makes_no_sense),
        TEST(a_removal_ends_it),
        TEST(it_may_be_closed_from_a_callback),
        TEST(the_handle_may_end_first),
        {NULL, NULL},
    };

    static const struct test_suite suites[] = {
        {"net-ends", cases, by_one_loop},
        {"net-ends, threads", cases, by_threads},
        {"net-ends, threads and grants", cases, by_threads_with_grants},
        {NULL, NULL, NULL},
    };

    return test_main_suites(suites);
}
