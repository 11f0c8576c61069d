/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A fake machine: domain 0, a guest and another guest, each with a handle. */
#ifndef XVMSG_FAKE_MACHINE_H
#define XVMSG_FAKE_MACHINE_H

#include "tests/fake/fake-xen.h"

struct fake_machine {
    struct fake_xen *fx;
    struct platform *dom0;
    struct platform *guest;   /* 5 */
    struct platform *another; /* 6 */
};

struct fake_machine fake_machine_start(void);
/* Checks that nothing is left. */
void fake_machine_stop(struct fake_machine *m);

#endif
