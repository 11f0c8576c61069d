/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define COMMAND "set"

static const char usage[] =
    "usage: xvmsg set DOMAIN DEVICE KEY=VALUE ... [bus=NUMBER]\n"
    "\n"
    "Changes settings of a device, by its number or name, of DOMAIN (name or id).\n"
    "They hold until they are changed again or the device is detached.\n"
    "\n"
    "  link=up, link=down  of a net: whether it is connected\n"
    "  bus=NUMBER          which bus of the guest; 0 is the default\n";

struct set {
    const struct set_request *request;
    struct bus_id id;
    char why[256]; /* when the device cannot do it */
};

/* What the type of the device makes of it. */
static bool fits(struct set *s, const char *type, const char *key, const char *value)
{
    const struct schema_node *node = schema_find(store_path("B/" XS_REQUEST "/x/%s", key).text);
    char wrong[SCHEMA_WHY_SIZE];

    if (!schema_settable(type, key))
        snprintf(s->why, sizeof(s->why), "a device of type %.16s has no %.32s to be set", type,
                 key);
    else if (!schema_value_valid(node, value, wrong))
        snprintf(s->why, sizeof(s->why), "%.32s '%.64s' %s", key, value, wrong);
    errno = EINVAL;
    return !s->why[0];
}

static int write_one(struct set *s, struct platform *p, platform_tx tx, const char *path,
                     const char *type, const char *choice)
{
    size_t length = strcspn(choice, "=");
    char key[CHOICES_SIZE];

    snprintf(key, sizeof(key), "%.*s", (int)length, choice);
    if (!fits(s, type, key, choice + length + 1))
        return -1;
    return store_write_text(p, tx, path, key, choice + length + 1);
}

/* All of them or none. */
static int write_settings(struct platform *p, platform_tx tx, void *user)
{
    struct set *s = user;
    const char *choice = NULL;
    struct store_path path;
    char *type;
    int rc = 0;

    s->why[0] = '\0';
    if (bus_find_request(p, tx, &s->id, s->request->device, &path) < 0)
        return -1;
    type = bus_read_words(p, tx, path.text, XS_TYPE);
    if (!type)
        return -1;
    while (rc == 0 && (choice = choices_next(&s->request->choices, choice)))
        rc = write_one(s, p, tx, path.text, type, choice);
    free(type);
    return rc;
}

int set_run(struct platform *p, const struct set_request *request)
{
    struct set s = {.request = request};

    if (bus_find(p, COMMAND, request->domain, request->bus, &s.id) < 0)
        return EXIT_FAILURE;
    if (store_transaction(p, write_settings, &s) == 0)
        return EXIT_SUCCESS;
    if (s.why[0])
        complain(COMMAND, "%s", s.why);
    else
        bus_complain_about_request(COMMAND, request->domain, request->bus, request->device);
    return EXIT_FAILURE;
}

static bool parse_argument(const char *argument, struct set_request *r)
{
    size_t length = strcspn(argument, "=");
    char key[CHOICES_SIZE];

    if (strncmp(argument, "bus=", 4) == 0)
        return options_number(COMMAND, "bus", argument + 4, &r->bus) == 0;
    snprintf(key, sizeof(key), "%.*s", (int)length, argument);
    if (length && argument[length] && !choices_get(&r->choices, key) &&
        choices_add(&r->choices, key, argument + length + 1))
        return true;
    complain(COMMAND, "'%s' is not KEY=VALUE, or given twice", argument);
    return false;
}

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct set_request *r)
{
    static const struct options_known known[] = {{0}};
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    if (argc - optind < 3)
        return options_usage(usage, false);
    r->domain = argv[optind++];
    r->device = argv[optind++];
    for (; optind < argc; optind++)
        if (!parse_argument(argv[optind], r))
            return EXIT_USAGE;
    return choices_next(&r->choices, NULL) ? -1 : options_usage(usage, false);
}

static int run(struct platform *p, const void *request)
{
    return set_run(p, request);
}

int cmd_set(int argc, char **argv)
{
    struct set_request request = {0};
    int status = parse_command_line(argc, argv, &request);

    return status < 0 ? bus_run(COMMAND, run, &request) : status;
}
