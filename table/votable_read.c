/* votable_read.c - see votable_read.h: libxml2 is fed piece by piece and calls back
 * (votable_events.c); rows that are complete wait in a buffer that one piece cannot make large.
 * Thread rule: one thread. */
#include "table/votable_read.h"

#include <assert.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <string.h>

#include "common/memory.h"
#include "table/votable_events.h"

#define PIECE_BYTES 16384

static pthread_once_t once = PTHREAD_ONCE_INIT;

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
        nsky_votable_failed(r, NSKY_EDATA,
                            r->place == BEFORE ? "no table with data in it" : "ends early");
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
    xmlSAXHandler handler = nsky_votable_events;
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
