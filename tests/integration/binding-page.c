/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/binding-page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness.h"

#define HEADING "## One connection, byte by byte"
#define FENCE "```"

static struct page page;

static void parse_bytes(struct page_line *line, const char *text)
{
    unsigned byte;
    int length;

    while (line->size < PAGE_BYTES_MAX && sscanf(text, " %2x%n", &byte, &length) == 1) {
        line->bytes[line->size++] = (uint8_t)byte;
        text += length;
    }
    CU_ASSERT(text[strspn(text, " \n")] == '\0');
}

/* False: a line for people. */
static bool parse(struct page_line *line, const char *text)
{
    unsigned area = 0, offset = 0;
    int length = 0;

    line->kind = (enum page_line_kind)text[0];
    switch (line->kind) {
    case PAGE_NODE:
        CU_ASSERT_EQUAL(sscanf(text, "! %31s %31s", line->key, line->value), 2);
        return true;
    case PAGE_RING:
        CU_ASSERT_EQUAL(sscanf(text, "@ %x:%n", &offset, &length), 1);
        break;
    case PAGE_DRIVER:
    case PAGE_DEVICE:
        CU_ASSERT_EQUAL(sscanf(text, "%*c %u+%x:%n", &area, &offset, &length), 2);
        break;
    case PAGE_TO_BACKEND:
    case PAGE_TO_FRONTEND:
        length = 1;
        break;
    default:
        return false;
    }
    line->area = (uint16_t)area;
    line->offset = offset;
    parse_bytes(line, text + length);
    return true;
}

static void read_lines(FILE *file)
{
    char text[512];
    bool inside = false, section = false;

    for (unsigned number = 1; fgets(text, sizeof(text), file); number++) {
        bool fence = strncmp(text, FENCE, strlen(FENCE)) == 0;

        section |= strncmp(text, HEADING, strlen(HEADING)) == 0;
        if (section && fence && inside)
            return;
        if (!inside) {
            inside = section && fence;
            continue;
        }
        CU_ASSERT_FATAL(page.count < PAGE_LINES_MAX);
        page.lines[page.count] = (struct page_line){.line = number};
        if (parse(&page.lines[page.count], text))
            page.count++;
    }
}

const struct page *page_read(void)
{
    const char *top = getenv("top_srcdir");
    char path[512];
    FILE *file;

    if (page.count)
        return &page;
    snprintf(path, sizeof(path), "%s/common/README.md", top ? top : ".");
    file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    read_lines(file);
    fclose(file);
    CU_ASSERT_FATAL(page.count > 0);
    return &page;
}

static void show(const char *what, const uint8_t *bytes, size_t size)
{
    printf("# %s", what);
    for (size_t i = 0; i < size; i++)
        printf(" %02x", bytes[i]);
    printf("\n");
}

void page_compare(const struct page_line *line, const void *bytes, size_t size)
{
    bool same = line && size == line->size && memcmp(bytes, line->bytes, size) == 0;

    CU_ASSERT(same);
    if (same)
        return;
    if (line)
        printf("# common/README.md, line %u\n", line->line);
    show("the page:", line ? line->bytes : NULL, line ? line->size : 0);
    show("the code:", bytes, size);
}
