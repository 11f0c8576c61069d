/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both connection tables against each other: from every pair of states, with
 * each end restarting at any time, and every interleaving of their steps, the
 * pair ends connected over one live ring.
 *
 * An end's step has two halves, as in reality: it looks at the other's state
 * and asks its table; later it writes its answer. Anything may happen between.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness.h"
#include "xenstore-schema/handshake.h"

/* Whose pages: nobody's, the running frontend's, or a dead one's. */
enum ring { NONE, LIVE, STALE };

struct world {
    uint8_t frontend;        /* F/state */
    uint8_t backend;         /* B/state */
    uint8_t frontend_runs;   /* false: left behind by a dead one */
    uint8_t backend_runs;
    uint8_t frontend_answer; /* the action decided on, NOTHING: none */
    uint8_t backend_answer;
    uint8_t offer;           /* enum ring: what F's nodes describe */
    uint8_t offer_read;      /* what the backend saw of it when it decided */
    uint8_t offer_changed;   /* and F's nodes were rewritten since */
    uint8_t mapped;          /* enum ring: what the backend holds */
    uint8_t frontend_restarts; /* still to come */
    uint8_t backend_restarts;
};

/* Every world fits 32 bits: what has been walked already is not walked again. */
static uint32_t pack(const struct world *w)
{
    uint32_t packed = w->frontend;

    packed = packed * 9 + w->backend;
    packed = packed * 2 + w->frontend_runs;
    packed = packed * 2 + w->backend_runs;
    packed = packed * 8 + w->frontend_answer;
    packed = packed * 8 + w->backend_answer;
    packed = packed * 3 + w->offer;
    packed = packed * 3 + w->offer_read;
    packed = packed * 2 + w->offer_changed;
    packed = packed * 3 + w->mapped;
    packed = packed * 3 + w->frontend_restarts;
    return packed * 3 + w->backend_restarts;
}

#define WORLDS (9u * 9 * 2 * 2 * 8 * 8 * 3 * 3 * 2 * 3 * 3 * 3)

enum mark { NEW, OPEN, DONE };

struct walk {
    uint8_t *marks;
    unsigned traps;  /* worlds where nothing can happen, and not connected */
    unsigned cycles; /* worlds that lead back to themselves */
    unsigned connected;
};

static void visit(struct walk *walk, const struct world *w);

/* ---- what may happen next; each returns whether it can ---- */

static void frontend_dies(struct world *w)
{
    if (w->offer == LIVE)
        w->offer = STALE;
    if (w->offer_read == LIVE)
        w->offer_read = STALE;
    if (w->mapped == LIVE)
        w->mapped = STALE;
}

static bool restart_frontend(struct walk *walk, struct world w)
{
    if (w.frontend_restarts == 0)
        return false;
    frontend_dies(&w);
    w.frontend_restarts--;
    w.frontend_runs = true;
    w.frontend_answer = HANDSHAKE_NOTHING;
    w.frontend = XENBUS_INITIALISING;
    visit(walk, &w);
    return true;
}

static void advertise(struct world *w)
{
    w->mapped = NONE;
    w->backend = XENBUS_INIT_WAIT;
}

static bool restart_backend(struct walk *walk, struct world w)
{
    if (w.backend_restarts == 0)
        return false;
    w.backend_restarts--;
    w.backend_runs = true;
    w.backend_answer = HANDSHAKE_NOTHING;
    w.offer_read = NONE;
    w.offer_changed = false;
    advertise(&w);
    visit(walk, &w);
    return true;
}

static bool frontend_looks(struct walk *walk, struct world w)
{
    enum handshake_action answer = handshake_frontend(w.frontend, w.backend);

    if (!w.frontend_runs || w.frontend_answer || answer == HANDSHAKE_NOTHING)
        return false;
    w.frontend_answer = answer;
    visit(walk, &w);
    return true;
}

/* Only if the backend still waits; otherwise the table is asked anew. */
static void offer(struct world *w)
{
    if (w->backend != XENBUS_INIT_WAIT)
        return;
    frontend_dies(w); /* as far as the ring before this one is concerned */
    w->offer = LIVE;
    w->offer_changed = true;
    w->frontend = XENBUS_INITIALISED;
}

static bool frontend_answers(struct walk *walk, struct world w)
{
    switch (w.frontend_answer) {
    case HANDSHAKE_OFFER:
    case HANDSHAKE_RESTART:
        offer(&w);
        break;
    case HANDSHAKE_ACCEPT:
        w.frontend = XENBUS_CONNECTED;
        break;
    case HANDSHAKE_FAIL:
        w.frontend = XENBUS_CLOSED;
        break;
    default:
        return false;
    }
    w.frontend_answer = HANDSHAKE_NOTHING;
    visit(walk, &w);
    return true;
}

static bool backend_looks(struct walk *walk, struct world w)
{
    enum handshake_action answer = handshake_backend(w.backend, w.frontend);

    if (!w.backend_runs || w.backend_answer || answer == HANDSHAKE_NOTHING)
        return false;
    w.backend_answer = answer;
    if (answer == HANDSHAKE_MAP) {
        w.offer_read = w.offer;
        w.offer_changed = false;
    }
    visit(walk, &w);
    return true;
}

/* Pages of a dead frontend may or may not be mapped: both are walked. */
static void answer_offer(struct walk *walk, struct world w)
{
    bool as_read = w.frontend == XENBUS_INITIALISED && !w.offer_changed;
    struct world failed = w;

    if (!as_read) {
        visit(walk, &w);
        return;
    }
    if (w.offer_read != NONE) {
        w.mapped = w.offer;
        w.backend = XENBUS_CONNECTED;
        visit(walk, &w);
    }
    if (w.offer_read != LIVE) {
        failed.backend = XENBUS_CLOSING;
        visit(walk, &failed);
    }
}

static bool backend_answers(struct walk *walk, struct world w)
{
    uint8_t answer = w.backend_answer;

    w.backend_answer = HANDSHAKE_NOTHING;
    switch (answer) {
    case HANDSHAKE_ADVERTISE:
        advertise(&w);
        break;
    case HANDSHAKE_FINISH:
        w.backend = XENBUS_CLOSED;
        break;
    case HANDSHAKE_MAP:
        answer_offer(walk, w);
        return true;
    default:
        return false;
    }
    visit(walk, &w);
    return true;
}

static bool connected(const struct world *w)
{
    return w->frontend == XENBUS_CONNECTED && w->backend == XENBUS_CONNECTED &&
           w->offer == LIVE && w->mapped == LIVE;
}

static void visit(struct walk *walk, const struct world *w)
{
    uint8_t *mark = &walk->marks[pack(w)];
    bool moved = false;

    if (*mark != NEW) {
        /* Without a restart to come, coming back here would be for ever. */
        walk->cycles += *mark == OPEN;
        return;
    }
    *mark = OPEN;
    moved |= restart_frontend(walk, *w);
    moved |= restart_backend(walk, *w);
    moved |= frontend_looks(walk, *w);
    moved |= frontend_answers(walk, *w);
    moved |= backend_looks(walk, *w);
    moved |= backend_answers(walk, *w);
    if (!moved) {
        walk->connected += connected(w);
        walk->traps += !connected(w);
    }
    *mark = DONE;
}

static struct walk walk_from(const struct world *start)
{
    struct walk walk = {.marks = calloc(WORLDS, 1)};

    if (!walk.marks)
        abort();
    visit(&walk, start);
    free(walk.marks);
    return walk;
}

/* Both ends are dead at first and start, in any order, up to twice. */
static void any_leftover_states_end_connected(void)
{
    for (unsigned pair = 0; pair < XENBUS_STATES * XENBUS_STATES; pair++)
        for (unsigned restarts = 0; restarts < 4; restarts++) {
            struct world start = {
                .frontend = (uint8_t)(pair / XENBUS_STATES),
                .backend = (uint8_t)(pair % XENBUS_STATES),
                .offer = STALE,
                .frontend_restarts = 1 + (restarts & 1),
                .backend_restarts = (uint8_t)(1 + (restarts >> 1)),
            };
            struct walk walk = walk_from(&start);

            CU_ASSERT_EQUAL(walk.traps, 0);
            CU_ASSERT_EQUAL(walk.cycles, 0);
            CU_ASSERT(walk.connected > 0);
        }
}

/* The backend runs, in any state of its own; only the frontend starts anew. */
static void a_frontend_restart_ends_connected(void)
{
    static const enum xenbus_state own[] = {XENBUS_INITIALISING, XENBUS_INIT_WAIT,
                                            XENBUS_CONNECTED, XENBUS_CLOSING, XENBUS_CLOSED};

    for (unsigned frontend = 0; frontend < XENBUS_STATES; frontend++)
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
            struct world start = {
                .frontend = (uint8_t)frontend,
                .backend = (uint8_t)own[i],
                .offer = STALE,
                .mapped = own[i] == XENBUS_CONNECTED ? STALE : NONE,
                .backend_runs = true,
                .frontend_restarts = 2,
            };
            struct walk walk = walk_from(&start);

            CU_ASSERT_EQUAL(walk.traps, 0);
            CU_ASSERT_EQUAL(walk.cycles, 0);
            CU_ASSERT(walk.connected > 0);
        }
}

/* The frontend is connected or on its way; only the backend starts anew. */
static void a_backend_restart_ends_connected(void)
{
    static const struct world starts[] = {
        {.frontend = XENBUS_INITIALISING, .backend = XENBUS_INIT_WAIT},
        {.frontend = XENBUS_INITIALISED, .backend = XENBUS_INIT_WAIT, .offer = LIVE},
        {.frontend = XENBUS_INITIALISED, .backend = XENBUS_CONNECTED, .offer = LIVE,
         .mapped = LIVE},
        {.frontend = XENBUS_CONNECTED, .backend = XENBUS_CONNECTED, .offer = LIVE, .mapped = LIVE},
        {.frontend = XENBUS_CONNECTED, .backend = XENBUS_INITIALISING, .offer = LIVE},
    };

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        struct world start = starts[i];

        start.frontend_runs = start.backend_runs = true;
        start.backend_restarts = 2;

        struct walk walk = walk_from(&start);

        CU_ASSERT_EQUAL(walk.traps, 0);
        CU_ASSERT_EQUAL(walk.cycles, 0);
        CU_ASSERT(walk.connected > 0);
    }
}

static void an_error_is_seen_acknowledged_and_left(void)
{
    CU_ASSERT_EQUAL(handshake_frontend(XENBUS_CONNECTED, XENBUS_CLOSING), HANDSHAKE_FAIL);
    CU_ASSERT_EQUAL(handshake_frontend(XENBUS_INITIALISED, XENBUS_CLOSING), HANDSHAKE_FAIL);
    /* The error stands while the frontend has not seen it. */
    CU_ASSERT_EQUAL(handshake_backend(XENBUS_CLOSING, XENBUS_CONNECTED), HANDSHAKE_NOTHING);
    CU_ASSERT_EQUAL(handshake_backend(XENBUS_CLOSING, XENBUS_INITIALISED), HANDSHAKE_NOTHING);
    CU_ASSERT_EQUAL(handshake_backend(XENBUS_CLOSING, XENBUS_CLOSED), HANDSHAKE_FINISH);
    CU_ASSERT_EQUAL(handshake_backend(XENBUS_CLOSED, XENBUS_CLOSED), HANDSHAKE_NOTHING);
    CU_ASSERT_EQUAL(handshake_frontend(XENBUS_CLOSED, XENBUS_CLOSED), HANDSHAKE_NOTHING);
    CU_ASSERT_EQUAL(handshake_backend(XENBUS_CLOSED, XENBUS_INITIALISING), HANDSHAKE_ADVERTISE);
}

/* A frontend's state is hostile: 7, 8 and anything larger change nothing. */
static void states_nobody_uses_are_harmless(void)
{
    for (unsigned own = XENBUS_INIT_WAIT; own < XENBUS_STATES; own++) {
        CU_ASSERT_EQUAL(handshake_backend(own, XENBUS_RECONFIGURING), HANDSHAKE_NOTHING);
        CU_ASSERT_EQUAL(handshake_backend(own, XENBUS_RECONFIGURED), HANDSHAKE_NOTHING);
        CU_ASSERT_EQUAL(handshake_backend(own, 9), handshake_backend(own, XENBUS_UNKNOWN));
        CU_ASSERT_EQUAL(handshake_backend(own, (enum xenbus_state)UINT32_MAX),
                        handshake_backend(own, XENBUS_UNKNOWN));
        CU_ASSERT_EQUAL(handshake_frontend(own, 4000), handshake_frontend(own, XENBUS_UNKNOWN));
    }
}

static void states_have_names(void)
{
    CU_ASSERT_STRING_EQUAL(xenbus_state_name(XENBUS_INIT_WAIT), "InitWait");
    CU_ASSERT_STRING_EQUAL(xenbus_state_name(XENBUS_CONNECTED), "Connected");
    CU_ASSERT_STRING_EQUAL(xenbus_state_name(99), "Unknown");
}

static const struct test_case cases[] = {
    TEST(any_leftover_states_end_connected),
    TEST(a_frontend_restart_ends_connected),
    TEST(a_backend_restart_ends_connected),
    TEST(an_error_is_seen_acknowledged_and_left),
    TEST(states_nobody_uses_are_harmless),
    TEST(states_have_names),
    {NULL, NULL},
};

int main(void)
{
    return test_main("handshake", cases);
}
