/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The nodes of a store: a tree, its values and who may do what with them. */

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/fake-internal.h"

static struct fake_node *new_node(const char *name, size_t name_length)
{
    struct fake_node *node = fake_alloc(sizeof(*node));

    node->name = fake_alloc(name_length + 1);
    memcpy(node->name, name, name_length);
    node->value = fake_strdup("");
    return node;
}

struct fake_node *fake_tree_new(void)
{
    struct fake_node *root = new_node("", 0);

    root->num_perms = 1; /* domain 0's; nobody else may do anything */
    return root;
}

static void free_node(struct fake_node *node)
{
    free(node->name);
    free(node->value);
    free(node);
}

static void free_if_absent(void *child)
{
    struct fake_node *node = child;

    if (node->absent)
        free_node(node);
}

static void free_children(struct fake_node *node)
{
    tdestroy(node->index, free_if_absent);
    for (struct fake_node *child = node->children, *next; child; child = next) {
        next = child->next;
        fake_tree_free(child);
    }
    node->index = NULL;
    node->children = node->last_child = NULL;
}

void fake_tree_free(struct fake_node *node)
{
    free_children(node);
    free_node(node);
}

/* A value may hold any bytes; one more keeps it a string. */
static char *copy_value(const void *value, size_t size)
{
    return memcpy(fake_alloc(size + 1), value, size);
}

/* ---- children ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct fake_node *)a)->name, ((const struct fake_node *)b)->name);
}

/* The child, an absent one too. */
static struct fake_node *indexed_child(const struct fake_node *node, const char *name,
                                       size_t length)
{
    char text[FAKE_PATH_MAX];
    const struct fake_node key = {.name = text};
    struct fake_node **found;

    if (length >= sizeof(text))
        return NULL;
    memcpy(text, name, length);
    text[length] = '\0';
    found = tfind(&key, &node->index, compare_names);
    return found ? *found : NULL;
}

static void append_child(struct fake_node *parent, struct fake_node *child)
{
    if (!tsearch(child, &parent->index, compare_names))
        abort();
    child->parent = parent;
    child->prev = parent->last_child;
    if (parent->last_child)
        parent->last_child->next = child;
    else
        parent->children = child;
    parent->last_child = child;
}

static void unlink_child(struct fake_node *child)
{
    struct fake_node *parent = child->parent;

    if (child->prev)
        child->prev->next = child->next;
    else
        parent->children = child->next;
    if (child->next)
        child->next->prev = child->prev;
    else
        parent->last_child = child->prev;
}

/* ---- a transaction's tree ---- */

static struct fake_node *copy_node(const struct fake_node *node)
{
    struct fake_node *copy = new_node(node->name, strlen(node->name));

    free(copy->value);
    copy->value = copy_value(node->value, node->size);
    copy->size = node->size;
    memcpy(copy->perms, node->perms, sizeof(copy->perms));
    copy->num_perms = node->num_perms;
    copy->generation = node->generation;
    copy->partial = true;
    return copy;
}

struct fake_node *fake_tree_view(struct fake_node *live)
{
    struct fake_node *root = copy_node(live);

    root->live = live;
    return root;
}

/* The node of the live tree that a partial one was copied from; NULL when that
 * is gone. */
static struct fake_node *original(const struct fake_node *node)
{
    struct fake_node *above;

    if (!node->parent)
        return node->live;
    above = original(node->parent);
    return above ? indexed_child(above, node->name, strlen(node->name)) : NULL;
}

static struct fake_node *find_child(struct fake_node *node, const char *name, size_t length)
{
    struct fake_node *child = indexed_child(node, name, length);

    if (!child && node->partial) {
        const struct fake_node *from = original(node);

        child = from ? indexed_child(from, name, length) : NULL;
        if (!child)
            return NULL;
        child = copy_node(child);
        append_child(node, child);
    }
    return child && !child->absent ? child : NULL;
}

void fake_tree_fetch_children(struct fake_node *node)
{
    const struct fake_node *from = node->partial ? original(node) : NULL;

    for (const struct fake_node *child = from ? from->children : NULL; child; child = child->next)
        find_child(node, child->name, strlen(child->name));
    node->partial = false;
}

/* ---- nodes ---- */

/* Walks as far as there are nodes; returns what is left of the path. */
static const char *walk(struct fake_node **node, const char *path)
{
    while (*path == '/' && path[1]) {
        size_t length = strcspn(path + 1, "/");
        struct fake_node *child = find_child(*node, path + 1, length);

        if (!child)
            break;
        *node = child;
        path += 1 + length;
    }
    return strcmp(path, "/") == 0 ? "" : path;
}

struct fake_node *fake_tree_find(struct fake_node *root, const char *path,
                                 struct fake_node **nearest)
{
    *nearest = root;
    return *walk(nearest, path) ? NULL : *nearest;
}

static void forget_absent_child(struct fake_node *parent, const char *name, size_t length)
{
    struct fake_node *child = indexed_child(parent, name, length);

    if (!child)
        return;
    tdelete(child, &parent->index, compare_names);
    free_node(child);
}

static struct fake_node *add_child(struct fake_xen *fx, struct fake_node *parent, const char *name,
                                   size_t length, uint32_t creator)
{
    struct fake_node *child = new_node(name, length);

    forget_absent_child(parent, name, length);
    append_child(parent, child);
    memcpy(child->perms, parent->perms, sizeof(child->perms));
    child->num_perms = parent->num_perms;
    if (creator != 0)
        child->perms[0].domid = creator;
    child->generation = ++fx->generation;
    parent->generation = ++fx->generation;
    return child;
}

struct fake_node *fake_tree_make(struct fake_xen *fx, struct fake_node *root, const char *path,
                                 uint32_t creator)
{
    const char *rest = walk(&root, path);

    while (*rest) {
        size_t length = strcspn(rest + 1, "/");

        root = add_child(fx, root, rest + 1, length, creator);
        rest += 1 + length;
    }
    return root;
}

/* What the live tree may still have stays in the index, as absent. */
void fake_tree_remove(struct fake_xen *fx, struct fake_node *node)
{
    struct fake_node *parent = node->parent;

    parent->generation = ++fx->generation;
    unlink_child(node);
    if (parent->partial) {
        free_children(node);
        node->absent = true;
        return;
    }
    tdelete(node, &parent->index, compare_names);
    fake_tree_free(node);
}

void fake_tree_set_value(struct fake_xen *fx, struct fake_node *node, const void *value,
                         size_t size)
{
    free(node->value);
    node->value = copy_value(value, size);
    node->size = size;
    node->generation = ++fx->generation;
}

size_t fake_tree_entry_size(struct fake_node *node)
{
    fake_tree_fetch_children(node);

    size_t size = 32 + node->num_perms * 8 + node->size;

    for (const struct fake_node *child = node->children; child; child = child->next)
        size += strlen(child->name) + 1;
    return size;
}

struct platform_perm fake_tree_access(const struct fake_node *node, uint32_t domid)
{
    if (domid == 0 || node->perms[0].domid == domid)
        return (struct platform_perm){.domid = domid, .read = true, .write = true};
    for (size_t i = 1; i < node->num_perms; i++)
        if (node->perms[i].domid == domid)
            return node->perms[i];
    return node->perms[0];
}

void fake_tree_path(const struct fake_node *node, char path[FAKE_PATH_MAX])
{
    size_t length;

    if (!node->parent) {
        path[0] = '\0';
        return;
    }
    fake_tree_path(node->parent, path);
    length = strlen(path);
    path[length] = '/';
    memcpy(path + length + 1, node->name, strlen(node->name) + 1);
}
