/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Headers, pairing of requests and responses, and the results. */

#include "tests/conformance/driver/tap-check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/driver/tap-rules.h"

static const char *const ids[] = {
#define C(clause, id, words) id,
    TAP_CLAUSE_LIST(C)
#undef C
};

static const char *const clause_words[] = {
#define C(clause, id, words) words,
    TAP_CLAUSE_LIST(C)
#undef C
};

const char *tap_check_id(enum tap_clause clause)
{
    return ids[clause];
}

const char *tap_check_words(enum tap_clause clause)
{
    return clause_words[clause];
}

const struct tap_result *tap_check_result(const struct tap_check *t, enum tap_clause clause)
{
    return &t->results[clause];
}

void tap_rules_judge(struct tap_check *t, enum tap_clause clause, bool kept, const char *format,
                     ...)
{
    struct tap_result *result = &t->results[clause];
    va_list args;

    if (result->verdict == TAP_BROKEN)
        return;
    result->verdict = kept ? TAP_KEPT : TAP_BROKEN;
    if (kept)
        return;
    result->message = t->count;
    va_start(args, format);
    vsnprintf(result->why, sizeof(result->why), format, args);
    va_end(args);
}

/* ---- devices ---- */

static struct tap_device *device(struct tap_check *t, uint64_t number)
{
    struct tap_device *d = t->devices;

    while (d && d->number != number)
        d = d->next;
    if (d)
        return d;
    d = calloc(1, sizeof(*d));
    if (!d)
        abort();
    d->number = number;
    d->next = t->devices;
    t->devices = d;
    return d;
}

/* Messages to a number for which nobody answers and that nobody announced are wrong,
 * unless an answer may be missing. */
static void end_devices(struct tap_check *t, bool complete)
{
    size_t count = t->count;

    t->count = 0;
    while (t->devices) {
        struct tap_device *d = t->devices;
        bool there = d->answered || d->announced;

        if (d->asked && (there || complete))
            tap_rules_judge(t, TAP_DRV_10, there, "messages to device %llu, which there is not",
                            (unsigned long long)d->number);
        t->devices = d->next;
        free(d);
    }
    t->count = count;
}

struct tap_check *tap_check_new(void)
{
    struct tap_check *t = calloc(1, sizeof(*t));

    if (!t)
        abort();
    return t;
}

void tap_check_free(struct tap_check *t)
{
    end_devices(t, false);
    free(t);
}

void tap_check_connect(struct tap_check *t, const struct tap_bus *bus)
{
    end_devices(t, true);
    t->bus = *bus;
    if (!t->bus.max_message)
        t->bus.max_message = MSG_PROTOCOL_MAX;
}

void tap_check_announce(struct tap_check *t, uint64_t number)
{
    device(t, number)->announced = true;
}

void tap_check_forget(struct tap_check *t)
{
    end_devices(t, false);
}

void tap_check_end(struct tap_check *t)
{
    end_devices(t, true);
}

/* ---- requests and responses ---- */

static void forget_waiting(struct tap_device *d, unsigned i)
{
    d->num_waiting--;
    memmove(&d->waiting[i], &d->waiting[i + 1], (d->num_waiting - i) * sizeof(d->waiting[0]));
}

static void note_request(struct tap_check *t, struct tap_device *d, const struct msg *m,
                         uint64_t time)
{
    while (d->num_waiting && time - d->waiting[0].time >= t->bus.timeout)
        forget_waiting(d, 0);
    tap_rules_judge(t, TAP_REC_10, d->num_waiting == 0,
                    "device %llu: %s while the request before is not answered",
                    (unsigned long long)d->number, msg_describe(m->kind)->name);
    d->asked = true;
    if (d->num_waiting == TAP_WAITING)
        forget_waiting(d, 0);
    d->waiting[d->num_waiting++] =
        (struct tap_request){.token = m->token, .time = time};
}

/* True when a request waits for it, as its driver sees it: by the token. */
static bool take_response(struct tap_device *d, const struct msg_header *header)
{
    for (unsigned i = 0; i < d->num_waiting; i++)
        if (d->waiting[i].token == header->token) {
            forget_waiting(d, i);
            return true;
        }
    return false;
}

/* ---- the driver's messages ---- */

static bool all_zero(const uint8_t *bytes, size_t size)
{
    while (size && !*bytes) {
        bytes++;
        size--;
    }
    return size == 0;
}

/* What can be said of the bytes alone. False when the header is none. */
static bool check_header(struct tap_check *t, const struct tap_message *message)
{
    enum msg_form form = t->bus.form;
    size_t header = msg_header_size(form);

    if (message->size < header) {
        tap_rules_judge(t, TAP_DRV_09, false, "%zu bytes are no header", message->size);
        return false;
    }

    unsigned size = msg_peek_size(form, message->bytes);
    unsigned swapped = (size >> 8 | size << 8) & 0xffff;
    bool possible = size >= header && size <= message->size;

    if (!possible && swapped >= header && swapped <= message->size) {
        tap_rules_judge(t, TAP_DRV_06, false, "msg_size %u is big-endian for %u", size, swapped);
        return false;
    }
    if (!possible) {
        tap_rules_judge(t, TAP_DRV_09, false, "msg_size %u in %zu bytes", size, message->size);
        return false;
    }
    tap_rules_judge(t, TAP_DRV_06, true, " ");
    tap_rules_judge(t, TAP_DRV_01, size <= t->bus.max_message, "%u bytes, the maximum is %u", size,
                    t->bus.max_message);
    tap_rules_judge(t, TAP_DRV_07, (message->bytes[0] & 0xfc) == 0, "type is %#x",
                    message->bytes[0]);
    if (form == MSG_WIDE)
        tap_rules_judge(t, TAP_DRV_13, !message->bytes[6] && !message->bytes[7],
                        "reserved is %02x %02x", message->bytes[6], message->bytes[7]);
    if (message->size > size)
        tap_rules_judge(t, TAP_DRV_11, all_zero(message->bytes + size, message->size - size),
                        "bytes behind the message are not zero");
    return true;
}

static size_t tail_size(const struct msg *m)
{
    const struct msg_field *tail = msg_tail_field(m->kind);

    if (!tail)
        return 0;
    return ((const struct msg_tail *)(const void *)((const uint8_t *)m + tail->member))->size;
}

/* Is it a message of revision 1 that a driver sends? */
static bool check_kind(struct tap_check *t, const uint8_t *bytes)
{
    uint8_t type = bytes[0];
    enum msg_kind kind = msg_find(type & MSG_TYPE_BUS ? MSG_BUS : MSG_TRANSPORT,
                                  type & MSG_TYPE_RESPONSE, bytes[1]);
    bool known = kind < MSG_KINDS && msg_describe(kind)->sender & MSG_DRIVER;

    tap_rules_judge(t, TAP_DRV_02, known, "type %#x, msg_id %#x is not for a driver to send", type,
                    bytes[1]);
    return known;
}

/* Decodes it; false when it cannot be judged further. */
static bool check_layout(struct tap_check *t, const struct tap_message *message, struct msg *m)
{
    enum msg_form form = t->bus.form;
    struct msg_error error;

    if (!msg_decode(form, message->bytes, message->size, m, &error)) {
        bool number = error.field && strcmp(error.field, "dev_num") == 0;

        tap_rules_judge(t, number ? TAP_DRV_10 : TAP_DRV_09, false, "%s (%s)",
                        msg_fault_text(error.fault), error.field ? error.field : "message");
        return false;
    }

    size_t size = msg_peek_size(form, message->bytes);
    size_t layout = msg_fixed_size(form, m->kind) + tail_size(m);

    tap_rules_judge(t, TAP_DRV_09, size == layout, "%s has %zu bytes, its layout %zu",
                    msg_describe(m->kind)->name, size, layout);
    return true;
}

static void from_driver(struct tap_check *t, const struct tap_message *message)
{
    struct msg m;

    if (!check_header(t, message) || !check_kind(t, message->bytes) ||
        !check_layout(t, message, &m))
        return;

    const struct msg_description *what = msg_describe(m.kind);

    if (what->name_space == MSG_BUS)
        return;

    struct tap_device *d = device(t, m.dev_num);

    tap_rules_driver(t, d, &m);
    d->asked = true;
    if (what->class == MSG_REQUEST)
        note_request(t, d, &m, message->time);
}

/* ---- the device's messages ---- */

static void announced(struct tap_check *t, const struct msg *m)
{
    if (m->kind == MSG_event_device && m->event_device.device_bus_state == DEVICE_BUS_STATE_ADDED)
        tap_check_announce(t, m->event_device.device_number);
}

static void from_device(struct tap_check *t, const struct tap_message *message)
{
    struct msg_header header;
    struct msg m;

    if (!msg_decode_header(t->bus.form, message->bytes, message->size, &header))
        return;

    bool valid = msg_decode(t->bus.form, message->bytes, message->size, &m, NULL);

    if (header.name_space == MSG_BUS) {
        if (valid)
            announced(t, &m);
        return;
    }

    struct tap_device *d = device(t, header.dev_num);

    if (header.response && !take_response(d, &header))
        return;
    d->answered |= header.response;
    if (valid)
        tap_rules_device(d, &m);
}

void tap_check_message(struct tap_check *t, const struct tap_message *message)
{
    t->count++;
    if (message->from_driver)
        from_driver(t, message);
    else
        from_device(t, message);
}
