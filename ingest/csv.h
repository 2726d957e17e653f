/* csv.h - tables as text: comma, tab or semicolon, by the header line; quotes as RFC
 * 4180. Strict: what cannot be understood is an error with its line. Thread rule: one thread. */
#ifndef NSKY_INGEST_CSV_H
#define NSKY_INGEST_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_CSV_COLUMNS_MAX 4096
#define NSKY_CSV_ROW_BYTES_MAX (1u << 20)

typedef struct nsky_csv nsky_csv;

/*
 * The first line that is neither empty nor a # comment is the header. The memory is borrowed, the
 * file mapped. `name` is for errors.
 * NSKY_EDATA  no header, or a repeated column name
 */
NSKY_MUST_CHECK nsky_status nsky_csv_open(nsky_csv **out, const char *path, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_csv_open_memory(nsky_csv **out, const void *data, size_t bytes,
                                                 const char *name, nsky_error *err);
void nsky_csv_close(nsky_csv *csv); /* NULL is a no-op */

uint32_t nsky_csv_columns(const nsky_csv *csv);
const char *nsky_csv_column(const nsky_csv *csv, uint32_t column); /* as written */

/*
 * The next row. *more false: the end. Empty lines are passed over; short rows get empty fields.
 * NSKY_EDATA   more fields than columns, a stray or open quote, a NUL
 * NSKY_ELIMIT  a row too long
 */
NSKY_MUST_CHECK nsky_status nsky_csv_next(nsky_csv *csv, bool *more, nsky_error *err);
/* Of the current row, blanks around it removed; good until the next. */
const char *nsky_csv_field(const nsky_csv *csv, uint32_t column);
uint64_t nsky_csv_line(const nsky_csv *csv); /* from 1, where the current row begins */

#endif
