/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/ring-pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"

void ring_pair_open(struct ring_pair *pair, unsigned order, uint16_t max_message)
{
    pair->size = (size_t)RING_PAGE_SIZE << order;
    pair->page = aligned_alloc(RING_PAGE_SIZE, pair->size);
    if (!pair->page)
        abort();
    memset(pair->page, 0, pair->size);
    ring_format(pair->page, order);
    if (!ring_attach(&pair->frontend, pair->page, order, RING_FRONTEND, MSG_WIDE, max_message) ||
        !ring_attach(&pair->backend, pair->page, order, RING_BACKEND, MSG_WIDE, max_message)) {
        printf("Bail out! a fresh ring is refused\n");
        exit(1);
    }
}

void ring_pair_close(struct ring_pair *pair)
{
    free(pair->page);
}

void ring_pair_message(uint8_t *message, size_t size, uint32_t number)
{
    for (size_t i = 0; i < size; i++)
        message[i] = (uint8_t)(number * 31 + i);
    le16_put(message + 4, (uint16_t)size);
}
