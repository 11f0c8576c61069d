/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xenstored's reads and writes, and who may. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/fake-internal.h"

#define ENTRY_SIZE_MAX 2048 /* for nodes a guest writes */
#define VALUE_SIZE_MAX 4096

/* Where a call works: a transaction's copy, or the live tree. */
struct view {
    struct fake_handle *h;
    struct fake_tx *tx; /* NULL: live */
    struct fake_node *root;
    char path[FAKE_PATH_MAX];
};

bool fake_store_resolve(const struct fake_handle *h, const char *path, char out[FAKE_PATH_MAX])
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-/_@";
    size_t length = strlen(path);
    int size;

    if (length == 0 || length >= 2048 || path[strspn(path, legal)] || strstr(path, "//") ||
        (path[length - 1] == '/' && length > 1)) {
        errno = EINVAL;
        return false;
    }
    if (path[0] == '/' || path[0] == '@')
        size = snprintf(out, FAKE_PATH_MAX, "%s", path);
    else
        size = snprintf(out, FAKE_PATH_MAX, "/local/domain/%u/%s", h->domain->domid, path);
    return size > 0 && size < FAKE_PATH_MAX;
}

static bool open_view(struct view *v, struct fake_handle *h, platform_tx tx, const char *path)
{
    v->h = h;
    v->tx = tx == PLATFORM_NO_TX ? NULL : *fake_tx_find(h, tx);
    if (tx != PLATFORM_NO_TX && !v->tx) {
        errno = ENOENT;
        return false;
    }
    v->root = v->tx ? fake_tx_root(v->tx) : h->fx->root;
    if (!fake_store_resolve(h, path, v->path) || v->path[0] == '@') {
        errno = EINVAL;
        return false;
    }
    return true;
}

/* Notes a node for the transaction's commit to look at again. */
static void visit(const struct view *v, const char *path, const struct fake_node *node)
{
    if (v->tx)
        fake_tx_visit(v->tx, path, node);
}

static void visit_all_below(const struct view *v, struct fake_node *node)
{
    char path[FAKE_PATH_MAX];

    if (!v->tx)
        return;
    fake_tree_path(node, path);
    visit(v, path, node);
    fake_tree_fetch_children(node);
    for (struct fake_node *child = node->children; child; child = child->next)
        visit_all_below(v, child);
}

static void make_change(struct view *v, struct fake_change change)
{
    change.path = v->path;
    fake_change_apply(v->h, v->root, &change);
    if (v->tx)
        fake_tx_record(v->tx, &change);
}

static bool permitted(const struct view *v, const struct fake_node *node, bool write)
{
    struct platform_perm access = fake_tree_access(node, v->h->domain->domid);

    return write ? access.write : access.read;
}

/* The node, if it is there and the caller may: else EACCES or ENOENT. */
static struct fake_node *get_node(const struct view *v, bool write)
{
    struct fake_node *nearest, *node = fake_tree_find(v->root, v->path, &nearest);

    visit(v, v->path, node);
    if (permitted(v, nearest, write) && node)
        return node;
    errno = permitted(v, nearest, write) ? ENOENT : EACCES;
    return NULL;
}

/* May the caller make this node, which is not there yet? Notes the ancestor
 * whose list of children grows. */
static bool may_create(const struct view *v)
{
    struct fake_node *nearest;
    char path[FAKE_PATH_MAX];

    fake_tree_find(v->root, v->path, &nearest);
    fake_tree_path(nearest, path);
    visit(v, path, nearest);
    if (v->h->domain->domid != 0 && fake_tree_entry_size(nearest) +
        strlen(v->path) - strlen(path) > ENTRY_SIZE_MAX) {
        errno = ENOSPC;
        return false;
    }
    return true;
}

char *fake_xs_read(struct platform *p, platform_tx tx, const char *path, size_t *size)
{
    FAKE_ENTER(h, p, NULL);

    struct view v;
    struct fake_node *node = open_view(&v, h, tx, path) ? get_node(&v, false) : NULL;

    if (!node)
        return NULL;
    *size = node->size;

    char *value = fake_alloc(node->size + 1);

    memcpy(value, node->value, node->size);
    errno = 0; /* a call that succeeds leaves errno as it likes */
    return value;
}

/* Writes a value, or makes an empty node when there is none. */
static int put(struct fake_handle *h, platform_tx tx, const char *path, struct fake_change change)
{
    struct view v;
    size_t size = change.value ? strlen(change.value) : 0;

    if (!open_view(&v, h, tx, path))
        return -1;
    if (size > VALUE_SIZE_MAX) {
        errno = E2BIG;
        return -1;
    }
    if (h->domain->domid != 0 && size > ENTRY_SIZE_MAX) {
        errno = ENOSPC;
        return -1;
    }
    if (!get_node(&v, true) && (errno != ENOENT || !may_create(&v)))
        return -1;
    make_change(&v, change);
    return 0;
}

int fake_xs_write(struct platform *p, platform_tx tx, const char *path, const char *value)
{
    FAKE_ENTER(h, p, -1);
    return put(h, tx, path, (struct fake_change){.kind = FAKE_WRITE, .value = (char *)value});
}

int fake_xs_mkdir(struct platform *p, platform_tx tx, const char *path)
{
    FAKE_ENTER(h, p, -1);
    return put(h, tx, path, (struct fake_change){.kind = FAKE_MKDIR});
}

int fake_xs_remove(struct platform *p, platform_tx tx, const char *path)
{
    FAKE_ENTER(h, p, -1);

    struct view v;
    struct fake_node *node, *nearest;
    char parent[FAKE_PATH_MAX];

    if (!open_view(&v, h, tx, path))
        return -1;
    node = get_node(&v, true);
    memcpy(parent, v.path, sizeof(parent));
    *strrchr(parent, '/') = '\0';
    if (!node)
        return errno == ENOENT && fake_tree_find(v.root, parent, &nearest) ? 0 : -1;
    if (!node->parent) {
        errno = EINVAL;
        return -1;
    }
    visit(&v, parent, node->parent);
    visit_all_below(&v, node);
    make_change(&v, (struct fake_change){.kind = FAKE_REMOVE});
    return 0;
}

char **fake_xs_list(struct platform *p, platform_tx tx, const char *path, size_t *count)
{
    FAKE_ENTER(h, p, NULL);

    struct view v;
    struct fake_node *node = open_view(&v, h, tx, path) ? get_node(&v, false) : NULL;
    size_t num = 0, bytes = 0;

    if (!node)
        return NULL;
    fake_tree_fetch_children(node);
    for (const struct fake_node *child = node->children; child; child = child->next) {
        num++;
        bytes += strlen(child->name) + 1;
    }

    char **names = fake_alloc(num * sizeof(*names) + bytes + 1);
    char *text = (char *)(names + num);

    *count = num;
    num = 0;
    for (const struct fake_node *child = node->children; child; child = child->next) {
        names[num++] = text;
        text = stpcpy(text, child->name) + 1;
    }
    errno = 0; /* as in fake_xs_read() */
    return names;
}

int fake_xs_set_perms(struct platform *p, platform_tx tx, const char *path,
                      const struct platform_perm *perms, size_t count)
{
    FAKE_ENTER(h, p, -1);

    struct view v;
    struct fake_node *node = open_view(&v, h, tx, path) ? get_node(&v, true) : NULL;
    struct fake_change change = {.kind = FAKE_SET_PERMS, .num_perms = count};

    if (!node)
        return -1;
    if (count == 0 || count > FAKE_MAX_PERMS) {
        errno = EINVAL;
        return -1;
    }
    /* Only the owner, who cannot give the node away, or domain 0. */
    if (h->domain->domid != 0 && (node->perms[0].domid != h->domain->domid ||
                                  perms[0].domid != h->domain->domid)) {
        errno = EPERM;
        return -1;
    }
    memcpy(change.perms, perms, count * sizeof(*perms));
    make_change(&v, change);
    return 0;
}

struct platform_perm *fake_xs_get_perms(struct platform *p, platform_tx tx, const char *path,
                                        size_t *count)
{
    FAKE_ENTER(h, p, NULL);

    struct view v;
    struct fake_node *node = open_view(&v, h, tx, path) ? get_node(&v, false) : NULL;

    if (!node)
        return NULL;

    struct platform_perm *perms = fake_alloc(sizeof(node->perms));

    memcpy(perms, node->perms, sizeof(node->perms));
    *count = node->num_perms;
    return perms;
}
