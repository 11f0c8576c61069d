/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Prints what common/ knows of messages as Lua tables, the first part of the
 * dissector; virtio-msg.lua.in is the rest. Runs while the project is built.
 */

#include <stdio.h>
#include <string.h>

#include "common/codec.h"
#include "common/print.h"

#define DEVICE_TYPES 64u
#define TEXT_SIZE 64

static const char *type_name(enum msg_field_type type)
{
#define TYPE(type) [MSG_FIELD_##type] = #type
    static const char *const names[] = {
        TYPE(le16), TYPE(le32),  TYPE(le64),   TYPE(devnum), TYPE(uuid),
        TYPE(bytes), TYPE(words), TYPE(bitmap), TYPE(maybe),
    };
#undef TYPE

    return names[type];
}

static void print_sizes(enum msg_form form)
{
    printf("  %s = { header = %zu", print_form(form), msg_header_size(form));
    for (enum msg_field_type type = MSG_FIELD_le16; type <= MSG_FIELD_uuid; type++)
        printf(", %s = %zu", type_name(type), msg_field_size(form, type));
    printf(" },\n");
}

static void print_forms(void)
{
    printf("local forms = {\n");
    print_sizes(MSG_WIDE);
    print_sizes(MSG_COMPACT);
    printf("}\n\n");
}

static const char *counter_of(const struct msg_description *d, const struct msg_field *tail)
{
    for (unsigned i = 0; i < d->num_fields; i++)
        if (d->fields[i].member == tail->count)
            return d->fields[i].name;
    return "";
}

static void print_message_table(const struct msg_description *d)
{
    printf("  { name = \"%s\", bus = %s, class = \"%s\", id = 0x%02x, fields = {\n", d->name,
           d->name_space == MSG_BUS ? "true" : "false", print_class(d->class), d->msg_id);
    for (unsigned i = 0; i < d->num_fields; i++) {
        const struct msg_field *field = &d->fields[i];

        printf("    { name = \"%s\", type = \"%s\"", field->name, type_name(field->type));
        if (msg_field_is_tail(field))
            printf(", count = \"%s\"", counter_of(d, field));
        printf(" },\n");
    }
    printf("  } },\n");
}

static void print_messages(void)
{
    printf("local messages = {\n");
    for (enum msg_kind kind = 0; kind < MSG_KINDS; kind++)
        print_message_table(msg_describe(kind));
    printf("}\n\n");
}

static void print_faults(void)
{
    printf("local faults = {\n"
           "  truncated = \"%s\",\n  size = \"%s\",\n  unknown = \"%s\",\n"
           "  value = \"%s\",\n  tail = \"%s\",\n}\n\n",
           msg_fault_text(MSG_TRUNCATED), msg_fault_text(MSG_BAD_SIZE),
           msg_fault_text(MSG_UNKNOWN), msg_fault_text(MSG_BAD_VALUE),
           msg_fault_text(MSG_BAD_TAIL));
}

/* From "0x4(DRIVER_OK)". */
static void print_status_bits(void)
{
    char text[TEXT_SIZE];

    printf("local status_bits = {\n");
    for (unsigned bit = 0; bit < 32; bit++) {
        print_status(text, sizeof(text), 1u << bit);

        char *name = strchr(text, '(');

        if (name)
            printf("  { mask = 0x%x, name = \"%.*s\" },\n", 1u << bit,
                   (int)strcspn(name + 1, ")"), name + 1);
    }
    printf("}\n\n");
}

static void print_device_types(void)
{
    printf("local device_types = {\n");
    for (uint32_t id = 0; id < DEVICE_TYPES; id++)
        if (print_device_type(id))
            printf("  [%u] = \"%s\",\n", id, print_device_type(id));
    printf("}\n\n");
}

int main(void)
{
    printf("-- Made from the project's sources while it was built.\n\n");
    print_forms();
    print_messages();
    print_faults();
    print_status_bits();
    print_device_types();
    return fflush(stdout) || ferror(stdout);
}
