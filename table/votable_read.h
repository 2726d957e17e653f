/* votable_read.h - the rows of a VOTable as text, as other programs write it: TABLEDATA, BINARY and
 * BINARY2. Read with suspicion: no entity is expanded, nothing is fetched, everything is bounded.
 * Thread rule: one thread. */
#ifndef NSKY_TABLE_VOTABLE_READ_H
#define NSKY_TABLE_VOTABLE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_VOTABLE_COLUMNS_MAX 1024
#define NSKY_VOTABLE_ROW_BYTES_MAX (1u << 20)
#define NSKY_VOTABLE_NAME_BYTES 72

typedef struct nsky_votable_reader nsky_votable_reader;

/* Do these first bytes of a file look like XML? */
bool nsky_votable_looks(const void *data, size_t bytes);

/*
 * The first table of the document that has data. What comes after it is not read.
 * NSKY_EDATA   no XML, no such table, data that are elsewhere (FITS, a link), arrays of arrays;
 *              a document that reports an error: its words
 * NSKY_ELIMIT  too many columns
 */
NSKY_MUST_CHECK nsky_status nsky_votable_reader_open(nsky_votable_reader **out, const char *path,
                                                     nsky_error *err);
void nsky_votable_reader_close(nsky_votable_reader *reader); /* NULL is a no-op */

uint32_t nsky_votable_reader_columns(const nsky_votable_reader *reader);
const char *nsky_votable_reader_column(const nsky_votable_reader *reader, uint32_t column);

/*
 * The next row. *more false: the end.
 * NSKY_EDATA   damaged: XML that ends early, more or fewer cells than columns, half a row
 * NSKY_ELIMIT  a row of more than NSKY_VOTABLE_ROW_BYTES_MAX
 */
NSKY_MUST_CHECK nsky_status nsky_votable_reader_next(nsky_votable_reader *reader, bool *more,
                                                     nsky_error *err);
/* Of the current row, UTF-8, blanks around it removed; good until the next. Unknown values are "".
 * Numbers from binary have as many digits as tell them apart; arrays have blanks between. */
const char *nsky_votable_reader_field(const nsky_votable_reader *reader, uint32_t column);
uint64_t nsky_votable_reader_row(const nsky_votable_reader *reader); /* from 1 */

#endif
