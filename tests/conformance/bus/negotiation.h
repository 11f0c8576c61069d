/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One end, and in xenstore another that the test writes: it is good but for one value.
 */
#ifndef XVMSG_NEGOTIATION_H
#define XVMSG_NEGOTIATION_H

#include "tests/conformance/bus/ends.h"

/* A library of either form, without a daemon. */
extern const struct ends_setup negotiation_wide;
extern const struct ends_setup negotiation_compact;

/* A library that meets a backend whose B/KEY is this; it has made up its mind. */
struct ends *negotiation_meet(const struct ends_setup *setup, const char *key, const char *value);

/* It closes the bus and says these words, to its user and in F/error, having shared
 * nothing. */
void negotiation_library_refuses(const struct ends_setup *setup, const char *key,
                                 const char *value, const char *words);

/* It offers, and F/NODE is its choice. */
void negotiation_library_chooses(const struct ends_setup *setup, const char *key,
                                 const char *value, const char *node, const char *choice);

/* The daemon meets a frontend whose F/KEY is this: it closes the bus, and B/error has
 * these words and the key. */
void negotiation_backend_refuses(const char *key, const char *value, const char *words);

#endif
