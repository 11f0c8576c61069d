/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The descriptor table, expanded from the lists in messages.h, and what can be
 * told from it alone. Encoding and decoding are in codec.c. */

#include "common/codec.h"

/* All kinds begin at the same place of struct msg: its union. */
#define PAYLOAD offsetof(struct msg, get_device_info_response)

_Static_assert(sizeof(struct msg) <= UINT16_MAX, "msg_field keeps offsets in 16 bits");

const struct msg_description *msg_describe(enum msg_kind kind)
{
    switch (kind) {
#define F(field_type, field)                                          \
    {.name = #field,                                                  \
     .type = MSG_FIELD_##field_type,                                  \
     .member = PAYLOAD + offsetof(payload, field)},
#define T(unit, field, counter)                                       \
    {.name = #field,                                                  \
     .type = MSG_FIELD_##unit,                                        \
     .member = PAYLOAD + offsetof(payload, field),                    \
     .count = PAYLOAD + offsetof(payload, counter),                   \
     .count_width = sizeof(((payload *)0)->counter)},
#define M(message, message_name, space, message_class, id, from)      \
    case MSG_##message: {                                             \
        typedef struct msg_##message payload __attribute__((unused)); \
        static const struct msg_field fields[] = {                    \
            FIELDS_##message(F, T)                                    \
        };                                                            \
        static const struct msg_description description = {           \
            .name = #message_name,                                    \
            .name_space = MSG_##space,                                \
            .class = MSG_##message_class,                             \
            .sender = MSG_##from,                                     \
            .msg_id = id,                                             \
            .num_fields = sizeof(fields) / sizeof(struct msg_field),  \
            .fields = fields,                                         \
        };                                                            \
        return &description;                                          \
    }
    MESSAGES(M)
#undef M
#undef T
#undef F
    case MSG_KINDS:
        break;
    }
    return NULL;
}

/* What tells messages apart in a header. Events are never responses. */
#define KEY(space, response, id) ((unsigned)(space) << 9 | (unsigned)(response) << 8 | (id))

enum msg_kind msg_find(enum msg_namespace name_space, bool response, uint8_t msg_id)
{
    /* A switch, so that two messages with one id do not compile. */
    switch (KEY(name_space, response, msg_id)) {
#define M(message, name, space, class, id, from)          \
    case KEY(MSG_##space, MSG_##class == MSG_RESPONSE, id): \
        return MSG_##message;
    MESSAGES(M)
#undef M
    default:
        return MSG_KINDS;
    }
}

uint64_t msg_field_get(const struct msg *m, const struct msg_field *field)
{
    const void *member = (const uint8_t *)m + field->member;

    switch (field->type) {
    case MSG_FIELD_le16:
        return *(const uint16_t *)member;
    case MSG_FIELD_le32:
        return *(const uint32_t *)member;
    case MSG_FIELD_le64:
    case MSG_FIELD_devnum:
        return *(const uint64_t *)member;
    default:
        return 0;
    }
}

void msg_field_set(struct msg *m, const struct msg_field *field, uint64_t value)
{
    void *member = (uint8_t *)m + field->member;

    switch (field->type) {
    case MSG_FIELD_le16:
        *(uint16_t *)member = (uint16_t)value;
        break;
    case MSG_FIELD_le32:
        *(uint32_t *)member = (uint32_t)value;
        break;
    case MSG_FIELD_le64:
    case MSG_FIELD_devnum:
        *(uint64_t *)member = value;
        break;
    default:
        break;
    }
}

size_t msg_fixed_size(enum msg_form form, enum msg_kind kind)
{
    const struct msg_description *description = msg_describe(kind);
    size_t size = msg_header_size(form);

    for (unsigned i = 0; i < description->num_fields; i++)
        size += msg_field_size(form, description->fields[i].type);
    return size;
}

const struct msg_field *msg_tail_field(enum msg_kind kind)
{
    const struct msg_description *description = msg_describe(kind);

    for (unsigned i = 0; i < description->num_fields; i++)
        if (msg_field_is_tail(&description->fields[i]))
            return &description->fields[i];
    return NULL;
}

size_t msg_tail_room(enum msg_form form, enum msg_kind kind, size_t max_size)
{
    const struct msg_field *tail = msg_tail_field(kind);
    size_t fixed = msg_fixed_size(form, kind);
    size_t limit = max_size < MSG_PROTOCOL_MAX ? max_size : MSG_PROTOCOL_MAX;

    if (!tail || limit <= fixed)
        return 0;
    return tail->type == MSG_FIELD_words ? (limit - fixed) & ~(size_t)3 : limit - fixed;
}
