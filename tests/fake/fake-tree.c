/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The nodes of a store: a tree, its values and who may do what with them. */

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

void fake_tree_free(struct fake_node *node)
{
    for (struct fake_node *child = node->children, *next; child; child = next) {
        next = child->next;
        fake_tree_free(child);
    }
    free(node->name);
    free(node->value);
    free(node);
}

/* A value may hold any bytes; one more keeps it a string. */
static char *copy_value(const void *value, size_t size)
{
    return memcpy(fake_alloc(size + 1), value, size);
}

struct fake_node *fake_tree_copy(const struct fake_node *node)
{
    struct fake_node *copy = fake_alloc(sizeof(*copy));
    struct fake_node **link = &copy->children;

    *copy = *node;
    copy->parent = copy->next = copy->children = NULL;
    copy->name = fake_strdup(node->name);
    copy->value = copy_value(node->value, node->size);
    for (const struct fake_node *child = node->children; child; child = child->next) {
        *link = fake_tree_copy(child);
        (*link)->parent = copy;
        link = &(*link)->next;
    }
    return copy;
}

static struct fake_node *find_child(struct fake_node *node, const char *name, size_t length)
{
    for (struct fake_node *child = node->children; child; child = child->next)
        if (strlen(child->name) == length && memcmp(child->name, name, length) == 0)
            return child;
    return NULL;
}

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

/* Children are kept in order of creation, as the real store lists them. */
static struct fake_node *add_child(struct fake_xen *fx, struct fake_node *parent, const char *name,
                                   size_t length, uint32_t creator)
{
    struct fake_node *child = new_node(name, length);
    struct fake_node **link = &parent->children;

    while (*link)
        link = &(*link)->next;
    *link = child;
    child->parent = parent;
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

void fake_tree_remove(struct fake_xen *fx, struct fake_node *node)
{
    struct fake_node **link = &node->parent->children;

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node->parent->generation = ++fx->generation;
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

size_t fake_tree_entry_size(const struct fake_node *node)
{
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
