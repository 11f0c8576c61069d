/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xenstore watches and the queue of fired ones. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/fake-internal.h"

static void queue_event(struct fake_handle *h, const char *path, const char *token)
{
    size_t path_size = strlen(path) + 1;
    size_t token_size = strlen(token) + 1;
    struct fake_event *event = fake_alloc(sizeof(*event));
    char *text;

    event->watch = fake_alloc(sizeof(*event->watch) + path_size + token_size);
    text = (char *)(event->watch + 1);
    event->watch->path = memcpy(text, path, path_size);
    event->watch->token = memcpy(text + path_size, token, token_size);
    if (h->events) {
        h->last_event->next = event;
    } else {
        h->events = event;
        fake_signal(h->xs_fd, true);
    }
    h->last_event = event;
}

static bool at_or_below(const char *path, const char *top)
{
    size_t length = strlen(top);

    if (strcmp(top, "/") == 0)
        return true;
    return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* A watch registered by a relative path is told of relative paths. */
static void fire_one(struct fake_handle *h, const struct fake_watch *watch, const char *path)
{
    bool relative = watch->registered[0] != '/' && watch->registered[0] != '@';
    size_t home = strlen(watch->path) - strlen(watch->registered);

    queue_event(h, relative ? path + home : path, watch->token);
}

static void fire(struct fake_xen *fx, const struct fake_node *node, bool exact)
{
    char path[FAKE_PATH_MAX];

    fake_tree_path(node, path);
    for (struct fake_handle *h = fx->handles; h; h = h->next) {
        if (!fake_tree_access(node, h->domain->domid).read)
            continue;
        for (struct fake_watch *w = h->watches; w; w = w->next)
            if (exact ? strcmp(path, w->path) == 0 : at_or_below(path, w->path))
                fire_one(h, w, path);
    }
}

void fake_watch_fire(struct fake_xen *fx, const struct fake_node *node)
{
    fire(fx, node, false);
}

static void fire_below(struct fake_xen *fx, const struct fake_node *node)
{
    for (const struct fake_node *child = node->children; child; child = child->next) {
        fire(fx, child, true);
        fire_below(fx, child);
    }
}

void fake_watch_fire_removal(struct fake_xen *fx, const struct fake_node *node)
{
    fire(fx, node, false);
    fire_below(fx, node);
}

void fake_watch_fire_special(struct fake_xen *fx, const char *name)
{
    for (struct fake_handle *h = fx->handles; h; h = h->next)
        for (struct fake_watch *w = h->watches; w; w = w->next)
            if (h->domain->domid == 0 && strcmp(w->path, name) == 0)
                fire_one(h, w, name);
}

static void free_watch(struct fake_handle *h, struct fake_watch **link)
{
    struct fake_watch *watch = *link;

    *link = watch->next;
    free(watch->registered);
    free(watch->path);
    free(watch->token);
    free(watch);
    h->fx->counters.watches--;
}

static struct fake_watch **find_watch(struct fake_handle *h, const char *path, const char *token)
{
    struct fake_watch **link = &h->watches;

    while (*link && (strcmp((*link)->registered, path) || strcmp((*link)->token, token)))
        link = &(*link)->next;
    return link;
}

int fake_xs_fd(struct platform *p)
{
    return ((struct fake_handle *)p)->xs_fd;
}

int fake_xs_watch(struct platform *p, const char *path, const char *token)
{
    FAKE_ENTER(h, p, -1);

    struct fake_watch **link = find_watch(h, path, token);
    char absolute[FAKE_PATH_MAX];

    if (*link) {
        errno = EEXIST;
        return -1;
    }
    if (!fake_store_resolve(h, path, absolute))
        return -1;
    *link = fake_alloc(sizeof(**link));
    (*link)->registered = fake_strdup(path);
    (*link)->path = fake_strdup(absolute);
    (*link)->token = fake_strdup(token);
    h->fx->counters.watches++;
    queue_event(h, path, token);
    return 0;
}

int fake_xs_unwatch(struct platform *p, const char *path, const char *token)
{
    FAKE_ENTER(h, p, -1);

    struct fake_watch **link = find_watch(h, path, token);

    if (!*link) {
        errno = ENOENT;
        return -1;
    }
    /* What is queued already is still delivered: so does libxenstore. */
    free_watch(h, link);
    return 0;
}

struct platform_watch *fake_xs_next_watch(struct platform *p)
{
    FAKE_ENTER(h, p, NULL);

    struct fake_event *event = h->events;

    if (!event) {
        errno = EAGAIN;
        return NULL;
    }

    struct platform_watch *watch = event->watch;

    h->events = event->next;
    free(event);
    if (!h->events)
        fake_signal(h->xs_fd, false);
    return watch;
}

void fake_watch_release(struct fake_handle *h)
{
    while (h->watches)
        free_watch(h, &h->watches);
    for (struct fake_event *event = h->events, *next; event; event = next) {
        next = event->next;
        free(event->watch);
        free(event);
    }
}
