/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A recording with every message in both forms, and with many that are broken,
 * to standard output. With the argument "hex": the good ones as hex digits; with
 * "status": one message that tells a status.
 */

#include <stdio.h>
#include <string.h>

#include "common/le.h"
#include "tests/unit/sample.h"
#include "tools/xvmsg/hex.h"
#include "tools/xvmsg/pcapng-writer.h"
#include "tools/xvmsg/xvmsg.h"

#define ROOM 4 /* behind a message, for making it longer */

static struct pcapng_writer writer;
static bool in_hex;
static uint64_t now = UINT64_C(1760000000000000001);

/* Some of what is linked would complain; nothing here gives it reason to. */
void complain(const char *name, const char *format, ...)
{
    (void)name;
    (void)format;
}

static void write_bytes(enum msg_form form, const uint8_t *bytes, size_t size)
{
    struct pcapng_message m = {
        .form = form,
        .direction = now % 2 ? PCAPNG_FROM_GUEST : PCAPNG_TO_GUEST,
        .time = now,
        .bytes = bytes,
        .size = (uint32_t)size,
    };

    if (!in_hex)
        pcapng_writer_add(&writer, &m);
    now += 1001;
}

static void write_good(enum msg_form form, const uint8_t *bytes, size_t size)
{
    char text[2 * SAMPLE_MAX + 1];

    if (in_hex) {
        hex_format(bytes, size, text);
        puts(text);
    }
    write_bytes(form, bytes, size);
}

static void set_size(enum msg_form form, uint8_t *bytes, size_t size)
{
    le16_put(bytes + (form == MSG_WIDE ? 4 : 6), (uint16_t)size);
}

/* One by one what can be wrong; longer by a byte is wrong for events only. */
static void write_broken(enum msg_form form, uint8_t *bytes, size_t size)
{
    uint8_t id = bytes[1];

    write_bytes(form, bytes, size - 1);
    set_size(form, bytes, size - 1);
    write_bytes(form, bytes, size - 1);
    set_size(form, bytes, 0);
    write_bytes(form, bytes, size);
    set_size(form, bytes, size + 1);
    write_bytes(form, bytes, size + 1);
    set_size(form, bytes, size);
    bytes[1] = 0x3f;
    write_bytes(form, bytes, size);
    bytes[1] = id;
    bytes[0] |= MSG_TYPE_BUS;
    bytes[form == MSG_WIDE ? 15 : 3] |= 0x80;
    write_bytes(form, bytes, size);
    write_bytes(form, bytes, 0);
    write_bytes(form, bytes, 7);
}

static void write_kind(enum msg_form form, enum msg_kind kind)
{
    uint8_t bytes[SAMPLE_MAX + ROOM] = {0};
    struct msg m = sample_message(form, kind);
    size_t size = msg_encode(form, &m, bytes, SAMPLE_MAX, NULL);

    write_good(form, bytes, size);
    write_broken(form, bytes, size);
}

static void write_status(void)
{
    const struct msg m = {.kind = MSG_set_device_status_request,
                          .set_device_status_request.status = 15};
    uint8_t bytes[64];

    write_good(MSG_WIDE, bytes, msg_encode(MSG_WIDE, &m, bytes, sizeof(bytes), NULL));
}

static void write_all(void)
{
    for (int form = MSG_WIDE; form <= MSG_COMPACT; form++)
        for (enum msg_kind kind = 0; kind < MSG_KINDS; kind++)
            for (unsigned again = 0; again < 3; again++)
                write_kind((enum msg_form)form, kind);
}

int main(int argc, char **argv)
{
    in_hex = argc > 1 && strcmp(argv[1], "hex") == 0;
    if (!in_hex)
        pcapng_writer_begin(&writer, stdout, "dom5 bus 0");
    if (argc > 1 && strcmp(argv[1], "status") == 0)
        write_status();
    else
        write_all();
    if (!in_hex)
        pcapng_writer_end(&writer);
    return fflush(stdout) || ferror(stdout);
}
