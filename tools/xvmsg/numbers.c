/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/json-print.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/numbering.h"
#include "xenstore-schema/schema.h"

/* Numbers that somebody has, and who. */
struct owned {
    uint64_t *numbers;
    char **names; /* NULL where it cannot be told */
    size_t count;
};

struct numbers {
    struct bus_id id;
    char *domain;
    char *form;
    uint64_t counter;
    bool settings_known;
    struct quarantine quarantine;
    struct owned in_use;
    struct owned taken;
    struct releases releases;
    uint64_t now;
};

static void free_owned(struct owned *owned)
{
    for (size_t i = 0; owned->names && i < owned->count; i++)
        free(owned->names[i]);
    free(owned->names);
    free(owned->numbers);
}

static void free_numbers(struct numbers *n)
{
    free_owned(&n->in_use);
    free_owned(&n->taken);
    free(n->releases.list);
    free(n->domain);
    free(n->form);
}

/* ---- collecting, in one transaction ---- */

/* `name_key` is where below a number its owner's name stands, "" for the node itself. */
static int read_owned(struct platform *p, platform_tx tx, const char *home, const char *dir,
                      const char *name_key, struct owned *owned)
{
    ssize_t count = numbering_list(p, tx, home, dir, &owned->numbers);

    if (count < 0)
        return -1;
    owned->names = calloc((size_t)count + 1, sizeof(*owned->names));
    if (!owned->names)
        return -1;
    owned->count = (size_t)count;
    for (size_t i = 0; i < owned->count; i++)
        owned->names[i] = bus_read_words(
            p, tx, home,
            store_path("%s/%" PRIu64 "%s", dir, owned->numbers[i], name_key).text);
    return 0;
}

/* A setting that a daemon of before has not written. */
static bool read_setting(struct platform *p, platform_tx tx, const char *home, const char *key,
                         uint32_t *setting)
{
    uint64_t value;

    if (store_read_u64(p, tx, home, key, 0, UINT32_MAX, &value) < 0)
        return false;
    *setting = (uint32_t)value;
    return true;
}

static int collect_body(struct platform *p, platform_tx tx, void *user)
{
    struct numbers *n = user;
    struct store_path home = bus_home(&n->id);
    const struct bus_id id = n->id;

    /* What an earlier try found. */
    free_numbers(n);
    *n = (struct numbers){.id = id, .counter = NUMBERING_FIRST, .now = numbering_now(p)};
    n->domain = bus_domain_name(p, tx, &id);
    n->form = store_read_text(p, tx, home.text, XS_DEVICE_NUMBER_FORM);
    n->settings_known =
        read_setting(p, tx, home.text, XS_QUARANTINE_COUNT, &n->quarantine.count) &&
        read_setting(p, tx, home.text, XS_QUARANTINE_SECONDS, &n->quarantine.seconds);
    if (store_read_u64(p, tx, home.text, XS_DEVICE_NUMBER_NEXT, NUMBERING_FIRST, UINT64_MAX,
                       &n->counter) < 0 && errno != ENOENT)
        return -1;
    if (read_owned(p, tx, home.text, XS_DEVICE, "/" XS_NAME, &n->in_use) < 0 ||
        read_owned(p, tx, home.text, XS_TAKEN, "", &n->taken) < 0)
        return -1;
    return numbering_read(p, tx, home.text, &n->releases);
}

/* ---- what the store's words mean ---- */

static const char *form_of(const struct numbers *n)
{
    return n->form && strcmp(n->form, XS_WIRE_FORM_COMPACT) == 0 ? XS_WIRE_FORM_COMPACT
                                                                 : XS_WIRE_FORM_WIDE;
}

/* Where the search for the next number begins. */
static uint64_t next_of(const struct numbers *n)
{
    return strcmp(form_of(n), XS_WIRE_FORM_WIDE) == 0
               ? n->counter
               : numbering_compact(n->counter, NUMBERING_COMPACT);
}

static bool owns(const struct owned *owned, uint64_t number)
{
    for (size_t i = 0; i < owned->count; i++)
        if (owned->numbers[i] == number)
            return true;
    return false;
}

/* One that was given again is not a released number any more. */
static bool is_released(const struct numbers *n, const struct release *r)
{
    return !owns(&n->in_use, r->number) && !owns(&n->taken, r->number);
}

static bool in_quarantine(const struct numbers *n, const struct release *r)
{
    return n->settings_known &&
           numbering_quarantined(&n->quarantine, r, n->releases.end, n->now);
}

/* ---- text ---- */

static void print_owned(const struct owned *owned, const char *how, FILE *out)
{
    for (size_t i = 0; i < owned->count; i++)
        fprintf(out, "  %5" PRIu64 "  %s %s\n", owned->numbers[i], how,
                owned->names[i] ? owned->names[i] : "?");
}

static void print_text(const struct numbers *n, FILE *out)
{
    fprintf(out, "domain %" PRIu32 " (%s) bus %" PRIu32 ": %s form, next number %" PRIu64,
            n->id.frontend, n->domain ? n->domain : "-", n->id.bus, form_of(n), next_of(n));
    if (n->settings_known)
        fprintf(out, ", quarantine of %" PRIu32 " releases and %" PRIu32 " s",
                n->quarantine.count, n->quarantine.seconds);
    fputc('\n', out);
    print_owned(&n->in_use, "in use by", out);
    print_owned(&n->taken, "taken for", out);
    for (size_t i = 0; i < n->releases.count; i++) {
        const struct release *r = &n->releases.list[i];

        if (is_released(n, r))
            fprintf(out, "  %5" PRIu64 "  released %" PRIu64 " s ago%s\n", r->number,
                    numbering_age(r, n->now), in_quarantine(n, r) ? ", in quarantine" : "");
    }
}

/* ---- JSON ---- */

static struct json_object *owned_to_json(const struct owned *owned)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < owned->count; i++) {
        struct json_object *object = json_object_new_object();

        json_object_object_add(object, "number", json_object_new_uint64(owned->numbers[i]));
        json_print_text(object, "name", owned->names[i]);
        json_object_array_add(array, object);
    }
    return array;
}

static struct json_object *releases_to_json(const struct numbers *n)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < n->releases.count; i++) {
        const struct release *r = &n->releases.list[i];
        struct json_object *object;

        if (!is_released(n, r))
            continue;
        object = json_object_new_object();
        json_object_object_add(object, "number", json_object_new_uint64(r->number));
        json_object_object_add(object, "age", json_object_new_uint64(numbering_age(r, n->now)));
        json_object_object_add(object, "quarantine", json_object_new_boolean(in_quarantine(n, r)));
        json_object_array_add(array, object);
    }
    return array;
}

static struct json_object *setting_to_json(const struct numbers *n, uint32_t setting)
{
    return n->settings_known ? json_object_new_uint64(setting) : NULL;
}

static struct json_object *to_json(const struct numbers *n)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "domain-id", json_object_new_uint64(n->id.frontend));
    json_print_text(object, "domain", n->domain);
    json_object_object_add(object, "bus", json_object_new_uint64(n->id.bus));
    json_print_text(object, "form", form_of(n));
    json_object_object_add(object, "next", json_object_new_uint64(next_of(n)));
    json_object_object_add(object, XS_QUARANTINE_COUNT, setting_to_json(n, n->quarantine.count));
    json_object_object_add(object, XS_QUARANTINE_SECONDS,
                           setting_to_json(n, n->quarantine.seconds));
    json_object_object_add(object, "in-use", owned_to_json(&n->in_use));
    json_object_object_add(object, "taken", owned_to_json(&n->taken));
    json_object_object_add(object, "released", releases_to_json(n));
    return object;
}

/* ---- all ---- */

/* Into the array, or as text when there is none. */
static int show_bus(struct platform *p, const char *command, const struct bus_id *id,
                    struct json_object *array, FILE *out)
{
    struct numbers n = {.id = *id};
    int rc = store_transaction(p, collect_body, &n);

    if (rc < 0)
        complain(command, "cannot read the numbers of domain %" PRIu32 " bus %" PRIu32 ": %s",
                 id->frontend, id->bus, strerror(errno));
    else if (array)
        json_object_array_add(array, to_json(&n));
    else
        print_text(&n, out);
    free_numbers(&n);
    return rc;
}

int numbers_show(struct platform *p, const char *command, const struct list_request *request,
                 FILE *out)
{
    struct json_object *array = request->json ? json_object_new_array() : NULL;
    struct bus_ids ids;
    int rc = bus_list(p, command, request->domain, &ids);

    for (size_t i = 0; rc == 0 && i < ids.count; i++)
        rc = show_bus(p, command, &ids.list[i], array, out);
    if (rc == 0 && array)
        json_print(array, out);
    json_object_put(array);
    free(ids.list);
    return rc;
}
