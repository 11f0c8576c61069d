/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Toolstack, daemon or guest dies between any two of its calls to xenstore, while
 * devices come and go. With its successor everything comes to the same end: no
 * device lost, none twice, nothing left behind.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/joined.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/xvmsg.h"

#define UUID "00000000-0000-4000-8000-00000000000"
#define CALLS_MAX 1000u

enum side { DAEMON, GUEST };

static struct joined j;
static char target[64];
static struct xvmsg_device *driver_of_one;
static bool ready;

/* The admin tool's sentences are not what is tested here. */
void complain(const char *name, const char *format, ...)
{
    (void)name;
    (void)format;
}

/* ---- the guest's driver ---- */

static void on_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)device;
    (void)status;
    (void)user;
    ready = true;
}

static void let_go(struct joined *joined, uint64_t number)
{
    (void)joined;
    if (number != 1)
        return;
    xvmsg_device_close(driver_of_one);
    driver_of_one = NULL;
}

static bool is_ready(struct joined *joined, void *user)
{
    (void)joined;
    (void)user;
    return ready;
}

/* ---- before and after ---- */

static bool has_number_of(struct joined *joined, unsigned count, const char *const *names)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t number = joined_number(joined, names[i]);

        if (!number || joined->told[number] != JOINED_ADDED)
            return false;
    }
    return joined->connected && joined->present == count &&
           joined_children(joined, B7 "/request") == count &&
           joined_children(joined, B7 "/device") == count;
}

static bool has_first_two(struct joined *joined, void *user)
{
    static const char *const names[] = {"one", "two"};

    (void)user;
    return has_number_of(joined, 2, names);
}

static bool has_last_two(struct joined *joined, void *user)
{
    static const char *const names[] = {"three", "four"};

    (void)user;
    return has_number_of(joined, 2, names);
}

/* Disk one, which a driver has, and disk two, which nobody uses. */
static void begin(void)
{
    static const struct xvmsg_driver driver = {.device_id = 2, .num_queues = 1, .queue_size = 16};

    joined_open(&j);
    j.wanted_back = let_go;
    strcpy(target, stage_target(&j.s, "target", 4096));
    joined_request(&j, "one", target, UUID "1");
    joined_request(&j, "two", target, UUID "2");
    joined_run_until(&j, has_first_two, NULL);
    ready = false;
    driver_of_one = xvmsg_device_open(j.h, 1, &driver, on_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_of_one);
    joined_run_until(&j, is_ready, NULL);
}

/* And it stays so. */
static void finish(bool (*done)(struct joined *joined, void *user))
{
    joined_run_until(&j, done, NULL);
    for (unsigned i = 0; i < 50; i++)
        joined_turn(&j);
    CU_ASSERT(done(&j, NULL));
    CU_ASSERT(joined_children(&j, F7 "/device") <= j.present);
    CU_ASSERT(stage_keeps_schema(&j.s));
    joined_close(&j);
}

/* ---- the daemon and the guest ---- */

/* Disk one goes in order, two by force, three comes, and four comes twice. */
static void make_changes(void)
{
    stage_write(j.s.toolstack, B7 "/request/one/remove", "orderly");
    stage_write(j.s.toolstack, B7 "/request/two/remove", "force");
    joined_request(&j, "three", target, UUID "3");
    joined_request(&j, "four", target, UUID "4");
    for (unsigned i = 0; i < 3; i++)
        joined_turn(&j);
    joined_request(&j, "four", target, UUID "5");
}

static struct platform *handle_of(enum side side)
{
    return side == DAEMON ? j.s.daemon.platform : j.guest;
}

static bool died_or_done(struct joined *joined, void *user)
{
    const enum side *side = user;

    return fake_xen_killed(handle_of(*side)) || has_last_two(joined, NULL);
}

static void succeed(enum side side)
{
    if (side == DAEMON) {
        joined_stop_daemon(&j);
        joined_start_daemon(&j);
        return;
    }
    driver_of_one = NULL;
    joined_stop_guest(&j);
    joined_start_guest(&j);
}

/* Until all is as it should be, with a successor of whoever dies meanwhile. False: nobody
 * did. */
static bool goes_on(enum side side)
{
    bool died;

    joined_run_until(&j, died_or_done, &side);
    died = fake_xen_killed(handle_of(side));
    if (died)
        succeed(side);
    else
        fake_xen_kill(handle_of(side), 0);
    finish(has_last_two);
    return died;
}

/* False: it made fewer calls than that. */
static bool dies_at(enum side side, unsigned nth)
{
    begin();
    fake_xen_kill(handle_of(side), nth);
    make_changes();
    return goes_on(side);
}

static void dies_anywhere(enum side side, const char *name)
{
    unsigned nth = 1;

    while (nth < CALLS_MAX && dies_at(side, nth))
        nth++;
    printf("# %s: %u calls\n", name, nth - 1);
    CU_ASSERT(nth > 20 && nth < CALLS_MAX);
}

static void the_daemon_may_die_anywhere(void)
{
    dies_anywhere(DAEMON, "daemon");
}

static void the_guest_may_die_anywhere(void)
{
    dies_anywhere(GUEST, "guest");
}

/* As its successor starts, too. */
static bool dies_twice_at(enum side side, unsigned nth)
{
    begin();
    make_changes();
    succeed(side);
    fake_xen_kill(handle_of(side), nth);
    return goes_on(side);
}

static void a_successor_may_die_as_well(void)
{
    static const enum side sides[] = {DAEMON, GUEST};

    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        unsigned nth = 1;

        while (nth < CALLS_MAX && dies_twice_at(sides[i], nth))
            nth++;
        CU_ASSERT(nth > 20 && nth < CALLS_MAX);
    }
}

/* ---- the toolstack ---- */

/* Whatever is asked for is there, and nothing else. */
static bool is_whole(struct joined *joined, void *user)
{
    size_t count = joined_children(joined, B7 "/request");
    size_t numbered = 0;

    (void)user;
    for (uint64_t number = 1; number < 16; number++)
        numbered += joined->told[number] == JOINED_ADDED;
    return joined->connected && joined->present == count && numbered == count &&
           joined_children(joined, B7 "/device") == count;
}

/* xvmsg, which does not wait for the daemon here: it asks, and takes it back. */
static bool tool_dies_at(unsigned nth)
{
    struct platform *tool;
    struct attach_request more = {.domain = "7", .type = "blk", .target = target};
    struct detach_request two = {.domain = "7", .device = "two"};
    bool died;

    begin();
    tool = fake_xen_domain(j.s.fx, 0);
    fake_xen_kill(tool, nth);
    attach_run(tool, &more, stdout);
    detach_run(tool, &two);
    died = fake_xen_killed(tool);
    platform_close(tool);
    finish(is_whole);
    return died;
}

static void the_toolstack_may_die_anywhere(void)
{
    unsigned nth = 1;

    while (nth < CALLS_MAX && tool_dies_at(nth))
        nth++;
    printf("# toolstack: %u calls\n", nth - 1);
    CU_ASSERT(nth > 20 && nth < CALLS_MAX);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(the_daemon_may_die_anywhere),
        TEST(the_guest_may_die_anywhere),
        TEST(a_successor_may_die_as_well),
        TEST(the_toolstack_may_die_anywhere),
        {NULL, NULL},
    };

    return test_main("hot-plug and deaths", cases);
}
