/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Encode and decode: both walk a kind's fields in the table of messages.c. */

#include "common/codec.h"

#include "common/le.h"

const char *msg_fault_text(enum msg_fault fault)
{
    switch (fault) {
    case MSG_OK:
        return "nothing is wrong";
    case MSG_TRUNCATED:
        return "the bytes end too early";
    case MSG_BAD_SIZE:
        return "impossible message size";
    case MSG_UNKNOWN:
        return "no such message";
    case MSG_BAD_VALUE:
        return "value not allowed here";
    case MSG_BAD_TAIL:
        return "data does not match its count";
    }
    return "unknown fault";
}

uint16_t msg_peek_size(enum msg_form form, const uint8_t first[8])
{
    return le16_get(first + (form == MSG_WIDE ? 4 : 6));
}

static uint32_t tail_count(const struct msg *m, const struct msg_field *field)
{
    const void *counter = (const uint8_t *)m + field->count;

    return field->count_width == sizeof(uint16_t) ? *(const uint16_t *)counter
                                                  : *(const uint32_t *)counter;
}

/* Bytes the counting field asks for; 64 bits wide, so it cannot overflow. */
static uint64_t tail_asked(const struct msg *m, const struct msg_field *field)
{
    uint64_t count = tail_count(m, field);

    switch (field->type) {
    case MSG_FIELD_words:
        return count * 4;
    case MSG_FIELD_bitmap:
        return (count + 7) / 8;
    default:
        return count;
    }
}

static enum msg_fault check_tail(const struct msg *m, const struct msg_field *field,
                                 const struct msg_tail *tail)
{
    if (field->type == MSG_FIELD_maybe && tail->size == 0)
        return MSG_OK;
    if (tail->size != tail_asked(m, field))
        return MSG_BAD_TAIL;
    if (field->type == MSG_FIELD_bitmap) {
        uint32_t used = tail_count(m, field) & 7;

        if (used && tail->bytes[tail->size - 1] >> used)
            return MSG_BAD_TAIL;
    }
    return MSG_OK;
}

static bool fail(struct msg_error *error, enum msg_fault fault, const char *field)
{
    if (error)
        *error = (struct msg_error){fault, field};
    return false;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
};

static enum msg_fault read_tail(struct reader *in, struct msg *m, const struct msg_field *field)
{
    struct msg_tail *tail = (struct msg_tail *)((uint8_t *)m + field->member);
    uint64_t asked = tail_asked(m, field);

    tail->bytes = in->at;
    tail->size = (uint32_t)(asked < in->left ? asked : in->left);
    in->at += tail->size;
    in->left -= tail->size;
    return check_tail(m, field, tail);
}

static enum msg_fault read_field(enum msg_form form, struct reader *in, struct msg *m,
                                 const struct msg_field *field)
{
    void *member = (uint8_t *)m + field->member;
    size_t size = msg_field_size(form, field->type);

    if (in->left < size)
        return MSG_TRUNCATED;
    switch (field->type) {
    case MSG_FIELD_le16:
        *(uint16_t *)member = le16_get(in->at);
        break;
    case MSG_FIELD_le32:
        *(uint32_t *)member = le32_get(in->at);
        break;
    case MSG_FIELD_le64:
        *(uint64_t *)member = le64_get(in->at);
        break;
    case MSG_FIELD_devnum:
        *(uint64_t *)member = form == MSG_WIDE ? le64_get(in->at) : le16_get(in->at);
        break;
    case MSG_FIELD_uuid:
        __builtin_memcpy(member, in->at, sizeof(struct msg_uuid));
        break;
    default:
        return read_tail(in, m, field);
    }
    in->at += size;
    in->left -= size;
    return MSG_OK;
}

static enum msg_fault read_header(enum msg_form form, const uint8_t *bytes, size_t size,
                                  struct msg_header *header)
{
    if (size < msg_header_size(form))
        return MSG_TRUNCATED;
    header->name_space = bytes[0] & MSG_TYPE_BUS ? MSG_BUS : MSG_TRANSPORT;
    header->response = bytes[0] & MSG_TYPE_RESPONSE;
    header->msg_id = bytes[1];
    header->token = le16_get(bytes + (form == MSG_WIDE ? 2 : 4));
    header->msg_size = msg_peek_size(form, bytes);
    header->dev_num = form == MSG_WIDE ? le64_get(bytes + 8) : le16_get(bytes + 2);
    if (header->msg_size < msg_header_size(form))
        return MSG_BAD_SIZE;
    return header->msg_size > size ? MSG_TRUNCATED : MSG_OK;
}

bool msg_decode_header(enum msg_form form, const void *bytes, size_t size,
                       struct msg_header *header)
{
    return read_header(form, bytes, size, header) == MSG_OK;
}

bool msg_decode(enum msg_form form, const void *bytes, size_t size, struct msg *m,
                struct msg_error *error)
{
    struct msg_header header;
    enum msg_fault fault = read_header(form, bytes, size, &header);

    if (fault)
        return fail(error, fault, "msg_size");
    m->kind = msg_find(header.name_space, header.response, header.msg_id);
    if (m->kind == MSG_KINDS)
        return fail(error, MSG_UNKNOWN, "msg_id");
    if (header.name_space == MSG_BUS && header.dev_num)
        return fail(error, MSG_BAD_VALUE, "dev_num");
    m->token = header.token;
    m->dev_num = header.dev_num;

    const struct msg_description *description = msg_describe(m->kind);
    size_t header_size = msg_header_size(form);
    struct reader in = {(const uint8_t *)bytes + header_size, header.msg_size - header_size};

    for (unsigned i = 0; i < description->num_fields; i++) {
        fault = read_field(form, &in, m, &description->fields[i]);
        if (fault)
            return fail(error, fault, description->fields[i].name);
    }
    /* Linux drops an event that is longer than its layout; so do we (O-19). */
    if (description->class == MSG_EVENT && in.left)
        return fail(error, MSG_BAD_SIZE, "msg_size");
    return true;
}

/* ---- writing ---- */

struct writer {
    uint8_t *at;
    size_t left;
};

static enum msg_fault write_tail(struct writer *out, const struct msg *m,
                                 const struct msg_field *field)
{
    const struct msg_tail *tail = (const struct msg_tail *)((const uint8_t *)m + field->member);
    enum msg_fault fault = check_tail(m, field, tail);

    if (fault)
        return fault;
    if (tail->size > out->left)
        return MSG_BAD_SIZE;
    if (tail->size)
        __builtin_memcpy(out->at, tail->bytes, tail->size);
    out->at += tail->size;
    out->left -= tail->size;
    return MSG_OK;
}

static enum msg_fault write_devnum(enum msg_form form, uint8_t *to, uint64_t value)
{
    if (value > msg_dev_num_max(form))
        return MSG_BAD_VALUE;
    if (form == MSG_WIDE)
        le64_put(to, value);
    else
        le16_put(to, (uint16_t)value);
    return MSG_OK;
}

static enum msg_fault write_field(enum msg_form form, struct writer *out, const struct msg *m,
                                  const struct msg_field *field)
{
    const void *member = (const uint8_t *)m + field->member;
    size_t size = msg_field_size(form, field->type);
    enum msg_fault fault = MSG_OK;

    if (out->left < size)
        return MSG_BAD_SIZE;
    switch (field->type) {
    case MSG_FIELD_le16:
        le16_put(out->at, *(const uint16_t *)member);
        break;
    case MSG_FIELD_le32:
        le32_put(out->at, *(const uint32_t *)member);
        break;
    case MSG_FIELD_le64:
        le64_put(out->at, *(const uint64_t *)member);
        break;
    case MSG_FIELD_devnum:
        fault = write_devnum(form, out->at, *(const uint64_t *)member);
        break;
    case MSG_FIELD_uuid:
        __builtin_memcpy(out->at, member, sizeof(struct msg_uuid));
        break;
    default:
        return write_tail(out, m, field);
    }
    out->at += size;
    out->left -= size;
    return fault;
}

static void write_header(enum msg_form form, const struct msg_description *description,
                         const struct msg *m, uint8_t *bytes, size_t size)
{
    bytes[0] = (description->name_space == MSG_BUS ? MSG_TYPE_BUS : 0) |
               (description->class == MSG_RESPONSE ? MSG_TYPE_RESPONSE : 0);
    bytes[1] = description->msg_id;
    if (form == MSG_WIDE) {
        le16_put(bytes + 2, m->token);
        le16_put(bytes + 4, (uint16_t)size);
        le16_put(bytes + 6, 0);
        le64_put(bytes + 8, m->dev_num);
    } else {
        le16_put(bytes + 2, (uint16_t)m->dev_num);
        le16_put(bytes + 4, m->token);
        le16_put(bytes + 6, (uint16_t)size);
    }
}

size_t msg_encode(enum msg_form form, const struct msg *m, void *bytes, size_t capacity,
                  struct msg_error *error)
{
    const struct msg_description *description = msg_describe(m->kind);
    size_t header_size = msg_header_size(form);
    size_t limit = capacity < MSG_PROTOCOL_MAX ? capacity : MSG_PROTOCOL_MAX;

    if (!description)
        return fail(error, MSG_UNKNOWN, "msg_id");
    if (limit < header_size)
        return fail(error, MSG_BAD_SIZE, "msg_size");
    if (m->dev_num > (description->name_space == MSG_BUS ? 0 : msg_dev_num_max(form)))
        return fail(error, MSG_BAD_VALUE, "dev_num");

    struct writer out = {(uint8_t *)bytes + header_size, limit - header_size};

    for (unsigned i = 0; i < description->num_fields; i++) {
        enum msg_fault fault = write_field(form, &out, m, &description->fields[i]);

        if (fault)
            return fail(error, fault, description->fields[i].name);
    }

    size_t size = (size_t)(out.at - (uint8_t *)bytes);

    write_header(form, description, m, bytes, size);
    return size;
}
