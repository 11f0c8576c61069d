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

#define COMMAND "import"
#define WAITING "xvmsg " COMMAND ": waiting for the devices"

static const char usage[] =
    "usage: xvmsg import [--quiet] [--timeout SECONDS] DOMAIN\n"
    "\n"
    "Reads from standard input what xvmsg export printed, gives DOMAIN (name or id) the\n"
    "same devices, with their names and numbers, and waits until they are there. DOMAIN\n"
    "must have none on these buses: it was restored just now, and is paused.\n"
    "\n"
    "  --quiet            show no progress\n"
    "  --timeout SECONDS  wait so long; 30 is the default\n";

struct import {
    const struct import_request *request;
    struct bus_id id; /* of the bus that it is about now */
    const struct saved_bus *bus;
};

/* ---- writing ---- */

static int write_device(struct platform *p, platform_tx tx, const struct bus_id *id,
                        const struct saved_device *device)
{
    struct store_path path = bus_request(id, device->name);

    if (bus_make_private(p, tx, id, path.text) < 0)
        return -1;
    for (size_t i = 0; i < device->num_keys; i++)
        if (store_write_text(p, tx, path.text, device->keys[i].key, device->keys[i].value) < 0)
            return -1;
    return 0;
}

/* As a daemon finds it that starts, so that the numbers hold. EEXIST: there are devices. */
static int write_bus(struct platform *p, platform_tx tx, void *user)
{
    struct import *import = user;
    struct store_path home = bus_home(&import->id);
    struct store_path requests = store_path("%s/" XS_REQUEST, home.text);
    struct store_path next = store_path("%s/" XS_DEVICE_NUMBER_NEXT, home.text);

    if (store_exists(p, tx, requests.text) || store_exists(p, tx, next.text)) {
        errno = EEXIST;
        return -1;
    }
    if (bus_make(p, tx, &import->id) < 0 ||
        bus_make_private(p, tx, &import->id, next.text) < 0 ||
        store_write_u64(p, tx, home.text, XS_DEVICE_NUMBER_NEXT, import->bus->next) < 0 ||
        bus_make_private(p, tx, &import->id, requests.text) < 0)
        return -1;
    for (size_t i = 0; i < import->bus->num_devices; i++)
        if (write_device(p, tx, &import->id, &import->bus->devices[i]) < 0)
            return -1;
    return 0;
}

/* ---- waiting ---- */

/* 1 it is there, 0 not yet, -1 never. */
static int device_there(struct platform *p, const struct bus_id *id,
                        const struct saved_device *device)
{
    struct store_path path = bus_request(id, device->name);
    uint64_t number;

    if (store_exists(p, PLATFORM_NO_TX, store_path("%s/" XS_ERROR, path.text).text))
        return -1;
    if (store_read_u64(p, PLATFORM_NO_TX, path.text, XS_NUMBER, 1, UINT64_MAX, &number) < 0)
        return errno == ENOENT && store_exists(p, PLATFORM_NO_TX, path.text) ? 0 : -1;
    return store_exists(p, PLATFORM_NO_TX,
                        store_path("%s/" XS_DEVICE "/%" PRIu64, bus_home(id).text, number).text);
}

/* For bus_wait(): is it known of each what becomes of it? */
static int all_answered(struct platform *p, void *user)
{
    struct import *import = user;

    for (size_t i = 0; i < import->bus->num_devices; i++)
        if (device_there(p, &import->id, &import->bus->devices[i]) == 0)
            return 0;
    return 1;
}

static bool report(struct platform *p, const struct import *import)
{
    bool good = true;

    for (size_t i = 0; i < import->bus->num_devices; i++) {
        const struct saved_device *device = &import->bus->devices[i];
        struct store_path path = bus_request(&import->id, device->name);
        char *error;

        if (device_there(p, &import->id, device) > 0)
            continue;
        error = bus_read_words(p, PLATFORM_NO_TX, path.text, XS_ERROR);
        complain(COMMAND, "device %s of bus %u is not there: %s", device->name, import->bus->bus,
                 error ? error : "xvmsgd did not answer in time");
        free(error);
        good = false;
    }
    return good;
}

/* ---- all of it ---- */

static bool import_bus(struct platform *p, struct import *import)
{
    const struct import_request *r = import->request;
    struct store_path home;

    if (bus_find(p, COMMAND, r->domain, import->bus->bus, &import->id) < 0)
        return false;
    if (store_transaction(p, write_bus, import) < 0) {
        if (errno == EEXIST)
            complain(COMMAND, "bus %u of domain %s has, or had, devices already", import->bus->bus,
                     r->domain);
        else
            bus_complain_about_making(COMMAND, r->domain, import->bus->bus);
        return false;
    }
    home = bus_home(&import->id);
    if (bus_wait(p, home.text, r->timeout, r->quiet ? NULL : WAITING, all_answered, import) < 0 &&
        errno != ETIMEDOUT) {
        complain(COMMAND, "cannot read xvmsgd's answer: %s", strerror(errno));
        return false;
    }
    return report(p, import);
}

int import_run(struct platform *p, const struct import_request *request, FILE *from)
{
    struct saved saved;
    struct import import = {.request = request};
    char why[SAVED_WHY_SIZE];
    bool good = saved_read(from, &saved, why) == 0;

    if (!good)
        complain(COMMAND, "%s", why);
    for (size_t i = 0; good && i < saved.num_buses; i++) {
        import.bus = &saved.buses[i];
        good = import_bus(p, &import);
    }
    saved_free(&saved);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(struct platform *p, const void *request)
{
    return import_run(p, request, stdin);
}

int cmd_import(int argc, char **argv)
{
    struct import_request request = {.timeout = ADMIN_TIMEOUT_DEFAULT};
    const struct options_known known[] = {
        {"quiet", .flag = &request.quiet},
        {"timeout", .number = &request.timeout},
        {0},
    };
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    if (argc - optind != 1)
        return options_usage(usage, false);
    request.domain = argv[optind];
    return bus_run(COMMAND, run, &request);
}
