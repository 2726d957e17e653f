/* json_write.c - JSON values to text. Our own printer, because cJSON's loses the last bit of
 * doubles, prints integers past 2^31 in exponents, and passes invalid UTF-8 through. Thread rule: a
 * value belongs to one thread at a time. */
#include "common/json_private.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/utf8.h"

typedef struct printer {
    char *text; /* [room] */
    size_t bytes, room;
    bool pretty;
    nsky_status status;
    nsky_error *err;
} printer;

static void add(printer *p, const char *text, size_t bytes)
{
    if (p->status != NSKY_OK || bytes == 0)
        return;
    if (p->room - p->bytes < bytes) {
        size_t room = p->room * 2 + bytes + 256;
        char *moved = nsky_realloc(p->text, room, 1, p->err);
        if (!moved) {
            p->status = p->err->status;
            return;
        }
        p->text = moved;
        p->room = room;
    }
    memcpy(p->text + p->bytes, text, bytes);
    p->bytes += bytes;
}

static void add_text(printer *p, const char *text)
{
    add(p, text, strlen(text));
}

static void add_escape(printer *p, unsigned char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = strchr(plain, c);
    char escape[8];

    if (found)
        snprintf(escape, sizeof escape, "\\%c", letters[found - plain]);
    else
        snprintf(escape, sizeof escape, "\\u%04x", c);
    add_text(p, escape);
}

/* Names come from file headers and people: what is not UTF-8 becomes U+FFFD. */
static void add_string(printer *p, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t bytes = strlen(text), start = 0, step;

    add(p, "\"", 1);
    for (size_t i = 0; i < bytes; i += step) {
        step = nsky_utf8_step(at + i, bytes - i);
        if (step > 0 && at[i] >= 0x20 && at[i] != '"' && at[i] != '\\')
            continue;
        add(p, text + start, i - start);
        if (step == 0) {
            step = 1;
            add_text(p, "\xEF\xBF\xBD");
        } else {
            add_escape(p, at[i]);
        }
        start = i + step;
    }
    add(p, text + start, bytes - start);
    add(p, "\"", 1);
}

/* Integers in full as far as doubles hold them; else the fewest digits that read back the same. */
static void add_number(printer *p, double number)
{
    char text[40];

    if (number == floor(number) && fabs(number) <= 0x1p53) {
        snprintf(text, sizeof text, "%.0f", number);
    } else {
        int digits = fabs(number) < DBL_MIN ? 1 : 15; /* any 15 digits survive a normal double */
        do
            snprintf(text, sizeof text, "%.*g", digits, number);
        while (strtod(text, NULL) != number && ++digits <= 17);
    }
    add_text(p, text);
}

static void add_newline(printer *p, int depth)
{
    if (!p->pretty)
        return;
    add(p, "\n", 1);
    for (int i = 0; i < depth; i++)
        add(p, "  ", 2);
}

static void add_value(printer *p, const cJSON *item, int depth);

static void add_container(printer *p, const cJSON *item, int depth)
{
    bool object = cJSON_IsObject(item);

    if (depth == NSKY_JSON_DEPTH_MAX) {
        p->status = nsky_fail(p->err, NSKY_ELIMIT, "JSON nested deeper than %d levels",
                              NSKY_JSON_DEPTH_MAX);
        return;
    }
    add(p, object ? "{" : "[", 1);
    for (const cJSON *child = item->child; child; child = child->next) {
        add_newline(p, depth + 1);
        if (object) {
            add_string(p, child->string);
            add_text(p, p->pretty ? ": " : ":");
        }
        add_value(p, child, depth + 1);
        if (child->next)
            add(p, ",", 1);
    }
    if (item->child)
        add_newline(p, depth);
    add(p, object ? "}" : "]", 1);
}

static void add_value(printer *p, const cJSON *item, int depth)
{
    if (p->status != NSKY_OK)
        return;
    if (item->type & POISONED) {
        p->status = nsky_fail(p->err, NSKY_ENOMEM, "out of memory building JSON");
        return;
    }
    switch (nsky_json_kind((const nsky_json *)item)) {
    case NSKY_JSON_NULL:
        add_text(p, "null");
        break;
    case NSKY_JSON_BOOL:
        add_text(p, cJSON_IsTrue(item) ? "true" : "false");
        break;
    case NSKY_JSON_NUMBER:
        if (item->valuestring)
            add_text(p, item->valuestring);
        else
            add_number(p, item->valuedouble);
        break;
    case NSKY_JSON_STRING:
        add_string(p, item->valuestring);
        break;
    case NSKY_JSON_ARRAY:
    case NSKY_JSON_OBJECT:
        add_container(p, item, depth);
        break;
    }
}

/* With a final newline or without; *bytes does not count the NUL. */
static char *print(const nsky_json *value, bool pretty, bool newline, size_t *bytes,
                   nsky_error *err)
{
    printer p = {NULL, 0, 0, pretty, NSKY_OK, err};

    if (!value) { /* nsky_json_object() itself ran out */
        nsky_fail(err, NSKY_ENOMEM, "out of memory building JSON");
        return NULL;
    }
    add_value(&p, item_of(value), 0);
    if (newline)
        add(&p, "\n", 1);
    *bytes = p.bytes;
    add(&p, "", 1);
    if (p.status != NSKY_OK) {
        nsky_free(p.text);
        return NULL;
    }
    return p.text;
}

char *nsky_json_print(const nsky_json *value, bool pretty, nsky_error *err)
{
    assert(err);
    size_t bytes;
    return print(value, pretty, false, &bytes, err);
}

nsky_status nsky_json_write_file(const nsky_json *value, const char *path, nsky_error *err)
{
    assert(path && err);
    size_t bytes;
    char *text = print(value, true, true, &bytes, err);

    if (!text)
        return err->status;
    nsky_status status = nsky_file_write(path, text, bytes, err);
    nsky_free(text);
    return status;
}
