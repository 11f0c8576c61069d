/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "frontend/nbdkit/attachment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MS 1000u
/* For the backend to let go of our memory, so that the next attachment finds some. */
#define LEAVE_MS 2000

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void say_why(struct attachment *a, const char *what, const char *why)
{
    snprintf(a->why, sizeof(a->why), "%s%s", what, why);
}

static void tell(struct attachment *a)
{
    if (a->changed)
        a->changed(a->user);
}

/* ---- opening and closing ---- */

static void close_disk(struct attachment *a)
{
    struct xvmsg_blk *blk = a->blk;

    a->usable = false;
    a->blk = NULL;
    a->retry_at = now_ms() + RETRY_MS;
    xvmsg_blk_close(blk);
    tell(a);
}

static void size_or_end(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct attachment *a = user;

    (void)blk;
    if (status == XVMSG_OK) {
        tell(a);
        return;
    }
    if (!a->removing)
        say_why(a, "the disk failed: ", xvmsg_status_text(status));
    close_disk(a);
}

static void opened(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct attachment *a = user;

    a->blk = blk;
    if (status != XVMSG_OK) {
        say_why(a, "", xvmsg_error(a->h));
        close_disk(a);
        return;
    }
    a->usable = !a->removing;
    tell(a);
}

static void open_disk(struct attachment *a)
{
    if (a->blk || a->removing)
        return;
    a->retry_at = now_ms() + RETRY_MS;
    a->blk = xvmsg_blk_open(a->h, a->settings->number, opened, a);
    if (a->blk) {
        xvmsg_blk_set_changed(a->blk, size_or_end, a);
        return;
    }
    say_why(a, "", xvmsg_error(a->h));
}

void attachment_idle(struct attachment *a)
{
    if (a->removing && a->blk)
        close_disk(a);
}

/* ---- the bus ---- */

static void on_connected(struct xvmsg *h, void *user)
{
    (void)h;
    open_disk(user);
}

static void on_disconnected(struct xvmsg *h, void *user)
{
    struct attachment *a = user;

    if (!a->removing)
        say_why(a, "the bus was lost: ", xvmsg_error(h));
}

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    struct attachment *a = user;

    (void)h;
    if (number != a->settings->number || event == XVMSG_DEVICE_ADDED)
        return;
    a->removing = true;
    a->usable = false;
    say_why(a, "the device was removed", "");
    tell(a);
}

/* ---- looking before opening ---- */

/* The type of the device, empty when there is none; false with the reason. */
static bool find_type(struct xvmsg *h, uint64_t number, char type[16], char why[WHY_SIZE])
{
    ssize_t count = xvmsg_list_devices(h, NULL, 0);
    struct xvmsg_device_entry *entries;

    if (count < 0) {
        snprintf(why, WHY_SIZE, "%s", xvmsg_error(h));
        return false;
    }
    entries = calloc((size_t)count + 1, sizeof(*entries));
    if (!entries) {
        snprintf(why, WHY_SIZE, "out of memory for %zd devices", count);
        return false;
    }

    ssize_t listed = xvmsg_list_devices(h, entries, (size_t)count);

    type[0] = '\0';
    for (ssize_t i = 0; i < listed && i < count; i++)
        if (entries[i].number == number)
            memcpy(type, entries[i].type, sizeof(entries[i].type));
    free(entries);
    return true;
}

bool attachment_check(const struct disk_settings *settings, char why[WHY_SIZE])
{
    unsigned long long number = settings->number;
    const char *words;
    struct xvmsg *h = xvmsg_new(&words);
    char type[16];
    bool is_disk;

    if (!h) {
        snprintf(why, WHY_SIZE, "%s", words);
        return false;
    }
    xvmsg_set_bus(h, settings->bus);
    is_disk = find_type(h, settings->number, type, why);
    xvmsg_free(h);
    if (is_disk && strcmp(type, "blk") != 0) {
        is_disk = false;
        if (type[0])
            snprintf(why, WHY_SIZE, "device %llu is no disk but of type %s", number, type);
        else
            snprintf(why, WHY_SIZE, "there is no device %llu; xvmsg-guest list shows what there is",
                     number);
    }
    return is_disk;
}

/* ---- the life of a handle ---- */

bool attachment_begin(struct attachment *a, const struct disk_settings *settings,
                      void (*changed)(void *user), void *user)
{
    static const struct xvmsg_handlers handlers = {
        .connected = on_connected,
        .disconnected = on_disconnected,
        .device = on_device,
    };
    const char *why;

    *a = (struct attachment){.settings = settings, .changed = changed, .user = user};
    a->h = xvmsg_new(&why);
    if (!a->h) {
        say_why(a, "", why);
        return false;
    }
    xvmsg_set_bus(a->h, settings->bus);
    xvmsg_set_heartbeat(a->h, settings->heartbeat * 1000);
    xvmsg_set_handlers(a->h, &handlers, a);
    say_why(a, "the backend has not answered yet", "");
    if (xvmsg_connect(a->h) == 0)
        return true;
    say_why(a, "", xvmsg_error(a->h));
    attachment_end(a);
    return false;
}

void attachment_end(struct attachment *a)
{
    struct xvmsg *h = a->h;

    a->h = NULL;
    close_disk(a);
    if (h)
        xvmsg_leave_wait(h, LEAVE_MS);
    xvmsg_free(h);
}

bool attachment_is_over(const struct attachment *a)
{
    return a->removing || !a->h;
}

int attachment_fd(const struct attachment *a)
{
    return a->h ? xvmsg_fd(a->h) : -1;
}

static bool may_retry(const struct attachment *a)
{
    return a->h && !a->blk && !a->removing && xvmsg_is_connected(a->h);
}

int attachment_timeout(const struct attachment *a)
{
    uint64_t now;

    if (!may_retry(a))
        return -1;
    now = now_ms();
    return a->retry_at > now ? (int)(a->retry_at - now) : 0;
}

static bool survived(struct attachment *a, int rc)
{
    if (rc < 0)
        say_why(a, "", xvmsg_error(a->h));
    return rc == 0;
}

bool attachment_work(struct attachment *a)
{
    if (!survived(a, xvmsg_process(a->h)))
        return false;
    if (may_retry(a) && now_ms() >= a->retry_at)
        open_disk(a);
    return true;
}

bool attachment_flush(struct attachment *a)
{
    return survived(a, xvmsg_flush(a->h));
}
