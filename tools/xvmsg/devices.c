/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/devices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/handshake.h"
#include "xenstore-schema/schema.h"

void devices_free(struct devices *devices)
{
    for (size_t i = 0; i < devices->count; i++) {
        struct device *d = &devices->entries[i];

        free(d->domain);
        free(d->name);
        free(d->type);
        free(d->state);
        free(d->bus_state);
        free(d->target);
        free(d->error);
    }
    free(devices->entries);
}

static char *read_bus_state(struct platform *p, const struct bus_id *id)
{
    uint64_t state;

    if (store_read_u64(p, PLATFORM_NO_TX, bus_home(id).text, XS_STATE, 0, XENBUS_STATES - 1,
                       &state) < 0)
        state = XENBUS_UNKNOWN;
    return strdup(xenbus_state_name((enum xenbus_state)state));
}

/* pending and failed have no device yet; else what B/device/NUMBER/state says. */
static char *read_state(struct platform *p, const struct bus_id *id, const struct device *d)
{
    struct store_path device =
        store_path("%s/" XS_DEVICE "/%" PRIu64, bus_home(id).text, d->number);

    if (d->numbered)
        return store_read_text(p, PLATFORM_NO_TX, device.text, XS_STATE);
    return strdup(d->error ? "failed" : "pending");
}

static void read_device(struct platform *p, const struct bus_id *id, struct device *d)
{
    struct store_path path = bus_request(id, d->name);

    d->domid = id->frontend;
    d->bus = id->bus;
    d->domain = store_read_text(p, PLATFORM_NO_TX,
                                store_path("/local/domain/%u", id->frontend).text, XS_NAME);
    d->numbered = store_read_u64(p, PLATFORM_NO_TX, path.text, XS_NUMBER, 0, UINT64_MAX,
                                 &d->number) == 0;
    d->type = store_read_text(p, PLATFORM_NO_TX, path.text, XS_TYPE);
    d->target = store_read_text(p, PLATFORM_NO_TX, path.text, XS_TARGET);
    d->error = store_read_text(p, PLATFORM_NO_TX, path.text, XS_ERROR);
    d->state = read_state(p, id, d);
    d->bus_state = read_bus_state(p, id);
}

/* Calls `visit` for the name of each child. A directory that is not there, or
 * that vanished meanwhile, has none. */
static int for_each(struct platform *p, const char *path,
                    int (*visit)(struct platform *p, const struct bus_id *id, const char *name,
                                 struct devices *devices),
                    const struct bus_id *id, struct devices *devices)
{
    size_t count;
    char **names = p->ops->xs_list(p, PLATFORM_NO_TX, path, &count);
    int rc = 0;

    if (!names)
        return errno == ENOENT ? 0 : -1;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = visit(p, id, names[i], devices);
    free(names);
    return rc;
}

static int add_device(struct platform *p, const struct bus_id *id, const char *name,
                      struct devices *devices)
{
    struct device *grown =
        reallocarray(devices->entries, devices->count + 1, sizeof(*devices->entries));

    if (!grown)
        return -1;
    devices->entries = grown;
    memset(&grown[devices->count], 0, sizeof(*grown));
    grown[devices->count].name = strdup(name);
    if (!grown[devices->count].name)
        return -1;
    read_device(p, id, &grown[devices->count++]);
    return 0;
}

/* NAME is a bus of id->frontend. */
static int add_bus(struct platform *p, const struct bus_id *id, const char *name,
                   struct devices *devices)
{
    struct bus_id bus = *id;
    uint64_t number;

    if (parse_u64(name, 0, UINT32_MAX, &number) < 0)
        return 0;
    bus.bus = (uint32_t)number;
    return for_each(p, store_path("%s/" XS_REQUEST, bus_home(&bus).text).text, add_device, &bus,
                    devices);
}

/* NAME is a frontend's domain. */
static int add_domain(struct platform *p, const struct bus_id *id, const char *name,
                      struct devices *devices)
{
    struct bus_id domain = *id;
    uint64_t number;

    if (parse_u64(name, 0, UINT32_MAX, &number) < 0)
        return 0;
    domain.frontend = (uint32_t)number;
    return for_each(p, store_path(XS_BACKEND_DOMAIN, id->backend, domain.frontend).text, add_bus,
                    &domain, devices);
}

static int collect(struct platform *p, uint32_t backend, struct devices *devices)
{
    struct bus_id id = {.backend = backend};

    return for_each(p, store_path(XS_BACKEND_ROOT, backend).text, add_domain, &id, devices);
}

static int collect_domain(struct platform *p, uint32_t backend, uint32_t domid,
                          struct devices *devices)
{
    struct bus_id id = {.backend = backend};

    return add_domain(p, &id, store_path("%u", domid).text, devices);
}

/* By domain, bus and number; what has none yet comes last, by name. */
static int compare(const void *left, const void *right)
{
    const struct device *a = left, *b = right;

    if (a->domid != b->domid)
        return a->domid < b->domid ? -1 : 1;
    if (a->bus != b->bus)
        return a->bus < b->bus ? -1 : 1;
    if (a->numbered != b->numbered)
        return a->numbered ? -1 : 1;
    if (a->numbered && a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return strcmp(a->name, b->name);
}

int devices_collect(struct platform *p, const char *command, const char *domain,
                    struct devices *devices)
{
    int own = p->ops->own_domid(p);
    uint32_t domid = 0;
    int rc = -1;

    *devices = (struct devices){0};
    if (domain && bus_find_domain(p, command, domain, &domid) < 0)
        return -1;
    if (own >= 0)
        rc = domain ? collect_domain(p, (uint32_t)own, domid, devices)
                    : collect(p, (uint32_t)own, devices);
    if (rc < 0) {
        complain(command, "cannot read xenstore: %s", strerror(errno));
        return -1;
    }
    if (devices->count > 0)
        qsort(devices->entries, devices->count, sizeof(devices->entries[0]), compare);
    return 0;
}
