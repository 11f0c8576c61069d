/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The network interface from its guest's side: frames, and the link. */

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/logged.h"
#include "tests/integration/net-guest.h"

static int interface_error; /* what the interface says to a frame; 0: as it is */

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    if (!interface_error)
        return syscall(SYS_writev, fd, pieces, count);
    errno = interface_error;
    return -1;
}

static uint16_t num_buffers(const uint8_t *buffer)
{
    return le16_get(buffer + 10);
}

/* ---- what it is ---- */

static void says_what_it_is(void)
{
    struct msg info = {.kind = MSG_get_device_info_request, .dev_num = NET_DEV};
    struct msg answer;

    net_start(NET_RX, 0);
    answer = guest_call(g, info);
    CU_ASSERT_EQUAL(answer.get_device_info_response.device_id, 1);
    CU_ASSERT_EQUAL(answer.get_device_info_response.config_size, 12);
    for (unsigned i = 0; i < 6; i++)
        CU_ASSERT_EQUAL(net_config_byte(i), net_own[i]);
    CU_ASSERT(net_link_is_up());
    CU_ASSERT_EQUAL(net_config_byte(8), 1);
    CU_ASSERT_EQUAL(net_config_byte(10) | net_config_byte(11) << 8, 9000);
    net_end();
}

/* ---- receiving ---- */

static void a_frame_comes(void)
{
    uint8_t *buffer;

    net_start(NET_RX, 0);
    buffer = net_offer(0, 4096, WRITE);
    net_kick();
    CU_ASSERT(!net_answered());
    net_comes(net_own, 100);
    CU_ASSERT_EQUAL(guest_await_used(g), 100);
    CU_ASSERT_EQUAL(num_buffers(buffer), 1);
    CU_ASSERT(memcmp(buffer + NET_HEADER, frame + NET_HEADER, 100 - NET_HEADER) == 0);
    net_end();
}

static void frames_wait_for_buffers(void)
{
    net_start(NET_RX, 0);
    for (unsigned i = 0; i < 3; i++)
        net_comes(net_own, 100 + i);
    CU_ASSERT(!net_answered());
    for (uint16_t i = 0; i < 2; i++)
        net_offer(i, 4096, WRITE);
    net_kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 100);
    CU_ASSERT_EQUAL(guest_await_used(g), 101);
    CU_ASSERT(!net_answered());
    net_offer(0, 4096, WRITE);
    net_kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 102);
    net_end();
}

static void a_large_frame_takes_several_buffers(void)
{
    uint8_t *first, together[3 * 4096];

    net_start(NET_RX, NET_MERGE);
    first = net_offer(0, 4096, WRITE);
    net_offer(1, 4096, WRITE);
    net_offer(2, 4096, WRITE);
    net_kick();
    net_comes(net_own, 9000);
    CU_ASSERT_EQUAL(guest_await_used(g), 4096);
    /* They all came at once. */
    CU_ASSERT_EQUAL(g->used->idx, 3);
    CU_ASSERT_EQUAL(guest_await_used(g), 4096);
    CU_ASSERT_EQUAL(guest_await_used(g), 9000 - 8192);
    CU_ASSERT_EQUAL(num_buffers(first), 3);
    memcpy(together, first, sizeof(together));
    CU_ASSERT(memcmp(together + NET_HEADER, frame + NET_HEADER, 9000 - NET_HEADER) == 0);
    net_end();
}

/* Nothing of a frame for which there is no room yet is lost, nor shown too early. */
static void a_large_frame_waits_for_buffers(void)
{
    uint8_t *first;

    net_start(NET_RX, NET_MERGE);
    first = net_offer(0, 1000, WRITE);
    net_kick();
    net_comes(net_own, 5000);
    CU_ASSERT(!net_answered());
    net_offer(1, 1000, WRITE);
    net_kick();
    CU_ASSERT(!net_answered());
    net_offer(2, 4000, WRITE);
    net_kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 1000);
    CU_ASSERT_EQUAL(guest_await_used(g), 1000);
    CU_ASSERT_EQUAL(guest_await_used(g), 3000);
    CU_ASSERT_EQUAL(num_buffers(first), 3);
    CU_ASSERT(memcmp(first + NET_HEADER, frame + NET_HEADER, 1000 - NET_HEADER) == 0);
    CU_ASSERT(memcmp(first + 4096, frame + 1000, 1000) == 0);
    CU_ASSERT(memcmp(first + 8192, frame + 2000, 3000) == 0);
    /* And the next ones come. */
    net_offer(3, 1000, WRITE);
    net_kick();
    net_comes(net_own, 60);
    CU_ASSERT_EQUAL(guest_await_used(g), 60);
    net_end();
}

/* All that the guest can ever offer is too little: the frame is lost, not the buffers. */
static void a_frame_that_never_fits_is_lost(void)
{
    net_start(NET_RX, NET_MERGE);
    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        guest_describe(g, i, GUEST_DATA + 64u * i, 64, WRITE, 0);
    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        guest_make_available(g, i);
    net_kick();
    net_comes(net_own, 60000);
    CU_ASSERT(!net_answered());
    CU_ASSERT_EQUAL(guest_set_status(g, NET_DEV, 0), 0);
    net_start_device(NET_BASE | NET_MERGE);
    net_offer(0, 4096, WRITE);
    net_kick();
    net_comes(net_own, 70);
    CU_ASSERT_EQUAL(guest_await_used(g), 70);
    net_end();
}

static void without_merging_one_buffer_has_to_do(void)
{
    net_start(NET_RX, 0);
    net_offer(0, 4096, WRITE);
    net_offer(1, 4096, WRITE);
    net_kick();
    net_comes(net_own, 5000);
    net_comes(net_own, 80);
    CU_ASSERT_EQUAL(guest_await_used(g), 80);
    net_end();
}

static void what_is_no_frame_is_ignored(void)
{
    net_start(NET_RX, NET_MERGE);
    net_offer(0, 4096, WRITE);
    net_kick();
    CU_ASSERT_EQUAL(write(wire, frame, 5), 5);
    CU_ASSERT_EQUAL(write(wire, frame, NET_HEADER + 13), NET_HEADER + 13);
    net_comes(net_own, NET_HEADER + 14);
    CU_ASSERT_EQUAL(guest_await_used(g), NET_HEADER + 14);
    net_end();
}

/* ---- who it is for ---- */

static void deliver_all(unsigned *got, const uint8_t *const *to, unsigned count)
{
    *got = 0;
    for (unsigned i = 0; i < count; i++)
        net_comes(to[i], 60 + i);
    for (guest_settle(g); shared_load16_acquire(&g->used->idx) != g->used_seen;)
        *got |= 1u << (guest_await_used(g) - 60);
}

/* As long as it has not said what else. */
static void a_driver_that_filters_gets_its_own(void)
{
    const uint8_t *const to[] = {net_own, net_other, net_group, net_everybody};
    unsigned got;

    net_start(NET_RX, NET_CONTROL);
    for (uint16_t i = 0; i < 4; i++)
        net_offer(i, 4096, WRITE);
    net_kick();
    deliver_all(&got, to, 4);
    CU_ASSERT_EQUAL(got, 1u << 0 | 1u << 3);
    net_end();
    net_start(NET_RX, 0);
    for (uint16_t i = 0; i < 4; i++)
        net_offer(i, 4096, WRITE);
    net_kick();
    deliver_all(&got, to, 4);
    CU_ASSERT_EQUAL(got, 15);
    net_end();
}

/* ---- sending ---- */

static void a_frame_goes(void)
{
    uint8_t *buffer;

    net_start(NET_TX, 0);
    buffer = net_offer(0, 100, 0);
    net_make_frame(net_other, 100);
    memcpy(buffer, frame, 100);
    net_kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(net_sent(), 100);
    CU_ASSERT(memcmp(buffer, frame, 100) == 0);
    net_end();
}

/* Wherever virtio lets a driver cut. */
static void a_frame_goes_in_pieces(void)
{
    uint8_t *buffer;

    net_start(NET_TX, 0);
    buffer = g->area + GUEST_DATA;
    net_make_frame(net_other, 3000);
    memcpy(buffer, frame, 3000);
    guest_describe(g, 0, GUEST_DATA, 5, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 5, 20, 0, 2);
    guest_describe(g, 2, GUEST_DATA + 25, 2975, 0, 0);
    guest_make_available(g, 0);
    net_kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(net_sent(), 3000);
    CU_ASSERT(memcmp(buffer, frame, 3000) == 0);
    net_end();
}

/* The interface takes no more: frames wait, and none is lost. */
static void frames_wait_for_the_interface(void)
{
    unsigned frames = 0, gone = 0;

    net_start(NET_TX, 0);
    for (uint16_t i = 0; !net_answered() || g->used->idx == i; i++) {
        memset(net_offer(i % GUEST_QUEUE_SIZE, 4096, 0), 0, NET_HEADER);
        net_kick();
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
        CU_ASSERT_EQUAL(net_sent(), 4096);
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(net_sent(), 4096);
    net_end();
}

static void a_reset_ends_the_wait(void)
{
    net_start(NET_TX, 0);
    for (uint16_t i = 0; i < 10000; i++) {
        net_offer(i % GUEST_QUEUE_SIZE, 4096, 0);
        net_kick();
        guest_settle(g);
        if (g->used->idx == g->used_seen)
            break;
        g->used_seen = g->used->idx;
    }
    CU_ASSERT_EQUAL(guest_set_status(g, NET_DEV, 0), 0);
    CU_ASSERT_EQUAL(guest_unshare_area(g), 0);
    net_end();
}

static void what_is_too_long_is_lost(void)
{
    net_start(NET_TX, 0);
    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        guest_describe(g, i, GUEST_DATA, 16384, 0, (uint16_t)((i + 1) % GUEST_QUEUE_SIZE));
    guest_make_available(g, 0);
    net_kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(net_sent(), 0);
    CU_ASSERT(!net_broken());
    net_end();
}

static void thousands_of_frames(void)
{
    net_start(NET_TX, 0);
    for (unsigned i = 0; i < 3000; i++) {
        net_offer((uint16_t)(i % GUEST_QUEUE_SIZE), 64, 0);
        net_kick();
        guest_await_used(g);
        CU_ASSERT_EQUAL(net_sent(), 64);
    }
    net_end();
}

/* ---- the link ---- */

static void the_link_follows_its_owner(void)
{
    net_start(NET_RX, 0);
    net_offer(0, 4096, WRITE);
    net_kick();
    guest_settle(g);
    g->config_events = 0;
    net_set_link("down");
    CU_ASSERT(!net_link_is_up());
    guest_settle(g);
    CU_ASSERT_EQUAL(g->config_events, 1);
    net_comes(net_own, 60);
    CU_ASSERT(!net_answered());
    net_set_link("down");
    guest_settle(g);
    CU_ASSERT_EQUAL(g->config_events, 1);
    net_set_link("up");
    CU_ASSERT(net_link_is_up());
    net_comes(net_own, 61);
    CU_ASSERT_EQUAL(guest_await_used(g), 61);
    CU_ASSERT_EQUAL(g->config_events, 2);
    net_end();
}

static void nothing_goes_over_a_link_that_is_down(void)
{
    net_start(NET_TX, 0);
    net_set_link("down");
    net_offer(0, 100, 0);
    net_kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 0);
    CU_ASSERT_EQUAL(net_sent(), 0);
    net_end();
}

static void a_link_may_begin_down(void)
{
    g = guest_new();
    net_add("down");
    guest_connect(g, MSG_WIDE, 272);
    CU_ASSERT(!net_link_is_up());
    net_end();
}

/* The interface is deleted under the device: no spin, the link is down. */
static void an_interface_that_is_taken_away(void)
{
    net_start(NET_RX, 0);
    net_offer(0, 4096, WRITE);
    net_kick();
    guest_settle(g);
    close(wire);
    while (net_link_is_up())
        ;
    CU_ASSERT(!net_broken());
    net_set_link("up");
    CU_ASSERT(!net_link_is_up());
    net_end();
}

static void send_one(void)
{
    net_offer(0, 100, 0);
    net_kick();
    guest_await_used(g);
    guest_settle(g);
}

/* A guest cannot bring these about: each is told of, however soon after another. */
static void what_becomes_of_the_interface_is_logged(void)
{
    const char *logged;

    net_start(NET_TX, 0);
    logged_begin();
    interface_error = EIO;
    send_one();
    /* A frame that is none, which Linux looks at first. */
    interface_error = EINVAL;
    send_one();
    interface_error = EIO;
    send_one();
    interface_error = 0;
    send_one();
    interface_error = EBADFD;
    send_one();
    interface_error = 0;
    logged = logged_end();
    CU_ASSERT(!net_link_is_up());
    CU_ASSERT_EQUAL(logged_lines(logged), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "its interface is down"));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "its interface is up again"));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "its interface was taken away"));
    net_end();
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
        TEST(what_becomes_of_the_interface_is_logged),
        {NULL, NULL},
    };

    return test_main("net", cases);
}
