/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the command lines of xvmsg's subcommands share. */
#ifndef XVMSG_TOOL_OPTIONS_H
#define XVMSG_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Prints the usage where it belongs, asked for or not; returns the exit status. */
int options_usage(const char *usage, bool asked);

/* An option that a subcommand knows: where its value goes, to one of the three. */
struct options_known {
    const char *name; /* without its dashes */
    char letter;      /* '\0': it has no short form */
    bool *flag;
    uint32_t *number;
    const char **text;
};

#define OPTIONS_KNOWN_MAX 8

/*
 * Takes in the options, at most OPTIONS_KNOWN_MAX and then one without a name, and
 * --help. -1 to go on at argv[optind], else the exit status, after a complaint.
 */
int options_parse(const char *command, const char *usage, const struct options_known *known,
                  int argc, char **argv);

/* A number, of an option or an argument; complains. */
int options_number(const char *command, const char *option, const char *text, uint32_t *number);

/*
 * The rest of the line, from argv[optind] on: DOMAIN DEVICE [bus=NUMBER]. -1 to go
 * on, else the exit status, after a complaint.
 */
int options_device(const char *command, const char *usage, int argc, char **argv,
                   const char **domain, const char **device, uint32_t *bus);

#endif
