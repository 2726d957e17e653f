/* votable_events.c - see votable_events.h: from the events of XML to rows of text that wait to be
 * asked for. */
#include "table/votable_events.h"

#include <libxml/parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"

void nsky_votable_failed(nsky_votable_reader *r, nsky_status status, const char *format, ...)
{
    char words[300];
    va_list arguments;

    if (r->err.status != NSKY_OK)
        return; /* the first is the cause */
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (nsky_fail(&r->err, status, "%s: %s", r->path, words) != NSKY_OK)
        xmlStopParser(r->parser);
}

/* An error that was described without the file's name. */
static void passed_on(nsky_votable_reader *r, const nsky_error *why)
{
    nsky_votable_failed(r, why->status, "%s", why->text);
}

/* The row being read. */
static unsigned long long row_now(const nsky_votable_reader *r)
{
    return r->told + r->waiting + 1;
}

static bool is(const xmlChar *name, const char *wanted)
{
    return strcmp((const char *)name, wanted) == 0;
}

/* The value of an attribute among libxml2's fives; cut to what fits. */
static void attribute(const xmlChar **attributes, int count, const char *name, char *out,
                      size_t bytes)
{
    out[0] = '\0';
    for (const xmlChar **five = attributes; count-- > 0; five += 5)
        if (is(five[0], name)) {
            size_t length = (size_t)(five[4] - five[3]);
            length = length < bytes ? length : bytes - 1;
            memcpy(out, five[3], length);
            out[length] = '\0';
        }
}

static void add_field(nsky_votable_reader *r, const xmlChar **attributes, int count)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (r->count == NSKY_VOTABLE_COLUMNS_MAX) {
        nsky_votable_failed(r, NSKY_ELIMIT, "more than %d columns", NSKY_VOTABLE_COLUMNS_MAX);
        return;
    }
    if (r->count == r->capacity) {
        uint32_t more = r->capacity ? 2 * r->capacity : 16;
        nsky_votable_field *grown = nsky_realloc(r->fields, more, sizeof *grown, &err);
        if (!grown) {
            passed_on(r, &err);
            return;
        }
        r->fields = grown;
        r->capacity = more;
    }
    nsky_votable_field *field = &r->fields[r->count++];
    memset(field, 0, sizeof *field);
    attribute(attributes, count, "name", field->name, sizeof field->name);
    if (!field->name[0])
        attribute(attributes, count, "ID", field->name, sizeof field->name);
    attribute(attributes, count, "datatype", field->datatype, sizeof field->datatype);
    attribute(attributes, count, "arraysize", field->arraysize, sizeof field->arraysize);
}

static void start_binary(nsky_votable_reader *r, bool masked)
{
    nsky_error err = NSKY_ERROR_INIT;

    r->masked = masked;
    if (nsky_votable_binary_check(r->fields, r->count, &err) != NSKY_OK)
        passed_on(r, &err);
}

static void start_in_table(nsky_votable_reader *r, const xmlChar *name, const xmlChar **attributes,
                           int count)
{
    if (is(name, "FIELD"))
        add_field(r, attributes, count);
    else if (is(name, "VALUES") && r->count > 0)
        attribute(attributes, count, "null", r->fields[r->count - 1].null, sizeof r->fields->null);
    else if (is(name, "DATA") && r->count == 0)
        nsky_votable_failed(r, NSKY_EDATA, "a table without columns");
    else if (is(name, "DATA"))
        r->place = IN_DATA;
}

static void start_in_data(nsky_votable_reader *r, const xmlChar *name, const xmlChar **attributes,
                          int count)
{
    char link[8];

    attribute(attributes, count, "href", link, sizeof link);
    if (is(name, "TABLEDATA"))
        r->place = IN_ROWS;
    else if (is(name, "BINARY") || is(name, "BINARY2"))
        start_binary(r, is(name, "BINARY2"));
    else if (is(name, "STREAM") && link[0])
        nsky_votable_failed(r, NSKY_EDATA, "its data are in another file; save the table in one");
    else if (is(name, "STREAM"))
        r->place = IN_STREAM;
    else if (!is(name, "INFO"))
        nsky_votable_failed(r, NSKY_EDATA,
                            "data as %.40s are not read; save the table as TABLEDATA or BINARY2",
                            (const char *)name);
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces, const xmlChar **namespace_list, int count, int defaulted,
                     const xmlChar **attributes)
{
    nsky_votable_reader *r = context;
    char text[24];

    (void)prefix, (void)uri, (void)namespaces, (void)namespace_list, (void)defaulted;
    if (r->place == BEFORE && is(name, "TABLE")) {
        r->place = IN_TABLE;
        r->count = 0;
    } else if (r->place == BEFORE && is(name, "INFO")) {
        attribute(attributes, count, "value", text, sizeof text);
        r->reports_error = strcmp(text, "ERROR") == 0;
        r->cell.used = 0;
    } else if (r->place == IN_TABLE) {
        start_in_table(r, name, attributes, count);
    } else if (r->place == IN_DATA) {
        start_in_data(r, name, attributes, count);
    } else if (r->place == IN_ROWS && is(name, "TR")) {
        r->place = IN_ROW;
        r->cells = 0;
        r->row_start = r->rows.used;
    } else if (r->place == IN_ROW && is(name, "TD")) {
        r->place = IN_CELL;
        r->cell.used = 0;
    } else if (r->place >= IN_ROWS && r->place < AFTER) {
        nsky_votable_failed(r, NSKY_EDATA, "an element %.40s where the data of row %llu are",
                            (const char *)name, row_now(r));
    }
}

static void append(nsky_votable_reader *r, nsky_votable_bytes *bytes, const void *data,
                   size_t count)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (nsky_votable_append(bytes, data, count, &err) != NSKY_OK)
        passed_on(r, &err);
}

/* Of TABLEDATA; blanks around it are no part of it. */
static void end_cell(nsky_votable_reader *r)
{
    const char *text = r->cell.data ? r->cell.data : "";
    size_t length = r->cell.used;

    if (r->cells == r->count) {
        nsky_votable_failed(r, NSKY_EDATA, "row %llu has more than %u cells", row_now(r), r->count);
        return;
    }
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    while (length > 0 && strchr(" \t\r\n", *text)) {
        text++;
        length--;
    }
    const char *null = r->fields[r->cells++].null;
    if (*null && length == strlen(null) && memcmp(text, null, length) == 0)
        length = 0;
    append(r, &r->rows, text, length);
    append(r, &r->rows, "", 1);
    r->place = IN_ROW;
}

static void end_row(nsky_votable_reader *r)
{
    if (r->cells < r->count)
        nsky_votable_failed(r, NSKY_EDATA, "row %llu has %u cells, not %u", row_now(r), r->cells,
                            r->count);
    r->waiting++;
    r->place = IN_ROWS;
}

static void end_stream(nsky_votable_reader *r)
{
    if (r->stream.used > 0 && r->err.status == NSKY_OK)
        nsky_votable_failed(r, NSKY_EDATA, "its data end within row %llu", row_now(r));
    r->place = AFTER;
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    nsky_votable_reader *r = context;

    (void)prefix, (void)uri;
    if (r->place == BEFORE && r->reports_error) {
        nsky_votable_failed(r, NSKY_EDATA, "it is no table but an error: %.*s", (int)r->cell.used,
                            r->cell.data ? r->cell.data : "");
        r->reports_error = false;
    } else if (r->place == IN_TABLE && is(name, "TABLE")) {
        r->place = BEFORE; /* without data */
    } else if (r->place == IN_CELL) {
        end_cell(r);
    } else if (r->place == IN_ROW) {
        end_row(r);
    } else if (r->place == IN_STREAM) {
        end_stream(r);
    } else if (r->place == IN_ROWS || (r->place == IN_DATA && is(name, "DATA"))) {
        r->place = AFTER;
    }
}

static void take_stream(nsky_votable_reader *r, const char *text, size_t length)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_status status = nsky_base64_take(&r->base64, &r->stream, text, length, &err);
    size_t at = 0, taken = 1;

    while (status == NSKY_OK && taken > 0 && at < r->stream.used) {
        status = nsky_votable_binary_row(r->fields, r->count, r->masked, r->stream.data + at,
                                         r->stream.used - at, &taken, &r->rows, &err);
        at += taken;
        r->waiting += status == NSKY_OK && taken > 0;
    }
    if (status != NSKY_OK) {
        nsky_votable_failed(r, status, "row %llu: %s", row_now(r), err.text);
        return;
    }
    memmove(r->stream.data, r->stream.data + at, r->stream.used - at);
    r->stream.used -= at;
}

static void on_text(void *context, const xmlChar *text, int length)
{
    nsky_votable_reader *r = context;

    if (r->place == IN_CELL) {
        append(r, &r->cell, text, (size_t)length);
        if (r->cell.used + (r->rows.used - r->row_start) > NSKY_VOTABLE_ROW_BYTES_MAX)
            nsky_votable_failed(r, NSKY_ELIMIT, "row %llu has more than %u bytes", row_now(r),
                                NSKY_VOTABLE_ROW_BYTES_MAX);
    } else if (r->place == IN_STREAM) {
        take_stream(r, (const char *)text, (size_t)length);
    } else if (r->reports_error && r->cell.used < 200) {
        append(r, &r->cell, text, length < 200 ? (size_t)length : 200);
    }
}

/* None is ever declared, for there is no handler that would: this is any but &amp; and its like. */
static void on_reference(void *context, const xmlChar *name)
{
    nsky_votable_failed(context, NSKY_EDATA, "refers to an entity, \"%.40s\"", (const char *)name);
}

static void on_error(void *context, xmlErrorPtr error)
{
    nsky_votable_reader *r = context;
    const char *words = error->message ? error->message : "damaged";

    if (error->level < XML_ERR_ERROR || r->place == AFTER)
        return;
    nsky_votable_failed(r, error->code == XML_ERR_NO_MEMORY ? NSKY_ENOMEM : NSKY_EDATA,
                        "no sound XML, line %d: %.*s", error->line, (int)strcspn(words, "\n"),
                        words);
}

static xmlEntityPtr no_entity(void *context, const xmlChar *name)
{
    (void)context, (void)name;
    return NULL;
}

const xmlSAXHandler nsky_votable_events = {.initialized = XML_SAX2_MAGIC,
                                           .startElementNs = on_start,
                                           .endElementNs = on_end,
                                           .characters = on_text,
                                           .cdataBlock = on_text,
                                           .reference = on_reference,
                                           .getEntity = no_entity,
                                           .serror = on_error};
