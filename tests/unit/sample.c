/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/sample.h"

#include <string.h>

uint64_t sample_random(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void *member_of(struct msg *m, const struct msg_field *field)
{
    return (uint8_t *)m + field->member;
}

static const void *member_in(const struct msg *m, const struct msg_field *field)
{
    return (const uint8_t *)m + field->member;
}

static const struct msg_field *counter_of(const struct msg_description *description,
                                          const struct msg_field *tail)
{
    for (unsigned i = 0; i < description->num_fields; i++)
        if (description->fields[i].member == tail->count)
            return &description->fields[i];
    return NULL;
}

static void fill_tail(struct msg *m, const struct msg_field *field)
{
    static uint8_t bytes[64];
    struct msg_tail *tail = member_of(m, field);
    uint32_t count = sample_random() % 16;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)sample_random();
    tail->bytes = bytes;
    tail->size = count;
    if (field->type == MSG_FIELD_words)
        tail->size = 4 * count;
    if (field->type == MSG_FIELD_bitmap) {
        tail->size = (count + 7) / 8;
        if (count % 8)
            bytes[tail->size - 1] &= (uint8_t)((1u << count % 8) - 1);
    }
    if (field->type == MSG_FIELD_maybe && sample_random() % 2)
        tail->size = 0;
    msg_field_set(m, counter_of(msg_describe(m->kind), field), count);
}

struct msg sample_message(enum msg_form form, enum msg_kind kind)
{
    const struct msg_description *description = msg_describe(kind);
    struct msg m = {.kind = kind, .token = (uint16_t)sample_random()};

    if (description->name_space == MSG_TRANSPORT)
        m.dev_num = sample_random() & msg_dev_num_max(form);
    for (unsigned i = 0; i < description->num_fields; i++) {
        const struct msg_field *field = &description->fields[i];
        uint64_t value = sample_random();

        if (msg_field_is_tail(field))
            fill_tail(&m, field);
        else if (field->type == MSG_FIELD_uuid)
            memcpy(member_of(&m, field), &value, sizeof(value));
        else
            msg_field_set(&m, field,
                          field->type == MSG_FIELD_devnum ? value & msg_dev_num_max(form) : value);
    }
    return m;
}

static bool equal_field(const struct msg *a, const struct msg *b, const struct msg_field *field)
{
    if (msg_field_is_tail(field)) {
        const struct msg_tail *one = member_in(a, field);
        const struct msg_tail *other = member_in(b, field);

        return one->size == other->size &&
               (!one->size || !memcmp(one->bytes, other->bytes, one->size));
    }
    if (field->type == MSG_FIELD_uuid)
        return !memcmp(member_in(a, field), member_in(b, field), sizeof(struct msg_uuid));
    return msg_field_get(a, field) == msg_field_get(b, field);
}

bool sample_equal(const struct msg *a, const struct msg *b)
{
    const struct msg_description *description = msg_describe(a->kind);

    if (a->kind != b->kind || a->token != b->token || a->dev_num != b->dev_num)
        return false;
    for (unsigned i = 0; i < description->num_fields; i++)
        if (!equal_field(a, b, &description->fields[i]))
            return false;
    return true;
}
