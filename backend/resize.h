/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * B/request/NAME/resize: what stands behind a device may have another size now.
 * The toolstack counts the node up; the worker is asked to look; then the node is
 * removed, unless it was counted up again meanwhile.
 */
#ifndef XVMSG_RESIZE_H
#define XVMSG_RESIZE_H

#include "backend/request.h"

/* Takes the step that is due for a served request. */
void resize_step(struct request *request);

/* The worker has looked. False: it was not asked to. */
bool resize_answer(struct request *request);

/* The worker will not answer any more. */
void resize_forget(struct request *request);

#endif
