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
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define COMMAND "detach"

static const char usage[] =
    "usage: xvmsg detach [--force] [--timeout SECONDS] DOMAIN DEVICE [bus=NUMBER]\n"
    "\n"
    "Takes a device, by its number or name, away from DOMAIN (name or id) and\n"
    "waits until it is gone.\n"
    "\n"
    "  --force            do not wait for the guest to let go of it\n"
    "  --timeout SECONDS  wait so long; 30 is the default\n"
    "  bus=NUMBER         which bus of the guest; 0 is the default\n";

struct detach {
    const struct detach_request *request;
    struct bus_id id;
    struct store_path path; /* B/request/NAME */
};

/* Its request may be another one's by now, made under the same name. */
static int find_by_number(struct platform *p, platform_tx tx, struct detach *d, uint64_t wanted)
{
    struct store_path device =
        store_path("%s/" XS_DEVICE "/%" PRIu64, bus_home(&d->id).text, wanted);
    char *name = store_read_text(p, tx, device.text, XS_NAME);
    uint64_t number;
    int rc = -1;

    if (!name)
        return -1;
    if (name_valid(name)) {
        d->path = bus_request(&d->id, name);
        rc = store_read_u64(p, tx, d->path.text, XS_NUMBER, 0, UINT64_MAX, &number);
    }
    free(name);
    if (rc == 0 && number == wanted)
        return 0;
    errno = ENOENT;
    return -1;
}

/* -1 with ENOENT when there is no such device. */
static int find_device(struct platform *p, platform_tx tx, struct detach *d)
{
    uint64_t number;

    if (parse_u64(d->request->device, 0, UINT64_MAX, &number) == 0)
        return find_by_number(p, tx, d, number);
    if (!name_valid(d->request->device)) {
        errno = ENOENT;
        return -1;
    }
    d->path = bus_request(&d->id, d->request->device);
    return store_exists(p, tx, d->path.text) ? 0 : -1;
}

/* A request that got no number has no device: it can simply go. */
static int write_remove(struct platform *p, platform_tx tx, void *user)
{
    struct detach *d = user;

    if (find_device(p, tx, d) < 0)
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

static void complain_about_find(const struct detach_request *r, int error)
{
    if (error == ENOENT)
        complain(COMMAND, "domain %s has no device %s on bus %u", r->domain, r->device, r->bus);
    else
        complain(COMMAND, "cannot ask for the removal: %s", strerror(error));
}

int detach_run(struct platform *p, const struct detach_request *request)
{
    struct detach d = {.request = request};

    if (bus_find(p, COMMAND, request->domain, request->bus, &d.id) < 0)
        return EXIT_FAILURE;
    if (store_transaction(p, write_remove, &d) < 0) {
        complain_about_find(request, errno);
        return EXIT_FAILURE;
    }
    if (bus_wait(p, d.path.text, request->timeout, request_gone, &d) == 0)
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
static int parse_options(int argc, char **argv, struct detach_request *r)
{
    static const struct option known[] = {
        {"force", no_argument, NULL, 'f'},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };

    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "ft:h", known, NULL)) != -1;)
        switch (c) {
        case 'f':
            r->force = true;
            break;
        case 't':
            if (options_number(COMMAND, "--timeout", optarg, &r->timeout) < 0)
                return EXIT_USAGE;
            break;
        default:
            return options_usage(usage, c == 'h');
        }
    return -1;
}

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct detach_request *r)
{
    int status = parse_options(argc, argv, r);

    if (status >= 0)
        return status;
    if (argc - optind < 2 || argc - optind > 3)
        return options_usage(usage, false);
    r->domain = argv[optind];
    r->device = argv[optind + 1];
    if (argc - optind == 2)
        return -1;
    if (strncmp(argv[optind + 2], "bus=", 4) != 0) {
        complain(COMMAND, "unknown argument '%s'; see xvmsg detach --help", argv[optind + 2]);
        return EXIT_USAGE;
    }
    return options_number(COMMAND, "bus", argv[optind + 2] + 4, &r->bus) < 0 ? EXIT_USAGE : -1;
}

int cmd_detach(int argc, char **argv)
{
    struct detach_request request = {.timeout = ADMIN_TIMEOUT_DEFAULT};
    int status = parse_command_line(argc, argv, &request);

    if (status >= 0)
        return status;

    struct platform *p = bus_open_xen(COMMAND);

    if (!p)
        return EXIT_FAILURE;
    status = detach_run(p, &request);
    platform_close(p);
    return status;
}
