/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Two threads that talk through a UNIX socket: what a message costs where there is no Xen. */
#ifndef XVMSG_BENCH_SOCKET_LOAD_H
#define XVMSG_BENCH_SOCKET_LOAD_H

/* Prints round trips of 64 bytes, and streams. 0, or -1 with a line on stderr. */
int socket_load(unsigned round_trips);

#endif
