/* votable_read.c - see votable_read.h: libxml2 is fed piece by piece and calls back; rows that are
 * complete wait in a buffer that one piece cannot make large. Thread rule: one thread. */
#include "table/votable_read.h"

#include <assert.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "table/votable_binary.h"

#define PIECE_BYTES 16384

typedef enum place {
    BEFORE, /* of the table with data */
    IN_TABLE,
    IN_DATA,
    IN_ROWS, /* TABLEDATA */
    IN_ROW,
    IN_CELL,
    IN_STREAM,
    AFTER, /* the table is over; the rest is nobody's business */
} place;

struct nsky_votable_reader {
    char *path;
    nsky_map map;
    size_t fed;
    xmlParserCtxtPtr parser;
    place place;
    nsky_votable_field *fields;
    uint32_t count, capacity;
    bool masked; /* BINARY2 */
    nsky_base64 base64;
    nsky_votable_bytes stream; /* decoded, not yet rows */
    nsky_votable_bytes cell;   /* the one being read */
    uint32_t cells;            /* of the row being read */
    nsky_votable_bytes rows;   /* complete: [waiting, count] strings, each with its NUL */
    size_t row_start;          /* of the row being read */
    size_t next;               /* of the first row that has not been asked for */
    uint64_t waiting, told;    /* rows */
    const char **row;          /* [count] cells of the current row */
    bool reports_error;        /* in an INFO that says ERROR */
    nsky_error err;            /* of a callback */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void failed(nsky_votable_reader *r, nsky_status status, const char *format, ...)
    NSKY_PRINTF(3, 4);
static void failed(nsky_votable_reader *r, nsky_status status, const char *format, ...)
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
    failed(r, why->status, "%s", why->text);
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
        failed(r, NSKY_ELIMIT, "more than %d columns", NSKY_VOTABLE_COLUMNS_MAX);
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
        failed(r, NSKY_EDATA, "a table without columns");
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
        failed(r, NSKY_EDATA, "its data are in another file; save the table in one");
    else if (is(name, "STREAM"))
        r->place = IN_STREAM;
    else if (!is(name, "INFO"))
        failed(r, NSKY_EDATA, "data as %.40s are not read; save the table as TABLEDATA or BINARY2",
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
        failed(r, NSKY_EDATA, "an element %.40s where the data of row %llu are", (const char *)name,
               row_now(r));
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
        failed(r, NSKY_EDATA, "row %llu has more than %u cells", row_now(r), r->count);
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
        failed(r, NSKY_EDATA, "row %llu has %u cells, not %u", row_now(r), r->cells, r->count);
    r->waiting++;
    r->place = IN_ROWS;
}

static void end_stream(nsky_votable_reader *r)
{
    if (r->stream.used > 0 && r->err.status == NSKY_OK)
        failed(r, NSKY_EDATA, "its data end within row %llu", row_now(r));
    r->place = AFTER;
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    nsky_votable_reader *r = context;

    (void)prefix, (void)uri;
    if (r->place == BEFORE && r->reports_error) {
        failed(r, NSKY_EDATA, "it is no table but an error: %.*s", (int)r->cell.used,
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
        failed(r, status, "row %llu: %s", row_now(r), err.text);
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
            failed(r, NSKY_ELIMIT, "row %llu has more than %u bytes", row_now(r),
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
    failed(context, NSKY_EDATA, "refers to an entity, \"%.40s\"", (const char *)name);
}

static void on_error(void *context, xmlErrorPtr error)
{
    nsky_votable_reader *r = context;
    const char *words = error->message ? error->message : "damaged";

    if (error->level < XML_ERR_ERROR || r->place == AFTER)
        return;
    failed(r, error->code == XML_ERR_NO_MEMORY ? NSKY_ENOMEM : NSKY_EDATA,
           "no sound XML, line %d: %.*s", error->line, (int)strcspn(words, "\n"), words);
}

static xmlEntityPtr no_entity(void *context, const xmlChar *name)
{
    (void)context, (void)name;
    return NULL;
}

/* More rows, or the end of the file. */
static nsky_status feed(nsky_votable_reader *r, nsky_error *err)
{
    size_t left = r->map.bytes - r->fed, piece = left < PIECE_BYTES ? left : PIECE_BYTES;

    /* What is waiting begins at the buffer's beginning, but for a row that is not complete. */
    if (r->waiting == 0 && r->next > 0) {
        memmove(r->rows.data, r->rows.data + r->next, r->rows.used - r->next);
        r->rows.used -= r->next;
        r->row_start -= r->row_start < r->next ? r->row_start : r->next;
        r->next = 0;
    }
    xmlParseChunk(r->parser, (const char *)r->map.data + r->fed, (int)piece, piece == left);
    r->fed += piece;
    if (r->err.status == NSKY_OK && r->fed == r->map.bytes && r->place != AFTER)
        failed(r, NSKY_EDATA, r->place == BEFORE ? "no table with data in it" : "ends early");
    if (r->err.status == NSKY_OK)
        return NSKY_OK;
    *err = r->err;
    return err->status;
}

bool nsky_votable_looks(const void *data, size_t bytes)
{
    const char *text = data;
    size_t at = 0;

    if (bytes >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return true; /* UTF-16, which no table of text that we read is in */
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (at < bytes && at < 256 && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    return at < bytes && text[at] == '<';
}

static nsky_status start(nsky_votable_reader *r, nsky_error *err)
{
    xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC,
                             .startElementNs = on_start,
                             .endElementNs = on_end,
                             .characters = on_text,
                             .cdataBlock = on_text,
                             .reference = on_reference,
                             .getEntity = no_entity,
                             .serror = on_error};
    nsky_status status = nsky_map_open(&r->map, r->path, err);

    if (status != NSKY_OK)
        return status;
    pthread_once(&once, xmlInitParser);
    r->parser = xmlCreatePushParserCtxt(&handler, r, NULL, 0, NULL);
    if (!r->parser)
        return nsky_fail(err, NSKY_ENOMEM, "%s: no memory for a parser", r->path);
    xmlCtxtUseOptions(r->parser, XML_PARSE_NONET);
    while (status == NSKY_OK && r->place < IN_DATA)
        status = feed(r, err);
    if (status != NSKY_OK)
        return status;
    r->row = nsky_alloc_zero(r->count, sizeof *r->row, err);
    return r->row ? NSKY_OK : err->status;
}

nsky_status nsky_votable_reader_open(nsky_votable_reader **out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    nsky_votable_reader *r = nsky_alloc_zero(1, sizeof *r, err);

    *out = NULL;
    if (!r)
        return err->status;
    r->err = (nsky_error)NSKY_ERROR_INIT;
    r->path = nsky_strdup(path, err);
    nsky_status status = r->path ? start(r, err) : err->status;
    if (status == NSKY_OK)
        *out = r;
    else
        nsky_votable_reader_close(r);
    return status;
}

void nsky_votable_reader_close(nsky_votable_reader *r)
{
    if (!r)
        return;
    if (r->parser) {
        xmlFreeDoc(r->parser->myDoc); /* it keeps one where a file declares entities */
        xmlFreeParserCtxt(r->parser);
    }
    nsky_map_close(&r->map);
    nsky_free(r->fields);
    nsky_free(r->stream.data);
    nsky_free(r->cell.data);
    nsky_free(r->rows.data);
    nsky_free(r->row);
    nsky_free(r->path);
    nsky_free(r);
}

uint32_t nsky_votable_reader_columns(const nsky_votable_reader *r)
{
    return r->count;
}

const char *nsky_votable_reader_column(const nsky_votable_reader *r, uint32_t column)
{
    assert(column < r->count);
    return r->fields[column].name;
}

nsky_status nsky_votable_reader_next(nsky_votable_reader *r, bool *more, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    while (status == NSKY_OK && r->waiting == 0 && r->place != AFTER)
        status = feed(r, err);
    *more = status == NSKY_OK && r->waiting > 0;
    if (!*more)
        return status;
    const char *at = r->rows.data + r->next;
    for (uint32_t c = 0; c < r->count; c++, at += strlen(at) + 1)
        r->row[c] = at;
    r->next = (size_t)(at - r->rows.data);
    r->waiting--;
    r->told++;
    return NSKY_OK;
}

const char *nsky_votable_reader_field(const nsky_votable_reader *r, uint32_t column)
{
    assert(column < r->count && r->row[column]);
    return r->row[column];
}

uint64_t nsky_votable_reader_row(const nsky_votable_reader *r)
{
    return r->told;
}
