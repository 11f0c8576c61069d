/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the subcommands that print JSON for people and scripts share. */
#ifndef XVMSG_TOOL_JSON_PRINT_H
#define XVMSG_TOOL_JSON_PRINT_H

#include <json-c/json.h>
#include <stdio.h>

/* Adds a text, or null when there is none. */
void json_print_text(struct json_object *object, const char *key, const char *text);

/* Prints it indented, with a newline. */
void json_print(struct json_object *object, FILE *out);

#endif
