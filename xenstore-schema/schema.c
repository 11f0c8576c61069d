/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "xenstore-schema/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "xenstore-schema/numbering.h"

#define DOMID_MAX 32751u /* the last one below Xen's reserved ids */
#define PORT_MAX 2147483647u
#define TEXT_MAX 256u
#define MESSAGE_SIZE_MIN 52u
#define MESSAGE_SIZE_MAX 65535u
#define RING_ORDER_MAX 6u
#define LONGEST_KEY 32u
#define MTU_MIN 68u
#define MTU_MAX 65521u /* of a TAP interface */

#define TOOLSTACK SCHEMA_TOOLSTACK
#define BACKEND SCHEMA_BACKEND
#define FRONTEND SCHEMA_FRONTEND

/* One line of the table for each shape of value. */
#define DIR(path, who, fe, meaning) {path, who, fe, SCHEMA_DIR, 0, 0, NULL, meaning}
#define UINT(path, who, fe, min, max, meaning) \
    {path, who, fe, SCHEMA_UINT, min, max, NULL, meaning}
#define TEXT(path, who, fe, meaning) {path, who, fe, SCHEMA_TEXT, 0, TEXT_MAX, NULL, meaning}
#define PLAIN(path, who, fe, type, meaning) {path, who, fe, type, 0, 0, NULL, meaning}
#define WORD(path, who, fe, words, meaning) \
    {path, who, fe, SCHEMA_ONE_OF, 0, 0, words, meaning}

const struct schema_node schema_nodes[] = {
    DIR("B", TOOLSTACK, true, "the backend's home of the bus"),
    PLAIN("B/" XS_FRONTEND, TOOLSTACK, true, SCHEMA_PATH, "where F is"),
    UINT("B/" XS_FRONTEND_ID, TOOLSTACK, true, 0, DOMID_MAX, "the frontend's domain"),
    UINT("B/" XS_ONLINE, TOOLSTACK, true, 0, 1, "1 while the bus is wanted"),
    UINT("B/" XS_STATE, TOOLSTACK | BACKEND, true, 1, 6, "the backend's XenbusState"),
    PLAIN("B/" XS_VERSIONS, BACKEND, true, SCHEMA_VERSIONS, "versions of this binding it speaks"),
    UINT("B/" XS_MAX_MESSAGE_SIZE, BACKEND, true, MESSAGE_SIZE_MIN, MESSAGE_SIZE_MAX,
         "largest message it takes, in bytes"),
    UINT("B/" XS_MAX_RING_PAGE_ORDER, BACKEND, true, 0, RING_ORDER_MAX,
         "largest ring it maps, as a power of two of pages"),
    UINT("B/" XS_TRANSPORT_REVISION, BACKEND, true, 1, 1, "virtio-msg revision"),
    UINT("B/" XS_TRANSPORT_FEATURES, BACKEND, true, 0, UINT64_MAX,
         "virtio-msg transport feature bits it offers"),
    UINT("B/" XS_FEATURE_WIRE_COMPACT, BACKEND, true, 0, 1,
         "1 when it speaks the compact form too"),
    UINT("B/" XS_FEATURE_QUEUE_DOORBELL, BACKEND, true, 0, 1,
         "1 when queues may have event channels of their own"),
    UINT("B/" XS_FEATURE_QUEUE_RESUME, BACKEND, true, 0, 1,
         "1 when queues may go on where another connection left them"),
    TEXT("B/" XS_ERROR, BACKEND, true, "why the backend closed the bus"),

    DIR("B/" XS_REQUEST, TOOLSTACK, false, "devices somebody wants"),
    DIR("B/" XS_REQUEST "/NAME", TOOLSTACK, false, "one wanted device"),
    WORD("B/" XS_REQUEST "/NAME/" XS_TYPE, TOOLSTACK, false, XS_TYPES, "what kind"),
    PLAIN("B/" XS_REQUEST "/NAME/" XS_TARGET, TOOLSTACK, false, SCHEMA_FILE,
          "what stands behind it, in the backend's domain"),
    WORD("B/" XS_REQUEST "/NAME/" XS_MODE, TOOLSTACK, false, XS_MODE_READ "|" XS_MODE_WRITE,
         "read-only, or read and write"),
    WORD("B/" XS_REQUEST "/NAME/" XS_CACHE, TOOLSTACK, false,
         XS_CACHE_WRITEBACK "|" XS_CACHE_WRITETHROUGH "|" XS_CACHE_NONE "|" XS_CACHE_DIRECTSYNC,
         "what a disk's writes go through"),
    UINT("B/" XS_REQUEST "/NAME/" XS_QUEUES, TOOLSTACK, false, 1, XS_QUEUES_MAX,
         "how many queues of requests, or pairs of queues, it has"),
    UINT("B/" XS_REQUEST "/NAME/" XS_RATE, TOOLSTACK, false, 1, UINT32_MAX,
         "bytes a second that the guest may have of it"),
    UINT("B/" XS_REQUEST "/NAME/" XS_PORTS, TOOLSTACK, false, 1, XS_PORTS_MAX,
         "how many streams a console has"),
    PLAIN("B/" XS_REQUEST "/NAME/" XS_OUTPUT, TOOLSTACK, false, SCHEMA_FILE,
          "sockets for its ports, in place of terminals"),
    PLAIN("B/" XS_REQUEST "/NAME/" XS_MAC, TOOLSTACK, false, SCHEMA_MAC,
          "the guest's address on the network"),
    TEXT("B/" XS_REQUEST "/NAME/" XS_BRIDGE, TOOLSTACK, false,
         "the bridge that its interface joins"),
    TEXT("B/" XS_REQUEST "/NAME/" XS_SCRIPT, TOOLSTACK, false,
         "what brings the interface up, or none"),
    UINT("B/" XS_REQUEST "/NAME/" XS_MTU, TOOLSTACK, false, MTU_MIN, MTU_MAX,
         "bytes of a frame behind its header"),
    WORD("B/" XS_REQUEST "/NAME/" XS_LINK, TOOLSTACK, false, XS_LINK_UP "|" XS_LINK_DOWN,
         "whether frames travel; may be changed"),
    TEXT("B/" XS_REQUEST "/NAME/" XS_VIF, BACKEND, false, "the interface it got"),
    PLAIN("B/" XS_REQUEST "/NAME/" XS_UUID, TOOLSTACK, false, SCHEMA_UUID,
          "the device's identity, when the user gave one"),
    UINT("B/" XS_REQUEST "/NAME/" XS_NUMBER, TOOLSTACK | BACKEND, false, 1, UINT64_MAX - 1,
         "granted: the device's number"),
    TEXT("B/" XS_REQUEST "/NAME/" XS_ERROR, BACKEND, false, "refused: why"),
    TEXT("B/" XS_REQUEST "/NAME/" XS_TTY, BACKEND, false,
         "the terminals of a console's ports, with spaces between"),
    WORD("B/" XS_REQUEST "/NAME/" XS_REMOVE, TOOLSTACK, false,
         XS_REMOVE_ORDERLY "|" XS_REMOVE_FORCE, "the device shall go, and how"),
    UINT("B/" XS_REQUEST "/NAME/" XS_RESIZE, TOOLSTACK, false, 0, UINT64_MAX,
         "counted up: the target may have another size now"),

    UINT("B/" XS_DEVICE_NUMBER_NEXT, TOOLSTACK | BACKEND, false, 1, UINT64_MAX,
         "counts the device numbers given, and only grows"),
    WORD("B/" XS_DEVICE_NUMBER_FORM, BACKEND, true, XS_WIRE_FORM_WIDE "|" XS_WIRE_FORM_COMPACT,
         "form of the last connection, which new numbers fit"),
    DIR("B/" XS_TAKEN, BACKEND, false, "numbers taken whose devices are not there yet"),
    PLAIN("B/" XS_TAKEN "/NUMBER", BACKEND, false, SCHEMA_NAME, "the name of its request"),
    DIR("B/" XS_RELEASED, BACKEND, false, "the numbers released last"),
    PLAIN("B/" XS_RELEASED "/SEQUENCE", BACKEND, false, SCHEMA_RELEASES,
          "releases from the SEQUENCEth on: number and second"),
    UINT("B/" XS_QUARANTINE_COUNT, BACKEND, true, 0, QUARANTINE_COUNT_MAX,
         "releases before a number may be given again"),
    UINT("B/" XS_QUARANTINE_SECONDS, BACKEND, true, QUARANTINE_SECONDS_MIN,
         QUARANTINE_SECONDS_MAX, "seconds before a number may be given again"),

    DIR("B/" XS_DEVICE, BACKEND, true, "devices that exist"),
    DIR("B/" XS_DEVICE "/NUMBER", BACKEND, true, "one device"),
    PLAIN("B/" XS_DEVICE "/NUMBER/" XS_NAME, BACKEND, true, SCHEMA_NAME, "the name of its request"),
    WORD("B/" XS_DEVICE "/NUMBER/" XS_TYPE, BACKEND, true, XS_TYPES, "what kind"),
    WORD("B/" XS_DEVICE "/NUMBER/" XS_STATE, BACKEND, true, XS_DEVICE_ADDED "|" XS_DEVICE_REMOVING,
         "usable, or asked to be let go"),

    DIR("F", TOOLSTACK, true, "the frontend's home of the bus"),
    PLAIN("F/" XS_BACKEND, TOOLSTACK, true, SCHEMA_PATH, "where B is"),
    UINT("F/" XS_BACKEND_ID, TOOLSTACK, true, 0, DOMID_MAX, "the backend's domain"),
    UINT("F/" XS_STATE, TOOLSTACK | FRONTEND, true, 1, 6, "the frontend's XenbusState"),
    UINT("F/" XS_VERSION, FRONTEND, true, XS_BINDING_VERSION, XS_BINDING_VERSION,
         "version of this binding it chose"),
    UINT("F/" XS_MESSAGE_SIZE, FRONTEND, true, MESSAGE_SIZE_MIN, MESSAGE_SIZE_MAX,
         "largest message of the connection, in bytes"),
    UINT("F/" XS_RING_PAGE_ORDER, FRONTEND, true, 0, RING_ORDER_MAX,
         "pages of the ring, as a power of two"),
    UINT("F/" XS_RING_REF "INDEX", FRONTEND, true, 0, UINT32_MAX,
         "grant reference of one ring page"),
    UINT("F/" XS_EVENT_CHANNEL, FRONTEND, true, 1, PORT_MAX, "the frontend's unbound port"),
    WORD("F/" XS_WIRE_FORM, FRONTEND, true, XS_WIRE_FORM_WIDE "|" XS_WIRE_FORM_COMPACT,
         "header form of the messages"),
    UINT("F/" XS_TRANSPORT_FEATURES, FRONTEND, true, 0, UINT64_MAX,
         "virtio-msg transport feature bits it accepted"),
    UINT("F/" XS_FEATURE_QUEUE_DOORBELL, FRONTEND, true, 0, 1,
         "1 when it may give queues event channels of their own"),
    UINT("F/" XS_FEATURE_QUEUE_RESUME, FRONTEND, true, 0, 1,
         "1 when queues shall go on where another connection left them"),
    DIR("F/" XS_DEVICE, FRONTEND, true, "devices the frontend has met"),
    DIR("F/" XS_DEVICE "/NUMBER", FRONTEND, true, "one device"),
    WORD("F/" XS_DEVICE "/NUMBER/" XS_STATE, FRONTEND, true,
         XS_DEVICE_IN_USE "|" XS_DEVICE_RELEASED, "driven, or let go after B said removing"),
    TEXT("F/" XS_ERROR, FRONTEND, true, "why the frontend closed the bus"),
};

const size_t schema_num_nodes = sizeof(schema_nodes) / sizeof(schema_nodes[0]);

/* A number as a key: one spelling only, so no leading zeros. */
static bool number_key(const char *text, uint64_t max)
{
    uint64_t number;

    return parse_u64(text, 0, max, &number) == 0 && (text[0] != '0' || text[1] == '\0');
}

/* Does one element of a path fit one element of a pattern? */
static bool element_matches(const char *pattern, const char *element)
{
    const char *index = strstr(pattern, "INDEX");

    if (strcmp(pattern, "NUMBER") == 0 || strcmp(pattern, "SEQUENCE") == 0)
        return number_key(element, UINT64_MAX);
    if (strcmp(pattern, "NAME") == 0)
        return name_valid(element);
    if (index) {
        size_t prefix = (size_t)(index - pattern);

        return strncmp(pattern, element, prefix) == 0 &&
               number_key(element + prefix, (1u << RING_ORDER_MAX) - 1);
    }
    return strcmp(pattern, element) == 0;
}

/* Cuts the next element off a path; false when there is none or it is too long. */
static bool next_element(const char **path, char element[LONGEST_KEY + 1])
{
    size_t length = strcspn(*path, "/");

    if (length == 0 || length > LONGEST_KEY)
        return false;
    memcpy(element, *path, length);
    element[length] = '\0';
    *path += length;
    if (**path == '/' && (*path)[1])
        (*path)++;
    return true;
}

static bool path_matches(const char *pattern, const char *path)
{
    char wanted[LONGEST_KEY + 1], element[LONGEST_KEY + 1];

    while (*pattern && *path)
        if (!next_element(&pattern, wanted) || !next_element(&path, element) ||
            !element_matches(wanted, element))
            return false;
    return !*pattern && !*path;
}

const struct schema_node *schema_find(const char *path)
{
    for (size_t i = 0; i < schema_num_nodes; i++)
        if (path_matches(schema_nodes[i].path, path))
            return &schema_nodes[i];
    return NULL;
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

static bool one_of(const char *words, const char *value)
{
    size_t length = strlen(value);

    for (const char *word = words; *word; word += *word == '|')
        if (strcspn(word, "|") == length && strncmp(word, value, length) == 0)
            return true;
        else
            word += strcspn(word, "|");
    return false;
}

static bool number_list(const char *text)
{
    char number[8];

    for (;;) {
        size_t length = strcspn(text, ",");

        if (length >= sizeof(number))
            return false;
        memcpy(number, text, length);
        number[length] = '\0';
        if (!number_key(number, UINT32_MAX))
            return false;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

static bool number_in_range(const char *text, uint64_t min, uint64_t max)
{
    uint64_t number;

    return parse_u64(text, min, max, &number) == 0;
}

static bool uuid_text(const char *text)
{
    uint8_t uuid[16];

    return uuid_parse_text(text, uuid) == 0;
}

static bool mac_text(const char *text)
{
    uint8_t mac[6];

    return mac_parse_text(text, mac) == 0;
}

static bool release_list(const char *text)
{
    struct release list[NUMBERING_PER_NODE];

    return numbering_parse(text, 0, list) > 0;
}

static bool absolute(const char *path)
{
    return path[0] == '/' && path[1] && printable(path);
}

/* "is not r or w" */
static void say_words(const char *words, char why[SCHEMA_WHY_SIZE])
{
    int length = snprintf(why, SCHEMA_WHY_SIZE, "is not ");

    for (; *words && length < SCHEMA_WHY_SIZE; words++)
        length += *words == '|' ? snprintf(why + length, (size_t)(SCHEMA_WHY_SIZE - length), " or ")
                                : snprintf(why + length, (size_t)(SCHEMA_WHY_SIZE - length), "%c",
                                           *words);
}

static void say_what_is_wrong(const struct schema_node *node, char why[SCHEMA_WHY_SIZE])
{
    static const char *const sentences[] = {
        [SCHEMA_DIR] = "is not empty, as a directory is",
        [SCHEMA_TEXT] = "is not a short printable text",
        [SCHEMA_PATH] = "is not an absolute xenstore path",
        [SCHEMA_FILE] = "is not an absolute file name",
        [SCHEMA_NAME] = "is not a device name",
        [SCHEMA_UUID] = "is not a UUID",
        [SCHEMA_MAC] = "is not a MAC address of one interface",
        [SCHEMA_VERSIONS] = "is not a list of numbers with commas between",
        [SCHEMA_RELEASES] = "is not a list of numbers with their seconds",
    };

    if (node->type == SCHEMA_UINT)
        snprintf(why, SCHEMA_WHY_SIZE, "is not a number from %" PRIu64 " to %" PRIu64, node->min,
                 node->max);
    else if (node->type == SCHEMA_ONE_OF)
        say_words(node->words, why);
    else
        snprintf(why, SCHEMA_WHY_SIZE, "%s", sentences[node->type]);
}

static bool fits(const struct schema_node *node, const char *value)
{
    switch (node->type) {
    case SCHEMA_DIR:
        return value[0] == '\0';
    case SCHEMA_UINT:
        return number_in_range(value, node->min, node->max);
    case SCHEMA_TEXT:
        return strlen(value) <= node->max && printable(value);
    case SCHEMA_PATH:
    case SCHEMA_FILE:
        return absolute(value);
    case SCHEMA_NAME:
        return name_valid(value);
    case SCHEMA_UUID:
        return uuid_text(value);
    case SCHEMA_MAC:
        return mac_text(value);
    case SCHEMA_ONE_OF:
        return one_of(node->words, value);
    case SCHEMA_VERSIONS:
        return number_list(value);
    case SCHEMA_RELEASES:
        return release_list(value);
    }
    return false;
}

bool schema_value_valid(const struct schema_node *node, const char *value,
                        char why[SCHEMA_WHY_SIZE])
{
    if (fits(node, value))
        return true;
    say_what_is_wrong(node, why);
    return false;
}

/* ---- a live store ---- */

struct check {
    struct platform *p;
    uint32_t owner; /* of the home being walked */
    uint32_t peer;
    void (*complain)(const char *path, const char *why, void *user);
    void *user;
    int findings;
};

static void complain(struct check *c, const char *path, const char *why)
{
    c->findings++;
    c->complain(path, why, c->user);
}

/* A node that goes away while we look at the store is no error. */
static int unless_gone(void)
{
    return errno == ENOENT ? 0 : -1;
}

static int check_value(struct check *c, const struct schema_node *node, const char *path)
{
    char why[SCHEMA_WHY_SIZE] = "has a NUL byte in its value";
    size_t size;
    char *value = c->p->ops->xs_read(c->p, PLATFORM_NO_TX, path, &size);

    if (!value)
        return unless_gone();
    if (strlen(value) != size || !schema_value_valid(node, value, why))
        complain(c, path, why);
    free(value);
    return 0;
}

static int check_perms(struct check *c, const struct schema_node *node, const char *path)
{
    bool peer_reads = node->path[0] == 'F' || node->frontend_reads;
    size_t count;
    struct platform_perm *perms = c->p->ops->xs_get_perms(c->p, PLATFORM_NO_TX, path, &count);

    if (!perms)
        return unless_gone();
    if (perms[0].domid != c->owner)
        complain(c, path, "is owned by the wrong domain");
    if (perms[0].read || perms[0].write)
        complain(c, path, "is open to every domain");
    for (size_t i = 1; i < count; i++) {
        if (perms[i].write)
            complain(c, path, "may be written by another domain");
        if (perms[i].read && (perms[i].domid != c->peer || !peer_reads))
            complain(c, path, "may be read by a domain that should not");
    }
    free(perms);
    return 0;
}

static int check_node(struct check *c, const char *path, const char *schema_path);

/* The names were chosen by a domain we do not trust: some fit no path of ours. */
static int check_child(struct check *c, const char *path, const char *schema_path, const char *name)
{
    if (strlen(name) > LONGEST_KEY) {
        complain(c, path, "has a node below it that is not in the schema");
        return 0;
    }
    return check_node(c, store_path("%s/%s", path, name).text,
                      store_path("%s/%s", schema_path, name).text);
}

/* Recursion ends at the depth of the schema: unknown nodes are not entered. */
static int check_node(struct check *c, const char *path, const char *schema_path)
{
    const struct schema_node *node = schema_find(schema_path);
    size_t count;
    int rc = 0;

    if (!node) {
        complain(c, path, "is not in the schema");
        return 0;
    }
    if (check_value(c, node, path) < 0 || check_perms(c, node, path) < 0)
        return -1;

    char **names = c->p->ops->xs_list(c->p, PLATFORM_NO_TX, path, &count);

    if (!names)
        return unless_gone();
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = check_child(c, path, schema_path, names[i]);
    free(names);
    return rc;
}

int schema_check_bus(struct platform *p, uint32_t backend_domid, uint32_t frontend_domid,
                     uint32_t bus, void (*complaint)(const char *path, const char *why, void *user),
                     void *user)
{
    struct store_path backend = store_path(XS_BACKEND_BUS, backend_domid, frontend_domid, bus);
    struct store_path frontend = store_path(XS_FRONTEND_BUS, frontend_domid, bus);
    struct check c = {
        .p = p,
        .owner = backend_domid,
        .peer = frontend_domid,
        .complain = complaint,
        .user = user,
    };

    if (!store_exists(p, PLATFORM_NO_TX, backend.text))
        complain(&c, backend.text, "is missing");
    if (!store_exists(p, PLATFORM_NO_TX, frontend.text))
        complain(&c, frontend.text, "is missing");
    if (check_node(&c, backend.text, "B") < 0)
        return -1;
    c.owner = frontend_domid;
    c.peer = backend_domid;
    if (check_node(&c, frontend.text, "F") < 0)
        return -1;
    return c.findings;
}
