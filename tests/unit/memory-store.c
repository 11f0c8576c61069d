/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/memory-store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 32

struct memory_node {
    struct memory_node *next;
    struct memory_node *parent;
    struct memory_node *children;
    char key[KEY_MAX];
    char *value;
};

/* What takes one change back. */
struct memory_undo {
    struct memory_undo *next;
    enum { UNDO_MAKE, UNDO_WRITE, UNDO_REMOVE } kind;
    struct memory_node *node;
    char *value; /* of before */
};

static struct memory_store *store_of(struct platform *p)
{
    return (struct memory_store *)p;
}

static void *need(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static bool alive(struct memory_store *s)
{
    if (s->calls_left && --s->calls_left == 0)
        s->dead = true;
    errno = EIO;
    return !s->dead;
}

/* ---- nodes ---- */

static struct memory_node *child_of(const struct memory_node *node, const char *key, size_t length)
{
    struct memory_node *child = node->children;

    while (child && (strncmp(child->key, key, length) != 0 || child->key[length]))
        child = child->next;
    return child;
}

/* The node of the path; *rest is what of it is not there, "" when all is. */
static struct memory_node *walk(struct memory_store *s, const char *path, const char **rest)
{
    struct memory_node *node = s->root;

    while (*path) {
        size_t length = strcspn(path + 1, "/");
        struct memory_node *child = child_of(node, path + 1, length);

        if (!child)
            break;
        node = child;
        path += 1 + length;
    }
    *rest = path;
    return node;
}

static void link_node(struct memory_node *node)
{
    node->next = node->parent->children;
    node->parent->children = node;
}

static void unlink_node(struct memory_node *node)
{
    struct memory_node **link = &node->parent->children;

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
}

static void free_node(struct memory_node *node)
{
    while (node->children) {
        struct memory_node *child = node->children;

        node->children = child->next;
        free_node(child);
    }
    free(node->value);
    free(node);
}

static void note(struct memory_store *s, struct memory_undo change)
{
    struct memory_undo *undo = need(malloc(sizeof(*undo)));

    *undo = change;
    undo->next = s->undo;
    s->undo = undo;
}

static struct memory_node *make(struct memory_store *s, const char *path)
{
    struct memory_node *node = walk(s, path, &path);

    while (*path) {
        size_t length = strcspn(path + 1, "/");
        struct memory_node *child = need(calloc(1, sizeof(*child)));

        if (length >= KEY_MAX)
            abort();
        memcpy(child->key, path + 1, length);
        child->value = need(strdup(""));
        child->parent = node;
        link_node(child);
        note(s, (struct memory_undo){.kind = UNDO_MAKE, .node = child});
        node = child;
        path += 1 + length;
    }
    return node;
}

/* ---- transactions: changes are made at once, and taken back or not ---- */

static void take_back(struct memory_undo *undo)
{
    switch (undo->kind) {
    case UNDO_MAKE:
        unlink_node(undo->node);
        free_node(undo->node);
        break;
    case UNDO_WRITE:
        free(undo->node->value);
        undo->node->value = undo->value;
        break;
    case UNDO_REMOVE:
        link_node(undo->node);
        break;
    }
}

static void keep(struct memory_undo *undo)
{
    if (undo->kind == UNDO_WRITE)
        free(undo->value);
    if (undo->kind == UNDO_REMOVE)
        free_node(undo->node);
}

static void end(struct memory_store *s, void (*each)(struct memory_undo *undo))
{
    while (s->undo) {
        struct memory_undo *undo = s->undo;

        s->undo = undo->next;
        each(undo);
        free(undo);
    }
    s->committed = each == keep;
}

static int begin_transaction(struct platform *p, platform_tx *tx)
{
    *tx = 1;
    store_of(p)->committed = false;
    return alive(store_of(p)) ? 0 : -1;
}

static int end_transaction(struct platform *p, platform_tx tx, bool abort)
{
    struct memory_store *s = store_of(p);
    bool was_dead = s->dead;

    (void)tx;
    if (!alive(s)) {
        if (!was_dead && !abort && s->commits_at_last)
            end(s, keep);
        errno = EIO;
        return -1;
    }
    end(s, abort ? take_back : keep);
    return 0;
}

/* ---- calls ---- */

static uint64_t now(struct platform *p)
{
    return store_of(p)->now;
}

static char *read_node(struct platform *p, platform_tx tx, const char *path, size_t *size)
{
    const struct memory_node *node;

    (void)tx;
    if (!alive(store_of(p)))
        return NULL;
    node = walk(store_of(p), path, &path);
    errno = ENOENT;
    if (*path)
        return NULL;
    *size = strlen(node->value);
    return need(strdup(node->value));
}

static int write_node(struct platform *p, platform_tx tx, const char *path, const char *value)
{
    struct memory_store *s = store_of(p);
    struct memory_node *node;

    (void)tx;
    if (!alive(s))
        return -1;
    node = make(s, path);
    note(s, (struct memory_undo){.kind = UNDO_WRITE, .node = node, .value = node->value});
    node->value = need(strdup(value));
    return 0;
}

static int make_node(struct platform *p, platform_tx tx, const char *path)
{
    (void)tx;
    if (!alive(store_of(p)))
        return -1;
    make(store_of(p), path);
    return 0;
}

static int remove_node(struct platform *p, platform_tx tx, const char *path)
{
    struct memory_store *s = store_of(p);
    struct memory_node *node;

    (void)tx;
    if (!alive(s))
        return -1;
    node = walk(s, path, &path);
    errno = ENOENT;
    if (*path)
        return -1;
    unlink_node(node);
    note(s, (struct memory_undo){.kind = UNDO_REMOVE, .node = node});
    return 0;
}

static char **list_nodes(struct platform *p, platform_tx tx, const char *path, size_t *count)
{
    const struct memory_node *node;
    char (*keys)[KEY_MAX];
    char **names;
    size_t found = 0;

    (void)tx;
    if (!alive(store_of(p)))
        return NULL;
    node = walk(store_of(p), path, &path);
    errno = ENOENT;
    if (*path)
        return NULL;
    for (const struct memory_node *child = node->children; child; child = child->next)
        found++;
    names = need(malloc(found * (sizeof(*names) + sizeof(*keys)) + 1));
    keys = (void *)(names + found);
    *count = found;
    for (const struct memory_node *child = node->children; child; child = child->next) {
        found--;
        names[found] = memcpy(keys[found], child->key, KEY_MAX);
    }
    return names;
}

static int set_perms(struct platform *p, platform_tx tx, const char *path,
                     const struct platform_perm *perms, size_t count)
{
    (void)tx;
    (void)path;
    (void)perms;
    (void)count;
    return alive(store_of(p)) ? 0 : -1;
}

void memory_store_open(struct memory_store *s)
{
    static const struct platform_ops ops = {
        .now = now,
        .xs_begin = begin_transaction,
        .xs_end = end_transaction,
        .xs_read = read_node,
        .xs_write = write_node,
        .xs_mkdir = make_node,
        .xs_remove = remove_node,
        .xs_list = list_nodes,
        .xs_set_perms = set_perms,
    };

    *s = (struct memory_store){.base.ops = &ops};
    s->root = need(calloc(1, sizeof(*s->root)));
    s->root->value = need(strdup(""));
}

void memory_store_close(struct memory_store *s)
{
    end(s, keep);
    free_node(s->root);
}

void memory_store_revive(struct memory_store *s)
{
    bool committed = s->committed;

    end(s, take_back);
    s->committed = committed;
    s->calls_left = 0;
    s->dead = false;
}
