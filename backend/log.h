/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The daemon's log: one line per event on standard error, with systemd's
 * severity prefix when it goes to the journal.
 */
#ifndef XVMSG_LOG_H
#define XVMSG_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are not written; default LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                \
    do {                                              \
        if (log_get_level() >= LOG_LEVEL_DEBUG)       \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);  \
    } while (0)

/*
 * For lines that a guest can provoke at will: one per ten seconds. Zeroed to
 * begin with; `now` is the platform's clock.
 */
struct log_limit {
    uint64_t next;
    uint64_t suppressed; /* lines not written since the last that was */
};

bool log_limit_passes(struct log_limit *limit, uint64_t now);

#endif
