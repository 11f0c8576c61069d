/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "common/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/units.h"

#define LINE_MAX_LENGTH 79
#define ERASE_TO_END "\033[K"
#define SECOND UINT64_C(1000000000)
#define PAUSE (SECOND / 5) /* between two looks of the line */

static struct {
    const char *what; /* NULL: there is no line */
    uint64_t total;
    uint64_t done;
    uint64_t begun;
    uint64_t next; /* when to draw it again */
    bool drawn;
} line;

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

bool progress_begin(const char *what, uint64_t total)
{
    line.what = isatty(STDERR_FILENO) ? what : NULL;
    line.total = total;
    line.done = 0;
    line.begun = line.next = now();
    line.drawn = false;
    return line.what != NULL;
}

void progress_text(char *text, size_t size, const char *what, uint64_t done, uint64_t total,
                   uint64_t nanoseconds)
{
    double seconds = (double)(nanoseconds ? nanoseconds : 1) / SECOND;
    double rate = (double)done / seconds;
    char moved[UNITS_SIZE], all[UNITS_SIZE], each[UNITS_SIZE], left[UNITS_SIZE];

    units_bytes(moved, (double)done);
    units_bytes(each, rate);
    if (!total) {
        snprintf(text, size, "%s: %s, %s/s", what, moved, each);
        return;
    }
    done = done < total ? done : total;
    units_bytes(all, (double)total);
    if (done)
        units_clock(left, (uint64_t)((double)(total - done) / rate + 0.5));
    snprintf(text, size, "%s: %3u%%  %s of %s, %s/s, %s left", what,
             (unsigned)((double)done * 100 / (double)total), moved, all, each,
             done ? left : "unknown");
}

/* The cursor waits at the line's end, as it would behind anything else. */
static void draw(const char *text)
{
    fprintf(stderr, "\r%.*s" ERASE_TO_END, LINE_MAX_LENGTH, text);
    fflush(stderr);
    line.drawn = true;
}

static bool is_due(uint64_t time)
{
    if (!line.what || time < line.next)
        return false;
    line.next = time + PAUSE;
    return true;
}

void progress_bytes(uint64_t done)
{
    uint64_t time = now();
    char text[LINE_MAX_LENGTH + 1];

    line.done = done;
    if (!is_due(time))
        return;
    progress_text(text, sizeof(text), line.what, done, line.total, time - line.begun);
    draw(text);
}

void progress_waiting(uint64_t passed, uint64_t most)
{
    char text[LINE_MAX_LENGTH + 1];

    if (!is_due(now()))
        return;
    snprintf(text, sizeof(text), "%s: %" PRIu64 " s of at most %" PRIu64 " s", line.what, passed,
             most);
    draw(text);
}

void progress_erase(void)
{
    if (line.drawn)
        fputs("\r" ERASE_TO_END, stderr);
    line.drawn = false;
}

void progress_end(void)
{
    char moved[UNITS_SIZE], each[UNITS_SIZE], took[UNITS_SIZE];
    uint64_t time = now() - line.begun;

    progress_erase();
    if (line.what && line.done)
        fprintf(stderr, "%s: %s in %s, %s/s\n", line.what, units_bytes(moved, (double)line.done),
                units_time(took, (double)time),
                units_bytes(each, (double)line.done * SECOND / (double)(time ? time : 1)));
    line.what = NULL;
}
