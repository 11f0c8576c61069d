/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The bus messages of the device side, and what it makes of messages that are none. */

#include <string.h>
#include <unistd.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

#define FAR (UINT64_C(1) << 32)

struct window {
    uint64_t offset;
    uint64_t next;
    uint16_t count;
    uint8_t bitmap[256];
};

static struct guest *bus(enum msg_form form, uint16_t max, const uint64_t *numbers, size_t count)
{
    struct guest *g = guest_new();

    guest_connect(g, form, max);
    for (size_t i = 0; i < count; i++)
        guest_add_blk(g, numbers[i], guest_disk(1), false);
    return g;
}

/* GET_DEVICES, and what every answer to it has to be. */
static struct window ask(struct guest *g, uint64_t offset, uint16_t count)
{
    struct msg request = {
        .kind = MSG_get_devices_request,
        .get_devices_request = {.offset = offset, .count = count},
    };
    struct msg response = guest_call(g, request);
    const struct msg_get_devices_response *r = &response.get_devices_response;
    size_t fixed = msg_fixed_size(g->ring.form, MSG_get_devices_response);
    size_t bytes = (r->count + 7u) / 8u;
    struct window w = {.offset = r->offset, .next = r->next_offset, .count = r->count};

    CU_ASSERT_EQUAL(msg_peek_size(g->ring.form, g->message), fixed + bytes);
    CU_ASSERT_EQUAL(w.offset, offset);
    CU_ASSERT(w.count <= count);
    CU_ASSERT(w.next == 0 || w.next - offset >= w.count);
    CU_ASSERT_FATAL(bytes <= sizeof(w.bitmap));
    memcpy(w.bitmap, g->message + fixed, bytes);
    if (w.count % 8)
        CU_ASSERT_EQUAL(w.bitmap[bytes - 1] >> w.count % 8, 0);
    return w;
}

static bool has(const struct window *w, uint64_t number)
{
    uint64_t slot = number - w->offset;

    return slot < w->count && w->bitmap[slot / 8] & 1u << slot % 8;
}

static void counts_are_slots(void)
{
    static const uint64_t numbers[] = {1, 6, 7, 8, 12, 13};
    static const uint16_t counts[] = {0, 1, 7, 8, 9, 13};

    for (enum msg_form form = MSG_WIDE; form <= MSG_COMPACT; form++) {
        struct guest *g = bus(form, 272, numbers, 6);

        for (size_t i = 0; i < 6; i++) {
            struct window w = ask(g, 0, counts[i]);

            CU_ASSERT_EQUAL(w.count, counts[i]);
            for (uint64_t n = 0; n < counts[i]; n++)
                CU_ASSERT_EQUAL(has(&w, n), n == 1 || n == 6 || n == 7 || n == 8 || n == 12);
        }
        guest_free(g);
    }
}

static void least_bit_first(void)
{
    static const uint64_t numbers[] = {1, 10};
    struct guest *g = bus(MSG_WIDE, 272, numbers, 2);
    struct window w = ask(g, 0, 16);

    CU_ASSERT_EQUAL(w.bitmap[0], 0x02);
    CU_ASSERT_EQUAL(w.bitmap[1], 0x04);
    w = ask(g, 1, 16);
    CU_ASSERT_EQUAL(w.bitmap[0], 0x01);
    CU_ASSERT_EQUAL(w.bitmap[1], 0x02);
    guest_free(g);
}

static void count_is_what_fits(void)
{
    static const uint64_t numbers[] = {207, 208, 303, 304};
    struct guest *g = bus(MSG_WIDE, MSG_WIDE_MIN_MAX, numbers, 4);
    struct window w = ask(g, 0, 4000);

    CU_ASSERT_EQUAL(w.count, 208);
    CU_ASSERT(has(&w, 207));
    CU_ASSERT_EQUAL(w.next, 208);
    guest_free(g);
    g = bus(MSG_COMPACT, MSG_COMPACT_MIN_MAX, numbers, 4);
    w = ask(g, 0, 4000);
    CU_ASSERT_EQUAL(w.count, 304);
    CU_ASSERT(has(&w, 207) && has(&w, 208) && has(&w, 303));
    CU_ASSERT_EQUAL(w.next, 304);
    guest_free(g);
}

/* Follows next_offset to its end; returns how many windows that took. */
static unsigned walk(struct guest *g, uint16_t count, const uint64_t *numbers, size_t expected)
{
    unsigned windows = 0;
    uint64_t offset = 0;
    size_t found = 0;

    do {
        struct window w = ask(g, offset, count);

        for (uint64_t n = 0; n < w.count; n++)
            if (has(&w, offset + n)) {
                CU_ASSERT_FATAL(found < expected);
                CU_ASSERT_EQUAL(numbers[found], offset + n);
                found++;
            }
        offset = w.next;
        windows++;
    } while (offset && windows < 100);
    CU_ASSERT_EQUAL(found, expected);
    return windows;
}

static void sparse_numbers(void)
{
    static const uint64_t numbers[] = {1,       9,           70,        FAR - 1,
                                       FAR,     FAR + 100,   FAR << 20, UINT64_MAX - 64,
                                       UINT64_MAX - 1};
    struct guest *g = bus(MSG_WIDE, MSG_WIDE_MIN_MAX, numbers, 9);

    CU_ASSERT(walk(g, 64, numbers, 9) <= 10);
    CU_ASSERT(walk(g, 1, numbers, 9) <= 10);
    CU_ASSERT(walk(g, 13, numbers, 9) <= 10);
    CU_ASSERT(walk(g, UINT16_MAX, numbers, 9) <= 10);
    guest_free(g);
}

static void end_of_the_numbers(void)
{
    static const uint64_t numbers[] = {UINT16_MAX - 1, UINT64_MAX - 1};
    struct guest *g = bus(MSG_WIDE, 272, numbers, 2);
    struct window w = ask(g, UINT64_MAX - 1, 100);

    CU_ASSERT(has(&w, UINT64_MAX - 1));
    CU_ASSERT(w.count <= 2);
    CU_ASSERT_EQUAL(w.next, 0);
    w = ask(g, UINT64_MAX, 100);
    CU_ASSERT(w.count <= 1);
    CU_ASSERT_EQUAL(w.next, 0);
    guest_free(g);
    /* What the compact form cannot name is not told of. */
    g = bus(MSG_COMPACT, 264, numbers, 2);
    CU_ASSERT(walk(g, 1000, numbers, 1) <= 2);
    w = ask(g, UINT16_MAX - 1, 100);
    CU_ASSERT(w.count <= 2);
    CU_ASSERT_EQUAL(w.next, 0);
    guest_free(g);
}

static void empty_bus(void)
{
    struct guest *g = bus(MSG_WIDE, 272, NULL, 0);
    struct window w = ask(g, 0, 100);

    for (uint64_t n = 0; n < w.count; n++)
        CU_ASSERT(!has(&w, n));
    CU_ASSERT_EQUAL(w.next, 0);
    w = ask(g, FAR, 100);
    CU_ASSERT_EQUAL(w.next, 0);
    guest_add_blk(g, FAR, guest_disk(1), false);
    w = ask(g, FAR, 100);
    CU_ASSERT(has(&w, FAR));
    guest_free(g);
}

static void only_devices_that_answer(void)
{
    static const uint64_t numbers[] = {3, 5, FAR};
    struct guest *g = bus(MSG_WIDE, 272, numbers, 3);
    struct ipc_message refused = {.kind = IPC_DEVICE_ADD, .device = {.number = 4, .type = "tea"}};
    struct ipc_message remove = {.kind = IPC_DEVICE_REMOVE, .answer.number = 5};
    struct window w;

    guest_tell(g, &refused, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REFUSED);
    guest_tell(g, &remove, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
    w = ask(g, 0, 64);
    CU_ASSERT_EQUAL(w.bitmap[0], 1u << 3);
    CU_ASSERT_EQUAL(w.next, FAR);
    for (size_t i = 0; i < 3; i += 2)
        CU_ASSERT_EQUAL(guest_call(g, (struct msg){.kind = MSG_get_device_info_request,
                                                   .dev_num = numbers[i]})
                            .get_device_info_response.device_id,
                        2);
    guest_free(g);
}

static void ping_repeats_the_value(void)
{
    static const uint32_t values[] = {0, 1, 0x80000000, 0x12345678, 0xffffffff};

    for (enum msg_form form = MSG_WIDE; form <= MSG_COMPACT; form++) {
        struct guest *g = bus(form, 272, NULL, 0);

        for (size_t i = 0; i < 5; i++) {
            struct msg request = {.kind = MSG_ping_request, .ping_request.data = values[i]};

            CU_ASSERT_EQUAL(guest_call(g, request).ping_response.data, values[i]);
        }
        guest_free(g);
    }
}

/* ---- what is dropped: guest_settle() sees that nothing was said to it ---- */

static void send_header(struct guest *g, uint8_t type, uint8_t id, uint64_t device, uint16_t size)
{
    uint8_t bytes[64] = {type, id};

    le16_put(bytes + 2, 99);
    le16_put(bytes + 4, size);
    le64_put(bytes + 8, device);
    guest_send_bytes(g, bytes, size);
}

static void bad_bus_messages(void)
{
    static const uint8_t ids[] = {0x00, 0x01, 0x04, 0x3f, 0x41, 0x7f, 0x83, 0xbf, 0xc0, 0xff};
    static const uint64_t numbers[] = {1};
    struct guest *g = bus(MSG_WIDE, 272, numbers, 1);

    for (size_t i = 0; i < sizeof(ids); i++) {
        send_header(g, MSG_TYPE_BUS, ids[i], 0, 32);
        send_header(g, MSG_TYPE_BUS | MSG_TYPE_RESPONSE, ids[i], 0, 32);
    }
    send_header(g, MSG_TYPE_BUS, 0x03, 1, 20);                     /* PING with a device */
    send_header(g, MSG_TYPE_BUS, 0x03, 0, 16);                     /* without its value */
    send_header(g, MSG_TYPE_BUS, 0x03, 0, 19);                     /* cut off */
    send_header(g, MSG_TYPE_BUS, 0x02, 0, 24);                     /* GET_DEVICES, cut off */
    send_header(g, MSG_TYPE_BUS | MSG_TYPE_RESPONSE, 0x03, 0, 20); /* nobody asked */
    send_header(g, MSG_TYPE_BUS, 0x40, 0, 26);                     /* EVENT_DEVICE is ours */
    guest_settle(g);
    CU_ASSERT_EQUAL(ask(g, 0, 8).bitmap[0], 1u << 1);
    guest_free(g);
}

static void transport_ids_are_the_devices(void)
{
    static const uint64_t numbers[] = {1};
    struct guest *g = bus(MSG_WIDE, 272, numbers, 1);

    for (unsigned id = 0; id < 256; id++)
        if (id < 0x02 || id > 0x0c)
            send_header(g, 0, (uint8_t)id, 1, 64);
    guest_settle(g);
    CU_ASSERT_EQUAL(guest_set_status(g, 1, 1), 1);
    guest_free(g);
}

static void events_get_no_answer(void)
{
    static const uint64_t numbers[] = {1};
    struct guest *g = bus(MSG_WIDE, 272, numbers, 1);

    for (uint64_t device = 0; device < 4; device++) {
        send_header(g, 0, 0x41, device, 24); /* EVENT_AVAIL */
        send_header(g, 0, 0x41, device, 20); /* too short */
        send_header(g, 0, 0x41, device, 28); /* too long */
        send_header(g, 0, 0x42, device, 20); /* EVENT_USED is the device's */
        send_header(g, 0, 0x7f, device, 20);
    }
    guest_settle(g);
    CU_ASSERT_EQUAL(guest_set_status(g, 1, 1), 1);
    guest_free(g);
}

/* Is this one of the ids that the specification gives a meaning? */
static bool standard_id(const struct msg_description *m)
{
    if (m->class == MSG_EVENT)
        return m->msg_id >= 0x40 && m->msg_id <= (m->name_space == MSG_BUS ? 0x40 : 0x42);
    return m->msg_id >= 0x02 && m->msg_id <= (m->name_space == MSG_BUS ? 0x03 : 0x0c);
}

static void own_ids_are_above_0x80(void)
{
    unsigned own = 0;

    for (enum msg_kind kind = 0; kind < MSG_KINDS; kind++) {
        const struct msg_description *m = msg_describe(kind);

        own += m->msg_id >= 0x80;
        CU_ASSERT(m->msg_id >= 0x80 || standard_id(m));
    }
    CU_ASSERT_EQUAL(own, 6);
    CU_ASSERT_EQUAL(DEVICE_BUS_STATE_ADDED, 1);
    CU_ASSERT_EQUAL(DEVICE_BUS_STATE_REMOVED, 2);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"BUS-46 BUS-47 BUS-51 BUS-53: a count is of slots, whatever it is", counts_are_slots},
        {"BUS-46: bitmaps begin with the lowest bit", least_bit_first},
        {"BUS-49 BUS-50: a window is as large as asked, or as fits the message",
         count_is_what_fits},
        {"BUS-16 BUS-48 BUS-56: a walk finds every device in 64 bits of numbers, and ends",
         sparse_numbers},
        {"BUS-48 BUS-50 BUS-56: a window at the end of the numbers ends there",
         end_of_the_numbers},
        {"BUS-17 BUS-52 BUS-53: a bus may be empty", empty_bus},
        {"BUS-19 REC-14: what is refused or removed is in no bitmap", only_devices_that_answer},
        {"BUS-54: PING repeats the value", ping_repeats_the_value},
        {"BUS-23: bus messages that are none are dropped in silence", bad_bus_messages},
        {"BUS-24 BUS-13 DEV-04 DEV-15: unknown transport ids are the device's to drop",
         transport_ids_are_the_devices},
        {"BUS-25: an event gets no answer, whatever is wrong with it", events_get_no_answer},
        {"BUS-55: ids of our own are those left to us", own_ids_are_above_0x80},
        {NULL, NULL},
    };

    return test_main("bus-windows", cases);
}
