/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/bus/negotiation.h"

#include <CUnit/CUnit.h>
#include <string.h>

#include "common/store.h"

struct node {
    const char *key;
    const char *value;
};

/* What a good backend advertises. */
static const struct node offered[] = {
    {"versions", "1"},           {"max-message-size", "65535"}, {"max-ring-page-order", "6"},
    {"transport-revision", "1"}, {"transport-features", "0"},   {"feature-wire-compact", "1"},
};

/* What a good frontend chooses. */
static const struct node chosen[] = {
    {"version", "1"},           {"message-size", "272"}, {"ring-page-order", "0"},
    {"ring-ref-0", "4000000"},  {"event-channel", "5"},  {"wire-form", "wide"},
    {"transport-features", "0"},
};

const struct ends_setup negotiation_wide = {.alone = true};
const struct ends_setup negotiation_compact = {.form = XVMSG_COMPACT, .alone = true};

/* All of them, one with another value. */
static void write_nodes(struct platform *who, const char *home, const struct node *nodes,
                        size_t count, const struct node *other)
{
    for (size_t i = 0; i < count; i++) {
        bool same = strcmp(nodes[i].key, other->key) != 0;

        stage_write(who, store_path("%s/%s", home, nodes[i].key).text,
                    same ? nodes[i].value : other->value);
    }
}

struct ends *negotiation_meet(const struct ends_setup *setup, const char *key, const char *value)
{
    struct ends *e = ends_new(setup);

    write_nodes(e->s.toolstack, B7, offered, 6, &(struct node){key, value});
    stage_write(e->s.toolstack, B7 "/state", "2");
    CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
    ends_settle(e);
    return e;
}

void negotiation_library_refuses(const struct ends_setup *setup, const char *key,
                                 const char *value, const char *words)
{
    struct ends *e = negotiation_meet(setup, key, value);

    CU_ASSERT(stage_is(&e->s, F7 "/state", "6"));
    CU_ASSERT(ends_node_says(e, F7 "/error", words));
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(e->h), words));
    CU_ASSERT(stage_is(&e->s, F7 "/message-size", NULL));
    CU_ASSERT_EQUAL(fake_xen_counters(e->s.fx).shared_pages, 0);
    ends_free(e);
}

void negotiation_library_chooses(const struct ends_setup *setup, const char *key,
                                 const char *value, const char *node, const char *choice)
{
    struct ends *e = negotiation_meet(setup, key, value);

    CU_ASSERT(stage_is(&e->s, F7 "/state", "3"));
    CU_ASSERT(stage_is(&e->s, store_path(F7 "/%s", node).text, choice));
    ends_free(e);
}

void negotiation_backend_refuses(const char *key, const char *value, const char *words)
{
    struct ends *e = ends_new(&(struct ends_setup){.apart = true});

    ends_run_until_node(e, B7 "/state", "2");
    write_nodes(e->s.guest, F7, chosen, 7, &(struct node){key, value});
    stage_write(e->s.guest, F7 "/state", "3");
    ends_run_until_node(e, B7 "/state", "5");
    CU_ASSERT(ends_node_says(e, B7 "/error", words));
    CU_ASSERT(ends_node_says(e, B7 "/error", key));
    ends_free(e);
}
