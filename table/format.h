/* format.h (private) - what each format is to table.c. Thread rule: as table.h. */
#ifndef NSKY_TABLE_FORMAT_H
#define NSKY_TABLE_FORMAT_H

#include "fits/writer.h"
#include "table/output.h"
#include "table/table.h"

/* One way to take rows. begin may fail and leave things for free to clear up. */
typedef struct nsky_sink_ops {
    nsky_status (*begin)(nsky_table_sink *sink, nsky_error *err);
    nsky_status (*put)(nsky_table_sink *sink, const nsky_cell *cells, nsky_error *err);
    nsky_status (*end)(nsky_table_sink *sink, nsky_error *err);
    void (*free)(nsky_table_sink *sink); /* or NULL */
} nsky_sink_ops;

struct nsky_table_sink {
    const nsky_sink_ops *ops;
    const nsky_table *table;
    nsky_output *out; /* of the text formats */
    nsky_cleaner cleaner;
    void *state; /* the format's own */
    uint64_t rows;
};

extern const nsky_sink_ops nsky_csv_ops, nsky_json_ops, nsky_votable_ops;

/* begin, all rows, end, free. */
NSKY_MUST_CHECK nsky_status nsky_sink_run(nsky_table_sink *sink, nsky_error *err);

/* The table as the next HDU; the writer remains the caller's. NSKY_ELIMIT: the rows take more than
 * bytes_max. */
NSKY_MUST_CHECK nsky_status nsky_fits_append_rows_of(nsky_fits_writer *writer,
                                                     const nsky_table *table, uint64_t bytes_max,
                                                     nsky_error *err);

/* What is said of a table that is too large for memory. */
nsky_status nsky_table_too_large(nsky_error *err);

/* The cell of a number, an integer or an id as text; "" for unknown. */
#define NSKY_CELL_TEXT_BYTES 400 /* of any double with few decimals */
void nsky_cell_print(char out[NSKY_CELL_TEXT_BYTES], const nsky_table_column *column,
                     const nsky_cell *cell);
void nsky_float_print(char out[NSKY_CELL_TEXT_BYTES], float value);
/* A fact's value as text; borrowed from it or from out. */
const char *nsky_fact_print(char out[NSKY_CELL_TEXT_BYTES], const nsky_fact *fact);

#endif
