/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "tools/xvmsg/hex.h"
#include "tools/xvmsg/json-message.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/xvmsg.h"

/* Where the objects come from, and how it went so far. */
struct encoder {
    struct json_tokener *tokener;
    bool form_given;
    enum msg_form form;
    bool open; /* in the middle of an object */
    unsigned number;
    bool good;
};

static const char usage[] =
    "usage: xvmsg encode [--form wide|compact] [JSON ...]\n"
    "\n"
    "Turns JSON objects, as xvmsg decode --json prints them, into hex digits, one\n"
    "message a line. Without JSON the objects are read from standard input.\n"
    "\n"
    "  xvmsg encode '{\"message\":\"GET_DEVICE_INFO\",\"dev_num\":1}'\n"
    "\n"
    "  --form FORM  encode in this form, whatever the objects say; without it,\n"
    "               an object that names no form is wide\n";

/* -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct encoder *encoder)
{
    const char *form = NULL;
    const struct options_known known[] = {{"form", .text = &form}, {0}};
    int status = options_parse("encode", usage, known, argc, argv);

    if (status >= 0 || !form)
        return status;
    encoder->form_given = json_message_parse_form(form, &encoder->form);
    if (encoder->form_given)
        return status;
    complain("encode", "--form must be wide or compact, not '%s'", form);
    return EXIT_USAGE;
}

static bool encode_object(const struct encoder *encoder, struct json_object *object)
{
    static char line[2 * MSG_PROTOCOL_MAX + 1];
    static uint8_t bytes[MSG_PROTOCOL_MAX];
    static struct json_message message;
    char why[JSON_MESSAGE_ERROR_SIZE];
    struct msg_error error;

    message.form = encoder->form;
    if (!json_message_read(object, &message, why)) {
        complain("encode", "object %u: %s", encoder->number, why);
        return false;
    }
    if (encoder->form_given)
        message.form = encoder->form;

    size_t size = msg_encode(message.form, &message.m, bytes, sizeof(bytes), &error);

    if (!size) {
        complain("encode", "object %u: '%s': %s", encoder->number, error.field,
                 msg_fault_text(error.fault));
        return false;
    }
    hex_format(bytes, size, line);
    puts(line);
    return true;
}

static bool refuse_json(const struct encoder *encoder, const char *why)
{
    complain("encode", "object %u: not JSON: %s", encoder->number, why);
    return false;
}

/* json-c would take any value, and say of `foo` that it expects a boolean. */
static bool begin(struct encoder *encoder, char first)
{
    encoder->open = true;
    encoder->number++;
    return strchr("{[", first) || refuse_json(encoder, "a message begins with '{'");
}

/*
 * Feeds a piece of text. False: not JSON, nothing after it can be understood.
 *
 * One character at a time, because json-c before 0.17 takes a number beyond 64
 * bits for the nearest one it has and leaves only errno to tell.
 */
static bool feed(struct encoder *encoder, const char *text)
{
    while (*text) {
        if (!encoder->open) {
            if (strchr(" \t\r\n", *text)) {
                text++;
                continue;
            }
            if (!begin(encoder, *text))
                return false;
        }
        errno = 0;

        struct json_object *object = json_tokener_parse_ex(encoder->tokener, text, 1);
        bool too_great = errno == ERANGE;
        enum json_tokener_error error = json_tokener_get_error(encoder->tokener);

        if (error != json_tokener_success && error != json_tokener_continue)
            return refuse_json(encoder, json_tokener_error_desc(error));
        if (too_great) {
            json_object_put(object);
            return refuse_json(encoder, "a number beyond 64 bits");
        }
        text += json_tokener_get_parse_end(encoder->tokener);
        if (error == json_tokener_continue)
            continue;
        encoder->open = false;
        encoder->good &= encode_object(encoder, object);
        json_object_put(object);
    }
    return true;
}

/* At the end of a source: nothing may be left half said. */
static bool finish(struct encoder *encoder)
{
    if (!encoder->open)
        return true;
    complain("encode", "object %u: the JSON text ends too early", encoder->number);
    json_tokener_reset(encoder->tokener);
    encoder->open = false;
    return false;
}

static bool encode_lines(struct encoder *encoder)
{
    bool good = true;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    while (good && (length = getline(&line, &room, stdin)) > 0) {
        good = strlen(line) == (size_t)length;
        if (good)
            good = feed(encoder, line);
        else
            complain("encode", "standard input is not text");
    }
    free(line);
    return good && finish(encoder);
}

static bool encode_arguments(struct encoder *encoder, char **texts)
{
    for (; *texts; texts++)
        if (!feed(encoder, *texts) || !finish(encoder))
            return false;
    return true;
}

int cmd_encode(int argc, char **argv)
{
    struct encoder encoder = {.form = MSG_WIDE, .good = true};
    int status = parse_options(argc, argv, &encoder);

    if (status >= 0)
        return status;
    encoder.tokener = json_tokener_new();
    if (!encoder.tokener) {
        complain("encode", "no memory");
        return EXIT_FAILURE;
    }
    json_tokener_set_flags(encoder.tokener,
                           JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);

    bool whole = optind == argc ? encode_lines(&encoder)
                                : encode_arguments(&encoder, argv + optind);

    json_tokener_free(encoder.tokener);
    return whole && encoder.good ? EXIT_SUCCESS : EXIT_FAILURE;
}
