/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define LIMIT_NANOSECONDS UINT64_C(10000000000)

static enum log_level highest = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    highest = level;
}

enum log_level log_get_level(void)
{
    return highest;
}

/* systemd names the journal's socket as DEVICE:INODE; a service whose standard
 * error was redirected elsewhere inherits the name but not the descriptor. */
static bool goes_to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
        return false;
    return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static const char *prefix(enum log_level level)
{
    static const char *const severity[] = {"<3>", "<4>", "<6>", "<7>"};
    static const char *const word[] = {"error: ", "warning: ", "", "debug: "};

    return goes_to_journal() ? severity[level] : word[level];
}

/* Text may come from a guest: one event stays one line, and no terminal codes. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    size_t size;

    if (level > highest)
        return;
    size = (size_t)snprintf(line, sizeof(line), "%s", prefix(level));
    va_start(args, format);
    vsnprintf(line + size, sizeof(line) - size - 1, format, args);
    va_end(args);
    make_printable(line);
    size = strlen(line);
    line[size++] = '\n';
    /* One write, so that lines of several processes never mix. A log that
     * cannot be written leaves nothing better to do. */
    if (write(STDERR_FILENO, line, size) < 0)
        return;
}

bool log_limit_passes(struct log_limit *limit, uint64_t now)
{
    if (now < limit->next) {
        limit->suppressed++;
        return false;
    }
    limit->next = now + LIMIT_NANOSECONDS;
    limit->suppressed = 0;
    return true;
}
