/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The real Xen: opening and closing it, and what is neither store, grant nor
 * event channel.
 */

#include "common/platform-xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/store.h"

#define LOCK_DIR "/run/lock"
#define PRIVCMD "/dev/xen/privcmd"
#define TICK_MOST UINT64_C(10000000) /* ns; no kernel has fewer than 100 in a second */

static void platform_xen_close(struct platform *p)
{
    struct platform_xen *x = platform_xen(p);

    if (x->xs)
        xs_close(x->xs);
    if (x->evtchn)
        xenevtchn_close(x->evtchn);
    if (x->gntshr)
        xengntshr_close(x->gntshr);
    if (x->gnttab)
        xengnttab_close(x->gnttab);
    if (x->xc)
        xc_interface_close(x->xc);
    for (size_t i = 0; i < x->num_locks; i++)
        close(x->locks[i]);
    free(x);
}

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

static uint64_t platform_xen_now(struct platform *p)
{
    struct timespec now;

    (void)p;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return nanoseconds(&now);
}

static uint64_t platform_xen_soon(struct platform *p)
{
    struct timespec tick;

    (void)p;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
    return nanoseconds(&tick) + TICK_MOST;
}

/* 1 alive, 0 not, -1 the hypervisor does not answer us (we are a guest). */
static int ask_hypervisor(struct platform_xen *x, uint32_t domid)
{
    xc_domaininfo_t info;

    if (!x->xc_tried && access(PRIVCMD, R_OK | W_OK) == 0)
        x->xc = xc_interface_open(NULL, NULL, 0);
    x->xc_tried = true;
    if (!x->xc)
        return -1;

    /* Lists from domid upwards: the first may be somebody else. */
    int count = xc_domain_getinfolist(x->xc, domid, 1, &info);

    if (count < 0)
        return -1;
    return count == 1 && info.domain == domid && !(info.flags & XEN_DOMINF_dying);
}

/* xenstored tells domain 0 alone, and "no" is what the library makes of a refusal. */
static int platform_xen_domain_alive(struct platform *p, uint32_t domid)
{
    struct platform_xen *x = platform_xen(p);
    int alive = ask_hypervisor(x, domid);

    if (alive >= 0)
        return alive;
    errno = 0;
    if (xs_is_domain_introduced(x->xs, domid))
        return 1;
    return errno ? -1 : 0;
}

static int platform_xen_own_domid(struct platform *p)
{
    size_t size;
    uint64_t domid;
    char *text = platform_xen_xs_read(p, PLATFORM_NO_TX, "domid", &size);

    if (!text)
        return -1;

    int rc = parse_u64(text, 0, DOMID_FIRST_RESERVED - 1, &domid);

    free(text);
    return rc < 0 ? -1 : (int)domid;
}

/* The lock belongs to the open file, so a child that keeps it keeps the lock. */
static int platform_xen_lock(struct platform *p, const char *name)
{
    struct platform_xen *x = platform_xen(p);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (x->num_locks == PLATFORM_XEN_LOCKS) {
        errno = ENOLCK;
        return -1;
    }
    if ((mkdir("/run", 0755) < 0 && errno != EEXIST) ||
        (mkdir(LOCK_DIR, 0755) < 0 && errno != EEXIST))
        return -1;

    int fd = open(store_path(LOCK_DIR "/%s", name).text,
                  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return -1;
    if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
        int saved = errno == EACCES || errno == EAGAIN ? EBUSY : errno;

        close(fd);
        errno = saved;
        return -1;
    }
    x->locks[x->num_locks++] = fd;
    return 0;
}

static bool platform_xen_lock_held(struct platform *p, const char *name)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(store_path(LOCK_DIR "/%s", name).text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    (void)p;
    if (fd < 0)
        return false;

    bool held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;

    close(fd);
    return held;
}

/* xenbus links a device to the driver that has it. */
static bool platform_xen_kernel_has_bus(struct platform *p, uint32_t bus)
{
    (void)p;
    return access(store_path("/sys/bus/xen/devices/virtio-msg-%u/driver", bus).text, F_OK) == 0;
}

static const struct platform_ops xen_ops = {
    .close = platform_xen_close,
    .now = platform_xen_now,
    .soon = platform_xen_soon,
    .evtchn_fd = platform_xen_evtchn_fd,
    .evtchn_alloc = platform_xen_evtchn_alloc,
    .evtchn_bind = platform_xen_evtchn_bind,
    .evtchn_unbind = platform_xen_evtchn_unbind,
    .evtchn_notify = platform_xen_evtchn_notify,
    .evtchn_next = platform_xen_evtchn_next,
    .evtchn_unmask = platform_xen_evtchn_unmask,
    .grant_share = platform_xen_grant_share,
    .grant_unshare = platform_xen_grant_unshare,
    .grant_map = platform_xen_grant_map,
    .grant_unmap = platform_xen_grant_unmap,
    .grant_copy = platform_xen_grant_copy,
    .xs_fd = platform_xen_xs_fd,
    .xs_begin = platform_xen_xs_begin,
    .xs_end = platform_xen_xs_end,
    .xs_read = platform_xen_xs_read,
    .xs_write = platform_xen_xs_write,
    .xs_mkdir = platform_xen_xs_mkdir,
    .xs_remove = platform_xen_xs_remove,
    .xs_list = platform_xen_xs_list,
    .xs_set_perms = platform_xen_xs_set_perms,
    .xs_get_perms = platform_xen_xs_get_perms,
    .xs_watch = platform_xen_xs_watch,
    .xs_unwatch = platform_xen_xs_unwatch,
    .xs_next_watch = platform_xen_xs_next_watch,
    .domain_alive = platform_xen_domain_alive,
    .own_domid = platform_xen_own_domid,
    .lock = platform_xen_lock,
    .kernel_has_bus = platform_xen_kernel_has_bus,
    .lock_held = platform_xen_lock_held,
};

static int set_fd_flags(int fd, int status_flags)
{
    int status = fcntl(fd, F_GETFL);

    if (status < 0 || fcntl(fd, F_SETFL, status | status_flags) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    return 0;
}

static int open_xenstore(struct platform_xen *x)
{
    x->xs = xs_open(0);
    return x->xs ? 0 : -1;
}

static int open_evtchn(struct platform_xen *x)
{
    x->evtchn = xenevtchn_open(NULL, 0);
    return x->evtchn ? set_fd_flags(xenevtchn_fd(x->evtchn), O_NONBLOCK) : -1;
}

static int open_gnttab(struct platform_xen *x)
{
    x->gnttab = xengnttab_open(NULL, 0);
    return x->gnttab ? set_fd_flags(xengnttab_fd(x->gnttab), 0) : -1;
}

static int open_gntshr(struct platform_xen *x)
{
    x->gntshr = xengntshr_open(NULL, 0);
    return x->gntshr ? set_fd_flags(xengntshr_fd(x->gntshr), 0) : -1;
}

/* What can be needed, and what to tell a person when it cannot be had. */
static const struct resource {
    unsigned need;
    const char *device; /* NULL: no one file */
    int (*open)(struct platform_xen *x);
    const char *missing;
    const char *denied;
} resources[] = {
    {PLATFORM_XENSTORE, NULL, open_xenstore,
     "xenstore cannot be reached: dom0 needs xenstored running, a guest /dev/xen/xenbus or xenfs "
     "mounted on /proc/xen",
     "xenstore may not be opened: run this as root"},
    {PLATFORM_EVTCHN, "/dev/xen/evtchn", open_evtchn,
     "/dev/xen/evtchn is missing: load the kernel module xen-evtchn",
     "/dev/xen/evtchn may not be opened: run this as root"},
    {PLATFORM_GNTTAB, "/dev/xen/gntdev", open_gnttab,
     "/dev/xen/gntdev is missing: load the kernel module xen-gntdev",
     "/dev/xen/gntdev may not be opened: run this as root"},
    {PLATFORM_GNTSHR, "/dev/xen/gntalloc", open_gntshr,
     "/dev/xen/gntalloc is missing: load the kernel module xen-gntalloc",
     "/dev/xen/gntalloc may not be opened: run this as root"},
};

static bool on_xen(void)
{
    return access("/proc/xen", F_OK) == 0 || access("/dev/xen", F_OK) == 0;
}

static int open_resource(struct platform_xen *x, const struct resource *r, const char **why)
{
    /* Looked at first, because the libraries print what they fail to open. */
    if ((!r->device || access(r->device, R_OK | W_OK) == 0) && r->open(x) == 0)
        return 0;
    *why = errno == EACCES || errno == EPERM ? r->denied : r->missing;
    return -1;
}

struct platform *platform_open_xen(unsigned needs, const char **why)
{
    if (!on_xen()) {
        *why = "this machine does not run on Xen: there is neither /proc/xen nor /dev/xen";
        errno = ENODEV;
        return NULL;
    }

    struct platform_xen *x = calloc(1, sizeof(*x));

    if (!x) {
        *why = "out of memory";
        return NULL;
    }
    x->base.ops = &xen_ops;
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        if ((needs & resources[i].need) && open_resource(x, &resources[i], why) < 0) {
            int saved = errno;

            platform_xen_close(&x->base);
            errno = saved;
            return NULL;
        }
    return &x->base;
}
