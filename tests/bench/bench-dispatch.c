/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Nanoseconds that a worker needs for a message: decoded, served by a device that
 * does nothing (or by the bus), the answer encoded. Without ring and event channel;
 * without the area requests, whose cost is Xen's. Prints, judges nothing. */

#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/bus-messages.h"
#include "backend/device-state.h"
#include "backend/roster.h"
#include "backend/transport.h"
#include "tests/bench/example.h"
#include "tests/bench/figures.h"
#include "tests/fake/fake-xen.h"

#define ROUNDS 1000000u
#define NUMBER 7u
#define CONFIG_SIZE 64u

static void *idle_create(struct device *device, const struct device_setup *setup, char *why)
{
    (void)setup;
    (void)why;
    return device;
}

static void idle_destroy(void *state)
{
    (void)state;
}

static void idle_read_config(void *state, void *config)
{
    (void)state;
    memset(config, 0, CONFIG_SIZE);
}

static void idle_kick(void *state, struct queue *queue)
{
    (void)state;
    (void)queue;
}

static const struct device_class idle_class = {
    .name = "idle",
    .virtio_id = 42,
    .num_queues = 2,
    .queue_size = 64,
    .config_size = CONFIG_SIZE,
    .create = idle_create,
    .destroy = idle_destroy,
    .read_config = idle_read_config,
    .queue_kick = idle_kick,
};

static void nothing(void *user)
{
    (void)user;
}

static struct roster roster;
static struct device_host host;

static enum answer_when serve(const struct msg *m, struct answer *answer)
{
    if (msg_describe(m->kind)->name_space == MSG_BUS)
        return bus_messages_serve(&roster, &host, m, answer);
    return transport_serve(roster_find(&roster, m->dev_num), m, answer);
}

static void bench_kind(enum msg_kind kind)
{
    static uint8_t request[MSG_WIDE_DEFAULT_MAX], response[MSG_WIDE_DEFAULT_MAX];
    static uint8_t tail[MSG_WIDE_DEFAULT_MAX];
    const struct msg_description *description = msg_describe(kind);
    struct answer answer = {
        .form = MSG_WIDE, .max_message = MSG_WIDE_DEFAULT_MAX, .tail = tail};
    struct msg m = example(kind);

    m.dev_num = description->name_space == MSG_TRANSPORT ? NUMBER : 0;

    size_t size = msg_encode(MSG_WIDE, &m, request, sizeof(request), NULL);
    uint64_t start = figures_now();

    for (uint32_t i = 0; i < ROUNDS; i++)
        if (msg_decode(MSG_WIDE, request, size, &m, NULL) && serve(&m, &answer) == ANSWER_NOW)
            msg_encode(MSG_WIDE, &answer.msg, response, sizeof(response), NULL);
    printf("%-20s %-8s %7.1f\n", description->name, description->class == MSG_EVENT ? "event" : "",
           (double)(figures_now() - start) / ROUNDS);
    fflush(stdout);
}

static bool measured(enum msg_kind kind)
{
    const struct msg_description *description = msg_describe(kind);

    return description->class != MSG_RESPONSE && description->sender & MSG_DRIVER &&
           kind != MSG_area_share_request && kind != MSG_area_unshare_request;
}

int main(void)
{
    struct fake_xen *fx = fake_xen_new();
    const struct ipc_device what = {.number = NUMBER, .type = "idle", .name = "idle"};
    char why[DEVICE_WHY_MAX];
    struct device *device;

    host = (struct device_host){
        .label = "bench",
        .lane = {.base = event_base_new(), .platform = fake_xen_domain(fx, 0)},
        .event_waits = nothing,
        .settled = nothing,
    };
    device = device_new(&host, &idle_class, &what, &(struct fds){0}, why);

    if (!device || !roster_reserve(&roster)) {
        fprintf(stderr, "bench-dispatch: %s\n", why);
        return EXIT_FAILURE;
    }
    roster_insert(&roster, device);
    device_set_status(device, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    printf("\nmessage (wide), ns to decode, serve and answer\n");
    for (enum msg_kind kind = 0; kind < MSG_KINDS; kind++)
        if (measured(kind))
            bench_kind(kind);
    device_free(device);
    roster_free(&roster);
    platform_close(host.lane.platform);
    event_base_free(host.lane.base);
    fake_xen_free(fx);
    return 0;
}
