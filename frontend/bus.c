/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The message ring of one connection: what goes in and what comes out. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/device.h"

/* Per turn, so that a backend that never stops does not keep us for ever. */
#define MAX_MESSAGES_A_TURN 256

/* ---- opening ---- */

static int share_ring(struct xvmsg *h, unsigned order, uint32_t *refs)
{
    struct platform *p = h->platform;
    struct bus *bus = &h->bus;

    bus->num_pages = (size_t)1 << order;
    bus->pages = p->ops->grant_share(p, h->conn.backend_domid, bus->num_pages, true, refs);
    if (bus->pages)
        return 0;
    return handle_fail(h, errno, "the message ring's %zu pages cannot be shared: %s%s",
                       bus->num_pages, strerror(errno),
                       errno == ENOSPC ? " (raise xen-gntalloc's limit)" : "");
}

int bus_open(struct xvmsg *h, unsigned order, uint16_t max_message, uint32_t *refs)
{
    struct platform *p = h->platform;
    struct bus *bus = &h->bus;

    *bus = (struct bus){.port = -1, .max_message = max_message, .heard = true};
    bus->incoming = malloc(max_message);
    bus->outgoing = malloc(max_message);
    if (!bus->incoming || !bus->outgoing) {
        handle_fail(h, ENOMEM, "out of memory for messages");
        goto close;
    }
    if (share_ring(h, order, refs) < 0)
        goto close;
    ring_format(bus->pages, order);
    if (!ring_attach(&bus->ring, bus->pages, order, RING_FRONTEND, h->form, max_message)) {
        handle_fail(h, EINVAL, "messages of %u bytes do not fit a ring of %zu pages", max_message,
                    bus->num_pages);
        goto close;
    }
    bus->port = p->ops->evtchn_alloc(p, h->conn.backend_domid);
    if (bus->port < 0) {
        handle_fail(h, errno, "no event channel to domain %u: %s", h->conn.backend_domid,
                    strerror(errno));
        goto close;
    }
    return 0;

close:
    bus_close(h);
    return -1;
}

void bus_close(struct xvmsg *h)
{
    struct platform *p = h->platform;
    struct bus *bus = &h->bus;
    int saved = errno;

    if (bus->port >= 0)
        p->ops->evtchn_unbind(p, (uint32_t)bus->port);
    /* The pages stay with the kernel for as long as the backend maps them. */
    if (bus->pages)
        p->ops->grant_unshare(p, bus->pages, bus->num_pages);
    free(bus->incoming);
    free(bus->outgoing);
    *bus = (struct bus){.port = -1};
    errno = saved;
}

/* ---- single messages ---- */

/* Both return 0, or the size of the message for which there is no room. */

static size_t put(struct xvmsg *h, const struct msg *m)
{
    size_t size = msg_encode(h->form, m, h->bus.outgoing, h->bus.max_message, NULL);

    return ring_put(&h->bus.ring, h->bus.outgoing, size) ? 0 : size;
}

static size_t send_ping_answer(struct xvmsg *h)
{
    struct msg m = {
        .kind = MSG_ping_response,
        .token = h->bus.ping_token,
        .ping_response.data = h->bus.ping_data,
    };
    size_t blocked = h->bus.answer_ping ? put(h, &m) : 0;

    if (!blocked)
        h->bus.answer_ping = false;
    return blocked;
}

/* ---- receiving ---- */

/* Xenstore tells of devices, each once; an event only says when to look. Other states
 * than these are not for us (DRV-66). */
static void receive_device_event(struct xvmsg *h, const struct msg_event_device *event)
{
    if (event->device_bus_state != DEVICE_BUS_STATE_ADDED &&
        event->device_bus_state != DEVICE_BUS_STATE_REMOVED)
        return;
    hotplug_ask(h);
}

static void receive_event(struct xvmsg *h, const struct msg *m)
{
    if (m->kind == MSG_event_used)
        device_used(h, m->dev_num, m->event_used.vq_index);
    else if (m->kind == MSG_event_config)
        device_config_event(h, m);
    else if (m->kind == MSG_event_device)
        receive_device_event(h, &m->event_device);
}

static void receive_request(struct xvmsg *h, const struct msg *m)
{
    if (m->kind != MSG_ping_request)
        return;
    /* One answer for each, as long as there is room; a peer that asks faster than it
     * listens gets the one to its last question. */
    send_ping_answer(h);
    h->bus.answer_ping = true;
    h->bus.ping_token = m->token;
    h->bus.ping_data = m->ping_request.data;
}

/* Unknown and malformed requests and events are discarded (DRV-04); a malformed
 * response ends the request that waits for it. */
static void receive_message(struct xvmsg *h, size_t size)
{
    const uint8_t *bytes = h->bus.incoming;
    struct msg_header header;
    struct msg_error error;
    struct msg m;

    if (!msg_decode_header(h->form, bytes, size, &header))
        return;

    bool valid = msg_decode(h->form, bytes, size, &m, &error);

    if (header.response)
        request_answer(h, &header, valid ? &m : NULL);
    else if (valid && msg_describe(m.kind)->class == MSG_EVENT)
        receive_event(h, &m);
    else if (valid)
        receive_request(h, &m);
}

bool bus_receive(struct xvmsg *h)
{
    int count = 0;
    size_t size;

    h->bus.receiving = true;
    while (h->conn.up && count < MAX_MESSAGES_A_TURN &&
           (size = ring_get(&h->bus.ring, h->bus.incoming)) > 0) {
        h->bus.heard = true;
        receive_message(h, size);
        count++;
    }
    h->bus.receiving = false;
    return count > 0;
}

/* ---- sending ---- */

static struct xvmsg_device *device_of(struct pending_source *source)
{
    return (struct xvmsg_device *)(void *)((char *)source - offsetof(struct xvmsg_device, events));
}

/* As those above. */
static size_t send_notifications(struct xvmsg *h)
{
    struct pending *events = &h->bus.events;
    struct pending_source *source;
    uint32_t bit;

    while (pending_next(events, &source, &bit)) {
        struct xvmsg_device *d = device_of(source);
        struct xvmsg_queue *queue = &d->queues[bit - PENDING_QUEUE(0)];
        struct msg m = {
            .kind = MSG_event_avail,
            .dev_num = d->number,
            .event_avail.vq_index = queue->index,
        };

        if (d->features & FEATURE_NOTIFICATION_DATA)
            m.event_avail.next_offset = queue_next_offset(queue);

        size_t blocked = 0;

        if (queue_wants_notification(queue) && !doorbell_ring(queue))
            blocked = put(h, &m);
        if (blocked)
            return blocked;
        queue_told(queue);
        pending_done(events, source, bit);
    }
    return 0;
}

void bus_send(struct xvmsg *h)
{
    struct bus *bus = &h->bus;

    if (!h->conn.up || bus->ring.fault)
        return;

    size_t blocked = request_send(h);

    if (!blocked)
        blocked = send_ping_answer(h);
    if (!blocked)
        blocked = send_notifications(h);

    bool ring_bell = ring_publish(&bus->ring);

    ring_bell |= ring_release(&bus->ring);
    bus->look_again = blocked && !ring_await_room(&bus->ring, blocked);
    if (ring_bell && h->platform->ops->evtchn_notify(h->platform, (uint32_t)bus->port) < 0)
        bus->mute = true;
}

bool bus_sleep(struct xvmsg *h)
{
    return !h->conn.up || (!h->bus.look_again && ring_await_message(&h->bus.ring));
}
