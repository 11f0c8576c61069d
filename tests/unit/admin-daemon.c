/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/admin-daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/store.h"
#include "xenstore-schema/schema.h"

#define HOME "/local/domain/0/backend/virtio-msg/5/0"

struct admin_daemon {
    struct platform *p;
    enum admin_manner manner;
    pthread_t thread;
    int stop; /* an eventfd */
};

/* ---- one request, inside a transaction ---- */

struct request {
    enum admin_manner manner;
    char *name;
};

static int grant(struct platform *p, platform_tx tx, const char *path, const char *name)
{
    uint64_t number = 1;

    store_read_u64(p, tx, HOME, XS_DEVICE_NUMBER_NEXT, 1, 99, &number);

    struct store_path device = store_path(HOME "/" XS_DEVICE "/%" PRIu64, number);

    store_write_u64(p, tx, HOME, XS_DEVICE_NUMBER_NEXT, number + 1);
    store_write_text(p, tx, device.text, XS_NAME, name);
    store_write_text(p, tx, device.text, XS_TYPE, "blk");
    store_write_text(p, tx, device.text, XS_STATE, XS_DEVICE_ADDED);
    return store_write_u64(p, tx, path, XS_NUMBER, number);
}

static int withdraw(struct platform *p, platform_tx tx, const char *path, uint64_t number)
{
    store_remove(p, tx, HOME "/" XS_DEVICE, store_path("%" PRIu64, number).text);
    return p->ops->xs_remove(p, tx, path);
}

static int answer(struct platform *p, platform_tx tx, void *user)
{
    const struct request *r = user;
    struct store_path path = store_path(HOME "/" XS_REQUEST "/%s", r->name);
    uint64_t number;
    bool resize;

    if (!store_exists(p, tx, path.text) ||
        store_exists(p, tx, store_path("%s/" XS_ERROR, path.text).text))
        return 0;
    resize = store_exists(p, tx, store_path("%s/" XS_RESIZE, path.text).text);
    if (r->manner == ADMIN_PULLS_OUT && !resize)
        return 0;
    if (r->manner == ADMIN_DROPS || r->manner == ADMIN_PULLS_OUT)
        return p->ops->xs_remove(p, tx, path.text);
    if (r->manner == ADMIN_REFUSES)
        return store_write_text(p, tx, path.text, XS_ERROR, "target: no such file");
    if (store_read_u64(p, tx, path.text, XS_NUMBER, 0, 99, &number) < 0)
        return grant(p, tx, path.text, r->name);
    if (store_exists(p, tx, store_path("%s/" XS_REMOVE, path.text).text))
        return withdraw(p, tx, path.text, number);
    return resize ? store_remove(p, tx, path.text, XS_RESIZE) : 0;
}

static void answer_all(struct admin_daemon *d)
{
    size_t count;
    char **names = d->p->ops->xs_list(d->p, PLATFORM_NO_TX, HOME "/" XS_REQUEST, &count);

    for (size_t i = 0; names && i < count; i++) {
        struct request request = {.manner = d->manner, .name = names[i]};

        store_transaction(d->p, answer, &request);
    }
    free(names);
}

static void *run(void *user)
{
    struct admin_daemon *d = user;
    struct pollfd fds[] = {{.fd = d->p->ops->xs_fd(d->p), .events = POLLIN},
                           {.fd = d->stop, .events = POLLIN}};
    struct platform_watch *fired;

    while (poll(fds, 2, -1) >= 0 && !fds[1].revents) {
        while ((fired = d->p->ops->xs_next_watch(d->p)))
            free(fired);
        answer_all(d);
    }
    return NULL;
}

struct admin_daemon *admin_daemon_start(struct fake_xen *fx, enum admin_manner manner)
{
    struct admin_daemon *d = calloc(1, sizeof(*d));

    if (!d)
        abort();
    d->p = fake_xen_domain(fx, 0);
    d->manner = manner;
    d->stop = eventfd(0, EFD_CLOEXEC);
    if (d->p->ops->lock(d->p, "xvmsgd") < 0 || d->p->ops->xs_watch(d->p, HOME, "daemon") < 0 ||
        pthread_create(&d->thread, NULL, run, d) != 0)
        abort();
    return d;
}

void admin_daemon_stop(struct admin_daemon *d)
{
    uint64_t one = 1;

    if (write(d->stop, &one, sizeof(one)) != sizeof(one))
        abort();
    pthread_join(d->thread, NULL);
    platform_close(d->p);
    close(d->stop);
    free(d);
}
