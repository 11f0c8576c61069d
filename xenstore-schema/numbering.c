/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "xenstore-schema/numbering.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "xenstore-schema/schema.h"

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)
#define DIGITS_MAX 20

uint64_t numbering_compact(uint64_t counter, uint64_t space)
{
    return NUMBERING_FIRST + (counter - NUMBERING_FIRST) % space;
}

uint64_t numbering_now(struct platform *p)
{
    return p->ops->now(p) / NANOSECONDS_PER_SECOND;
}

/* A time that is yet to come is from before the clock began anew. */
uint64_t numbering_age(const struct release *release, uint64_t now)
{
    return release->seconds <= now ? now - release->seconds : now;
}

/* Both times lost their fractions: only one second more is surely enough. */
bool numbering_quarantined(const struct quarantine *q, const struct release *r, uint64_t end,
                           uint64_t now)
{
    return end - r->sequence - 1 < q->count || (q->seconds && numbering_age(r, now) <= q->seconds);
}

/* ---- one node ---- */

/* Cuts a number off the text, up to `stop` or the end. */
static bool cut_number(const char **text, const char *stop, uint64_t *number)
{
    char digits[DIGITS_MAX + 1];
    size_t length = strcspn(*text, stop);

    if (length > DIGITS_MAX)
        return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    *text += length;
    return parse_u64(digits, 0, UINT64_MAX, number) == 0;
}

int numbering_parse(const char *text, uint64_t sequence, struct release list[NUMBERING_PER_NODE])
{
    for (int count = 0; count < NUMBERING_PER_NODE; count++) {
        struct release *r = &list[count];

        r->sequence = sequence + (uint64_t)count;
        if (!cut_number(&text, " ", &r->number) || *text++ != ' ' ||
            !cut_number(&text, ",", &r->seconds))
            break;
        if (*text++ == '\0')
            return count + 1;
    }
    errno = EINVAL;
    return -1;
}

/* ---- the store ---- */

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

ssize_t numbering_list(struct platform *p, platform_tx tx, const char *dir, const char *key,
                       uint64_t **numbers)
{
    size_t count = 0;
    ssize_t found = 0;
    char **names = p->ops->xs_list(p, tx, store_path("%s/%s", dir, key).text, &count);

    *numbers = NULL;
    if (!names)
        return errno == ENOENT ? 0 : -1;
    *numbers = calloc(count + 1, sizeof(**numbers));
    for (size_t i = 0; *numbers && i < count; i++)
        if (parse_u64(names[i], 0, UINT64_MAX, &(*numbers)[found]) == 0)
            found++;
    free(names);
    if (!*numbers)
        return -1;
    qsort(*numbers, (size_t)found, sizeof(**numbers), compare);
    return found;
}

static int read_node(struct platform *p, platform_tx tx, const char *bus, uint64_t sequence,
                     struct releases *releases)
{
    struct store_path key = store_path(XS_RELEASED "/%" PRIu64, sequence);
    char *text = store_read_text(p, tx, bus, key.text);

    if (!text)
        return -1;

    int count = numbering_parse(text, sequence, &releases->list[releases->count]);

    free(text);
    if (count < 0)
        return -1;
    releases->count += (size_t)count;
    releases->end = sequence + (uint64_t)count;
    return 0;
}

int numbering_read(struct platform *p, platform_tx tx, const char *bus, struct releases *releases)
{
    uint64_t *sequences;
    ssize_t nodes = numbering_list(p, tx, bus, XS_RELEASED, &sequences);
    int rc = nodes < 0 ? -1 : 0;

    *releases = (struct releases){0};
    if (nodes > 0) {
        releases->list = calloc((size_t)nodes * NUMBERING_PER_NODE, sizeof(*releases->list));
        if (!releases->list)
            rc = -1;
    }
    for (ssize_t i = 0; rc == 0 && i < nodes; i++)
        rc = read_node(p, tx, bus, sequences[i], releases);
    free(sequences);
    if (rc < 0) {
        free(releases->list);
        *releases = (struct releases){0};
    }
    return rc;
}
