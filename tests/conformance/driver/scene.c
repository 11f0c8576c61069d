/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/driver/scene.h"

#include <stdio.h>

#include "tests/harness.h"

#define STEPS 50u

void scene_start(struct scene *s)
{
    scene_start_as(s, MSG_WIDE, 0, false);
}

void scene_start_as(struct scene *s, enum msg_form form, unsigned max_message, bool strict)
{
    scene_start_on(s, backend_connected_as(form, max_message, strict));
}

/* No message passes before there is a device. */
void scene_start_on(struct scene *s, struct backend *b)
{
    *s = (struct scene){.num_numbers = 0};
    recording_start(&s->tape, b);
    driven_start_on(&s->t, b);
    s->numbers[s->num_numbers++] = 3;
}

void scene_ready(struct scene *s)
{
    driven_open(&s->t);
    CU_ASSERT_TRUE_FATAL(s->t.ready);
    CU_ASSERT_EQUAL_FATAL(s->t.status, XVMSG_OK);
}

void scene_open(struct scene *s)
{
    scene_start(s);
    scene_ready(s);
}

void scene_wait(struct scene *s, uint64_t nanoseconds)
{
    for (unsigned i = 0; i < STEPS; i++) {
        fake_xen_advance(s->t.b->fx, nanoseconds / STEPS);
        xvmsg_process(s->t.b->h);
        backend_settle(s->t.b);
    }
}

struct backend_device *scene_add_disk(struct scene *s, uint64_t number)
{
    struct backend_device *d = backend_add_disk(s->t.b, number, "another");

    s->numbers[s->num_numbers++] = number;
    backend_settle(s->t.b);
    return d;
}

static bool ping(struct scene *s)
{
    static struct xvmsg_waiter w; /* which a late answer may still find */

    w.done = false;
    if (!xvmsg_is_connected(s->t.b->h) || xvmsg_ping(s->t.b->h, 77, xvmsg_wake, &w) < 0)
        return false;
    backend_settle(s->t.b);
    if (!w.done)
        scene_wait(s, 5 * SECOND);
    return w.done && w.reply.status == XVMSG_OK;
}

/* The first may have waited in vain behind a request that nobody answers. */
bool scene_bus_works(struct scene *s)
{
    bool (*script)(struct backend *b, const struct msg *m) = s->t.b->script;
    bool works;

    s->t.b->script = NULL;
    works = ping(s) || ping(s);
    s->t.b->script = script;
    return works;
}

static void keep(struct tap_result *kept, const struct tap_result *result)
{
    if (kept->verdict != TAP_BROKEN && result->verdict != TAP_NOT_SEEN)
        *kept = *result;
}

static void tell(const char *id, const struct tap_result *result)
{
    char text[200];

    snprintf(text, sizeof(text), "%s: message %zu: %s", id, result->message, result->why);
    CU_assertImplementation(CU_FALSE, __LINE__, text, __FILE__, "", CU_FALSE);
}

void scene_end_into(struct scene *s, struct tap_result *results)
{
    struct tap_check *t = tap_check_new();

    backend_free(s->t.b);
    recording_check(&s->tape, t, s->numbers, s->num_numbers);
    for (unsigned i = 0; i < TAP_CLAUSES; i++) {
        const struct tap_result *result = tap_check_result(t, i);

        if (results)
            keep(&results[i], result);
        else if (result->verdict == TAP_BROKEN)
            tell(tap_check_id(i), result);
    }
    tap_check_free(t);
    recording_free(&s->tape);
}

void scene_end(struct scene *s)
{
    scene_end_into(s, NULL);
}
