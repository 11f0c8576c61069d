/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Granted pages of the guest of queue-guest.h, and requests whose buffers lie in them.
 */
#ifndef XVMSG_GRANTS_H
#define XVMSG_GRANTS_H

#include "common/platform.h"
#include "tests/unit/queue-guest.h"

#define PAGE PLATFORM_PAGE_SIZE
#define PAGES 4u /* of each grant */

/* Pages with consecutive references. */
struct grant {
    uint8_t *start;
    uint32_t ref;
};

struct grant grants_share(uint32_t domid, bool writable);
void grants_revoke(const struct grant *grant);
/* The address of a byte. */
uint64_t grants_at(const struct grant *grant, uint64_t offset);

/* What the backend has mapped; how often it called Xen to copy. */
unsigned grants_mapped(void);
unsigned grants_copies(void);

/* A request of 16 bytes with an answer of 16, in two descriptors; or in a table of two,
 * behind which they lie, the bytes of the request being `head`. */
void grants_ask(unsigned head, const struct grant *grant, uint64_t offset);
void grants_ask_indirectly(unsigned head, const struct grant *grant, uint64_t offset);

/* As the device: the next request, which is there; answered with its own bytes, one
 * larger each. */
struct chain *grants_pop(void);
void grants_answer(struct chain *chain);

#endif
