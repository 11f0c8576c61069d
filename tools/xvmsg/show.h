/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* How decode shows a message, whatever it came from. */
#ifndef XVMSG_SHOW_H
#define XVMSG_SHOW_H

#include <json-c/json.h>
#include <stdbool.h>

#include "common/codec.h"

#define SHOW_FAULT_SIZE 128

/* The message as one line of text, in static storage. */
const char *show_text(const struct msg *m);

/* What is wrong with bytes that msg_decode() refused. */
void show_fault(char text[SHOW_FAULT_SIZE], enum msg_form form, const uint8_t *bytes, size_t size,
                const struct msg_error *error);

/* Prints the object as one line and releases it. False: there is none. */
bool show_json(struct json_object *object);

#endif
