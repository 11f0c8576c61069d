/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Shared by the files of the fake Xen, and by nobody else. */
#ifndef XVMSG_FAKE_INTERNAL_H
#define XVMSG_FAKE_INTERNAL_H

#include <pthread.h>

#include "tests/fake/fake-xen.h"

#define FAKE_PORTS 1024
#define FAKE_PATH_MAX 3072
#define FAKE_MAX_PERMS 8
#define FAKE_FIRST_REF 8 /* lower references are reserved */

/* ---- event channels ---- */

enum fake_port_state { FAKE_PORT_FREE, FAKE_PORT_UNBOUND, FAKE_PORT_INTERDOMAIN };

struct fake_port {
    enum fake_port_state state;
    struct fake_handle *owner;
    uint32_t remote_domid;
    uint32_t remote_port;
    bool masked;  /* told to the owner, who has not unmasked it */
    bool pending; /* fired while masked */
};

/* ---- domains ---- */

struct fake_domain {
    struct fake_domain *next;
    uint32_t domid;
    bool alive;
    uint32_t kernel_buses; /* bit n: its kernel drives bus n */
    uint32_t next_ref;
    struct fake_port ports[FAKE_PORTS]; /* 0 is not used */
};

/* ---- grants ---- */

/* Pages given by one call. */
struct fake_share {
    struct fake_share *next;
    struct fake_handle *owner; /* NULL once unshared: only mappings keep it */
    uint32_t owner_domid;
    uint32_t target_domid;
    uint32_t first_ref;
    uint32_t run; /* pages before each gap in the references */
    size_t pages;
    bool writable;
    int64_t offset; /* in the memory file */
    void *start;    /* the owner's mapping */
    unsigned mapped;
};

/* One contiguous mapping of anybody's pages. */
struct fake_mapping {
    struct fake_mapping *next;
    struct fake_handle *owner;
    void *start;
    size_t pages;
    struct fake_share *shares[]; /* of each page */
};

/* ---- xenstore ---- */

struct fake_node {
    struct fake_node *next;
    struct fake_node *prev;
    struct fake_node *parent;
    struct fake_node *children; /* in order of creation */
    struct fake_node *last_child;
    void *index; /* the children by name, for tsearch() */
    char *name;
    char *value;
    size_t size;
    struct platform_perm perms[FAKE_MAX_PERMS];
    size_t num_perms;
    uint64_t generation; /* of the last change of value, permissions or children */

    /* In a transaction's tree, which fetches what it needs from the live one. */
    struct fake_node *live; /* the root's: the live root */
    bool partial;           /* there may be more children in the live tree */
    bool absent;            /* removed: known to the index alone */
};

struct fake_tx; /* fake-tx.c's own */

enum fake_change_kind { FAKE_WRITE, FAKE_MKDIR, FAKE_REMOVE, FAKE_SET_PERMS };

struct fake_change {
    struct fake_change *next;
    enum fake_change_kind kind;
    char *path;
    char *value;
    struct platform_perm perms[FAKE_MAX_PERMS];
    size_t num_perms;
};

struct fake_watch {
    struct fake_watch *next;
    char *registered; /* as the owner spelled it */
    char *path;       /* absolute, or @special */
    char *token;
};

struct fake_event {
    struct fake_event *next;
    struct platform_watch *watch;
};

struct fake_lock {
    struct fake_lock *next;
    struct fake_handle *owner;
    char *name;
};

/* ---- the whole ---- */

struct fake_handle {
    struct platform base;
    struct fake_xen *fx;
    struct fake_handle *next;
    struct fake_domain *domain;
    unsigned kill_nth; /* xenstore calls from now; 0: not to be killed */
    bool killed;

    int evtchn_fd; /* readable while a port is ready */
    uint32_t ready[FAKE_PORTS];
    unsigned num_ready;

    int xs_fd; /* readable while an event is queued */
    struct fake_watch *watches;
    struct fake_event *events;
    struct fake_event *last_event;
    struct fake_tx *transactions;
};

struct fake_xen {
    pthread_mutex_t mutex;
    struct fake_domain *domains;
    struct fake_handle *handles;
    struct fake_lock *locks;

    int memory_fd;
    int64_t memory_size; /* only grows; freed pages become holes */
    unsigned ref_run; /* of shares to come; 0: no gaps */
    struct fake_share *shares;
    struct fake_mapping *mappings;

    struct fake_node *root;
    uint64_t generation;
    uint32_t last_tx;

    bool real_clock;
    uint64_t now;

    uint32_t fail_domid;
    char fail_call[32]; /* "": any */
    unsigned fail_nth;  /* 0: none armed */
    int fail_error;
    bool failed;

    struct fake_counters counters;
};

/* fake-xen.c */
void *fake_alloc(size_t size);
char *fake_strdup(const char *text);
struct fake_domain *fake_domain_find(struct fake_xen *fx, uint32_t domid);

/* fake-handle.c */
struct fake_handle *fake_handle_new(struct fake_xen *fx, struct fake_domain *domain);
void fake_handle_close(struct fake_handle *h);
void fake_signal(int fd, bool readable);
struct fake_handle *fake_enter(struct platform *p, const char *function);
void fake_leave(struct fake_handle **h);

/*
 * First line of every call of the platform table: takes the lock until the
 * function returns, and returns `failure` at once when this call is to fail.
 */
#define FAKE_ENTER(h, p, failure)                                                        \
    struct fake_handle *h __attribute__((cleanup(fake_leave))) = fake_enter(p, __func__); \
    if (!h)                                                                              \
    return failure

/* fake-evtchn.c */
int fake_evtchn_fd(struct platform *p);
int fake_evtchn_alloc(struct platform *p, uint32_t remote_domid);
int fake_evtchn_bind(struct platform *p, uint32_t remote_domid, uint32_t remote_port);
int fake_evtchn_unbind(struct platform *p, uint32_t port);
int fake_evtchn_notify(struct platform *p, uint32_t port);
int fake_evtchn_next(struct platform *p);
int fake_evtchn_unmask(struct platform *p, uint32_t port);
void fake_evtchn_release(struct fake_handle *h);

/* fake-grant.c */
void *fake_grant_share(struct platform *p, uint32_t domid, size_t pages, bool writable,
                       uint32_t *refs);
int fake_grant_unshare(struct platform *p, void *start, size_t pages);
void *fake_grant_map(struct platform *p, uint32_t domid, const uint32_t *refs, size_t pages,
                     bool writable);
int fake_grant_unmap(struct platform *p, void *start, size_t pages);
int fake_grant_copy(struct platform *p, uint32_t domid, struct platform_copy *copies,
                    size_t count);
void fake_grant_release(struct fake_handle *h);

/* fake-tree.c: nodes, without permissions checked or watches fired */
struct fake_node *fake_tree_new(void);
/* A transaction's view of the live tree; the live tree itself never changes by it. */
struct fake_node *fake_tree_view(struct fake_node *live);
/* Before all children of a node are looked at. */
void fake_tree_fetch_children(struct fake_node *node);
void fake_tree_free(struct fake_node *node);
/* The node, or NULL with *nearest its closest ancestor. */
struct fake_node *fake_tree_find(struct fake_node *root, const char *path,
                                 struct fake_node **nearest);
/* Finds or makes the node and its ancestors; new ones inherit permissions. */
struct fake_node *fake_tree_make(struct fake_xen *fx, struct fake_node *root, const char *path,
                                 uint32_t creator);
void fake_tree_remove(struct fake_xen *fx, struct fake_node *node);
void fake_tree_set_value(struct fake_xen *fx, struct fake_node *node, const void *value,
                         size_t size);
size_t fake_tree_entry_size(struct fake_node *node);
struct platform_perm fake_tree_access(const struct fake_node *node, uint32_t domid);
void fake_tree_path(const struct fake_node *node, char path[FAKE_PATH_MAX]);

/* fake-watch.c */
int fake_xs_fd(struct platform *p);
int fake_xs_watch(struct platform *p, const char *path, const char *token);
int fake_xs_unwatch(struct platform *p, const char *path, const char *token);
struct platform_watch *fake_xs_next_watch(struct platform *p);
/* Tells whoever watches at or above the node, and may read it. */
void fake_watch_fire(struct fake_xen *fx, const struct fake_node *node);
/* The node and all below are about to go. */
void fake_watch_fire_removal(struct fake_xen *fx, const struct fake_node *node);
void fake_watch_fire_special(struct fake_xen *fx, const char *name);
void fake_watch_release(struct fake_handle *h);

/* fake-tx.c */
int fake_xs_begin(struct platform *p, platform_tx *tx);
int fake_xs_end(struct platform *p, platform_tx tx, bool abort);
struct fake_tx **fake_tx_find(struct fake_handle *h, platform_tx id);
struct fake_node *fake_tx_root(struct fake_tx *tx);
/* Notes the generation a node (NULL: none) had when first met. */
void fake_tx_visit(struct fake_tx *tx, const char *path, const struct fake_node *node);
void fake_tx_record(struct fake_tx *tx, const struct fake_change *change);
/* Makes a change that was found permitted; tells watchers of the live tree. */
void fake_change_apply(struct fake_handle *h, struct fake_node *root, const struct fake_change *c);
void fake_tx_release(struct fake_handle *h);

/* fake-store.c */
char *fake_xs_read(struct platform *p, platform_tx tx, const char *path, size_t *size);
int fake_xs_write(struct platform *p, platform_tx tx, const char *path, const char *value);
int fake_xs_mkdir(struct platform *p, platform_tx tx, const char *path);
int fake_xs_remove(struct platform *p, platform_tx tx, const char *path);
char **fake_xs_list(struct platform *p, platform_tx tx, const char *path, size_t *count);
int fake_xs_set_perms(struct platform *p, platform_tx tx, const char *path,
                      const struct platform_perm *perms, size_t count);
struct platform_perm *fake_xs_get_perms(struct platform *p, platform_tx tx, const char *path,
                                        size_t *count);
/* The path in absolute form; false with EINVAL. */
bool fake_store_resolve(const struct fake_handle *h, const char *path, char out[FAKE_PATH_MAX]);

#endif
