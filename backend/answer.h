/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a message handler is given to answer with, and an event is built in. */
#ifndef XVMSG_ANSWER_H
#define XVMSG_ANSWER_H

#include <stdbool.h>

#include "common/codec.h"

enum answer_when {
    ANSWER_NOW,   /* answer->msg is filled in */
    ANSWER_LATER, /* the response will come as a pending event */
    ANSWER_NEVER, /* an event, dealt with */
    ANSWER_RETRY, /* the device is busy with an earlier request: keep this one,
                   * offer it again after the next pending event */
    ANSWER_DROP,  /* nobody here takes this message */
};

struct answer {
    enum msg_form form;
    uint16_t max_message;
    uint8_t *tail; /* max_message bytes for the variable part */
    bool heavy;    /* set by what took long: the rest of the loop has its turn next */
    struct msg msg;
};

/* Bytes that the variable part of a response may have on this bus. */
static inline size_t answer_room(const struct answer *answer, enum msg_kind kind)
{
    return msg_tail_room(answer->form, kind, answer->max_message);
}

/* Starts the answer to a request: kind, token and device number. */
static inline void answer_begin(struct answer *answer, enum msg_kind kind,
                                const struct msg *request)
{
    answer->msg = (struct msg){
        .kind = kind,
        .token = request->token,
        .dev_num = request->dev_num,
    };
}

#endif
