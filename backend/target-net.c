/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What network interfaces stand on: a TAP interface with virtio's headers, one
 * descriptor for each pair of queues. It is called vifDOMID.N-xvm, N being the first
 * that is free, which no interface of Xen's own is. One of Xen's scripts joins it to a
 * bridge before the device is offered, and takes it from there when the device is gone.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/log.h"
#include "backend/request.h"
#include "backend/requests.h"
#include "backend/script.h"
#include "backend/targets.h"
#include "backend/text.h"
#include "xenstore-schema/schema.h"

#define TUN "/dev/net/tun"
#define SCRIPTS "/etc/xen/scripts/"
#define SCRIPT_DEFAULT "vif-bridge"
#define VARIABLE_SIZE (PATH_SIZE + 32)
#define PATH_SIZE 256
/* Where the scripts look for the interface of a name like ours, and complain. */
#define XS_SCRIPTS_VIF "/local/domain/0/backend/vif/%.*s"

struct net_target {
    struct daemon *daemon;
    struct bus *bus;       /* NULL: the device is gone, and only `remove` is run */
    struct target *target; /* likewise */
    char label[64];
    char request[NAME_MAX_LENGTH + 1];
    struct store_path home; /* of the request */
    char interface[IFNAMSIZ];
    char path[PATH_SIZE]; /* the script, "": none */
    char bridge[IFNAMSIZ];
    unsigned mtu; /* 0: whatever it has */
    struct script *script;
    bool added; /* by the script */
    struct fds fds; /* to be closed when it has run */
};

static bool fail(char why[WHY_SIZE], const char *what)
{
    snprintf(why, WHY_SIZE, "%.64s: %s", what, strerror(errno));
    return false;
}

/* ---- the interface ---- */

/* The name of the first queue's interface is the others'. */
static bool add_queue(struct net_target *t, struct fds *fds, char why[WHY_SIZE])
{
    struct ifreq request = {
        .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE,
    };
    int fd = open(TUN, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return fail(why, TUN);
    fds->fd[fds->count++] = fd;
    memcpy(request.ifr_name, t->interface, sizeof(request.ifr_name));
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return fail(why, "a TAP interface cannot be made");
    memcpy(t->interface, request.ifr_name, sizeof(t->interface));
    return true;
}

static bool set_mtu(const struct net_target *t, char why[WHY_SIZE])
{
    struct ifreq request = {.ifr_mtu = (int)t->mtu};
    int fd = t->mtu ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    bool good;

    if (!t->mtu)
        return true;
    if (fd < 0)
        return fail(why, "no socket");
    memcpy(request.ifr_name, t->interface, sizeof(request.ifr_name));
    good = ioctl(fd, SIOCSIFMTU, &request) == 0 || fail(why, XS_MTU);
    close(fd);
    return good;
}

/* ---- the script ---- */

/* The scripts put their complaint into xenstore, where a vif of Xen's own would be. */
static void take_complaint(const struct net_target *t, char why[WHY_SIZE])
{
    struct platform *p = t->daemon->platform;
    const char *domid = t->interface + strlen("vif"), *dot = strchr(domid, '.');
    struct store_path parent = store_path(XS_SCRIPTS_VIF, (int)(dot - domid), domid);
    struct store_path own = store_path("%s/%s", parent.text, dot + 1);
    char *words = store_read_text(p, PLATFORM_NO_TX, own.text, "hotplug-error");
    size_t count = 0;
    char **others;

    if (words) {
        text_printable(why, WHY_SIZE, words);
        store_remove(p, PLATFORM_NO_TX, parent.text, dot + 1);
        others = p->ops->xs_list(p, PLATFORM_NO_TX, parent.text, &count);
        if (others && !count)
            p->ops->xs_remove(p, PLATFORM_NO_TX, parent.text);
        free(others);
    }
    free(words);
}

/* As xl calls it for the TAP interface of an emulated card. */
static bool run_script(struct net_target *t, const char *action, script_done *done)
{
    char verb[8], type[] = "type_if=tap", kind[] = "XENBUS_TYPE=vif";
    char base[] = "XENBUS_BASE_PATH=backend";
    char interface[VARIABLE_SIZE], vif[VARIABLE_SIZE], bridge[VARIABLE_SIZE];
    char script[VARIABLE_SIZE], path[sizeof(t->home.text) + 32];
    char *argv[] = {t->path, verb, type, NULL};
    char *environment[] = {interface, vif, script, kind, path, base, bridge, NULL};

    snprintf(verb, sizeof(verb), "%s", action);
    snprintf(interface, sizeof(interface), "INTERFACE=%s", t->interface);
    snprintf(vif, sizeof(vif), "vif=%s", t->interface);
    snprintf(script, sizeof(script), "script=%s", t->path);
    snprintf(path, sizeof(path), "XENBUS_PATH=%s", t->home.text);
    snprintf(bridge, sizeof(bridge), "bridge=%s", t->bridge);
    if (!t->bridge[0])
        environment[6] = NULL;
    t->script = script_start(t->daemon, argv, environment, done, t);
    return t->script;
}

static void let_go(struct net_target *t)
{
    fds_close(&t->fds);
    free(t);
}

static void on_removed(void *user, const char *failure)
{
    struct net_target *t = user;
    char said[WHY_SIZE];

    snprintf(said, sizeof(said), "%s", failure ? failure : "");
    if (failure)
        take_complaint(t, said);
    /* Of one that could not add it nobody expects more. */
    if (failure && t->added)
        log_warning("%s: %s, script %s remove: %s", t->label, t->interface, t->path, said);
    let_go(t);
}

static void take_away(struct net_target *t)
{
    if (!t->path[0] || !run_script(t, "remove", on_removed))
        let_go(t);
}

static void on_added(void *user, const char *failure)
{
    struct net_target *t = user;
    char why[WHY_SIZE], said[WHY_SIZE];

    t->script = NULL;
    if (!t->target) {
        take_away(t);
        return;
    }
    t->target->waits = false;
    t->added = !failure;
    if (failure) {
        snprintf(said, sizeof(said), "%s", failure);
        take_complaint(t, said);
        snprintf(t->target->failure, WHY_SIZE, "script %.80s: %.160s", t->path, said);
    } else if (!set_mtu(t, why)) {
        snprintf(t->target->failure, WHY_SIZE, "%s", why);
    }
    requests_note(t->bus, t->request);
}

/* ---- as the supervisor sees it ---- */

static bool choose(struct net_target *t, const struct choices *choices, char why[WHY_SIZE])
{
    const char *script = choices_get(choices, XS_SCRIPT), *bridge = choices_get(choices, XS_BRIDGE);
    int length;

    if (!script)
        script = SCRIPT_DEFAULT;
    if (!script[0] || strcmp(script, XS_SCRIPT_NONE) == 0)
        length = 0;
    else
        length = snprintf(t->path, sizeof(t->path), "%s%s", script[0] == '/' ? "" : SCRIPTS,
                          script);
    if (length >= (int)sizeof(t->path) || (bridge && strlen(bridge) >= sizeof(t->bridge))) {
        snprintf(why, WHY_SIZE, "the name of the %s is too long",
                 length >= (int)sizeof(t->path) ? XS_SCRIPT : XS_BRIDGE);
        return false;
    }
    if (bridge)
        strcpy(t->bridge, bridge);
    t->mtu = (unsigned)choices_number(choices, XS_MTU, 0);
    return true;
}

/* Its name, for people. A request that is gone meanwhile is not brought back. */
static int publish(struct bus *bus, platform_tx tx, void *user)
{
    const struct net_target *t = user;
    struct platform *p = bus->daemon->platform;

    if (!store_exists(p, tx, t->home.text))
        return errno == ENOENT ? 0 : -1;
    return store_write_text(p, tx, t->home.text, XS_VIF, t->interface);
}

/* False with a sentence. */
static bool set_up(struct net_target *t, struct target *target, unsigned queues,
                   char why[WHY_SIZE])
{
    while (target->fds.count < queues)
        if (!add_queue(t, &target->fds, why))
            return false;
    if (bus_transaction(t->bus, publish, t) < 0)
        return fail(why, XS_VIF);
    if (!t->path[0])
        return set_mtu(t, why);
    target->waits = run_script(t, "add", on_added);
    return target->waits || fail(why, t->path);
}

static bool net_open(struct bus *bus, const struct wanted *wanted, struct target *target,
                     char why[WHY_SIZE])
{
    const struct choices *choices = &wanted->device.choices;
    struct net_target *t = calloc(1, sizeof(*t));

    snprintf(why, WHY_SIZE, "out of memory");
    if (!t)
        return false;
    t->daemon = bus->daemon;
    t->bus = bus;
    t->target = target;
    t->home = request_dir(bus, wanted->device.name);
    snprintf(t->label, sizeof(t->label), "%s", bus->label);
    snprintf(t->request, sizeof(t->request), "%s", wanted->device.name);
    snprintf(t->interface, sizeof(t->interface), "vif%u.%%d-xvm", bus->source.frontend);
    if (!choose(t, choices, why) ||
        !set_up(t, target, (unsigned)choices_number(choices, XS_QUEUES, 1), why)) {
        fds_close(&target->fds);
        free(t);
        return false;
    }
    target->state = t;
    return true;
}

static void net_close(struct target *target)
{
    struct net_target *t = target->state;

    t->bus = NULL;
    t->target = NULL;
    t->fds = target->fds;
    target->fds.count = 0;
    /* One that still adds it may do so until it is no more. */
    if (t->script)
        script_kill(t->script);
    else
        take_away(t);
}

const struct target_class target_net = {
    .type = "net",
    .open = net_open,
    .close = net_close,
};
