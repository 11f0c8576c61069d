/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Transactions. Each works on its own copies of the nodes it meets, made when it
 * meets them, so that a large store costs no more. It remembers the generation
 * of every node it looked at or changed, and its changes; the commit fails with
 * EAGAIN when a generation moved, else makes the changes once more in the live
 * tree.
 */

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/fake-internal.h"

struct visit {
    struct visit *next;
    char *path;
    uint64_t generation; /* 0: there was no node */
};

struct fake_tx {
    struct fake_tx *next;
    platform_tx id;
    uint64_t begun; /* the store's generation then */
    struct fake_node *root;
    struct visit *visits;
    void *visited; /* the same by path, for tsearch() */
    struct fake_change *changes;
    struct fake_change *last_change;
};

struct fake_tx **fake_tx_find(struct fake_handle *h, platform_tx id)
{
    struct fake_tx **link = &h->transactions;

    while (*link && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

struct fake_node *fake_tx_root(struct fake_tx *tx)
{
    return tx->root;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct visit *)a)->path, ((const struct visit *)b)->path);
}

void fake_tx_visit(struct fake_tx *tx, const char *path, const struct fake_node *node)
{
    struct visit *seen = fake_alloc(sizeof(*seen));
    struct visit **found;

    seen->path = fake_strdup(path);
    found = tsearch(seen, &tx->visited, compare_paths);
    if (!found)
        abort();
    if (*found != seen) {
        free(seen->path);
        free(seen);
        return;
    }
    /* A younger node is one this transaction made on the way to another. */
    seen->generation = node && node->generation <= tx->begun ? node->generation : 0;
    seen->next = tx->visits;
    tx->visits = seen;
}

void fake_tx_record(struct fake_tx *tx, const struct fake_change *change)
{
    struct fake_change *copy = fake_alloc(sizeof(*copy));

    *copy = *change;
    copy->next = NULL;
    copy->path = fake_strdup(change->path);
    copy->value = change->value ? fake_strdup(change->value) : NULL;
    if (tx->last_change)
        tx->last_change->next = copy;
    else
        tx->changes = copy;
    tx->last_change = copy;
}

static void keep(void *visit)
{
    (void)visit; /* the list frees it */
}

static void free_tx(struct fake_handle *h, struct fake_tx **link)
{
    struct fake_tx *tx = *link;

    *link = tx->next;
    tdestroy(tx->visited, keep);
    for (struct visit *v = tx->visits, *next; v; v = next) {
        next = v->next;
        free(v->path);
        free(v);
    }
    for (struct fake_change *c = tx->changes, *next; c; c = next) {
        next = c->next;
        free(c->path);
        free(c->value);
        free(c);
    }
    fake_tree_free(tx->root);
    free(tx);
    h->fx->counters.transactions--;
}

void fake_change_apply(struct fake_handle *h, struct fake_node *root,
                       const struct fake_change *c)
{
    struct fake_xen *fx = h->fx;
    struct fake_node *nearest, *node = fake_tree_find(root, c->path, &nearest);
    bool live = root == fx->root;

    if (c->kind == FAKE_REMOVE) {
        if (live)
            fake_watch_fire_removal(fx, node);
        fake_tree_remove(fx, node);
        return;
    }
    if (!node)
        node = fake_tree_make(fx, root, c->path, h->domain->domid);
    else if (c->kind == FAKE_MKDIR)
        return;
    if (c->kind == FAKE_WRITE)
        fake_tree_set_value(fx, node, c->value, strlen(c->value));
    if (c->kind == FAKE_SET_PERMS) {
        memcpy(node->perms, c->perms, sizeof(node->perms));
        node->num_perms = c->num_perms;
        node->generation = ++fx->generation;
    }
    if (live)
        fake_watch_fire(fx, node);
}

int fake_xs_begin(struct platform *p, platform_tx *tx)
{
    FAKE_ENTER(h, p, -1);

    struct fake_tx *new_tx = fake_alloc(sizeof(*new_tx));

    new_tx->id = *tx = ++h->fx->last_tx;
    new_tx->begun = h->fx->generation;
    new_tx->root = fake_tree_view(h->fx->root);
    new_tx->next = h->transactions;
    h->transactions = new_tx;
    h->fx->counters.transactions++;
    return 0;
}

static bool undisturbed(struct fake_xen *fx, const struct fake_tx *tx)
{
    for (const struct visit *v = tx->visits; v; v = v->next) {
        struct fake_node *nearest, *node = fake_tree_find(fx->root, v->path, &nearest);

        if ((node ? node->generation : 0) != v->generation)
            return false;
    }
    return true;
}

int fake_xs_end(struct platform *p, platform_tx tx, bool abort)
{
    FAKE_ENTER(h, p, -1);

    struct fake_tx **link = fake_tx_find(h, tx);
    int error = 0;

    if (!*link) {
        errno = ENOENT;
        return -1;
    }
    if (!abort && !undisturbed(h->fx, *link))
        error = EAGAIN;
    else if (!abort)
        for (const struct fake_change *c = (*link)->changes; c; c = c->next)
            fake_change_apply(h, h->fx->root, c);
    free_tx(h, link);
    errno = error ? error : errno;
    return error ? -1 : 0;
}

void fake_tx_release(struct fake_handle *h)
{
    while (h->transactions)
        free_tx(h, &h->transactions);
}
