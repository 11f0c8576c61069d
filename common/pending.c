/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "common/pending.h"

#include <stddef.h>

static uint32_t bit_mask(uint32_t bit)
{
    return UINT32_C(1) << (bit & 31);
}

static void list_append(struct pending *pending, struct pending_source *source)
{
    source->next = NULL;
    source->listed = true;
    if (pending->tail)
        pending->tail->next = source;
    else
        pending->head = source;
    pending->tail = source;
}

/* Ends at the first step in the usual case: the source is at the head. */
static void list_remove(struct pending *pending, struct pending_source *source)
{
    struct pending_source *before = NULL;

    if (!source->listed)
        return;
    for (struct pending_source *s = pending->head; s != source; s = s->next)
        before = s;
    if (before)
        before->next = source->next;
    else
        pending->head = source->next;
    if (pending->tail == source)
        pending->tail = before;
    source->next = NULL;
    source->listed = false;
}

/* The first set bit from source->turn on, going around; false when none is. */
static bool find_bit(const struct pending_source *source, uint32_t *bit)
{
    uint32_t words = PENDING_WORDS(source->num_bits);
    uint32_t word = source->turn / 32;
    uint32_t set;

    if (!words)
        return false;
    /* The word where the turn stands is looked at twice: above it, then below. */
    set = source->bits[word] & ~(bit_mask(source->turn) - 1);
    for (uint32_t looked = 0; !set && looked < words; looked++) {
        word = word + 1 < words ? word + 1 : 0;
        set = source->bits[word];
    }
    if (!set)
        return false;
    *bit = word * 32 + (uint32_t)__builtin_ctz(set);
    return true;
}

void pending_set(struct pending *pending, struct pending_source *source, uint32_t bit)
{
    if (bit >= source->num_bits)
        return;
    source->bits[bit / 32] |= bit_mask(bit);
    if (!source->listed)
        list_append(pending, source);
}

bool pending_next(const struct pending *pending, struct pending_source **source, uint32_t *bit)
{
    /* A listed source has a bit set, so its head's answer is the answer. */
    *source = pending->head;
    return pending->head && find_bit(pending->head, bit);
}

void pending_done(struct pending *pending, struct pending_source *source, uint32_t bit)
{
    uint32_t other;

    if (bit >= source->num_bits || !source->listed)
        return;
    source->bits[bit / 32] &= ~bit_mask(bit);
    source->turn = bit + 1 < source->num_bits ? bit + 1 : 0;
    list_remove(pending, source);
    if (find_bit(source, &other))
        list_append(pending, source);
}

void pending_drop(struct pending *pending, struct pending_source *source)
{
    for (uint32_t word = 0; word < PENDING_WORDS(source->num_bits); word++)
        source->bits[word] = 0;
    source->turn = 0;
    list_remove(pending, source);
}
