/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The real platform's xenstore calls, over libxenstore. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/platform-xen.h"

#define MAX_PERMS 8

/* libxenstore says true or false and sets errno. */
static int result(bool done)
{
    return done ? 0 : -1;
}

int platform_xen_xs_fd(struct platform *p)
{
    return xs_fileno(platform_xen(p)->xs);
}

int platform_xen_xs_begin(struct platform *p, platform_tx *tx)
{
    *tx = xs_transaction_start(platform_xen(p)->xs);
    return result(*tx != XBT_NULL);
}

int platform_xen_xs_end(struct platform *p, platform_tx tx, bool abort)
{
    return result(xs_transaction_end(platform_xen(p)->xs, tx, abort));
}

char *platform_xen_xs_read(struct platform *p, platform_tx tx, const char *path, size_t *size)
{
    unsigned length;
    char *value = xs_read(platform_xen(p)->xs, tx, path, &length);

    if (value)
        *size = length;
    return value;
}

int platform_xen_xs_write(struct platform *p, platform_tx tx, const char *path, const char *value)
{
    return result(xs_write(platform_xen(p)->xs, tx, path, value, (unsigned)strlen(value)));
}

int platform_xen_xs_mkdir(struct platform *p, platform_tx tx, const char *path)
{
    return result(xs_mkdir(platform_xen(p)->xs, tx, path));
}

int platform_xen_xs_remove(struct platform *p, platform_tx tx, const char *path)
{
    return result(xs_rm(platform_xen(p)->xs, tx, path));
}

char **platform_xen_xs_list(struct platform *p, platform_tx tx, const char *path, size_t *count)
{
    unsigned num;
    char **names = xs_directory(platform_xen(p)->xs, tx, path, &num);

    if (names)
        *count = num;
    return names;
}

int platform_xen_xs_set_perms(struct platform *p, platform_tx tx, const char *path,
                              const struct platform_perm *perms, size_t count)
{
    struct xs_permissions entries[MAX_PERMS];

    if (count == 0 || count > MAX_PERMS) {
        errno = EINVAL;
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].id = perms[i].domid;
        entries[i].perms = (perms[i].read ? XS_PERM_READ : XS_PERM_NONE) |
                           (perms[i].write ? XS_PERM_WRITE : XS_PERM_NONE);
    }
    return result(
        xs_set_permissions(platform_xen(p)->xs, tx, path, entries, (unsigned)count));
}

struct platform_perm *platform_xen_xs_get_perms(struct platform *p, platform_tx tx,
                                                const char *path, size_t *count)
{
    unsigned num;
    struct xs_permissions *entries = xs_get_permissions(platform_xen(p)->xs, tx, path, &num);

    if (!entries)
        return NULL;

    struct platform_perm *perms = calloc(num, sizeof(*perms));

    for (unsigned i = 0; perms && i < num; i++) {
        perms[i].domid = entries[i].id;
        perms[i].read = entries[i].perms & XS_PERM_READ;
        perms[i].write = entries[i].perms & XS_PERM_WRITE;
    }
    *count = num;
    free(entries);
    return perms;
}

int platform_xen_xs_watch(struct platform *p, const char *path, const char *token)
{
    return result(xs_watch(platform_xen(p)->xs, path, token));
}

int platform_xen_xs_unwatch(struct platform *p, const char *path, const char *token)
{
    return result(xs_unwatch(platform_xen(p)->xs, path, token));
}

struct platform_watch *platform_xen_xs_next_watch(struct platform *p)
{
    char **fired = xs_check_watch(platform_xen(p)->xs);

    if (!fired)
        return NULL;

    size_t path_size = strlen(fired[XS_WATCH_PATH]) + 1;
    size_t token_size = strlen(fired[XS_WATCH_TOKEN]) + 1;
    struct platform_watch *watch = malloc(sizeof(*watch) + path_size + token_size);

    if (watch) {
        char *text = (char *)(watch + 1);

        watch->path = memcpy(text, fired[XS_WATCH_PATH], path_size);
        watch->token = memcpy(text + path_size, fired[XS_WATCH_TOKEN], token_size);
    }
    free(fired);
    return watch;
}
