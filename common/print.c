/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "common/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/le.h"
#include "common/store.h"

/* A text that goes on being measured when its room is used up. */
struct text {
    char *start;
    size_t size;
    size_t length;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
    bool full = text->length >= text->size;
    va_list args;

    va_start(args, format);
    int length = vsnprintf(full ? NULL : text->start + text->length,
                           full ? 0 : text->size - text->length, format, args);
    va_end(args);
    if (length > 0)
        text->length += (size_t)length;
}

const char *print_device_type(uint32_t device_id)
{
    static const char *const names[] = {
        [1] = "net",          [2] = "block",      [3] = "console", [4] = "rng",
        [5] = "balloon",      [8] = "scsi",       [9] = "9p",      [16] = "gpu",
        [18] = "input",       [19] = "vsock",     [20] = "crypto", [23] = "iommu",
        [24] = "mem",         [25] = "sound",     [26] = "fs",     [27] = "pmem",
        [29] = "mac80211",    [32] = "scmi",      [34] = "i2c",    [36] = "can",
        [40] = "bluetooth",   [41] = "gpio",
    };

    return device_id < sizeof(names) / sizeof(names[0]) ? names[device_id] : NULL;
}

const char *print_class(enum msg_class class)
{
    static const char *const names[] = {
        [MSG_REQUEST] = "request", [MSG_RESPONSE] = "response", [MSG_EVENT] = "event"};

    return names[class];
}

const char *print_form(enum msg_form form)
{
    return form == MSG_WIDE ? "wide" : "compact";
}

static void add_status(struct text *text, uint64_t status)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } bits[] = {
        {0x01, "ACKNOWLEDGE"}, {0x02, "DRIVER"},             {0x08, "FEATURES_OK"},
        {0x04, "DRIVER_OK"},   {0x40, "DEVICE_NEEDS_RESET"}, {0x80, "FAILED"},
    };
    const char *before = "(";

    add(text, "0x%" PRIx64, status);
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if (status & bits[i].bit) {
            add(text, "%s%s", before, bits[i].name);
            before = "|";
        }
    if (before[0] == '|')
        add(text, ")");
}

int print_status(char *text, size_t size, uint32_t status)
{
    struct text out = {text, size, 0};

    add_status(&out, status);
    return (int)out.length;
}

static void add_hex(struct text *text, uint64_t value)
{
    add(text, "0x%" PRIx64, value);
}

static void add_decimal(struct text *text, uint64_t value)
{
    add(text, "%" PRIu64, value);
}

static void add_device_type(struct text *text, uint64_t device_id)
{
    const char *name = print_device_type((uint32_t)device_id);

    add_decimal(text, device_id);
    if (name)
        add(text, "(%s)", name);
}

static void add_bus_state(struct text *text, uint64_t state)
{
    add_decimal(text, state);
    if (state == DEVICE_BUS_STATE_ADDED)
        add(text, "(ADDED)");
    if (state == DEVICE_BUS_STATE_REMOVED)
        add(text, "(REMOVED)");
}

/* Fields that read better in another shape than decimal. */
static const struct {
    const char *name;
    void (*add)(struct text *text, uint64_t value);
} shapes[] = {
    {"device_id", add_device_type},
    {"vendor_id", add_hex},
    {"device_status", add_status},
    {"device_bus_state", add_bus_state},
    {"flags", add_hex},
    {"desc_addr", add_hex},
    {"driver_addr", add_hex},
    {"device_addr", add_hex},
    {"address", add_hex},
};

static void add_number(struct text *text, const struct msg_description *description,
                       const struct msg_field *field, uint64_t value)
{
    /* `status` of a bus message is a result code of this binding. */
    if (description->name_space == MSG_TRANSPORT && !strcmp(field->name, "status")) {
        add_status(text, value);
        return;
    }
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (!strcmp(field->name, shapes[i].name)) {
            shapes[i].add(text, value);
            return;
        }
    add_decimal(text, value);
}

static void add_bytes(struct text *text, const struct msg_tail *tail)
{
    for (uint32_t i = 0; i < tail->size; i++)
        add(text, "%02x", tail->bytes[i]);
}

static void add_words(struct text *text, const struct msg_tail *tail)
{
    add(text, "[");
    for (uint32_t i = 0; i + 4 <= tail->size; i += 4)
        add(text, "%s0x%" PRIx32, i ? "," : "", le32_get(tail->bytes + i));
    add(text, "]");
}

static void add_uuid(struct text *text, const struct msg_uuid *uuid)
{
    char uuid_text[UUID_TEXT_SIZE];

    uuid_format_text(uuid->bytes, uuid_text);
    add(text, "%s", uuid_text);
}

static void add_field(struct text *text, const struct msg *m,
                      const struct msg_description *description, const struct msg_field *field)
{
    const void *member = (const uint8_t *)m + field->member;

    add(text, " %s=", field->name);
    switch (field->type) {
    case MSG_FIELD_uuid:
        add_uuid(text, member);
        break;
    case MSG_FIELD_words:
        add_words(text, member);
        break;
    case MSG_FIELD_bytes:
    case MSG_FIELD_bitmap:
    case MSG_FIELD_maybe:
        add_bytes(text, member);
        break;
    default:
        add_number(text, description, field, msg_field_get(m, field));
    }
}

int print_message(char *text, size_t size, const struct msg *m)
{
    const struct msg_description *description = msg_describe(m->kind);
    struct text out = {text, size, 0};

    if (!description) {
        add(&out, "message of unknown kind %u", (unsigned)m->kind);
        return (int)out.length;
    }
    add(&out, "%s", description->name);
    if (description->class != MSG_EVENT)
        add(&out, " %s", print_class(description->class));
    if (description->name_space == MSG_TRANSPORT)
        add(&out, " dev %" PRIu64, m->dev_num);
    add(&out, " token %u", m->token);
    for (unsigned i = 0; i < description->num_fields; i++)
        add_field(&out, m, description, &description->fields[i]);
    return (int)out.length;
}
