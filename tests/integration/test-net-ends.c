/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The library's network interface against the whole backend, whose device is the true
 * one, with sockets in place of a TAP interface, or one that does what the test wants.
 * For the supervisor it is of a type that stands on nothing.
 */

#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "common/le.h"
#include "frontend/xvmsg-net.h"
#include "tests/harness.h"
#include "tests/integration/joined.h"

#define R B7 "/request/net"
#define PAIRS 2u
#define HEADER XVMSG_NET_HEADER
#define LARGE 60000u
#define MANY 10000u

static const uint8_t own[6] = {0x00, 0x16, 0x3e, 1, 2, 3};
static const uint8_t other[6] = {0x00, 0x16, 0x3e, 9, 9, 9};

static struct joined j;
static struct xvmsg_net *net;
static int wires[PAIRS]; /* our ends of what stands for the TAP interface */
static uint8_t frame[XVMSG_NET_FRAME_MAX];

/* What the callbacks were told. */
static enum xvmsg_status opened;
static unsigned num_received, num_changed, num_writable;
static unsigned received_pair;
static size_t received_length;
static uint8_t received[XVMSG_NET_FRAME_MAX];
static enum xvmsg_status changed_to;
static bool close_when_received;
static unsigned num_done;
static enum xvmsg_status done_status;

/* ---- the device ---- */

static struct device_class class_under_test;
static bool wicked;
static uint16_t says_buffers; /* what a wicked one writes */
static uint32_t says_written;
static bool tireless;           /* fills each buffer as soon as it gets it */
static struct queue *tireless_queue;

static void *create(struct device *device, const struct device_setup *setup, char *why)
{
    struct choices choices = {0};
    struct fds fds = {0};
    struct device_setup own_setup = *setup;
    int pair[2];

    choices_add(&choices, "mac", "00:16:3e:01:02:03");
    choices_add(&choices, "mtu", "1400");
    for (unsigned i = 0; i < PAIRS; i++) {
        if (wires[i] > 0)
            close(wires[i]);
        CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
        wires[i] = pair[0];
        fds.fd[fds.count++] = pair[1];
    }
    own_setup.choices = &choices;
    own_setup.fds = &fds;
    return net_class.create(device, &own_setup, why);
}

static void *wicked_create(struct device *device, const struct device_setup *setup, char *why)
{
    (void)setup, (void)why;
    device_offer_features(device, UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF |
                                      UINT64_C(1) << VIRTIO_NET_F_CTRL_VQ);
    return device;
}

static void wicked_destroy(void *state)
{
    (void)state;
}

static void wicked_read_config(void *state, void *config)
{
    (void)state;
    memset(config, 0, 12);
}

static void wicked_use(struct queue *queue)
{
    struct chain *chain;

    queue_begin_batch(queue);
    chain = queue_pop(queue);
    if (!chain)
        return;
    num_done = 1;
    memset(chain->in.pieces[0].iov_base, 0, HEADER);
    le16_put((uint8_t *)chain->in.pieces[0].iov_base + 10, says_buffers);
    queue_push(queue, chain, says_written);
}

/* Uses one buffer of those it is given to receive into, once or each time. */
static void wicked_kick(void *state, struct queue *queue)
{
    (void)state;
    if (queue_index(queue) != 0 || (num_done && !tireless))
        return;
    tireless_queue = queue;
    wicked_use(queue);
}

const struct device_class *table_find(const char *name)
{
    static struct device_class wicked_class = {
        .name = "rng",
        .virtio_id = VIRTIO_ID_NET,
        .num_queues = 3,
        .queue_size = 64,
        .config_size = 12,
        .no_target = true,
        .create = wicked_create,
        .destroy = wicked_destroy,
        .read_config = wicked_read_config,
        .queue_kick = wicked_kick,
    };

    if (strcmp(name, "rng") != 0)
        return NULL;
    class_under_test = net_class;
    class_under_test.name = "rng";
    class_under_test.no_target = true;
    class_under_test.create = create;
    class_under_test.count_queues = NULL;
    return wicked ? &wicked_class : &class_under_test;
}

/* ---- the stage ---- */

static void on_ready(struct xvmsg_net *which, enum xvmsg_status status, void *user)
{
    (void)which, (void)user;
    opened = status;
}

static void on_received(struct xvmsg_net *which, unsigned pair, const struct iovec *pieces,
                        unsigned count, size_t length, void *user)
{
    size_t at = 0;

    (void)user;
    CU_ASSERT_PTR_EQUAL(which, net);
    for (unsigned i = 0; i < count; at += pieces[i++].iov_len)
        memcpy(received + at, pieces[i].iov_base, pieces[i].iov_len);
    CU_ASSERT_EQUAL(at, length);
    num_received++;
    received_pair = pair;
    received_length = length;
    if (close_when_received)
        xvmsg_net_close(net);
    if (tireless && num_received < MANY) {
        wicked_use(tireless_queue);
        queue_flush(tireless_queue);
    }
}

static void on_writable(struct xvmsg_net *which, unsigned pair, void *user)
{
    (void)which, (void)pair, (void)user;
    num_writable++;
}

static void on_changed(struct xvmsg_net *which, enum xvmsg_status status, void *user)
{
    (void)which, (void)user;
    num_changed++;
    changed_to = status;
}

static void on_done(struct xvmsg_net *which, enum xvmsg_status status, void *user)
{
    (void)which, (void)user;
    num_done++;
    done_status = status;
}

static bool is_opened(struct joined *joined, void *user)
{
    (void)joined, (void)user;
    return opened != XVMSG_TIMEOUT;
}

static bool counted(struct joined *joined, void *user)
{
    (void)joined;
    return *(const unsigned *)user;
}

static enum xvmsg_status open_net(unsigned pairs)
{
    static const struct xvmsg_net_handlers handlers = {
        .received = on_received, .writable = on_writable, .changed = on_changed};

    opened = XVMSG_TIMEOUT;
    net = xvmsg_net_open(j.h, 1, pairs, on_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(net);
    xvmsg_net_set_handlers(net, &handlers, NULL);
    joined_run_until(&j, is_opened, NULL);
    return opened;
}

static void begin(void)
{
    num_received = num_changed = num_writable = num_done = 0;
    close_when_received = false;
    joined_open(&j);
    stage_write(j.s.toolstack, R "/type", "rng");
    joined_await_device(&j, 1);
}

static void start(unsigned pairs)
{
    wicked = false;
    begin();
    CU_ASSERT_EQUAL_FATAL(open_net(pairs), XVMSG_OK);
}

static void end(void)
{
    xvmsg_net_close(net);
    joined_close(&j);
}

/* Each byte tells where it is, and which frame it is of. */
static void make_frame(const uint8_t to[6], size_t size, unsigned number)
{
    for (size_t i = 0; i < size; i++)
        frame[i] = (uint8_t)(i * 7 + i / 256 + number);
    memset(frame, 0, HEADER);
    memcpy(frame + HEADER, to, 6);
}

static void comes(unsigned pair, const uint8_t to[6], size_t size, unsigned number)
{
    make_frame(to, size, number);
    CU_ASSERT_EQUAL_FATAL(write(wires[pair], frame, size), (ssize_t)size);
}

static void expect_received(size_t size)
{
    joined_run_until(&j, counted, &num_received);
    CU_ASSERT_EQUAL(num_received, 1);
    CU_ASSERT_EQUAL(received_length, size);
    CU_ASSERT(memcmp(received + HEADER, frame + HEADER, size - HEADER) == 0);
    num_received = 0;
}

static uint8_t arrived[XVMSG_NET_FRAME_MAX];
static ssize_t arrived_size;

static bool has_arrived(struct joined *joined, void *user)
{
    (void)joined;
    arrived_size = read(wires[*(const unsigned *)user], arrived, sizeof(arrived));
    return arrived_size > 0;
}

static void expect_sent(unsigned pair, size_t size)
{
    joined_run_until(&j, has_arrived, &pair);
    CU_ASSERT_EQUAL(arrived_size, (ssize_t)size);
    CU_ASSERT(memcmp(arrived, frame, size) == 0);
}

static void send_frame(unsigned pair, size_t size, unsigned number)
{
    make_frame(other, size, number);
    CU_ASSERT_EQUAL(xvmsg_net_send(net, pair, frame, size), 0);
    xvmsg_flush(j.h);
}

/* ---- a good device ---- */

static void says_what_it_is(void)
{
    uint8_t mac[6];

    start(1);
    xvmsg_net_mac(net, mac);
    CU_ASSERT(memcmp(mac, own, sizeof(mac)) == 0);
    CU_ASSERT_EQUAL(xvmsg_net_mtu(net), 1400);
    CU_ASSERT(xvmsg_net_link_is_up(net));
    CU_ASSERT_EQUAL(xvmsg_net_pairs(net), 1);
    CU_ASSERT(xvmsg_net_features(net) & 1u << VIRTIO_NET_F_HOST_TSO6);
    CU_ASSERT(xvmsg_net_features(net) & 1u << VIRTIO_NET_F_GUEST_TSO4);
    end();
}

static void frames_travel(void)
{
    start(1);
    for (unsigned i = 0; i < 3; i++) {
        send_frame(0, 60 + i, i);
        expect_sent(0, 60 + i);
        comes(0, own, 1400 + i, i);
        expect_received(1400 + i);
        send_frame(0, LARGE + i, i);
        expect_sent(0, LARGE + i);
        comes(0, own, LARGE + i, i);
        expect_received(LARGE + i);
    }
    end();
}

/* What a TAP interface notes in a header and a driver may not say is not sent. */
static void a_header_is_tidied(void)
{
    start(1);
    make_frame(other, 100, 0);
    frame[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
    frame[10] = 3;
    CU_ASSERT_EQUAL(xvmsg_net_send(net, 0, frame, 100), 0);
    xvmsg_flush(j.h);
    frame[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    frame[10] = 0;
    expect_sent(0, 100);
    end();
}

static void room_is_filled_where_it_lies(void)
{
    struct iovec pieces[XVMSG_NET_PIECES];
    int count;

    start(1);
    make_frame(other, 5000, 1);
    count = xvmsg_net_reserve(net, 0, pieces);
    CU_ASSERT_FATAL(count > 1 && pieces[0].iov_len < 5000);
    memcpy(pieces[0].iov_base, frame, pieces[0].iov_len);
    memcpy(pieces[1].iov_base, frame + pieces[0].iov_len, 5000 - pieces[0].iov_len);
    CU_ASSERT_EQUAL(xvmsg_net_commit(net, 0, 5000), 0);
    xvmsg_flush(j.h);
    expect_sent(0, 5000);
    end();
}

static void what_cannot_be_sent_is_refused(void)
{
    start(1);
    CU_ASSERT_EQUAL(xvmsg_net_send(net, 0, frame, HEADER - 1), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_net_send(net, 0, frame, XVMSG_NET_FRAME_MAX + 1), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_net_send(net, 1, frame, 100), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    end();
}

/* Nobody takes frames off the wire: sending says so, and says when it goes on. */
static void a_full_wire_holds_the_sender_up(void)
{
    unsigned taken = 0, pair = 0;

    start(1);
    make_frame(other, LARGE, 0);
    for (unsigned i = 0; i < 10000; i++) {
        if (xvmsg_net_send(net, 0, frame, LARGE) < 0)
            break;
        taken++;
        xvmsg_flush(j.h);
        for (unsigned turn = 0; turn < 5; turn++)
            joined_turn(&j);
    }
    CU_ASSERT_EQUAL(errno, EAGAIN);
    CU_ASSERT(taken > 2 && taken < 10000);
    CU_ASSERT_EQUAL(num_writable, 0);
    for (; taken; taken--)
        joined_run_until(&j, has_arrived, &pair);
    joined_run_until(&j, counted, &num_writable);
    send_frame(0, 100, 3);
    expect_sent(0, 100);
    end();
}

/* Both ways at once, far more than there are buffers for: none is lost, in order. */
static void thousands_of_frames(void)
{
    unsigned sent = 0, got = 0, written = 0;

    start(1);
    while (got < 2000 || num_received < 2000) {
        make_frame(own, 60 + sent % 1300, sent);
        if (sent < 2000 && xvmsg_net_send(net, 0, frame, 60 + sent % 1300) == 0)
            sent++;
        make_frame(own, 60 + written % 5000, written);
        if (written < 2000 && write(wires[0], frame, 60 + written % 5000) > 0)
            written++;
        xvmsg_flush(j.h);
        joined_turn(&j);
        for (; read(wires[0], arrived, sizeof(arrived)) > 0; got++) {
            make_frame(own, 60 + got % 1300, got);
            CU_ASSERT_FATAL(memcmp(arrived, frame, 60 + got % 1300) == 0);
        }
        if (num_received) {
            unsigned last = num_received - 1;

            CU_ASSERT_EQUAL_FATAL(received_length, 60 + last % 5000);
            make_frame(own, 60 + last % 5000, last);
            CU_ASSERT_FATAL(memcmp(received + HEADER, frame + HEADER, 48) == 0);
        }
    }
    CU_ASSERT_EQUAL(num_received, 2000);
    CU_ASSERT_EQUAL(got, 2000);
    end();
}

/* ---- control ---- */

static void do_command(int rc)
{
    CU_ASSERT_EQUAL(rc, 0);
    xvmsg_flush(j.h);
    num_done = 0;
    joined_run_until(&j, counted, &num_done);
    CU_ASSERT_EQUAL(done_status, XVMSG_OK);
}

static void the_guest_chooses_what_it_gets(void)
{
    start(1);
    comes(0, other, 60, 0);
    comes(0, own, 61, 0);
    expect_received(61);
    do_command(xvmsg_net_set_promiscuous(net, true, on_done, NULL));
    comes(0, other, 62, 0);
    expect_received(62);
    do_command(xvmsg_net_set_promiscuous(net, false, on_done, NULL));
    do_command(xvmsg_net_set_mac(net, other, on_done, NULL));
    comes(0, own, 60, 0);
    comes(0, other, 63, 0);
    expect_received(63);
    do_command(xvmsg_net_set_all_multicast(net, true, on_done, NULL));
    end();
}

static void four_commands_at_once(void)
{
    start(1);
    num_done = 0;
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(xvmsg_net_set_promiscuous(net, i, on_done, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_net_set_promiscuous(net, true, on_done, NULL), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    xvmsg_net_close(net);
    CU_ASSERT_EQUAL(num_done, 4);
    CU_ASSERT_EQUAL(done_status, XVMSG_CANCELLED);
    joined_close(&j);
}

/* ---- several pairs ---- */

static void pairs_are_used(void)
{
    start(8); /* more than there are */
    CU_ASSERT_EQUAL(xvmsg_net_pairs(net), PAIRS);
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        send_frame(pair, 100 + pair, 0);
        expect_sent(pair, 100 + pair);
        comes(pair, own, 200 + pair, 0);
        expect_received(200 + pair);
        CU_ASSERT_EQUAL(received_pair, pair);
    }
    do_command(xvmsg_net_set_promiscuous(net, true, on_done, NULL));
    end();
}

static void a_number_of_pairs_that_makes_no_sense(void)
{
    start(1);
    CU_ASSERT_PTR_NULL(xvmsg_net_open(j.h, 1, 0, on_ready, NULL));
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_PTR_NULL(xvmsg_net_open(j.h, 1, 9, on_ready, NULL));
    end();
    begin();
    net = xvmsg_net_open(j.h, 1, 2, on_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL(net); /* and is closed while it is asked */
    end();
}

/* ---- its end ---- */

static void a_removal_ends_it(void)
{
    start(1);
    stage_write(j.s.toolstack, R "/remove", "force");
    joined_run_until(&j, counted, &num_changed);
    CU_ASSERT_EQUAL(changed_to, XVMSG_DEVICE_REMOVED);
    CU_ASSERT_EQUAL(xvmsg_net_send(net, 0, frame, 100), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(xvmsg_net_set_promiscuous(net, true, NULL, NULL), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    end();
}

static void it_may_be_closed_from_a_callback(void)
{
    start(1);
    close_when_received = true;
    comes(0, own, 60, 0);
    comes(0, own, 61, 0);
    joined_run_until(&j, counted, &num_received);
    for (unsigned i = 0; i < 20; i++)
        joined_turn(&j);
    CU_ASSERT_EQUAL(num_received, 1);
    CU_ASSERT_EQUAL_FATAL(open_net(1), XVMSG_OK);
    close_when_received = false;
    num_received = 0;
    comes(0, own, 62, 0);
    expect_received(62);
    end();
}

static void the_handle_may_end_first(void)
{
    start(1);
    comes(0, own, 60, 0);
    joined_stop_guest(&j);
    joined_close(&j);
}

/* ---- a bad device ---- */

static void expect_malformed(uint16_t buffers, uint32_t written)
{
    wicked = true;
    says_buffers = buffers;
    says_written = written;
    begin();
    CU_ASSERT_EQUAL_FATAL(open_net(1), XVMSG_OK);
    joined_run_until(&j, counted, &num_changed);
    CU_ASSERT_EQUAL(changed_to, XVMSG_MALFORMED_RESPONSE);
    CU_ASSERT_EQUAL(num_received, 0);
    end();
}

static void frames_that_make_no_sense(void)
{
    expect_malformed(1, HEADER - 1);
    expect_malformed(0, 60);
    expect_malformed(XVMSG_NET_PIECES + 1, 60);
    expect_malformed(UINT16_MAX, 60);
    expect_malformed(2, 60);
}

static bool received_a_thousand_more(struct joined *joined, void *user)
{
    (void)joined;
    wicked_use(tireless_queue);
    queue_flush(tireless_queue);
    return num_received >= *(const unsigned *)user + 1000;
}

/* Frames without end keep nobody from the rest, and none of the buffers is lost. */
static void a_device_that_never_tires(void)
{
    unsigned before;

    wicked = tireless = true;
    says_buffers = 1;
    says_written = 60;
    begin();
    CU_ASSERT_EQUAL_FATAL(open_net(1), XVMSG_OK);
    joined_run_until(&j, counted, &num_received);
    before = num_received;
    CU_ASSERT(before < MANY);
    joined_run_until(&j, received_a_thousand_more, &before);
    tireless = false;
    end();
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
        TEST(a_number_of_pairs_that_makes_no_sense),
        TEST(a_removal_ends_it),
        TEST(it_may_be_closed_from_a_callback),
        TEST(the_handle_may_end_first),
        TEST(frames_that_make_no_sense),
        TEST(a_device_that_never_tires),
        {NULL, NULL},
    };

    return test_main("net-ends", cases);
}
