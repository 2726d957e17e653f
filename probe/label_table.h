/* label_table.h (private) - chosen columns of a CSV, TSV, FITS or VOTable table, row by row, as
 * text. Thread rule: one thread. */
#ifndef NSKY_PROBE_LABEL_TABLE_H
#define NSKY_PROBE_LABEL_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_LABEL_TABLE_COLUMNS 8

typedef struct nsky_label_table nsky_label_table;

/* Columns are known by name, in any case. NSKY_EDATA: damaged, or no table in it. */
NSKY_MUST_CHECK nsky_status nsky_label_table_open(nsky_label_table **out, const char *path,
                                                  const char *const *columns, uint32_t count,
                                                  nsky_error *err);
void nsky_label_table_close(nsky_label_table *table); /* NULL is a no-op */
bool nsky_label_table_has(const nsky_label_table *table, uint32_t column);
/* The names there are, for errors: "ra, dec, class". The caller's buffer. */
void nsky_label_table_names(const nsky_label_table *table, char *out, size_t bytes);

/* *more false: the end. Fields are good until the next call; "" for a column that is not there. */
NSKY_MUST_CHECK nsky_status nsky_label_table_next(nsky_label_table *table, bool *more,
                                                  nsky_error *err);
const char *nsky_label_table_field(const nsky_label_table *table, uint32_t column);
/* Lines of text from 1, the header included; rows of FITS and VOTable from 1. */
uint64_t nsky_label_table_line(const nsky_label_table *table);
const char *nsky_label_table_unit(const nsky_label_table *table); /* "line" or "row" */

#endif
