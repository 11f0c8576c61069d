/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define COMMAND "detach"
#define WAITING "xvmsg " COMMAND ": waiting until it is gone"

static const char usage[] =
    "usage: xvmsg detach [--force] [--quiet] [--timeout SECONDS]\n"
    "                    DOMAIN DEVICE [bus=NUMBER]\n"
    "\n"
    "Takes a device, by its number or name, away from DOMAIN (name or id) and\n"
    "waits until it is gone.\n"
    "\n"
    "  --force            do not wait for the guest to let go of it\n"
    "  --quiet            show no progress\n"
    "  --timeout SECONDS  wait so long; 30 is the default\n"
    "  bus=NUMBER         which bus of the guest; 0 is the default\n";

struct detach {
    const struct detach_request *request;
    struct bus_id id;
    struct store_path path; /* B/request/NAME */
};

/* A request that got no number has no device: it can simply go. */
static int write_remove(struct platform *p, platform_tx tx, void *user)
{
    struct detach *d = user;

    if (bus_find_request(p, tx, &d->id, d->request->device, &d->path) < 0)
        return -1;

    int missing = bus_missing(p, tx, store_path("%s/" XS_NUMBER, d->path.text).text);

    if (missing != 0)
        return missing < 0 ? -1 : p->ops->xs_remove(p, tx, d->path.text);
    return store_write_text(p, tx, d->path.text, XS_REMOVE,
                            d->request->force ? XS_REMOVE_FORCE : XS_REMOVE_ORDERLY);
}

static int request_gone(struct platform *p, void *user)
{
    struct detach *d = user;

    return bus_missing(p, PLATFORM_NO_TX, d->path.text);
}

int detach_run(struct platform *p, const struct detach_request *request)
{
    struct detach d = {.request = request};

    if (bus_find(p, COMMAND, request->domain, request->bus, &d.id) < 0)
        return EXIT_FAILURE;
    if (store_transaction(p, write_remove, &d) < 0) {
        bus_complain_about_request(COMMAND, request->domain, request->bus, request->device);
        return EXIT_FAILURE;
    }
    if (bus_wait(p, d.path.text, request->timeout, request->quiet ? NULL : WAITING,
                 request_gone, &d) == 0)
        return EXIT_SUCCESS;
    if (errno == ETIMEDOUT)
        complain(COMMAND, "device %s is not gone after %u s; it still goes when the guest lets "
                          "go of it%s", request->device, request->timeout,
                 request->force ? "" : ", or at once with --force");
    else
        complain(COMMAND, "cannot see whether the device is gone: %s", strerror(errno));
    return EXIT_FAILURE;
}

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct detach_request *r)
{
    const struct options_known known[] = {
        {"force", .flag = &r->force},
        {"quiet", .flag = &r->quiet},
        {"timeout", .number = &r->timeout},
        {0},
    };
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    return options_device(COMMAND, usage, argc, argv, &r->domain, &r->device, &r->bus);
}

static int run(struct platform *p, const void *request)
{
    return detach_run(p, request);
}

int cmd_detach(int argc, char **argv)
{
    struct detach_request request = {.timeout = ADMIN_TIMEOUT_DEFAULT};
    int status = parse_command_line(argc, argv, &request);

    return status < 0 ? bus_run(COMMAND, run, &request) : status;
}
