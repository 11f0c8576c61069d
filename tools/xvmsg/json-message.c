/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/json-message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/print.h"
#include "common/store.h"
#include "tools/xvmsg/hex.h"

bool json_message_parse_form(const char *name, enum msg_form *form)
{
    if (!strcmp(name, print_form(MSG_WIDE)))
        *form = MSG_WIDE;
    else if (!strcmp(name, print_form(MSG_COMPACT)))
        *form = MSG_COMPACT;
    else
        return false;
    return true;
}

/* ---- writing ---- */

static struct json_object *write_hex(const struct msg_tail *tail)
{
    char *text = malloc(2 * (size_t)tail->size + 1);
    struct json_object *value;

    if (!text)
        return NULL;
    hex_format(tail->bytes, tail->size, text);
    value = json_object_new_string(text);
    free(text);
    return value;
}

static struct json_object *write_words(const struct msg_tail *tail)
{
    struct json_object *array = json_object_new_array();

    for (uint32_t i = 0; array && i + 4 <= tail->size; i += 4)
        json_object_array_add(array, json_object_new_int64(le32_get(tail->bytes + i)));
    return array;
}

static struct json_object *write_uuid(const struct msg_uuid *uuid)
{
    char text[UUID_TEXT_SIZE];

    uuid_format_text(uuid->bytes, text);
    return json_object_new_string(text);
}

static struct json_object *write_field(const struct msg *m, const struct msg_field *field)
{
    const void *member = (const uint8_t *)m + field->member;

    switch (field->type) {
    case MSG_FIELD_uuid:
        return write_uuid(member);
    case MSG_FIELD_words:
        return write_words(member);
    case MSG_FIELD_bytes:
    case MSG_FIELD_bitmap:
    case MSG_FIELD_maybe:
        return write_hex(member);
    default:
        return json_object_new_uint64(msg_field_get(m, field));
    }
}

struct json_object *json_message_write(enum msg_form form, const struct msg *m)
{
    const struct msg_description *description = msg_describe(m->kind);
    struct json_object *object = json_object_new_object();

    if (!object)
        return NULL;
    json_object_object_add(object, "form", json_object_new_string(print_form(form)));
    json_object_object_add(object, "message", json_object_new_string(description->name));
    json_object_object_add(object, "type",
                           json_object_new_string(print_class(description->class)));
    json_object_object_add(object, "token", json_object_new_int(m->token));
    if (description->name_space == MSG_TRANSPORT)
        json_object_object_add(object, "dev_num", json_object_new_uint64(m->dev_num));
    for (unsigned i = 0; i < description->num_fields; i++)
        json_object_object_add(object, description->fields[i].name,
                               write_field(m, &description->fields[i]));
    return object;
}

/* ---- reading ---- */

static bool refuse(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(char *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, JSON_MESSAGE_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

static bool number_value(struct json_object *value, const char *key, uint64_t max,
                         uint64_t *number, char *error)
{
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 ||
        json_object_get_uint64(value) > max)
        return refuse(error, "'%s' must be a whole number from 0 to %" PRIu64, key, max);
    *number = json_object_get_uint64(value);
    return true;
}

static bool read_number(struct json_object *object, const char *key, uint64_t max,
                        uint64_t *number, char *error)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, key, &value))
        return refuse(error, "'%s' is missing", key);
    return number_value(value, key, max, number, error);
}

static bool read_string(struct json_object *object, const char *key, const char **text,
                        char *error)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, key, &value))
        return refuse(error, "'%s' is missing", key);
    if (!json_object_is_type(value, json_type_string))
        return refuse(error, "'%s' must be a string", key);
    *text = json_object_get_string(value);
    return true;
}

static bool read_form(struct json_object *object, enum msg_form *form, char *error)
{
    const char *text;

    if (!json_object_object_get_ex(object, "form", NULL))
        return true;
    if (!read_string(object, "form", &text, error))
        return false;
    return json_message_parse_form(text, form) ||
           refuse(error, "'form' must be \"wide\" or \"compact\"");
}

static bool read_kind(struct json_object *object, enum msg_kind *kind, char *error)
{
    bool named = false;
    const char *name;
    const char *type = NULL;

    if (!read_string(object, "message", &name, error) ||
        (json_object_object_get_ex(object, "type", NULL) &&
         !read_string(object, "type", &type, error)))
        return false;
    for (*kind = 0; *kind < MSG_KINDS; (*kind)++) {
        const struct msg_description *description = msg_describe(*kind);

        if (strcmp(name, description->name))
            continue;
        if (type ? !strcmp(type, print_class(description->class))
                 : description->class != MSG_RESPONSE)
            return true;
        named = true;
    }
    return named ? refuse(error, "'type': %s has no such type as \"%.32s\"", name,
                          type ? type : print_class(MSG_REQUEST))
                 : refuse(error, "'message': there is no message \"%.32s\"", name);
}

static bool key_known(const struct msg_description *description, const char *key)
{
    /* The last four tell of a recorded message; there is nothing to encode in them. */
    static const char *const header[] = {"form", "message",   "type", "token",
                                         "time", "direction", "bus",  "lost"};

    for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
        if (!strcmp(key, header[i]))
            return true;
    for (unsigned i = 0; i < description->num_fields; i++)
        if (!strcmp(key, description->fields[i].name))
            return true;
    return description->name_space == MSG_TRANSPORT && !strcmp(key, "dev_num");
}

static bool check_keys(struct json_object *object, const struct msg_description *description,
                       char *error)
{
    json_object_object_foreach(object, key, value) {
        (void)value;
        if (!key_known(description, key))
            return refuse(error, "'%.32s' is not a key of %s", key, description->name);
    }
    return true;
}

static bool read_uuid(struct json_object *object, const char *key, struct msg_uuid *uuid,
                      char *error)
{
    const char *text;

    if (!read_string(object, key, &text, error))
        return false;
    return uuid_parse_text(text, uuid->bytes) == 0 ||
           refuse(error, "'%s' must be a UUID in 8-4-4-4-12 form", key);
}

static bool read_hex(struct json_object *object, const char *key, struct json_message *message,
                     uint32_t *size, char *error)
{
    const char *why;
    const char *text;

    if (!read_string(object, key, &text, error))
        return false;

    ssize_t count = hex_parse(text, message->tail, sizeof(message->tail), &why);

    if (count < 0)
        return refuse(error, "'%s': %s", key, why);
    *size = (uint32_t)count;
    return true;
}

static bool read_words(struct json_object *object, const char *key, struct json_message *message,
                       uint32_t *size, char *error)
{
    struct json_object *array;
    uint64_t word;

    if (!json_object_object_get_ex(object, key, &array))
        return refuse(error, "'%s' is missing", key);
    if (!json_object_is_type(array, json_type_array) ||
        json_object_array_length(array) > sizeof(message->tail) / 4)
        return refuse(error, "'%s' must be an array of at most %zu numbers", key,
                      sizeof(message->tail) / 4);
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        if (!number_value(json_object_array_get_idx(array, i), key, UINT32_MAX, &word, error))
            return false;
        le32_put(message->tail + 4 * i, (uint32_t)word);
    }
    *size = 4 * (uint32_t)json_object_array_length(array);
    return true;
}

static bool read_tail(struct json_object *object, const struct msg_field *field,
                      struct json_message *message, char *error)
{
    struct msg_tail *tail = (struct msg_tail *)((uint8_t *)&message->m + field->member);

    tail->bytes = message->tail;
    if (field->type == MSG_FIELD_words)
        return read_words(object, field->name, message, &tail->size, error);
    if (field->type == MSG_FIELD_maybe && !json_object_object_get_ex(object, field->name, NULL))
        return true;
    return read_hex(object, field->name, message, &tail->size, error);
}

/* Greatest value of a number; a device number's range is the encoder's to check. */
static uint64_t number_max(enum msg_field_type type)
{
    size_t size = msg_field_size(MSG_WIDE, type);

    return size < 8 ? (UINT64_C(1) << (8 * size)) - 1 : UINT64_MAX;
}

static bool read_field(struct json_object *object, const struct msg_field *field,
                       struct json_message *message, char *error)
{
    uint64_t number;

    if (msg_field_is_tail(field))
        return read_tail(object, field, message, error);
    if (field->type == MSG_FIELD_uuid)
        return read_uuid(object, field->name,
                         (struct msg_uuid *)((uint8_t *)&message->m + field->member), error);
    if (!read_number(object, field->name, number_max(field->type), &number, error))
        return false;
    msg_field_set(&message->m, field, number);
    return true;
}

/* May this field be left out, because the tail's length tells it? */
static bool derivable(const struct msg_field *field, const struct msg_field *tail)
{
    return tail && tail->count == field->member &&
           (tail->type == MSG_FIELD_bytes || tail->type == MSG_FIELD_words);
}

static bool read_fields(struct json_object *object, struct json_message *message, char *error)
{
    const struct msg_description *description = msg_describe(message->m.kind);
    const struct msg_field *tail = msg_tail_field(message->m.kind);
    const struct msg_field *derived = NULL;

    for (unsigned i = 0; i < description->num_fields; i++) {
        const struct msg_field *field = &description->fields[i];

        if (derivable(field, tail) && !json_object_object_get_ex(object, field->name, NULL))
            derived = field;
        else if (!read_field(object, field, message, error))
            return false;
    }
    if (derived) {
        uint32_t size = ((struct msg_tail *)((uint8_t *)&message->m + tail->member))->size;

        msg_field_set(&message->m, derived, tail->type == MSG_FIELD_words ? size / 4 : size);
    }
    return true;
}

bool json_message_read(struct json_object *object, struct json_message *message,
                       char error[JSON_MESSAGE_ERROR_SIZE])
{
    uint64_t token = 0;

    if (!json_object_is_type(object, json_type_object))
        return refuse(error, "a message must be a JSON object");
    message->m = (struct msg){0};
    if (!read_form(object, &message->form, error) ||
        !read_kind(object, &message->m.kind, error) ||
        !check_keys(object, msg_describe(message->m.kind), error) ||
        (json_object_object_get_ex(object, "token", NULL) &&
         !read_number(object, "token", UINT16_MAX, &token, error)))
        return false;
    message->m.token = (uint16_t)token;
    if (msg_describe(message->m.kind)->name_space == MSG_TRANSPORT &&
        !read_number(object, "dev_num", UINT64_MAX, &message->m.dev_num, error))
        return false;
    return read_fields(object, message, error);
}
