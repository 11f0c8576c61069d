/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The example of a whole connection in common/README.md, line by line, so that
 * each end can be held against it byte for byte.
 */
#ifndef XVMSG_BINDING_PAGE_H
#define XVMSG_BINDING_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_LINES_MAX 128
#define PAGE_BYTES_MAX 128

/* What a line is, by its first character. */
enum page_line_kind {
    PAGE_NODE = '!',        /* KEY VALUE: the frontend wrote this node below F */
    PAGE_RING = '@',        /* the frontend wrote these bytes into the ring's first page */
    PAGE_TO_BACKEND = '>',  /* a message */
    PAGE_TO_FRONTEND = '<', /* a message */
    PAGE_DRIVER = '=',      /* the frontend wrote these bytes into an area */
    PAGE_DEVICE = '~',      /* the backend did */
};

struct page_line {
    enum page_line_kind kind;
    unsigned line; /* in the file, for people */
    uint16_t area; /* DRIVER, DEVICE */
    uint32_t offset;
    uint8_t bytes[PAGE_BYTES_MAX];
    size_t size;
    char key[32]; /* NODE */
    char value[32];
};

struct page {
    struct page_line lines[PAGE_LINES_MAX];
    size_t count;
};

/* The example, or NULL (and a failed assertion) when it cannot be read. Static. */
const struct page *page_read(void);

/* Fails, and shows both, unless the bytes are those of the line (NULL: the page
 * has none here). */
void page_compare(const struct page_line *line, const void *bytes, size_t size);

#endif
