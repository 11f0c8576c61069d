/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Typed reads and writes of xenstore nodes, for both ends and the tools.
 *
 * Everything read here may have been written by a domain we do not trust:
 * numbers are parsed strictly, inside the range the schema gives the node.
 */
#ifndef XVMSG_STORE_H
#define XVMSG_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/platform.h"

#define STORE_PATH_MAX 256

/* A path in a fixed buffer; our paths are bounded, a longer one is our bug. */
struct store_path {
    char text[STORE_PATH_MAX];
};

/* printf into a path. */
struct store_path store_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Strict unsigned number: decimal digits only, no sign, space, or leftovers,
 * within [min, max]. 0, or -1 with errno EINVAL (not a number) or ERANGE.
 */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* Device names: a letter, then letters, digits, '_', '-'; 1 to 20 in all (the
 * size of virtio-blk's id string). So a name is never taken for a number, and
 * is always a legal xenstore key, which a '.' would not be. */
#define NAME_MAX_LENGTH 20
bool name_valid(const char *name);

/* UUID text (8-4-4-4-12 hex) <-> bytes in RFC 4122 order. 0, or -1 EINVAL. */
#define UUID_TEXT_SIZE 37
int uuid_parse_text(const char *text, uint8_t uuid[16]);
void uuid_format_text(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]);

/* MAC text (00:16:3e:01:02:03), of one interface, not a group's. 0, or -1 EINVAL. */
#define MAC_TEXT_SIZE 18
int mac_parse_text(const char *text, uint8_t mac[6]);

/* DIR/KEY as a number; errno ENOENT, EINVAL or ERANGE. */
int store_read_u64(struct platform *p, platform_tx tx, const char *dir, const char *key,
                   uint64_t min, uint64_t max, uint64_t *value);

/* DIR/KEY as text, NULL with ENOENT; free() it. Refuses embedded NULs (EINVAL). */
char *store_read_text(struct platform *p, platform_tx tx, const char *dir, const char *key);

int store_write_u64(struct platform *p, platform_tx tx, const char *dir, const char *key,
                    uint64_t value);
int store_write_text(struct platform *p, platform_tx tx, const char *dir, const char *key,
                     const char *value);

/* Removes DIR/KEY; a node that is not there is fine. */
int store_remove(struct platform *p, platform_tx tx, const char *dir, const char *key);

/* Does the node exist? */
bool store_exists(struct platform *p, platform_tx tx, const char *path);

/*
 * Runs `body` inside a transaction until it commits without interference.
 * body returns 0 to commit, anything else to abort (its errno is kept). EAGAIN
 * when a hundred tries were all interfered with.
 */
int store_transaction(struct platform *p,
                      int (*body)(struct platform *p, platform_tx tx, void *user), void *user);

#endif
