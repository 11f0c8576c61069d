/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device of the tests' own with two queues that threads may serve. A request is one byte
 * that says what is to become of it, and one for the device to write. A program that links
 * this has no other class.
 */
#ifndef XVMSG_WISHES_H
#define XVMSG_WISHES_H

#define WISHES_TYPE "wishes"
#define WISHES_QUEUES 2u

enum wish {
    ANSWER,  /* at once */
    MEET,    /* when the other queue has one of these in its hands too */
    STOP,    /* when a byte comes by the queue's pipe; nothing else is done meanwhile */
    HOLD,    /* the same, while others are served */
    GIVE_UP, /* the device needs a reset */
};

/* Around each use of the class. */
void wishes_begin(void);
void wishes_end(void);

/* So many bytes for requests that STOP or HOLD in that queue. */
void wishes_let_go(unsigned queue, unsigned count);

#endif
