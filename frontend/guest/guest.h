/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Shared by the files of xvmsg-guest: one subcommand each, and what they need. */
#ifndef XVMSG_GUEST_H
#define XVMSG_GUEST_H

#include <xvmsg.h>

#define EXIT_USAGE 2

/* Global options. */
struct guest_options {
    unsigned bus;
    unsigned timeout; /* seconds to wait for the backend */
    enum xvmsg_wire_form form;
    enum xvmsg_addresses addresses;
    bool strict; /* the configuration profile */
    enum xvmsg_queue_layout layout;
    bool queue_doorbells;
};

/* Subcommands: argv[0] is how getopt's complaints begin. Return the exit status. */
int guest_list(const struct guest_options *options, int argc, char **argv);
int guest_info(const struct guest_options *options, int argc, char **argv);
int guest_events(const struct guest_options *options, int argc, char **argv);
int guest_blk(const struct guest_options *options, int argc, char **argv);
int guest_blk_watch(const struct guest_options *options, int argc, char **argv);
int guest_net(const struct guest_options *options, int argc, char **argv);
int guest_rng(const struct guest_options *options, int argc, char **argv);
int guest_console(const struct guest_options *options, int argc, char **argv);
int guest_serve(const struct guest_options *options, int argc, char **argv);

/* One sentence on standard error; returns 1, for exit. */
int guest_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a command line that makes no sense; returns EXIT_USAGE. */
int guest_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A device's number from the command line. 0, or guest_usage()'s status. */
int guest_parse_number(const char *text, uint64_t *number);

/* A handle with the options applied; NULL after a sentence. */
struct xvmsg *guest_open(const struct guest_options *options);

/* All devices; free() them. Their count, or -1 with xvmsg_error(). */
ssize_t guest_devices(struct xvmsg *h, struct xvmsg_device_entry **entries);

/* One of them; false when there is no such device. */
bool guest_find(struct xvmsg *h, uint64_t number, struct xvmsg_device_entry *entry);

/* The same, with a sentence. */
bool guest_has(struct xvmsg *h, uint64_t number);

/* A handle as guest_open() makes it, connected. */
struct xvmsg *guest_join(const struct guest_options *options);
/* The same, with device `number` there. */
struct xvmsg *guest_connect(const struct guest_options *options, uint64_t number);

/* Gives the bus back and frees the handle. Waits a moment for the backend to let go of our
 * memory, which is dear to a small guest else; a signal ends that as it ends any program. */
void guest_leave(struct xvmsg *h);

/* A descriptor that is readable when somebody wants us to end (SIGINT, SIGTERM); -1
 * with errno. */
int guest_take_signals(void);

#endif
