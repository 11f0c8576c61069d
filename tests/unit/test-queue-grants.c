/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Queues and buffers at grant addresses: what is copied when, what is mapped how long,
 * and what becomes of references that are not what a driver says. */

#include <errno.h>
#include <linux/virtio_ring.h>
#include <malloc.h>
#include <string.h>

#include "common/address.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "tests/unit/queue-guest.h"

#define PAGE PLATFORM_PAGE_SIZE
#define PAGES 4u
#define OTHER 9u /* a domain we are not */

/* Granted pages, with consecutive references. */
struct grant {
    uint8_t *start;
    uint32_t ref;
};

static struct grant grant_to(uint32_t domid, bool writable)
{
    struct grant grant;
    uint32_t refs[PAGES];

    grant.start = g.domu->ops->grant_share(g.domu, domid, PAGES, writable, refs);
    CU_ASSERT_PTR_NOT_NULL_FATAL(grant.start);
    grant.ref = refs[0];
    return grant;
}

static uint64_t at(const struct grant *grant, uint64_t offset)
{
    return ADDRESS_GRANT | ((uint64_t)grant->ref * PAGE + offset);
}

static void revoke(const struct grant *grant)
{
    CU_ASSERT_EQUAL(g.domu->ops->grant_unshare(g.domu, grant->start, PAGES), 0);
}

static unsigned mapped(void)
{
    return fake_xen_counters(g.fx).mapped_pages;
}

static unsigned copies(void)
{
    return (unsigned)fake_xen_counters(g.fx).copies;
}

/* A request of 16 bytes with an answer of 16. */
static void ask(unsigned head, const struct grant *grant, uint64_t offset)
{
    queue_guest_describe(head, at(grant, offset), 16, VRING_DESC_F_NEXT, (uint16_t)(head + 1));
    queue_guest_describe(head + 1, at(grant, offset + 16), 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer((uint16_t)head);
}

/* Answers with the bytes of the request, one larger each. */
static void answer(struct chain *chain)
{
    uint8_t bytes[16];
    size_t size = iov_take(&chain->out, bytes, sizeof(bytes));

    for (size_t i = 0; i < size; i++)
        bytes[i]++;
    queue_push(g.queue, chain, (uint32_t)iov_fill(&chain->in, bytes, size));
}

static struct chain *pop(void)
{
    struct chain *chain = queue_pop(g.queue);

    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    return chain;
}

/* ---- what works ---- */

static void a_request_is_copied_in_and_its_answer_out(void)
{
    struct grant grant;
    unsigned before;

    queue_guest_start();
    before = mapped();
    grant = grant_to(0, true);
    memset(grant.start, 7, 32);
    ask(0, &grant, 0);
    answer(pop());
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
    CU_ASSERT_EQUAL(mapped(), before);
    queue_guest_end();
}

static void buffers_cross_pages(void)
{
    uint8_t bytes[2 * PAGE];
    struct grant grant;
    struct chain *chain;

    queue_guest_start();
    grant = grant_to(0, true);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        grant.start[100 + i] = (uint8_t)(i * 7 + i / PAGE);
    queue_guest_describe(0, at(&grant, 100), sizeof(bytes), VRING_DESC_F_NEXT, 1);
    queue_guest_describe(1, at(&grant, 3 * PAGE - 2), 5, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    chain = pop();
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
    grant = grant_to(0, true);
    memset(grant.start, 0xff, 64);
    queue_guest_describe(0, at(&grant, 0), 64, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
    chain = pop();
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

/* A table of the two descriptors of one request, which lie behind it. */
static void ask_indirectly(unsigned head, const struct grant *grant, uint64_t offset)
{
    struct vring_desc *table = (struct vring_desc *)(void *)(grant->start + offset);

    table[0] = (struct vring_desc){at(grant, offset + 32), 16, VRING_DESC_F_NEXT, 1};
    table[1] = (struct vring_desc){at(grant, offset + 48), 16, VRING_DESC_F_WRITE, 0};
    memset(grant->start + offset + 32, (int)head, 32);
    queue_guest_describe(head, at(grant, offset), 32, VRING_DESC_F_INDIRECT, 0);
    queue_guest_offer((uint16_t)head);
}

static void many_requests_take_few_calls(void)
{
    struct grant grant;
    struct chain *chain;
    unsigned count = 0, before;

    queue_guest_start();
    queue_guest_negotiate(true, false);
    grant = grant_to(0, true);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < QUEUE_GUEST_SIZE; i++)
            ask_indirectly(i, &grant, 64 * (uint64_t)((i + round) % QUEUE_GUEST_SIZE));
        queue_begin_batch(g.queue);
        before = copies();
        for (; (chain = queue_pop(g.queue)); count++)
            answer(chain);
        queue_flush(g.queue);
        /* One for the tables, one for what is read, one for what was written. */
        CU_ASSERT_EQUAL(copies() - before, 3);
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
    answer(pop());
    CU_ASSERT_EQUAL(g.used->idx, 1);
    CU_ASSERT_EQUAL(copies(), 0);
    CU_ASSERT_EQUAL(g.attended, 0);
    queue_guest_end();
}

/* Of a console the bytes would be another text. */
static void what_is_copied_is_not_overtaken(void)
{
    struct grant grant;
    struct chain *first, *second;

    queue_guest_start();
    grant = grant_to(0, true);
    ask(0, &grant, 0);
    queue_guest_describe(2, queue_guest_data(0), 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(2);
    first = pop();
    second = pop();
    answer(first);
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
                                 .desc = at(grant, 0),
                                 .driver = at(grant, PAGE + 0x40),
                                 .device = at(grant, 2 * PAGE + 0x80)};
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
    before = mapped();
    grant = grant_to(0, true);
    config = parts_in(&grant);
    CU_ASSERT_FATAL(queue_enable(g.queue, g.memory, &config));
    queue_begin_batch(g.queue);
    CU_ASSERT_EQUAL(mapped(), before + 3);
    g.desc = (struct vring_desc *)(void *)grant.start;
    g.avail = (struct vring_avail *)(void *)(grant.start + PAGE + 0x40);
    g.used = (struct vring_used *)(void *)(grant.start + 2 * PAGE + 0x80);
    ask(0, &grant, 3 * PAGE);
    answer(pop());
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.used->idx, 1);
    CU_ASSERT_EQUAL(mapped(), before + 3);
    disable();
    CU_ASSERT_EQUAL(mapped(), before);
    revoke(&grant);
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
    before = mapped();
    good = grant_to(0, true);
    foreign = grant_to(OTHER, true);
    read_only = grant_to(0, false);
    gone = grant_to(0, true);
    revoke(&gone);

    const struct {
        const char *what;
        uint64_t desc, driver, device;
    } bad[] = {
        {"never granted", ADDRESS_GRANT | UINT64_C(0xfffff000), at(&good, PAGE), at(&good, 0)},
        {"granted no more", at(&good, 0), at(&good, PAGE), at(&gone, 0)},
        {"used ring that is read-only", at(&good, 0), at(&good, PAGE), at(&read_only, 0)},
        {"granted to another", at(&good, 0), at(&foreign, 0), at(&good, PAGE)},
        {"running out of what is granted", at(&good, PAGES * PAGE - 64), at(&good, 0),
         at(&good, PAGE)},
        {"no reference", ADDRESS_GRANT | UINT64_C(1) << 44, at(&good, 0), at(&good, PAGE)},
        {"past the last reference", ADDRESS_GRANT | UINT64_C(0xfffffffffc0), at(&good, 0),
         at(&good, PAGE)},
        {"one upon the other", at(&good, 0), at(&good, PAGE), at(&good, 0)},
        {"address of ones", UINT64_MAX - 15, at(&good, 0), at(&good, PAGE)},
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct queue_config config = {QUEUE_GUEST_SIZE, bad[i].desc, bad[i].driver,
                                            bad[i].device};

        if (queue_enable(g.queue, g.memory, &config) || mapped() != before)
            CU_FAIL(bad[i].what);
    }
    for (unsigned nth = 1; nth <= 3; nth++) {
        const struct queue_config config = parts_in(&good);

        fake_xen_fail(g.fx, 0, "grant_map", nth, ENOMEM);
        CU_ASSERT(!queue_enable(g.queue, g.memory, &config));
        CU_ASSERT(fake_xen_failed(g.fx));
        CU_ASSERT_EQUAL(mapped(), before);
    }

    const struct queue_config readable = {QUEUE_GUEST_SIZE, at(&read_only, 0),
                                          at(&read_only, PAGE), at(&good, 0)};

    CU_ASSERT(queue_enable(g.queue, g.memory, &readable));
    queue_guest_end();
}

/* ---- references that are not what the driver says ---- */

static struct grant good, read_only, foreign, gone;

static void not_granted(void)
{
    queue_guest_describe(0, ADDRESS_GRANT | UINT64_C(0x7ffff000), 8, 0, 0);
}

static void granted_no_more(void)
{
    queue_guest_describe(0, at(&gone, 0), 8, 0, 0);
}

static void granted_to_another(void)
{
    queue_guest_describe(0, at(&foreign, 0), 8, 0, 0);
}

static void the_second_page_is_not(void)
{
    queue_guest_describe(0, at(&good, PAGES * PAGE - 4), 8, 0, 0);
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
    queue_guest_describe(0, at(&good, 0), UINT32_MAX, 0, 0);
}

static void more_than_it_may(void)
{
    queue_guest_describe(0, at(&good, 0), QUEUE_GUEST_MAX_PAGES * PAGE, VRING_DESC_F_WRITE, 0);
}

static void length_0(void)
{
    queue_guest_describe(0, at(&good, 0), 0, 0, 0);
}

static void table_not_granted(void)
{
    queue_guest_describe(0, at(&gone, 0), 32, VRING_DESC_F_INDIRECT, 0);
}

static void buffer_of_a_table_not_granted(void)
{
    struct vring_desc *table = (struct vring_desc *)(void *)good.start;

    table[0] = (struct vring_desc){at(&foreign, 0), 16, 0, 0};
    queue_guest_describe(0, at(&good, 0), 16, VRING_DESC_F_INDIRECT, 0);
}

/* These are noticed when the answer is to be written. */

static void written_though_read_only(void)
{
    queue_guest_describe(0, at(&read_only, 0), 8, VRING_DESC_F_WRITE, 0);
}

static void written_though_not_granted(void)
{
    queue_guest_describe(0, at(&foreign, 0), 8, VRING_DESC_F_WRITE, 0);
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
        good = grant_to(0, true);
        foreign = grant_to(OTHER, true);
        read_only = grant_to(0, false);
        gone = grant_to(0, true);
        revoke(&gone);
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
        ask(0, &good, 0);
        answer(pop());
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
        grant = grant_to(0, true);
        ask_indirectly(0, &grant, 0);
        fake_xen_fail(g.fx, 0, "grant_copy", nth, EFAULT);
        chain = queue_pop(g.queue);
        CU_ASSERT_EQUAL(chain != NULL, nth == 3);
        if (chain)
            answer(chain);
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
    grant = grant_to(0, true);
    ask(0, &grant, 0);
    chain = pop();
    revoke(&grant);
    answer(chain);
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.faults, 1);
    CU_ASSERT_EQUAL(g.used->idx, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(g.fx).unshared_while_mapped, 0);
    queue_guest_end();
}

/* ---- stopping ---- */

static void nothing_is_copied_after_a_stop(void)
{
    struct grant grant;
    struct chain *first, *second;
    unsigned before;

    queue_guest_start();
    grant = grant_to(0, true);
    ask(0, &grant, 0);
    ask(2, &grant, 32);
    ask(4, &grant, 64);
    first = pop();
    second = pop();
    answer(first);
    queue_stop(g.queue);
    CU_ASSERT(!queue_idle(g.queue));
    before = copies();
    revoke(&grant);
    answer(second);
    CU_ASSERT_EQUAL(g.idle, 1);
    CU_ASSERT(queue_idle(g.queue));
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(copies(), before);
    CU_ASSERT_EQUAL(g.used->idx, 0);
    CU_ASSERT_EQUAL(g.faults, 0);
    queue_guest_end();
}

/* ---- room ---- */

/* Takes all but 8 of the pages the guest may have, as the areas have 8. */
static void ask_for_much(const struct grant *grant)
{
    const uint32_t pages = QUEUE_GUEST_MAX_PAGES - 16;

    queue_guest_describe(0, at(grant, 0), 16, VRING_DESC_F_NEXT, 1);
    queue_guest_describe(1, at(grant, 16), pages * PAGE - 16, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(0);
}

static void a_request_waits_for_room(void)
{
    struct grant grant;
    struct chain *chain;

    queue_guest_start();
    grant = grant_to(0, true);
    ask_for_much(&grant);
    queue_guest_describe(2, at(&grant, 0), 9 * PAGE, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(2);
    chain = pop();
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    CU_ASSERT_EQUAL(g.faults, 0);
    answer(chain);
    queue_flush(g.queue);
    CU_ASSERT_EQUAL(g.used->idx, 1);
    /* Once for the answer, once more because there is room now. */
    CU_ASSERT_EQUAL(g.attended, 2);
    queue_push(g.queue, pop(), 0);
    CU_ASSERT_EQUAL(g.used->idx, 2);
    CU_ASSERT_EQUAL(g.used->ring[1].id, 2);
    queue_guest_end();
}

static void who_waits_for_room_can_be_stopped(void)
{
    struct grant grant;
    struct chain *chain;

    queue_guest_start();
    grant = grant_to(0, true);
    ask_for_much(&grant);
    queue_guest_describe(2, at(&grant, 0), 9 * PAGE, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(2);
    chain = pop();
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    queue_stop(g.queue);
    answer(chain);
    CU_ASSERT(queue_idle(g.queue));
    CU_ASSERT_EQUAL(g.attended, 0);
    queue_guest_end();
}

/* Two queues that wait would wake each other for ever, each with the table that it
 * reads before it finds that there is still no room. */
static void a_table_that_goes_makes_no_room(void)
{
    struct iovec piece = {.iov_len = 32};
    struct memory_copy *table;
    struct grant grant;
    struct chain *chain;

    queue_guest_start();
    grant = grant_to(0, true);
    ask_for_much(&grant);
    queue_guest_describe(2, at(&grant, 0), 9 * PAGE, VRING_DESC_F_WRITE, 0);
    queue_guest_offer(2);
    chain = pop();
    CU_ASSERT_PTR_NULL(queue_pop(g.queue));
    table = memory_copy_table(g.memory, &piece, at(&grant, 0));
    CU_ASSERT_PTR_NOT_NULL_FATAL(table);
    memory_copy_free(table);
    CU_ASSERT_EQUAL(g.attended, 0);
    queue_stop(g.queue);
    queue_push(g.queue, chain, 0);
    queue_guest_end();
}

/* Somebody who always wants more, of which there is enough for one at a time. */
struct eater {
    struct memory_waiter waiter;
    struct memory_copy *copy;
    unsigned served;
};

static struct grant meal;

static void eat(struct memory_waiter *waiter)
{
    struct eater *eater = (struct eater *)waiter;
    struct iovec piece = {.iov_len = (QUEUE_GUEST_MAX_PAGES / 2) * PAGE};
    uint64_t address = at(&meal, 0);
    struct memory_copy *copy = memory_copy_new(g.memory, &piece, &address, 0, 1);

    if (copy) {
        eater->copy = copy;
        eater->served++;
        memory_wait_no_more(g.memory, waiter);
    }
    memory_wait(g.memory, waiter);
}

static void who_waits_longest_has_room_first(void)
{
    struct eater eaters[3] = {0};

    queue_guest_start();
    meal = grant_to(0, true);
    for (unsigned i = 0; i < 3; i++) {
        eaters[i].waiter.again = eat;
        eat(&eaters[i].waiter);
    }
    for (unsigned round = 0; round < 30; round++) {
        struct memory_copy *copy = NULL;

        for (unsigned i = 0; i < 3; i++) {
            if (!eaters[i].copy)
                continue;
            copy = eaters[i].copy;
            eaters[i].copy = NULL;
        }
        memory_copy_free(copy);
    }
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT(eaters[i].served >= 10);
        memory_wait_no_more(g.memory, &eaters[i].waiter);
        memory_copy_free(eaters[i].copy);
    }
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
    TEST(names_what_is_wrong_with_a_reference),
    TEST(xen_refuses),
    TEST(revoked_meanwhile),
    TEST(nothing_is_copied_after_a_stop),
    TEST(a_request_waits_for_room),
    TEST(who_waits_for_room_can_be_stopped),
    TEST(a_table_that_goes_makes_no_room),
    TEST(who_waits_longest_has_room_first),
    {NULL, NULL},
};

int main(void)
{
    return test_main("queue-grants", cases);
}
