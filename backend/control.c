/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/log.h"

/* Tools that have connected and not asked yet; more wait in the backlog. */
#define CLIENTS_MAX 8
#define BACKLOG 8

_Static_assert(CONTROL_WHY_MAX >= WHY_SIZE, "no sentence is cut");

/* A tool asks at once. */
static const struct timeval patience = {.tv_sec = 5};

struct client {
    struct control *control;
    int socket;
    struct event *readable; /* NULL: this place is free */
};

struct control {
    struct control_owner owner;
    struct event_base *base;
    struct sockaddr_un address;
    int socket;
    bool bound;
    struct event *readable;
    struct event *retry; /* runs while no descriptor is to be had */
    struct client clients[CLIENTS_MAX];
};

/* ---- clients ---- */

static void client_free(struct client *client)
{
    event_free(client->readable);
    close(client->socket);
    client->readable = NULL;
    event_add(client->control->readable, NULL);
}

static void refuse(const struct client *client, const char *why)
{
    struct control_answer answer = {.accepted = 0};

    snprintf(answer.why, sizeof(answer.why), "%s", why);
    send(client->socket, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool kind_known(uint32_t kind)
{
    return kind == CONTROL_TRACE || kind == CONTROL_STATS;
}

static void serve(const struct client *client, const struct control_request *request, size_t size)
{
    const struct control_owner *owner = &client->control->owner;
    char why[WHY_SIZE];

    if (size != sizeof(*request))
        snprintf(why, sizeof(why), "not a request that xvmsgd knows");
    else if (request->version != CONTROL_VERSION)
        snprintf(why, sizeof(why), "this xvmsgd speaks version %u of the control socket, not %"
                 PRIu32, CONTROL_VERSION, request->version);
    else if (!kind_known(request->kind))
        snprintf(why, sizeof(why), "xvmsgd does not know what is asked of it (%" PRIu32 ")",
                 request->kind);
    else if (owner->pass(owner->user, request, client->socket, why) == 0)
        return;
    refuse(client, why);
}

/* The request, the tool's end, or neither for too long. */
static void on_request(evutil_socket_t fd, short what, void *user)
{
    struct client *client = user;
    struct control_request request;
    ssize_t size = 0;

    if (what & EV_READ)
        size = recv(fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);
    if (size > 0)
        serve(client, &request, (size_t)size);
    client_free(client);
}

static struct client *free_place(struct control *control)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (!control->clients[i].readable)
            return &control->clients[i];
    return NULL;
}

/* Whoever waits stays readable: to look again at once would be to spin. */
static void pause_listening(struct control *control)
{
    const struct control_owner *owner = &control->owner;

    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return;
    log_warning("a tool cannot be listened to: %s", strerror(errno));
    event_del(control->readable);
    evtimer_add(control->retry, &owner->retry_delay);
}

static void on_retry(evutil_socket_t fd, short what, void *user)
{
    struct control *control = user;

    (void)fd, (void)what;
    event_add(control->readable, NULL);
}

static void on_connection(evutil_socket_t fd, short what, void *user)
{
    struct control *control = user;
    struct client *client = free_place(control);
    int socket;

    (void)what;
    if (!client) {
        event_del(control->readable); /* until somebody leaves */
        return;
    }
    socket = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) {
        pause_listening(control);
        return;
    }
    *client = (struct client){
        .control = control,
        .socket = socket,
        .readable = event_new(control->base, socket, EV_READ, on_request, client),
    };
    if (!client->readable)
        close(socket);
    else if (event_add(client->readable, &patience) < 0)
        client_free(client);
}

/* ---- life ---- */

static int listen_at(struct control *control)
{
    const struct sockaddr *address = (const struct sockaddr *)&control->address;

    control->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode goes with the socket into the name, so that it never had another. */
    if (control->socket < 0 || fchmod(control->socket, 0600) < 0 ||
        (unlink(control->address.sun_path) < 0 && errno != ENOENT) ||
        bind(control->socket, address, sizeof(control->address)) < 0)
        return -1;
    control->bound = true;
    return listen(control->socket, BACKLOG);
}

struct control *control_new(struct event_base *base, const char *path,
                            const struct control_owner *owner, char why[WHY_SIZE])
{
    struct control *control = calloc(1, sizeof(*control));

    if (!control) {
        snprintf(why, WHY_SIZE, "out of memory");
        return NULL;
    }
    control->owner = *owner;
    control->base = base;
    control->address.sun_family = AF_UNIX;
    if ((size_t)snprintf(control->address.sun_path, sizeof(control->address.sun_path), "%s",
                         path) >= sizeof(control->address.sun_path)) {
        control->socket = -1;
        errno = ENAMETOOLONG;
    } else if (listen_at(control) == 0) {
        control->readable =
            event_new(base, control->socket, EV_READ | EV_PERSIST, on_connection, control);
        control->retry = evtimer_new(base, on_retry, control);
        if (control->readable && control->retry && event_add(control->readable, NULL) == 0)
            return control;
        errno = ENOMEM;
    }
    snprintf(why, WHY_SIZE, "cannot listen on %s: %s", path, strerror(errno));
    control_free(control);
    return NULL;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i].readable)
            client_free(&control->clients[i]);
    if (control->readable)
        event_free(control->readable);
    if (control->retry)
        event_free(control->retry);
    if (control->bound)
        unlink(control->address.sun_path);
    if (control->socket >= 0)
        close(control->socket);
    free(control);
}
