/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A table of text: columns as wide as what is in them. */
#ifndef XVMSG_TOOL_TABLE_H
#define XVMSG_TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_CELL_MAX 40 /* with the NUL; a longer text is cut */
#define TABLE_LINE_MAX 1024
#define TABLE_COLUMNS_MAX 24

struct table_column {
    const char *head; /* NULL behind the last one */
    bool left;        /* texts; numbers stand at the right */
};

/* { .columns = ... } to begin with. */
struct table {
    const struct table_column *columns;
    char (*cells)[TABLE_CELL_MAX];
    size_t count; /* of the cells */
    size_t room;
    size_t widths[TABLE_COLUMNS_MAX]; /* of the cells */
};

/* The next cell, row by row. Without memory the table ends here. */
void table_add(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

size_t table_rows(const struct table *table);

/* One line of it, without a newline and without blanks at its end: row 0 is the
 * heads, and the first of the cells is row 1. */
void table_line(const struct table *table, size_t row, char line[TABLE_LINE_MAX]);

/* All lines. */
void table_print(const struct table *table, FILE *out);

/* Forgets the cells. */
void table_clear(struct table *table);

#endif
