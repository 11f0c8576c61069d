/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The subcommands of `xvmsg`, one file each. argv[0] is "xvmsg NAME", as
 * getopt's complaints begin; the return is the exit status.
 */
#ifndef XVMSG_TOOL_H
#define XVMSG_TOOL_H

#define EXIT_USAGE 2

int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_resize(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_decode(int argc, char **argv);
int cmd_encode(int argc, char **argv);

/* Prints "xvmsg NAME: SENTENCE" to standard error. */
void complain(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
