/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/scripted-bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "xenstore-schema/handshake.h"
#include "xenstore-schema/schema.h"

void backend_init(struct backend *b, struct platform *dom0, unsigned domid, unsigned bus)
{
    *b = (struct backend){.dom0 = dom0, .domid = domid, .port = -1};
    snprintf(b->back, sizeof(b->back), XS_BACKEND_BUS, 0u, domid, bus);
    snprintf(b->front, sizeof(b->front), XS_FRONTEND_BUS, domid, bus);
}

/* ---- xenstore ---- */

static void write_node(struct platform *p, const char *home, const char *key, const char *value)
{
    int rc = value ? store_write_text(p, PLATFORM_NO_TX, home, key, value)
                   : store_remove(p, PLATFORM_NO_TX, home, key);

    BACKEND_CHECK(rc == 0);
}

void backend_write(struct backend *b, const char *key, const char *value)
{
    write_node(b->dom0, b->back, key, value);
}

void backend_write_front(struct backend *b, const char *key, const char *value)
{
    write_node(b->dom0, b->front, key, value);
}

bool backend_front_is(struct backend *b, const char *key, const char *value)
{
    char *text = store_read_text(b->dom0, PLATFORM_NO_TX, b->front, key);
    bool same = text && value ? strcmp(text, value) == 0 : !text && !value;

    free(text);
    return same;
}

bool backend_front_says(struct backend *b, const char *key, const char *words)
{
    char *text = store_read_text(b->dom0, PLATFORM_NO_TX, b->front, key);
    bool says = text && strstr(text, words);

    free(text);
    return says;
}

static int make_bus(struct platform *p, platform_tx tx, void *user)
{
    const struct backend *b = user;
    const struct platform_perm front[] = {{b->domid, false, false}, {0, true, false}};
    const struct platform_perm back[] = {{0, false, false}, {b->domid, true, false}};

    if (p->ops->xs_write(p, tx, b->front, "") < 0 || p->ops->xs_write(p, tx, b->back, "") < 0 ||
        p->ops->xs_set_perms(p, tx, b->front, front, 2) < 0 ||
        p->ops->xs_set_perms(p, tx, b->back, back, 2) < 0 ||
        store_write_text(p, tx, b->front, XS_BACKEND, b->back) < 0 ||
        store_write_u64(p, tx, b->front, XS_BACKEND_ID, 0) < 0 ||
        store_write_u64(p, tx, b->front, XS_STATE, XENBUS_INITIALISING) < 0)
        return -1;
    return store_write_u64(p, tx, b->back, XS_STATE, XENBUS_INITIALISING);
}

void backend_make_bus(struct backend *b)
{
    BACKEND_CHECK(store_transaction(b->dom0, make_bus, b) == 0);
}

void backend_remove_bus(struct backend *b)
{
    backend_drop(b);
    BACKEND_CHECK(b->dom0->ops->xs_remove(b->dom0, PLATFORM_NO_TX, b->front) == 0);
    BACKEND_CHECK(b->dom0->ops->xs_remove(b->dom0, PLATFORM_NO_TX, b->back) == 0);
}

void backend_advertise(struct backend *b)
{
    backend_drop(b);
    backend_write(b, XS_VERSIONS, "1");
    backend_write(b, XS_MAX_MESSAGE_SIZE, "65535");
    backend_write(b, XS_MAX_RING_PAGE_ORDER, "6");
    backend_write(b, XS_TRANSPORT_REVISION, "1");
    backend_write(b, XS_TRANSPORT_FEATURES, "0");
    backend_write(b, XS_FEATURE_WIRE_COMPACT, "1");
    backend_write(b, XS_STATE, "2");
}

static struct backend_device *find_device(struct backend *b, uint64_t number)
{
    for (unsigned i = 0; i < BACKEND_DEVICES; i++)
        if (b->devices[i].present && b->devices[i].number == number)
            return &b->devices[i];
    return NULL;
}

static void write_device(struct backend *b, uint64_t number, const char *key, const char *value)
{
    backend_write(b, store_path("device/%llu/%s", (unsigned long long)number, key).text, value);
}

struct backend_device *backend_add_disk(struct backend *b, uint64_t number, const char *name)
{
    struct backend_device *d = b->devices;

    while (d->present)
        d++;
    backend_device_init(d, number);
    write_device(b, number, XS_NAME, name);
    write_device(b, number, XS_TYPE, "blk");
    write_device(b, number, XS_STATE, XS_DEVICE_ADDED);
    return d;
}

void backend_want_back(struct backend *b, uint64_t number)
{
    write_device(b, number, XS_STATE, XS_DEVICE_REMOVING);
}

void backend_vanish(struct backend *b, uint64_t number)
{
    struct backend_device *d = find_device(b, number);

    /* As a backend, which lets go of the queues before the node goes. */
    if (d) {
        backend_device_set_status(d, 0);
        d->present = false;
    }
    backend_write(b, store_path("device/%llu", (unsigned long long)number).text, NULL);
}

/* ---- the connection ---- */

void backend_drop(struct backend *b)
{
    struct platform *p = b->dom0;

    backend_drop_areas(b);
    if (b->mapped) {
        p->ops->evtchn_unbind(p, (uint32_t)b->port);
        p->ops->grant_unmap(p, b->pages, b->num_pages);
    }
    for (unsigned i = 0; i < BACKEND_DEVICES; i++)
        backend_device_set_status(&b->devices[i], 0);
    b->mapped = false;
}

static uint64_t read_front(struct backend *b, const char *key)
{
    uint64_t value = 0;

    BACKEND_CHECK(store_read_u64(b->dom0, PLATFORM_NO_TX, b->front, key, 0, UINT32_MAX, &value) ==
                  0);
    return value;
}

static void refuse_offer(struct backend *b)
{
    backend_write(b, XS_ERROR, "the ring cannot be mapped");
    backend_write(b, XS_STATE, "5");
}

static void map_offer(struct backend *b)
{
    struct platform *p = b->dom0;
    unsigned order = (unsigned)read_front(b, XS_RING_PAGE_ORDER);
    uint32_t refs[RING_MAX_PAGES];

    BACKEND_CHECK(order <= RING_MAX_ORDER);
    b->num_pages = (size_t)1 << order;
    for (unsigned i = 0; i < b->num_pages; i++)
        refs[i] = (uint32_t)read_front(b, store_path(XS_RING_REF "%u", i).text);
    b->form = backend_front_is(b, XS_WIRE_FORM, XS_WIRE_FORM_COMPACT) ? MSG_COMPACT : MSG_WIDE;
    b->pages = p->ops->grant_map(p, b->domid, refs, b->num_pages, true);
    if (!b->pages) {
        refuse_offer(b);
        return;
    }
    BACKEND_CHECK(ring_attach(&b->ring, b->pages, order, RING_BACKEND, b->form,
                                     (uint16_t)read_front(b, XS_MESSAGE_SIZE)));
    b->port = p->ops->evtchn_bind(p, b->domid, (uint32_t)read_front(b, XS_EVENT_CHANNEL));
    if (b->port < 0) {
        p->ops->grant_unmap(p, b->pages, b->num_pages);
        refuse_offer(b);
        return;
    }
    b->mapped = true;
    b->connections++;
    backend_write(b, XS_STATE, "4");
}

/* As a backend whose watch on F/state fired. */
void backend_handshake(struct backend *b)
{
    uint64_t own = 0, front = 0;

    store_read_u64(b->dom0, PLATFORM_NO_TX, b->back, XS_STATE, 0, 8, &own);
    store_read_u64(b->dom0, PLATFORM_NO_TX, b->front, XS_STATE, 0, 8, &front);
    switch (handshake_backend((enum xenbus_state)own, (enum xenbus_state)front)) {
    case HANDSHAKE_ADVERTISE:
        if (own != XENBUS_INITIALISING) /* then the test does it, when it wants to */
            backend_advertise(b);
        break;
    case HANDSHAKE_MAP:
        map_offer(b);
        break;
    case HANDSHAKE_FINISH:
        backend_drop(b);
        backend_write(b, XS_STATE, "6");
        break;
    default:
        break;
    }
}

/* ---- messages ---- */

void backend_send_bytes(struct backend *b, const void *bytes, size_t size)
{
    bool put = ring_put(&b->ring, bytes, size);

    BACKEND_CHECK(put || b->lossy);
    if (put && b->tap)
        b->tap(b->tap_user, false, bytes, size);
}

void backend_send(struct backend *b, const struct msg *m)
{
    uint8_t bytes[8192 + BACKEND_SPARE] = {0};
    size_t size = msg_encode(b->form, m, bytes, sizeof(bytes) - BACKEND_SPARE, NULL);

    BACKEND_CHECK(size > 0);
    if (b->distort)
        size = b->distort(b, bytes, size);
    if (size)
        backend_send_bytes(b, bytes, size);
}

struct msg backend_response(const struct msg *request)
{
    return (struct msg){
        .kind = request->kind + 1, .token = request->token, .dev_num = request->dev_num};
}

bool backend_refuse_writes(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_set_config_request)
        return false;
    r.set_config_response.offset = m->set_config_request.offset;
    backend_send(b, &r);
    return true;
}

bool backend_refuse_reads(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_config_request)
        return false;
    r.get_config_response.offset = m->get_config_request.offset;
    backend_send(b, &r);
    return true;
}

int backend_first(const struct backend *b, enum msg_kind kind)
{
    for (unsigned i = 0; i < b->num_seen; i++)
        if (b->order[i] == kind)
            return (int)i;
    return -1;
}

void backend_answer(struct backend *b, const struct msg *m)
{
    struct backend_device *d = find_device(b, m->dev_num);
    struct msg r = backend_response(m);
    uint8_t bitmap[1] = {0x24};

    switch (m->kind) {
    case MSG_area_share_request:
        backend_share_area(b, m);
        break;
    case MSG_area_unshare_request:
        backend_unshare_area(b, m);
        break;
    case MSG_ping_request:
        r.ping_response.data = m->ping_request.data;
        backend_send(b, &r);
        break;
    case MSG_ping_response:
        break;
    case MSG_get_devices_request:
        r.get_devices_response.offset = m->get_devices_request.offset;
        r.get_devices_response.count = 8;
        r.get_devices_response.bitmap = (struct msg_tail){bitmap, 1};
        backend_send(b, &r);
        break;
    default:
        if (d)
            backend_device_answer(b, d, m);
        break;
    }
}

/* The record from `at` on as it lies on the ring, where it may wrap. */
static void tap_record(struct backend *b, uint32_t at)
{
    size_t size = 0;

    for (; at != b->ring.in.cons; at = (at + 1) % (2 * b->ring.size))
        b->record[size++] = b->ring.in.bytes[at % b->ring.size];
    b->tap(b->tap_user, true, b->record, size);
}

static void receive(struct backend *b)
{
    struct msg_error error;
    struct msg m;
    uint32_t at;
    size_t size;

    while (b->mapped && (at = b->ring.in.cons, size = ring_get(&b->ring, b->message)) > 0) {
        if (b->tap)
            tap_record(b, at);
        BACKEND_CHECK(msg_decode(b->form, b->message, size, &m, &error));
        b->seen[m.kind]++;
        if (b->num_seen < sizeof(b->order) / sizeof(b->order[0]))
            b->order[b->num_seen++] = m.kind;
        b->last = m;
        if (!b->mute && !(b->script && b->script(b, &m)))
            backend_answer(b, &m);
    }
}

/* ---- running ---- */

static void take_doorbells(struct backend *b)
{
    int port;

    while ((port = b->dom0->ops->evtchn_next(b->dom0)) >= 0)
        b->dom0->ops->evtchn_unmask(b->dom0, (uint32_t)port);
}

void backend_serve(struct backend *b)
{
    take_doorbells(b);
    receive(b);
    for (unsigned i = 0; b->mapped && i < BACKEND_DEVICES; i++)
        if (b->devices[i].present)
            backend_device_serve(b, &b->devices[i]);
    if (!b->mapped)
        return;

    bool bell = ring_publish(&b->ring);

    bell |= ring_release(&b->ring);
    ring_await_message(&b->ring);
    if (bell)
        b->dom0->ops->evtchn_notify(b->dom0, (uint32_t)b->port);
}

void backend_step(struct backend *b)
{
    backend_handshake(b);
    backend_serve(b);
}
