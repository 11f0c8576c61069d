/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/recording.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/print.h"
#include "tools/xvmsg/hex.h"
#include "tools/xvmsg/json-message.h"
#include "tools/xvmsg/pcapng-reader.h"
#include "tools/xvmsg/show.h"
#include "tools/xvmsg/xvmsg.h"

#define NANOSECONDS_PER_SECOND 1000000000u
#define HEAD_SIZE 160
#define TIME_SIZE 32

struct recorded {
    struct pcapng_message raw;
    const char *bus;
    bool good;
    struct msg m;                /* of a good one */
    char fault[SHOW_FAULT_SIZE]; /* of any other */
};

/* The times a recording can hold end in the year 2554: this cannot fail. */
static struct tm utc(uint64_t time)
{
    time_t seconds = (time_t)(time / NANOSECONDS_PER_SECOND);
    struct tm parts = {0};

    gmtime_r(&seconds, &parts);
    return parts;
}

static void print_day(char text[TIME_SIZE], uint64_t time)
{
    struct tm parts = utc(time);

    strftime(text, TIME_SIZE, "%Y-%m-%d", &parts);
}

static void print_clock(char text[TIME_SIZE], uint64_t time)
{
    struct tm parts = utc(time);
    size_t length = strftime(text, TIME_SIZE, "%H:%M:%S", &parts);

    snprintf(text + length, TIME_SIZE - length, ".%09u",
             (unsigned)(time % NANOSECONDS_PER_SECOND));
}

static char *hex_of(const struct pcapng_message *raw)
{
    char *text = malloc(2 * (size_t)raw->size + 1);

    if (text)
        hex_format(raw->bytes, raw->size, text);
    return text;
}

/* ---- text ---- */

/* What many messages have in common stands above them: once, until it changes. */
static void print_head(const struct recorded *r, char last[HEAD_SIZE])
{
    char day[TIME_SIZE], head[HEAD_SIZE];

    print_day(day, r->raw.time);
    snprintf(head, sizeof(head), "# %s (UTC)%s%s, %s form", day, *r->bus ? ", " : "", r->bus,
             print_form(r->raw.form));
    if (strcmp(head, last) == 0)
        return;
    strcpy(last, head);
    puts(head);
}

static void print_text(const struct recorded *r, char head[HEAD_SIZE])
{
    static const char *const directions[] = {
        [PCAPNG_UNKNOWN] = "unknown:   ",
        [PCAPNG_FROM_GUEST] = "from guest:",
        [PCAPNG_TO_GUEST] = "to guest:  ",
    };
    char clock[TIME_SIZE];
    char *hex;

    print_head(r, head);
    if (r->raw.lost)
        printf("# %" PRIu64 " messages lost here\n", r->raw.lost);
    print_clock(clock, r->raw.time);
    printf("%s %s ", clock, directions[r->raw.direction]);
    if (r->good) {
        puts(show_text(&r->m));
        return;
    }
    hex = hex_of(&r->raw);
    printf("malformed: %s: %s\n", r->fault, hex ? hex : "");
    free(hex);
}

/* ---- JSON ---- */

static void add_text(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

static struct json_object *malformed(const struct recorded *r)
{
    struct json_object *object = json_object_new_object();
    char *hex = hex_of(&r->raw);

    if (object && hex) {
        add_text(object, "form", print_form(r->raw.form));
        add_text(object, "malformed", r->fault);
        add_text(object, "bytes", hex);
    }
    free(hex);
    return object;
}

static void print_json(const struct recorded *r)
{
    struct json_object *object = r->good ? json_message_write(r->raw.form, &r->m) : malformed(r);
    char day[TIME_SIZE], clock[TIME_SIZE], whole[2 * TIME_SIZE + 2];

    if (!object)
        return;
    print_day(day, r->raw.time);
    print_clock(clock, r->raw.time);
    snprintf(whole, sizeof(whole), "%sT%sZ", day, clock);
    add_text(object, "time", whole);
    if (r->raw.direction != PCAPNG_UNKNOWN)
        add_text(object, "direction",
                 r->raw.direction == PCAPNG_FROM_GUEST ? "from guest" : "to guest");
    if (*r->bus)
        add_text(object, "bus", r->bus);
    if (r->raw.lost)
        json_object_object_add(object, "lost", json_object_new_uint64(r->raw.lost));
    show_json(object);
}

/* ---- the recording ---- */

static void look_into(struct recorded *r)
{
    struct msg_error error;

    r->good = msg_decode(r->raw.form, r->raw.bytes, r->raw.size, &r->m, &error);
    if (!r->good)
        show_fault(r->fault, r->raw.form, r->raw.bytes, r->raw.size, &error);
}

bool recording_show(FILE *in, const char *name, bool json)
{
    struct pcapng_reader *reader = pcapng_reader_new(in);
    char why[PCAPNG_WHY_SIZE] = "out of memory";
    char head[HEAD_SIZE] = "";
    struct recorded r;
    int rc = reader ? 1 : -1;

    /* It may be a live one, through a pipe. */
    setlinebuf(stdout);
    while (rc > 0 && (rc = pcapng_reader_next(reader, &r.raw, &r.bus, why)) > 0) {
        look_into(&r);
        if (json)
            print_json(&r);
        else
            print_text(&r, head);
    }
    if (rc < 0)
        complain("decode", "%s: %s", name, why);
    pcapng_reader_free(reader);
    return rc == 0;
}
