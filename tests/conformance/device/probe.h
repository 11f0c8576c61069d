/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device with something of everything: several queues, the last of them an
 * admin queue, a configuration of which one part can be written, shared memory,
 * requests that are kept for as long as the test likes. Its class is the only one
 * that a program with probe.c has.
 */
#ifndef XVMSG_CONFORM_PROBE_H
#define XVMSG_CONFORM_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define PROBE_TYPE "probe"
#define PROBE_DEVICE_ID 42u
#define PROBE_QUEUES 4u
#define PROBE_ADMIN_QUEUES 1u
#define PROBE_QUEUE_SIZE 32u
#define PROBE_CONFIG_SIZE 256u
#define PROBE_WRITABLE 64u /* the rest of its configuration is read-only */
#define PROBE_FEATURES (UINT64_C(1) << 5 | UINT64_C(1) << 20)

/* Shared memory regions 0 and 2; there is no 1. */
#define PROBE_SHM_LENGTH(index) ((index) ? UINT64_C(3) << 33 : UINT64_C(0x2000))
#define PROBE_SHM_ADDRESS(index) ((index) ? UINT64_C(5) << 48 : UINT64_C(0x10000))

/* The calls are about the first instance made since the last probe_forget(). */

void probe_forget(void);
void probe_hold(void);
void probe_give_back(void); /* all that is held; from now on at once */
unsigned probe_held(void);

/* Adds one to each byte of a range, and says so. */
void probe_change(uint32_t offset, uint32_t length);

/* Says that only a reset helps. */
void probe_break_down(void);

#endif
