/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Buffers and tables at grant references that are not what a driver says, and a Xen
 * that refuses. */

#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "common/address.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "tests/unit/grants.h"

#define OTHER 9u /* a domain we are not */

/* ---- references that are not what the driver says ---- */

static struct grant good, read_only, foreign, gone;

static void not_granted(void)
{
    queue_guest_describe(0, ADDRESS_GRANT | UINT64_C(0x7ffff000), 8, 0, 0);
}

static void granted_no_more(void)
{
    queue_guest_describe(0, grants_at(&gone, 0), 8, 0, 0);
}

static void granted_to_another(void)
{
    queue_guest_describe(0, grants_at(&foreign, 0), 8, 0, 0);
}

static void the_second_page_is_not(void)
{
    queue_guest_describe(0, grants_at(&good, PAGES * PAGE - 4), 8, 0, 0);
}

static void no_reference(void)
{
    queue_guest_describe(0, ADDRESS_GRANT | UINT64_C(1) << 44, 8, 0, 0);
}

static void past_the_last_reference(void)
{
    queue_guest_describe(0, ADDRESS_GRANT | UINT64_C(0xffffffffffc), 8, 0, 0);
}

static void more_than_all(void)
{
    queue_guest_describe(0, grants_at(&good, 0), UINT32_MAX, 0, 0);
}

static void more_than_it_may(void)
{
    queue_guest_describe(0, grants_at(&good, 0), QUEUE_GUEST_MAX_PAGES * PAGE, VRING_DESC_F_WRITE,
                         0);
}

static void length_0(void)
{
    queue_guest_describe(0, grants_at(&good, 0), 0, 0, 0);
}

static void table_not_granted(void)
{
    queue_guest_describe(0, grants_at(&gone, 0), 32, VRING_DESC_F_INDIRECT, 0);
}

static void buffer_of_a_table_not_granted(void)
{
    struct vring_desc *table = (struct vring_desc *)(void *)good.start;

    table[0] = (struct vring_desc){grants_at(&foreign, 0), 16, 0, 0};
    queue_guest_describe(0, grants_at(&good, 0), 16, VRING_DESC_F_INDIRECT, 0);
}

/* These are noticed when the answer is to be written. */

static void written_though_read_only(void)
{
    queue_guest_describe(0, grants_at(&read_only, 0), 8, VRING_DESC_F_WRITE, 0);
}

static void written_though_not_granted(void)
{
    queue_guest_describe(0, grants_at(&foreign, 0), 8, VRING_DESC_F_WRITE, 0);
}

static const struct {
    const char *what;
    void (*prepare)(void);
    const char *words;
} hostile[] = {
    {"not granted", not_granted, "reference 524287, which is not granted to us"},
    {"granted no more", granted_no_more, "not granted to us"},
    {"granted to another", granted_to_another, "not granted to us"},
    {"second page", the_second_page_is_not, "not granted to us"},
    {"no reference", no_reference, "in no shared area"},
    {"past the last reference", past_the_last_reference, "in no shared area"},
    {"more than all", more_than_all, "more bytes at grant addresses"},
    {"more than it may", more_than_it_may, "more bytes at grant addresses"},
    {"length 0", length_0, "length 0"},
    {"table", table_not_granted, "an indirect table is in grant reference"},
    {"buffer of a table", buffer_of_a_table_not_granted, "a buffer is in grant reference"},
    {"read-only", written_though_read_only, "not granted to us to be written"},
    {"not granted for the answer", written_though_not_granted, "not granted to us to be written"},
};

static void names_what_is_wrong_with_a_reference(void)
{
    for (unsigned i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct chain *chain;

        queue_guest_start();
        queue_guest_negotiate(true, false);
        good = grants_share(0, true);
        foreign = grants_share(OTHER, true);
        read_only = grants_share(0, false);
        gone = grants_share(0, true);
        grants_revoke(&gone);
        hostile[i].prepare();
        queue_guest_offer(0);
        chain = queue_pop(g.queue);
        if (chain)
            queue_push(g.queue, chain, 8);
        queue_flush(g.queue);
        if (g.faults != 1 || !strstr(g.fault_text, hostile[i].words) || g.used->idx)
            CU_FAIL(hostile[i].what);
        CU_ASSERT(queue_idle(g.queue));
        CU_ASSERT_PTR_NULL(queue_pop(g.queue));
        /* A driver that resets it and behaves is served again. */
        queue_guest_restart();
        grants_ask(0, &good, 0);
        grants_answer(grants_pop());
        queue_flush(g.queue);
        CU_ASSERT_EQUAL(g.used->idx, 1);
        queue_guest_end();
    }
}

static void xen_refuses(void)
{
    for (unsigned nth = 1; nth <= 3; nth++) {
        struct grant grant;
        struct chain *chain;

        queue_guest_start();
        queue_guest_negotiate(true, false);
        grant = grants_share(0, true);
        grants_ask_indirectly(0, &grant, 0);
        fake_xen_fail(g.fx, 0, "grant_copy", nth, EFAULT);
        chain = queue_pop(g.queue);
        CU_ASSERT_EQUAL(chain != NULL, nth == 3);
        if (chain)
            grants_answer(chain);
        queue_flush(g.queue);
        CU_ASSERT(fake_xen_failed(g.fx));
        CU_ASSERT_EQUAL(g.faults, 1);
        CU_ASSERT_EQUAL(g.used->idx, 0);
        CU_ASSERT(queue_idle(g.queue));
        queue_guest_end();
    }
}

static void revoked_meanwhile(void)
{
    struct grant grant;
    struct chain *chain;

    queue_guest_start();
    grant = grants_share(0, true);
    grants_ask(0, &grant, 0);
    chain = grants_pop();
    grants_revoke(&grant);
    grants_answer(chain);
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.faults, 1);
    CU_ASSERT_EQUAL(g.used->idx, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(g.fx).unshared_while_mapped, 0);
    queue_guest_end();
}

static const struct test_case cases[] = {
    TEST(names_what_is_wrong_with_a_reference),
    TEST(xen_refuses),
    TEST(revoked_meanwhile),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue-grants-hostile", cases);
}
