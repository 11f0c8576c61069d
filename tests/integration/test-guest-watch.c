/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest blk watch, on a disk that does not stay. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontend/guest/guest.h"
#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

static struct backend *b;
static char said[256];

/* ---- what the command needs of the others ---- */

int guest_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(said, sizeof(said), format, arguments);
    va_end(arguments);
    return 1;
}

int guest_usage(const char *format, ...)
{
    (void)format;
    return EXIT_USAGE;
}

int guest_parse_number(const char *text, uint64_t *number)
{
    return parse_u64(text, 0, UINT64_MAX, number);
}

bool guest_has(struct xvmsg *h, uint64_t number)
{
    (void)h;
    return number == 3;
}

struct xvmsg *guest_join(const struct guest_options *options)
{
    struct xvmsg *h = b->h;

    (void)options;
    b->h = NULL; /* whoever connects frees it */
    return h;
}

/* ---- */

static bool break_when_ready(struct backend *backend, const struct msg *m)
{
    const struct msg broken = {
        .kind = MSG_event_config, .dev_num = 3, .event_config.device_status = 0x4f};

    if (m->kind != MSG_set_device_status_request || m->set_device_status_request.status != 0x0f)
        return false;
    backend_answer(backend, m);
    backend_send(backend, &broken);
    return true;
}

static void a_disk_that_breaks_at_once_ends_it(void)
{
    char *argv[] = {(char *)"watch", (char *)"3", NULL};

    b = backend_new();
    backend_make_bus(b);
    backend_add_disk(b, 3, "disk0");
    backend_advertise(b);
    b->script = break_when_ready;
    backend_start(b);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect_wait(b->h, 10000), 0);
    test_alarm(TEST_PATIENCE); /* who waits for ever does not pass */
    CU_ASSERT_EQUAL(guest_blk_watch(&(struct guest_options){0}, 2, argv), 1);
    test_alarm(0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "wants a reset"));
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(a_disk_that_breaks_at_once_ends_it),
    {NULL, NULL},
};

int main(void)
{
    return test_main("guest-watch", cases);
}
