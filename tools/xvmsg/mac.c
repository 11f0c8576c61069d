/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/mac.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* FNV-1a: what matters is that it spreads. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

static uint64_t hash(const char *text)
{
    uint64_t value = HASH_START;

    for (; *text; text++)
        value = (value ^ (uint8_t)*text) * HASH_PRIME;
    return value ^ value >> 32;
}

void mac_derive(struct platform *p, platform_tx tx, const struct bus_id *id, const char *name,
                char text[MAC_TEXT_SIZE])
{
    struct store_path domain = store_path("/local/domain/%" PRIu32, id->frontend);
    char *vm = store_read_text(p, tx, domain.text, "vm"); /* "/vm/UUID" */
    uint64_t value = hash(store_path("%.64s/%" PRIu32 "/%s", vm ? vm : domain.text, id->bus,
                                     name).text);

    free(vm);
    snprintf(text, MAC_TEXT_SIZE, "00:16:3e:%02x:%02x:%02x", (unsigned)(value >> 16 & 0x7f),
             (unsigned)(value >> 8 & 0xff), (unsigned)(value & 0xff));
}
