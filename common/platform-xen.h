/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Shared by the files of the real platform, and by nobody else. */
#ifndef XVMSG_PLATFORM_XEN_H
#define XVMSG_PLATFORM_XEN_H

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#include "common/platform.h"

#define PLATFORM_XEN_LOCKS 8
#define PLATFORM_XEN_PORTS 16 /* read at a time */

struct platform_xen {
    struct platform base;
    struct xs_handle *xs;
    xenevtchn_handle *evtchn;
    uint32_t ports[PLATFORM_XEN_PORTS]; /* that fired, as read from the device */
    unsigned num_ports;
    unsigned next_port;
    bool no_more_ports; /* the device had no more than these */
    xengnttab_handle *gnttab;
    xengntshr_handle *gntshr;
    xc_interface *xc; /* opened when first asked for; NULL in a guest */
    bool xc_tried;
    int locks[PLATFORM_XEN_LOCKS];
    size_t num_locks;
};

static inline struct platform_xen *platform_xen(struct platform *p)
{
    return (struct platform_xen *)p;
}

/* platform-xen-io.c: event channels and grants */
int platform_xen_evtchn_fd(struct platform *p);
int platform_xen_evtchn_alloc(struct platform *p, uint32_t remote_domid);
int platform_xen_evtchn_bind(struct platform *p, uint32_t remote_domid, uint32_t remote_port);
int platform_xen_evtchn_unbind(struct platform *p, uint32_t port);
int platform_xen_evtchn_notify(struct platform *p, uint32_t port);
int platform_xen_evtchn_next(struct platform *p);
int platform_xen_evtchn_unmask(struct platform *p, uint32_t port);
void *platform_xen_grant_share(struct platform *p, uint32_t domid, size_t pages, bool writable,
                               uint32_t *refs);
int platform_xen_grant_unshare(struct platform *p, void *start, size_t pages);
void *platform_xen_grant_map(struct platform *p, uint32_t domid, const uint32_t *refs,
                             size_t pages, bool writable);
int platform_xen_grant_unmap(struct platform *p, void *start, size_t pages);
int platform_xen_grant_copy(struct platform *p, uint32_t domid, struct platform_copy *copies,
                            size_t count);

/* platform-xen-store.c */
int platform_xen_xs_fd(struct platform *p);
int platform_xen_xs_begin(struct platform *p, platform_tx *tx);
int platform_xen_xs_end(struct platform *p, platform_tx tx, bool abort);
char *platform_xen_xs_read(struct platform *p, platform_tx tx, const char *path, size_t *size);
int platform_xen_xs_write(struct platform *p, platform_tx tx, const char *path, const char *value);
int platform_xen_xs_mkdir(struct platform *p, platform_tx tx, const char *path);
int platform_xen_xs_remove(struct platform *p, platform_tx tx, const char *path);
char **platform_xen_xs_list(struct platform *p, platform_tx tx, const char *path, size_t *count);
int platform_xen_xs_set_perms(struct platform *p, platform_tx tx, const char *path,
                              const struct platform_perm *perms, size_t count);
struct platform_perm *platform_xen_xs_get_perms(struct platform *p, platform_tx tx,
                                                const char *path, size_t *count);
int platform_xen_xs_watch(struct platform *p, const char *path, const char *token);
int platform_xen_xs_unwatch(struct platform *p, const char *path, const char *token);
struct platform_watch *platform_xen_xs_next_watch(struct platform *p);

#endif
