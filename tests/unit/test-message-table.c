/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The table of messages in common/README.md, which people write other ends from,
 * has a row for each message of common/messages.h, as that file describes it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/print.h"
#include "tests/harness.h"

#define PAGE_SIZE_MAX 65536

static char *read_page(void)
{
    static char text[PAGE_SIZE_MAX];
    const char *top = getenv("top_srcdir");
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/common/README.md", top ? top : ".");
    file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static const char *type_word(enum msg_field_type type)
{
    static const char *const words[] = {
        [MSG_FIELD_le16] = "le16",     [MSG_FIELD_le32] = "le32",   [MSG_FIELD_le64] = "le64",
        [MSG_FIELD_devnum] = "devnum", [MSG_FIELD_uuid] = "uuid",   [MSG_FIELD_bytes] = "bytes",
        [MSG_FIELD_words] = "words",   [MSG_FIELD_maybe] = "maybe", [MSG_FIELD_bitmap] = "bitmap",
    };

    return words[type];
}

static const char *sender_word(enum msg_sender sender)
{
    return sender == MSG_EITHER ? "either" : sender == MSG_DRIVER ? "driver" : "device";
}

/* The field that tells a tail's length. */
static const char *counter(const struct msg_description *what, const struct msg_field *tail)
{
    for (unsigned i = 0; i < what->num_fields; i++)
        if (what->fields[i].member == tail->count)
            return what->fields[i].name;
    return "?";
}

static size_t print_field(char *text, size_t size, const struct msg_description *what,
                          const struct msg_field *field)
{
    const char *word = type_word(field->type);

    if (msg_field_is_tail(field))
        return (size_t)snprintf(text, size, "%s %s[%s]", word, field->name, counter(what, field));
    return (size_t)snprintf(text, size, "%s %s", word, field->name);
}

static void print_row(char *row, size_t size, const struct msg_description *what)
{
    size_t used = (size_t)snprintf(row, size, "| %s | 0x%02x | %s | %s | %s | ",
                                   what->name_space == MSG_BUS ? "bus" : "transport", what->msg_id,
                                   what->name, print_class(what->class), sender_word(what->sender));

    for (unsigned i = 0; i < what->num_fields; i++) {
        used += (size_t)snprintf(row + used, size - used, "%s", i ? ", " : "");
        used += print_field(row + used, size - used, what, &what->fields[i]);
    }
    snprintf(row + used, size - used, "%s |\n", what->num_fields ? "" : "–");
}

static void every_message_has_its_row(void)
{
    const char *page = read_page();
    char row[512];

    for (enum msg_kind kind = 0; kind < MSG_KINDS; kind++) {
        print_row(row, sizeof(row), msg_describe(kind));
        CU_ASSERT(strstr(page, row) != NULL);
        if (!strstr(page, row))
            printf("# missing: %s", row);
    }
}

static void no_row_is_left_over(void)
{
    const char *page = read_page();
    unsigned rows = 0;

    for (; *page; page += strcspn(page, "\n"), page += *page == '\n')
        rows += strncmp(page, "| transport |", 13) == 0 || strncmp(page, "| bus |", 7) == 0;
    CU_ASSERT_EQUAL(rows, MSG_KINDS);
}

static const struct test_case cases[] = {
    TEST(every_message_has_its_row),
    TEST(no_row_is_left_over),
    {NULL, NULL},
};

int main(void)
{
    return test_main("message table", cases);
}
