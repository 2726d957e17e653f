/* table.h - a table once described, written as CSV, JSON, VOTable or FITS.
 *
 * A table is columns, a function that hands over its rows one by one, and where it all comes from.
 * Nothing but one row is held, whatever the number of rows; only FITS, whose text columns have one
 * width and whose header states the number of rows, asks for the rows twice.
 *
 * What the formats make of it:
 *   CSV      RFC 4180 with \n ends; unknown is empty; UTF-8; the first line is the header
 *   JSON     {name: [{...}, ...], "stats": {...}}; unknown is null; ids are decimal strings
 *   VOTable  1.4, TABLEDATA; unknown is an empty cell; ids are `long`; provenance is INFO
 *   FITS     binary table; unknown is NaN, -2^63 (TNULL) or ""; ids are K; text is ASCII, what is
 *            not becomes '?'; provenance is keywords
 * Ids fit into 63 bits (the store sees to that), so that K and `long` hold them exactly; readers
 * that turn integers into doubles would round them, and none of astropy, TOPCAT and STILTS does.
 * Bytes that are no UTF-8, and characters that XML has not, come out as U+FFFD.
 * Thread rule: writing one table belongs to one thread; different tables are independent.
 */
#ifndef NSKY_TABLE_H
#define NSKY_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "table/provenance.h"

#define NSKY_TABLE_COLUMNS_MAX 64
#define NSKY_TABLE_TEXT_BYTES_MAX 32767          /* of one cell in FITS; longer is cut */
#define NSKY_TABLE_BYTES_MAX ((size_t)256 << 20) /* of a table written into memory */
#define NSKY_TABLE_UNKNOWN INT64_MIN             /* an unknown NSKY_CELL_INTEGER */

typedef enum nsky_table_format {
    NSKY_TABLE_JSON,
    NSKY_TABLE_CSV,
    NSKY_TABLE_VOTABLE,
    NSKY_TABLE_FITS,
} nsky_table_format;

/* "csv", "json", "votable", "fits". false: none of them. */
bool nsky_table_format_parse(const char *text, nsky_table_format *out);
const char *nsky_table_content_type(nsky_table_format format);
const char *nsky_table_suffix(nsky_table_format format); /* "csv", "json", "vot", "fits" */

typedef enum nsky_cell_type {
    NSKY_CELL_ID,      /* an object's id */
    NSKY_CELL_INTEGER, /* NSKY_TABLE_UNKNOWN: unknown */
    NSKY_CELL_FLOAT,   /* 32 bits are all that is known of it; not finite: unknown */
    NSKY_CELL_DOUBLE,  /* not finite: unknown */
    NSKY_CELL_TEXT,    /* "" or NULL: unknown */
    NSKY_CELL_FLOATS,  /* a vector of `length` float32; not in CSV */
} nsky_cell_type;

typedef struct nsky_table_column {
    const char *name; /* letters, digits and '_', a letter first */
    nsky_cell_type type;
    int decimals;            /* of numbers as text; negative: as many as tell every value apart */
    bool ascii;              /* text that is ASCII by nature: plain `char` in VOTable */
    uint32_t length;         /* of NSKY_CELL_FLOATS */
    const char *unit, *ucd;  /* VOUnits, IVOA UCD1+; or NULL */
    const char *description; /* one sentence; or NULL */
    uint32_t field;          /* whose column it is, for helpers such as objects.h; 0: nobody's */
} nsky_table_column;

/* One cell; the column says which. Text and floats are borrowed until nsky_table_put returns. */
typedef union nsky_cell {
    uint64_t id;
    int64_t integer;
    double number;
    const char *text;
    const float *floats;
} nsky_cell;

typedef struct nsky_table_sink nsky_table_sink; /* what rows are handed to */

typedef struct nsky_table {
    const char *name;        /* as a column's: "hits" */
    const char *description; /* or NULL */
    const nsky_table_column *columns;
    uint32_t column_count;
    /* Hands over every row in order by nsky_table_put, whose errors it passes on. May be called
     * twice and must then do the same again. */
    nsky_status (*rows)(void *payload, nsky_table_sink *sink, nsky_error *err);
    void *payload;
    const nsky_provenance *provenance; /* or NULL */
    bool truncated;    /* there would be more rows: VOTable and JSON say so; read after the rows */
    bool csv_comments; /* provenance as "# key: value" lines before the header */
} nsky_table;

/* cells [column_count]. */
NSKY_MUST_CHECK nsky_status nsky_table_put(nsky_table_sink *sink, const nsky_cell *cells,
                                           nsky_error *err);

/*
 * NSKY_EINVAL  columns that the format has not (floats in CSV)
 * NSKY_EDATA   an id above 2^63; the second time, the rows were others than the first time
 * NSKY_ELIMIT  more than NSKY_TABLE_BYTES_MAX, where memory holds it
 * NSKY_EIO     the stream or file cannot be written; and whatever table->rows returns
 */
/* Whole or not at all, as common/file.h has it. */
NSKY_MUST_CHECK nsky_status nsky_table_write_file(const nsky_table *table, nsky_table_format format,
                                                  const char *path, nsky_error *err);
/* Flushed, not closed; `name` is for errors ("standard output"). FITS goes through memory. */
NSKY_MUST_CHECK nsky_status nsky_table_write_stream(const nsky_table *table,
                                                    nsky_table_format format, FILE *stream,
                                                    const char *name, nsky_error *err);
/* *data is the caller's, to be freed with nsky_free; NULL on error. */
NSKY_MUST_CHECK nsky_status nsky_table_write_memory(const nsky_table *table,
                                                    nsky_table_format format, void **data,
                                                    size_t *bytes, nsky_error *err);

/* A VOTable that says nothing but what went wrong (DALI, Simple Cone Search). As above. */
NSKY_MUST_CHECK nsky_status nsky_votable_error(const char *message, void **data, size_t *bytes,
                                               nsky_error *err);

#endif
