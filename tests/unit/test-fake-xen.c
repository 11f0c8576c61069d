/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The fake Xen's xenstore, and its clock and failures, keep their word. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/unit/fake-machine.h"

#define NO_TX PLATFORM_NO_TX
#define HOME5 "/local/domain/5"

static int put(struct platform *p, const char *path, const char *value)
{
    return p->ops->xs_write(p, NO_TX, path, value);
}

static bool holds(struct platform *p, platform_tx tx, const char *path, const char *expected)
{
    size_t size;
    char *value = p->ops->xs_read(p, tx, path, &size);
    bool same = value && size == strlen(expected) && strcmp(value, expected) == 0;

    free(value);
    return same;
}

static bool unreadable(struct platform *p, const char *path, int error)
{
    size_t size;
    char *value = p->ops->xs_read(p, NO_TX, path, &size);

    free(value);
    return !value && errno == error;
}

static bool readable_fd(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, 0) == 1;
}

/* The next event is this one. */
static bool fired(struct platform *p, const char *path, const char *token)
{
    bool announced = readable_fd(p->ops->xs_fd(p));
    struct platform_watch *watch = p->ops->xs_next_watch(p);
    bool same = watch && strcmp(watch->path, path) == 0 && strcmp(watch->token, token) == 0;

    free(watch);
    return announced && same;
}

static bool quiet(struct platform *p)
{
    struct platform_watch *watch = p->ops->xs_next_watch(p);

    free(watch);
    return !watch && errno == EAGAIN && !readable_fd(p->ops->xs_fd(p));
}

static void guests_read_and_write_what_they_may(void)
{
    struct fake_machine m = fake_machine_start();
    struct platform_perm perms[] = {{.domid = 0}, {.domid = 5, .read = true}};

    CU_ASSERT(holds(m.guest, NO_TX, HOME5 "/name", "guest"));
    CU_ASSERT(holds(m.guest, NO_TX, "domid", "5"));
    CU_ASSERT_EQUAL(put(m.guest, "name", "mine"), -1);
    CU_ASSERT_EQUAL(errno, EACCES);
    CU_ASSERT_EQUAL(put(m.guest, "device/virtio-msg/0/state", "1"), -1);
    CU_ASSERT_EQUAL(put(m.guest, "data/note", "hello"), 0);
    CU_ASSERT(holds(m.dom0, NO_TX, HOME5 "/data/note", "hello"));
    CU_ASSERT(unreadable(m.another, HOME5 "/data/note", EACCES));

    CU_ASSERT_EQUAL(put(m.dom0, "/secret", "x"), 0);
    CU_ASSERT(unreadable(m.guest, "/secret", EACCES));
    CU_ASSERT(unreadable(m.guest, "/nothing", EACCES));
    CU_ASSERT(unreadable(m.guest, "data/nothing", ENOENT));
    CU_ASSERT_EQUAL(m.dom0->ops->xs_set_perms(m.dom0, NO_TX, "/secret", perms, 2), 0);
    CU_ASSERT(holds(m.guest, NO_TX, "/secret", "x"));
    CU_ASSERT_EQUAL(put(m.guest, "/secret", "y"), -1);
    CU_ASSERT(unreadable(m.another, "/secret", EACCES));
    fake_machine_stop(&m);
}

static void only_owners_change_permissions(void)
{
    struct fake_machine m = fake_machine_start();
    struct platform_perm open[] = {{.domid = 5, .read = true}};
    struct platform_perm away[] = {{.domid = 6}};

    CU_ASSERT_EQUAL(m.guest->ops->xs_set_perms(m.guest, NO_TX, "data", open, 1), 0);
    CU_ASSERT(holds(m.another, NO_TX, HOME5 "/data", ""));
    CU_ASSERT_EQUAL(m.guest->ops->xs_set_perms(m.guest, NO_TX, "data", away, 1), -1);
    CU_ASSERT_EQUAL(m.guest->ops->xs_set_perms(m.guest, NO_TX, "name", open, 1), -1);
    CU_ASSERT_EQUAL(m.another->ops->xs_set_perms(m.another, NO_TX, HOME5 "/data", away, 1), -1);
    fake_machine_stop(&m);
}

static void new_nodes_inherit_permissions(void)
{
    struct fake_machine m = fake_machine_start();
    struct platform_perm perms[] = {{.domid = 5}, {.domid = 0, .read = true}};
    struct platform_perm *got;
    size_t count = 0;

    m.dom0->ops->xs_mkdir(m.dom0, NO_TX, HOME5 "/device/x");
    m.dom0->ops->xs_set_perms(m.dom0, NO_TX, HOME5 "/device/x", perms, 2);
    CU_ASSERT_EQUAL(put(m.guest, "device/x/deep/er", "1"), 0);
    got = m.dom0->ops->xs_get_perms(m.dom0, NO_TX, HOME5 "/device/x/deep", &count);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT(got && got[0].domid == 5 && !got[0].read && got[1].domid == 0 && got[1].read);
    free(got);
    fake_machine_stop(&m);
}

static void paths_are_checked(void)
{
    static const char *const bad[] = {"", "/a//b", "/a/", "/a.b", "/a b", "a\n"};
    struct fake_machine m = fake_machine_start();

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        errno = 0;
        CU_ASSERT(put(m.dom0, bad[i], "x") == -1 && errno == EINVAL);
    }
    fake_machine_stop(&m);
}

static void directories_are_listed_and_removed_whole(void)
{
    struct fake_machine m = fake_machine_start();
    size_t count = 9;
    char **names;

    put(m.dom0, "/a/one/deep", "1");
    put(m.dom0, "/a/two", "2");
    names = m.dom0->ops->xs_list(m.dom0, NO_TX, "/a", &count);
    CU_ASSERT(names && count == 2 && !strcmp(names[0], "one") && !strcmp(names[1], "two"));
    free(names);
    names = m.dom0->ops->xs_list(m.dom0, NO_TX, "/a/two", &count);
    CU_ASSERT(names && count == 0);
    free(names);
    CU_ASSERT_EQUAL(m.dom0->ops->xs_remove(m.dom0, NO_TX, "/a/one"), 0);
    CU_ASSERT(unreadable(m.dom0, "/a/one/deep", ENOENT));
    /* As xenstored: fine below a node that is there, else not. */
    CU_ASSERT_EQUAL(m.dom0->ops->xs_remove(m.dom0, NO_TX, "/a/one"), 0);
    CU_ASSERT_EQUAL(m.dom0->ops->xs_remove(m.dom0, NO_TX, "/a/one/deep"), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    fake_machine_stop(&m);
}

static void guests_have_a_size_limit(void)
{
    struct fake_machine m = fake_machine_start();
    char big[2100];
    int rc = 0;

    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    CU_ASSERT_EQUAL(put(m.guest, "data/big", big), -1);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    CU_ASSERT_EQUAL(put(m.dom0, "/big", big), 0);
    for (unsigned i = 0; i < 300 && rc == 0; i++) {
        char key[32];

        snprintf(key, sizeof(key), "data/ring-ref-%u", i);
        rc = put(m.guest, key, "1");
    }
    CU_ASSERT(rc == -1 && errno == ENOSPC);
    fake_machine_stop(&m);
}

static void transactions_are_seen_when_committed(void)
{
    struct fake_machine m = fake_machine_start();
    platform_tx tx;

    put(m.dom0, "/t/old", "1");
    CU_ASSERT_EQUAL(m.dom0->ops->xs_begin(m.dom0, &tx), 0);
    CU_ASSERT_EQUAL(m.dom0->ops->xs_write(m.dom0, tx, "/t/new/deep", "2"), 0);
    CU_ASSERT_EQUAL(m.dom0->ops->xs_remove(m.dom0, tx, "/t/old"), 0);
    CU_ASSERT(holds(m.dom0, tx, "/t/new", ""));
    CU_ASSERT(holds(m.dom0, NO_TX, "/t/old", "1"));
    CU_ASSERT(unreadable(m.dom0, "/t/new", ENOENT));
    CU_ASSERT_EQUAL(m.dom0->ops->xs_end(m.dom0, tx, false), 0);
    CU_ASSERT(holds(m.dom0, NO_TX, "/t/new/deep", "2"));
    CU_ASSERT(unreadable(m.dom0, "/t/old", ENOENT));
    CU_ASSERT_EQUAL(m.dom0->ops->xs_end(m.dom0, tx, false), -1);

    m.dom0->ops->xs_begin(m.dom0, &tx);
    m.dom0->ops->xs_write(m.dom0, tx, "/t/new/deep", "3");
    CU_ASSERT_EQUAL(m.dom0->ops->xs_end(m.dom0, tx, true), 0);
    CU_ASSERT(holds(m.dom0, NO_TX, "/t/new/deep", "2"));
    fake_machine_stop(&m);
}

static size_t children(struct platform *p, platform_tx tx, const char *path)
{
    size_t count = 0;

    free(p->ops->xs_list(p, tx, path, &count));
    return count;
}

static void transactions_see_what_they_did_to_what_was_there(void)
{
    struct fake_machine m = fake_machine_start();
    platform_tx tx;

    put(m.dom0, "/t/a/b", "1");
    put(m.dom0, "/t/c", "1");
    CU_ASSERT_EQUAL(m.dom0->ops->xs_begin(m.dom0, &tx), 0);
    CU_ASSERT_EQUAL(m.dom0->ops->xs_remove(m.dom0, tx, "/t/a"), 0);
    CU_ASSERT_EQUAL(children(m.dom0, tx, "/t"), 1);
    CU_ASSERT_FALSE(holds(m.dom0, tx, "/t/a/b", "1"));
    CU_ASSERT_EQUAL(m.dom0->ops->xs_write(m.dom0, tx, "/t/a/new", "2"), 0);
    CU_ASSERT_EQUAL(children(m.dom0, tx, "/t"), 2);
    CU_ASSERT_EQUAL(children(m.dom0, tx, "/t/a"), 1);
    CU_ASSERT_FALSE(holds(m.dom0, tx, "/t/a/b", "1"));
    CU_ASSERT(holds(m.dom0, NO_TX, "/t/a/b", "1"));
    CU_ASSERT_EQUAL(m.dom0->ops->xs_end(m.dom0, tx, false), 0);
    CU_ASSERT_EQUAL(children(m.dom0, NO_TX, "/t/a"), 1);
    CU_ASSERT(holds(m.dom0, NO_TX, "/t/a/new", "2"));
    CU_ASSERT(holds(m.dom0, NO_TX, "/t/c", "1"));
    fake_machine_stop(&m);
}

/* Begins, reads /t/a, writes /t/mine; somebody does `path`=`value`; commits. */
static int commit_against(struct fake_machine *m, const char *path, const char *value)
{
    platform_tx tx;

    m->dom0->ops->xs_begin(m->dom0, &tx);
    holds(m->dom0, tx, "/t/a", "");
    holds(m->dom0, tx, "/t/missing", "");
    m->dom0->ops->xs_write(m->dom0, tx, "/t/mine/x", "1");
    if (value)
        put(m->dom0, path, value);
    else
        m->dom0->ops->xs_remove(m->dom0, NO_TX, path);
    return m->dom0->ops->xs_end(m->dom0, tx, false);
}

static void transactions_notice_interference(void)
{
    struct fake_machine m = fake_machine_start();

    put(m.dom0, "/t/a", "1");
    put(m.dom0, "/t/mine/y", "1");
    put(m.dom0, "/elsewhere", "1");
    CU_ASSERT_EQUAL(commit_against(&m, "/elsewhere", "2"), 0);
    CU_ASSERT_EQUAL(commit_against(&m, "/t/a", "2"), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    CU_ASSERT_EQUAL(commit_against(&m, "/t/a", "2"), -1); /* same value, still a write */
    CU_ASSERT_EQUAL(commit_against(&m, "/t/missing", "2"), -1);
    CU_ASSERT_EQUAL(commit_against(&m, "/t/mine", NULL), -1);
    CU_ASSERT_EQUAL(commit_against(&m, "/t/a", NULL), -1);
    CU_ASSERT_EQUAL(fake_xen_counters(m.fx).transactions, 0);
    fake_machine_stop(&m);
}

static void watches_fire_at_once_and_at_changes_below(void)
{
    struct fake_machine m = fake_machine_start();

    CU_ASSERT_EQUAL(m.dom0->ops->xs_watch(m.dom0, "/w", "token"), 0);
    CU_ASSERT_EQUAL(m.dom0->ops->xs_watch(m.dom0, "/w", "token"), -1);
    CU_ASSERT_EQUAL(errno, EEXIST);
    CU_ASSERT(fired(m.dom0, "/w", "token"));
    CU_ASSERT(quiet(m.dom0));
    put(m.dom0, "/w/a/b", "1");
    put(m.dom0, "/wide", "1");
    CU_ASSERT(fired(m.dom0, "/w/a/b", "token"));
    CU_ASSERT(quiet(m.dom0));
    m.dom0->ops->xs_remove(m.dom0, NO_TX, "/w/a");
    CU_ASSERT(fired(m.dom0, "/w/a", "token"));
    CU_ASSERT(quiet(m.dom0));
    put(m.dom0, "/w/a/b", "1");
    CU_ASSERT_EQUAL(m.dom0->ops->xs_unwatch(m.dom0, "/w", "token"), 0);
    CU_ASSERT_EQUAL(m.dom0->ops->xs_unwatch(m.dom0, "/w", "token"), -1);
    CU_ASSERT(fired(m.dom0, "/w/a/b", "token")); /* was under way already */
    put(m.dom0, "/w/a/b", "2");
    CU_ASSERT(quiet(m.dom0));
    fake_machine_stop(&m);
}

static void watches_fire_for_a_removal_above(void)
{
    struct fake_machine m = fake_machine_start();

    put(m.dom0, "/w/a/b", "1");
    m.dom0->ops->xs_watch(m.dom0, "/w/a/b", "t");
    CU_ASSERT(fired(m.dom0, "/w/a/b", "t"));
    m.dom0->ops->xs_remove(m.dom0, NO_TX, "/w");
    CU_ASSERT(fired(m.dom0, "/w/a/b", "t"));
    CU_ASSERT(quiet(m.dom0));
    fake_machine_stop(&m);
}

static void watches_keep_permissions_and_relative_paths(void)
{
    struct fake_machine m = fake_machine_start();

    m.guest->ops->xs_watch(m.guest, "data", "t");
    m.another->ops->xs_watch(m.another, HOME5 "/data", "t");
    CU_ASSERT(fired(m.guest, "data", "t"));
    CU_ASSERT(fired(m.another, HOME5 "/data", "t"));
    put(m.dom0, HOME5 "/data/x", "1");
    CU_ASSERT(fired(m.guest, "data/x", "t"));
    CU_ASSERT(quiet(m.another));
    fake_machine_stop(&m);
}

static void watches_fire_when_a_transaction_commits(void)
{
    struct fake_machine m = fake_machine_start();
    platform_tx tx;

    m.dom0->ops->xs_watch(m.dom0, "/w", "t");
    CU_ASSERT(fired(m.dom0, "/w", "t"));
    m.dom0->ops->xs_begin(m.dom0, &tx);
    m.dom0->ops->xs_write(m.dom0, tx, "/w/a", "1");
    CU_ASSERT(quiet(m.dom0));
    m.dom0->ops->xs_end(m.dom0, tx, false);
    CU_ASSERT(fired(m.dom0, "/w/a", "t"));
    m.dom0->ops->xs_begin(m.dom0, &tx);
    m.dom0->ops->xs_write(m.dom0, tx, "/w/a", "2");
    m.dom0->ops->xs_end(m.dom0, tx, true);
    CU_ASSERT(quiet(m.dom0));
    fake_machine_stop(&m);
}

static void domains_come_and_go(void)
{
    struct fake_machine m = fake_machine_start();

    m.dom0->ops->xs_watch(m.dom0, "@introduceDomain", "new");
    m.dom0->ops->xs_watch(m.dom0, "@releaseDomain", "gone");
    CU_ASSERT(fired(m.dom0, "@introduceDomain", "new"));
    CU_ASSERT(fired(m.dom0, "@releaseDomain", "gone"));
    fake_xen_create_domain(m.fx, 9, "late");
    CU_ASSERT(fired(m.dom0, "@introduceDomain", "new"));
    CU_ASSERT(m.dom0->ops->domain_alive(m.dom0, 9));

    CU_ASSERT(m.dom0->ops->domain_alive(m.dom0, 5));
    CU_ASSERT_EQUAL(m.another->ops->domain_alive(m.another, 5), -1);
    fake_xen_destroy_domain(m.fx, 5);
    CU_ASSERT(fired(m.dom0, "@releaseDomain", "gone"));
    CU_ASSERT(!m.dom0->ops->domain_alive(m.dom0, 5));
    CU_ASSERT(unreadable(m.dom0, HOME5, ENOENT));
    CU_ASSERT_EQUAL(put(m.guest, "data/x", "1"), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
    CU_ASSERT(!m.dom0->ops->domain_alive(m.dom0, 77));
    CU_ASSERT_EQUAL(m.another->ops->own_domid(m.another), 6);
    fake_machine_stop(&m);
}

static void the_nth_call_fails_once(void)
{
    struct fake_machine m = fake_machine_start();

    fake_xen_fail(m.fx, 5, "xs_write", 2, EIO);
    CU_ASSERT_EQUAL(put(m.guest, "data/x", "1"), 0);
    CU_ASSERT_EQUAL(put(m.dom0, "/x", "1"), 0);
    CU_ASSERT(!fake_xen_failed(m.fx));
    CU_ASSERT(holds(m.guest, NO_TX, "data/x", "1"));
    CU_ASSERT_EQUAL(put(m.guest, "data/x", "2"), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT(fake_xen_failed(m.fx));
    CU_ASSERT_EQUAL(put(m.guest, "data/x", "3"), 0);

    fake_xen_fail(m.fx, 0, NULL, 1, EPERM);
    CU_ASSERT_EQUAL(m.dom0->ops->evtchn_alloc(m.dom0, 5), -1);
    CU_ASSERT_EQUAL(errno, EPERM);
    fake_xen_fail(m.fx, 0, NULL, 1, EPERM);
    fake_xen_fail(m.fx, 0, NULL, 0, 0);
    CU_ASSERT_EQUAL(put(m.dom0, "/x", "1"), 0);
    fake_machine_stop(&m);
}

static void the_clock_stands_until_advanced(void)
{
    struct fake_machine m = fake_machine_start();
    uint64_t before = m.dom0->ops->now(m.dom0);

    CU_ASSERT_EQUAL(m.guest->ops->now(m.guest), before);
    fake_xen_advance(m.fx, 1500);
    CU_ASSERT_EQUAL(m.guest->ops->now(m.guest), before + 1500);
    fake_xen_real_clock(m.fx);
    CU_ASSERT(m.guest->ops->now(m.guest) > before + 1500);
    fake_machine_stop(&m);
}

static void locks_are_per_domain_and_end_with_their_holder(void)
{
    struct fake_machine m = fake_machine_start();
    struct platform *second = fake_xen_domain(m.fx, 0);

    CU_ASSERT(!second->ops->lock_held(second, "daemon"));
    CU_ASSERT_EQUAL(m.dom0->ops->lock(m.dom0, "daemon"), 0);
    CU_ASSERT(second->ops->lock_held(second, "daemon"));
    CU_ASSERT_EQUAL(second->ops->lock(second, "daemon"), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    CU_ASSERT_EQUAL(second->ops->lock(second, "other"), 0);
    CU_ASSERT_EQUAL(m.guest->ops->lock(m.guest, "daemon"), 0);
    platform_close(m.dom0);
    CU_ASSERT_EQUAL(second->ops->lock(second, "daemon"), 0);
    m.dom0 = second;
    fake_machine_stop(&m);
}

static void the_store_can_be_dumped(void)
{
    struct fake_machine m = fake_machine_start();
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    put(m.guest, "data/x", "hello");
    fake_xen_dump(m.fx, out);
    fclose(out);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n" HOME5 "/data/x = \"hello\"   (n5)\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n" HOME5 "/name = \"guest\"   (n0,r5)\n"));
    free(text);
    fake_machine_stop(&m);
}

static const struct test_case cases[] = {
    TEST(guests_read_and_write_what_they_may),
    TEST(only_owners_change_permissions),
    TEST(new_nodes_inherit_permissions),
    TEST(paths_are_checked),
    TEST(directories_are_listed_and_removed_whole),
    TEST(guests_have_a_size_limit),
    TEST(transactions_are_seen_when_committed),
    TEST(transactions_see_what_they_did_to_what_was_there),
    TEST(transactions_notice_interference),
    TEST(watches_fire_at_once_and_at_changes_below),
    TEST(watches_fire_for_a_removal_above),
    TEST(watches_keep_permissions_and_relative_paths),
    TEST(watches_fire_when_a_transaction_commits),
    TEST(domains_come_and_go),
    TEST(the_nth_call_fails_once),
    TEST(the_clock_stands_until_advanced),
    TEST(locks_are_per_domain_and_end_with_their_holder),
    TEST(the_store_can_be_dumped),
    {NULL, NULL},
};

int main(void)
{
    return test_main("fake xenstore", cases);
}
