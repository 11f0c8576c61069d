/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/print.h"
#include "tools/xvmsg/hex.h"
#include "tools/xvmsg/json-message.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/xvmsg.h"

struct options {
    enum msg_form form;
    bool json;
};

static const char usage[] =
    "usage: xvmsg decode [--form wide|compact] [--json] [HEX ...]\n"
    "\n"
    "Shows each HEX, or each line of standard input when there is none, as one\n"
    "message. Blanks and colons may stand between the bytes.\n"
    "\n"
    "  --form FORM  header form of the messages; wide is the default\n"
    "  --json       one JSON object a line, as xvmsg encode reads it\n";

/* -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"form", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };

    for (int c; (c = getopt_long(argc, argv, "f:jh", known, NULL)) != -1;) {
        switch (c) {
        case 'f':
            if (json_message_parse_form(optarg, &options->form))
                break;
            complain("decode", "--form must be wide or compact, not '%s'", optarg);
            return EXIT_USAGE;
        case 'j':
            options->json = true;
            break;
        default:
            return options_usage(usage, c == 'h');
        }
    }
    return -1;
}

static void complain_about(const char *where, unsigned number, enum msg_form form,
                           const uint8_t *bytes, size_t size, const struct msg_error *error)
{
    struct msg_header header;

    if (error->fault == MSG_UNKNOWN && msg_decode_header(form, bytes, size, &header))
        complain("decode", "%s %u: %s: %s: 0x%02x of %s %s", where, number, error->field,
                 msg_fault_text(error->fault), header.msg_id,
                 header.name_space == MSG_BUS ? "bus" : "transport",
                 header.response ? "responses" : "requests and events");
    else
        complain("decode", "%s %u: %s: %s", where, number, error->field,
                 msg_fault_text(error->fault));
}

static void complain_about_size(const char *where, unsigned number, enum msg_form form, size_t size)
{
    complain("decode", "%s %u: the message is %zu byte%s long, a header alone has %zu%s", where,
             number, size, size == 1 ? "" : "s", msg_header_size(form),
             form == MSG_WIDE ? " (8 in the compact form)" : "");
}

static bool show_json(enum msg_form form, const struct msg *m)
{
    struct json_object *object = json_message_write(form, m);

    if (!object)
        return false;
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
    return true;
}

static void show_text(const struct msg *m)
{
    /* No byte of a message becomes more than four characters. */
    static char line[4 * MSG_PROTOCOL_MAX];

    print_message(line, sizeof(line), m);
    puts(line);
}

static bool decode_one(const char *text, const struct options *options, const char *where,
                       unsigned number)
{
    static uint8_t bytes[MSG_PROTOCOL_MAX];
    struct msg_error error;
    const char *why;
    struct msg m;
    ssize_t size = hex_parse(text, bytes, sizeof(bytes), &why);

    if (size < 0) {
        complain("decode", "%s %u: %s", where, number, why);
        return false;
    }
    if ((size_t)size < msg_header_size(options->form)) {
        complain_about_size(where, number, options->form, (size_t)size);
        return false;
    }
    if (!msg_decode(options->form, bytes, (size_t)size, &m, &error)) {
        complain_about(where, number, options->form, bytes, (size_t)size, &error);
        return false;
    }
    if (options->json)
        return show_json(options->form, &m);
    show_text(&m);
    return true;
}

static bool decode_lines(const struct options *options)
{
    bool good = true;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    for (unsigned number = 1; (length = getline(&line, &room, stdin)) > 0; number++) {
        if (strlen(line) != (size_t)length) {
            complain("decode", "line %u: not a hex digit", number);
            good = false;
        } else if (line[strspn(line, " \t\r\n")] && !decode_one(line, options, "line", number)) {
            good = false;
        }
    }
    free(line);
    return good;
}

int cmd_decode(int argc, char **argv)
{
    struct options options = {.form = MSG_WIDE};
    int status = parse_options(argc, argv, &options);
    bool good = true;

    if (status >= 0)
        return status;
    if (optind == argc)
        good = decode_lines(&options);
    for (int i = optind; i < argc; i++)
        if (!decode_one(argv[i], &options, "message", (unsigned)(i - optind + 1)))
            good = false;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
