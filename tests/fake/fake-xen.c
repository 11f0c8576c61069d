/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What tests call: domains, the clock, failures to order. */

#include "tests/fake/fake-xen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/fake/fake-internal.h"

#define SECOND 1000000000u

void *fake_alloc(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory)
        abort();
    return memory;
}

char *fake_strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(fake_alloc(size), text, size);
}

struct fake_domain *fake_domain_find(struct fake_xen *fx, uint32_t domid)
{
    struct fake_domain *domain = fx->domains;

    while (domain && domain->domid != domid)
        domain = domain->next;
    return domain;
}

static void add_domain(struct fake_xen *fx, uint32_t domid)
{
    struct fake_domain *domain = fake_domain_find(fx, domid);

    if (!domain) {
        domain = fake_alloc(sizeof(*domain));
        domain->domid = domid;
        domain->next_ref = FAKE_FIRST_REF;
        domain->next = fx->domains;
        fx->domains = domain;
    }
    domain->alive = true;
}

/* PATH below the domain's home, owned by `owner` and readable by the domain. */
static void make_home_node(struct fake_xen *fx, uint32_t domid, const char *path,
                           const char *value, uint32_t owner)
{
    struct fake_node *node =
        fake_tree_make(fx, fx->root, store_path("/local/domain/%u%s", domid, path).text, 0);

    node->perms[0] = (struct platform_perm){.domid = owner};
    node->perms[1] = (struct platform_perm){.domid = domid, .read = true};
    node->num_perms = owner == domid ? 1 : 2;
    fake_tree_set_value(fx, node, value, strlen(value));
    fake_watch_fire(fx, node);
}

static void make_home(struct fake_xen *fx, uint32_t domid, const char *name)
{
    make_home_node(fx, domid, "", "", 0);
    make_home_node(fx, domid, "/name", name, 0);
    make_home_node(fx, domid, "/domid", store_path("%u", domid).text, 0);
    make_home_node(fx, domid, "/device", "", 0);
    make_home_node(fx, domid, "/data", "", domid);
}

struct fake_xen *fake_xen_new(void)
{
    struct fake_xen *fx = fake_alloc(sizeof(*fx));

    pthread_mutex_init(&fx->mutex, NULL);
    fx->memory_fd = memfd_create("fake-xen", MFD_CLOEXEC);
    if (fx->memory_fd < 0)
        abort();
    fx->now = SECOND;
    fx->root = fake_tree_new();
    add_domain(fx, 0);
    make_home(fx, 0, "Domain-0");
    return fx;
}

unsigned fake_xen_free(struct fake_xen *fx)
{
    unsigned open = fx->counters.handles;

    while (fx->handles)
        fake_handle_close(fx->handles);
    for (struct fake_domain *domain = fx->domains, *next; domain; domain = next) {
        next = domain->next;
        free(domain);
    }
    fake_tree_free(fx->root);
    close(fx->memory_fd);
    pthread_mutex_destroy(&fx->mutex);
    free(fx);
    return open;
}

void fake_xen_create_domain(struct fake_xen *fx, uint32_t domid, const char *name)
{
    pthread_mutex_lock(&fx->mutex);
    add_domain(fx, domid);
    make_home(fx, domid, name);
    fake_watch_fire_special(fx, "@introduceDomain");
    pthread_mutex_unlock(&fx->mutex);
}

void fake_xen_destroy_domain(struct fake_xen *fx, uint32_t domid)
{
    pthread_mutex_lock(&fx->mutex);

    struct fake_node *nearest, *home =
        fake_tree_find(fx->root, store_path("/local/domain/%u", domid).text, &nearest);

    fake_domain_find(fx, domid)->alive = false;
    for (struct fake_handle *h = fx->handles; h; h = h->next)
        if (h->domain->domid == domid)
            fake_evtchn_release(h);
    if (home) {
        fake_watch_fire_removal(fx, home);
        fake_tree_remove(fx, home);
    }
    fake_watch_fire_special(fx, "@releaseDomain");
    pthread_mutex_unlock(&fx->mutex);
}

struct platform *fake_xen_domain(struct fake_xen *fx, uint32_t domid)
{
    pthread_mutex_lock(&fx->mutex);

    struct fake_domain *domain = fake_domain_find(fx, domid);

    if (!domain)
        abort();

    struct fake_handle *h = fake_handle_new(fx, domain);

    pthread_mutex_unlock(&fx->mutex);
    return &h->base;
}

void fake_xen_give_bus_to_kernel(struct fake_xen *fx, uint32_t domid, uint32_t bus)
{
    pthread_mutex_lock(&fx->mutex);

    struct fake_domain *domain = fake_domain_find(fx, domid);

    if (domain)
        domain->kernel_buses |= UINT32_C(1) << bus;
    pthread_mutex_unlock(&fx->mutex);
}

void fake_xen_write_raw(struct fake_xen *fx, const char *path, const void *value, size_t size)
{
    pthread_mutex_lock(&fx->mutex);

    struct fake_node *node = fake_tree_make(fx, fx->root, path, 0);

    fake_tree_set_value(fx, node, value, size);
    fake_watch_fire(fx, node);
    pthread_mutex_unlock(&fx->mutex);
}

void fake_xen_advance(struct fake_xen *fx, uint64_t nanoseconds)
{
    pthread_mutex_lock(&fx->mutex);
    fx->now += nanoseconds;
    pthread_mutex_unlock(&fx->mutex);
}

void fake_xen_real_clock(struct fake_xen *fx)
{
    pthread_mutex_lock(&fx->mutex);
    fx->real_clock = true;
    pthread_mutex_unlock(&fx->mutex);
}

void fake_xen_fail(struct fake_xen *fx, uint32_t domid, const char *call, unsigned nth, int error)
{
    pthread_mutex_lock(&fx->mutex);
    fx->fail_domid = domid;
    snprintf(fx->fail_call, sizeof(fx->fail_call), "%s", call ? call : "");
    fx->fail_nth = nth;
    fx->fail_error = error;
    fx->failed = false;
    pthread_mutex_unlock(&fx->mutex);
}

void fake_xen_kill(struct platform *p, unsigned nth)
{
    struct fake_handle *h = (struct fake_handle *)p;

    pthread_mutex_lock(&h->fx->mutex);
    h->kill_nth = nth;
    pthread_mutex_unlock(&h->fx->mutex);
}

bool fake_xen_killed(struct platform *p)
{
    struct fake_handle *h = (struct fake_handle *)p;

    pthread_mutex_lock(&h->fx->mutex);

    bool killed = h->killed;

    pthread_mutex_unlock(&h->fx->mutex);
    return killed;
}

bool fake_xen_failed(struct fake_xen *fx)
{
    pthread_mutex_lock(&fx->mutex);

    bool failed = fx->failed;

    pthread_mutex_unlock(&fx->mutex);
    return failed;
}

struct fake_counters fake_xen_counters(struct fake_xen *fx)
{
    pthread_mutex_lock(&fx->mutex);

    struct fake_counters counters = fx->counters;

    pthread_mutex_unlock(&fx->mutex);
    return counters;
}

static void dump_node(const struct fake_node *node, FILE *out)
{
    char path[FAKE_PATH_MAX];

    fake_tree_path(node, path);
    fprintf(out, "%s = \"%s\"   (", *path ? path : "/", node->value);
    for (size_t i = 0; i < node->num_perms; i++) {
        const struct platform_perm *perm = &node->perms[i];
        char letter = perm->read ? (perm->write ? 'b' : 'r') : (perm->write ? 'w' : 'n');

        fprintf(out, "%s%c%u", i ? "," : "", letter, perm->domid);
    }
    fprintf(out, ")\n");
    for (const struct fake_node *child = node->children; child; child = child->next)
        dump_node(child, out);
}

void fake_xen_dump(struct fake_xen *fx, FILE *out)
{
    pthread_mutex_lock(&fx->mutex);
    dump_node(fx->root, out);
    pthread_mutex_unlock(&fx->mutex);
}

void fake_xen_spread_refs(struct fake_xen *fx, unsigned run)
{
    pthread_mutex_lock(&fx->mutex);
    fx->ref_run = run;
    pthread_mutex_unlock(&fx->mutex);
}
