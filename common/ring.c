/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "common/ring.h"

#include "common/barrier.h"
#include "common/le.h"

uint32_t ring_lane_size(unsigned order)
{
    return (((RING_PAGE_SIZE << order) - RING_HEADER_SIZE) / 2) & ~(RING_ALIGN - 1);
}

static uint32_t record_size(size_t message)
{
    return ((uint32_t)message + RING_ALIGN - 1) & ~(RING_ALIGN - 1);
}

unsigned ring_order_for(uint16_t max_message)
{
    unsigned order = 0;

    while (order < RING_MAX_ORDER && ring_lane_size(order) < 4 * record_size(max_message))
        order++;
    return order;
}

void ring_format(void *pages, unsigned order)
{
    struct xvmsg_ring_abi *shared = pages;

    shared_store32(&shared->magic, RING_MAGIC);
    shared_store16(&shared->version, RING_VERSION);
    shared_store16(&shared->page_order, (uint16_t)order);
    shared_store32(&shared->lane_size, ring_lane_size(order));
    shared_store32(&shared->to_backend.room, RING_NEVER);
    shared_store32(&shared->to_backend.wake, RING_NEVER);
    shared_store32(&shared->to_frontend.room, RING_NEVER);
    shared_store32(&shared->to_frontend.wake, RING_NEVER);
}

bool ring_attach(struct ring *ring, void *pages, unsigned order, enum ring_side side,
                 enum msg_form form, uint16_t max_message)
{
    struct xvmsg_ring_abi *shared = pages;
    bool frontend = side == RING_FRONTEND;
    uint32_t size = order <= RING_MAX_ORDER ? ring_lane_size(order) : 0;
    uint8_t *to_backend = (uint8_t *)pages + RING_HEADER_SIZE;
    uint8_t *to_frontend = to_backend + size;

    *ring = (struct ring){
        .shared = shared,
        .out.lane = frontend ? &shared->to_backend : &shared->to_frontend,
        .out.bytes = frontend ? to_backend : to_frontend,
        .in.lane = frontend ? &shared->to_frontend : &shared->to_backend,
        .in.bytes = frontend ? to_frontend : to_backend,
        .size = size,
        .max_message = max_message,
        .form = form,
        .side = side,
    };
    if (max_message < msg_header_size(form) || record_size(max_message) > size ||
        shared_load32(&shared->magic) != RING_MAGIC ||
        shared_load16(&shared->version) != RING_VERSION ||
        shared_load16(&shared->page_order) != order || shared_load32(&shared->lane_size) != size)
        ring_poison(ring, RING_BAD_HEADER);
    return !ring->fault;
}

/* ---- indices: 0 to 2 * size - 1, compared and reduced without division ---- */

static uint32_t advance(const struct ring *ring, uint32_t index, uint32_t bytes)
{
    index += bytes;
    return index < 2 * ring->size ? index : index - 2 * ring->size;
}

static uint32_t distance(const struct ring *ring, uint32_t from, uint32_t to)
{
    return to >= from ? to - from : to + 2 * ring->size - from;
}

static uint32_t place(const struct ring *ring, uint32_t index)
{
    return index < ring->size ? index : index - ring->size;
}

static bool index_possible(const struct ring *ring, uint32_t index)
{
    return index < 2 * ring->size && !(index & (RING_ALIGN - 1));
}

/*
 * Did an announcement that went from `from` to `to` reach the threshold? The
 * peer chose it freely; one that no index ever reaches only costs the peer its
 * own doorbell.
 */
static bool reached(const struct ring *ring, uint32_t from, uint32_t to, uint32_t threshold)
{
    if (threshold >= 2 * ring->size || threshold == from)
        return false;
    return distance(ring, from, threshold) <= distance(ring, from, to);
}

/* ---- producing ---- */

/* Loads how far the consumer is; it can only be between where it was and what
 * we announced. */
static bool load_consumer(struct ring *ring)
{
    struct ring_out *out = &ring->out;
    /* Acquire: pairs with the release in the peer's ring_release(), so that the
     * peer's reads of the bytes end before we write over them. */
    uint32_t cons = shared_load32_acquire(&out->lane->cons);

    if (!index_possible(ring, cons) ||
        distance(ring, out->cons, cons) > distance(ring, out->cons, out->announced)) {
        ring_poison(ring, RING_BAD_CONSUMER);
        return false;
    }
    out->cons = cons;
    return true;
}

static bool room_for(const struct ring *ring, uint32_t record)
{
    return record <= ring->size - distance(ring, ring->out.cons, ring->out.prod);
}

bool ring_has_room(struct ring *ring, size_t size)
{
    if (ring->fault || size > ring->max_message)
        return false;
    if (room_for(ring, record_size(size)))
        return true;
    return load_consumer(ring) && room_for(ring, record_size(size));
}

static void copy_to_lane(const struct ring *ring, uint32_t index, const uint8_t *from, size_t size)
{
    uint32_t start = place(ring, index);
    size_t until_end = ring->size - start;

    if (size <= until_end) {
        __builtin_memcpy(ring->out.bytes + start, from, size);
    } else {
        __builtin_memcpy(ring->out.bytes + start, from, until_end);
        __builtin_memcpy(ring->out.bytes, from + until_end, size - until_end);
    }
}

bool ring_put(struct ring *ring, const void *message, size_t size)
{
    struct ring_out *out = &ring->out;
    uint32_t record = record_size(size);

    if (size < msg_header_size(ring->form) || !ring_has_room(ring, size))
        return false;
    /* A wait for room is over: take the threshold back before the indices come
     * around to it again and ring for nothing. */
    if (out->waiting) {
        shared_store32(&out->lane->room, RING_NEVER);
        out->waiting = false;
    }
    /* The last word first: what the message leaves of it is the padding. */
    __builtin_memset(out->bytes + place(ring, advance(ring, out->prod, record - RING_ALIGN)), 0,
                     RING_ALIGN);
    copy_to_lane(ring, out->prod, message, size);
    out->prod = advance(ring, out->prod, record);
    return true;
}

bool ring_publish(struct ring *ring)
{
    struct ring_out *out = &ring->out;
    uint32_t before = out->announced;

    if (ring->fault || out->prod == before)
        return false;
    /* Release: pairs with the acquire in the peer's load_producer(), so that the
     * records are there before the index says so. */
    shared_store32_release(&out->lane->prod, out->prod);
    out->announced = out->prod;
    /* Pairs with the fence in the peer's ring_await_message(): either we see its
     * threshold, or it sees our index when it looks once more. */
    shared_fence();
    return reached(ring, before, out->prod, shared_load32(&out->lane->wake));
}

bool ring_await_room(struct ring *ring, size_t size)
{
    struct ring_out *out = &ring->out;

    if (size > ring->max_message || ring_has_room(ring, size) || ring->fault)
        return false;
    /* There is room when at most size - record bytes are left before prod. */
    shared_store32(&out->lane->room, advance(ring, out->prod, ring->size + record_size(size)));
    out->waiting = true;
    /* Pairs with the fence in the peer's ring_release(): either it sees our
     * threshold, or we see its index now. */
    shared_fence();
    return !ring_has_room(ring, size) && !ring->fault;
}

/* ---- consuming ---- */

/* Loads how far the producer is; it can be neither behind what we took nor more
 * than a lane ahead of what we gave back. */
static bool load_producer(struct ring *ring)
{
    struct ring_in *in = &ring->in;
    /* Acquire: pairs with the release in the peer's ring_publish(), so that we
     * read the records it announced and not what was there before. */
    uint32_t prod = shared_load32_acquire(&in->lane->prod);
    uint32_t offered = distance(ring, in->announced, prod);

    if (!index_possible(ring, prod) || offered > ring->size ||
        offered < distance(ring, in->announced, in->cons)) {
        ring_poison(ring, RING_BAD_PRODUCER);
        return false;
    }
    in->prod = prod;
    return true;
}

bool ring_has_message(struct ring *ring)
{
    if (ring->fault)
        return false;
    if (ring->in.cons != ring->in.prod)
        return true;
    return load_producer(ring) && ring->in.cons != ring->in.prod;
}

static void copy_from_lane(const struct ring *ring, uint32_t index, uint8_t *to, size_t size)
{
    uint32_t start = place(ring, index);
    size_t until_end = ring->size - start;

    if (size <= until_end) {
        __builtin_memcpy(to, ring->in.bytes + start, size);
    } else {
        __builtin_memcpy(to, ring->in.bytes + start, until_end);
        __builtin_memcpy(to + until_end, ring->in.bytes, size - until_end);
    }
}

size_t ring_get(struct ring *ring, void *buffer)
{
    struct ring_in *in = &ring->in;

    if (!ring_has_message(ring))
        return 0;
    /* As in ring_put(): the wait is over, the threshold must not ring later. */
    if (in->waiting) {
        shared_store32(&in->lane->wake, RING_NEVER);
        in->waiting = false;
    }

    /* The word that holds msg_size is loaded once and handed on, so that the
     * size in the buffer is the size checked here. */
    const uint64_t *first = (const uint64_t *)(const void *)(in->bytes + place(ring, in->cons));

    le64_put(buffer, shared_load64(first));

    size_t size = msg_peek_size(ring->form, buffer);

    if (size < msg_header_size(ring->form) || size > ring->max_message ||
        record_size(size) > distance(ring, in->cons, in->prod)) {
        ring_poison(ring, RING_BAD_RECORD);
        return 0;
    }
    copy_from_lane(ring, advance(ring, in->cons, RING_ALIGN), (uint8_t *)buffer + RING_ALIGN,
                   size - RING_ALIGN);
    in->cons = advance(ring, in->cons, record_size(size));
    return size;
}

bool ring_release(struct ring *ring)
{
    struct ring_in *in = &ring->in;
    uint32_t before = in->announced;

    if (ring->fault || in->cons == before)
        return false;
    /* Release: pairs with the acquire in the peer's load_consumer(), so that our
     * reads of the bytes are over before it may write there. */
    shared_store32_release(&in->lane->cons, in->cons);
    in->announced = in->cons;
    /* Pairs with the fence in the peer's ring_await_room(): either we see its
     * threshold, or it sees our index when it looks once more. */
    shared_fence();
    return reached(ring, before, in->cons, shared_load32(&in->lane->room));
}

bool ring_await_message(struct ring *ring)
{
    struct ring_in *in = &ring->in;

    if (ring->fault || ring_has_message(ring))
        return false;
    /* Any record is at least one word long. */
    shared_store32(&in->lane->wake, advance(ring, in->cons, RING_ALIGN));
    in->waiting = true;
    /* Pairs with the fence in the peer's ring_publish(): either it sees our
     * threshold, or we see its index now. */
    shared_fence();
    return !ring_has_message(ring) && !ring->fault;
}

/* ---- failing ---- */

void ring_poison(struct ring *ring, enum ring_fault fault)
{
    struct xvmsg_ring_abi *shared = ring->shared;

    if (ring->fault || !fault)
        return;
    ring->fault = fault;
    shared_store32(ring->side == RING_FRONTEND ? &shared->frontend_fault : &shared->backend_fault,
                   fault);
}

enum ring_fault ring_peer_fault(const struct ring *ring)
{
    const struct xvmsg_ring_abi *shared = ring->shared;
    uint32_t fault = shared_load32(ring->side == RING_FRONTEND ? &shared->backend_fault
                                                               : &shared->frontend_fault);

    return fault <= RING_BAD_MESSAGE ? (enum ring_fault)fault : RING_BAD_MESSAGE;
}

const char *ring_fault_text(enum ring_fault fault)
{
    switch (fault) {
    case RING_OK:
        return "the ring is healthy";
    case RING_BAD_HEADER:
        return "the ring's header is not what was agreed";
    case RING_BAD_PRODUCER:
        return "the peer announced an impossible producer index";
    case RING_BAD_CONSUMER:
        return "the peer announced an impossible consumer index";
    case RING_BAD_RECORD:
        return "the peer put a record of impossible size in the ring";
    case RING_BAD_MESSAGE:
        return "the peer sent a message that breaks the agreement";
    }
    return "unknown fault";
}
