/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One process's handle: the table of calls, the door every call goes through,
 * and the calls that are neither store, channel nor grant.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/fake/fake-internal.h"

/* An eventfd is readable while its count is not zero. */
void fake_signal(int fd, bool readable)
{
    uint64_t count = 1;
    ssize_t done;

    do
        done = readable ? write(fd, &count, sizeof(count)) : read(fd, &count, sizeof(count));
    while (done < 0 && errno == EINTR);
}

/* Is this the call that was ordered to fail? */
static bool call_fails(struct fake_xen *fx, uint32_t domid, const char *call)
{
    if (fx->fail_nth == 0 || fx->fail_domid != domid)
        return false;
    if (fx->fail_call[0] && strcmp(fx->fail_call, call) != 0)
        return false;
    if (--fx->fail_nth > 0)
        return false;
    fx->failed = true;
    return true;
}

/* Is the process behind this handle dead, or does it die with this call? */
static bool is_killed(struct fake_handle *h, bool xenstore)
{
    if (xenstore && h->kill_nth > 0 && --h->kill_nth == 0)
        h->killed = true;
    return h->killed;
}

struct fake_handle *fake_enter(struct platform *p, const char *function)
{
    struct fake_handle *h = (struct fake_handle *)p;
    const char *call = function + strlen("fake_");
    bool xenstore = strncmp(call, "xs_", 3) == 0;
    int error = 0;

    pthread_mutex_lock(&h->fx->mutex);
    if (xenstore)
        h->fx->counters.xenstore_calls++;
    if (!h->domain->alive)
        error = ESRCH;
    else if (is_killed(h, xenstore))
        error = EIO;
    else if (call_fails(h->fx, h->domain->domid, call))
        error = h->fx->fail_error;
    if (error == 0)
        return h;
    pthread_mutex_unlock(&h->fx->mutex);
    errno = error;
    return NULL;
}

void fake_leave(struct fake_handle **h)
{
    if (*h)
        pthread_mutex_unlock(&(*h)->fx->mutex);
}

static void free_lock(struct fake_lock **link)
{
    struct fake_lock *lock = *link;

    *link = lock->next;
    free(lock->name);
    free(lock);
}

void fake_handle_close(struct fake_handle *h)
{
    struct fake_xen *fx = h->fx;
    struct fake_handle **link = &fx->handles;

    fake_tx_release(h);
    fake_watch_release(h);
    fake_grant_release(h);
    fake_evtchn_release(h);
    for (struct fake_lock **lock = &fx->locks; *lock;)
        if ((*lock)->owner == h)
            free_lock(lock);
        else
            lock = &(*lock)->next;
    while (*link != h)
        link = &(*link)->next;
    *link = h->next;
    close(h->evtchn_fd);
    close(h->xs_fd);
    free(h);
    fx->counters.handles--;
}

static void fake_close(struct platform *p)
{
    struct fake_xen *fx = ((struct fake_handle *)p)->fx;

    pthread_mutex_lock(&fx->mutex);
    fake_handle_close((struct fake_handle *)p);
    pthread_mutex_unlock(&fx->mutex);
}

static uint64_t fake_now(struct platform *p)
{
    struct fake_xen *fx = ((struct fake_handle *)p)->fx;
    struct timespec real = {0};

    pthread_mutex_lock(&fx->mutex);

    uint64_t now = fx->now;

    if (fx->real_clock)
        clock_gettime(CLOCK_MONOTONIC, &real);
    pthread_mutex_unlock(&fx->mutex);
    return now + (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec;
}

static int fake_domain_alive(struct platform *p, uint32_t domid)
{
    struct fake_handle *h = (struct fake_handle *)p;
    struct fake_xen *fx = h->fx;

    pthread_mutex_lock(&fx->mutex);

    struct fake_domain *domain = fake_domain_find(fx, domid);
    bool alive = domain && domain->alive;
    bool told = h->domain->domid == 0;

    pthread_mutex_unlock(&fx->mutex);
    return told ? alive : -1;
}

static int fake_own_domid(struct platform *p)
{
    FAKE_ENTER(h, p, -1);
    return (int)h->domain->domid;
}

static struct fake_lock *find_lock(struct fake_xen *fx, uint32_t domid, const char *name)
{
    struct fake_lock *lock = fx->locks;

    while (lock && (lock->owner->domain->domid != domid || strcmp(lock->name, name) != 0))
        lock = lock->next;
    return lock;
}

static int fake_lock(struct platform *p, const char *name)
{
    FAKE_ENTER(h, p, -1);
    if (find_lock(h->fx, h->domain->domid, name)) {
        errno = EBUSY;
        return -1;
    }

    struct fake_lock *lock = fake_alloc(sizeof(*lock));

    *lock = (struct fake_lock){.next = h->fx->locks, .owner = h, .name = fake_strdup(name)};
    h->fx->locks = lock;
    return 0;
}

static bool fake_lock_held(struct platform *p, const char *name)
{
    struct fake_handle *h = (struct fake_handle *)p;

    pthread_mutex_lock(&h->fx->mutex);

    bool held = find_lock(h->fx, h->domain->domid, name) != NULL;

    pthread_mutex_unlock(&h->fx->mutex);
    return held;
}

static bool fake_kernel_has_bus(struct platform *p, uint32_t bus)
{
    struct fake_handle *h = (struct fake_handle *)p;

    pthread_mutex_lock(&h->fx->mutex);

    bool has = bus < 32 && (h->domain->kernel_buses >> bus & 1);

    pthread_mutex_unlock(&h->fx->mutex);
    return has;
}

static const struct platform_ops fake_ops = {
    .close = fake_close,
    .now = fake_now,
    .soon = fake_now,
    .evtchn_fd = fake_evtchn_fd,
    .evtchn_alloc = fake_evtchn_alloc,
    .evtchn_bind = fake_evtchn_bind,
    .evtchn_unbind = fake_evtchn_unbind,
    .evtchn_notify = fake_evtchn_notify,
    .evtchn_next = fake_evtchn_next,
    .evtchn_unmask = fake_evtchn_unmask,
    .grant_share = fake_grant_share,
    .grant_unshare = fake_grant_unshare,
    .grant_map = fake_grant_map,
    .grant_unmap = fake_grant_unmap,
    .grant_copy = fake_grant_copy,
    .xs_fd = fake_xs_fd,
    .xs_begin = fake_xs_begin,
    .xs_end = fake_xs_end,
    .xs_read = fake_xs_read,
    .xs_write = fake_xs_write,
    .xs_mkdir = fake_xs_mkdir,
    .xs_remove = fake_xs_remove,
    .xs_list = fake_xs_list,
    .xs_set_perms = fake_xs_set_perms,
    .xs_get_perms = fake_xs_get_perms,
    .xs_watch = fake_xs_watch,
    .xs_unwatch = fake_xs_unwatch,
    .xs_next_watch = fake_xs_next_watch,
    .domain_alive = fake_domain_alive,
    .own_domid = fake_own_domid,
    .lock = fake_lock,
    .kernel_has_bus = fake_kernel_has_bus,
    .lock_held = fake_lock_held,
};

struct fake_handle *fake_handle_new(struct fake_xen *fx, struct fake_domain *domain)
{
    struct fake_handle *h = fake_alloc(sizeof(*h));

    h->base.ops = &fake_ops;
    h->fx = fx;
    h->domain = domain;
    h->evtchn_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->xs_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->evtchn_fd < 0 || h->xs_fd < 0)
        abort();
    h->next = fx->handles;
    fx->handles = h;
    fx->counters.handles++;
    return h;
}
