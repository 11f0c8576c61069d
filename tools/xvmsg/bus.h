/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What attach, detach, resize, set and list share: which bus, its nodes, and waiting. */
#ifndef XVMSG_TOOL_BUS_H
#define XVMSG_TOOL_BUS_H

#include "common/platform.h"
#include "common/store.h"

/* The lock xvmsgd holds while it serves this domain. */
#define BUS_DAEMON_LOCK "xvmsgd"

struct bus_id {
    uint32_t backend;
    uint32_t frontend;
    uint32_t bus;
};

/* Runs a subcommand over this domain's Xen; complains. The exit status. */
int bus_run(const char *command, int (*run)(struct platform *p, const void *request),
            const void *request);

/* "name" or "id" of an existing domain. Complains when there is none. */
int bus_find_domain(struct platform *p, const char *command, const char *text, uint32_t *domid);

/* Is there a daemon that serves this domain? Complains when not. */
bool bus_daemon_runs(struct platform *p, const char *command);

/* From now on the backend is that domain, name or id; NULL: this one, as at first. */
void bus_choose_backend(const char *domain);

/* The chosen domain as the backend, and the named one as the frontend. If the backend is this
 * domain, with a daemon that serves it; of another that cannot be seen. Complains. */
int bus_find(struct platform *p, const char *command, const char *domain, uint32_t bus,
             struct bus_id *id);

struct bus_ids {
    struct bus_id *list; /* free() it */
    size_t count;
};

/* The buses the backend offers to one domain (name or id), or to all (NULL), in
 * order of domain and bus. 0, or -1 after a complaint; free the list in both cases. */
int bus_list(struct platform *p, const char *command, const char *domain, struct bus_ids *ids);

/*
 * store_read_text() of what a person will read: a driver domain writes in B what it likes, a
 * guest in F. What is not plain ASCII becomes '?', so it is nothing to write back or to open.
 */
char *bus_read_words(struct platform *p, platform_tx tx, const char *dir, const char *key);

/* The frontend's name, in such words, NULL when it has none (any more); free() it. */
char *bus_domain_name(struct platform *p, platform_tx tx, const struct bus_id *id);

/* B, and B/request/NAME. */
struct store_path bus_home(const struct bus_id *id);
struct store_path bus_request(const struct bus_id *id, const char *name);

/*
 * The request of a device that goes by its number or name: its path in *path. -1
 * with ENOENT when there is none, about which bus_complain_about_request() speaks.
 */
int bus_find_request(struct platform *p, platform_tx tx, const struct bus_id *id,
                     const char *device, struct store_path *path);

/* By errno. */
void bus_complain_about_request(const char *command, const char *domain, uint32_t bus,
                                const char *device);

/* 1 when there is no such node, 0 when there is, -1 when it cannot be told. */
int bus_missing(struct platform *p, platform_tx tx, const char *path);

/* Makes B and F where they are missing, as the toolstack of a new bus, and says
 * that the bus is wanted. -1 with EADDRINUSE when it is another backend's. */
int bus_make(struct platform *p, platform_tx tx, const struct bus_id *id);

/* Why bus_make() failed, by errno. */
void bus_complain_about_making(const char *command, const char *domain, uint32_t bus);

/* Makes a node that only the backend's domain may read, like all below it: targets are not
 * the guest's business. */
int bus_make_private(struct platform *p, platform_tx tx, const struct bus_id *id, const char *path);

/*
 * Waits until `done` says so: 1 yes, 0 not yet, -1 with errno never. It is asked
 * at once and after every change at or below the path. -1 with ETIMEDOUT. What takes
 * its time is shown on a terminal as `what`; NULL: never.
 */
int bus_wait(struct platform *p, const char *path, unsigned seconds, const char *what,
             int (*done)(struct platform *p, void *user), void *user);

#endif
