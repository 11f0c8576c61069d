/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A Xen in a process: hypervisor and xenstored for several domains, behind the
 * platform table. It does what a real one cannot: fail the Nth call, stop the
 * clock, run at native speed under sanitizers.
 *
 *     struct fake_xen *fx = fake_xen_new();            domain 0 is there
 *     fake_xen_create_domain(fx, 5, "guest");
 *     struct platform *dom0 = fake_xen_domain(fx, 0);  as one process in dom0
 *     struct platform *guest = fake_xen_domain(fx, 5);
 *     ...
 *     platform_close(guest);                           as that process's exit
 *     platform_close(dom0);
 *     CU_ASSERT(fake_xen_free(fx) == 0);
 *
 * What follows real Xen, because code may depend on it:
 * - xenstore: permissions (domain 0 may do all), inheritance of permissions by
 *   new nodes, transactions that fail with EAGAIN, watches that fire once at
 *   once and only for who may read, 2048 bytes for a node that a guest writes,
 *   removal of a missing node below an existing one succeeds;
 * - event channels: a fired port is masked until unmasked, binding fires the
 *   binder's own port, a closed end leaves the other unbound;
 * - grants: only the named domain maps, writable only if granted so, the pages
 *   outlive an unshare while they are mapped.
 *
 * Handles of different domains may be used by different threads.
 */
#ifndef XVMSG_FAKE_XEN_H
#define XVMSG_FAKE_XEN_H

#include <stdint.h>
#include <stdio.h>

#include "common/platform.h"

struct fake_xen;

/* Aborts the program when out of memory, as every call here does. */
struct fake_xen *fake_xen_new(void);

/* Frees the Xen; returns how many handles were still open (and closes them). */
unsigned fake_xen_free(struct fake_xen *fx);

/* Home in xenstore as xl makes it, and @introduceDomain. */
void fake_xen_create_domain(struct fake_xen *fx, uint32_t domid, const char *name);

/* Its home vanishes, its event channels close, every call of its handles fails
 * with ESRCH from now on, and @releaseDomain fires. Its granted pages stay as
 * long as they are mapped. Handles must still be closed. */
void fake_xen_destroy_domain(struct fake_xen *fx, uint32_t domid);

/* A new handle, as a process of that domain would open one. The domain must
 * have been created (0 always is). */
struct platform *fake_xen_domain(struct fake_xen *fx, uint32_t domid);

/* The clock stands still until it is advanced; or follows the real one. */
/* From now on a driver of that domain's kernel has this bus (0 to 31). */
void fake_xen_give_bus_to_kernel(struct fake_xen *fx, uint32_t domid, uint32_t bus);

void fake_xen_advance(struct fake_xen *fx, uint64_t nanoseconds);
void fake_xen_real_clock(struct fake_xen *fx);

/*
 * Lets the nth call (1 is the next) of `call` ("xs_write"; NULL: of any) in the
 * domain fail with `error`, once. One failure is armed at a time; nth 0 disarms.
 * now, the fds, domain_alive, kernel_has_bus and lock_held cannot fail. A failed xs_end leaves
 * its transaction open until the handle is closed.
 */
void fake_xen_fail(struct fake_xen *fx, uint32_t domid, const char *call, unsigned nth, int error);

/* Did the armed failure happen? When not, the code under test made fewer calls. */
bool fake_xen_failed(struct fake_xen *fx);

/*
 * The process behind this handle dies at its nth xenstore call (1 is the next):
 * that one and every later call of the handle fails, whatever it is. Close the
 * handle, as the process's exit.
 */
void fake_xen_kill(struct platform *p, unsigned nth);
bool fake_xen_killed(struct platform *p);

/* From now on the references of pages that are shared have a gap after each `run` of
 * pages; 0: they follow each other. Xen promises neither. */
void fake_xen_spread_refs(struct fake_xen *fx, unsigned run);

struct fake_counters {
    /* ever done */
    uint64_t notifies;
    uint64_t maps;                  /* calls */
    uint64_t unmaps;                /* calls */
    uint64_t copies;                /* calls */
    uint64_t xenstore_calls;
    uint64_t unshared_while_mapped; /* pages */
    /* there now */
    unsigned handles;
    unsigned open_ports;
    unsigned mapped_pages;
    unsigned shared_pages;
    unsigned transactions;
    unsigned watches;
};

struct fake_counters fake_xen_counters(struct fake_xen *fx);

/* A value of any bytes at an absolute path, as a hostile guest may write it. */
void fake_xen_write_raw(struct fake_xen *fx, const char *path, const void *value, size_t size);

/* Every node with value and permissions, one per line, as xenstore-ls -fp. */
void fake_xen_dump(struct fake_xen *fx, FILE *out);

#endif
