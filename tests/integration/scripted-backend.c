/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/scripted-backend.h"

#include <CUnit/CUnit.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "xenstore-schema/schema.h"

/* Rounds in which the frontend has nothing to do before it is believed, for the
 * backend may answer only in the next; and rounds that no exchange here needs. */
#define QUIET_ROUNDS 4
#define MAX_ROUNDS 200

/* ---- the stage ---- */

struct backend *backend_new(void)
{
    struct backend *b = calloc(1, sizeof(*b));

    if (!b)
        abort();
    b->fx = fake_xen_new();
    fake_xen_create_domain(b->fx, BACKEND_GUEST, "guest");
    b->dom0 = fake_xen_domain(b->fx, 0);
    b->guest = fake_xen_domain(b->fx, BACKEND_GUEST);
    b->h = xvmsg_new_on(b->guest);
    b->port = -1;
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->h);
    return b;
}

void backend_free(struct backend *b)
{
    struct fake_counters left;

    backend_stop(b);
    xvmsg_free(b->h);
    backend_drop(b);
    platform_close(b->dom0);
    left = fake_xen_counters(b->fx);
    CU_ASSERT_EQUAL(left.open_ports, 0);
    CU_ASSERT_EQUAL(left.mapped_pages, 0);
    CU_ASSERT_EQUAL(left.shared_pages, 0);
    CU_ASSERT_EQUAL(left.transactions, 0);
    CU_ASSERT_EQUAL(left.watches, 0);
    CU_ASSERT_EQUAL(fake_xen_free(b->fx), 0);
    for (unsigned i = 0; i < BACKEND_DEVICES; i++)
        free(b->devices[i].disk);
    free(b);
}

/* ---- xenstore ---- */

static void write_node(struct platform *p, const char *home, const char *key, const char *value)
{
    int rc = value ? store_write_text(p, PLATFORM_NO_TX, home, key, value)
                   : store_remove(p, PLATFORM_NO_TX, home, key);

    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

void backend_write(struct backend *b, const char *key, const char *value)
{
    write_node(b->dom0, BACKEND_B, key, value);
}

void backend_write_front(struct backend *b, const char *key, const char *value)
{
    write_node(b->dom0, BACKEND_F, key, value);
}

bool backend_front_is(struct backend *b, const char *key, const char *value)
{
    char *text = store_read_text(b->dom0, PLATFORM_NO_TX, BACKEND_F, key);
    bool same = text && value ? strcmp(text, value) == 0 : !text && !value;

    free(text);
    return same;
}

bool backend_front_says(struct backend *b, const char *key, const char *words)
{
    char *text = store_read_text(b->dom0, PLATFORM_NO_TX, BACKEND_F, key);
    bool says = text && strstr(text, words);

    free(text);
    return says;
}

static int make_bus(struct platform *p, platform_tx tx, void *user)
{
    static const struct platform_perm front[] = {{BACKEND_GUEST, false, false}, {0, true, false}};
    static const struct platform_perm back[] = {{0, false, false}, {BACKEND_GUEST, true, false}};

    (void)user;
    if (p->ops->xs_write(p, tx, BACKEND_F, "") < 0 || p->ops->xs_write(p, tx, BACKEND_B, "") < 0 ||
        p->ops->xs_set_perms(p, tx, BACKEND_F, front, 2) < 0 ||
        p->ops->xs_set_perms(p, tx, BACKEND_B, back, 2) < 0 ||
        store_write_text(p, tx, BACKEND_F, XS_BACKEND, BACKEND_B) < 0 ||
        store_write_u64(p, tx, BACKEND_F, XS_BACKEND_ID, 0) < 0 ||
        store_write_u64(p, tx, BACKEND_F, XS_STATE, XENBUS_INITIALISING) < 0)
        return -1;
    return store_write_u64(p, tx, BACKEND_B, XS_STATE, XENBUS_INITIALISING);
}

void backend_make_bus(struct backend *b)
{
    CU_ASSERT_EQUAL_FATAL(store_transaction(b->dom0, make_bus, NULL), 0);
}

void backend_remove_bus(struct backend *b)
{
    backend_drop(b);
    CU_ASSERT_EQUAL(b->dom0->ops->xs_remove(b->dom0, PLATFORM_NO_TX, BACKEND_F), 0);
    CU_ASSERT_EQUAL(b->dom0->ops->xs_remove(b->dom0, PLATFORM_NO_TX, BACKEND_B), 0);
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

/* ---- areas ---- */

void *backend_memory(struct backend *b, uint64_t address, size_t size)
{
    uint64_t offset = address_offset(address);

    for (unsigned i = 0; i < BACKEND_AREAS; i++) {
        struct backend_area *area = &b->areas[i];
        size_t bytes = area->pages * PLATFORM_PAGE_SIZE;

        if (area->number && area->number == address_area(address) && size <= bytes &&
            offset <= bytes - size)
            return area->memory + offset;
    }
    return NULL;
}

static void unmap_area(struct backend *b, struct backend_area *area)
{
    if (area->number)
        CU_ASSERT_EQUAL(b->dom0->ops->grant_unmap(b->dom0, area->memory, area->pages), 0);
    area->number = 0;
}

static void map_area(struct backend *b, struct backend_area *area,
                     const struct msg_area_share_request *m)
{
    struct platform *p = b->dom0;
    uint32_t *refs = calloc(m->pages + 1024, sizeof(*refs));

    for (uint32_t i = 0; i < m->num_refs; i++) {
        uint32_t ref = le32_get(m->refs.bytes + 4 * i);

        if (!(m->flags & AREA_F_DIRECTORY)) {
            refs[i] = ref;
            continue;
        }

        uint8_t *page = p->ops->grant_map(p, BACKEND_GUEST, &ref, 1, false);

        CU_ASSERT_PTR_NOT_NULL_FATAL(page);
        for (uint32_t j = 0; j < 1024 && i * 1024 + j < m->pages; j++)
            refs[i * 1024 + j] = le32_get(page + 4 * j);
        p->ops->grant_unmap(p, page, 1);
    }
    area->memory = p->ops->grant_map(p, BACKEND_GUEST, refs, m->pages, true);
    area->pages = m->pages;
    area->number = area->memory ? m->area : 0;
    CU_ASSERT_PTR_NOT_NULL(area->memory);
    free(refs);
}

static void share_area(struct backend *b, const struct msg *m)
{
    struct msg response = backend_response(m);
    struct backend_area *area = b->areas;

    while (area->number)
        area++;
    response.area_share_response.area = m->area_share_request.area;
    response.area_share_response.status = b->area_answer;
    b->last_area_flags = m->area_share_request.flags;
    if (b->area_answer == AREA_OK)
        map_area(b, area, &m->area_share_request);
    backend_send(b, &response);
}

static bool area_in_use(const struct backend *b, uint16_t number)
{
    for (unsigned i = 0; i < BACKEND_DEVICES; i++)
        for (unsigned q = 0; q < BACKEND_QUEUES; q++)
            if (b->devices[i].queues[q].enabled &&
                address_area(b->devices[i].queues[q].set.desc_addr) == number)
                return true;
    return false;
}

static void unshare_area(struct backend *b, const struct msg *m)
{
    uint16_t number = m->area_unshare_request.area;
    struct msg response = backend_response(m);

    response.area_unshare_response.area = number;
    response.area_unshare_response.status = AREA_BAD_NUMBER;
    for (unsigned i = 0; i < BACKEND_AREAS; i++)
        if (b->areas[i].number && b->areas[i].number == number) {
            bool busy = area_in_use(b, number);

            if (!busy)
                unmap_area(b, &b->areas[i]);
            response.area_unshare_response.status = busy ? AREA_BUSY : AREA_OK;
        }
    backend_send(b, &response);
}

/* ---- the connection ---- */

void backend_drop(struct backend *b)
{
    struct platform *p = b->dom0;

    for (unsigned i = 0; i < BACKEND_AREAS; i++)
        unmap_area(b, &b->areas[i]);
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

    CU_ASSERT_EQUAL(
        store_read_u64(b->dom0, PLATFORM_NO_TX, BACKEND_F, key, 0, UINT32_MAX, &value), 0);
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

    CU_ASSERT_FATAL(order <= RING_MAX_ORDER);
    b->num_pages = (size_t)1 << order;
    for (unsigned i = 0; i < b->num_pages; i++)
        refs[i] = (uint32_t)read_front(b, store_path(XS_RING_REF "%u", i).text);
    b->form = backend_front_is(b, XS_WIRE_FORM, XS_WIRE_FORM_COMPACT) ? MSG_COMPACT : MSG_WIDE;
    b->pages = p->ops->grant_map(p, BACKEND_GUEST, refs, b->num_pages, true);
    if (!b->pages) {
        refuse_offer(b);
        return;
    }
    CU_ASSERT_TRUE_FATAL(ring_attach(&b->ring, b->pages, order, RING_BACKEND, b->form,
                                     (uint16_t)read_front(b, XS_MESSAGE_SIZE)));
    b->port = p->ops->evtchn_bind(p, BACKEND_GUEST, (uint32_t)read_front(b, XS_EVENT_CHANNEL));
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
static void handshake(struct backend *b)
{
    uint64_t own = 0, front = 0;

    store_read_u64(b->dom0, PLATFORM_NO_TX, BACKEND_B, XS_STATE, 0, 8, &own);
    store_read_u64(b->dom0, PLATFORM_NO_TX, BACKEND_F, XS_STATE, 0, 8, &front);
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
    CU_ASSERT_TRUE(ring_put(&b->ring, bytes, size));
    if (b->tap)
        b->tap(b->tap_user, false, bytes, size);
}

void backend_send(struct backend *b, const struct msg *m)
{
    uint8_t bytes[8192 + BACKEND_SPARE] = {0};
    size_t size = msg_encode(b->form, m, bytes, sizeof(bytes) - BACKEND_SPARE, NULL);

    CU_ASSERT_FATAL(size > 0);
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
        share_area(b, m);
        break;
    case MSG_area_unshare_request:
        unshare_area(b, m);
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
        CU_ASSERT_TRUE_FATAL(msg_decode(b->form, b->message, size, &m, &error));
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

void backend_step(struct backend *b)
{
    take_doorbells(b);
    handshake(b);
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

/* After the flush the handle's descriptor must ask for every turn that is needed. */
void backend_settle(struct backend *b)
{
    struct pollfd pfd = {.fd = xvmsg_fd(b->h), .events = POLLIN};
    int quiet = 0;

    xvmsg_flush(b->h);
    for (int i = 0; quiet < QUIET_ROUNDS && i < MAX_ROUNDS; i++) {
        backend_step(b);
        quiet = poll(&pfd, 1, 0) > 0 ? 0 : quiet + 1;
        if (!quiet)
            xvmsg_process(b->h);
    }
}

struct backend *backend_connected(void)
{
    return backend_connected_as(MSG_WIDE, 0, false);
}

struct backend *backend_connected_as(enum msg_form form, unsigned max_message, bool strict)
{
    struct backend *b = backend_new();

    xvmsg_set_wire_form(b->h, form == MSG_WIDE ? XVMSG_WIDE : XVMSG_COMPACT);
    if (max_message)
        CU_ASSERT_EQUAL_FATAL(xvmsg_set_message_size(b->h, max_message), 0);
    if (max_message > MSG_WIDE_DEFAULT_MAX)
        CU_ASSERT_EQUAL_FATAL(xvmsg_set_ring_order(b->h, RING_MAX_ORDER), 0);
    CU_ASSERT_EQUAL(xvmsg_set_strict_config(b->h, strict), 0);
    backend_make_bus(b);
    backend_advertise(b);
    if (strict)
        backend_write(b, XS_TRANSPORT_FEATURES, "1");
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_TRUE_FATAL(xvmsg_is_connected(b->h));
    CU_ASSERT_EQUAL_FATAL(xvmsg_is_strict(b->h), strict);
    return b;
}

static void *run(void *user)
{
    struct backend *b = user;

    while (!__atomic_load_n(&b->stop, __ATOMIC_ACQUIRE)) {
        struct pollfd pfd = {.fd = b->dom0->ops->evtchn_fd(b->dom0), .events = POLLIN};

        backend_step(b);
        /* Handshakes come by xenstore, which this backend does not watch. */
        poll(&pfd, 1, 1);
    }
    return NULL;
}

void backend_start(struct backend *b)
{
    fake_xen_real_clock(b->fx);
    b->stop = false;
    b->threaded = true;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&b->thread, NULL, run, b), 0);
}

void backend_stop(struct backend *b)
{
    if (!b->threaded)
        return;
    __atomic_store_n(&b->stop, true, __ATOMIC_RELEASE);
    pthread_join(b->thread, NULL);
    b->threaded = false;
}
