/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Messages as JSON objects, both ways with the same shape:
 *
 *     {"form":"wide","message":"GET_CONFIG","type":"response","token":7,
 *      "dev_num":5,"generation":0,"offset":0,"length":2,"data":"0a0b"}
 *
 * dev_num is absent on bus messages. Then come the message's fields under the
 * specification's names: numbers, uuid as 8-4-4-4-12 text, bytes and bitmaps as
 * hex digits in wire order, words as an array of numbers. What a recording adds
 * (time, direction, bus, lost) is passed over when read.
 */
#ifndef XVMSG_JSON_MESSAGE_H
#define XVMSG_JSON_MESSAGE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "common/codec.h"

#define JSON_MESSAGE_ERROR_SIZE 160

/* A message together with the bytes that its tail points to. */
struct json_message {
    enum msg_form form;
    struct msg m;
    uint8_t tail[MSG_PROTOCOL_MAX];
};

/* A new object, to be released by json_object_put(); NULL without memory. */
struct json_object *json_message_write(enum msg_form form, const struct msg *m);

/*
 * Strict: no unknown, missing or out-of-range key. The caller sets the form for
 * an object that names none; without a type it is a request, or an event where
 * there is no request, and without a token it has token 0. A field that counts a tail of bytes or words may be
 * left out, and so may a tail that the message can do without. False: `error` is
 * a sentence that names the key.
 */
bool json_message_read(struct json_object *object, struct json_message *message,
                       char error[JSON_MESSAGE_ERROR_SIZE]);

/* "wide" or "compact". */
bool json_message_parse_form(const char *name, enum msg_form *form);

#endif
