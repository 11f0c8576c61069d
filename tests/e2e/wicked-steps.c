/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What attacks are made of. */

#include <stdlib.h>

#include "common/store.h"
#include "tests/e2e/wicked.h"
#include "xenstore-schema/schema.h"

static uint64_t next_number;
static uint64_t heard_at; /* when the frontend was heard last */

/* ---- time passes ---- */

uint64_t wicked_now(struct platform *xen)
{
    return xen->ops->now(xen) / 1000000;
}

static unsigned messages(const struct backend *b)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < MSG_KINDS; i++)
        sum += b->seen[i];
    return sum;
}

/* Whether there was one. */
static bool take_watches(struct platform *xen)
{
    struct platform_watch *watch;
    bool any = false;

    while ((watch = xen->ops->xs_next_watch(xen))) {
        free(watch);
        any = true;
    }
    return any;
}

void wicked_turn(struct backend *b, unsigned ms)
{
    unsigned before = messages(b);
    bool changed;

    wicked_pass(b, ms);
    changed = take_watches(b->dom0);
    if (changed)
        backend_handshake(b);
    backend_serve(b);
    if (changed || messages(b) != before)
        heard_at = wicked_now(b->dom0);
}

void wicked_play(struct backend *b, unsigned ms)
{
    uint64_t end = wicked_now(b->dom0) + ms, now;

    while ((now = wicked_now(b->dom0)) < end)
        wicked_turn(b, (unsigned)(end - now));
}

void wicked_quiet(struct backend *b, unsigned ms)
{
    uint64_t end = wicked_now(b->dom0) + WICKED_PATIENCE_MS, now;

    heard_at = wicked_now(b->dom0);
    while ((now = wicked_now(b->dom0)) < heard_at + ms && now < end)
        wicked_turn(b, (unsigned)(heard_at + ms - now));
}

bool wicked_until(struct backend *b, bool (*holds)(struct backend *b), unsigned ms)
{
    uint64_t end = wicked_now(b->dom0) + ms, now;

    while (!holds(b)) {
        now = wicked_now(b->dom0);
        if (now >= end)
            return false;
        wicked_turn(b, (unsigned)(end - now));
    }
    return true;
}

/* ---- steps of attacks ---- */

static bool front_is_connected(struct backend *b)
{
    /* Not to the ring of a backend before this one. */
    return b->mapped && backend_front_is(b, XS_STATE, "4");
}

bool wicked_front_let_go(struct backend *b)
{
    return backend_front_is(b, XS_STATE, "5") || backend_front_is(b, XS_STATE, "6");
}

static bool front_has_decided(struct backend *b)
{
    return front_is_connected(b) || wicked_front_let_go(b);
}

void wicked_connect(struct backend *b)
{
    backend_advertise(b);
    wicked_until(b, front_has_decided, WICKED_PATIENCE_MS);
}

void wicked_first_number(uint64_t number)
{
    next_number = number;
}

struct backend_device *wicked_add_disk(struct backend *b)
{
    return backend_add_disk(b, next_number++, "wicked");
}

struct backend_device *wicked_add(struct backend *b, const char *type, uint32_t device_id)
{
    struct backend_device *d = wicked_add_disk(b);

    backend_write(b, store_path(XS_DEVICE "/%llu/" XS_TYPE, (unsigned long long)d->number).text,
                  type);
    d->device_id = device_id;
    return d;
}

void wicked_lose(struct backend *b, struct backend_device *d)
{
    backend_vanish(b, d->number);
    wicked_quiet(b, WICKED_QUIET_MS);
}

void wicked_show_disk(struct backend *b, unsigned quiet_ms)
{
    struct backend_device *d = wicked_add_disk(b);

    wicked_quiet(b, quiet_ms);
    wicked_lose(b, d);
}
