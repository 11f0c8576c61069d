/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The real platform's event channels and grants. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/platform-xen.h"

int platform_xen_evtchn_fd(struct platform *p)
{
    return xenevtchn_fd(platform_xen(p)->evtchn);
}

int platform_xen_evtchn_alloc(struct platform *p, uint32_t remote_domid)
{
    return xenevtchn_bind_unbound_port(platform_xen(p)->evtchn, remote_domid);
}

int platform_xen_evtchn_bind(struct platform *p, uint32_t remote_domid, uint32_t remote_port)
{
    return xenevtchn_bind_interdomain(platform_xen(p)->evtchn, remote_domid, remote_port);
}

int platform_xen_evtchn_unbind(struct platform *p, uint32_t port)
{
    return xenevtchn_unbind(platform_xen(p)->evtchn, port);
}

int platform_xen_evtchn_notify(struct platform *p, uint32_t port)
{
    return xenevtchn_notify(platform_xen(p)->evtchn, port);
}

/* The library reads one port with each system call; the device gives all there are,
 * and so says without another that there are no more. */
static int read_ports(struct platform_xen *x)
{
    ssize_t size = read(xenevtchn_fd(x->evtchn), x->ports, sizeof(x->ports));

    if (size < 0)
        return -1;
    x->next_port = 0;
    x->num_ports = (unsigned)((size_t)size / sizeof(x->ports[0]));
    x->no_more_ports = x->num_ports < PLATFORM_XEN_PORTS;
    return 0;
}

int platform_xen_evtchn_next(struct platform *p)
{
    struct platform_xen *x = platform_xen(p);

    if (x->next_port == x->num_ports && !x->no_more_ports && read_ports(x) < 0)
        return -1;
    if (x->next_port < x->num_ports)
        return (int)x->ports[x->next_port++];
    x->no_more_ports = false;
    errno = EAGAIN;
    return -1;
}

int platform_xen_evtchn_unmask(struct platform *p, uint32_t port)
{
    return xenevtchn_unmask(platform_xen(p)->evtchn, port);
}

/* The libraries count pages in 32 bits. */
static bool count_valid(size_t pages)
{
    if (pages > 0 && pages <= UINT32_MAX / PLATFORM_PAGE_SIZE)
        return true;
    errno = EINVAL;
    return false;
}

void *platform_xen_grant_share(struct platform *p, uint32_t domid, size_t pages, bool writable,
                               uint32_t *refs)
{
    if (!count_valid(pages))
        return NULL;

    void *start = xengntshr_share_pages(platform_xen(p)->gntshr, domid, (int)pages, refs, writable);

    if (start)
        memset(start, 0, pages * PLATFORM_PAGE_SIZE);
    return start;
}

int platform_xen_grant_unshare(struct platform *p, void *start, size_t pages)
{
    if (!count_valid(pages))
        return -1;
    return xengntshr_unshare(platform_xen(p)->gntshr, start, (uint32_t)pages);
}

void *platform_xen_grant_map(struct platform *p, uint32_t domid, const uint32_t *refs,
                             size_t pages, bool writable)
{
    if (!count_valid(pages))
        return NULL;
    /* The library only reads the references; its prototype lacks the const. */
    return xengnttab_map_domain_grant_refs(platform_xen(p)->gnttab, (uint32_t)pages, domid,
                                           (uint32_t *)refs,
                                           writable ? PROT_READ | PROT_WRITE : PROT_READ);
}

int platform_xen_grant_unmap(struct platform *p, void *start, size_t pages)
{
    if (!count_valid(pages))
        return -1;
    return xengnttab_unmap(platform_xen(p)->gnttab, start, (uint32_t)pages);
}

static void describe_copy(xengnttab_grant_copy_segment_t *segment, uint32_t domid,
                          const struct platform_copy *copy)
{
    union xengnttab_copy_ptr local = {.virt = copy->local};
    union xengnttab_copy_ptr remote = {
        .foreign = {.ref = copy->ref, .offset = copy->offset, .domid = (uint16_t)domid}};

    *segment = (xengnttab_grant_copy_segment_t){
        .source = copy->to_remote ? local : remote,
        .dest = copy->to_remote ? remote : local,
        .len = copy->length,
        .flags = copy->to_remote ? GNTCOPY_dest_gref : GNTCOPY_source_gref,
        .status = GNTST_general_error,
    };
}

int platform_xen_grant_copy(struct platform *p, uint32_t domid, struct platform_copy *copies,
                            size_t count)
{
    xengnttab_grant_copy_segment_t *segments = NULL;
    int rc = -1;

    if (count > 0 && count <= UINT32_MAX)
        segments = calloc(count, sizeof(*segments));
    else
        errno = EINVAL;
    for (size_t i = 0; segments && i < count; i++)
        describe_copy(&segments[i], domid, &copies[i]);
    if (segments)
        rc = xengnttab_grant_copy(platform_xen(p)->gnttab, (uint32_t)count, segments);
    for (size_t i = 0; i < count; i++)
        copies[i].failed = rc < 0 || segments[i].status != GNTST_okay;
    free(segments);
    return rc;
}
