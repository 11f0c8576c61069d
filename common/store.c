/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "common/store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A neighbour that writes without pause must not hold us for ever. */
#define TRANSACTION_TRIES 100

struct store_path store_path(const char *format, ...)
{
    struct store_path path;
    va_list args;

    va_start(args, format);
    int length = vsnprintf(path.text, sizeof(path.text), format, args);
    va_end(args);
    assert(length >= 0 && (size_t)length < sizeof(path.text));
    return path;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;

    if (*text == '\0' || strspn(text, "0123456789") != strlen(text)) {
        errno = EINVAL;
        return -1;
    }
    for (; *text; text++)
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*text - '0'), &sum)) {
            errno = ERANGE;
            return -1;
        }
    if (sum < min || sum > max) {
        errno = ERANGE;
        return -1;
    }
    *value = sum;
    return 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool name_valid(const char *name)
{
    size_t length = strlen(name);

    if (length > NAME_MAX_LENGTH || !is_letter(name[0]))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_letter(name[i]) && !strchr("0123456789_-", name[i]))
            return false;
    return true;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return found ? (int)(found - digits) : -1;
}

static bool hyphen_before_byte(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int mac_parse_text(const char *text, uint8_t mac[6])
{
    uint8_t parsed[6];

    errno = EINVAL;
    if (strlen(text) != MAC_TEXT_SIZE - 1)
        return -1;
    for (size_t i = 0; i < sizeof(parsed); i++, text += 3) {
        int high = hex_digit(text[0]), low = hex_digit(text[1]);

        if (high < 0 || low < 0 || text[2] != (i + 1 < sizeof(parsed) ? ':' : '\0'))
            return -1;
        parsed[i] = (uint8_t)(high << 4 | low);
    }
    if (parsed[0] & 1)
        return -1;
    memcpy(mac, parsed, sizeof(parsed));
    return 0;
}

int uuid_parse_text(const char *text, uint8_t uuid[16])
{
    uint8_t parsed[16];

    if (strlen(text) != UUID_TEXT_SIZE - 1)
        goto invalid;
    for (size_t i = 0; i < sizeof(parsed); i++) {
        if (hyphen_before_byte(i) && *text++ != '-')
            goto invalid;

        int high = hex_digit(text[0]);
        int low = hex_digit(text[1]);

        if (high < 0 || low < 0)
            goto invalid;
        parsed[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    memcpy(uuid, parsed, sizeof(parsed));
    return 0;

invalid:
    errno = EINVAL;
    return -1;
}

void uuid_format_text(const uint8_t uuid[16], char text[UUID_TEXT_SIZE])
{
    for (size_t i = 0; i < 16; i++) {
        if (hyphen_before_byte(i))
            *text++ = '-';
        snprintf(text, 3, "%02x", uuid[i]);
        text += 2;
    }
}

char *store_read_text(struct platform *p, platform_tx tx, const char *dir, const char *key)
{
    size_t size;
    char *value = p->ops->xs_read(p, tx, store_path("%s/%s", dir, key).text, &size);

    if (value && strlen(value) != size) {
        free(value);
        errno = EINVAL;
        return NULL;
    }
    return value;
}

int store_read_u64(struct platform *p, platform_tx tx, const char *dir, const char *key,
                   uint64_t min, uint64_t max, uint64_t *value)
{
    char *text = store_read_text(p, tx, dir, key);

    if (!text)
        return -1;

    int rc = parse_u64(text, min, max, value);

    free(text);
    return rc;
}

int store_write_text(struct platform *p, platform_tx tx, const char *dir, const char *key,
                     const char *value)
{
    return p->ops->xs_write(p, tx, store_path("%s/%s", dir, key).text, value);
}

int store_write_u64(struct platform *p, platform_tx tx, const char *dir, const char *key,
                    uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    return store_write_text(p, tx, dir, key, text);
}

int store_remove(struct platform *p, platform_tx tx, const char *dir, const char *key)
{
    if (p->ops->xs_remove(p, tx, store_path("%s/%s", dir, key).text) == 0 || errno == ENOENT)
        return 0;
    return -1;
}

bool store_exists(struct platform *p, platform_tx tx, const char *path)
{
    size_t size;
    char *value = p->ops->xs_read(p, tx, path, &size);

    free(value);
    return value != NULL;
}

int store_transaction(struct platform *p,
                      int (*body)(struct platform *p, platform_tx tx, void *user), void *user)
{
    for (int i = 0; i < TRANSACTION_TRIES; i++) {
        platform_tx tx;

        if (p->ops->xs_begin(p, &tx) < 0)
            return -1;
        if (body(p, tx, user) != 0) {
            int saved = errno;

            p->ops->xs_end(p, tx, true);
            errno = saved;
            return -1;
        }
        if (p->ops->xs_end(p, tx, false) == 0)
            return 0;
        if (errno != EAGAIN)
            return -1;
    }
    return -1;
}
