/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Devices whose answers are right in form and wrong in what they say. */

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#include "common/le.h"
#include "tests/e2e/wicked.h"

#define BIT(n) (UINT64_C(1) << (n))

/* Shows what is done to a device before anybody has seen it. */
static void show(struct backend *b, struct backend_device *d)
{
    wicked_quiet(b, WICKED_QUIET_MS);
    wicked_lose(b, d);
}

/* ---- what it is ---- */

static void strange_ids(struct backend *b)
{
    static const uint32_t ids[] = {0, 99, 0xffffffffu};

    wicked_connect(b);
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        show(b, wicked_add(b, "blk", ids[i]));
}

static void huge_config(struct backend *b)
{
    struct backend_device *d;

    wicked_connect(b);
    d = wicked_add_disk(b);
    d->config_size = 0xffffffffu;
    d->max_virtqueues = 0xffffffffu;
    show(b, d);
    d = wicked_add_disk(b);
    d->config_size = 0;
    d->max_virtqueues = 0;
    show(b, d);
}

static void queue_sizes(struct backend *b)
{
    static const uint32_t sizes[] = {0, 1, 3, 0x80000000u, 0xffffffffu};

    wicked_connect(b);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct backend_device *d = wicked_add_disk(b);

        d->queues[0].max_size = sizes[i];
        show(b, d);
    }
}

static void features(struct backend *b)
{
    static const uint64_t offers[] = {
        0, BIT(VIRTIO_F_VERSION_1), BIT(VIRTIO_F_ACCESS_PLATFORM), ~BIT(VIRTIO_F_VERSION_1)};

    wicked_connect(b);
    for (unsigned i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        struct backend_device *d = wicked_add_disk(b);

        d->offered = offers[i];
        show(b, d);
    }
}

/* ---- its configuration ---- */

static bool answer_other_offset(struct backend *b, const struct msg *m)
{
    static const uint8_t bytes[MSG_WIDE_DEFAULT_MAX];
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_config_request)
        return false;
    r.get_config_response.offset = m->get_config_request.offset + 1;
    r.get_config_response.length = m->get_config_request.length;
    r.get_config_response.data = (struct msg_tail){bytes, m->get_config_request.length};
    backend_send(b, &r);
    return true;
}

static bool answer_more(struct backend *b, const struct msg *m)
{
    static const uint8_t bytes[200];
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_config_request)
        return false;
    r.get_config_response.offset = m->get_config_request.offset;
    r.get_config_response.length = sizeof(bytes);
    r.get_config_response.data = (struct msg_tail){bytes, sizeof(bytes)};
    backend_send(b, &r);
    return true;
}

static void config_reads(struct backend *b)
{
    static bool (*const scripts[])(struct backend *, const struct msg *) = {
        answer_other_offset, backend_refuse_reads, answer_more};

    wicked_connect(b);
    for (unsigned i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        b->script = scripts[i];
        wicked_show_disk(b, WICKED_QUIET_MS);
    }
    b->script = NULL;
}

/* A disk of 2^64 - 1 sectors, each of 2^31 bytes. */
static void huge_disk(struct backend *b)
{
    struct backend_device *d;

    wicked_connect(b);
    d = wicked_add_disk(b);
    le64_put(d->config, UINT64_MAX);
    show(b, d);
    d = wicked_add_disk(b);
    d->offered |= BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_SEG_MAX) |
                  BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_MQ);
    for (unsigned i = 8; i < d->config_size; i++)
        d->config[i] = 0xff;
    show(b, d);
}

/* Other types, their configurations all ones. */
static void other_types(struct backend *b)
{
    static const struct {
        const char *type;
        uint32_t device_id;
        uint64_t offered;
    } types[] = {
        {"net", VIRTIO_ID_NET,
         BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_MQ) |
             BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_STATUS)},
        {"net", VIRTIO_ID_NET, 0},
        {"console", VIRTIO_ID_CONSOLE,
         BIT(VIRTIO_CONSOLE_F_MULTIPORT) | BIT(VIRTIO_CONSOLE_F_SIZE)},
        {"console", VIRTIO_ID_CONSOLE, 0},
        {"rng", VIRTIO_ID_RNG, 0},
    };

    wicked_connect(b);
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct backend_device *d = wicked_add(b, types[i].type, types[i].device_id);

        d->offered = types[i].offered | BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM);
        d->max_virtqueues = types[i].device_id == VIRTIO_ID_RNG ? 1 : 2;
        for (unsigned at = 0; at < BACKEND_CONFIG_BYTES; at++)
            d->config[at] = 0xff;
        show(b, d);
    }
}

/* ---- its status ---- */

static uint32_t claimed_status;

static bool claim_status(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind == MSG_set_device_status_request)
        r.set_device_status_response.status = claimed_status;
    else if (m->kind == MSG_get_device_status_request)
        r.get_device_status_response.status = claimed_status;
    else
        return false;
    backend_send(b, &r);
    return true;
}

static void statuses(struct backend *b)
{
    static const uint32_t claims[] = {0, VIRTIO_CONFIG_S_FAILED, VIRTIO_CONFIG_S_NEEDS_RESET};

    wicked_connect(b);
    b->script = claim_status;
    for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        claimed_status = claims[i];
        /* A device that never comes out of its reset has the time it is given. */
        wicked_show_disk(b, claims[i] ? WICKED_REQUEST_MS : WICKED_QUIET_MS);
    }
    b->script = NULL;
}

/* NEEDS_RESET, at once and again and again. */
static void needs_reset(struct backend *b)
{
    struct backend_device *d;

    wicked_connect(b);
    d = wicked_add_disk(b);
    wicked_quiet(b, WICKED_QUIET_MS);
    b->lossy = true;
    for (unsigned i = 0; i < 500; i++) {
        struct msg event = {.kind = MSG_event_config, .dev_num = d->number};

        event.event_config.device_status = 15 | VIRTIO_CONFIG_S_NEEDS_RESET;
        event.event_config.generation = i;
        backend_send(b, &event);
        wicked_turn(b, 1);
    }
    wicked_lose(b, d);
}

const struct attack wicked_device_attacks[] = {
    {"strange-ids", "devices of types that there are not", strange_ids},
    {"huge-config", "a configuration of 4 GiB and 2^32 queues; none of either", huge_config},
    {"queue-sizes", "queues of 0, 1, 3, 2^31 and 2^32 - 1 entries", queue_sizes},
    {"features", "no VERSION_1, no ACCESS_PLATFORM, all features there are", features},
    {"config-reads", "other bytes of the configuration than asked for, none, more", config_reads},
    {"huge-disk", "a disk of 2^64 sectors; its other sizes all ones", huge_disk},
    {"other-types", "net, console and rng with a configuration all ones", other_types},
    {"statuses", "a status that stays 0, FAILED or NEEDS_RESET whatever is set", statuses},
    {"needs-reset", "NEEDS_RESET again and again", needs_reset},
    {NULL, NULL, NULL},
};
