/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/resize.h"

#include <errno.h>
#include <inttypes.h>

#include "backend/requests.h"
#include "xenstore-schema/schema.h"

/* 0 with the node's number, or -1 with errno. */
static int read_node(struct bus *bus, platform_tx tx, const char *name, uint64_t *count)
{
    return store_read_u64(bus->daemon->platform, tx, request_dir(bus, name).text, XS_RESIZE, 0,
                          UINT64_MAX, count);
}

static void ask(struct request *r)
{
    struct ipc_message message = {.kind = IPC_DEVICE_RESIZE, .answer.number = r->number};

    if (r->bus->owed >= REQUEST_OWED_MAX) {
        if (!names_add(&r->bus->held, r->name))
            bus_retry(r->bus, "looking at a target's size");
        return;
    }
    if (read_node(r->bus, PLATFORM_NO_TX, r->name, &r->resize_count) == 0) {
        r->resize = RESIZE_ASKED;
        r->bus->owed++;
        bus_send(r->bus, &message, NULL);
    } else if (errno == EINVAL || errno == ERANGE) {
        log_warning("%s: request %s: " XS_RESIZE " is not a number", r->bus->label, r->name);
    } else if (errno != ENOENT) {
        bus_retry(r->bus, "reading a request");
    }
}

/* Another request may have taken the name; it gets its own answer. */
static int finish_body(struct bus *bus, platform_tx tx, void *user)
{
    const struct request *r = user;
    uint64_t number, count;

    if (request_read_number(bus, tx, r->name, &number) < 0)
        return errno == EINVAL || errno == ERANGE ? 0 : -1;
    if (number != r->number || read_node(bus, tx, r->name, &count) < 0 ||
        count != r->resize_count)
        return 0;
    return store_remove(bus->daemon->platform, tx, request_dir(bus, r->name).text, XS_RESIZE);
}

static void finish(struct request *r)
{
    if (bus_transaction(r->bus, finish_body, r) < 0) {
        bus_retry(r->bus, "answering a resize");
        return;
    }
    log_info("%s: device %" PRIu64 " (%s): looked at its target's size again", r->bus->label,
             r->number, r->name);
    r->resize = RESIZE_IDLE;
    /* It may be there again. */
    requests_note(r->bus, r->name);
}

void resize_step(struct request *r)
{
    if (r->resize == RESIZE_DONE)
        finish(r);
    else if (r->resize == RESIZE_IDLE && r->bus->worker)
        ask(r);
}

bool resize_answer(struct request *r)
{
    if (r->resize != RESIZE_ASKED)
        return false;
    r->resize = RESIZE_DONE;
    r->bus->owed--;
    return true;
}

void resize_forget(struct request *r)
{
    if (r->resize == RESIZE_ASKED)
        r->bus->owed--;
    r->resize = RESIZE_IDLE;
}
