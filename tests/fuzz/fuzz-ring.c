/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The backend's end of a ring whose page the input writes: each step of four
 * bytes (what, where, value) changes the page like a hostile frontend or lets
 * the backend do one thing.
 *
 *     clang -g -O1 -std=gnu11 -I. -fsanitize=fuzzer,address,undefined -o fuzz-ring \
 *         tests/fuzz/fuzz-ring.c common/codec.c common/messages.c common/ring.c
 */

#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/ring.h"

#define MAX MSG_WIDE_DEFAULT_MAX

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hostile_write(uint8_t *page, uint8_t where, uint16_t value)
{
    struct xvmsg_ring_abi *shared = (struct xvmsg_ring_abi *)page;
    uint32_t *const fields[] = {
        &shared->to_backend.prod,  &shared->to_backend.room,  &shared->to_backend.cons,
        &shared->to_backend.wake,  &shared->to_frontend.prod, &shared->to_frontend.room,
        &shared->to_frontend.cons, &shared->to_frontend.wake, &shared->frontend_fault,
    };

    if (where < sizeof(fields) / sizeof(fields[0]))
        *fields[where] = value;
    else if (where & 0x80)
        le16_put(page + RING_HEADER_SIZE + (where & 0x7f) * 8 + 4, value);
    else
        page[(where << 5 | value >> 11) % RING_PAGE_SIZE] = (uint8_t)value;
}

static void backend_step(struct ring *ring, uint8_t what, uint16_t value)
{
    static uint8_t put[MAX];
    uint8_t *buffer;
    size_t size;

    switch (what) {
    case 0:
        /* Of exactly max_message bytes, so that one more is seen. */
        buffer = malloc(MAX);
        size = buffer ? ring_get(ring, buffer) : 0;
        if (size && (size < MSG_WIDE_HEADER || size > MAX || le16_get(buffer + 4) != size))
            abort();
        free(buffer);
        break;
    case 1:
        ring_release(ring);
        break;
    case 2:
        le16_put(put + 4, value);
        ring_put(ring, put, value % (MAX + 1));
        break;
    case 3:
        ring_publish(ring);
        break;
    case 4:
        ring_await_message(ring);
        break;
    case 5:
        ring_await_room(ring, value);
        break;
    default:
        ring_peer_fault(ring);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *page = aligned_alloc(RING_PAGE_SIZE, RING_PAGE_SIZE);
    struct ring ring;

    if (!page)
        return 0;
    memset(page, 0, RING_PAGE_SIZE);
    ring_format(page, 0);
    ring_attach(&ring, page, 0, RING_BACKEND, MSG_WIDE, MAX);
    for (; size >= 4; data += 4, size -= 4) {
        if (data[0] & 0x80)
            hostile_write(page, data[1], le16_get(data + 2));
        else
            backend_step(&ring, data[0] & 7, le16_get(data + 2));
    }
    free(page);
    return 0;
}
