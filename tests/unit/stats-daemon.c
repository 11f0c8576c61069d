/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/stats-daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

#define GUEST 5u

static void listen_at_path(struct stats_daemon *d)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, d->socket);
    d->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(bind(d->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_FATAL(listen(d->listener, 8) == 0);
}

void stats_daemon_open(struct stats_daemon *d, unsigned buses)
{
    *d = (struct stats_daemon){.fx = fake_xen_new()};
    fake_xen_real_clock(d->fx);
    fake_xen_create_domain(d->fx, GUEST, "web");
    d->dom0 = fake_xen_domain(d->fx, 0);
    d->own = fake_xen_domain(d->fx, 0);
    CU_ASSERT_EQUAL(d->own->ops->lock(d->own, "xvmsgd"), 0);
    for (unsigned bus = 0; bus < buses; bus++) {
        struct store_path home = store_path(XS_BACKEND_BUS, 0, GUEST, bus);

        CU_ASSERT_EQUAL(store_write_text(d->own, PLATFORM_NO_TX, home.text, XS_FRONTEND, "F"), 0);
    }
    strcpy(d->directory, "/tmp/xvmsg-stats-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(d->directory));
    snprintf(d->socket, sizeof(d->socket), "%s/socket", d->directory);
    snprintf(d->file, sizeof(d->file), "%s/file.prom", d->directory);
    listen_at_path(d);
}

void stats_daemon_close(struct stats_daemon *d)
{
    close(d->listener);
    unlink(d->socket);
    unlink(d->file);
    CU_ASSERT_EQUAL(rmdir(d->directory), 0); /* nothing else was left in it */
    platform_close(d->dom0);
    platform_close(d->own);
    CU_ASSERT_EQUAL(fake_xen_free(d->fx), 0);
}

static void tell(int tool, const void *record, size_t size)
{
    /* A tool that has had enough is gone. */
    send(tool, record, size, MSG_NOSIGNAL);
}

int stats_daemon_accept(const struct stats_daemon *d, uint32_t *bus)
{
    const struct control_answer answer = {.accepted = 1};
    int tool = accept(d->listener, NULL, NULL);
    struct control_request request;

    CU_ASSERT_EQUAL_FATAL(recv(tool, &request, sizeof(request), MSG_TRUNC), sizeof(request));
    CU_ASSERT_EQUAL(request.version, CONTROL_VERSION);
    CU_ASSERT_EQUAL(request.kind, CONTROL_STATS);
    CU_ASSERT_EQUAL(request.frontend, GUEST);
    *bus = request.bus;
    tell(tool, &answer, sizeof(answer));
    return tool;
}

static struct stats_head head(enum stats_kind kind)
{
    return (struct stats_head){.kind = kind, .size = stats_record_size(kind)};
}

void stats_daemon_tell_bus(int tool)
{
    const struct stats_bus bus = {
        .head = head(STATS_BUS),
        .channel = {.from_guest = 100, .to_guest = 90, .events = 40, .dropped = 3, .looks = 70},
        .memory = {.maps = 4, .mapped_pages = 512, .copies = 9},
        .connected = 1,
    };

    tell(tool, &bus, sizeof(bus));
}

void stats_daemon_tell_device(int tool, uint64_t number, const char *name)
{
    struct stats_device device = {
        .head = head(STATS_DEVICE),
        .number = number,
        .counts = {.needs_resets = 1, .resets = 2},
        .num_queues = 4,
        .type = "blk",
    };

    memcpy(device.name, name, strnlen(name, STATS_NAME_MAX));
    tell(tool, &device, sizeof(device));
}

void stats_daemon_tell_queue(int tool, uint32_t index, uint64_t requests)
{
    struct stats_queue queue = {
        .head = head(STATS_QUEUE),
        .index = index,
        .counts = {
            .requests = requests,
            .bytes_from_guest = requests << 20,
            .bytes_to_guest = requests << 10,
            .depth = 2,
            .depth_max = 7,
            .doorbells = requests / 10,
            .notifications = requests / 5,
            .suppressed = requests - requests / 5,
            .polls = 2 * requests,
            .maps = requests / 2,
            .copies = requests / 4,
        },
    };

    /* Nine of ten within a quarter of a millisecond, the rest in ten of them. */
    for (uint64_t i = 0; i < requests; i++)
        latency_add(&queue.counts.latency, i % 10 ? 250000 : 10000000);
    tell(tool, &queue, sizeof(queue));
}

void stats_daemon_tell_end(int tool)
{
    const struct stats_head end = head(STATS_END);

    tell(tool, &end, sizeof(end));
}

void stats_daemon_serve(const struct stats_daemon *d, uint64_t requests)
{
    uint32_t bus;
    int tool = stats_daemon_accept(d, &bus);

    CU_ASSERT_EQUAL(bus, 0);
    stats_daemon_tell_bus(tool);
    stats_daemon_tell_device(tool, 1, "data");
    stats_daemon_tell_queue(tool, 0, requests);
    stats_daemon_tell_queue(tool, 1, 3 * requests);
    stats_daemon_tell_device(tool, 2, "spare");
    stats_daemon_tell_end(tool);
    close(tool);
}
