/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/tool.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/control-protocol.h"
#include "tests/harness.h"

int tool_start(struct guest *g, enum ipc_kind kind, int room)
{
    int ends[2];

    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    if (room)
        setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    guest_tell(g, &(struct ipc_message){.kind = kind}, ends[1]);
    close(ends[1]);
    return ends[0];
}

ssize_t tool_receive(struct guest *g, int tool, void *bytes, size_t size)
{
    ssize_t got;

    while ((got = recv(tool, bytes, size, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
        event_base_loop(g->base, EVLOOP_ONCE);
    return got;
}

bool tool_is_accepted(struct guest *g, int tool, const char *why)
{
    struct control_answer answer;

    CU_ASSERT_EQUAL_FATAL(tool_receive(g, tool, &answer, sizeof(answer)), sizeof(answer));
    CU_ASSERT(strstr(answer.why, why) != NULL);
    return answer.accepted;
}
