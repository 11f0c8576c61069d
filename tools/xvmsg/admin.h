/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * attach, detach, resize, set, console, export, import, list, trace, stats and top, apart from their command
 * lines: what the cmd_* functions run once they have Xen, and tests over a Xen of
 * their own. A result goes to `out`, a failure to complain(); the return is the exit status.
 */
#ifndef XVMSG_ADMIN_H
#define XVMSG_ADMIN_H

#include <stdio.h>

#include "common/platform.h"
#include "xenstore-schema/choices.h"

#define ADMIN_TIMEOUT_DEFAULT 30
#define TRACE_OUTPUT_DEFAULT "trace.pcapng"
#define TOP_SECONDS_DEFAULT 2
#define STATS_TIMEOUT_DEFAULT 5

struct attach_request {
    const char *domain; /* name or id */
    uint32_t bus;
    const char *type;
    const char *target; /* absolute; NULL: none */
    struct choices choices; /* what the type has besides */
    const char *name; /* NULL: the first free one */
    const char *uuid; /* NULL: none */
    unsigned timeout; /* seconds */
    bool quiet;       /* no progress on a terminal */
};

struct detach_request {
    const char *domain;
    uint32_t bus;
    const char *device; /* its number or name */
    bool force;
    unsigned timeout;
    bool quiet;
};

struct resize_request {
    const char *domain;
    uint32_t bus;
    const char *device; /* its number or name */
    unsigned timeout;
    bool quiet;
};

struct set_request {
    const char *domain;
    uint32_t bus;
    const char *device; /* its number or name */
    struct choices choices;
};

struct console_request {
    const char *domain;
    uint32_t bus;
    const char *device; /* its number or name */
    uint32_t port;
};

struct import_request {
    const char *domain;
    unsigned timeout;
    bool quiet;
};

struct list_request {
    const char *domain; /* NULL: every one */
    bool numbers; /* of each bus, instead of its devices */
    bool json;
};

struct trace_order {
    const char *domain;
    uint32_t bus;
    const char *output; /* "-": standard output */
    uint32_t count;     /* 0: without end */
    uint32_t seconds;   /* likewise */
    const char *socket; /* the daemon's */
};

struct stats_order {
    const char *domain;     /* NULL: every one */
    const char *device;     /* number or name; NULL: every one */
    bool json;
    const char *prometheus; /* a file, "-": standard output; NULL: a table or JSON */
    unsigned timeout;       /* seconds that workers have to answer */
    const char *socket;     /* the daemon's */
};

struct top_order {
    const char *domain;    /* NULL: every one */
    uint64_t milliseconds; /* between two looks */
    uint32_t count;        /* tables; 0: without end */
    bool batch;
    unsigned timeout;   /* seconds that workers have to answer */
    const char *socket; /* the daemon's */
};

int attach_run(struct platform *p, const struct attach_request *request, FILE *out);
int detach_run(struct platform *p, const struct detach_request *request);
int resize_run(struct platform *p, const struct resize_request *request);
/* Has the daemon look at the target of B/request/NAME, the path. */
int resize_count_up(struct platform *p, platform_tx tx, const char *request);
/* From standard input, to standard output. */
int console_run(struct platform *p, const struct console_request *request);
int set_run(struct platform *p, const struct set_request *request);
int export_run(struct platform *p, const char *domain, FILE *out);
int import_run(struct platform *p, const struct import_request *request, FILE *from);
int list_run(struct platform *p, const struct list_request *request, FILE *out);

/* Until SIGINT, SIGTERM or SIGHUP, or as ordered; says on standard error how it went. */
int trace_run(struct platform *p, const struct trace_order *order);

int stats_run(struct platform *p, const struct stats_order *order, FILE *out);

/* On a terminal until q is typed, or a signal as above comes. */
int top_run(struct platform *p, const struct top_order *order, FILE *out);

#endif
