/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Messages in words, for logs and `xvmsg decode`.
 *
 * The text functions keep snprintf's rules: the text is always terminated when
 * size is not 0, and the return is the length the whole text has.
 */
#ifndef XVMSG_PRINT_H
#define XVMSG_PRINT_H

#include <stddef.h>
#include <stdint.h>

#include "common/codec.h"

/*
 * One line without a line end:
 *
 *     GET_CONFIG response dev 5 token 7 generation=0 offset=0 length=2 data=0a0b
 *
 * Bytes and bitmaps are hex digits in wire order, words a list in brackets;
 * addresses, flags and status are hex, other numbers decimal.
 */
int print_message(char *text, size_t size, const struct msg *m);

/* Device status bits: 0xb(ACKNOWLEDGE|DRIVER|FEATURES_OK), 0x0 for none. */
int print_status(char *text, size_t size, uint32_t status);

/* virtio's word for a device type ("block"), NULL for one not in the table. */
const char *print_device_type(uint32_t device_id);

const char *print_class(enum msg_class class); /* request, response, event */
const char *print_form(enum msg_form form);    /* wide, compact */

#endif
