// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) The xen-virtio-msg authors
//
// stranger's xenstore: the handshake, and waiting for what comes. Like all of stranger it has
// the pages and no code of the project.

#include "stranger.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOME "device/virtio-msg/0"

enum { INITIALISING = 1, INIT_WAIT, INITIALISED, CONNECTED, CLOSING, CLOSED };

// Nodes

char *bus_read(xs_transaction_t transaction, const char *home, const char *key)
{
    char path[256];
    unsigned length;
    snprintf(path, sizeof(path), "%s/%s", home, key);
    return xs_read(bus.xs, transaction, path, &length);
}

static uint64_t read_number(const char *home, const char *key, uint64_t max)
{
    uint64_t number;
    char *text = bus_read(XBT_NULL, home, key);
    if (!number_of(text, max, &number))
        die("%s/%s is %s, and should be a number up to %llu", home, key, text ? text : "missing",
            (unsigned long long)max);
    free(text);
    return number;
}

// What is missing or no state counts as Unknown.
static int backend_state(xs_transaction_t transaction)
{
    uint64_t state;
    char *text = bus_read(transaction, bus.home, "state");
    bool good = number_of(text, CLOSED, &state);
    free(text);
    return good ? (int)state : 0;
}

bool bus_answer(int finds, const char *const nodes[][2])
{
    for (;;) {
        xs_transaction_t transaction = xs_transaction_start(bus.xs);
        check(transaction != XBT_NULL, "xenstore");
        bool good = !finds || backend_state(transaction) == finds;
        for (int i = 0; good && nodes[i][0]; i++) {
            char path[256];
            const char *value = nodes[i][1];
            snprintf(path, sizeof(path), HOME "/%s", nodes[i][0]);
            check(value ? xs_write(bus.xs, transaction, path, value, strlen(value))
                        : xs_rm(bus.xs, transaction, path) || errno == ENOENT, path);
        }
        if (xs_transaction_end(bus.xs, transaction, !good))
            return good;
        check(errno == EAGAIN, "xenstore");
    }
}

void bus_close(const char *reason)
{
    char key[64], ours[64];
    bus.open = bus.connected = false;
    snprintf(key, sizeof(key), "device/%llu/state", (unsigned long long)bus.device);
    snprintf(ours, sizeof(ours), "device/%llu", (unsigned long long)bus.device);
    char *state = bus_read(XBT_NULL, bus.home, key);
    bool removing = bus.in_use && state && strcmp(state, "removing") == 0;
    free(state);
    bus_answer(0, NODES({ removing ? key : ours, removing ? "released" : NULL },
                    { "error", reason }, { "state", "6" }));
}

// Waiting

static void look_at_backend(void)
{
    int state = backend_state(XBT_NULL);
    if (state == CONNECTED)
        return;
    if (state == INIT_WAIT)
        die("the backend started anew");
    char *error = bus_read(XBT_NULL, bus.home, "error");
    die("the backend closed the bus (state %d): %s", state, error ? error : "it does not say why");
}

void bus_wait(const char *what)
{
    struct pollfd fds[] = {
        { .fd = xenevtchn_fd(bus.evtchn), .events = POLLIN },
        { .fd = xs_fileno(bus.xs), .events = POLLIN },
    };
    int ready = poll(fds, 2, milliseconds_left());
    check(ready >= 0 || errno == EINTR, "poll");
    if (ready == 0)
        die("%s: nothing came within %d seconds", what, TIME_LIMIT);
    if (ready > 0 && fds[0].revents) {
        int port = xenevtchn_pending(bus.evtchn);
        check(port >= 0 && xenevtchn_unmask(bus.evtchn, (evtchn_port_t)port) == 0, "a doorbell");
    }
    if (ready > 0 && fds[1].revents) {
        char **watch;
        while ((watch = xs_check_watch(bus.xs)))
            free(watch);
        if (bus.connected)
            look_at_backend();
    }
}

// The handshake

void bus_find(void)
{
    char path[256];
    check((bus.xs = xs_open(0)), "xenstore");
    check((bus.evtchn = xenevtchn_open(NULL, 0)), "event channels");
    check((bus.gntshr = xengntshr_open(NULL, 0)), "grants");
    check((bus.home = bus_read(XBT_NULL, HOME, "backend")), "there is no bus 0: " HOME "/backend");
    bus.domain = (uint32_t)read_number(HOME, "backend-id", 32751);
    snprintf(path, sizeof(path), "%s/state", bus.home);
    check(xs_watch(bus.xs, path, ""), path);
}

// What the backend says of itself, as it is at InitWait. Neither commas nor spaces between the
// versions are ruled out by the page; either does here.
static void read_abilities(void)
{
    bool speaks = false;
    char *versions = bus_read(XBT_NULL, bus.home, "versions"), *rest = versions, *word;
    while (versions && (word = strsep(&rest, ", ")))
        speaks |= strcmp(word, "1") == 0;
    if (!speaks)
        die("the backend speaks versions %s, not 1", versions ? versions : "it does not tell");
    free(versions);
    if (read_number(bus.home, "transport-revision", UINT32_MAX) != 1)
        die("the backend has another revision of virtio-msg than 1");
    if (bus.compact && read_number(bus.home, "feature-wire-compact", 1) != 1)
        die("the backend does not speak the compact form");
    uint64_t largest = read_number(bus.home, "max-message-size", 65535);
    bus.message_size = bus.compact ? 264 : 272;
    if (largest < bus.message_size)
        bus.message_size = (uint32_t)largest;
}

static void offer(uint32_t ref)
{
    char size[16], ring_ref[16], port[16];
    do {
        while (backend_state(XBT_NULL) != INIT_WAIT)
            bus_wait("the backend's InitWait");
        read_abilities();
        snprintf(size, sizeof(size), "%u", bus.message_size);
        snprintf(ring_ref, sizeof(ring_ref), "%u", ref);
        snprintf(port, sizeof(port), "%d", bus.port);
    } while (!bus_answer(INIT_WAIT, NODES({ "version", "1" }, { "message-size", size },
                                          { "ring-page-order", "0" }, { "ring-ref-0", ring_ref },
                                          { "event-channel", port },
                                          { "wire-form", bus.compact ? "compact" : "wide" },
                                          { "transport-features", "0" }, { "state", "3" })));
}

void bus_connect(void)
{
    uint32_t ref;
    bus.open = true;
    bus_answer(0, NODES({ "state", "1" }));
    message_make_ring(&ref);
    offer(ref);
    do {
        int state;
        while ((state = backend_state(XBT_NULL)) >= INITIALISING && state <= INITIALISED)
            bus_wait("the backend's answer to the offer");
        look_at_backend();
    } while (!bus_answer(CONNECTED, NODES({ "state", "4" })));
    bus.connected = true;
}

void bus_leave(void)
{
    bus_close(NULL);
    while (backend_state(XBT_NULL) != INIT_WAIT)
        bus_wait("the backend's letting go of the ring");
    check(xengntshr_unshare(bus.gntshr, bus.ring, 1) == 0
              && xenevtchn_unbind(bus.evtchn, (evtchn_port_t)bus.port) == 0,
          "the ring cannot be taken back");
}
