/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/driver/recording.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-schema/schema.h"

#define MAX_BUSES (sizeof(((struct recording *)NULL)->buses) / sizeof(struct tap_bus))

static void note_bus(struct recording *r)
{
    struct backend *b = r->b;

    CU_ASSERT_FATAL(b->connections < MAX_BUSES);
    r->buses[b->connections] = (struct tap_bus){
        .form = b->form,
        .max_message = b->ring.max_message,
        .strict = backend_front_is(b, XS_TRANSPORT_FEATURES, "1"),
        .timeout = b->h->timeout,
    };
}

static void note(void *user, bool from_driver, const uint8_t *bytes, size_t size)
{
    struct recording *r = user;
    struct backend *b = r->b;
    uint8_t *copy = malloc(size);

    if (!copy)
        abort();
    if (r->count % 256 == 0)
        r->messages = realloc(r->messages, (r->count + 256) * sizeof(*r->messages));
    if (!r->messages)
        abort();
    if (!r->buses[b->connections].timeout)
        note_bus(r);
    memcpy(copy, bytes, size);

    struct recorded *e = &r->messages[r->count++];

    *e = (struct recorded){
        .connection = b->connections,
        .tap = {b->dom0->ops->now(b->dom0), from_driver, copy, size},
    };
    e->valid = msg_decode(b->form, copy, size, &e->m, NULL);
}

void recording_start(struct recording *r, struct backend *b)
{
    *r = (struct recording){.b = b};
    b->tap = note;
    b->tap_user = r;
}

void recording_free(struct recording *r)
{
    for (size_t i = 0; i < r->count; i++)
        free((uint8_t *)r->messages[i].tap.bytes);
    free(r->messages);
    *r = (struct recording){0};
}

long recording_place(const struct recording *r, enum msg_kind kind, unsigned nth)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->messages[i].valid && r->messages[i].m.kind == kind && nth-- == 0)
            return (long)i;
    return -1;
}

const struct recorded *recording_find(const struct recording *r, enum msg_kind kind, unsigned nth)
{
    long place = recording_place(r, kind, nth);

    return place < 0 ? NULL : &r->messages[place];
}

unsigned recording_count(const struct recording *r, enum msg_kind kind)
{
    unsigned count = 0;

    for (size_t i = 0; i < r->count; i++)
        count += r->messages[i].valid && r->messages[i].m.kind == kind;
    return count;
}

unsigned recording_sent_to(const struct recording *r, uint64_t number, size_t from)
{
    unsigned count = 0;

    for (size_t i = from; i < r->count; i++) {
        const struct recorded *e = &r->messages[i];

        count += e->tap.from_driver && e->valid && e->m.dev_num == number &&
                 msg_describe(e->m.kind)->name_space == MSG_TRANSPORT;
    }
    return count;
}

static void connect(const struct recording *r, struct tap_check *t, unsigned connection,
                    const uint64_t *numbers, unsigned num_numbers)
{
    tap_check_connect(t, &r->buses[connection]);
    for (unsigned i = 0; i < num_numbers; i++)
        tap_check_announce(t, numbers[i]);
}

void recording_check(const struct recording *r, struct tap_check *t, const uint64_t *numbers,
                     unsigned num_numbers)
{
    unsigned connection = 0;

    for (size_t i = 0; i < r->count; i++) {
        if (r->messages[i].connection != connection) {
            connection = r->messages[i].connection;
            connect(r, t, connection, numbers, num_numbers);
        }
        tap_check_message(t, &r->messages[i].tap);
    }
    tap_check_end(t);
}
