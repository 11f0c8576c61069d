// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) The xen-virtio-msg authors
//
// What the files of stranger share, see stranger.c. This is all they include besides the
// system's, Xen's and Linux's headers.

#ifndef STRANGER_H
#define STRANGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#define TIME_LIMIT 60 // seconds, for everything together

enum { PAGE = 4096 };

extern struct bus {
    struct xs_handle *xs;
    xenevtchn_handle *evtchn;
    xengntshr_handle *gntshr;
    char *home; // B; ours is HOME
    uint32_t domain, message_size;
    uint64_t device;
    int port;
    bool compact, open, connected, in_use;
    uint8_t *ring, *area;
    uint32_t prod, cons;
    uint16_t token;
    struct timespec deadline;
} bus;

// stranger.c: what all need

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Dies with errno.
void check(bool good, const char *what);
// Decimal digits and nothing else, up to max.
bool number_of(const char *text, uint64_t max, uint64_t *number);
int milliseconds_left(void);

// stranger-bus.c: xenstore, the handshake, waiting

void bus_find(void);
void bus_connect(void);
// HOME/KEY, NULL with errno; free() it.
char *bus_read(xs_transaction_t transaction, const char *home, const char *key);
// Writes nodes of ours, or removes those without a value, in one transaction. False if the
// backend is not in the state `finds` (0: any) any more.
bool bus_answer(int finds, const char *const nodes[][2]);
#define NODES(...) (const char *const[][2]){ __VA_ARGS__, { NULL } }
// Until the doorbell rings or a watched node changes, or perhaps for nothing.
void bus_wait(const char *what);
// The device is released if somebody waits for that, and else as if it had never been taken.
void bus_close(const char *reason);
// The ring is ours again when the backend, having let go of it, is at InitWait for the next.
void bus_leave(void);

// stranger-message.c: the ring, and the messages in it

// Types, and the ids of both classes, named as in the page.
enum { RESPONSE = 1, BUS = 2 };
enum { GET_DEVICE_INFO = 2, GET_DEVICE_FEATURES, SET_DRIVER_FEATURES, GET_CONFIG, SET_CONFIG,
    GET_DEVICE_STATUS, SET_DEVICE_STATUS, GET_VQUEUE, SET_VQUEUE, EVENT_CONFIG = 0x40,
    EVENT_AVAIL };
enum { GET_DEVICES = 2, PING = 3, AREA_SHARE = 0x80, AREA_UNSHARE = 0x81 };

struct field {
    unsigned width;
    uint64_t value;
};
#define LE16(value) { 2, value }
#define LE32(value) { 4, value }
#define LE64(value) { 8, value }
#define DEVNUM(value) { bus.compact ? 2 : 8, value }

struct message {
    const char *name; // for sentences
    uint8_t type, id;
    uint16_t token;
    uint64_t device;
    uint32_t size, at;
    uint8_t bytes[272];
};

void message_make_ring(uint32_t *ref);
uint64_t message_get(struct message *message, unsigned width);
void message_expect(struct message *message, unsigned width, uint64_t value, const char *field);
void message_send(uint8_t type, uint8_t id, uint16_t token, const struct field *fields, size_t n);
// The next message, if need be after a sleep.
void message_wait(struct message *message, const char *what);
// What comes at any time. Events that we do not know, or need not know, are ignored.
void message_handle(struct message *in);
// A request's response, its header read already.
struct message message_call(const char *name, uint8_t type, uint8_t id,
                            const struct field *fields, size_t n);
#define FIELDS(...) (const struct field[]){ __VA_ARGS__ }, \
    sizeof((const struct field[]){ __VA_ARGS__ }) / sizeof(struct field)
#define CALL(type, id, ...) message_call(#id, type, id, FIELDS(__VA_ARGS__))

#endif
