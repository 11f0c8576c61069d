/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/releases.h"
#include "common/store.h"
#include "xenstore-schema/schema.h"

static int refuse(int error, char why[WHY_SIZE], const char *sentence)
{
    snprintf(why, WHY_SIZE, "%s", sentence);
    errno = error;
    return -1;
}

/* ---- the start ---- */

static int make_private(const struct numbers *n, platform_tx tx, const char *key)
{
    struct platform_perm owner = {.domid = n->owner};
    struct store_path path = store_path("%s/%s", n->bus, key);

    if (n->platform->ops->xs_mkdir(n->platform, tx, path.text) < 0)
        return -1;
    return n->platform->ops->xs_set_perms(n->platform, tx, path.text, &owner, 1);
}

/* A counter that is there stays as it is: to correct it would give numbers twice. */
static int make_counter(const struct numbers *n, platform_tx tx)
{
    if (store_exists(n->platform, tx, store_path("%s/" XS_DEVICE_NUMBER_NEXT, n->bus).text))
        return 0;
    if (errno != ENOENT ||
        store_write_u64(n->platform, tx, n->bus, XS_DEVICE_NUMBER_NEXT, NUMBERING_FIRST) < 0)
        return -1;
    return make_private(n, tx, XS_DEVICE_NUMBER_NEXT);
}

int numbers_start(const struct numbers *n, platform_tx tx)
{
    uint64_t *taken;

    if (make_counter(n, tx) < 0 || make_private(n, tx, XS_TAKEN) < 0 ||
        make_private(n, tx, XS_RELEASED) < 0 ||
        store_write_u64(n->platform, tx, n->bus, XS_QUARANTINE_COUNT, n->quarantine.count) < 0 ||
        store_write_u64(n->platform, tx, n->bus, XS_QUARANTINE_SECONDS, n->quarantine.seconds) < 0)
        return -1;

    ssize_t count = numbering_list(n->platform, tx, n->bus, XS_TAKEN, &taken);
    int rc = count < 0 ? -1 : 0;

    for (ssize_t i = 0; rc == 0 && i < count; i++)
        rc = numbers_give_back(n, tx, taken[i]);
    free(taken);
    return rc;
}

int numbers_note_form(const struct numbers *n, platform_tx tx, enum msg_form form)
{
    return store_write_text(n->platform, tx, n->bus, XS_DEVICE_NUMBER_FORM,
                            form == MSG_WIDE ? XS_WIRE_FORM_WIDE : XS_WIRE_FORM_COMPACT);
}

/* ---- which number is next ---- */

/* A corrupt counter is an error, not a reason to start anew: that would give
 * numbers a second time. */
static int read_counter(const struct numbers *n, platform_tx tx, uint64_t *next)
{
    if (store_read_u64(n->platform, tx, n->bus, XS_DEVICE_NUMBER_NEXT, NUMBERING_FIRST, UINT64_MAX,
                       next) == 0)
        return 0;
    if (errno == ERANGE)
        errno = EINVAL;
    return -1;
}

static int read_form(const struct numbers *n, platform_tx tx, enum msg_form *form,
                     char why[WHY_SIZE])
{
    char *text = store_read_text(n->platform, tx, n->bus, XS_DEVICE_NUMBER_FORM);
    int rc = 0;

    if (!text && errno != ENOENT)
        return -1;
    if (!text || strcmp(text, XS_WIRE_FORM_WIDE) == 0)
        *form = MSG_WIDE;
    else if (strcmp(text, XS_WIRE_FORM_COMPACT) == 0)
        *form = MSG_COMPACT;
    else
        rc = refuse(EINVAL, why, XS_DEVICE_NUMBER_FORM ": neither " XS_WIRE_FORM_WIDE
                                                       " nor " XS_WIRE_FORM_COMPACT);
    free(text);
    return rc;
}

static int mark_children(const struct numbers *n, platform_tx tx, const char *key, bool *held)
{
    uint64_t *numbers;
    ssize_t count = numbering_list(n->platform, tx, n->bus, key, &numbers);

    for (ssize_t i = 0; i < count; i++)
        if (numbers[i] <= n->space)
            held[numbers[i]] = true;
    free(numbers);
    return count < 0 ? -1 : 0;
}

/* What the oldest release in quarantine still waits for; all others wait longer. */
struct wait {
    uint64_t releases;
    uint64_t seconds;
};

static void note_wait(const struct numbers *n, uint64_t after, uint64_t age, struct wait *wait)
{
    if (after < n->quarantine.count)
        wait->releases = n->quarantine.count - after;
    if (n->quarantine.seconds && age <= n->quarantine.seconds)
        wait->seconds = n->quarantine.seconds - age + 1;
}

static int mark_released(const struct numbers *n, platform_tx tx, bool *held, struct wait *wait,
                         char why[WHY_SIZE])
{
    struct releases releases;
    uint64_t now = numbering_now(n->platform);

    if (numbering_read(n->platform, tx, n->bus, &releases) < 0)
        return errno == EINVAL ? refuse(EINVAL, why, XS_RELEASED ": not released numbers") : -1;
    /* The newest first, so that what the oldest waits for is noted last. */
    for (size_t i = releases.count; i-- > 0;) {
        const struct release *r = &releases.list[i];

        if (r->number > n->space || !numbering_quarantined(&n->quarantine, r, releases.end, now))
            continue;
        held[r->number] = true;
        *wait = (struct wait){0};
        note_wait(n, releases.end - r->sequence - 1, numbering_age(r, now), wait);
    }
    free(releases.list);
    return 0;
}

static int refuse_for_now(const struct numbers *n, const struct wait *wait, char why[WHY_SIZE])
{
    int length = snprintf(why, WHY_SIZE, "all %" PRIu64 " device numbers of the compact form are "
                          "in use", n->space);

    if (wait->releases || wait->seconds)
        snprintf(why + length, WHY_SIZE - (size_t)length,
                 " or in quarantine, the first of them until %" PRIu64 " more are released "
                 "and %" PRIu64 " s have passed", wait->releases, wait->seconds);
    errno = ENOSPC;
    return -1;
}

/* Moves the counter on to the next one that stands for a free number. */
static int find_free(const struct numbers *n, const bool *held, const struct wait *wait,
                     uint64_t *next, char why[WHY_SIZE])
{
    for (uint64_t i = 0; i < n->space && i < UINT64_MAX - *next; i++)
        if (!held[numbering_compact(*next + i, n->space)]) {
            *next += i;
            return 0;
        }
    return refuse_for_now(n, wait, why);
}

static int skip_held(const struct numbers *n, platform_tx tx, uint64_t *next, char why[WHY_SIZE])
{
    bool *held = calloc(n->space + 1, sizeof(*held));
    struct wait wait = {0};
    int rc = -1;

    if (held && mark_children(n, tx, XS_DEVICE, held) == 0 &&
        mark_children(n, tx, XS_TAKEN, held) == 0 &&
        mark_released(n, tx, held, &wait, why) == 0)
        rc = find_free(n, held, &wait, next, why);
    free(held);
    return rc;
}

/* Only a compact form that has gone round meets numbers of before. */
static int choose(const struct numbers *n, platform_tx tx, uint64_t *next, uint64_t *number,
                  char why[WHY_SIZE])
{
    enum msg_form form;

    *number = *next;
    if (*next <= n->space)
        return 0;
    if (*next == UINT64_MAX)
        return refuse(ENOSPC, why, XS_DEVICE_NUMBER_NEXT ": no device number is left");
    if (read_form(n, tx, &form, why) < 0)
        return -1;
    if (form == MSG_WIDE)
        return 0;
    if (skip_held(n, tx, next, why) < 0)
        return -1;
    *number = numbering_compact(*next, n->space);
    return 0;
}

/* ---- the life of a number ---- */

static struct store_path taken_key(uint64_t number)
{
    return store_path(XS_TAKEN "/%" PRIu64, number);
}

int numbers_take(const struct numbers *n, platform_tx tx, const char *name, uint64_t *number,
                 char why[WHY_SIZE])
{
    uint64_t next;

    if (read_counter(n, tx, &next) < 0)
        return errno == EINVAL
                   ? refuse(EINVAL, why, XS_DEVICE_NUMBER_NEXT ": not a number from 1 on")
                   : -1;
    if (choose(n, tx, &next, number, why) < 0 ||
        store_write_u64(n->platform, tx, n->bus, XS_DEVICE_NUMBER_NEXT, next + 1) < 0)
        return -1;
    return store_write_text(n->platform, tx, n->bus, taken_key(*number).text, name);
}

int numbers_use(const struct numbers *n, platform_tx tx, uint64_t number)
{
    uint64_t next;

    if (read_counter(n, tx, &next) < 0)
        return -1;
    if (number >= next) {
        errno = EINVAL;
        return -1;
    }
    return store_remove(n->platform, tx, n->bus, taken_key(number).text);
}

int numbers_give_back(const struct numbers *n, platform_tx tx, uint64_t number)
{
    if (store_remove(n->platform, tx, n->bus, taken_key(number).text) < 0)
        return -1;
    return numbers_release(n, tx, number);
}

int numbers_release(const struct numbers *n, platform_tx tx, uint64_t number)
{
    return releases_append(n, tx, number);
}
