/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/devices.h"
#include "tools/xvmsg/json-print.h"
#include "tools/xvmsg/numbers.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/xvmsg.h"

#define COMMAND "list"

static const char usage[] =
    "usage: xvmsg list [--numbers] [--json] [DOMAIN]\n"
    "\n"
    "Shows every device this domain offers, or wants to, to DOMAIN (name or id)\n"
    "or to all.\n"
    "\n"
    "  --numbers  the device numbers of each bus instead: in use, and released\n"
    "  --json     an array with one object for each device, or bus\n";

enum { NUM_COLUMNS = 8, CELL_MAX = 24 };

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

/* A row of the table; numbers are printed into `space`. */
static void make_row(const struct device *d, char space[3][CELL_MAX],
                     const char *row[NUM_COLUMNS + 1])
{
    snprintf(space[0], CELL_MAX, "%" PRIu32, d->domid);
    snprintf(space[1], CELL_MAX, "%" PRIu32, d->bus);
    snprintf(space[2], CELL_MAX, "%" PRIu64, d->number);
    row[0] = space[0];
    row[1] = or_dash(d->domain);
    row[2] = space[1];
    row[3] = d->numbered ? space[2] : "-";
    row[4] = d->name;
    row[5] = or_dash(d->type);
    row[6] = or_dash(d->state);
    row[7] = or_dash(d->bus_state);
    row[8] = or_dash(d->target);
}

static void print_row(const char *const row[NUM_COLUMNS + 1], const int widths[NUM_COLUMNS],
                      FILE *out)
{
    for (size_t i = 0; i < NUM_COLUMNS; i++)
        fprintf(out, "%-*s  ", widths[i], row[i]);
    fprintf(out, "%s\n", row[NUM_COLUMNS]);
}

/* Once for each bus: its devices stand together. */
static void print_bus_errors(const struct devices *devices, FILE *out)
{
    for (size_t n = 0; n < devices->count; n++) {
        const struct device *d = &devices->entries[n];

        if (d->bus_error && (n == 0 || d[-1].domid != d->domid || d[-1].bus != d->bus))
            fprintf(out, "domain %" PRIu32 " (%s) bus %" PRIu32 ": %s\n", d->domid,
                    or_dash(d->domain), d->bus, d->bus_error);
    }
}

static void print_table(const struct devices *devices, FILE *out)
{
    static const char *const head[NUM_COLUMNS + 1] = {
        "ID", "DOMAIN", "BUS", "NUMBER", "NAME", "TYPE", "STATE", "BUS-STATE", "TARGET",
    };
    const char *row[NUM_COLUMNS + 1];
    char space[3][CELL_MAX];
    int widths[NUM_COLUMNS];

    for (size_t i = 0; i < NUM_COLUMNS; i++)
        widths[i] = (int)strlen(head[i]);
    for (size_t n = 0; n < devices->count; n++) {
        make_row(&devices->entries[n], space, row);
        for (size_t i = 0; i < NUM_COLUMNS; i++)
            if ((int)strlen(row[i]) > widths[i])
                widths[i] = (int)strlen(row[i]);
    }
    print_row(head, widths, out);
    for (size_t n = 0; n < devices->count; n++) {
        make_row(&devices->entries[n], space, row);
        print_row(row, widths, out);
    }
    print_bus_errors(devices, out);
}

static struct json_object *device_to_json(const struct device *d)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "domain-id", json_object_new_uint64(d->domid));
    json_print_text(object, "domain", d->domain);
    json_object_object_add(object, "bus", json_object_new_uint64(d->bus));
    json_object_object_add(object, "number",
                           d->numbered ? json_object_new_uint64(d->number) : NULL);
    json_print_text(object, "name", d->name);
    json_print_text(object, "type", d->type);
    json_print_text(object, "state", d->state);
    json_print_text(object, "bus-state", d->bus_state);
    json_print_text(object, "target", d->target);
    if (d->bus_error)
        json_print_text(object, "bus-error", d->bus_error);
    if (d->error)
        json_print_text(object, "error", d->error);
    return object;
}

static void print_json(const struct devices *devices, FILE *out)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < devices->count; i++)
        json_object_array_add(array, device_to_json(&devices->entries[i]));
    json_print(array, out);
    json_object_put(array);
}

static int show_devices(struct platform *p, const struct list_request *request, FILE *out)
{
    struct devices devices;
    int rc = devices_collect(p, COMMAND, request->domain, &devices);

    if (rc == 0 && request->json)
        print_json(&devices, out);
    else if (rc == 0)
        print_table(&devices, out);
    devices_free(&devices);
    return rc;
}

int list_run(struct platform *p, const struct list_request *request, FILE *out)
{
    int rc = request->numbers ? numbers_show(p, COMMAND, request, out)
                              : show_devices(p, request, out);

    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct list_request *r)
{
    const struct options_known known[] = {
        {"numbers", .flag = &r->numbers},
        {"json", .flag = &r->json},
        {0},
    };
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    if (argc - optind > 1)
        return options_usage(usage, false);
    r->domain = argv[optind]; /* NULL at the end */
    return -1;
}

static int run(struct platform *p, const void *request)
{
    return list_run(p, request, stdout);
}

int cmd_list(int argc, char **argv)
{
    struct list_request request = {0};
    int status = parse_command_line(argc, argv, &request);

    return status < 0 ? bus_run(COMMAND, run, &request) : status;
}
