/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness.h"

static int ends[2];

static void open_pair(void)
{
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
}

static void close_pair(void)
{
    close(ends[0]);
    close(ends[1]);
}

/* Sends raw bytes with any number of descriptors, as no ipc_send() would. */
static void send_raw(const void *bytes, size_t size, const int *fds, size_t num_fds)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE((FDS_MAX + 1) * sizeof(int))];
    } control = {.bytes = {0}};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

    if (num_fds) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, num_fds * sizeof(int));
    }
    CU_ASSERT(sendmsg(ends[0], &header, 0) == (ssize_t)size);
}

static void carries_a_device_and_its_descriptors(void)
{
    struct ipc_message sent = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = UINT64_C(1) << 40, .type = "blk", .name = "disk0", .choices = {"mode=r"}},
    };
    struct ipc_message got;
    int pipe_ends[2];
    struct fds fds;
    char byte = 0;

    open_pair();
    CU_ASSERT_FATAL(pipe(pipe_ends) == 0);
    CU_ASSERT(ipc_send(ends[0], &sent, &(struct fds){2, {pipe_ends[0], pipe_ends[1]}}) == 0);
    CU_ASSERT_FATAL(ipc_receive(ends[1], &got, &fds) == 1);
    CU_ASSERT_EQUAL(got.device.number, UINT64_C(1) << 40);
    CU_ASSERT_STRING_EQUAL(got.device.name, "disk0");
    CU_ASSERT_STRING_EQUAL(choices_get(&got.device.choices, "mode"), "r");
    CU_ASSERT_EQUAL_FATAL(fds.count, 2);
    CU_ASSERT(fcntl(fds.fd[1], F_GETFD) & FD_CLOEXEC);
    CU_ASSERT(write(fds.fd[1], "x", 1) == 1 && read(fds.fd[0], &byte, 1) == 1 && byte == 'x');
    fds_close(&fds);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    close_pair();
}

static void says_when_no_descriptor_came(void)
{
    struct ipc_message message = {.kind = IPC_CONNECTED};
    struct fds fds = {.count = 7};

    open_pair();
    CU_ASSERT(ipc_send(ends[0], &message, NULL) == 0);
    CU_ASSERT(ipc_receive(ends[1], &message, &fds) == 1);
    CU_ASSERT_EQUAL(message.kind, IPC_CONNECTED);
    CU_ASSERT_EQUAL(fds.count, 0);
    close_pair();
}

/* Too many open files is no reason to doubt the sender. */
static void says_when_there_is_no_room_for_a_descriptor(void)
{
    struct ipc_message sent = {.kind = IPC_DEVICE_ADD, .device = {.number = 3, .type = "blk"}};
    struct ipc_message got;
    struct rlimit limit, none;
    struct fds fds = {.count = 7};

    if (test_skip_under_valgrind("the kernel does not know of the limit there"))
        return;
    open_pair();
    CU_ASSERT(ipc_send(ends[0], &sent, &(struct fds){2, {ends[0], ends[1]}}) == 0);
    CU_ASSERT_FATAL(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    /* For one of the two. */
    none = (struct rlimit){.rlim_cur = (rlim_t)ends[1] + 2, .rlim_max = limit.rlim_max};
    CU_ASSERT_FATAL(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CU_ASSERT_EQUAL(ipc_receive(ends[1], &got, &fds), 1);
    CU_ASSERT_FATAL(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CU_ASSERT_EQUAL(fds.count, 0);
    CU_ASSERT_EQUAL(got.device.number, 3);
    close_pair();
}

static void keeps_messages_apart(void)
{
    struct ipc_message message = {.kind = IPC_DEVICE_ADDED};
    struct fds fds;

    open_pair();
    for (uint64_t n = 0; n < 3; n++) {
        message.answer.number = n;
        CU_ASSERT(ipc_send(ends[0], &message, NULL) == 0);
    }
    for (uint64_t n = 0; n < 3; n++) {
        CU_ASSERT(ipc_receive(ends[1], &message, &fds) == 1);
        CU_ASSERT_EQUAL(message.answer.number, n);
    }
    close_pair();
}

static void tells_nothing_yet_from_gone(void)
{
    struct ipc_message message = {.kind = IPC_DISCONNECT};
    struct fds fds;

    open_pair();
    CU_ASSERT(ipc_receive(ends[1], &message, &fds) == -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    close(ends[0]);
    CU_ASSERT(ipc_receive(ends[1], &message, &fds) == 0);
    message.kind = IPC_DISCONNECTED;
    CU_ASSERT(ipc_send(ends[1], &message, NULL) == -1);
    CU_ASSERT_EQUAL(errno, EPIPE);
    close(ends[1]);
}

static void expect_refused(void)
{
    struct ipc_message message;
    struct fds fds = {.count = 7};

    errno = 0;
    CU_ASSERT(ipc_receive(ends[1], &message, &fds) == -1);
    CU_ASSERT_EQUAL(errno, EPROTO);
    CU_ASSERT_EQUAL(fds.count, 0);
}

static void refuses_other_sizes(void)
{
    struct {
        struct ipc_message message;
        char more;
    } bytes = {.message.kind = IPC_CONNECTED};

    open_pair();
    send_raw(&bytes, sizeof(struct ipc_message) - 1, NULL, 0);
    expect_refused();
    send_raw(&bytes, sizeof(struct ipc_message) + 1, NULL, 0);
    expect_refused();
    send_raw(&bytes, 1, NULL, 0);
    expect_refused();
    close_pair();
}

static void refuses_unknown_kinds(void)
{
    static const uint32_t kinds[] = {0, IPC_BUS_FAILED + 1, UINT32_MAX};

    open_pair();
    for (unsigned i = 0; i < 3; i++) {
        struct ipc_message message = {.kind = kinds[i]};

        send_raw(&message, sizeof(message), NULL, 0);
        expect_refused();
    }
    close_pair();
}

static void keeps_no_descriptor_of_a_refused_message(void)
{
    struct ipc_message unknown = {.kind = 99};
    struct ipc_message many = {.kind = IPC_DEVICE_ADD};
    int pipe_ends[2];
    char byte;

    open_pair();
    CU_ASSERT_FATAL(pipe(pipe_ends) == 0);
    int fds[FDS_MAX + 1];
    for (unsigned i = 0; i <= FDS_MAX; i++)
        fds[i] = pipe_ends[1];
    send_raw(&unknown, sizeof(unknown), fds, 1);
    expect_refused();
    send_raw(&many, sizeof(many), fds, FDS_MAX + 1);
    expect_refused();
    close(pipe_ends[1]);
    /* End of file: nobody holds the writing end any more. */
    CU_ASSERT(read(pipe_ends[0], &byte, 1) == 0);
    close(pipe_ends[0]);
    close_pair();
}

/* What reads as the end of the socket may still bring one. */
static void keeps_no_descriptor_of_an_empty_packet(void)
{
    struct ipc_message message;
    int pipe_ends[2];
    struct fds fds = {.count = 7};
    char byte;

    open_pair();
    CU_ASSERT_FATAL(pipe2(pipe_ends, O_NONBLOCK) == 0);
    send_raw("", 0, &pipe_ends[1], 1);
    close(pipe_ends[1]);
    CU_ASSERT_EQUAL(ipc_receive(ends[1], &message, &fds), 0);
    CU_ASSERT_EQUAL(fds.count, 0);
    CU_ASSERT(read(pipe_ends[0], &byte, 1) == 0);
    close(pipe_ends[0]);
    close_pair();
}

static void terminates_every_text(void)
{
    struct ipc_message message;
    struct fds fds;

    open_pair();
    memset(&message, 'a', sizeof(message));
    message.kind = IPC_DEVICE_ADD;
    send_raw(&message, sizeof(message), NULL, 0);
    CU_ASSERT(ipc_receive(ends[1], &message, &fds) == 1);
    CU_ASSERT_EQUAL(strlen(message.device.type), IPC_TYPE_MAX - 1);
    CU_ASSERT_EQUAL(strlen(message.device.name), NAME_MAX_LENGTH);

    memset(&message, 'a', sizeof(message));
    message.kind = IPC_DEVICE_REFUSED;
    send_raw(&message, sizeof(message), NULL, 0);
    CU_ASSERT(ipc_receive(ends[1], &message, &fds) == 1);
    CU_ASSERT_EQUAL(strlen(message.answer.text), IPC_TEXT_MAX - 1);

    memset(&message, 'a', sizeof(message));
    message.kind = IPC_BUS_FAILED;
    send_raw(&message, sizeof(message), NULL, 0);
    CU_ASSERT(ipc_receive(ends[1], &message, &fds) == 1);
    CU_ASSERT_EQUAL(strlen(message.failed.text), IPC_TEXT_MAX - 1);
    close_pair();
}

static const struct test_case cases[] = {
    TEST(carries_a_device_and_its_descriptors),
    TEST(says_when_no_descriptor_came),
    TEST(says_when_there_is_no_room_for_a_descriptor),
    TEST(keeps_messages_apart),
    TEST(tells_nothing_yet_from_gone),
    TEST(refuses_other_sizes),
    TEST(refuses_unknown_kinds),
    TEST(keeps_no_descriptor_of_a_refused_message),
    TEST(keeps_no_descriptor_of_an_empty_packet),
    TEST(terminates_every_text),
    {NULL, NULL},
};

int main(void)
{
    return test_main("ipc", cases);
}
