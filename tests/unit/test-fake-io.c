/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The fake Xen's event channels and grants keep their word. */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/unit/fake-machine.h"

#define PAGE PLATFORM_PAGE_SIZE

/* ---- event channels ---- */

struct channel {
    uint32_t guest;
    uint32_t dom0;
};

static bool readable(struct platform *p)
{
    struct pollfd pollfd = {.fd = p->ops->evtchn_fd(p), .events = POLLIN};

    return poll(&pollfd, 1, 0) == 1;
}

/* Takes and unmasks the next fired port, which must be this one. */
static bool fired(struct platform *p, uint32_t port)
{
    bool announced = readable(p);
    int next = p->ops->evtchn_next(p);

    return announced && next == (int)port && p->ops->evtchn_unmask(p, port) == 0;
}

static bool quiet(struct platform *p)
{
    return !readable(p) && p->ops->evtchn_next(p) == -1 && errno == EAGAIN;
}

static struct channel connect(struct fake_machine *m)
{
    struct channel c;

    c.guest = (uint32_t)m->guest->ops->evtchn_alloc(m->guest, 0);
    c.dom0 = (uint32_t)m->dom0->ops->evtchn_bind(m->dom0, 5, c.guest);
    return c;
}

static void notifications_reach_the_other_end(void)
{
    struct fake_machine m = fake_machine_start();
    struct channel c = connect(&m);

    CU_ASSERT(fired(m.dom0, c.dom0)); /* Xen fires the binder's port at once */
    CU_ASSERT(quiet(m.dom0));
    CU_ASSERT(quiet(m.guest));
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_notify(m.dom0, c.dom0), 0);
    CU_ASSERT(fired(m.guest, c.guest));
    CU_ASSERT_EQUAL(m.guest->ops->evtchn_notify(m.guest, c.guest), 0);
    CU_ASSERT(fired(m.dom0, c.dom0));
    CU_ASSERT(quiet(m.guest));
    CU_ASSERT_EQUAL(fake_xen_counters(m.fx).notifies, 2);
    fake_machine_stop(&m);
}

static void a_fired_port_is_masked_until_unmasked(void)
{
    struct fake_machine m = fake_machine_start();
    struct channel c = connect(&m);

    for (unsigned i = 0; i < 3; i++)
        m.dom0->ops->evtchn_notify(m.dom0, c.dom0);
    CU_ASSERT_EQUAL(m.guest->ops->evtchn_next(m.guest), (int)c.guest);
    CU_ASSERT(quiet(m.guest));
    m.dom0->ops->evtchn_notify(m.dom0, c.dom0);
    CU_ASSERT(quiet(m.guest));
    m.guest->ops->evtchn_unmask(m.guest, c.guest);
    CU_ASSERT(fired(m.guest, c.guest));
    CU_ASSERT(quiet(m.guest));
    fake_machine_stop(&m);
}

static void a_closed_end_leaves_an_unbound_port(void)
{
    struct fake_machine m = fake_machine_start();
    struct channel c = connect(&m);

    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_unbind(m.dom0, c.dom0), 0);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_notify(m.dom0, c.dom0), -1);
    CU_ASSERT_EQUAL(errno, ENOTCONN);
    CU_ASSERT_EQUAL(m.guest->ops->evtchn_notify(m.guest, c.guest), 0);
    CU_ASSERT(quiet(m.dom0));
    /* So a restarted backend can bind it again. */
    c.dom0 = (uint32_t)m.dom0->ops->evtchn_bind(m.dom0, 5, c.guest);
    CU_ASSERT(fired(m.dom0, c.dom0));
    CU_ASSERT_EQUAL(m.guest->ops->evtchn_notify(m.guest, c.guest), 0);
    CU_ASSERT(fired(m.dom0, c.dom0));
    fake_machine_stop(&m);
}

static void only_who_was_named_may_bind(void)
{
    struct fake_machine m = fake_machine_start();
    int port = m.guest->ops->evtchn_alloc(m.guest, 0);

    CU_ASSERT_EQUAL(m.another->ops->evtchn_bind(m.another, 5, (uint32_t)port), -1);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_bind(m.dom0, 6, (uint32_t)port), -1);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_bind(m.dom0, 5, 0), -1);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_bind(m.dom0, 5, UINT32_MAX), -1);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_bind(m.dom0, 77, 1), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
    CU_ASSERT(m.dom0->ops->evtchn_bind(m.dom0, 5, (uint32_t)port) > 0);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_bind(m.dom0, 5, (uint32_t)port), -1);
    fake_machine_stop(&m);
}

static void ports_belong_to_a_handle_and_end_with_it(void)
{
    struct fake_machine m = fake_machine_start();
    struct platform *other = fake_xen_domain(m.fx, 5);
    struct channel c = connect(&m);

    CU_ASSERT_EQUAL(other->ops->evtchn_notify(other, c.guest), -1);
    CU_ASSERT_EQUAL(other->ops->evtchn_unbind(other, c.guest), -1);
    platform_close(m.guest);
    m.guest = other;
    CU_ASSERT_EQUAL(fake_xen_counters(m.fx).open_ports, 1);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_notify(m.dom0, c.dom0), 0);
    fake_xen_destroy_domain(m.fx, 5);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_bind(m.dom0, 5, c.guest), -1);
    fake_machine_stop(&m);
}

/* ---- grants ---- */

static void both_see_the_same_pages(void)
{
    struct fake_machine m = fake_machine_start();
    uint32_t refs[4], some[3];
    /* volatile: one page shows at several addresses */
    volatile uint8_t *given = m.guest->ops->grant_share(m.guest, 0, 4, true, refs);

    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(given[i * PAGE], 0);
        given[i * PAGE] = (uint8_t)(i + 1);
    }
    /* Any pages, in any order, twice: mapped side by side. */
    some[0] = refs[3];
    some[1] = refs[0];
    some[2] = refs[3];

    volatile uint8_t *taken = m.dom0->ops->grant_map(m.dom0, 5, some, 3, true);

    CU_ASSERT_EQUAL(taken[0], 4);
    CU_ASSERT_EQUAL(taken[PAGE], 1);
    taken[2 * PAGE] = 99;
    CU_ASSERT_EQUAL(taken[0], 99);
    CU_ASSERT_EQUAL(given[3 * PAGE], 99);
    CU_ASSERT_EQUAL(fake_xen_counters(m.fx).mapped_pages, 3);
    CU_ASSERT_EQUAL(m.dom0->ops->grant_unmap(m.dom0, (void *)taken, 2), -1);
    CU_ASSERT_EQUAL(m.dom0->ops->grant_unmap(m.dom0, (void *)taken, 3), 0);
    CU_ASSERT_EQUAL(m.dom0->ops->grant_unmap(m.dom0, (void *)taken, 3), -1);
    CU_ASSERT_EQUAL(m.guest->ops->grant_unshare(m.guest, (void *)given, 4), 0);
    CU_ASSERT_EQUAL(fake_xen_counters(m.fx).unshared_while_mapped, 0);
    fake_machine_stop(&m);
}

static void pages_of_several_shares_map_together(void)
{
    struct fake_machine m = fake_machine_start();
    uint32_t refs[2];
    volatile uint8_t *first = m.guest->ops->grant_share(m.guest, 0, 1, true, &refs[1]);
    volatile uint8_t *second = m.guest->ops->grant_share(m.guest, 0, 1, true, &refs[0]);
    volatile uint8_t *taken = m.dom0->ops->grant_map(m.dom0, 5, refs, 2, true);

    taken[0] = 2;
    taken[PAGE] = 1;
    CU_ASSERT_EQUAL(*first, 1);
    CU_ASSERT_EQUAL(*second, 2);
    fake_machine_stop(&m); /* closing a handle takes everything with it, as an exit does */
}

static void only_what_was_granted_can_be_mapped(void)
{
    struct fake_machine m = fake_machine_start();
    uint32_t refs[2];
    void *given = m.guest->ops->grant_share(m.guest, 0, 1, false, refs);

    refs[1] = refs[0] + 1;
    CU_ASSERT_PTR_NULL(m.dom0->ops->grant_map(m.dom0, 5, refs, 1, true));
    CU_ASSERT_PTR_NULL(m.dom0->ops->grant_map(m.dom0, 5, refs, 2, false));
    CU_ASSERT_PTR_NULL(m.dom0->ops->grant_map(m.dom0, 6, refs, 1, false));
    CU_ASSERT_PTR_NULL(m.another->ops->grant_map(m.another, 5, refs, 1, false));
    CU_ASSERT_PTR_NULL(m.dom0->ops->grant_map(m.dom0, 5, refs, 0, false));
    CU_ASSERT_EQUAL(fake_xen_counters(m.fx).mapped_pages, 0);

    void *taken = m.dom0->ops->grant_map(m.dom0, 5, refs, 1, false);

    CU_ASSERT_PTR_NOT_NULL(taken);
    CU_ASSERT_EQUAL(m.guest->ops->grant_unshare(m.guest, given, 1), 0);
    CU_ASSERT_PTR_NULL(m.dom0->ops->grant_map(m.dom0, 5, refs, 1, false));
    fake_machine_stop(&m);
}

static void pages_outlive_their_owner_while_mapped(void)
{
    struct fake_machine m = fake_machine_start();
    uint32_t ref;
    volatile uint8_t *given = m.guest->ops->grant_share(m.guest, 0, 1, true, &ref);
    volatile uint8_t *taken = m.dom0->ops->grant_map(m.dom0, 5, &ref, 1, true);

    *given = 42;
    CU_ASSERT_EQUAL(m.guest->ops->grant_unshare(m.guest, (void *)given, 1), 0);
    CU_ASSERT_EQUAL(fake_xen_counters(m.fx).unshared_while_mapped, 1);
    fake_xen_destroy_domain(m.fx, 5);
    CU_ASSERT_EQUAL(*taken, 42);
    CU_ASSERT_EQUAL(m.dom0->ops->grant_unmap(m.dom0, (void *)taken, 1), 0);
    fake_machine_stop(&m);
}

static const struct test_case cases[] = {
    TEST(notifications_reach_the_other_end),
    TEST(a_fired_port_is_masked_until_unmasked),
    TEST(a_closed_end_leaves_an_unbound_port),
    TEST(only_who_was_named_may_bind),
    TEST(ports_belong_to_a_handle_and_end_with_it),
    TEST(both_see_the_same_pages),
    TEST(pages_of_several_shares_map_together),
    TEST(only_what_was_granted_can_be_mapped),
    TEST(pages_outlive_their_owner_while_mapped),
    {NULL, NULL},
};

int main(void)
{
    return test_main("fake channels and grants", cases);
}
