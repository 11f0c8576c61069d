/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The last of a request: what becomes of its nodes and its number. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backend/request.h"
#include "backend/requests.h"
#include "backend/targets.h"
#include "xenstore-schema/schema.h"

struct ending {
    const char *name; /* NULL: the request is not ours to end */
    uint64_t number;  /* 0: none stands in the store */
    uint64_t taken;   /* one that was never announced; 0: none */
    const char *why;
};

/* Is the request in the store the one that ends, and not a later one? One whose
 * number is void has none that could tell. */
static int is_same(struct bus *bus, platform_tx tx, const struct ending *e)
{
    size_t size;
    uint64_t number;
    struct platform *p = bus->daemon->platform;
    char *request = p->ops->xs_read(p, tx, request_dir(bus, e->name).text, &size);

    if (!request)
        return errno == ENOENT ? 0 : -1;
    free(request);
    if (!e->number)
        return 1;
    if (request_read_number(bus, tx, e->name, &number) < 0)
        return errno == EINVAL || errno == ERANGE ? 0 : -1;
    return number == e->number;
}

static int end_body(struct bus *bus, platform_tx tx, void *user)
{
    const struct ending *e = user;
    struct platform *p = bus->daemon->platform;
    int same = e->name ? is_same(bus, tx, e) : 0;

    if (same < 0 || (e->taken && numbers_give_back(&bus->numbers, tx, e->taken) < 0))
        return -1;
    if (e->number &&
        (store_remove(p, tx, bus->home.text,
                      store_path(XS_DEVICE "/%" PRIu64, e->number).text) < 0 ||
         numbers_release(&bus->numbers, tx, e->number) < 0))
        return -1;
    if (!same)
        return 0;
    if (!e->why)
        return store_remove(p, tx, bus->home.text, store_path(XS_REQUEST "/%s", e->name).text);

    struct store_path request = request_dir(bus, e->name);

    if (store_remove(p, tx, request.text, XS_NUMBER) < 0)
        return -1;
    return store_write_text(p, tx, request.text, XS_ERROR, e->why);
}

static bool end(struct bus *bus, struct ending ending)
{
    if (bus_transaction(bus, end_body, &ending) < 0) {
        bus_retry(bus, "ending a request");
        return false;
    }
    if (ending.why)
        log_warning("%s: request %s: %s", bus->label, ending.name, ending.why);
    if (ending.number)
        log_info("%s: device %" PRIu64 " (%s) removed", bus->label, ending.number, ending.name);
    return true;
}

bool request_end(struct bus *bus, const char *name, uint64_t number, const char *why)
{
    targets_drop(bus, name);
    return end(bus, (struct ending){.name = name, .number = number, .why = why});
}

/* What stands under the name of one that was pulled out before it got its number
 * is not it. */
void request_end_removed(struct request *r)
{
    const char *why = r->failed ? (r->failure ? r->failure : "out of memory") : NULL;
    struct ending ending = {
        .name = r->announced || why ? r->name : NULL,
        .number = r->announced ? r->number : 0,
        .taken = r->announced ? 0 : r->number,
        .why = why,
    };
    char name[sizeof(r->name)];

    if (!end(r->bus, ending))
        return;

    struct bus *bus = r->bus;

    strcpy(name, r->name);
    targets_drop(bus, name);
    request_free(r);
    /* Another request may have been made under its name meanwhile. */
    requests_note(bus, name);
    /* The last device gone may be what going offline waited for. */
    if (TAILQ_EMPTY(&bus->requests))
        bus_touch(bus, BUS_STATE);
}
