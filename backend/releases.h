/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* B/released, the backend's list of released numbers, as it grows. Its form and
 * how it is read: xenstore-schema/numbering.h. */
#ifndef XVMSG_RELEASES_H
#define XVMSG_RELEASES_H

#include "backend/numbers.h"

/* Notes a release now, and forgets old ones that nobody needs. -1 with errno. */
int releases_append(const struct numbers *numbers, platform_tx tx, uint64_t number);

#endif
