/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/iov.h"

#include <string.h>

uint64_t iov_size(const struct iov *iov)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < iov->count; i++)
        size += iov->pieces[i].iov_len;
    return size;
}

/* The first piece that is not empty, cut to `size`; false when none is left. */
static size_t front(struct iov *iov, size_t size)
{
    while (iov->count && !iov->pieces[0].iov_len) {
        iov->pieces++;
        iov->count--;
    }
    if (!iov->count)
        return 0;
    return size < iov->pieces[0].iov_len ? size : iov->pieces[0].iov_len;
}

static void drop_front(struct iov *iov, size_t size)
{
    iov->pieces[0].iov_base = (uint8_t *)iov->pieces[0].iov_base + size;
    iov->pieces[0].iov_len -= size;
    front(iov, 0);
}

void iov_skip(struct iov *iov, uint64_t size)
{
    size_t part;

    for (; size && (part = front(iov, size)); size -= part)
        drop_front(iov, part);
}

size_t iov_take(struct iov *iov, void *to, size_t size)
{
    size_t taken = 0, part;

    for (; taken < size && (part = front(iov, size - taken)); taken += part) {
        memcpy((uint8_t *)to + taken, iov->pieces[0].iov_base, part);
        drop_front(iov, part);
    }
    return taken;
}

size_t iov_fill(struct iov *iov, const void *from, size_t size)
{
    size_t filled = 0, part;

    for (; filled < size && (part = front(iov, size - filled)); filled += part) {
        memcpy(iov->pieces[0].iov_base, (const uint8_t *)from + filled, part);
        drop_front(iov, part);
    }
    return filled;
}

uint8_t *iov_take_last(struct iov *iov)
{
    while (iov->count && !iov->pieces[iov->count - 1].iov_len)
        iov->count--;
    if (!iov->count)
        return NULL;

    struct iovec *last = &iov->pieces[iov->count - 1];
    uint8_t *byte = (uint8_t *)last->iov_base + --last->iov_len;

    if (!last->iov_len)
        iov->count--;
    return byte;
}
