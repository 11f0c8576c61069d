/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * SET_VQUEUE's decision table, whole: every value of the six flag bits, in every
 * state a queue can be in, with every field right or wrong in several ways. What
 * is to become of the queue is told by expected(), from the table in the draft.
 */

#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"

#define AREA_BYTES (GUEST_PAGES * (uint64_t)PLATFORM_PAGE_SIZE)

/* ---- what a request may have wrong ---- */

enum field { SIZE, DESC, DRIVER, DEVICE, RESERVED, FLAGS };

/* NEVER: not even to be stored. ENABLING: may be stored, not used. */
enum harm { NONE, ENABLING, NEVER };

struct mistake {
    const char *what;
    enum field field;
    enum harm harm;
    uint64_t value;
    bool added; /* to the good value, instead of in its place */
};

static const struct mistake mistakes[] = {
    {"nothing", FLAGS, NONE, 0, true},
    {"size 0", SIZE, NEVER, 0, false},
    {"size 3", SIZE, NEVER, 3, false},
    {"size 24", SIZE, NEVER, 24, false},
    {"size 65536", SIZE, NEVER, 65536, false},
    {"size 2^31", SIZE, NEVER, 0x80000000, false},
    {"size 2^32 - 1", SIZE, NEVER, UINT32_MAX, false},
    {"descriptors at 0", DESC, ENABLING, 0, false},
    {"available ring at 0", DRIVER, ENABLING, 0, false},
    {"used ring at 0", DEVICE, ENABLING, 0, false},
    {"descriptors off by 8", DESC, NEVER, 8, true},
    {"available ring off by 1", DRIVER, NEVER, 1, true},
    {"used ring off by 2", DEVICE, NEVER, 2, true},
    {"descriptors in no area", DESC, ENABLING, UINT64_C(77) << 48, false},
    {"descriptors at a reference never granted", DESC, ENABLING, ADDRESS_GRANT | 0x7ffff000, false},
    {"used ring past the last reference", DEVICE, ENABLING, ADDRESS_GRANT | UINT64_C(0xffffffffffc),
     false},
    {"available ring across the area's end", DRIVER, ENABLING, AREA_BYTES - 4, true},
    {"used ring behind the area", DEVICE, ENABLING, AREA_BYTES, true},
    {"descriptors at the greatest offset", DESC, ENABLING, (UINT64_C(1) << 48) - 16, false},
    {"used ring at the greatest address", DEVICE, ENABLING, UINT64_MAX - 3, false},
    {"reserved field 1", RESERVED, NEVER, 1, false},
    {"reserved field 2^31", RESERVED, NEVER, 0x80000000, false},
    {"flag 6", FLAGS, NEVER, 0x40, true},
    {"flag 31", FLAGS, NEVER, 0x80000000, true},
};
#define MISTAKES (sizeof(mistakes) / sizeof(mistakes[0]))

static void make(struct msg_set_vqueue_request *set, const struct mistake *m)
{
    uint64_t kept = m->added ? UINT64_MAX : 0;

    switch (m->field) {
    case SIZE:
        set->size = (uint32_t)m->value;
        break;
    case DESC:
        set->desc_addr = (set->desc_addr & kept) + m->value;
        break;
    case DRIVER:
        set->driver_addr = (set->driver_addr & kept) + m->value;
        break;
    case DEVICE:
        set->device_addr = (set->device_addr & kept) + m->value;
        break;
    case RESERVED:
        set->reserved = (uint32_t)m->value;
        break;
    case FLAGS:
        set->flags += (uint32_t)m->value;
        break;
    }
}

/* Is it in a field that the request tells the device to leave alone? */
static bool ignored(const struct mistake *m, uint32_t flags)
{
    static const uint32_t bits[] = {
        [SIZE] = SET_VQUEUE_IGNORE_SIZE,     [DESC] = SET_VQUEUE_IGNORE_DESC,
        [DRIVER] = SET_VQUEUE_IGNORE_DRIVER, [DEVICE] = SET_VQUEUE_IGNORE_DEVICE,
        [RESERVED] = 0,                      [FLAGS] = 0,
    };

    return flags & bits[m->field];
}

/* ---- the table ---- */

/* All that GET_VQUEUE tells, as it tells it. */
typedef struct msg_get_vqueue_response state;

static bool complete(const state *q)
{
    return q->cur_size && q->desc_addr && q->driver_addr && q->device_addr;
}

static state apply(state q, const struct msg_set_vqueue_request *set)
{
    if (!(set->flags & SET_VQUEUE_IGNORE_SIZE))
        q.cur_size = set->size;
    if (!(set->flags & SET_VQUEUE_IGNORE_DESC))
        q.desc_addr = set->desc_addr;
    if (!(set->flags & SET_VQUEUE_IGNORE_DRIVER))
        q.driver_addr = set->driver_addr;
    if (!(set->flags & SET_VQUEUE_IGNORE_DEVICE))
        q.device_addr = set->device_addr;
    return q;
}

static state expected(const state *now, const struct msg_set_vqueue_request *set,
                      const struct mistake *m, enum msg_form form)
{
    uint32_t operation = set->flags & SET_VQUEUE_OPERATION;
    enum harm harm = ignored(m, set->flags) ? NONE : m->harm;
    state next = apply(*now, set);

    if (operation == 3 || harm == NEVER || now->flags & GET_VQUEUE_ENABLED)
        return *now;
    /* Drivers of the older form know no flags. */
    if (form == MSG_COMPACT && !set->flags)
        operation = SET_VQUEUE_ENABLE;
    if (operation != SET_VQUEUE_ENABLE)
        return next;
    if (harm == ENABLING || !complete(&next))
        return *now;
    next.flags = GET_VQUEUE_ENABLED;
    return next;
}

/* ---- the states ---- */

static void leave_clear(struct driver *d)
{
    (void)d;
}

static void configure_size(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);

    set.flags = SET_VQUEUE_KEEP | SET_VQUEUE_IGNORE_DESC | SET_VQUEUE_IGNORE_DRIVER |
                SET_VQUEUE_IGNORE_DEVICE;
    set.size = 4;
    driver_set_queue(d, &set);
}

/* Good values, but not those that the requests then have. */
static void configure(struct driver *d, uint32_t flags)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);

    set.flags = flags;
    set.size = 8;
    set.desc_addr += 0x100;
    set.driver_addr += 0x100;
    set.device_addr += 0x100;
    driver_set_queue(d, &set);
}

static void configure_all(struct driver *d)
{
    configure(d, SET_VQUEUE_KEEP);
}

static void enable(struct driver *d)
{
    configure(d, SET_VQUEUE_ENABLE);
}

static bool same(const state *a, const state *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static state prepare(struct driver *d, void (*set_up)(struct driver *d))
{
    driver_negotiate(d, VERSION_1);
    set_up(d);
    return driver_get_queue(d, 0);
}

static void judge(const state *q, const state *wanted, uint32_t flags, const struct mistake *m)
{
    char words[100];

    if (same(q, wanted))
        return;
    snprintf(words, sizeof(words), "flags %#x with %s", flags, m->what);
    CU_assertImplementation(CU_FALSE, __LINE__, words, __FILE__, "", CU_FALSE);
}

/* Every request on a queue that set_up() made; prepared anew only when needed. */
static void whole_table(struct driver *d, void (*set_up)(struct driver *d))
{
    state start = prepare(d, set_up), now = start;
    unsigned step = d->slow ? 11 : 1;

    for (uint32_t flags = 0; flags < 64; flags++) {
        for (size_t i = flags % step; i < MISTAKES; i += step) {
            struct msg_set_vqueue_request set = driver_good_queue(0);
            state wanted;

            if (!same(&now, &start))
                now = prepare(d, set_up);
            set.flags = flags;
            make(&set, &mistakes[i]);
            wanted = expected(&now, &set, &mistakes[i], d->g->ring.form);
            driver_set_queue(d, &set);
            CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d));
            now = driver_get_queue(d, 0);
            judge(&now, &wanted, flags, &mistakes[i]);
        }
    }
}

static void clear_queue(struct driver *d)
{
    whole_table(d, leave_clear);
}

static void partly_configured(struct driver *d)
{
    whole_table(d, configure_size);
}

static void configured(struct driver *d)
{
    whole_table(d, configure_all);
}

static void enabled(struct driver *d)
{
    whole_table(d, enable);
}

/* ---- single lines of it, for whoever reads the results ---- */

static void flags_zero(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);
    bool older = d->g->ring.form == MSG_COMPACT;
    struct msg_get_vqueue_response q;

    driver_negotiate(d, VERSION_1);
    set.flags = 0;
    driver_set_queue(d, &set);
    q = driver_get_queue(d, 0);
    CU_ASSERT_EQUAL(q.flags, older ? GET_VQUEUE_ENABLED : 0);
    CU_ASSERT_EQUAL(q.cur_size, set.size);
    CU_ASSERT_EQUAL(q.desc_addr, set.desc_addr);
    CU_ASSERT_EQUAL(q.driver_addr, set.driver_addr);
    CU_ASSERT_EQUAL(q.device_addr, set.device_addr);
}

static void every_high_flag(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);

    driver_negotiate(d, VERSION_1);
    for (unsigned bit = 6; bit < 32; bit++) {
        for (uint32_t operation = 0; operation < 3; operation++) {
            struct msg_get_vqueue_response q;

            set.flags = 1u << bit | operation;
            driver_set_queue(d, &set);
            q = driver_get_queue(d, 0);
            CU_ASSERT(driver_queue_is_clear(&q));
        }
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        set.flags = SET_VQUEUE_ENABLE;
        set.reserved = 1u << bit;
        driver_set_queue(d, &set);
        CU_ASSERT_EQUAL(driver_get_queue(d, 0).cur_size, 0);
    }
}

static void running_queue_stays(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);

    driver_start(d, VERSION_1);
    for (uint32_t flags = 0; flags < 64; flags++) {
        set.flags = flags;
        set.size = 8;
        driver_set_queue(d, &set);
        CU_ASSERT_EQUAL(driver_get_queue(d, 0).flags, GET_VQUEUE_ENABLED);
    }
    driver_do_one(d, 0);
}

static void not_before_driver(struct driver *d)
{
    struct msg_set_vqueue_request set = driver_good_queue(0);

    driver_set_queue(d, &set);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).cur_size, 0);
    driver_set_status(d, 1);
    driver_set_queue(d, &set);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).cur_size, 0);
}

const struct conform_case set_vqueue_cases[] = {
    {"DEV-42 DEV-43 DEV-44 DEV-45 DEV-46 DEV-49: the whole table on a clear queue", clear_queue,
     0},
    {"DEV-42 DEV-43 DEV-44 DEV-45 DEV-46 DEV-49: the whole table on a queue that has a size only",
     partly_configured, 0},
    {"DEV-42 DEV-43 DEV-44 DEV-45 DEV-46 DEV-49: the whole table on a configured queue",
     configured, 0},
    {"DEV-43 DEV-44 DEV-47 DEV-48 DEV-49: the whole table on an enabled queue", enabled, 0},
    {"DEV-46: flags 0 apply everything, and enable in the 8-byte form alone", flags_zero, 0},
    {"DEV-43: each of the flags 31:6, and of the reserved field's bits", every_high_flag, 0},
    {"DEV-47 DEV-48: a running queue goes on as it was", running_queue_stays, 0},
    {"DEV-44: no queue is set up before DRIVER", not_before_driver, 0},
    {NULL, NULL, 0},
};
