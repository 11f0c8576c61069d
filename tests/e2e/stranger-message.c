// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) The xen-virtio-msg authors
//
// stranger's end of the ring, and the messages in it. Like all of stranger it has the pages and
// no code of the project.

#include "stranger.h"

#include <endian.h>
#include <string.h>

#include <linux/virtio_config.h>

// A ring of one page. Offsets in the page, in a lane's fields, and who wants no doorbell.
enum { RING_HEADER = 512, LANE = (PAGE - RING_HEADER) / 2, NOBODY = -1 };
enum { MAGIC = 0x474d5658, FAULT = 16, TO_BACKEND = 128, TO_FRONTEND = 256 };
enum { PROD = 0, ROOM = 4, CONS = 64, WAKE = 68 };
enum { BAD_PROD = 2, BAD_CONS = 3, BAD_RECORD = 4 };

// The ring. Loads and stores are sequentially consistent: "sets A, then looks at B" needs that.

static uint32_t load(unsigned offset)
{
    return le32toh(__atomic_load_n((uint32_t *)(void *)(bus.ring + offset), __ATOMIC_SEQ_CST));
}

static void store(unsigned offset, uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)(bus.ring + offset), htole32(value), __ATOMIC_SEQ_CST);
}

static uint32_t distance(uint32_t from, uint32_t to)
{
    return (to + 2 * LANE - from) % (2 * LANE);
}

static void fault_unless(bool good, uint32_t code)
{
    static const char *const sentence[] = { [BAD_PROD] = "impossible producer index",
        [BAD_CONS] = "impossible consumer index", [BAD_RECORD] = "record of impossible size" };
    if (good)
        return;
    store(FAULT, code);
    die("%s", sentence[code]);
}

// How much of a lane is filled, the other end's index being at `offset`.
static uint32_t filled(unsigned offset, uint32_t code)
{
    uint32_t index = load(offset);
    uint32_t bytes = code == BAD_CONS ? distance(index, bus.prod) : distance(bus.cons, index);
    fault_unless(index % 8 == 0 && index < 2 * LANE && bytes <= LANE, code);
    return bytes;
}

// Our index moves on, and the other end hears of it if it waits for some index that we passed.
static void advance(uint32_t *index, uint32_t bytes, unsigned announce, unsigned threshold)
{
    uint32_t before = *index;
    *index = (before + bytes) % (2 * LANE);
    store(announce, *index);
    uint32_t at = load(threshold);
    if (at >= 2 * LANE)
        return;
    uint32_t ahead = distance(before, at);
    if (ahead > 0 && ahead <= bytes)
        check(xenevtchn_notify(bus.evtchn, (evtchn_port_t)bus.port) == 0, "the doorbell");
}

static void send_record(const struct message *message)
{
    uint32_t bytes = (message->size + 7) & ~7u;
    while (LANE - filled(TO_BACKEND + CONS, BAD_CONS) < bytes) {
        store(TO_BACKEND + ROOM, (bus.prod + bytes + LANE) % (2 * LANE)); // one lane back
        if (LANE - filled(TO_BACKEND + CONS, BAD_CONS) < bytes)
            bus_wait("room in the ring");
        store(TO_BACKEND + ROOM, NOBODY);
    }
    for (uint32_t i = 0; i < bytes; i++)
        bus.ring[RING_HEADER + (bus.prod + i) % LANE] = i < message->size ? message->bytes[i] : 0;
    advance(&bus.prod, bytes, TO_BACKEND + PROD, TO_BACKEND + WAKE);
}

void message_make_ring(uint32_t *ref)
{
    bus.port = xenevtchn_bind_unbound_port(bus.evtchn, bus.domain);
    check(bus.port >= 0, "no event channel");
    bus.ring = xengntshr_share_pages(bus.gntshr, bus.domain, 1, ref, 1);
    check(bus.ring, "the ring cannot be shared");
    memset(bus.ring, 0, PAGE);
    store(0, MAGIC);
    store(4, 1); // version 1, order 0
    store(8, LANE);
    store(TO_BACKEND + ROOM, NOBODY);
    store(TO_BACKEND + WAKE, NOBODY);
    store(TO_FRONTEND + ROOM, NOBODY);
    store(TO_FRONTEND + WAKE, NOBODY);
}

// Messages

uint64_t message_get(struct message *message, unsigned width)
{
    uint64_t value = 0;
    if (message->at + width > message->size)
        die("%s: too short, %u bytes", message->name, message->size);
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)message->bytes[message->at++] << 8 * i;
    return value;
}

void message_expect(struct message *message, unsigned width, uint64_t value, const char *field)
{
    uint64_t got = message_get(message, width);
    if (got != value)
        die("%s: %s is 0x%llx and not 0x%llx", message->name, field, (unsigned long long)got,
            (unsigned long long)value);
}

static void put(struct message *message, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        message->bytes[message->size++] = (uint8_t)(value >> 8 * i);
}

void message_send(uint8_t type, uint8_t id, uint16_t token, const struct field *fields, size_t n)
{
    struct message message = { .size = 0 };
    uint64_t device = type & BUS ? 0 : bus.device;
    uint16_t size = bus.compact ? 8 : 16;
    for (size_t i = 0; i < n; i++)
        size += fields[i].width;
    put(&message, 1, type);
    put(&message, 1, id);
    if (bus.compact)
        put(&message, 2, device);
    put(&message, 2, token);
    put(&message, 2, size);
    if (!bus.compact) {
        put(&message, 2, 0);
        put(&message, 8, device);
    }
    for (size_t i = 0; i < n; i++)
        put(&message, fields[i].width, fields[i].value);
    send_record(&message);
}

static void get_header(struct message *message)
{
    message->at = 0;
    message->type = (uint8_t)message_get(message, 1) & (RESPONSE | BUS);
    message->id = (uint8_t)message_get(message, 1);
    if (bus.compact)
        message->device = message_get(message, 2);
    message->token = (uint16_t)message_get(message, 2);
    uint32_t size = (uint32_t)message_get(message, 2);
    if (!bus.compact) {
        message_get(message, 2);
        message->device = message_get(message, 8);
    }
    message->size = size;
}

// The next record, if there is one, copied out before anything in it is looked at.
static bool receive(struct message *message)
{
    const uint8_t *lane = bus.ring + RING_HEADER + LANE;
    uint32_t there = filled(TO_FRONTEND + PROD, BAD_PROD);
    if (!there)
        return false;
    *message = (struct message){ .name = "a message", .size = sizeof(message->bytes) };
    for (uint32_t i = 0; i < there && i < sizeof(message->bytes); i++)
        message->bytes[i] = lane[(bus.cons + i) % LANE];
    get_header(message);
    uint32_t bytes = (message->size + 7) & ~7u;
    fault_unless(message->size >= message->at && message->size <= bus.message_size
                     && bytes <= there, BAD_RECORD);
    advance(&bus.cons, bytes, TO_FRONTEND + CONS, TO_FRONTEND + ROOM);
    return true;
}

void message_wait(struct message *message, const char *what)
{
    while (!receive(message)) {
        store(TO_FRONTEND + WAKE, (bus.cons + 8) % (2 * LANE));
        if (!filled(TO_FRONTEND + PROD, BAD_PROD))
            bus_wait(what);
        store(TO_FRONTEND + WAKE, NOBODY);
    }
}

void message_handle(struct message *in)
{
    if (in->type == BUS && in->id == PING) {
        const struct field data = LE32(message_get(in, 4));
        message_send(BUS | RESPONSE, PING, in->token, &data, 1);
    } else if (in->type == 0 && in->id == EVENT_CONFIG && in->device == bus.device) {
        if (message_get(in, 4) & VIRTIO_CONFIG_S_NEEDS_RESET)
            die("the device is broken and needs a reset");
    }
}

struct message message_call(const char *name, uint8_t type, uint8_t id,
                            const struct field *fields, size_t n)
{
    struct message in;
    bus.token = bus.token == UINT16_MAX ? 1 : bus.token + 1; // 0 is for events
    message_send(type, id, bus.token, fields, n);
    for (;;) {
        message_wait(&in, name);
        in.name = name;
        if (in.type == (type | RESPONSE) && in.id == id && in.token == bus.token
            && in.device == (type & BUS ? 0 : bus.device))
            return in;
        message_handle(&in);
    }
}
