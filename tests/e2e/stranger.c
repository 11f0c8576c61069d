// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) The xen-virtio-msg authors
//
// A frontend that knows nothing of this project but its two pages, common/README.md and
// xenstore-schema/README.md: it reads one sector of one disk and leaves. It shares no code, no
// header and no constant with the rest of the tree, and should stay so: what it needs and does
// not find in the pages is missing there.
//
//     stranger [--compact] DEVICE SECTOR >512-bytes

#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#define TIME_LIMIT 60 // seconds, for everything together
#define HOME "device/virtio-msg/0"

enum { INITIALISING = 1, INIT_WAIT, INITIALISED, CONNECTED, CLOSING, CLOSED };

// A ring of one page. Offsets in the page, in a lane's fields, and who wants no doorbell.
enum { PAGE = 4096, RING_HEADER = 512, LANE = (PAGE - RING_HEADER) / 2, NOBODY = -1 };
enum { MAGIC = 0x474d5658, FAULT = 16, TO_BACKEND = 128, TO_FRONTEND = 256 };
enum { PROD = 0, ROOM = 4, CONS = 64, WAKE = 68 };
enum { BAD_PROD = 2, BAD_CONS = 3, BAD_RECORD = 4 };

// Types, and the ids of both classes, named as in the page.
enum { RESPONSE = 1, BUS = 2 };
enum { GET_DEVICE_INFO = 2, GET_DEVICE_FEATURES, SET_DRIVER_FEATURES, GET_CONFIG, SET_CONFIG,
    GET_DEVICE_STATUS, SET_DEVICE_STATUS, GET_VQUEUE, SET_VQUEUE, EVENT_CONFIG = 0x40,
    EVENT_AVAIL };
enum { GET_DEVICES = 2, PING = 3, AREA_SHARE = 0x80, AREA_UNSHARE = 0x81 };

// What lies where in the one page of the one area.
enum { AREA = 1, QUEUE_SIZE = 8, SECTOR = 512 };
enum { DESC = 0, AVAIL = 128, USED = 256, REQUEST = 512, STATUS = 544, DATA = 1024 };
#define ADDRESS(offset) ((uint64_t)AREA << 48 | (offset))

struct field {
    unsigned width;
    uint64_t value;
};
#define LE16(value) { 2, value }
#define LE32(value) { 4, value }
#define LE64(value) { 8, value }
#define DEVNUM(value) { bus.compact ? 2 : 8, value }

struct message {
    const char *name; // for sentences
    uint8_t type, id;
    uint16_t token;
    uint64_t device;
    uint32_t size, at;
    uint8_t bytes[272];
};

static struct {
    struct xs_handle *xs;
    xenevtchn_handle *evtchn;
    xengntshr_handle *gntshr;
    char *home; // B; ours is HOME
    uint32_t domain, message_size;
    uint64_t device;
    int port;
    bool compact, open, connected, in_use;
    uint8_t *ring, *area;
    uint32_t prod, cons;
    uint16_t token;
    struct timespec deadline;
} bus;

static void close_bus(const char *reason);

static _Noreturn void __attribute__((format(printf, 1, 2))) die(const char *format, ...)
{
    char sentence[256];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    fprintf(stderr, "stranger: %s\n", sentence);
    if (bus.open)
        close_bus(sentence);
    exit(1);
}

static void check(bool good, const char *what)
{
    if (!good)
        die("%s: %s", what, strerror(errno));
}

// Decimal digits and nothing else, up to max.
static bool number_of(const char *text, uint64_t max, uint64_t *number)
{
    errno = 0;
    *number = text ? strtoull(text, NULL, 10) : 0;
    return text && *text && !text[strspn(text, "0123456789")] && errno == 0 && *number <= max;
}

// xenstore

static char *read_node(xs_transaction_t transaction, const char *home, const char *key)
{
    char path[256];
    unsigned length;
    snprintf(path, sizeof(path), "%s/%s", home, key);
    return xs_read(bus.xs, transaction, path, &length);
}

static uint64_t read_number(const char *home, const char *key, uint64_t max)
{
    uint64_t number;
    char *text = read_node(XBT_NULL, home, key);
    if (!number_of(text, max, &number))
        die("%s/%s is %s, and should be a number up to %llu", home, key, text ? text : "missing",
            (unsigned long long)max);
    free(text);
    return number;
}

// What is missing or no state counts as Unknown.
static int backend_state(xs_transaction_t transaction)
{
    uint64_t state;
    char *text = read_node(transaction, bus.home, "state");
    bool good = number_of(text, CLOSED, &state);
    free(text);
    return good ? (int)state : 0;
}

// Writes nodes of ours, or removes those without a value, in one transaction. False if the
// backend is not in the state `finds` (0: any) any more.
static bool answer(int finds, const char *const nodes[][2])
{
    for (;;) {
        xs_transaction_t transaction = xs_transaction_start(bus.xs);
        check(transaction != XBT_NULL, "xenstore");
        bool good = !finds || backend_state(transaction) == finds;
        for (int i = 0; good && nodes[i][0]; i++) {
            char path[256];
            const char *value = nodes[i][1];
            snprintf(path, sizeof(path), HOME "/%s", nodes[i][0]);
            check(value ? xs_write(bus.xs, transaction, path, value, strlen(value))
                        : xs_rm(bus.xs, transaction, path) || errno == ENOENT, path);
        }
        if (xs_transaction_end(bus.xs, transaction, !good))
            return good;
        check(errno == EAGAIN, "xenstore");
    }
}
#define NODES(...) (const char *const[][2]){ __VA_ARGS__, { NULL } }

// The device is released if somebody waits for that, and else as if it had never been taken.
static void close_bus(const char *reason)
{
    char key[64], ours[64];
    bus.open = bus.connected = false;
    snprintf(key, sizeof(key), "device/%llu/state", (unsigned long long)bus.device);
    snprintf(ours, sizeof(ours), "device/%llu", (unsigned long long)bus.device);
    char *state = read_node(XBT_NULL, bus.home, key);
    bool removing = bus.in_use && state && strcmp(state, "removing") == 0;
    free(state);
    answer(0, NODES({ removing ? key : ours, removing ? "released" : NULL },
                    { "error", reason }, { "state", "6" }));
}

// Waiting

static void look_at_backend(void)
{
    int state = backend_state(XBT_NULL);
    if (state == CONNECTED)
        return;
    if (state == INIT_WAIT)
        die("the backend started anew");
    char *error = read_node(XBT_NULL, bus.home, "error");
    die("the backend closed the bus (state %d): %s", state, error ? error : "it does not say why");
}

static int milliseconds_left(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = (int64_t)(bus.deadline.tv_sec - now.tv_sec) * 1000
                   + (bus.deadline.tv_nsec - now.tv_nsec) / 1000000;
    return left > 0 ? (int)left : 0;
}

// Until the doorbell rings or a watched node changes, or perhaps for nothing.
static void wait_event(const char *what)
{
    struct pollfd fds[] = {
        { .fd = xenevtchn_fd(bus.evtchn), .events = POLLIN },
        { .fd = xs_fileno(bus.xs), .events = POLLIN },
    };
    int ready = poll(fds, 2, milliseconds_left());
    check(ready >= 0 || errno == EINTR, "poll");
    if (ready == 0)
        die("%s: nothing came within %d seconds", what, TIME_LIMIT);
    if (ready > 0 && fds[0].revents) {
        int port = xenevtchn_pending(bus.evtchn);
        check(port >= 0 && xenevtchn_unmask(bus.evtchn, (evtchn_port_t)port) == 0, "a doorbell");
    }
    if (ready > 0 && fds[1].revents) {
        char **watch;
        while ((watch = xs_check_watch(bus.xs)))
            free(watch);
        if (bus.connected)
            look_at_backend();
    }
}

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
            wait_event("room in the ring");
        store(TO_BACKEND + ROOM, NOBODY);
    }
    for (uint32_t i = 0; i < bytes; i++)
        bus.ring[RING_HEADER + (bus.prod + i) % LANE] = i < message->size ? message->bytes[i] : 0;
    advance(&bus.prod, bytes, TO_BACKEND + PROD, TO_BACKEND + WAKE);
}

// Messages

static uint64_t get(struct message *message, unsigned width)
{
    uint64_t value = 0;
    if (message->at + width > message->size)
        die("%s: too short, %u bytes", message->name, message->size);
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)message->bytes[message->at++] << 8 * i;
    return value;
}

static void expect(struct message *message, unsigned width, uint64_t value, const char *field)
{
    uint64_t got = get(message, width);
    if (got != value)
        die("%s: %s is 0x%llx and not 0x%llx", message->name, field, (unsigned long long)got,
            (unsigned long long)value);
}

static void put(struct message *message, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        message->bytes[message->size++] = (uint8_t)(value >> 8 * i);
}

static void send_message(uint8_t type, uint8_t id, uint16_t token, const struct field *fields,
                         size_t n)
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
    message->type = (uint8_t)get(message, 1) & (RESPONSE | BUS);
    message->id = (uint8_t)get(message, 1);
    if (bus.compact)
        message->device = get(message, 2);
    message->token = (uint16_t)get(message, 2);
    uint32_t size = (uint32_t)get(message, 2);
    if (!bus.compact) {
        get(message, 2);
        message->device = get(message, 8);
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

// The next message, if need be after a sleep.
static void wait_message(struct message *message, const char *what)
{
    while (!receive(message)) {
        store(TO_FRONTEND + WAKE, (bus.cons + 8) % (2 * LANE));
        if (!filled(TO_FRONTEND + PROD, BAD_PROD))
            wait_event(what);
        store(TO_FRONTEND + WAKE, NOBODY);
    }
}

// What comes at any time. Events that we do not know, or need not know, are ignored.
static void handle(struct message *in)
{
    if (in->type == BUS && in->id == PING) {
        const struct field data = LE32(get(in, 4));
        send_message(BUS | RESPONSE, PING, in->token, &data, 1);
    } else if (in->type == 0 && in->id == EVENT_CONFIG && in->device == bus.device) {
        if (get(in, 4) & VIRTIO_CONFIG_S_NEEDS_RESET)
            die("the device is broken and needs a reset");
    }
}

// A request's response, its header read already.
static struct message call(const char *name, uint8_t type, uint8_t id, const struct field *fields,
                           size_t n)
{
    struct message in;
    bus.token = bus.token == UINT16_MAX ? 1 : bus.token + 1; // 0 is for events
    send_message(type, id, bus.token, fields, n);
    for (;;) {
        wait_message(&in, name);
        in.name = name;
        if (in.type == (type | RESPONSE) && in.id == id && in.token == bus.token
            && in.device == (type & BUS ? 0 : bus.device))
            return in;
        handle(&in);
    }
}

#define FIELDS(...) (const struct field[]){ __VA_ARGS__ }, \
    sizeof((const struct field[]){ __VA_ARGS__ }) / sizeof(struct field)
#define CALL(type, id, ...) call(#id, type, id, FIELDS(__VA_ARGS__))

// The handshake

static void find_bus(void)
{
    char path[256];
    check((bus.xs = xs_open(0)), "xenstore");
    check((bus.evtchn = xenevtchn_open(NULL, 0)), "event channels");
    check((bus.gntshr = xengntshr_open(NULL, 0)), "grants");
    check((bus.home = read_node(XBT_NULL, HOME, "backend")), "there is no bus 0: " HOME "/backend");
    bus.domain = (uint32_t)read_number(HOME, "backend-id", 32751);
    snprintf(path, sizeof(path), "%s/state", bus.home);
    check(xs_watch(bus.xs, path, ""), path);
}

// What the backend says of itself, as it is at InitWait. Neither commas nor spaces between the
// versions are ruled out by the page; either does here.
static void read_abilities(void)
{
    bool speaks = false;
    char *versions = read_node(XBT_NULL, bus.home, "versions"), *rest = versions, *word;
    while (versions && (word = strsep(&rest, ", ")))
        speaks |= strcmp(word, "1") == 0;
    if (!speaks)
        die("the backend speaks versions %s, not 1", versions ? versions : "it does not tell");
    free(versions);
    if (read_number(bus.home, "transport-revision", UINT32_MAX) != 1)
        die("the backend has another revision of virtio-msg than 1");
    if (bus.compact && read_number(bus.home, "feature-wire-compact", 1) != 1)
        die("the backend does not speak the compact form");
    uint64_t largest = read_number(bus.home, "max-message-size", 65535);
    bus.message_size = bus.compact ? 264 : 272;
    if (largest < bus.message_size)
        bus.message_size = (uint32_t)largest;
}

static void make_ring(uint32_t *ref)
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

static void offer(uint32_t ref)
{
    char size[16], ring_ref[16], port[16];
    do {
        while (backend_state(XBT_NULL) != INIT_WAIT)
            wait_event("the backend's InitWait");
        read_abilities();
        snprintf(size, sizeof(size), "%u", bus.message_size);
        snprintf(ring_ref, sizeof(ring_ref), "%u", ref);
        snprintf(port, sizeof(port), "%d", bus.port);
    } while (!answer(INIT_WAIT, NODES({ "version", "1" }, { "message-size", size },
                                      { "ring-page-order", "0" }, { "ring-ref-0", ring_ref },
                                      { "event-channel", port },
                                      { "wire-form", bus.compact ? "compact" : "wide" },
                                      { "transport-features", "0" }, { "state", "3" })));
}

static void connect_bus(void)
{
    uint32_t ref;
    bus.open = true;
    answer(0, NODES({ "state", "1" }));
    make_ring(&ref);
    offer(ref);
    do {
        int state;
        while ((state = backend_state(XBT_NULL)) >= INITIALISING && state <= INITIALISED)
            wait_event("the backend's answer to the offer");
        look_at_backend();
    } while (!answer(CONNECTED, NODES({ "state", "4" })));
    bus.connected = true;
}

// The device

// Says which devices there are, and whether ours is among them.
static bool list_devices(void)
{
    bool found = false;
    uint64_t offset = 0, next;
    fprintf(stderr, "stranger: devices:");
    do {
        struct message message = CALL(BUS, GET_DEVICES, DEVNUM(offset), LE16(128));
        expect(&message, bus.compact ? 2 : 8, offset, "offset");
        next = get(&message, bus.compact ? 2 : 8);
        uint64_t count = get(&message, 2);
        if (count > 128 || (next && next <= offset))
            die("GET_DEVICES: %llu numbers, next %llu", (unsigned long long)count,
                (unsigned long long)next);
        for (uint64_t i = 0, bits = 0; i < count; i++, bits >>= 1) {
            if (i % 8 == 0)
                bits = get(&message, 1);
            if (bits & 1)
                fprintf(stderr, " %llu", (unsigned long long)(offset + i));
            found |= (bits & 1) && offset + i == bus.device;
        }
        offset = next;
    } while (next);
    fprintf(stderr, "\n");
    return found;
}

static void take_device(void)
{
    char key[64];
    if (!list_devices())
        die("device %llu is not there", (unsigned long long)bus.device);
    snprintf(key, sizeof(key), "device/%llu/state", (unsigned long long)bus.device);
    char *state = read_node(XBT_NULL, bus.home, key);
    if (!state || strcmp(state, "added") != 0)
        die("device %llu is being removed", (unsigned long long)bus.device);
    free(state);
    bus.in_use = true;
    answer(0, NODES({ key, "in-use" }));
}

static void set_status(uint32_t status)
{
    struct message message = CALL(0, SET_DEVICE_STATUS, LE32(status));
    uint32_t got = (uint32_t)get(&message, 4);
    while (status == 0 && got != 0 && milliseconds_left() > 0) { // a reset takes its time
        message = CALL(0, GET_DEVICE_STATUS);
        got = (uint32_t)get(&message, 4);
    }
    if (got != status)
        die("the device does not take status 0x%x, it stays at 0x%x", status, got);
}

// VERSION_1 and ACCESS_PLATFORM, which are in block 1, and nothing else.
static void negotiate(void)
{
    const uint32_t wanted = 1u << (VIRTIO_F_VERSION_1 - 32) | 1u << (VIRTIO_F_ACCESS_PLATFORM - 32);
    struct message message = CALL(0, GET_DEVICE_INFO);
    expect(&message, 4, VIRTIO_ID_BLOCK, "device_id");
    message = CALL(0, GET_DEVICE_FEATURES, LE32(1), LE32(1));
    expect(&message, 4, 1, "block_index");
    expect(&message, 4, 1, "num_blocks");
    if ((get(&message, 4) & wanted) != wanted)
        die("the device does not offer VERSION_1 and ACCESS_PLATFORM");
    CALL(0, SET_DRIVER_FEATURES, LE32(0), LE32(2), LE32(0), LE32(wanted));
}

static uint64_t capacity(void)
{
    struct message message = CALL(0, GET_CONFIG, LE32(0), LE32(8));
    get(&message, 4); // generation: one piece needs no comparing
    expect(&message, 4, 0, "offset");
    expect(&message, 4, 8, "length");
    return get(&message, 8);
}

static void share_area(void)
{
    uint32_t ref;
    bus.area = xengntshr_share_pages(bus.gntshr, bus.domain, 1, &ref, 1);
    check(bus.area, "no page can be shared");
    memset(bus.area, 0, PAGE);
    struct message message = CALL(BUS, AREA_SHARE, LE16(AREA), LE16(0), LE32(1), LE32(1),
                                  LE32(ref));
    expect(&message, 2, AREA, "area");
    expect(&message, 2, 0, "status");
}

static void unshare_area(void)
{
    struct message message = CALL(BUS, AREA_UNSHARE, LE16(AREA), LE16(0));
    expect(&message, 2, AREA, "area");
    expect(&message, 2, 0, "status");
    check(xengntshr_unshare(bus.gntshr, bus.area, 1) == 0, "the area cannot be taken back");
}

static void set_up_queue(void)
{
    struct message message = CALL(0, GET_VQUEUE, LE32(0));
    expect(&message, 4, 0, "index");
    uint64_t max_size = get(&message, 4);
    if (max_size < QUEUE_SIZE)
        die("the device's queue takes %llu buffers only", (unsigned long long)max_size);
    CALL(0, SET_VQUEUE, LE32(0), LE32(1), LE32(QUEUE_SIZE), LE32(0), LE64(ADDRESS(DESC)),
         LE64(ADDRESS(AVAIL)), LE64(ADDRESS(USED))); // flags 1: apply all, and enable
    message = CALL(0, GET_VQUEUE, LE32(0));
    expect(&message, 4, 0, "index");
    expect(&message, 4, max_size, "max_size");
    expect(&message, 4, QUEUE_SIZE, "cur_size");
    if (!(get(&message, 4) & 1))
        die("the queue is not enabled");
    expect(&message, 8, ADDRESS(DESC), "desc_addr");
    expect(&message, 8, ADDRESS(AVAIL), "driver_addr");
    expect(&message, 8, ADDRESS(USED), "device_addr");
}

static void start_device(uint64_t sector)
{
    set_status(0);
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    negotiate();
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    uint64_t sectors = capacity();
    if (sector >= sectors)
        die("the disk has only %llu sectors", (unsigned long long)sectors);
    share_area();
    set_up_queue();
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK
               | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void make_request(uint64_t sector)
{
    struct virtio_blk_outhdr *header = (void *)(bus.area + REQUEST);
    struct vring_desc *desc = (void *)(bus.area + DESC);
    header->type = htole32(VIRTIO_BLK_T_IN);
    header->ioprio = 0;
    header->sector = htole64(sector);
    bus.area[STATUS] = 0xff;
    desc[0] = (struct vring_desc){ htole64(ADDRESS(REQUEST)), htole32(sizeof(*header)),
        htole16(VRING_DESC_F_NEXT), htole16(1) };
    desc[1] = (struct vring_desc){ htole64(ADDRESS(DATA)), htole32(SECTOR),
        htole16(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE), htole16(2) };
    desc[2] = (struct vring_desc){ htole64(ADDRESS(STATUS)), htole32(1),
        htole16(VRING_DESC_F_WRITE), 0 };
}

static void read_sector(uint64_t sector)
{
    struct vring_avail *avail = (void *)(bus.area + AVAIL);
    struct vring_used *used = (void *)(bus.area + USED);
    make_request(sector);
    avail->ring[0] = htole16(0);
    __atomic_store_n(&avail->idx, htole16(1), __ATOMIC_SEQ_CST);
    if (!(le16toh(__atomic_load_n(&used->flags, __ATOMIC_SEQ_CST)) & VRING_USED_F_NO_NOTIFY)) {
        const struct field event[] = { LE32(0), LE32(0) }; // queue 0, no next_offset
        send_message(0, EVENT_AVAIL, 0, event, 2);
    }
    while (le16toh(__atomic_load_n(&used->idx, __ATOMIC_SEQ_CST)) == 0) {
        struct message message;
        wait_message(&message, "the disk");
        handle(&message);
    }
    if (le32toh(used->ring[0].id) != 0 || le32toh(used->ring[0].len) != SECTOR + 1)
        die("the device used a buffer that it was not given");
    if (bus.area[STATUS] != VIRTIO_BLK_S_OK)
        die("the disk refuses to read sector %llu: status %u", (unsigned long long)sector,
            bus.area[STATUS]);
    check(fwrite(bus.area + DATA, SECTOR, 1, stdout) == 1 && fflush(stdout) == 0,
          "standard output");
}

// The ring is ours again when the backend, having let go of it, is at InitWait for the next.
static void leave(void)
{
    close_bus(NULL);
    while (backend_state(XBT_NULL) != INIT_WAIT)
        wait_event("the backend's letting go of the ring");
    check(xengntshr_unshare(bus.gntshr, bus.ring, 1) == 0
              && xenevtchn_unbind(bus.evtchn, (evtchn_port_t)bus.port) == 0,
          "the ring cannot be taken back");
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "compact", no_argument, NULL, 'c' }, { 0 } };
    uint64_t sector;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) == 'c')
        bus.compact = true;
    if (option != -1 || argc - optind != 2 || !number_of(argv[optind + 1], UINT64_MAX, &sector)
        || !number_of(argv[optind], bus.compact ? UINT16_MAX : UINT64_MAX, &bus.device)) {
        fprintf(stderr, "usage: stranger [--compact] DEVICE SECTOR\n");
        return 2;
    }
    clock_gettime(CLOCK_MONOTONIC, &bus.deadline);
    bus.deadline.tv_sec += TIME_LIMIT;
    find_bus();
    connect_bus();
    take_device();
    start_device(sector);
    read_sector(sector);
    set_status(0);
    unshare_area();
    leave();
    return 0;
}
