/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"
#include "tools/xvmsg/printable.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/handshake.h"
#include "xenstore-schema/numbering.h"
#include "xenstore-schema/schema.h"

#define DOMAINS "/local/domain"
#define WATCH_TOKEN "xvmsg"
#define NANOSECONDS_PER_SECOND 1000000000u
#define NANOSECONDS_PER_MILLISECOND 1000000u
#define TICK 500 /* milliseconds between two looks of the progress that is shown */

static const char *chosen_backend; /* NULL: this domain */

int bus_run(const char *command, int (*run)(struct platform *p, const void *request),
            const void *request)
{
    const char *why;
    struct platform *p = platform_open_xen(PLATFORM_XENSTORE, &why);

    if (!p) {
        complain(command, "%s", why);
        return EXIT_FAILURE;
    }

    int status = run(p, request);

    platform_close(p);
    return status;
}

static bool domain_is_named(struct platform *p, const char *domid, const char *name)
{
    char *value =
        store_read_text(p, PLATFORM_NO_TX, store_path(DOMAINS "/%s", domid).text, XS_NAME);
    bool same = value && strcmp(value, name) == 0;

    free(value);
    return same;
}

/* The domain of that name; -1 with ENOENT. */
static int find_named(struct platform *p, const char *name, uint64_t *domid)
{
    size_t count;
    char **ids = p->ops->xs_list(p, PLATFORM_NO_TX, DOMAINS, &count);
    int rc = -1;

    if (!ids)
        return -1;
    for (size_t i = 0; i < count && rc < 0; i++)
        if (domain_is_named(p, ids[i], name))
            rc = parse_u64(ids[i], 0, UINT32_MAX, domid);
    free(ids);
    /* Last, as what succeeds may set errno too. */
    if (rc < 0)
        errno = ENOENT;
    return rc;
}

int bus_find_domain(struct platform *p, const char *command, const char *text, uint32_t *domid)
{
    uint64_t number;

    if (parse_u64(text, 0, UINT32_MAX, &number) < 0 && find_named(p, text, &number) < 0)
        goto none;
    *domid = (uint32_t)number;
    if (store_exists(p, PLATFORM_NO_TX, store_path(DOMAINS "/%u", *domid).text))
        return 0;

none:
    if (errno == ENOENT)
        complain(command, "there is no domain '%s'", text);
    else
        complain(command, "cannot look for domain '%s': %s", text, strerror(errno));
    return -1;
}

bool bus_daemon_runs(struct platform *p, const char *command)
{
    if (p->ops->lock_held(p, BUS_DAEMON_LOCK))
        return true;
    complain(command, "xvmsgd is not running in this domain: start it with "
                      "'systemctl start xvmsgd', or run xvmsgd as root");
    return false;
}

void bus_choose_backend(const char *domain)
{
    chosen_backend = domain;
}

static int find_backend(struct platform *p, const char *command, uint32_t *domid)
{
    int own;

    if (chosen_backend)
        return bus_find_domain(p, command, chosen_backend, domid);
    own = p->ops->own_domid(p);
    if (own < 0) {
        complain(command, "cannot tell this domain's own id: %s", strerror(errno));
        return -1;
    }
    *domid = (uint32_t)own;
    return 0;
}

int bus_find(struct platform *p, const char *command, const char *domain, uint32_t bus,
             struct bus_id *id)
{
    if (bus > XS_BUS_MAX) {
        complain(command, "there is no bus %" PRIu32 ": a guest has buses 0 to %u", bus, XS_BUS_MAX);
        return -1;
    }
    if (find_backend(p, command, &id->backend) < 0 ||
        (!chosen_backend && !bus_daemon_runs(p, command)))
        return -1;
    id->bus = bus;
    return bus_find_domain(p, command, domain, &id->frontend);
}

/* Adds the buses of one frontend. */
static int list_of_domain(struct platform *p, uint32_t backend, uint64_t frontend,
                          struct bus_ids *ids)
{
    struct store_path root = store_path(XS_BACKEND_ROOT, backend);
    uint64_t *buses;
    ssize_t count = numbering_list(p, PLATFORM_NO_TX, root.text,
                                   store_path("%llu", (unsigned long long)frontend).text, &buses);
    struct bus_id *grown = NULL;

    if (count >= 0)
        grown = reallocarray(ids->list, ids->count + (size_t)count + 1, sizeof(*ids->list));
    if (grown)
        ids->list = grown;
    for (ssize_t i = 0; grown && i < count; i++)
        if (buses[i] <= XS_BUS_MAX)
            grown[ids->count++] = (struct bus_id){
                .backend = backend, .frontend = (uint32_t)frontend, .bus = (uint32_t)buses[i]};
    free(buses);
    return grown ? 0 : -1;
}

static int list_all(struct platform *p, uint32_t backend, struct bus_ids *ids)
{
    uint64_t *domains;
    ssize_t count = numbering_list(p, PLATFORM_NO_TX,
                                   store_path(DOMAINS "/%u/backend", backend).text, XS_CLASS,
                                   &domains);
    int rc = count < 0 ? -1 : 0;

    for (ssize_t i = 0; rc == 0 && i < count; i++)
        if (domains[i] <= UINT32_MAX)
            rc = list_of_domain(p, backend, domains[i], ids);
    free(domains);
    return rc;
}

int bus_list(struct platform *p, const char *command, const char *domain, struct bus_ids *ids)
{
    uint32_t backend, domid = 0;
    int rc;

    *ids = (struct bus_ids){0};
    if (find_backend(p, command, &backend) < 0 ||
        (domain && bus_find_domain(p, command, domain, &domid) < 0))
        return -1;
    rc = domain ? list_of_domain(p, backend, domid, ids) : list_all(p, backend, ids);
    if (rc < 0)
        complain(command, "cannot read xenstore: %s", strerror(errno));
    return rc;
}

char *bus_read_words(struct platform *p, platform_tx tx, const char *dir, const char *key)
{
    char *text = store_read_text(p, tx, dir, key);

    if (text)
        make_printable(text);
    return text;
}

char *bus_domain_name(struct platform *p, platform_tx tx, const struct bus_id *id)
{
    return bus_read_words(p, tx, store_path(DOMAINS "/%u", id->frontend).text, XS_NAME);
}

struct store_path bus_home(const struct bus_id *id)
{
    return store_path(XS_BACKEND_BUS, id->backend, id->frontend, id->bus);
}

struct store_path bus_request(const struct bus_id *id, const char *name)
{
    return store_path("%s/" XS_REQUEST "/%s", bus_home(id).text, name);
}

/* Its request may be another one's by now, made under the same name. */
static int find_by_number(struct platform *p, platform_tx tx, const struct bus_id *id,
                          uint64_t wanted, struct store_path *path)
{
    struct store_path device = store_path("%s/" XS_DEVICE "/%" PRIu64, bus_home(id).text, wanted);
    char *name = store_read_text(p, tx, device.text, XS_NAME);
    uint64_t number;
    int rc = -1;

    if (!name)
        return -1;
    if (name_valid(name)) {
        *path = bus_request(id, name);
        rc = store_read_u64(p, tx, path->text, XS_NUMBER, 0, UINT64_MAX, &number);
    }
    free(name);
    if (rc == 0 && number == wanted)
        return 0;
    errno = ENOENT;
    return -1;
}

int bus_find_request(struct platform *p, platform_tx tx, const struct bus_id *id,
                     const char *device, struct store_path *path)
{
    uint64_t number;

    if (parse_u64(device, 0, UINT64_MAX, &number) == 0)
        return find_by_number(p, tx, id, number, path);
    if (!name_valid(device)) {
        errno = ENOENT;
        return -1;
    }
    *path = bus_request(id, device);
    return store_exists(p, tx, path->text) ? 0 : -1;
}

void bus_complain_about_request(const char *command, const char *domain, uint32_t bus,
                                const char *device)
{
    if (errno == ENOENT)
        complain(command, "domain %s has no device %s on bus %u", domain, device, bus);
    else
        complain(command, "cannot write the request: %s", strerror(errno));
}

static int make_directory(struct platform *p, platform_tx tx, const char *path,
                          const struct platform_perm *perms, size_t count)
{
    if (p->ops->xs_mkdir(p, tx, path) < 0)
        return -1;
    return p->ops->xs_set_perms(p, tx, path, perms, count);
}

int bus_make_private(struct platform *p, platform_tx tx, const struct bus_id *id, const char *path)
{
    const struct platform_perm nobody_else = {.domid = id->backend};

    return make_directory(p, tx, path, &nobody_else, 1);
}

/* A directory of `owner`'s that `reader` may read; all below inherits that. */
static int make_home(struct platform *p, platform_tx tx, const char *path, uint32_t owner,
                     uint32_t reader)
{
    const struct platform_perm perms[] = {{.domid = owner}, {.domid = reader, .read = true}};

    return make_directory(p, tx, path, perms, 2);
}

static int make_backend(struct platform *p, platform_tx tx, const struct bus_id *id,
                        const char *backend, const char *frontend)
{
    struct store_path buses = store_path(XS_BACKEND_DOMAIN, id->backend, id->frontend);
    int missing = bus_missing(p, tx, buses.text);

    /* Its own, as the daemon removes all of the guest's when that is dead. */
    if (missing < 0 || (missing && bus_make_private(p, tx, id, buses.text) < 0) ||
        make_home(p, tx, backend, id->backend, id->frontend) < 0 ||
        store_write_text(p, tx, backend, XS_FRONTEND, frontend) < 0 ||
        store_write_u64(p, tx, backend, XS_FRONTEND_ID, id->frontend) < 0)
        return -1;
    return store_write_u64(p, tx, backend, XS_STATE, XENBUS_INITIALISING);
}

static int make_frontend(struct platform *p, platform_tx tx, const struct bus_id *id,
                         const char *backend, const char *frontend)
{
    if (make_home(p, tx, frontend, id->frontend, id->backend) < 0 ||
        store_write_text(p, tx, frontend, XS_BACKEND, backend) < 0 ||
        store_write_u64(p, tx, frontend, XS_BACKEND_ID, id->backend) < 0)
        return -1;
    return store_write_u64(p, tx, frontend, XS_STATE, XENBUS_INITIALISING);
}

int bus_missing(struct platform *p, platform_tx tx, const char *path)
{
    if (store_exists(p, tx, path))
        return 0;
    return errno == ENOENT ? 1 : -1;
}

/* A bus has one backend. */
static bool is_of_another(struct platform *p, platform_tx tx, const char *frontend, uint32_t backend)
{
    uint64_t its;

    return store_read_u64(p, tx, frontend, XS_BACKEND_ID, 0, UINT32_MAX, &its) == 0 &&
           its != backend;
}

int bus_make(struct platform *p, platform_tx tx, const struct bus_id *id)
{
    struct store_path backend = bus_home(id);
    struct store_path frontend = store_path(XS_FRONTEND_BUS, id->frontend, id->bus);
    int missing = bus_missing(p, tx, frontend.text);

    if (missing < 0 ||
        (missing && make_frontend(p, tx, id, backend.text, frontend.text) < 0))
        return -1;
    if (!missing && is_of_another(p, tx, frontend.text, id->backend)) {
        errno = EADDRINUSE;
        return -1;
    }
    missing = bus_missing(p, tx, backend.text);
    if (missing < 0 || (missing && make_backend(p, tx, id, backend.text, frontend.text) < 0))
        return -1;

    uint64_t online;

    if (store_read_u64(p, tx, backend.text, XS_ONLINE, 1, 1, &online) == 0)
        return 0;
    return store_write_u64(p, tx, backend.text, XS_ONLINE, 1);
}

void bus_complain_about_making(const char *command, const char *domain, uint32_t bus)
{
    if (errno == EADDRINUSE)
        complain(command, "bus %u of domain %s has its devices from another domain: choose another "
                          "with bus=NUMBER", bus, domain);
    else
        complain(command, "cannot write the request to xenstore: %s", strerror(errno));
}

/* Milliseconds left, rounded up so that the last poll does not spin. */
static int time_left(struct platform *p, uint64_t deadline)
{
    uint64_t now = p->ops->now(p);

    if (now >= deadline)
        return 0;

    uint64_t left = deadline - now + NANOSECONDS_PER_MILLISECOND - 1;

    left /= NANOSECONDS_PER_MILLISECOND;
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

static void drain_watches(struct platform *p)
{
    struct platform_watch *fired;

    while ((fired = p->ops->xs_next_watch(p)))
        free(fired);
}

static int wait_watching(struct platform *p, unsigned seconds, bool watched,
                         int (*done)(struct platform *p, void *user), void *user)
{
    struct pollfd pollfd = {.fd = p->ops->xs_fd(p), .events = POLLIN};
    uint64_t begun = p->ops->now(p);
    uint64_t deadline = begun + (uint64_t)seconds * NANOSECONDS_PER_SECOND;

    for (;;) {
        /* First forget what fired, then look: a change after that fires anew. */
        drain_watches(p);

        int rc = done(p, user);
        int left = time_left(p, deadline);
        bool tick = watched && left > TICK;

        if (rc != 0)
            return rc < 0 ? -1 : 0;
        rc = poll(&pollfd, 1, tick ? TICK : left);
        if (rc < 0 && errno != EINTR)
            return -1;
        if (rc == 0 && !tick) {
            errno = ETIMEDOUT;
            return -1;
        }
        if (rc == 0)
            progress_waiting((p->ops->now(p) - begun) / NANOSECONDS_PER_SECOND, seconds);
    }
}

int bus_wait(struct platform *p, const char *path, unsigned seconds, const char *what,
             int (*done)(struct platform *p, void *user), void *user)
{
    if (p->ops->xs_watch(p, path, WATCH_TOKEN) < 0)
        return -1;

    bool watched = what && progress_begin(what, 0);
    int rc = wait_watching(p, seconds, watched, done, user);
    int saved = errno;

    progress_end();
    p->ops->xs_unwatch(p, path, WATCH_TOKEN);
    errno = saved;
    return rc;
}
