/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/pcapng-writer.h"

#include <string.h>

#include "common/le.h"
#include "common/print.h"
#include "config.h"

/* Everything of a block but a packet's bytes. */
#define BLOCK_MAX 512
#define TEXT_MAX 100

struct block {
    uint8_t bytes[BLOCK_MAX];
    size_t size;
};

static void add(struct block *b, const void *bytes, size_t size)
{
    memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

static void add16(struct block *b, unsigned value)
{
    le16_put(b->bytes + b->size, (uint16_t)value);
    b->size += 2;
}

static void add32(struct block *b, uint32_t value)
{
    le32_put(b->bytes + b->size, value);
    b->size += 4;
}

static void add64(struct block *b, uint64_t value)
{
    le64_put(b->bytes + b->size, value);
    b->size += 8;
}

/* pcapng's times are two halves, the upper one first. */
static void add_time(struct block *b, uint64_t time)
{
    add32(b, (uint32_t)(time >> 32));
    add32(b, (uint32_t)time);
}

static size_t padding(size_t size)
{
    return -size & 3;
}

static void add_option(struct block *b, unsigned code, const void *value, size_t size)
{
    static const uint8_t zeros[4];

    add16(b, code);
    add16(b, (unsigned)size);
    add(b, value, size);
    add(b, zeros, padding(size));
}

static void add_text(struct block *b, unsigned code, const char *text)
{
    add_option(b, code, text, strnlen(text, TEXT_MAX));
}

static void add_number(struct block *b, unsigned code, uint64_t value)
{
    uint8_t bytes[8];

    le64_put(bytes, value);
    add_option(b, code, bytes, sizeof(bytes));
}

static void begin(struct block *b, uint32_t type)
{
    b->size = 0;
    add32(b, type);
    add32(b, 0); /* the length, known at the end */
}

/* `extra` bytes stand between the fixed part and the options of what is written. */
static void end(struct block *b, size_t extra)
{
    add32(b, 0); /* no more options */
    le32_put(b->bytes + 4, (uint32_t)(b->size + 4 + extra));
    add32(b, (uint32_t)(b->size + 4 + extra));
}

static void put_section(FILE *out)
{
    struct block b;

    begin(&b, PCAPNG_SECTION);
    add32(&b, PCAPNG_BYTE_ORDER);
    add16(&b, PCAPNG_MAJOR);
    add16(&b, 0);
    add64(&b, UINT64_MAX); /* of a length not known yet */
    add_text(&b, PCAPNG_SECTION_APPLICATION, "xvmsg " PACKAGE_VERSION);
    end(&b, 0);
    fwrite(b.bytes, 1, b.size, out);
}

static void put_interface(FILE *out, enum msg_form form, const char *bus)
{
    static const uint8_t nanoseconds = 9;
    struct block b;

    begin(&b, PCAPNG_INTERFACE);
    add16(&b, form == MSG_WIDE ? PCAPNG_LINK_WIDE : PCAPNG_LINK_COMPACT);
    add16(&b, 0);
    add32(&b, MSG_PROTOCOL_MAX);
    add_text(&b, PCAPNG_INTERFACE_NAME, bus);
    add_text(&b, PCAPNG_INTERFACE_DESCRIPTION, print_form(form));
    add_option(&b, PCAPNG_INTERFACE_RESOLUTION, &nanoseconds, sizeof(nanoseconds));
    end(&b, 0);
    fwrite(b.bytes, 1, b.size, out);
}

void pcapng_writer_begin(struct pcapng_writer *w, FILE *out, const char *bus)
{
    *w = (struct pcapng_writer){.out = out};
    put_section(out);
    put_interface(out, MSG_WIDE, bus);
    put_interface(out, MSG_COMPACT, bus);
}

void pcapng_writer_add(struct pcapng_writer *w, const struct pcapng_message *message)
{
    static const uint8_t zeros[4];
    size_t extra = message->size + padding(message->size);
    uint8_t flags[4];
    struct block b;
    size_t fixed;

    begin(&b, PCAPNG_PACKET);
    add32(&b, message->form);
    add_time(&b, message->time);
    add32(&b, message->size);
    add32(&b, message->size);
    fixed = b.size;
    le32_put(flags, message->direction == PCAPNG_FROM_GUEST ? PCAPNG_INBOUND : PCAPNG_OUTBOUND);
    add_option(&b, PCAPNG_PACKET_FLAGS, flags, sizeof(flags));
    if (message->lost)
        add_number(&b, PCAPNG_PACKET_LOST, message->lost);
    end(&b, extra);
    fwrite(b.bytes, 1, fixed, w->out);
    fwrite(message->bytes, 1, message->size, w->out);
    fwrite(zeros, 1, padding(message->size), w->out);
    fwrite(b.bytes + fixed, 1, b.size - fixed, w->out);
    w->messages[message->form]++;
    w->lost[message->form] += message->lost;
    w->last_time = message->time;
}

void pcapng_writer_end(struct pcapng_writer *w)
{
    for (uint32_t form = MSG_WIDE; form <= MSG_COMPACT; form++) {
        struct block b;

        begin(&b, PCAPNG_STATISTICS);
        add32(&b, form);
        add_time(&b, w->last_time);
        add_number(&b, PCAPNG_STATISTICS_RECEIVED, w->messages[form] + w->lost[form]);
        add_number(&b, PCAPNG_STATISTICS_LOST, w->lost[form]);
        end(&b, 0);
        fwrite(b.bytes, 1, b.size, w->out);
    }
}
