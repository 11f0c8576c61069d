/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * wicked-backend DOMID BUS ATTACK...: plays the attacks one after the other, each on a bus
 * of its own from number BUS on, against a domain whose buses no other backend serves. After
 * each a good backend follows. One line for each:
 *
 *     ATTACK: served again, 1234 ms               the frontend uses the good backend's disk
 *     ATTACK: let go (why), served anew, 1234 ms  it closed the bus, and uses one made anew
 *     ATTACK: FAILED: what did not happen, 1234 ms
 *
 * wicked-backend lists the attacks. The exit status is 0 when none failed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "wicked.h"
#include "xenstore-schema/schema.h"

static struct platform *xen;
static unsigned next_bus;

void backend_check(bool holds, const char *what, const char *file, unsigned line)
{
    if (holds)
        return;
    fprintf(stderr, "wicked-backend: %s:%u: %s does not hold\n", file, line, what);
    exit(2);
}

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
    good = wicked_add_disk(b);
    backend_advertise(b);
    if (!wicked_until(b, good_is_used, WICKED_PATIENCE_MS))
        return "the good disk was not used";
    backend_want_back(b, good->number);
    if (!wicked_until(b, good_is_released, WICKED_PATIENCE_MS))
        return "the good disk was not released";
    return NULL;
}

/* ---- playing ---- */

static void make_bus(struct backend *b, unsigned domid)
{
    backend_init(b, xen, domid, next_bus++);
    backend_make_bus(b);
    if (xen->ops->xs_watch(xen, b->front, "front") < 0)
        backend_check(false, "a watch", __FILE__, __LINE__);
}

static void end_bus(struct backend *b)
{
    xen->ops->xs_unwatch(xen, b->front, "front");
    backend_remove_bus(b);
    forget_devices(b);
}

/* Whether the frontend held out. */
static bool play(struct backend *b, unsigned domid, const struct attack *attack)
{
    char *error = NULL;
    uint64_t begun = wicked_now(xen);
    const char *failure;
    bool let_go;

    make_bus(b, domid);
    attack->run(b);
    begin_again(b);
    let_go = wicked_front_let_go(b);
    if (let_go) {
        error = store_read_text(xen, PLATFORM_NO_TX, b->front, XS_ERROR);
        end_bus(b);
        make_bus(b, domid);
    }
    failure = serves(b);
    end_bus(b);
    printf("%s: ", attack->name);
    if (failure)
        printf("FAILED: %s", failure);
    else if (let_go)
        printf("let go (%s), served anew", error ? error : "no word of why");
    else
        printf("served again");
    printf(", %u ms\n", (unsigned)(wicked_now(xen) - begun));
    free(error);
    return !failure;
}

static void stay_good(struct backend *b)
{
    wicked_connect(b);
    wicked_show_disk(b, WICKED_QUIET_MS);
}

static const struct attack good_attacks[] = {
    {"none", "a good backend, and another after it", stay_good},
    {NULL, NULL, NULL},
};

static const struct attack *const tables[] = {
    good_attacks,
    wicked_answer_attacks,
    wicked_bus_attacks,
    wicked_device_attacks,
    wicked_queue_attacks,
    wicked_store_attacks,
};
#define NUM_TABLES (sizeof(tables) / sizeof(tables[0]))

static const struct attack *find(const char *name)
{
    for (unsigned i = 0; i < NUM_TABLES; i++)
        for (const struct attack *a = tables[i]; a->name; a++)
            if (!strcmp(a->name, name))
                return a;
    return NULL;
}

static void list(void)
{
    for (unsigned i = 0; i < NUM_TABLES; i++)
        for (const struct attack *a = tables[i]; a->name; a++)
            printf("%-24s %s\n", a->name, a->what);
}

int main(int argc, char **argv)
{
    static struct backend b;
    const char *why;
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 4) {
        list();
        return 0;
    }
    xen = platform_open_xen(PLATFORM_XENSTORE | PLATFORM_EVTCHN | PLATFORM_GNTTAB, &why);
    if (!xen) {
        fprintf(stderr, "wicked-backend: %s\n", why);
        return 2;
    }
    next_bus = (unsigned)atoi(argv[2]);
    wicked_first_number(next_bus * 1000);
    for (int i = 3; i < argc; i++) {
        const struct attack *attack = find(argv[i]);

        backend_check(attack, argv[i], __FILE__, __LINE__);
        failed |= !play(&b, (unsigned)atoi(argv[1]), attack);
    }
    platform_close(xen);
    return failed;
}
