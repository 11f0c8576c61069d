/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The attacks there are, and a good backend after each. */

#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/e2e/wicked.h"
#include "xenstore-schema/schema.h"

/* ---- a good backend ---- */

static struct backend_device *good;

static bool good_is(struct backend *b, const char *state)
{
    unsigned long long number = good->number;

    return backend_front_is(b, store_path(XS_DEVICE "/%llu/" XS_STATE, number).text, state);
}

static bool good_is_used(struct backend *b)
{
    return good->queues[0].used_idx > 0 && good_is(b, XS_DEVICE_IN_USE);
}

static bool good_is_released(struct backend *b)
{
    return good_is(b, XS_DEVICE_RELEASED);
}

static void forget_devices(struct backend *b)
{
    for (unsigned i = 0; i < BACKEND_DEVICES; i++) {
        b->devices[i].present = false;
        free(b->devices[i].disk);
        b->devices[i].disk = NULL;
    }
}

/* No attack any more, and a backend that has just started. */
static void begin_again(struct backend *b)
{
    backend_drop(b);
    forget_devices(b);
    b->script = NULL;
    b->distort = NULL;
    b->mute = b->lossy = false;
    b->area_answer = AREA_OK;
    backend_write(b, XS_DEVICE, NULL);
    backend_write(b, XS_FEATURE_QUEUE_DOORBELL, NULL);
}

/* NULL: the disk of a good backend was used and given back; or what did not happen. */
static const char *serves(struct backend *b)
{
    wicked_connect(b);
    good = wicked_add_disk(b);
    if (!wicked_until(b, good_is_used, WICKED_PATIENCE_MS))
        return "the good disk was not used";
    backend_want_back(b, good->number);
    if (!wicked_until(b, good_is_released, WICKED_PATIENCE_MS))
        return "the good disk was not released";
    return NULL;
}

static void end_bus(struct backend *b)
{
    b->dom0->ops->xs_unwatch(b->dom0, b->front, "front");
    backend_remove_bus(b);
    forget_devices(b);
}

static void make_bus(struct backend *b)
{
    wicked_new_bus(b);
    BACKEND_CHECK(b->dom0->ops->xs_watch(b->dom0, b->front, "front") == 0);
}

const char *wicked_play_attack(struct backend *b, const struct attack *attack, char **let_go)
{
    const char *failure;

    *let_go = NULL;
    make_bus(b);
    attack->run(b);
    begin_again(b);
    if (wicked_front_let_go(b)) {
        *let_go = store_read_text(b->dom0, PLATFORM_NO_TX, b->front, XS_ERROR);
        if (!*let_go)
            *let_go = strdup("no word of why");
        end_bus(b);
        make_bus(b);
    }
    failure = serves(b);
    end_bus(b);
    return failure;
}

/* ---- the attacks ---- */

static void stay_good(struct backend *b)
{
    wicked_connect(b);
    wicked_show_disk(b, WICKED_QUIET_MS);
}

static const struct attack good_attacks[] = {
    {"none", "a good backend, and another after it", stay_good},
    {NULL, NULL, NULL},
};

const struct attack *const wicked_tables[] = {
    good_attacks,
    wicked_answer_attacks,
    wicked_bus_attacks,
    wicked_device_attacks,
    wicked_queue_attacks,
    wicked_store_attacks,
    NULL,
};
