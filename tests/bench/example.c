/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/bench/example.h"

#define TAIL_BYTES 32

static uint32_t tail_count(enum msg_field_type type)
{
    if (type == MSG_FIELD_words)
        return TAIL_BYTES / 4;
    return type == MSG_FIELD_bitmap ? TAIL_BYTES * 8 : TAIL_BYTES;
}

struct msg example(enum msg_kind kind)
{
    static const uint8_t bytes[TAIL_BYTES];
    const struct msg_description *description = msg_describe(kind);
    const struct msg_field *tail = msg_tail_field(kind);
    struct msg m = {.kind = kind};

    if (!tail)
        return m;
    *(struct msg_tail *)((uint8_t *)&m + tail->member) = (struct msg_tail){bytes, TAIL_BYTES};
    for (unsigned i = 0; i < description->num_fields; i++)
        if (description->fields[i].member == tail->count)
            msg_field_set(&m, &description->fields[i], tail_count(tail->type));
    return m;
}
