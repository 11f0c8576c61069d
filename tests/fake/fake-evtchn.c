/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Event channels, as Xen's and the kernel's evtchn device's together. */

#include <errno.h>
#include <string.h>

#include "tests/fake/fake-internal.h"

/* The handle's own port; NULL with ENOTCONN, the device's answer. */
static struct fake_port *own_port(struct fake_handle *h, uint32_t port)
{
    struct fake_port *found = port < FAKE_PORTS ? &h->domain->ports[port] : NULL;

    if (found && found->state != FAKE_PORT_FREE && found->owner == h)
        return found;
    errno = ENOTCONN;
    return NULL;
}

static void fire(struct fake_domain *domain, uint32_t number)
{
    struct fake_port *port = &domain->ports[number];

    if (port->masked) {
        port->pending = true;
        return;
    }
    port->masked = true;
    port->owner->ready[port->owner->num_ready++] = number;
    fake_signal(port->owner->evtchn_fd, true);
}

/* Takes the i-th ready port out of the queue. */
static uint32_t take_ready(struct fake_handle *h, unsigned i)
{
    uint32_t port = h->ready[i];

    h->num_ready--;
    memmove(&h->ready[i], &h->ready[i + 1], (h->num_ready - i) * sizeof(h->ready[0]));
    if (h->num_ready == 0)
        fake_signal(h->evtchn_fd, false);
    return port;
}

static int new_port(struct fake_handle *h, struct fake_port port)
{
    for (uint32_t i = 1; i < FAKE_PORTS; i++)
        if (h->domain->ports[i].state == FAKE_PORT_FREE) {
            port.owner = h;
            h->domain->ports[i] = port;
            h->fx->counters.open_ports++;
            return (int)i;
        }
    errno = ENOSPC;
    return -1;
}

static void close_port(struct fake_handle *h, uint32_t number)
{
    struct fake_port *port = &h->domain->ports[number];

    if (port->state == FAKE_PORT_INTERDOMAIN) {
        struct fake_domain *remote = fake_domain_find(h->fx, port->remote_domid);

        remote->ports[port->remote_port].state = FAKE_PORT_UNBOUND;
        remote->ports[port->remote_port].remote_domid = h->domain->domid;
    }
    for (unsigned i = h->num_ready; i-- > 0;)
        if (h->ready[i] == number)
            take_ready(h, i);
    *port = (struct fake_port){.state = FAKE_PORT_FREE};
    h->fx->counters.open_ports--;
}

int fake_evtchn_fd(struct platform *p)
{
    return ((struct fake_handle *)p)->evtchn_fd;
}

int fake_evtchn_alloc(struct platform *p, uint32_t remote_domid)
{
    FAKE_ENTER(h, p, -1);

    struct fake_port port = {.state = FAKE_PORT_UNBOUND, .remote_domid = remote_domid};

    return new_port(h, port);
}

int fake_evtchn_bind(struct platform *p, uint32_t remote_domid, uint32_t remote_port)
{
    FAKE_ENTER(h, p, -1);

    struct fake_domain *remote = fake_domain_find(h->fx, remote_domid);

    if (!remote || !remote->alive) {
        errno = ESRCH;
        return -1;
    }
    if (remote_port >= FAKE_PORTS || remote->ports[remote_port].state != FAKE_PORT_UNBOUND ||
        remote->ports[remote_port].remote_domid != h->domain->domid) {
        errno = EINVAL;
        return -1;
    }

    int port = new_port(h, (struct fake_port){.state = FAKE_PORT_INTERDOMAIN,
                                              .remote_domid = remote_domid,
                                              .remote_port = remote_port});

    if (port < 0)
        return -1;
    remote->ports[remote_port].state = FAKE_PORT_INTERDOMAIN;
    remote->ports[remote_port].remote_port = (uint32_t)port;
    /* Xen does this because notifications may have been lost before the bind. */
    fire(h->domain, (uint32_t)port);
    return port;
}

int fake_evtchn_unbind(struct platform *p, uint32_t port)
{
    FAKE_ENTER(h, p, -1);
    if (!own_port(h, port))
        return -1;
    close_port(h, port);
    return 0;
}

int fake_evtchn_notify(struct platform *p, uint32_t port)
{
    FAKE_ENTER(h, p, -1);

    struct fake_port *local = own_port(h, port);

    if (!local)
        return -1;
    h->fx->counters.notifies++;
    /* Nobody at the other end: Xen drops it silently. */
    if (local->state == FAKE_PORT_INTERDOMAIN)
        fire(fake_domain_find(h->fx, local->remote_domid), local->remote_port);
    return 0;
}

int fake_evtchn_next(struct platform *p)
{
    FAKE_ENTER(h, p, -1);
    if (h->num_ready == 0) {
        errno = EAGAIN;
        return -1;
    }
    return (int)take_ready(h, 0);
}

int fake_evtchn_unmask(struct platform *p, uint32_t port)
{
    FAKE_ENTER(h, p, -1);

    struct fake_port *local = own_port(h, port);

    /* The device ignores ports that are not ours or not masked. */
    if (!local || !local->masked)
        return 0;
    for (unsigned i = 0; i < h->num_ready; i++)
        if (h->ready[i] == port)
            return 0;
    local->masked = false;
    if (local->pending) {
        local->pending = false;
        fire(h->domain, port);
    }
    return 0;
}

void fake_evtchn_release(struct fake_handle *h)
{
    for (uint32_t i = 1; i < FAKE_PORTS; i++)
        if (h->domain->ports[i].owner == h)
            close_port(h, i);
}
