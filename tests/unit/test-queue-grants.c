/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Queues and buffers at grant addresses: what is copied when, what is mapped how long. */

#include <errno.h>
#include <linux/virtio_ring.h>
#include <malloc.h>
#include <string.h>

#include "common/address.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "tests/unit/grants.h"

#define OTHER 9u /* a domain we are not */

/* ---- what works ---- */

static void a_request_is_copied_in_and_its_answer_out(void)
{
    struct grant grant;
    unsigned before;

    queue_guest_start();
    before = grants_mapped();
    grant = grants_share(0, true);
    memset(grant.start, 7, 32);
    grants_ask(0, &grant, 0);
    grants_answer(grants_pop());
    CU_ASSERT_EQUAL(g.used->idx, 0);
    CU_ASSERT_EQUAL(g.attended, 1);
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.used->idx, 1);
    CU_ASSERT_EQUAL(g.used->ring[0].len, 16);
    CU_ASSERT_EQUAL(g.told, 1);
    CU_ASSERT_EQUAL(grant.start[15], 7);
    CU_ASSERT_EQUAL(grant.start[16], 8);
    CU_ASSERT_EQUAL(grant.start[31], 8);
    CU_ASSERT_EQUAL(grant.start[32], 0);
    CU_ASSERT_EQUAL(grants_mapped(), before);
    queue_guest_end();
}

static void buffers_cross_pages(void)
{
    uint8_t bytes[2 * PAGE];
    struct grant grant;
    struct chain *chain;

    queue_guest_start();
    grant = grants_share(0, true);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        grant.start[100 + i] = (uint8_t)(i * 7 + i / PAGE);
    queue_guest_describe(0, grants_at(&grant, 100), sizeof(bytes), VRING_DESC_F_NEXT, 1);
    queue_guest_describe(1, grants_at(&grant, 3 * PAGE - 2), 5, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    chain = grants_pop();
    /* As far into a page as the guest's own memory. */
    CU_ASSERT_EQUAL((uintptr_t)chain->out.pieces[0].iov_base % PAGE, 100);
    CU_ASSERT_EQUAL(iov_take(&chain->out, bytes, sizeof(bytes)), sizeof(bytes));
    CU_ASSERT_EQUAL(memcmp(bytes, grant.start + 100, sizeof(bytes)), 0);
    CU_ASSERT_EQUAL(iov_fill(&chain->in, "four", 4), 4);
    memset(grant.start + 3 * PAGE - 3, 'x', 7);
    queue_push(g.queue, chain, 4);
    queue_flush(g.queue);
    /* What the device did not write is as it was. */
    CU_ASSERT_EQUAL(memcmp(grant.start + 3 * PAGE - 3, "xfourxx", 7), 0);
    queue_guest_end();
}

static void a_status_at_the_end_arrives(void)
{
    struct grant grant;
    struct chain *chain;

    mallopt(M_PERTURB, 0x5a);
    queue_guest_start();
    grant = grants_share(0, true);
    memset(grant.start, 0xff, 64);
    queue_guest_describe(0, grants_at(&grant, 0), 64, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    chain = grants_pop();
    chain->scattered = true;
    *iov_take_last(&chain->in) = 5;
    queue_push(g.queue, chain, 1);
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(grant.start[63], 5);
    /* Nothing comes with it that was in our memory before. */
    CU_ASSERT_EQUAL(grant.start[0], 0);
    CU_ASSERT_EQUAL(grant.start[62], 0);
    queue_guest_end();
    mallopt(M_PERTURB, 0);
}

static void many_requests_take_few_calls(void)
{
    struct grant grant;
    struct chain *chain;
    unsigned count = 0, before;

    queue_guest_start();
    queue_guest_negotiate(true, false);
    grant = grants_share(0, true);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
            grants_ask_indirectly(i, &grant, 64 * (uint64_t)((i + round) % QUEUE_GUEST_SIZE));
        queue_begin_batch(g.queue);
        before = grants_copies();
        for (; (chain = queue_pop(g.queue)); count++)
            grants_answer(chain);
        queue_flush(g.queue);
        /* One for the tables, one for what is read, one for what was written. */
        CU_ASSERT_EQUAL(grants_copies() - before, 3);
        /* The tables lie elsewhere each time: none of an earlier round is taken. */
        for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
            CU_ASSERT_EQUAL(grant.start[64 * ((i + round) % QUEUE_GUEST_SIZE) + 48], i + 1);
    }
    CU_ASSERT_EQUAL(count, 20 * QUEUE_GUEST_SIZE);
    CU_ASSERT_EQUAL(g.used->idx, 20 * QUEUE_GUEST_SIZE);
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

static void areas_take_no_calls(void)
{
    queue_guest_start();
    queue_guest_describe(0, queue_guest_data(0), 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    grants_answer(grants_pop());
    CU_ASSERT_EQUAL(g.used->idx, 1);
    CU_ASSERT_EQUAL(grants_copies(), 0);
    CU_ASSERT_EQUAL(g.attended, 0);
    queue_guest_end();
}

/* Of a console the bytes would be another text. */
static void what_is_copied_is_not_overtaken(void)
{
    struct grant grant;
    struct chain *first, *second;

    queue_guest_start();
    grant = grants_share(0, true);
    grants_ask(0, &grant, 0);
    queue_guest_describe(2, queue_guest_data(0), 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(2);
    first = grants_pop();
    second = grants_pop();
    grants_answer(first);
    queue_push(g.queue, second, 5);
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.used->idx, 2);
    CU_ASSERT_EQUAL(g.used->ring[0].id, 0);
    CU_ASSERT_EQUAL(g.used->ring[1].id, 2);
    CU_ASSERT_EQUAL(g.used->ring[1].len, 5);
    queue_guest_end();
}

/* ---- the parts of a queue ---- */

static struct queue_config parts_in(const struct grant *grant)
{
    return (struct queue_config){.size = QUEUE_GUEST_SIZE,
                                 .desc = grants_at(grant, 0),
                                 .driver = grants_at(grant, PAGE + 0x40),
                                 .device = grants_at(grant, 2 * PAGE + 0x80)};
}

static void disable(void)
{
    queue_stop(g.queue);
    queue_clear(g.queue);
}

static void the_parts_are_mapped_while_enabled(void)
{
    struct queue_config config;
    struct grant grant;
    unsigned before;

    queue_guest_start();
    disable();
    before = grants_mapped();
    grant = grants_share(0, true);
    config = parts_in(&grant);
    CU_ASSERT_FATAL(queue_enable(g.queue, g.memory, &config));
    queue_begin_batch(g.queue);
    CU_ASSERT_EQUAL(grants_mapped(), before + 3);
    g.desc = (struct vring_desc *)(void *)grant.start;
    g.avail = (struct vring_avail *)(void *)(grant.start + PAGE + 0x40);
    g.used = (struct vring_used *)(void *)(grant.start + 2 * PAGE + 0x80);
    grants_ask(0, &grant, 3 * PAGE);
    grants_answer(grants_pop());
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.used->idx, 1);
    CU_ASSERT_EQUAL(grants_mapped(), before + 3);
    disable();
    CU_ASSERT_EQUAL(grants_mapped(), before);
    grants_revoke(&grant);
    CU_ASSERT_EQUAL(fake_xen_counters(g.fx).unshared_while_mapped, 0);
    queue_guest_end();
}

/* None of these is taken, and nothing stays mapped. */
static void refuses_parts_it_cannot_map(void)
{
    struct grant good, read_only, foreign, gone;
    unsigned before;

    queue_guest_start();
    disable();
    before = grants_mapped();
    good = grants_share(0, true);
    foreign = grants_share(OTHER, true);
    read_only = grants_share(0, false);
    gone = grants_share(0, true);
    grants_revoke(&gone);

    const struct {
        const char *what;
        uint64_t desc, driver, device;
    } bad[] = {
        {"never granted", ADDRESS_GRANT | UINT64_C(0xfffff000), grants_at(&good, PAGE),
         grants_at(&good, 0)},
        {"granted no more", grants_at(&good, 0), grants_at(&good, PAGE), grants_at(&gone, 0)},
        {"used ring that is read-only", grants_at(&good, 0), grants_at(&good, PAGE),
         grants_at(&read_only, 0)},
        {"granted to another", grants_at(&good, 0), grants_at(&foreign, 0), grants_at(&good, PAGE)},
        {"running out of what is granted", grants_at(&good, PAGES * PAGE - 64), grants_at(&good, 0),
         grants_at(&good, PAGE)},
        {"no reference", ADDRESS_GRANT | UINT64_C(1) << 44, grants_at(&good, 0),
         grants_at(&good, PAGE)},
        {"past the last reference", ADDRESS_GRANT | UINT64_C(0xfffffffffc0), grants_at(&good, 0),
         grants_at(&good, PAGE)},
        {"one upon the other", grants_at(&good, 0), grants_at(&good, PAGE), grants_at(&good, 0)},
        {"address of ones", UINT64_MAX - 15, grants_at(&good, 0), grants_at(&good, PAGE)},
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct queue_config config = {QUEUE_GUEST_SIZE, bad[i].desc, bad[i].driver,
                                            bad[i].device};

        if (queue_enable(g.queue, g.memory, &config) || grants_mapped() != before)
            CU_FAIL(bad[i].what);
    }
    for (unsigned nth = 1; nth <= 3; nth++) {
        const struct queue_config config = parts_in(&good);

        fake_xen_fail(g.fx, 0, "grant_map", nth, ENOMEM);
        CU_ASSERT(!queue_enable(g.queue, g.memory, &config));
        CU_ASSERT(fake_xen_failed(g.fx));
        CU_ASSERT_EQUAL(grants_mapped(), before);
    }

    const struct queue_config readable = {QUEUE_GUEST_SIZE, grants_at(&read_only, 0),
                                          grants_at(&read_only, PAGE), grants_at(&good, 0)};

    CU_ASSERT(queue_enable(g.queue, g.memory, &readable));
    queue_guest_end();
}

/* ---- stopping ---- */

static void nothing_is_copied_after_a_stop(void)
{
    struct grant grant;
    struct chain *first, *second;
    unsigned before;

    queue_guest_start();
    grant = grants_share(0, true);
    grants_ask(0, &grant, 0);
    grants_ask(2, &grant, 32);
    grants_ask(4, &grant, 64);
    first = grants_pop();
    second = grants_pop();
    grants_answer(first);
    queue_stop(g.queue);
    CU_ASSERT(!queue_idle(g.queue));
    before = grants_copies();
    grants_revoke(&grant);
    grants_answer(second);
    CU_ASSERT_EQUAL(g.idle, 1);
    CU_ASSERT(queue_idle(g.queue));
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(grants_copies(), before);
    CU_ASSERT_EQUAL(g.used->idx, 0);
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

static const struct test_case cases[] = {
    TEST(a_request_is_copied_in_and_its_answer_out),
    TEST(buffers_cross_pages),
    TEST(a_status_at_the_end_arrives),
    TEST(many_requests_take_few_calls),
    TEST(areas_take_no_calls),
    TEST(what_is_copied_is_not_overtaken),
    TEST(the_parts_are_mapped_while_enabled),
    TEST(refuses_parts_it_cannot_map),
    TEST(nothing_is_copied_after_a_stop),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue-grants", cases);
}
