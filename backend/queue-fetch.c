/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What of a queue's chains is at grant addresses, and so to be copied. Each call to Xen
 * costs as much as many pages, so what one chain needs is fetched with what the next ones
 * will need: first the indirect tables, then what the device reads.
 */

#include <stdlib.h>
#include <string.h>

#include "backend/queue-state.h"

#define TABLES_MAX 64u

/* An indirect table that was fetched before its chain is read. The driver may not touch
 * it from when it made the chain available, so it is no older than that. */
struct table_copy {
    uint64_t address;
    struct iovec piece;
    struct memory_copy *copy;
};

struct tables {
    struct memory *memory;
    uint32_t max_length;
    uint32_t count;
    struct table_copy list[TABLES_MAX];
};

/* Copies all that was noted; it counts as this queue's. */
static void run(struct queue *queue)
{
    struct memory_stats before = *memory_stats(queue->memory);

    memory_copy_run(queue->memory);
    queue_stats_memory(queue, &before);
}

/* ---- indirect tables ---- */

static struct table_copy *find(struct tables *tables, uint64_t address, uint32_t length)
{
    for (uint32_t i = 0; i < tables->count; i++) {
        if (tables->list[i].address == address && tables->list[i].piece.iov_len == length)
            return &tables->list[i];
    }
    return NULL;
}

/* Notes one to be fetched; false when there is no room for more. */
static bool want(struct tables *tables, uint64_t address, uint32_t length)
{
    struct table_copy *table = &tables->list[tables->count];

    /* Each only once: one that stayed behind would be taken for a later one. */
    if (length > tables->max_length || !memory_copied(address, length) ||
        find(tables, address, length))
        return true;
    if (tables->count == TABLES_MAX)
        return false;
    *table = (struct table_copy){.address = address, .piece.iov_len = length};
    table->copy = memory_copy_table(tables->memory, &table->piece, address);
    if (!table->copy)
        return false;
    memory_copy_in(table->copy);
    tables->count++;
    return true;
}

static struct table_copy *fetch(struct queue *queue, uint64_t address, uint32_t length)
{
    struct tables *tables = queue->tables;
    uint32_t before = tables->count;

    if (before == TABLES_MAX || !want(tables, address, length))
        return NULL;
    queue->layout->peek(queue, want, tables);
    run(queue);
    return &tables->list[before];
}

static void drop(struct tables *tables, struct table_copy *table)
{
    memory_copy_free(table->copy);
    *table = tables->list[--tables->count];
}

static bool use(struct queue *queue, struct table_copy *table)
{
    bool failed;
    uint32_t ref;

    failed = memory_copy_failed(table->copy, &ref);
    if (!failed)
        memcpy(queue->indirect_table, table->piece.iov_base, table->piece.iov_len);
    drop(queue->tables, table);
    if (failed)
        return queue_fault(queue, "an indirect table is in grant reference %u, which is not "
                                  "granted to us", ref);
    return true;
}

bool queue_fetch_table(struct queue *queue, uint64_t address, uint32_t length)
{
    struct table_copy *table = NULL;

    if (!queue->tables)
        queue->tables = calloc(1, sizeof(*queue->tables));
    if (queue->tables) {
        queue->tables->memory = queue->memory;
        queue->tables->max_length = queue->config.size * QUEUE_DESC_BYTES;
        table = find(queue->tables, address, length);
        if (!table)
            table = fetch(queue, address, length);
    }
    if (!table)
        return queue_fault(queue, "no memory for an indirect table of %u bytes", length);
    return use(queue, table);
}

/* ---- what the device reads ---- */

static bool arrived(struct queue *queue, const struct chain *chain)
{
    uint32_t ref;

    if (!chain->copy || !memory_copy_failed(chain->copy, &ref))
        return true;
    return queue_fault(queue, "a buffer is in grant reference %u, which is not granted to us",
                       ref);
}

struct chain *queue_fetch_chains(struct queue *queue, struct chain *first)
{
    struct chain *chain;

    STAILQ_INSERT_TAIL(&queue->ready, first, in_list);
    while ((chain = queue_take(queue))) {
        STAILQ_INSERT_TAIL(&queue->ready, chain, in_list);
        if (chain->copy)
            memory_copy_in(chain->copy);
    }
    run(queue);
    STAILQ_FOREACH(chain, &queue->ready, in_list) {
        if (queue->faulty || !arrived(queue, chain))
            break;
    }
    if (queue->faulty)
        queue_forget(queue, &queue->ready);
    return queue_pop(queue);
}

/* ---- what it wrote ---- */

/* The first of those that return, with what was pushed together with it. */
static void take_group(struct queue *queue, struct chain_list *group)
{
    struct chain *chain;

    do {
        chain = STAILQ_FIRST(&queue->returning);
        STAILQ_REMOVE_HEAD(&queue->returning, in_list);
        STAILQ_INSERT_TAIL(group, chain, in_list);
    } while (!chain->last);
}

static bool reached_guest(struct queue *queue, const struct chain_list *group)
{
    const struct chain *chain;
    uint32_t ref;

    STAILQ_FOREACH(chain, group, in_list) {
        if (!chain->copy || !memory_copy_failed(chain->copy, &ref))
            continue;
        if (!queue->faulty)
            queue_fault(queue, "a buffer is in grant reference %u, which is not granted to us to "
                               "be written", ref);
        return false;
    }
    return true;
}

void queue_flush(struct queue *queue)
{
    if (STAILQ_EMPTY(&queue->returning))
        return;
    run(queue);
    while (!STAILQ_EMPTY(&queue->returning)) {
        struct chain_list group = STAILQ_HEAD_INITIALIZER(group);

        take_group(queue, &group);
        if (reached_guest(queue, &group)) {
            queue_give_back(queue, &group);
            continue;
        }
        queue->torn = queue->resumes;
        queue_forget(queue, &group);
    }
}

/* ---- letting go ---- */

void queue_fetch_drop(struct queue *queue)
{
    queue_forget(queue, &queue->ready);
    queue_forget(queue, &queue->returning);
    if (queue->memory)
        memory_wait_no_more(queue->memory, &queue->room);
    while (queue->tables && queue->tables->count)
        drop(queue->tables, queue->tables->list);
    free(queue->tables);
    queue->tables = NULL;
}
