/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * How long to look for something before sleeping, where nobody has said: until the answer
 * of somebody who sleeps would have come, for while both ends sleep, one of them has to
 * hear the other before it gives up. That is many system calls', interrupts' and changes of
 * process' time, which is little on most machines and much in some guests, so it is
 * measured. Both calls take as long as some fifty system calls; neither fails.
 */
#ifndef XVMSG_PACE_H
#define XVMSG_PACE_H

#include <stdint.h>

/* Ns; at least `least` and at most `most`. */
uint64_t pace_sleep(uint64_t least, uint64_t most);

/* How many looks with a relax() after each take no longer than that; at least `least`. */
unsigned pace_looks(uint64_t ns, unsigned least);

#endif
