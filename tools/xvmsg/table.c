/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* blanks between columns */
#define ROOM_STEP 256

static size_t num_columns(const struct table *table)
{
    size_t n = 0;

    while (table->columns[n].head)
        n++;
    return n;
}

void table_add(struct table *table, const char *format, ...)
{
    size_t column = table->count % num_columns(table);
    va_list args;
    size_t length;

    if (table->count == table->room) {
        void *grown = reallocarray(table->cells, table->room + ROOM_STEP, TABLE_CELL_MAX);

        if (!grown)
            return;
        table->cells = grown;
        table->room += ROOM_STEP;
    }
    va_start(args, format);
    vsnprintf(table->cells[table->count], TABLE_CELL_MAX, format, args);
    va_end(args);
    length = strlen(table->cells[table->count++]);
    if (length > table->widths[column])
        table->widths[column] = length;
}

size_t table_rows(const struct table *table)
{
    return table->count / num_columns(table);
}

static const char *cell(const struct table *table, size_t row, size_t column)
{
    return row ? table->cells[(row - 1) * num_columns(table) + column]
               : table->columns[column].head;
}

static size_t put(char line[TABLE_LINE_MAX], size_t at, const char *text, int width, bool left)
{
    int length = snprintf(line + at, TABLE_LINE_MAX - at, "%*s", left ? -width : width, text);

    at += length > 0 ? (size_t)length : 0;
    return at < TABLE_LINE_MAX ? at : TABLE_LINE_MAX - 1;
}

void table_line(const struct table *table, size_t row, char line[TABLE_LINE_MAX])
{
    size_t columns = num_columns(table), at = 0;

    line[0] = '\0';
    for (size_t i = 0; i < columns; i++) {
        size_t head = strlen(table->columns[i].head);
        size_t width = table->widths[i] > head ? table->widths[i] : head;

        if (i)
            at = put(line, at, "", GAP, true);
        at = put(line, at, cell(table, row, i), (int)width, table->columns[i].left);
    }
    while (at && line[at - 1] == ' ')
        line[--at] = '\0';
}

void table_print(const struct table *table, FILE *out)
{
    char line[TABLE_LINE_MAX];

    for (size_t row = 0; row <= table_rows(table); row++) {
        table_line(table, row, line);
        fprintf(out, "%s\n", line);
    }
}

void table_clear(struct table *table)
{
    const struct table_column *columns = table->columns;

    free(table->cells);
    *table = (struct table){.columns = columns};
}
