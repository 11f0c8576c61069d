/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/hex.h"
#include "tools/xvmsg/json-message.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/pcapng.h"
#include "tools/xvmsg/recording.h"
#include "tools/xvmsg/show.h"
#include "tools/xvmsg/xvmsg.h"

struct options {
    enum msg_form form;
    bool json;
};

static const char usage[] =
    "usage: xvmsg decode [--form wide|compact] [--json] [HEX | FILE ...]\n"
    "\n"
    "Shows each HEX as one message; blanks and colons may stand between the bytes.\n"
    "A FILE, or standard input when nothing is named, is a recording of xvmsg trace,\n"
    "or has one message of hex digits in each line.\n"
    "\n"
    "  --form FORM  header form of hex digits; wide is the default\n"
    "  --json       one JSON object a line, as xvmsg encode reads it\n";

/* -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
    const char *form = NULL;
    const struct options_known known[] = {
        {"form", .text = &form},
        {"json", .flag = &options->json},
        {0},
    };
    int status = options_parse("decode", usage, known, argc, argv);

    if (status >= 0 || !form || json_message_parse_form(form, &options->form))
        return status;
    complain("decode", "--form must be wide or compact, not '%s'", form);
    return EXIT_USAGE;
}

static void complain_about_size(const char *where, unsigned number, enum msg_form form, size_t size)
{
    complain("decode", "%s %u: the message is %zu byte%s long, a header alone has %zu%s", where,
             number, size, size == 1 ? "" : "s", msg_header_size(form),
             form == MSG_WIDE ? " (8 in the compact form)" : "");
}

static bool decode_one(const char *text, const struct options *options, const char *where,
                       unsigned number)
{
    static uint8_t bytes[MSG_PROTOCOL_MAX];
    char fault[SHOW_FAULT_SIZE];
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
        show_fault(fault, options->form, bytes, (size_t)size, &error);
        complain("decode", "%s %u: %s", where, number, fault);
        return false;
    }
    if (options->json)
        return show_json(json_message_write(options->form, &m));
    puts(show_text(&m));
    return true;
}

static bool decode_lines(FILE *in, const char *name, const struct options *options)
{
    bool perhaps = false; /* a recording */
    bool good = true;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    for (unsigned number = 1; (length = getline(&line, &room, in)) > 0; number++) {
        if (number == 1)
            perhaps = !strcmp(line, PCAPNG_FIRST_LINE);
        if (number == 2 && perhaps && !strcmp(line, PCAPNG_SECOND_LINE)) {
            good = recording_show(in, name, options->json);
            break;
        }
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

/* A file's name has something in it that no hex digits have. */
static bool is_file(const char *argument)
{
    return argument[strspn(argument, HEX_CHARACTERS)] != '\0';
}

static bool decode_file(const char *name, const struct options *options)
{
    FILE *in = fopen(name, "r");
    bool good;

    if (!in) {
        complain("decode", "'%s' is neither hex digits nor a file: %s", name, strerror(errno));
        return false;
    }
    good = decode_lines(in, name, options);
    fclose(in);
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
        good = decode_lines(stdin, "standard input", &options);
    for (int i = optind; i < argc; i++)
        if (is_file(argv[i]) ? !decode_file(argv[i], &options)
                             : !decode_one(argv[i], &options, "message",
                                           (unsigned)(i - optind + 1)))
            good = false;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
