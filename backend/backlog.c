/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/backlog.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct backlog_message {
    struct backlog_message *next;
    size_t size;
    uint8_t bytes[];
};

void backlog_init(struct backlog *backlog)
{
    *backlog = (struct backlog){.end = &backlog->first, .turn = &backlog->first};
}

void backlog_free(struct backlog *backlog)
{
    backlog_again(backlog);
    while (backlog->first)
        backlog_take(backlog);
}

bool backlog_append(struct backlog *backlog, const void *message, size_t size)
{
    struct backlog_message *kept = malloc(sizeof(*kept) + size);
    bool run_over = backlog->turn == backlog->end;

    if (!kept)
        return false;
    kept->next = NULL;
    kept->size = size;
    memcpy(kept->bytes, message, size);
    *backlog->end = kept;
    backlog->end = &kept->next;
    if (run_over)
        backlog->turn = backlog->end;
    backlog->count++;
    return true;
}

size_t backlog_offer(const struct backlog *backlog, void *message)
{
    const struct backlog_message *kept = *backlog->turn;

    if (!kept)
        return 0;
    memcpy(message, kept->bytes, kept->size);
    return kept->size;
}

void backlog_take(struct backlog *backlog)
{
    struct backlog_message *taken = *backlog->turn;

    *backlog->turn = taken->next;
    if (!taken->next)
        backlog->end = backlog->turn;
    backlog->count--;
    free(taken);
}

void backlog_leave(struct backlog *backlog)
{
    backlog->turn = &(*backlog->turn)->next;
}

void backlog_again(struct backlog *backlog)
{
    backlog->turn = &backlog->first;
}
