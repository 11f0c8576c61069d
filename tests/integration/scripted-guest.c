/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/scripted-guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/lane.h"
#include "backend/log.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

static void run_worker(struct guest *g)
{
    event_base_loop(g->base, EVLOOP_ONCE);
}

struct guest *guest_new(void)
{
    struct guest *g = calloc(1, sizeof(*g));
    int pair[2];

    test_alarm(TEST_PATIENCE);
    log_set_level(LOG_LEVEL_ERROR);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    g->supervisor = pair[0];
    g->fx = fake_xen_new();
    fake_xen_create_domain(g->fx, GUEST_DOMID, "guest");
    g->dom0 = fake_xen_domain(g->fx, 0);
    g->domu = fake_xen_domain(g->fx, GUEST_DOMID);
    g->base = lane_base_new();
    g->wait = run_worker;
    g->worker = worker_new(g->base, g->dom0, pair[1], "dom 5 bus 0");
    CU_ASSERT_PTR_NOT_NULL_FATAL(g->worker);
    return g;
}

void guest_free(struct guest *g)
{
    struct fake_counters counters;

    worker_free(g->worker);
    platform_close(g->domu);
    /* The guest is gone; what is there now is the worker's. */
    counters = fake_xen_counters(g->fx);
    CU_ASSERT_EQUAL(counters.mapped_pages, 0);
    CU_ASSERT_EQUAL(counters.open_ports, 0);
    platform_close(g->dom0);
    CU_ASSERT_EQUAL(fake_xen_free(g->fx), 0);
    event_base_free(g->base);
    close(g->supervisor);
    free(g);
    test_alarm(0);
}

/* ---- as the supervisor ---- */

struct ipc_message guest_offer(struct guest *g, enum msg_form form, uint16_t max_message)
{
    struct ipc_message message = {
        .kind = IPC_CONNECT,
        .max_shared_pages = GUEST_MAX_SHARED,
        .connect.frontend_domid = GUEST_DOMID,
        .connect.message_size = max_message,
        .connect.wire_form = form,
    };
    struct platform *p = g->domu;

    g->order = ring_order_for(max_message);
    g->ring_pages = p->ops->grant_share(p, 0, 1u << g->order, true, message.connect.ring_refs);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g->ring_pages);
    ring_format(g->ring_pages, g->order);
    CU_ASSERT(ring_attach(&g->ring, g->ring_pages, g->order, RING_FRONTEND, form, max_message));
    g->port = p->ops->evtchn_alloc(p, 0);
    CU_ASSERT_FATAL(g->port > 0);
    message.connect.ring_page_order = g->order;
    message.connect.event_channel = (uint32_t)g->port;
    return message;
}

void guest_connect(struct guest *g, enum msg_form form, uint16_t max_message)
{
    struct ipc_message offer = guest_offer(g, form, max_message);

    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
}

void guest_disconnect(struct guest *g)
{
    guest_tell(g, &(struct ipc_message){.kind = IPC_DISCONNECT}, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_DISCONNECTED);
}

void guest_tell(struct guest *g, const struct ipc_message *message, int fd)
{
    const struct fds fds = {fd >= 0, {fd}};

    CU_ASSERT_FATAL(ipc_send(g->supervisor, message, &fds) == 0);
}

struct ipc_message guest_told(struct guest *g)
{
    struct ipc_message message = {0};
    struct fds fds;
    int result;

    while ((result = ipc_receive(g->supervisor, &message, &fds)) < 0 && errno == EAGAIN)
        run_worker(g);
    CU_ASSERT_EQUAL_FATAL(result, 1);
    return message;
}

void guest_add_blk(struct guest *g, uint64_t number, int fd, bool read_only)
{
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = number, .type = "blk", .name = "disk0", .uuid = {1, 2, 3}},
    };

    choices_add(&message.device.choices, XS_MODE, read_only ? XS_MODE_READ : XS_MODE_WRITE);
    guest_tell(g, &message, fd);
    close(fd);
    message = guest_told(g);
    CU_ASSERT_EQUAL_FATAL(message.kind, IPC_DEVICE_ADDED);
    CU_ASSERT_EQUAL(message.answer.number, number);
}

int guest_disk(unsigned sectors)
{
    char name[] = "/tmp/xvmsg-disk-XXXXXX";
    int fd = mkstemp(name);
    uint8_t sector[512];

    CU_ASSERT_FATAL(fd >= 0);
    unlink(name);
    for (unsigned i = 0; i < sectors; i++) {
        memset(sector, (int)i, sizeof(sector));
        CU_ASSERT_FATAL(write(fd, sector, sizeof(sector)) == sizeof(sector));
    }
    return fd;
}
