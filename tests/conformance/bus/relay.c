/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/bus/relay.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/ipc.h"
#include "backend/worker.h"
#include "common/ring.h"

/* One of the two rings: the one to the frontend, the one to the worker. */
struct end {
    struct platform *xen;
    void *pages;
    size_t num_pages;
    int port;
    struct ring ring;
    struct relay_message *waiting; /* in order: to be put into the ring */
    struct relay_message **last;
};

struct relay {
    struct fake_xen *fx;
    struct platform *worker_xen;
    struct worker *worker;
    int up;   /* to the supervisor */
    int down; /* to the worker */
    bool open;
    struct end frontend;
    struct end backend;
    relay_script *script;
    void *user;
    uint8_t padding;
    bool padding_zero;
    struct relay_message **seen;
    size_t num_seen;
    uint8_t buffer[MSG_PROTOCOL_MAX + 1];
};

/* ---- life ---- */

static void make_pair(int *one, int *other)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        abort();
    *one = ends[0];
    *other = ends[1];
}

static void end_init(struct end *end, struct platform *xen)
{
    *end = (struct end){.xen = xen, .port = -1};
    end->last = &end->waiting;
}

struct relay *relay_new(struct fake_xen *fx, uint32_t guest, struct event_base *base,
                        const char *label, int *supervisor)
{
    struct relay *relay = calloc(1, sizeof(*relay));
    int worker_end;

    if (!relay)
        abort();
    relay->fx = fx;
    relay->padding_zero = true;
    end_init(&relay->frontend, fake_xen_domain(fx, 0));
    end_init(&relay->backend, fake_xen_domain(fx, guest));
    relay->worker_xen = fake_xen_domain(fx, 0);
    make_pair(&relay->up, supervisor);
    make_pair(&relay->down, &worker_end);
    relay->worker = worker_new(base, relay->worker_xen, worker_end, label);
    CU_ASSERT_PTR_NOT_NULL_FATAL(relay->worker);
    return relay;
}

static void end_close(struct end *end, bool granted_here)
{
    struct platform *p = end->xen;

    if (end->port >= 0)
        p->ops->evtchn_unbind(p, (uint32_t)end->port);
    if (end->pages && granted_here)
        p->ops->grant_unshare(p, end->pages, end->num_pages);
    else if (end->pages)
        p->ops->grant_unmap(p, end->pages, end->num_pages);
    while (end->waiting) {
        struct relay_message *m = end->waiting;

        end->waiting = m->next;
        free(m);
    }
    end_init(end, p);
}

static void close_rings(struct relay *relay)
{
    end_close(&relay->frontend, false);
    end_close(&relay->backend, true);
    relay->open = false;
}

void relay_free(struct relay *relay)
{
    worker_free(relay->worker);
    close_rings(relay);
    relay_forget(relay);
    close(relay->up);
    close(relay->down);
    platform_close(relay->frontend.xen);
    platform_close(relay->backend.xen);
    platform_close(relay->worker_xen);
    free(relay);
}

/* ---- between supervisor and worker ---- */

/* Takes the frontend's ring and writes our own into the offer. */
static void open_rings(struct relay *relay, struct ipc_connect *offer)
{
    struct end *front = &relay->frontend, *back = &relay->backend;
    unsigned order = offer->ring_page_order;
    uint16_t max = (uint16_t)offer->message_size;
    enum msg_form form = (enum msg_form)offer->wire_form;

    front->num_pages = back->num_pages = (size_t)1 << order;
    front->pages = front->xen->ops->grant_map(front->xen, offer->frontend_domid, offer->ring_refs,
                                              front->num_pages, true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(front->pages);
    CU_ASSERT(ring_attach(&front->ring, front->pages, order, RING_BACKEND, form, max));
    front->port =
        front->xen->ops->evtchn_bind(front->xen, offer->frontend_domid, offer->event_channel);
    back->pages = back->xen->ops->grant_share(back->xen, 0, back->num_pages, true,
                                              offer->ring_refs);
    CU_ASSERT_PTR_NOT_NULL_FATAL(back->pages);
    ring_format(back->pages, order);
    CU_ASSERT(ring_attach(&back->ring, back->pages, order, RING_FRONTEND, form, max));
    back->port = back->xen->ops->evtchn_alloc(back->xen, 0);
    CU_ASSERT_FATAL(front->port > 0 && back->port > 0);
    offer->event_channel = (uint32_t)back->port;
    relay->open = true;
}

static bool pass_on(struct relay *relay, int from, int to)
{
    struct ipc_message message;
    struct fds fds;

    if (from < 0 || ipc_receive(from, &message, &fds) != 1)
        return false;
    if (message.kind == IPC_CONNECT)
        open_rings(relay, &message.connect);
    if (message.kind == IPC_DISCONNECTED)
        close_rings(relay);
    CU_ASSERT_EQUAL(ipc_send(to, &message, &fds), 0);
    fds_close(&fds);
    return true;
}

/* ---- messages ---- */

static void note(struct relay *relay, const struct relay_message *m)
{
    struct relay_message *copy = malloc(sizeof(*copy) + m->size);

    relay->seen = realloc(relay->seen, (relay->num_seen + 1) * sizeof(*relay->seen));
    if (!copy || !relay->seen)
        abort();
    *copy = *m;
    memcpy(copy->bytes, m->bytes, m->size);
    relay->seen[relay->num_seen++] = copy;
}

static struct end *end_of(struct relay *relay, enum relay_way way)
{
    return way == TO_DEVICE ? &relay->backend : &relay->frontend;
}

static struct relay_message *message_new(enum relay_way way, const void *bytes, size_t size)
{
    struct relay_message *m = malloc(sizeof(*m) + size);

    if (!m)
        abort();
    *m = (struct relay_message){.way = way, .size = size};
    memcpy(m->bytes, bytes, size);
    return m;
}

static void append(struct relay *relay, struct relay_message *m)
{
    struct end *end = end_of(relay, m->way);

    *end->last = m;
    end->last = &m->next;
}

/* The lane's bytes from a message's end to its record's. */
static uint8_t *padding_byte(const struct ring *ring, const uint8_t *lane, uint32_t index,
                             size_t size, size_t i)
{
    return (uint8_t *)lane + (index + size + i) % ring->size;
}

static size_t padding_size(size_t size)
{
    return (RING_ALIGN - size % RING_ALIGN) % RING_ALIGN;
}

static bool receive(struct relay *relay, struct end *end, enum relay_way way)
{
    uint32_t start = end->ring.in.cons;
    size_t size = ring_get(&end->ring, relay->buffer);

    if (!size)
        return false;
    for (size_t i = 0; i < padding_size(size); i++)
        relay->padding_zero &=
            *padding_byte(&end->ring, end->ring.in.bytes, start, size, i) == 0;

    struct relay_message *m = message_new(way, relay->buffer, size);

    note(relay, m);
    if (!relay->script || relay->script(relay, m))
        append(relay, m);
    else
        free(m);
    return true;
}

static bool put(struct relay *relay, struct end *end)
{
    struct relay_message *m = end->waiting;
    uint32_t start = end->ring.out.prod;

    if (!m || !ring_put(&end->ring, m->bytes, m->size))
        return false;
    for (size_t i = 0; i < padding_size(m->size); i++)
        *padding_byte(&end->ring, end->ring.out.bytes, start, m->size, i) = relay->padding;
    end->waiting = m->next;
    if (!end->waiting)
        end->last = &end->waiting;
    free(m);
    return true;
}

static void ring_bell(struct end *end)
{
    bool published = ring_publish(&end->ring);
    bool released = ring_release(&end->ring);

    if (published || released)
        CU_ASSERT_EQUAL(end->xen->ops->evtchn_notify(end->xen, (uint32_t)end->port), 0);
}

bool relay_step(struct relay *relay)
{
    bool any = pass_on(relay, relay->up, relay->down);

    any |= pass_on(relay, relay->down, relay->up);
    if (!relay->open)
        return any;
    while (receive(relay, &relay->frontend, TO_DEVICE))
        any = true;
    while (receive(relay, &relay->backend, TO_DRIVER))
        any = true;
    while (put(relay, &relay->frontend))
        any = true;
    while (put(relay, &relay->backend))
        any = true;
    ring_bell(&relay->frontend);
    ring_bell(&relay->backend);
    return any;
}

/* ---- for tests ---- */

void relay_set_script(struct relay *relay, relay_script *script, void *user)
{
    relay->script = script;
    relay->user = user;
}

void *relay_user(const struct relay *relay)
{
    return relay->user;
}

enum msg_form relay_form(const struct relay *relay)
{
    return relay->frontend.ring.form;
}

void relay_set_padding(struct relay *relay, uint8_t byte)
{
    relay->padding = byte;
}

void relay_set_limit(struct relay *relay, uint16_t size)
{
    relay->frontend.ring.max_message = size;
    relay->backend.ring.max_message = size;
}

void relay_send_bytes(struct relay *relay, enum relay_way way, const void *bytes, size_t size)
{
    append(relay, message_new(way, bytes, size));
}

void relay_send(struct relay *relay, enum relay_way way, const struct msg *m)
{
    uint8_t bytes[4096];
    size_t size = msg_encode(relay_form(relay), m, bytes, sizeof(bytes), NULL);

    CU_ASSERT_FATAL(size > 0);
    relay_send_bytes(relay, way, bytes, size);
}

void relay_forget(struct relay *relay)
{
    for (size_t i = 0; i < relay->num_seen; i++)
        free(relay->seen[i]);
    free(relay->seen);
    relay->seen = NULL;
    relay->num_seen = 0;
}

size_t relay_count(const struct relay *relay)
{
    return relay->num_seen;
}

const struct relay_message *relay_nth(const struct relay *relay, size_t n)
{
    return n < relay->num_seen ? relay->seen[n] : NULL;
}

bool relay_is(const struct relay *relay, const struct relay_message *m, enum msg_kind kind)
{
    struct msg_header header;

    return msg_decode_header(relay_form(relay), m->bytes, m->size, &header) &&
           msg_find(header.name_space, header.response, header.msg_id) == kind;
}

unsigned relay_seen(const struct relay *relay, enum msg_kind kind)
{
    unsigned count = 0;

    for (size_t i = 0; i < relay->num_seen; i++)
        count += relay_is(relay, relay->seen[i], kind);
    return count;
}

const struct relay_message *relay_find(const struct relay *relay, enum msg_kind kind, size_t from)
{
    for (size_t i = from; i < relay->num_seen; i++)
        if (relay_is(relay, relay->seen[i], kind))
            return relay->seen[i];
    return NULL;
}

struct msg relay_decode(const struct relay *relay, const struct relay_message *m)
{
    struct msg decoded = {0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_FATAL(msg_decode(relay_form(relay), m->bytes, m->size, &decoded, NULL));
    return decoded;
}

bool relay_padding_was_zero(const struct relay *relay)
{
    return relay->padding_zero;
}
