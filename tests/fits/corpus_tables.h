/* corpus_tables.h - the items of the collection that are tables, plain or carrying an image. */
#ifndef NSKY_TESTS_FITS_CORPUS_TABLES_H
#define NSKY_TESTS_FITS_CORPUS_TABLES_H

#include "corpus.h"

void corpus_table_rows_missing(corpus_file *f);
void corpus_table_of_wide_rows(corpus_file *f);
void corpus_table_of_no_width(corpus_file *f);
void corpus_table_too_many_columns(corpus_file *f);
void corpus_table_wrong_width(corpus_file *f);
void corpus_table_unknown_form(corpus_file *f);
void corpus_table_huge_heap(corpus_file *f);
void corpus_ascii_table_outside_row(corpus_file *f);
void corpus_tile_of_zero(corpus_file *f);
void corpus_tile_negative(corpus_file *f);
void corpus_tile_too_wide(corpus_file *f);
void corpus_tile_rows_differ(corpus_file *f);
void corpus_compressed_giant(corpus_file *f);
void corpus_compressed_axis_absent(corpus_file *f);
void corpus_tile_twice(corpus_file *f);
void corpus_tile_in_hierarch(corpus_file *f);
void corpus_tile_in_lower_case(corpus_file *f);
void corpus_image_in_hierarch(corpus_file *f);

#endif
