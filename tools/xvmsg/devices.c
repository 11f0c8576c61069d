/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/devices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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
        free(d->bus_error);
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

static bool is_closed(struct platform *p, const char *home)
{
    uint64_t state;

    return store_read_u64(p, PLATFORM_NO_TX, home, XS_STATE, XENBUS_CLOSING, XENBUS_CLOSED,
                          &state) == 0;
}

/* Why the bus is closed, and by whom; NULL when nobody says so. B/error goes when
 * the bus opens again, F/error may outlive what it was about. */
static char *read_bus_error(struct platform *p, const struct bus_id *id)
{
    struct store_path front = store_path(XS_FRONTEND_BUS, id->frontend, id->bus);
    const char *who = "xvmsgd";
    char *text = bus_read_words(p, PLATFORM_NO_TX, bus_home(id).text, XS_ERROR);
    char *error = NULL;

    if (!text && is_closed(p, front.text)) {
        who = "the guest";
        text = bus_read_words(p, PLATFORM_NO_TX, front.text, XS_ERROR);
    }
    if (!text)
        return NULL;
    if (asprintf(&error, "closed by %s: %.256s", who, text) < 0)
        error = NULL;
    free(text);
    return error;
}

/* pending and failed have no device yet; else what B/device/NUMBER/state says. */
static char *read_state(struct platform *p, const struct bus_id *id, const struct device *d)
{
    struct store_path device =
        store_path("%s/" XS_DEVICE "/%" PRIu64, bus_home(id).text, d->number);

    if (d->numbered)
        return bus_read_words(p, PLATFORM_NO_TX, device.text, XS_STATE);
    return strdup(d->error ? "failed" : "pending");
}

/* A network interface: its own name and its address. NULL: there is none. */
static char *read_interface(struct platform *p, const char *request)
{
    char *mac = bus_read_words(p, PLATFORM_NO_TX, request, XS_MAC);
    char *vif = mac ? bus_read_words(p, PLATFORM_NO_TX, request, XS_VIF) : NULL;
    char *text = NULL;

    if (mac && asprintf(&text, "%s %s", vif ? vif : "-", mac) < 0)
        text = NULL;
    free(mac);
    free(vif);
    return text;
}

/* What it stands on, as far as it has a name. */
static char *read_target(struct platform *p, const char *request)
{
    static const char *const keys[] = {XS_TARGET, XS_OUTPUT, XS_TTY};
    char *target = read_interface(p, request);

    for (size_t i = 0; !target && i < sizeof(keys) / sizeof(keys[0]); i++)
        target = bus_read_words(p, PLATFORM_NO_TX, request, keys[i]);
    return target;
}

static void read_device(struct platform *p, const struct bus_id *id, struct device *d)
{
    struct store_path path = bus_request(id, d->name);

    d->domid = id->frontend;
    d->bus = id->bus;
    d->domain = bus_domain_name(p, PLATFORM_NO_TX, id);
    d->numbered = store_read_u64(p, PLATFORM_NO_TX, path.text, XS_NUMBER, 0, UINT64_MAX,
                                 &d->number) == 0;
    d->type = bus_read_words(p, PLATFORM_NO_TX, path.text, XS_TYPE);
    d->target = read_target(p, path.text);
    d->error = bus_read_words(p, PLATFORM_NO_TX, path.text, XS_ERROR);
    d->state = read_state(p, id, d);
    d->bus_state = read_bus_state(p, id);
    d->bus_error = read_bus_error(p, id);
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

/* The requests of a bus; one that vanished meanwhile has none. */
static int add_bus(struct platform *p, const struct bus_id *id, struct devices *devices)
{
    struct store_path requests = store_path("%s/" XS_REQUEST, bus_home(id).text);
    size_t count;
    char **names = p->ops->xs_list(p, PLATFORM_NO_TX, requests.text, &count);
    int rc = 0;

    if (!names)
        return errno == ENOENT ? 0 : -1;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (strlen(names[i]) <= XS_REQUEST_NAME_MAX)
            rc = add_device(p, id, names[i], devices);
    free(names);
    return rc;
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
    struct bus_ids ids;
    int rc = bus_list(p, command, domain, &ids);

    *devices = (struct devices){0};
    for (size_t i = 0; rc == 0 && i < ids.count; i++) {
        rc = add_bus(p, &ids.list[i], devices);
        if (rc < 0)
            complain(command, "cannot read xenstore: %s", strerror(errno));
    }
    free(ids.list);
    if (rc < 0)
        return -1;
    if (devices->count > 0)
        qsort(devices->entries, devices->count, sizeof(devices->entries[0]), compare);
    return 0;
}
