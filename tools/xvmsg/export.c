/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/saved.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define COMMAND "export"

static const char usage[] =
    "usage: xvmsg export DOMAIN\n"
    "\n"
    "Prints what devices DOMAIN (name or id) has, for xvmsg import: to have them again\n"
    "when the domain is restored.\n";

struct export {
    struct platform *p;
    const char *domain;
    FILE *out;
    bool refused; /* a value, about which there was a complaint */
};

/* A value with a newline would bring lines of its own, for xvmsg import to believe. */
static bool fits_a_line(const char *value)
{
    for (; *value; value++)
        if ((unsigned char)*value < ' ' || *value == '\177')
            return false;
    return true;
}

static int print_value(struct export *e, const struct bus_id *id, const char *device,
                       const char *key, const char *value)
{
    if (fits_a_line(value)) {
        fprintf(e->out, "%s %s\n", key, value);
        return 0;
    }
    complain(COMMAND, "the %s of device %s, bus %u of domain %s, has control characters: "
                      "not exported", key, device, id->bus, e->domain);
    e->refused = true;
    return -1;
}

/* What says how the device is, beside its type; not what became of it. */
static bool is_wanted(const char *type, const char *key)
{
    enum schema_use use = schema_use(type, key);

    return strcmp(key, XS_NUMBER) == 0 || use == SCHEMA_NEEDED || use == SCHEMA_OPTIONAL;
}

static int print_keys(struct export *e, const struct bus_id *id, const char *name,
                      const char *type)
{
    struct store_path dir = bus_request(id, name);
    size_t count;
    char **keys = e->p->ops->xs_list(e->p, PLATFORM_NO_TX, dir.text, &count);
    int rc = keys ? 0 : -1;

    for (size_t i = 0; i < count && rc == 0; i++) {
        char *value = NULL;

        if (!is_wanted(type, keys[i]))
            continue;
        value = store_read_text(e->p, PLATFORM_NO_TX, dir.text, keys[i]);
        rc = value ? print_value(e, id, name, keys[i], value) : -1;
        free(value);
    }
    free(keys);
    return rc;
}

/* One that was refused, or goes, is no device. */
static int print_device(struct export *e, const struct bus_id *id, const char *name)
{
    struct platform *p = e->p;
    struct store_path dir;
    char *type;
    int rc;

    if (!name_valid(name))
        return 0;
    dir = bus_request(id, name);
    if (store_exists(p, PLATFORM_NO_TX, store_path("%s/" XS_ERROR, dir.text).text) ||
        store_exists(p, PLATFORM_NO_TX, store_path("%s/" XS_REMOVE, dir.text).text))
        return 0;
    type = store_read_text(p, PLATFORM_NO_TX, dir.text, XS_TYPE);
    if (!type)
        return -1;
    fprintf(e->out, SAVED_DEVICE " %s\n", name);
    rc = print_value(e, id, name, XS_TYPE, type);
    if (rc == 0)
        rc = print_keys(e, id, name, type);
    free(type);
    return rc;
}

static int print_bus(struct export *e, const struct bus_id *id)
{
    struct platform *p = e->p;
    struct store_path home = bus_home(id);
    uint64_t next = 1;
    size_t count;
    char **names;
    int rc = 0;

    if (store_read_u64(p, PLATFORM_NO_TX, home.text, XS_DEVICE_NUMBER_NEXT, 1, UINT64_MAX, &next) <
            0 &&
        errno != ENOENT)
        return -1;
    fprintf(e->out, SAVED_BUS " %u\n" SAVED_NEXT " %" PRIu64 "\n", id->bus, next);
    names = p->ops->xs_list(p, PLATFORM_NO_TX, store_path("%s/" XS_REQUEST, home.text).text, &count);
    if (!names)
        return errno == ENOENT ? 0 : -1;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = print_device(e, id, names[i]);
    free(names);
    return rc;
}

int export_run(struct platform *p, const char *domain, FILE *out)
{
    struct export e = {.p = p, .domain = domain, .out = out};
    struct bus_ids ids;
    int rc = bus_list(p, COMMAND, domain, &ids);

    if (rc == 0)
        fputs(SAVED_FIRST_LINE "\n", out);
    for (size_t i = 0; rc == 0 && i < ids.count; i++) {
        rc = print_bus(&e, &ids.list[i]);
        if (rc < 0 && !e.refused)
            complain(COMMAND, "cannot read bus %u of domain %s: %s", ids.list[i].bus, domain,
                     strerror(errno));
    }
    if (rc == 0)
        fputs(SAVED_LAST_LINE "\n", out);
    free(ids.list);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(struct platform *p, const void *domain)
{
    return export_run(p, domain, stdout);
}

int cmd_export(int argc, char **argv)
{
    static const struct options_known known[] = {{0}};
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    if (argc - optind != 1)
        return options_usage(usage, false);
    return bus_run(COMMAND, run, argv[optind]);
}
