/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/mac.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define COMMAND "attach"
#define WAITING "xvmsg " COMMAND ": waiting for xvmsgd"

static const char usage[] =
    "usage: xvmsg attach [--quiet] [--timeout SECONDS] DOMAIN blk target=PATH\n"
    "                    [readonly] [cache=MODE] [queues=NUMBER]\n"
    "                    [name=NAME] [uuid=UUID] [bus=NUMBER]\n"
    "       xvmsg attach [--quiet] [--timeout SECONDS] DOMAIN net [bridge=BRIDGE]\n"
    "                    [mac=MAC] [mtu=BYTES] [queues=NUMBER] [script=SCRIPT]\n"
    "                    [link=up|down] [name=NAME] [uuid=UUID] [bus=NUMBER]\n"
    "       xvmsg attach [--quiet] [--timeout SECONDS] DOMAIN rng [rate=BYTES]\n"
    "                    [name=NAME] [uuid=UUID] [bus=NUMBER]\n"
    "       xvmsg attach [--quiet] [--timeout SECONDS] DOMAIN console [ports=NUMBER]\n"
    "                    [output=PATH] [name=NAME] [uuid=UUID] [bus=NUMBER]\n"
    "\n"
    "Gives DOMAIN (name or id) a device and prints the device's number.\n"
    "\n"
    "  blk                a disk\n"
    "  net                a network interface\n"
    "  rng                random bytes\n"
    "  console            a console, on a terminal that xvmsg console finds\n"
    "  target=PATH        the file or block device behind it\n"
    "  readonly           the guest may not write\n"
    "  cache=MODE         writeback (the default), writethrough, none (O_DIRECT)\n"
    "                     or directsync (both)\n"
    "  queues=NUMBER      of a disk, or pairs of them of a net, 1 to 8; 1 is the default\n"
    "  bridge=BRIDGE      what it is connected to; the script has a default\n"
    "  mac=MAC            the guest's address; one of its own is the default\n"
    "  mtu=BYTES          the longest packet, of which the guest is told\n"
    "  script=SCRIPT      of /etc/xen/scripts, what connects it; vif-bridge is the\n"
    "                     default, none leaves that to you\n"
    "  link=up|down       down: is not connected yet, see xvmsg set\n"
    "  rate=BYTES         how many random bytes a second; 1048576 is the default\n"
    "  ports=NUMBER       how many streams the console has, up to 8; 1 is the default\n"
    "  output=PATH        a Unix socket in place of the terminal, PATH.1 for port 1 ...\n"
    "  name=NAME          for detach and list; the first free of TYPE0, TYPE1 ...\n"
    "  uuid=UUID          the device's identity for the guest\n"
    "  bus=NUMBER         which bus of the guest; 0 is the default\n"
    "  --quiet            show no progress\n"
    "  --timeout SECONDS  wait so long for xvmsgd; 30 is the default\n";

/* ---- the store ---- */

struct attach {
    const struct attach_request *request;
    struct bus_id id;
    char name[NAME_MAX_LENGTH + 1];

    /* What became of it. */
    uint64_t number;
    char *error;
};

/* 0 when a->name is free; -1 with EEXIST when it is not. */
static int check_free(struct platform *p, platform_tx tx, const struct attach *a)
{
    int missing = bus_missing(p, tx, bus_request(&a->id, a->name).text);

    if (missing == 0)
        errno = EEXIST;
    return missing == 1 ? 0 : -1;
}

/* The number i that makes TYPEi, `name`; `none` when it is no such name. */
static size_t default_index(const char *type, const char *name, size_t none)
{
    size_t length = strlen(type);
    uint64_t i;

    if (strncmp(name, type, length) != 0 || (name[length] == '0' && name[length + 1]) ||
        parse_u64(name + length, 0, none, &i) < 0)
        return none;
    return (size_t)i;
}

/* The first free of TYPE0, TYPE1 ... is at most as far as there are names. */
static int choose_default(struct platform *p, platform_tx tx, const char *requests,
                          struct attach *a)
{
    size_t count = 0, i = 0;
    char **names = p->ops->xs_list(p, tx, requests, &count);
    bool *taken;

    if (!names && errno != ENOENT)
        return -1;
    taken = calloc(count + 1, sizeof(*taken));
    for (size_t n = 0; taken && n < count; n++)
        taken[default_index(a->request->type, names[n], count)] = true;
    free(names);
    if (!taken)
        return -1;
    while (i < count && taken[i])
        i++;
    free(taken);
    snprintf(a->name, sizeof(a->name), "%s%zu", a->request->type, i);
    return 0;
}

static int choose_name(struct platform *p, platform_tx tx, const char *requests, struct attach *a)
{
    if (!a->request->name)
        return choose_default(p, tx, requests, a);
    snprintf(a->name, sizeof(a->name), "%s", a->request->name);
    return check_free(p, tx, a);
}

static int write_choice(struct platform *p, platform_tx tx, const char *dir, const char *choice)
{
    size_t length = strcspn(choice, "=");
    char key[64];

    snprintf(key, sizeof(key), "%.*s", (int)length, choice);
    return store_write_text(p, tx, dir, key, choice + length + 1);
}

/* What the type needs and nobody said. */
static int write_defaults(struct platform *p, platform_tx tx, const char *dir,
                          const struct attach *a)
{
    const struct attach_request *r = a->request;
    char mac[MAC_TEXT_SIZE];

    if (schema_use(r->type, XS_MODE) == SCHEMA_NEEDED && !choices_get(&r->choices, XS_MODE) &&
        store_write_text(p, tx, dir, XS_MODE, XS_MODE_WRITE) < 0)
        return -1;
    if (schema_use(r->type, XS_MAC) != SCHEMA_NEEDED || choices_get(&r->choices, XS_MAC))
        return 0;
    mac_derive(p, tx, &a->id, a->name, mac);
    return store_write_text(p, tx, dir, XS_MAC, mac);
}

static int write_settings(struct platform *p, platform_tx tx, const char *dir,
                          const struct attach *a)
{
    const struct attach_request *r = a->request;
    const char *choice = NULL;

    if (store_write_text(p, tx, dir, XS_TYPE, r->type) < 0 ||
        (r->target && store_write_text(p, tx, dir, XS_TARGET, r->target) < 0) ||
        (r->uuid && store_write_text(p, tx, dir, XS_UUID, r->uuid) < 0))
        return -1;
    while ((choice = choices_next(&r->choices, choice)))
        if (write_choice(p, tx, dir, choice) < 0)
            return -1;
    return write_defaults(p, tx, dir, a);
}

/* One transaction: the bus, if it is new, and the request. */
static int write_request(struct platform *p, platform_tx tx, void *user)
{
    struct attach *a = user;
    struct store_path requests = store_path("%s/" XS_REQUEST, bus_home(&a->id).text);

    if (bus_make(p, tx, &a->id) < 0 || choose_name(p, tx, requests.text, a) < 0)
        return -1;

    struct store_path path = bus_request(&a->id, a->name);
    int missing = bus_missing(p, tx, requests.text);

    /* To touch the directory would have the daemon look at all requests. */
    if (missing < 0 || (missing && bus_make_private(p, tx, &a->id, requests.text) < 0) ||
        bus_make_private(p, tx, &a->id, path.text) < 0)
        return -1;
    return write_settings(p, tx, path.text, a);
}

/* For bus_wait(): -1 with ENODEV when the request is no more. */
static int answered(struct platform *p, void *user)
{
    struct attach *a = user;
    struct store_path path = bus_request(&a->id, a->name);

    if (store_read_u64(p, PLATFORM_NO_TX, path.text, XS_NUMBER, 0, UINT64_MAX, &a->number) == 0)
        return 1;
    if (errno != ENOENT)
        return -1;
    a->error = bus_read_words(p, PLATFORM_NO_TX, path.text, XS_ERROR);
    if (a->error)
        return 1;
    if (store_exists(p, PLATFORM_NO_TX, path.text))
        return 0;
    if (errno == ENOENT)
        errno = ENODEV;
    return -1;
}

/* Takes the request back, unless the daemon has granted it meanwhile. */
static int withdraw(struct platform *p, platform_tx tx, void *user)
{
    struct attach *a = user;
    struct store_path path = bus_request(&a->id, a->name);

    if (store_read_u64(p, tx, path.text, XS_NUMBER, 0, UINT64_MAX, &a->number) == 0) {
        errno = EALREADY;
        return -1;
    }
    return store_remove(p, tx, store_path("%s/" XS_REQUEST, bus_home(&a->id).text).text, a->name);
}

static int print_number(const struct attach *a, FILE *out)
{
    fprintf(out, "%llu\n", (unsigned long long)a->number);
    return EXIT_SUCCESS;
}

/* Leaves nothing behind of an attach that failed, and says why it did. */
static int give_up(struct platform *p, struct attach *a, int error, FILE *out)
{
    if (store_transaction(p, withdraw, a) < 0 && errno == EALREADY)
        return print_number(a, out);
    if (a->error)
        complain(COMMAND, "%s", a->error);
    else if (error == ETIMEDOUT)
        complain(COMMAND, "xvmsgd did not answer within %u s", a->request->timeout);
    else if (error == ENODEV)
        complain(COMMAND, "the request was removed before xvmsgd answered");
    else
        complain(COMMAND, "cannot read xvmsgd's answer: %s", strerror(error));
    return EXIT_FAILURE;
}

int attach_run(struct platform *p, const struct attach_request *request, FILE *out)
{
    struct attach a = {.request = request};
    int status;

    if (bus_find(p, COMMAND, request->domain, request->bus, &a.id) < 0)
        return EXIT_FAILURE;
    if (store_transaction(p, write_request, &a) < 0) {
        if (errno == EEXIST)
            complain(COMMAND, "domain %s already has a device named %s", request->domain, a.name);
        else
            bus_complain_about_making(COMMAND, request->domain, request->bus);
        return EXIT_FAILURE;
    }
    if (bus_wait(p, bus_request(&a.id, a.name).text, request->timeout, request->quiet ? NULL : WAITING,
                 answered, &a) == 0 &&
        !a.error)
        status = print_number(&a, out);
    else
        status = give_up(p, &a, errno, out);
    free(a.error);
    return status;
}

/* ---- the command line ---- */

/* Is the value what the schema wants under B/request/NAME/KEY? False: `why` says. */
static bool value_fits(const char *key, const char *value, char why[SCHEMA_WHY_SIZE])
{
    return schema_value_valid(schema_find(store_path("B/" XS_REQUEST "/x/%s", key).text), value,
                              why);
}

static bool check_value(const char *key, const char *value)
{
    char why[SCHEMA_WHY_SIZE];

    if (value_fits(key, value, why))
        return true;
    complain(COMMAND, "%s '%s' %s", key, value, why);
    return false;
}

/* In a static buffer, as the program attaches one device. */
static const char *absolute_path(const char *path)
{
    static char buffer[4096];
    char directory[2048];
    int length;

    if (path[0] == '/')
        return path;
    if (!getcwd(directory, sizeof(directory)))
        return NULL;
    length = snprintf(buffer, sizeof(buffer), "%s/%s", directory, path);
    return length > 0 && (size_t)length < sizeof(buffer) ? buffer : NULL;
}

/* The value of KEY=VALUE, NULL when the argument is of another key. */
static const char *value_of(const char *argument, const char *key)
{
    size_t length = strlen(key);

    return strncmp(argument, key, length) == 0 && argument[length] == '='
               ? argument + length + 1
               : NULL;
}

static bool choose(struct attach_request *r, const char *key, const char *value)
{
    if (choices_get(&r->choices, key))
        complain(COMMAND, "%s is given twice", key);
    else if (!choices_add(&r->choices, key, value))
        complain(COMMAND, "too many arguments");
    else
        return true;
    return false;
}

static bool refuse_unfit(const struct attach_request *r, const char *shown)
{
    complain(COMMAND, "a device of type %s has no %s", r->type, shown);
    return false;
}

/* KEY=VALUE for whatever the type has. */
static bool parse_choice(const char *argument, struct attach_request *r)
{
    size_t length = strcspn(argument, "=");
    char key[64];

    snprintf(key, sizeof(key), "%.*s", (int)length, argument);
    switch (argument[length] && length < sizeof(key) ? schema_use(r->type, key)
                                                     : SCHEMA_FOREIGN) {
    case SCHEMA_FOREIGN:
        complain(COMMAND, "unknown argument '%s'; see xvmsg attach --help", argument);
        return false;
    case SCHEMA_UNFIT:
        return refuse_unfit(r, key);
    default:
        return check_value(key, argument + length + 1) && choose(r, key, argument + length + 1);
    }
}

static bool parse_argument(const char *argument, struct attach_request *r)
{
    const char *value;

    if (strcmp(argument, "readonly") == 0)
        return schema_use(r->type, XS_MODE) == SCHEMA_UNFIT
                   ? refuse_unfit(r, argument)
                   : choose(r, XS_MODE, XS_MODE_READ);
    if ((value = value_of(argument, XS_TARGET))) {
        r->target = *value ? absolute_path(value) : value;
        return r->target && check_value(XS_TARGET, r->target);
    }
    if ((value = value_of(argument, XS_UUID))) {
        r->uuid = value;
        return check_value(XS_UUID, value);
    }
    if ((value = value_of(argument, XS_NAME))) {
        r->name = value;
        if (name_valid(value))
            return true;
        complain(COMMAND, "name '%s' must be a letter and then at most %d letters, digits, '-' or "
                          "'_'", value, NAME_MAX_LENGTH - 1);
        return false;
    }
    if ((value = value_of(argument, "bus")))
        return options_number(COMMAND, "bus", value, &r->bus) == 0;
    return parse_choice(argument, r);
}

/* Is there everything the type needs, and no target that it has no use for? */
static bool check_type(const struct attach_request *r)
{
    if (r->target && schema_use(r->type, XS_TARGET) == SCHEMA_UNFIT)
        return refuse_unfit(r, XS_TARGET);
    if (!r->target && schema_use(r->type, XS_TARGET) == SCHEMA_NEEDED) {
        complain(COMMAND, "target=PATH is missing: what should stand behind the device?");
        return false;
    }
    return true;
}

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct attach_request *r)
{
    const struct options_known known[] = {
        {"quiet", .flag = &r->quiet},
        {"timeout", .number = &r->timeout},
        {0},
    };
    int status = options_parse(COMMAND, usage, known, argc, argv);
    char why[SCHEMA_WHY_SIZE];

    if (status >= 0)
        return status;
    if (argc - optind < 2)
        return options_usage(usage, false);
    r->domain = argv[optind++];
    r->type = argv[optind++];
    if (!value_fits(XS_TYPE, r->type, why)) {
        complain(COMMAND, "no device type '%s'; there are: " XS_TYPES, r->type);
        return EXIT_USAGE;
    }
    for (; optind < argc; optind++)
        if (!parse_argument(argv[optind], r))
            return EXIT_USAGE;
    return check_type(r) ? -1 : EXIT_USAGE;
}

static int run(struct platform *p, const void *request)
{
    return attach_run(p, request, stdout);
}

int cmd_attach(int argc, char **argv)
{
    struct attach_request request = {.timeout = ADMIN_TIMEOUT_DEFAULT};
    int status = parse_command_line(argc, argv, &request);

    return status < 0 ? bus_run(COMMAND, run, &request) : status;
}
