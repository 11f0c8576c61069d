/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/bus.h"
#include "backend/control.h"
#include "backend/log.h"
#include "backend/requests.h"
#include "common/store.h"
#include "xenstore-schema/numbering.h"
#include "xenstore-schema/schema.h"

#define LOCK_NAME "xvmsgd"
#define RELEASE_DOMAIN "@releaseDomain"
#define OWN_TOKEN "backend"

#define DOMID_MAX 32751u

/* So many watches are taken in before anything is done about them. */
#define WATCHES_AT_ONCE 256

struct supervisor {
    struct daemon *daemon;
    struct store_path root;
    struct bus *buses;
    struct control *control;
    struct event *watches;
    struct event *retry;
    bool scan_due;
    bool sweep_due;
};

static void retry(struct supervisor *s, const char *what)
{
    log_warning("%s: %s; trying again", what, strerror(errno));
    evtimer_add(s->retry, &s->daemon->retry_delay);
}

static void work_due(struct supervisor *s)
{
    event_active(s->daemon->work, 0, 0);
}

/* ---- buses ---- */

static struct bus *find_bus(struct supervisor *s, uint32_t frontend, uint32_t id)
{
    struct bus *bus = s->buses;

    while (bus && (bus->source.frontend != frontend || bus->source.bus != id))
        bus = bus->next;
    return bus;
}

static void drop_bus(struct supervisor *s, struct bus *bus)
{
    struct bus **link = &s->buses;

    while (*link != bus)
        link = &(*link)->next;
    *link = bus->next;
    log_info("%s: let go", bus->label);
    bus_free(bus);
}

/* Only what is a bus in full is taken up: B with its `frontend`. */
static void meet_bus(struct supervisor *s, uint32_t frontend, uint32_t id)
{
    struct platform *p = s->daemon->platform;
    struct store_path home = store_path(XS_BACKEND_BUS, s->daemon->domid, frontend, id);
    char *text;

    if (find_bus(s, frontend, id))
        return;
    text = store_read_text(p, PLATFORM_NO_TX, home.text, XS_FRONTEND);
    if (!text) {
        if (errno != ENOENT)
            retry(s, "looking for buses");
        return;
    }
    free(text);

    struct bus *bus = bus_new(s->daemon, frontend, id);

    if (!bus) {
        retry(s, "taking up a bus");
        return;
    }
    log_info("%s: taken up", bus->label);
    bus->next = s->buses;
    s->buses = bus;
}

static void touch_all(struct supervisor *s, unsigned due)
{
    for (struct bus *bus = s->buses; bus; bus = bus->next)
        bus_touch(bus, due);
}

/* ---- what B's root holds ---- */

/* Calls `visit` for each child of `path` that is a number up to `max`. */
static void each_number(struct supervisor *s, const char *path, uint32_t max,
                        void (*visit)(struct supervisor *s, uint32_t number, uint32_t context),
                        uint32_t context)
{
    struct platform *p = s->daemon->platform;
    size_t count;
    char **names = p->ops->xs_list(p, PLATFORM_NO_TX, path, &count);

    if (!names) {
        if (errno != ENOENT)
            retry(s, "listing buses");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t number;

        if (parse_u64(names[i], 0, max, &number) == 0)
            visit(s, (uint32_t)number, context);
    }
    free(names);
}

static void visit_bus(struct supervisor *s, uint32_t id, uint32_t frontend)
{
    meet_bus(s, frontend, id);
}

static void visit_frontend(struct supervisor *s, uint32_t frontend, uint32_t context)
{
    (void)context;
    each_number(s, store_path(XS_BACKEND_DOMAIN, s->daemon->domid, frontend).text, XS_BUS_MAX,
                visit_bus, frontend);
}

/*
 * A driver domain is not told who lives. But F, of which it may read, goes with its domain; one
 * that cannot be read for another reason is of a guest that keeps its backend out.
 */
static bool left_xenstore(struct supervisor *s, platform_tx tx, uint32_t frontend)
{
    struct platform *p = s->daemon->platform;
    uint64_t *buses;
    ssize_t count = numbering_list(p, tx, s->root.text, store_path("%u", frontend).text, &buses);
    bool left = count >= 0;

    for (ssize_t i = 0; left && i < count; i++) {
        struct store_path home = store_path(XS_FRONTEND_BUS, frontend, (unsigned)buses[i]);

        left = !store_exists(p, tx, home.text) && (errno == ENOENT || errno == EACCES);
    }
    free(buses);
    return left;
}

static bool is_dead(struct supervisor *s, platform_tx tx, uint32_t frontend)
{
    struct platform *p = s->daemon->platform;
    int alive = p->ops->domain_alive(p, frontend);

    return alive < 0 ? left_xenstore(s, tx, frontend) : !alive;
}

struct grave {
    struct supervisor *s;
    uint32_t frontend;
};

/* Looks once more, with what removes: a bus that is made between the two would go, too. */
static int remove_body(struct platform *p, platform_tx tx, void *user)
{
    const struct grave *g = user;

    if (!is_dead(g->s, tx, g->frontend)) {
        g->s->scan_due = true;
        return 0;
    }
    return store_remove(p, tx, g->s->root.text, store_path("%u", g->frontend).text);
}

/*
 * What a dead domain leaves: a worker that maps its pages, which keeps the
 * domain a zombie, and our part of xenstore, which no toolstack removes.
 */
static void bury_frontend(struct supervisor *s, uint32_t frontend, uint32_t context)
{
    struct grave grave = {.s = s, .frontend = frontend};

    (void)context;
    if (!is_dead(s, PLATFORM_NO_TX, frontend))
        return;
    for (struct bus *bus = s->buses, *next; bus; bus = next) {
        next = bus->next;
        if (bus->source.frontend == frontend)
            drop_bus(s, bus);
    }
    /* In a driver domain the directory is dom0's when not our own toolstack made it. */
    if (store_transaction(s->daemon->platform, remove_body, &grave) < 0 && errno != EACCES)
        retry(s, "removing a dead domain's buses");
}

/* ---- watches ---- */

/* "FE/BUS/KEY..." in parts; *key is empty when the text ends with the bus. */
static bool split(const char *text, uint32_t *frontend, uint32_t *id, const char **key)
{
    char first[12], second[12];
    int end = 0;
    uint64_t numbers[2];

    if (sscanf(text, "%11[0-9]/%11[0-9]%n", first, second, &end) != 2 ||
        (text[end] != '/' && text[end] != '\0') ||
        parse_u64(first, 0, DOMID_MAX, &numbers[0]) < 0 ||
        parse_u64(second, 0, XS_BUS_MAX, &numbers[1]) < 0)
        return false;
    *frontend = (uint32_t)numbers[0];
    *id = (uint32_t)numbers[1];
    *key = text + end + (text[end] == '/');
    return true;
}

static bool begins_with(const char *key, const char *word)
{
    size_t length = strlen(word);

    return strncmp(key, word, length) == 0 && (key[length] == '/' || key[length] == '\0');
}

/* A change in B. Most of what is below it is our own writing. */
static unsigned due_after(const char *key)
{
    if (strcmp(key, XS_REQUEST) == 0)
        return BUS_REQUESTS;
    if (begins_with(key, XS_FRONTEND) || begins_with(key, XS_ONLINE) ||
        begins_with(key, XS_STATE))
        return BUS_PRESENCE;
    return *key ? 0 : BUS_ALL;
}

static void on_bus_change(struct bus *bus, const char *key)
{
    unsigned due = due_after(key);

    if (due)
        bus_touch(bus, due);
    else if (strncmp(key, XS_REQUEST "/", sizeof(XS_REQUEST)) == 0)
        requests_note(bus, key + sizeof(XS_REQUEST));
}

static void on_backend_change(struct supervisor *s, const char *path)
{
    size_t root = strlen(s->root.text);
    uint32_t frontend, id;
    const char *key;

    if (strncmp(path, s->root.text, root) == 0 && path[root] == '/' &&
        split(path + root + 1, &frontend, &id, &key)) {
        struct bus *bus = find_bus(s, frontend, id);

        if (bus) {
            on_bus_change(bus, key);
            return;
        }
    } else {
        touch_all(s, BUS_PRESENCE);
    }
    s->scan_due = true;
}

/* At or below F/device: which device is it about? */
static void on_devices_change(struct bus *bus, const char *path)
{
    struct store_path devices =
        store_path(XS_FRONTEND_BUS "/" XS_DEVICE, bus->source.frontend, bus->source.bus);
    size_t length = strlen(devices.text);
    char element[24];
    uint64_t number;

    if (strncmp(path, devices.text, length) == 0 && path[length] == '/' &&
        sscanf(path + length, "/%23[0-9]", element) == 1 &&
        parse_u64(element, 1, UINT64_MAX, &number) == 0)
        requests_note_release(bus, number);
    else
        bus_touch(bus, BUS_RELEASES);
}

/* Our watches on a frontend carry "FE/BUS/KEY" as their token. */
static void on_frontend_change(struct supervisor *s, const struct platform_watch *fired)
{
    uint32_t frontend, id;
    const char *key;
    struct bus *bus;

    if (!split(fired->token, &frontend, &id, &key))
        return;
    bus = find_bus(s, frontend, id);
    if (bus && strcmp(key, XS_STATE) == 0)
        bus_touch(bus, BUS_STATE);
    else if (bus)
        on_devices_change(bus, fired->path);
}

static void take_in(struct supervisor *s, const struct platform_watch *fired)
{
    if (strcmp(fired->path, RELEASE_DOMAIN) == 0)
        s->sweep_due = true;
    else if (strcmp(fired->token, OWN_TOKEN) == 0)
        on_backend_change(s, fired->path);
    else
        on_frontend_change(s, fired);
}

static void on_watches(evutil_socket_t fd, short what, void *user)
{
    struct supervisor *s = user;
    struct platform *p = s->daemon->platform;

    (void)fd;
    (void)what;
    work_due(s);
    for (int i = 0; i < WATCHES_AT_ONCE; i++) {
        struct platform_watch *fired = p->ops->xs_next_watch(p);

        if (fired) {
            take_in(s, fired);
            free(fired);
            continue;
        }
        if (errno == EAGAIN || errno == EINTR)
            return;
        /* One may be lost: look at everything, and not at once, or a xenstored
         * that went away would keep us spinning. */
        retry(s, "reading watches");
        event_del(s->watches);
        return;
    }
}

static void on_retry(evutil_socket_t fd, short what, void *user)
{
    struct supervisor *s = user;

    (void)fd;
    (void)what;
    s->scan_due = true;
    s->sweep_due = true;
    touch_all(s, BUS_ALL);
    event_add(s->watches, NULL);
    work_due(s);
}

static void on_work(evutil_socket_t fd, short what, void *user)
{
    struct supervisor *s = user;

    (void)fd;
    (void)what;
    if (s->sweep_due) {
        s->sweep_due = false;
        each_number(s, s->root.text, DOMID_MAX, bury_frontend, 0);
    }
    for (struct bus *bus = s->buses, *next; bus; bus = next) {
        next = bus->next;
        if (!bus->due || bus_work(bus))
            continue;
        drop_bus(s, bus);
        s->scan_due = true; /* it may have been made anew */
    }
    if (s->scan_due) {
        s->scan_due = false;
        each_number(s, s->root.text, DOMID_MAX, visit_frontend, 0);
    }
}

/* ---- life ---- */

static int pass_tool(void *user, const struct control_request *request, int socket,
                     char why[WHY_SIZE])
{
    enum ipc_kind kind = request->kind == CONTROL_TRACE ? IPC_TRACE : IPC_STATS;
    uint32_t frontend = request->frontend, id = request->bus;
    struct bus *bus = find_bus(user, frontend, id);

    if (bus)
        return bus_pass(bus, kind, socket, why);
    snprintf(why, WHY_SIZE, "domain %u has no bus %u; 'xvmsg attach' makes one", frontend, id);
    return -1;
}

/* Guests are served without it, too. */
static void open_control(struct supervisor *s)
{
    const struct control_owner owner = {
        .pass = pass_tool, .retry_delay = s->daemon->retry_delay, .user = s};
    char why[WHY_SIZE];

    if (!s->daemon->control_path)
        return;
    s->control = control_new(s->daemon->base, s->daemon->control_path, &owner, why);
    if (!s->control)
        log_warning("nothing can be traced or counted: %s", why);
}

static int find_ourselves(struct supervisor *s, char why[WHY_SIZE])
{
    struct platform *p = s->daemon->platform;
    int domid = p->ops->own_domid(p);

    if (domid < 0) {
        snprintf(why, WHY_SIZE, "cannot tell which domain this is: %s", strerror(errno));
        return -1;
    }
    s->daemon->domid = (uint32_t)domid;
    s->root = store_path(XS_BACKEND_ROOT, s->daemon->domid);
    if (p->ops->lock(p, LOCK_NAME) == 0)
        return 0;
    if (errno == EBUSY)
        snprintf(why, WHY_SIZE, "another xvmsgd is running");
    else
        snprintf(why, WHY_SIZE, "cannot take the lock " LOCK_NAME ": %s", strerror(errno));
    return -1;
}

static int start(struct supervisor *s, char why[WHY_SIZE])
{
    struct daemon *d = s->daemon;
    struct platform *p = d->platform;

    if (find_ourselves(s, why) < 0)
        return -1;
    s->watches = event_new(d->base, p->ops->xs_fd(p), EV_READ | EV_PERSIST, on_watches, s);
    s->retry = evtimer_new(d->base, on_retry, s);
    d->work = event_new(d->base, -1, 0, on_work, s);
    if (!s->watches || !s->retry || !d->work || event_add(s->watches, NULL) < 0) {
        snprintf(why, WHY_SIZE, "cannot set up the event loop");
        return -1;
    }
    if (p->ops->xs_watch(p, s->root.text, OWN_TOKEN) < 0 ||
        p->ops->xs_watch(p, RELEASE_DOMAIN, OWN_TOKEN) < 0) {
        snprintf(why, WHY_SIZE, "cannot watch xenstore: %s", strerror(errno));
        return -1;
    }
    open_control(s);
    return 0;
}

struct supervisor *supervisor_new(struct daemon *daemon, char why[WHY_SIZE])
{
    struct supervisor *s = calloc(1, sizeof(*s));

    if (!s) {
        snprintf(why, WHY_SIZE, "out of memory");
        return NULL;
    }
    s->daemon = daemon;
    if (start(s, why) == 0)
        return s;
    supervisor_free(s);
    return NULL;
}

static void free_event(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

void supervisor_free(struct supervisor *s)
{
    struct platform *p;

    if (!s)
        return;
    p = s->daemon->platform;
    control_free(s->control);
    while (s->buses)
        drop_bus(s, s->buses);
    if (*s->root.text) {
        p->ops->xs_unwatch(p, s->root.text, OWN_TOKEN);
        p->ops->xs_unwatch(p, RELEASE_DOMAIN, OWN_TOKEN);
    }
    free_event(&s->watches);
    free_event(&s->retry);
    free_event(&s->daemon->work);
    free(s);
}
