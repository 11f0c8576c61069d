/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/show.h"

#include <stdio.h>

#include "common/print.h"

const char *show_text(const struct msg *m)
{
    /* No byte of a message becomes more than four characters. */
    static char line[4 * MSG_PROTOCOL_MAX];

    print_message(line, sizeof(line), m);
    return line;
}

void show_fault(char text[SHOW_FAULT_SIZE], enum msg_form form, const uint8_t *bytes, size_t size,
                const struct msg_error *error)
{
    struct msg_header header;
    int length = snprintf(text, SHOW_FAULT_SIZE, "%s: %s", error->field,
                          msg_fault_text(error->fault));

    if (error->fault == MSG_UNKNOWN && msg_decode_header(form, bytes, size, &header))
        snprintf(text + length, SHOW_FAULT_SIZE - (size_t)length, ": 0x%02x of %s %s",
                 header.msg_id, header.name_space == MSG_BUS ? "bus" : "transport",
                 header.response ? "responses" : "requests and events");
}

bool show_json(struct json_object *object)
{
    if (!object)
        return false;
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
    return true;
}
