/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/numbers.h"

#include <errno.h>
#include <stdlib.h>

#include "common/store.h"
#include "xenstore-schema/schema.h"

#define FIRST_NUMBER 1

static int make_private(const struct numbers *n, platform_tx tx, const char *key)
{
    struct platform_perm owner = {.domid = n->owner};

    return n->platform->ops->xs_set_perms(n->platform, tx,
                                          store_path("%s/%s", n->bus, key).text, &owner, 1);
}

/* A corrupt counter is an error, not a reason to start anew: that would give
 * numbers a second time. */
static int read_counter(const struct numbers *n, platform_tx tx, uint64_t *next)
{
    if (store_read_u64(n->platform, tx, n->bus, XS_DEVICE_NUMBER_NEXT, FIRST_NUMBER, UINT64_MAX,
                       next) == 0)
        return 0;
    if (errno == ENOENT) {
        *next = FIRST_NUMBER;
        return 0;
    }
    if (errno == ERANGE)
        errno = EINVAL;
    return -1;
}

int numbers_take(const struct numbers *n, platform_tx tx, uint64_t *number)
{
    uint64_t next;

    if (read_counter(n, tx, &next) < 0)
        return -1;
    if (next == UINT64_MAX) {
        errno = ENOSPC;
        return -1;
    }
    if (store_write_u64(n->platform, tx, n->bus, XS_DEVICE_NUMBER_NEXT, next + 1) < 0 ||
        make_private(n, tx, XS_DEVICE_NUMBER_NEXT) < 0)
        return -1;
    *number = next;
    return 0;
}

int numbers_check(const struct numbers *n, platform_tx tx, uint64_t number)
{
    uint64_t next;

    if (read_counter(n, tx, &next) < 0)
        return -1;
    if (number >= next) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

/* The entry released first; one that cannot be read counts as oldest of all. */
static const char *oldest(const struct numbers *n, platform_tx tx, const char *dir, char **names,
                          size_t count)
{
    const char *found = names[0];
    uint64_t found_when = UINT64_MAX;

    for (size_t i = 0; i < count; i++) {
        uint64_t when;

        if (store_read_u64(n->platform, tx, dir, names[i], 0, UINT64_MAX, &when) < 0)
            return names[i];
        if (when < found_when) {
            found = names[i];
            found_when = when;
        }
    }
    return found;
}

static int make_room(const struct numbers *n, platform_tx tx, const char *dir)
{
    size_t count;
    char **names = n->platform->ops->xs_list(n->platform, tx, dir, &count);

    if (!names)
        return -1;

    int rc = count < NUMBERS_RELEASED_KEPT
                 ? 0
                 : store_remove(n->platform, tx, dir, oldest(n, tx, dir, names, count));

    free(names);
    return rc;
}

int numbers_release(const struct numbers *n, platform_tx tx, uint64_t number, uint64_t now)
{
    struct store_path dir = store_path("%s/%s", n->bus, XS_RELEASED);

    /* Made and closed to others first: what is written below inherits that. */
    if (n->platform->ops->xs_mkdir(n->platform, tx, dir.text) < 0 ||
        make_private(n, tx, XS_RELEASED) < 0 || make_room(n, tx, dir.text) < 0)
        return -1;
    return store_write_u64(n->platform, tx, dir.text,
                           store_path("%llu", (unsigned long long)number).text, now);
}
