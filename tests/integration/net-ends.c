/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/net-ends.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "tests/harness.h"

#define HEADER XVMSG_NET_HEADER

struct net_ends n;
const uint8_t net_own[6] = {0x00, 0x16, 0x3e, 1, 2, 3};
const uint8_t net_other[6] = {0x00, 0x16, 0x3e, 9, 9, 9};
const struct device_class *net_ends_class;
unsigned net_threads;
enum xvmsg_addresses net_addresses;

/* ---- the device ---- */

static void *create(struct device *device, const struct device_setup *setup, char *why)
{
    struct choices choices = {0};
    struct fds fds = {0};
    struct device_setup own_setup = *setup;
    int pair[2];

    choices_add(&choices, "mac", "00:16:3e:01:02:03");
    choices_add(&choices, "mtu", "1400");
    for (unsigned i = 0; i < NET_PAIRS; i++) {
        if (n.wires[i] > 0)
            close(n.wires[i]);
        CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
        n.wires[i] = pair[0];
        fds.fd[fds.count++] = pair[1];
    }
    own_setup.choices = &choices;
    own_setup.fds = &fds;
    return net_class.create(device, &own_setup, why);
}

const struct device_class *table_find(const char *name)
{
    static struct device_class on_sockets;

    if (strcmp(name, "rng") != 0)
        return NULL;
    on_sockets = net_class;
    on_sockets.name = "rng";
    on_sockets.no_target = true;
    on_sockets.create = create;
    on_sockets.count_queues = NULL;
    return net_ends_class ? net_ends_class : &on_sockets;
}

/* ---- both ends ---- */

void net_ready(struct xvmsg_net *which, enum xvmsg_status status, void *user)
{
    (void)which, (void)user;
    n.opened = status;
}

static void on_received(struct xvmsg_net *which, unsigned pair, const struct iovec *pieces,
                        unsigned count, size_t length, void *user)
{
    size_t at = 0;

    (void)user;
    CU_ASSERT_PTR_EQUAL(which, n.net);
    for (unsigned i = 0; i < count; at += pieces[i++].iov_len)
        memcpy(n.received + at, pieces[i].iov_base, pieces[i].iov_len);
    CU_ASSERT_EQUAL(at, length);
    n.num_received++;
    n.received_pair = pair;
    n.received_length = length;
    if (n.when_received)
        n.when_received();
}

static void on_writable(struct xvmsg_net *which, unsigned pair, void *user)
{
    (void)which, (void)pair, (void)user;
    n.num_writable++;
}

static void on_changed(struct xvmsg_net *which, enum xvmsg_status status, void *user)
{
    (void)which, (void)user;
    n.num_changed++;
    n.changed_to = status;
}

void net_done(struct xvmsg_net *which, enum xvmsg_status status, void *user)
{
    (void)which, (void)user;
    n.num_done++;
    n.done_status = status;
}

static bool is_opened(struct joined *joined, void *user)
{
    (void)joined, (void)user;
    return n.opened != XVMSG_TIMEOUT;
}

bool net_counted(struct joined *joined, void *user)
{
    (void)joined;
    return *(const unsigned *)user;
}

enum xvmsg_status net_open(unsigned pairs)
{
    static const struct xvmsg_net_handlers handlers = {
        .received = on_received, .writable = on_writable, .changed = on_changed};

    n.opened = XVMSG_TIMEOUT;
    n.net = xvmsg_net_open(n.j.h, 1, pairs, net_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n.net);
    xvmsg_net_set_handlers(n.net, &handlers, NULL);
    joined_run_until(&n.j, is_opened, NULL);
    return n.opened;
}

void net_begin(void)
{
    n.num_received = n.num_changed = n.num_writable = n.num_done = 0;
    n.when_received = NULL;
    joined_open_threads(&n.j, net_threads, net_threads > 0);
    joined_stop_guest(&n.j);
    n.j.addresses = net_addresses;
    joined_start_guest(&n.j);
    stage_write(n.j.s.toolstack, NET_REQUEST "/type", "rng");
    joined_await_device(&n.j, 1);
}

void net_start(unsigned pairs)
{
    net_begin();
    CU_ASSERT_EQUAL_FATAL(net_open(pairs), XVMSG_OK);
}

void net_end(void)
{
    xvmsg_net_close(n.net);
    joined_close(&n.j);
}

void net_make_frame(const uint8_t to[6], size_t size, unsigned number)
{
    for (size_t i = 0; i < size; i++)
        n.frame[i] = (uint8_t)(i * 7 + i / 256 + number);
    memset(n.frame, 0, HEADER);
    memcpy(n.frame + HEADER, to, 6);
}

void net_comes(unsigned pair, const uint8_t to[6], size_t size, unsigned number)
{
    net_make_frame(to, size, number);
    CU_ASSERT_EQUAL_FATAL(write(n.wires[pair], n.frame, size), (ssize_t)size);
}

void net_expect_received(size_t size)
{
    joined_run_until(&n.j, net_counted, &n.num_received);
    CU_ASSERT_EQUAL(n.num_received, 1);
    CU_ASSERT_EQUAL(n.received_length, size);
    CU_ASSERT(memcmp(n.received + HEADER, n.frame + HEADER, size - HEADER) == 0);
    n.num_received = 0;
}

bool net_has_arrived(struct joined *joined, void *user)
{
    (void)joined;
    n.arrived_size = read(n.wires[*(const unsigned *)user], n.arrived, sizeof(n.arrived));
    return n.arrived_size > 0;
}

void net_expect_sent(unsigned pair, size_t size)
{
    joined_run_until(&n.j, net_has_arrived, &pair);
    CU_ASSERT_EQUAL(n.arrived_size, (ssize_t)size);
    CU_ASSERT(memcmp(n.arrived, n.frame, size) == 0);
}

void net_send(unsigned pair, size_t size, unsigned number)
{
    net_make_frame(net_other, size, number);
    CU_ASSERT_EQUAL(xvmsg_net_send(n.net, pair, n.frame, size), 0);
    xvmsg_flush(n.j.h);
}
