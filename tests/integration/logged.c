/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/logged.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/log.h"
#include "tests/harness.h"

static enum log_level old_level;
static int old_stderr, log_file;

void logged_begin(void)
{
    old_level = log_get_level();
    log_set_level(LOG_LEVEL_WARNING);
    fflush(stderr);
    old_stderr = dup(STDERR_FILENO);
    log_file = memfd_create("log", MFD_CLOEXEC);
    CU_ASSERT_FATAL(old_stderr >= 0 && log_file >= 0 && dup2(log_file, STDERR_FILENO) >= 0);
}

const char *logged_end(void)
{
    static char text[4096];
    ssize_t size;

    fflush(stderr);
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    log_set_level(old_level);
    size = pread(log_file, text, sizeof(text) - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    close(log_file);
    return text;
}

unsigned logged_lines(const char *text)
{
    unsigned count = 0;

    while ((text = strchr(text, '\n'))) {
        text++;
        count++;
    }
    return count;
}
