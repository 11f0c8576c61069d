/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Any bytes, as a message of both forms. What decodes also prints, encodes, and
 * decodes to bytes that encode the same.
 *
 *     clang -g -O1 -std=gnu11 -I. -fsanitize=fuzzer,address,undefined -o fuzz-codec \
 *         tests/fuzz/fuzz-codec.c common/codec.c common/messages.c common/print.c common/store.c
 */

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_form(enum msg_form form, const uint8_t *data, size_t size)
{
    static uint8_t first[MSG_PROTOCOL_MAX], second[MSG_PROTOCOL_MAX];
    struct msg_header header;
    struct msg_error error = {MSG_OK, NULL};
    char text[64];
    struct msg m;

    msg_decode_header(form, data, size, &header);
    if (!msg_decode(form, data, size, &m, &error)) {
        if (!error.fault || !error.field)
            abort();
        return;
    }
    print_message(text, sizeof(text), &m);

    size_t encoded = msg_encode(form, &m, first, sizeof(first), NULL);

    if (!encoded || encoded > size || !msg_decode(form, first, encoded, &m, NULL) ||
        msg_encode(form, &m, second, sizeof(second), NULL) != encoded ||
        memcmp(first, second, encoded))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_form(MSG_WIDE, data, size);
    fuzz_form(MSG_COMPACT, data, size);
    return 0;
}
