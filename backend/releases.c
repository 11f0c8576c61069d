/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/releases.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/store.h"
#include "xenstore-schema/schema.h"

/* The text of one node of B/released. */
#define NODE_TEXT_MAX (NUMBERING_PER_NODE * sizeof("18446744073709551615 18446744073709551615"))

static struct store_path node_key(uint64_t sequence)
{
    return store_path(XS_RELEASED "/%" PRIu64, sequence);
}

/* The releases of one node; 0 for one that holds anything else. -1 with errno. */
static int read_node(const struct numbers *n, platform_tx tx, uint64_t sequence,
                     struct release list[NUMBERING_PER_NODE])
{
    char *text = store_read_text(n->platform, tx, n->bus, node_key(sequence).text);

    if (!text)
        return errno == EINVAL ? 0 : -1;

    int count = numbering_parse(text, sequence, list);

    free(text);
    return count < 0 ? 0 : count;
}

static int write_node(const struct numbers *n, platform_tx tx, uint64_t sequence,
                      const struct release *list, int count)
{
    char text[NODE_TEXT_MAX];
    int length = 0;

    for (int i = 0; i < count; i++)
        length += snprintf(text + length, sizeof(text) - (size_t)length,
                           "%s%" PRIu64 " %" PRIu64, i ? "," : "", list[i].number,
                           list[i].seconds);
    return store_write_text(n->platform, tx, n->bus, node_key(sequence).text, text);
}

/* Is there one that may not be given again yet? Numbers the compact form does
 * not have are never given again. */
static bool worth_keeping(const struct numbers *n, const struct release *list, int count,
                          uint64_t end)
{
    uint64_t now = numbering_now(n->platform);

    for (int i = 0; i < count; i++)
        if (list[i].number <= n->space &&
            numbering_quarantined(&n->quarantine, &list[i], end, now))
            return true;
    return false;
}

/* Forgets the oldest nodes, up to the first that is still of use. */
static int forget_old(const struct numbers *n, platform_tx tx, const uint64_t *nodes,
                      ssize_t count, uint64_t end)
{
    struct release list[NUMBERING_PER_NODE];

    for (ssize_t i = 0; i < count; i++) {
        int inside = read_node(n, tx, nodes[i], list);

        if (inside < 0)
            return -1;
        if (worth_keeping(n, list, inside, end))
            return 0;
        if (store_remove(n->platform, tx, n->bus, node_key(nodes[i]).text) < 0)
            return -1;
    }
    return 0;
}

/* Into the last node, or behind it when it is full or holds nonsense. */
static int append_to(const struct numbers *n, platform_tx tx, const uint64_t *nodes, ssize_t count,
                  uint64_t number)
{
    struct release list[NUMBERING_PER_NODE];
    uint64_t node = count ? nodes[count - 1] : 0;
    int inside = count ? read_node(n, tx, node, list) : 0;

    if (inside < 0)
        return -1;
    if (count && (inside == 0 || inside == NUMBERING_PER_NODE)) {
        node += NUMBERING_PER_NODE;
        inside = 0;
        if (forget_old(n, tx, nodes, count, node) < 0)
            return -1;
    }
    list[inside] = (struct release){.number = number, .seconds = numbering_now(n->platform)};
    return write_node(n, tx, node, list, inside + 1);
}

int releases_append(const struct numbers *n, platform_tx tx, uint64_t number)
{
    uint64_t *nodes;
    ssize_t count = numbering_list(n->platform, tx, n->bus, XS_RELEASED, &nodes);
    int rc = count < 0 ? -1 : append_to(n, tx, nodes, count, number);

    free(nodes);
    return rc;
}
