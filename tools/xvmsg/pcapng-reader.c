/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/pcapng-reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"

/* Ours are far below; what others add to a block is not that long either. */
#define BLOCK_MAX (1u << 20)
#define BLOCK_MIN 12u
#define INTERFACES_MAX 64u
#define BUS_SIZE 64
#define DEFAULT_RESOLUTION 6u /* digits of a second */
#define MAX_RESOLUTION 9u

struct interface {
    enum msg_form form;
    uint64_t scale; /* nanoseconds in a unit of time */
    char bus[BUS_SIZE];
};

struct pcapng_reader {
    FILE *in;
    uint64_t at; /* where the block begins */
    uint64_t next;
    bool started;
    bool swapped; /* the section is big-endian */
    unsigned num_interfaces;
    struct interface interfaces[INTERFACES_MAX];
    uint8_t block[BLOCK_MAX]; /* without its type, length and second length */
    char *why;
};

/* What is left of a block. */
struct cursor {
    const struct pcapng_reader *reader;
    const uint8_t *at;
    size_t left;
};

struct option {
    unsigned code;
    unsigned size;
    const uint8_t *value;
};

static int fail(struct pcapng_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct pcapng_reader *r, const char *format, ...)
{
    va_list args;
    int length = snprintf(r->why, PCAPNG_WHY_SIZE, "block at byte %" PRIu64 ": ", r->at);

    va_start(args, format);
    vsnprintf(r->why + length, PCAPNG_WHY_SIZE - (size_t)length, format, args);
    va_end(args);
    return -1;
}

/* ---- numbers ---- */

static uint16_t get16(const struct pcapng_reader *r, const uint8_t *from)
{
    return r->swapped ? __builtin_bswap16(le16_get(from)) : le16_get(from);
}

static uint32_t get32(const struct pcapng_reader *r, const uint8_t *from)
{
    return r->swapped ? __builtin_bswap32(le32_get(from)) : le32_get(from);
}

static uint64_t get64(const struct pcapng_reader *r, const uint8_t *from)
{
    return r->swapped ? __builtin_bswap64(le64_get(from)) : le64_get(from);
}

/* ---- options ---- */

/* 1 with the next option, 0 at their end, -1 when it is cut off. */
static int next_option(struct cursor *c, struct option *option)
{
    size_t padded;

    if (c->left == 0)
        return 0;
    if (c->left < 4)
        return -1;
    option->code = get16(c->reader, c->at);
    option->size = get16(c->reader, c->at + 2);
    option->value = c->at + 4;
    padded = (option->size + 3u) & ~3u;
    if (padded > c->left - 4)
        return -1;
    c->at += 4 + padded;
    c->left -= 4 + padded;
    return option->code != 0;
}

/* ---- blocks ---- */

static int section(struct pcapng_reader *r, size_t size)
{
    if (size < 16)
        return fail(r, "too short for a section header");
    if (get16(r, r->block + 4) != PCAPNG_MAJOR)
        return fail(r, "version %u of pcapng is not known here", get16(r, r->block + 4));
    r->num_interfaces = 0;
    return 0;
}

static int interface_time(struct pcapng_reader *r, struct interface *i, const struct option *o)
{
    unsigned digits = DEFAULT_RESOLUTION;

    if (o && o->size != 1)
        return fail(r, "if_tsresol is not one byte");
    if (o)
        digits = *o->value;
    if (digits > MAX_RESOLUTION)
        return fail(r, "if_tsresol %u: only powers of ten down to nanoseconds are read", digits);
    i->scale = 1;
    for (unsigned n = digits; n < MAX_RESOLUTION; n++)
        i->scale *= 10;
    return 0;
}

static void interface_name(struct interface *i, const struct option *o)
{
    size_t size = o->size < BUS_SIZE ? o->size : BUS_SIZE - 1;

    for (size_t n = 0; n < size; n++)
        i->bus[n] = (char)(o->value[n] >= ' ' && o->value[n] < 0x7f ? o->value[n] : '?');
    i->bus[size] = '\0';
}

static int interface_option(struct pcapng_reader *r, struct interface *i, const struct option *o)
{
    switch (o->code) {
    case PCAPNG_INTERFACE_NAME:
        interface_name(i, o);
        return 0;
    case PCAPNG_INTERFACE_RESOLUTION:
        return interface_time(r, i, o);
    case PCAPNG_INTERFACE_TIME_OFFSET:
        if (o->size == 8 && get64(r, o->value) == 0)
            return 0;
        return fail(r, "if_tsoffset is not read");
    default:
        return 0;
    }
}

static int interface(struct pcapng_reader *r, size_t size)
{
    struct option option;
    struct interface *i;
    struct cursor c;
    unsigned link;
    int more;

    if (size < 8)
        return fail(r, "too short for an interface");
    if (r->num_interfaces == INTERFACES_MAX)
        return fail(r, "more than %u interfaces", INTERFACES_MAX);
    c = (struct cursor){r, r->block + 8, size - 8};
    i = &r->interfaces[r->num_interfaces];
    link = get16(r, r->block);
    if (link != PCAPNG_LINK_WIDE && link != PCAPNG_LINK_COMPACT)
        return fail(r, "link type %u is none of a recorded bus", link);
    *i = (struct interface){.form = link == PCAPNG_LINK_WIDE ? MSG_WIDE : MSG_COMPACT};
    interface_time(r, i, NULL);
    while ((more = next_option(&c, &option)) > 0)
        if (interface_option(r, i, &option) < 0)
            return -1;
    if (more < 0)
        return fail(r, "an option of an interface is cut off");
    r->num_interfaces++;
    return 0;
}

static int packet_option(struct pcapng_reader *r, struct pcapng_message *m,
                         const struct option *o)
{
    if (o->code == PCAPNG_PACKET_FLAGS) {
        if (o->size != 4)
            return fail(r, "epb_flags is not four bytes");

        uint32_t direction = get32(r, o->value) & PCAPNG_DIRECTION;

        if (direction == PCAPNG_INBOUND)
            m->direction = PCAPNG_FROM_GUEST;
        if (direction == PCAPNG_OUTBOUND)
            m->direction = PCAPNG_TO_GUEST;
    }
    if (o->code == PCAPNG_PACKET_LOST) {
        if (o->size != 8)
            return fail(r, "epb_dropcount is not eight bytes");
        m->lost = get64(r, o->value);
    }
    return 0;
}

static int packet(struct pcapng_reader *r, size_t size, struct pcapng_message *m,
                  const char **bus)
{
    const struct interface *i;
    struct option option;
    struct cursor c;
    uint64_t time;
    size_t padded;
    int more;

    if (size < 20)
        return fail(r, "too short for a packet");
    if (get32(r, r->block) >= r->num_interfaces)
        return fail(r, "there is no interface %" PRIu32, get32(r, r->block));
    i = &r->interfaces[get32(r, r->block)];
    time = (uint64_t)get32(r, r->block + 4) << 32 | get32(r, r->block + 8);
    *m = (struct pcapng_message){
        .form = i->form, .bytes = r->block + 20, .size = get32(r, r->block + 12)};
    if (__builtin_mul_overflow(time, i->scale, &m->time))
        return fail(r, "impossible time");
    if (m->size > MSG_PROTOCOL_MAX)
        return fail(r, "a message of %" PRIu32 " bytes", m->size);
    padded = (m->size + 3u) & ~3u;
    if (padded > size - 20)
        return fail(r, "the packet is longer than its block");
    c = (struct cursor){r, r->block + 20 + padded, size - 20 - padded};
    while ((more = next_option(&c, &option)) > 0)
        if (packet_option(r, m, &option) < 0)
            return -1;
    if (more < 0)
        return fail(r, "an option of a packet is cut off");
    *bus = i->bus;
    return 1;
}

/* ---- the file ---- */

static bool fill(struct pcapng_reader *r, void *bytes, size_t size)
{
    size_t got = fread(bytes, 1, size, r->in);

    r->next += got;
    return got == size;
}

static int cut_off(struct pcapng_reader *r)
{
    return ferror(r->in) ? fail(r, "%s", strerror(errno)) : fail(r, "the file ends within it");
}

/* 1 with the type of the next block, 0 at the end, -1. The first one's has been
 * read already. */
static int read_type(struct pcapng_reader *r, uint32_t *type)
{
    uint8_t bytes[4];
    size_t got;

    r->at = r->next;
    if (!r->started) {
        r->started = true;
        r->next += sizeof(bytes);
        *type = PCAPNG_SECTION;
        return 1;
    }
    got = fread(bytes, 1, sizeof(bytes), r->in);
    r->next += got;
    if (got == 0 && feof(r->in))
        return 0;
    if (got < sizeof(bytes))
        return cut_off(r);
    *type = get32(r, bytes); /* a section's is the same in both byte orders */
    return 1;
}

/* A section's byte order stands behind its length, and tells how to read that. */
static int find_byte_order(struct pcapng_reader *r)
{
    if (!fill(r, r->block, 4))
        return cut_off(r);
    r->swapped = false;
    if (get32(r, r->block) == PCAPNG_BYTE_ORDER)
        return 0;
    r->swapped = true;
    if (get32(r, r->block) == PCAPNG_BYTE_ORDER)
        return 0;
    return fail(r, "no byte order mark");
}

/* The block's content into r->block; its size, or -1. */
static ssize_t read_block(struct pcapng_reader *r, uint32_t type)
{
    size_t have = type == PCAPNG_SECTION ? 4 : 0;
    uint8_t length[4], again[4];
    uint32_t size;

    if (!fill(r, length, sizeof(length)))
        return cut_off(r);
    if (have && find_byte_order(r) < 0)
        return -1;
    size = get32(r, length);
    if (size < BLOCK_MIN + have || size % 4 || size > BLOCK_MAX)
        return fail(r, "impossible length %" PRIu32, size);
    size -= BLOCK_MIN;
    if (!fill(r, r->block + have, size - have) || !fill(r, again, sizeof(again)))
        return cut_off(r);
    if (memcmp(length, again, sizeof(length)) != 0)
        return fail(r, "its two lengths differ");
    return (ssize_t)size;
}

struct pcapng_reader *pcapng_reader_new(FILE *in)
{
    struct pcapng_reader *r = calloc(1, sizeof(*r));

    if (r)
        r->in = in;
    return r;
}

void pcapng_reader_free(struct pcapng_reader *r)
{
    free(r);
}

int pcapng_reader_next(struct pcapng_reader *r, struct pcapng_message *message,
                       const char **bus, char why[PCAPNG_WHY_SIZE])
{
    uint32_t type = PCAPNG_SECTION;
    int rc = 0;

    r->why = why;
    while (rc == 0) {
        rc = read_type(r, &type);
        if (rc <= 0)
            return rc;

        ssize_t size = read_block(r, type);

        if (size < 0)
            return -1;
        rc = 0;
        if (type == PCAPNG_SECTION)
            rc = section(r, (size_t)size);
        else if (type == PCAPNG_INTERFACE)
            rc = interface(r, (size_t)size);
        else if (type == PCAPNG_PACKET)
            rc = packet(r, (size_t)size, message, bus);
    }
    return rc;
}
