/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Everything this project asks of Xen, as one table of calls.
 *
 * The real table is platform-xen.c, over libxengnttab, libxenevtchn and
 * libxenstore; tests fill the same table with a fake. Both ends and the tools
 * reach Xen through here and nowhere else.
 *
 * Calls return 0, a count or a pointer; on failure -1 or NULL with errno set.
 * "never blocks" below means no longer than a hypercall; xenstore calls wait
 * for xenstored's answer. One thread uses a platform at a time.
 */
#ifndef XVMSG_PLATFORM_H
#define XVMSG_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLATFORM_PAGE_SIZE 4096u

/* A xenstore transaction; PLATFORM_NO_TX for none. */
typedef uint32_t platform_tx;
#define PLATFORM_NO_TX 0u

/* Who may do what with a node: the first entry is the owner, whose `read` and
 * `write` are what everybody not listed may do. */
struct platform_perm {
    uint32_t domid;
    bool read;
    bool write;
};

/* One fired watch; free() the struct, the strings are inside. */
struct platform_watch {
    const char *path;
    const char *token;
};

/* Bytes to copy between memory of ours and one page that another domain granted. */
struct platform_copy {
    void *local;
    uint32_t ref;
    uint16_t offset; /* offset + length is at most a page */
    uint16_t length;
    bool to_remote;
    bool failed; /* how it ended */
};

struct platform;

struct platform_ops {
    void (*close)(struct platform *p);

    /* Monotonic time in nanoseconds. */
    uint64_t (*now)(struct platform *p);
    /* A time at most a tick of the kernel's (10 ms) ahead, and not past yet unless the kernel
     * counts its ticks late, as it does while the processor that counts them waits for a real
     * one. Takes no system call where the kernel's clock does, as that of a PV guest. */
    uint64_t (*soon)(struct platform *p);

    /* ---- event channels: ports are local; never block ---- */
    int (*evtchn_fd)(struct platform *p);
    int (*evtchn_alloc)(struct platform *p, uint32_t remote_domid);
    int (*evtchn_bind)(struct platform *p, uint32_t remote_domid, uint32_t remote_port);
    int (*evtchn_unbind)(struct platform *p, uint32_t port);
    int (*evtchn_notify)(struct platform *p, uint32_t port);
    /* A port that fired, masked until evtchn_unmask(); -1 EAGAIN when none. To be
     * called until then, or 16 times: only so does the descriptor tell of what is left. */
    int (*evtchn_next)(struct platform *p);
    int (*evtchn_unmask)(struct platform *p, uint32_t port);

    /* ---- grants, giving: zeroed pages of our own; never block ---- */
    void *(*grant_share)(struct platform *p, uint32_t domid, size_t pages, bool writable,
                         uint32_t *refs);
    int (*grant_unshare)(struct platform *p, void *start, size_t pages);

    /* ---- grants, taking: one contiguous mapping, all or nothing ---- */
    void *(*grant_map)(struct platform *p, uint32_t domid, const uint32_t *refs, size_t pages,
                       bool writable);
    int (*grant_unmap)(struct platform *p, void *start, size_t pages);

    /* ---- grants, copying: in order, each for itself; -1 when Xen took none of them, and
     * they have all failed ---- */
    int (*grant_copy)(struct platform *p, uint32_t domid, struct platform_copy *copies,
                      size_t count);

    /* ---- xenstore: absolute paths, or relative to our domain's home ---- */
    int (*xs_fd)(struct platform *p);
    /* Transactions: commit fails with EAGAIN when somebody interfered: redo all. */
    int (*xs_begin)(struct platform *p, platform_tx *tx);
    int (*xs_end)(struct platform *p, platform_tx tx, bool abort);
    /* NUL-terminated value; free() it. ENOENT when there is no such node. */
    char *(*xs_read)(struct platform *p, platform_tx tx, const char *path, size_t *size);
    int (*xs_write)(struct platform *p, platform_tx tx, const char *path, const char *value);
    int (*xs_mkdir)(struct platform *p, platform_tx tx, const char *path);
    /* Removes the node and all below it. A node that is not there is ENOENT,
     * or, when its parent is there, a success: xenstored's rule. */
    int (*xs_remove)(struct platform *p, platform_tx tx, const char *path);
    /* Names of the children in one block; free() it. count 0 is not an error. */
    char **(*xs_list)(struct platform *p, platform_tx tx, const char *path, size_t *count);
    int (*xs_set_perms)(struct platform *p, platform_tx tx, const char *path,
                        const struct platform_perm *perms, size_t count);
    /* The permissions, owner first; free() them. */
    struct platform_perm *(*xs_get_perms)(struct platform *p, platform_tx tx, const char *path,
                                          size_t *count);
    /* A watch fires once at once, then at each change at or below the path. */
    int (*xs_watch)(struct platform *p, const char *path, const char *token);
    int (*xs_unwatch)(struct platform *p, const char *path, const char *token);
    /* The next fired watch, NULL with EAGAIN when none; never blocks. */
    struct platform_watch *(*xs_next_watch)(struct platform *p);

    /* Does the domain exist and run (not dying)? 1 yes, 0 no, -1: domains other than 0 are not
     * told. */
    int (*domain_alive)(struct platform *p, uint32_t domid);

    /* Our own domain's id; -1 with errno if it cannot be told. */
    int (*own_domid)(struct platform *p);

    /* Takes (and keeps until close) this machine's lock called `name`: one
     * driver per bus, one daemon per domain. EBUSY when another holds it. */
    int (*lock)(struct platform *p, const char *name);
    /* Does a driver of our domain's kernel have this bus? */
    bool (*kernel_has_bus)(struct platform *p, uint32_t bus);
    /* Does anybody hold that lock? Takes nothing and disturbs nobody. */
    bool (*lock_held)(struct platform *p, const char *name);
};

struct platform {
    const struct platform_ops *ops;
};

/* What a caller needs; the rest is not opened. */
#define PLATFORM_XENSTORE 0x1u
#define PLATFORM_EVTCHN 0x2u
#define PLATFORM_GNTTAB 0x4u /* taking: map what others granted */
#define PLATFORM_GNTSHR 0x8u /* giving: share our own pages */

/*
 * Opens the real Xen. NULL with errno; *why (static text) names the device or
 * service that could not be opened and what to do about it.
 */
struct platform *platform_open_xen(unsigned needs, const char **why);

static inline void platform_close(struct platform *p)
{
    if (p)
        p->ops->close(p);
}

#endif
