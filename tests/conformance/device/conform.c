/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/device/conform.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/harness.h"

static const struct setting settings[] = {
    {MSG_WIDE, MSG_WIDE_MIN_MAX, true, "wide, 60"},
    {MSG_WIDE, MSG_WIDE_DEFAULT_MAX, false, "wide, 272"},
    {MSG_WIDE, MSG_PROTOCOL_MAX, true, "wide, 65535"},
    {MSG_COMPACT, MSG_COMPACT_MIN_MAX, false, "compact, 52"},
    {MSG_COMPACT, MSG_COMPACT_DEFAULT_MAX, true, "compact, 264"},
    {MSG_COMPACT, MSG_PROTOCOL_MAX, false, "compact, 65535"},
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static const struct conform_case *const groups[] = {
    message_cases,    information_cases, feature_cases,  config_cases,
    queue_cases,      set_vqueue_cases,  status_cases,   event_cases,
    bad_size_cases,   bad_value_cases,   strict_cases,
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

/* One case in one setting, in the order in which they run. */
struct turn {
    const struct conform_case *what;
    const struct setting *setting;
    char name[160];
};

static const struct place *place;
static struct turn *next_turn;

static const char *reason_to_skip(const struct turn *turn)
{
    unsigned needs = turn->what->needs;

    if (needs & NEEDS_CONTROL && !place->control)
        return "needs a device that does what the test wants";
    if (needs & NEEDS_WIDE && turn->setting->form != MSG_WIDE)
        return "the 8-byte header has no such field";
    return NULL;
}

static void run_next(void)
{
    const struct turn *turn = next_turn++;
    const char *why = reason_to_skip(turn);
    static struct driver driver;

    if (why) {
        test_skip(why);
        return;
    }
    driver = (struct driver){
        .g = place->enter(turn->setting, turn->what->needs & NEEDS_STRICT),
        .device = place->number(turn->setting),
        .control = place->control,
        .slow = place->slow,
    };
    driver_begin(&driver);
    turn->what->run(&driver);
    driver_end(&driver);
    place->leave(driver.g);
}

static size_t count_cases(void)
{
    size_t count = 0;

    for (size_t i = 0; i < GROUPS; i++)
        for (const struct conform_case *c = groups[i]; c->name; c++)
            count++;
    return count;
}

/* Appends every case in one setting; returns what follows them. */
static struct turn *plan(struct turn *turn, const struct setting *setting)
{
    for (size_t i = 0; i < GROUPS; i++) {
        for (const struct conform_case *c = groups[i]; c->name; c++, turn++) {
            turn->what = c;
            turn->setting = setting;
            snprintf(turn->name, sizeof(turn->name), "%s (%s)", c->name, setting->words);
        }
    }
    return turn;
}

int conform_main(const struct place *where)
{
    size_t most = count_cases() * SETTINGS;
    struct turn *turns = calloc(most, sizeof(*turns)), *end = turns;
    struct test_case *cases = calloc(most + 1, sizeof(*cases));
    int failed;

    if (!turns || !cases)
        abort();
    place = where;
    for (size_t i = 0; i < SETTINGS; i++) {
        if (settings[i].sample || !place->slow)
            end = plan(end, &settings[i]);
    }
    for (struct turn *turn = turns; turn < end; turn++)
        cases[turn - turns] = (struct test_case){turn->name, run_next};
    next_turn = turns;
    failed = test_main("device", cases);
    free(cases);
    free(turns);
    return failed;
}
