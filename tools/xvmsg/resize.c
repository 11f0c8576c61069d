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

#define COMMAND "resize"
#define WAITING "xvmsg " COMMAND ": waiting for xvmsgd"

static const char usage[] =
    "usage: xvmsg resize [--quiet] [--timeout SECONDS] DOMAIN DEVICE\n"
    "                    [bus=NUMBER]\n"
    "\n"
    "Has xvmsgd look at the size of what stands behind a device, by its number or\n"
    "name, of DOMAIN (name or id), and waits until it has; the guest is told.\n"
    "\n"
    "  --quiet            show no progress\n"
    "  --timeout SECONDS  wait so long; 30 is the default\n"
    "  bus=NUMBER         which bus of the guest; 0 is the default\n";

struct resize {
    const struct resize_request *request;
    struct bus_id id;
    struct store_path path; /* B/request/NAME */
};

/* So that the daemon tells this wish from one it is serving. */
int resize_count_up(struct platform *p, platform_tx tx, const char *request)
{
    uint64_t count = 0;

    if (store_read_u64(p, tx, request, XS_RESIZE, 0, UINT64_MAX, &count) < 0 && errno != ENOENT)
        return -1;
    return store_write_u64(p, tx, request, XS_RESIZE, count + 1);
}

/* A request that got no number has no device. */
static int write_resize(struct platform *p, platform_tx tx, void *user)
{
    struct resize *r = user;
    uint64_t number;

    if (bus_find_request(p, tx, &r->id, r->request->device, &r->path) < 0 ||
        store_read_u64(p, tx, r->path.text, XS_NUMBER, 1, UINT64_MAX, &number) < 0)
        return -1;
    return resize_count_up(p, tx, r->path.text);
}

/* A request that goes takes the node with it. */
static int resize_gone(struct platform *p, void *user)
{
    const struct resize *r = user;
    int removed = bus_missing(p, PLATFORM_NO_TX, r->path.text);

    if (removed > 0)
        errno = ENODEV;
    if (removed != 0)
        return -1;
    return bus_missing(p, PLATFORM_NO_TX, store_path("%s/" XS_RESIZE, r->path.text).text);
}

int resize_run(struct platform *p, const struct resize_request *request)
{
    struct resize r = {.request = request};

    if (bus_find(p, COMMAND, request->domain, request->bus, &r.id) < 0)
        return EXIT_FAILURE;
    if (store_transaction(p, write_resize, &r) < 0) {
        bus_complain_about_request(COMMAND, request->domain, request->bus, request->device);
        return EXIT_FAILURE;
    }
    if (bus_wait(p, r.path.text, request->timeout, request->quiet ? NULL : WAITING,
                 resize_gone, &r) == 0)
        return EXIT_SUCCESS;
    if (errno == ETIMEDOUT)
        complain(COMMAND, "xvmsgd has not looked at device %s within %u s; it will when it can",
                 request->device, request->timeout);
    else if (errno == ENODEV)
        complain(COMMAND, "device %s was removed meanwhile", request->device);
    else
        complain(COMMAND, "cannot see whether it is done: %s", strerror(errno));
    return EXIT_FAILURE;
}

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct resize_request *r)
{
    const struct options_known known[] = {
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
    return resize_run(p, request);
}

int cmd_resize(int argc, char **argv)
{
    struct resize_request request = {.timeout = ADMIN_TIMEOUT_DEFAULT};
    int status = parse_command_line(argc, argv, &request);

    return status < 0 ? bus_run(COMMAND, run, &request) : status;
}
