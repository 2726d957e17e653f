/* corpus_tables.c - tables that are broken, and compressed images in them. */
#include "corpus_tables.h"

/* A binary table of one column, with room for what a case wants to spoil. */
static void table_head(corpus_file *f, long long row_bytes, long long rows, long long heap,
                       int columns)
{
    corpus_primary(f, 8, 0, NULL);
    corpus_end(f);
    corpus_card(f, "XTENSION= 'BINTABLE'");
    corpus_card(f, "BITPIX  = %20d", 8);
    corpus_card(f, "NAXIS   = %20d", 2);
    corpus_card(f, "NAXIS1  = %20lld", row_bytes);
    corpus_card(f, "NAXIS2  = %20lld", rows);
    corpus_card(f, "PCOUNT  = %20lld", heap);
    corpus_card(f, "GCOUNT  = %20d", 1);
    corpus_card(f, "TFIELDS = %20d", columns);
}

void corpus_table_rows_missing(corpus_file *f)
{
    table_head(f, 8, 1000000, 0, 1);
    corpus_card(f, "TFORM1  = '1D'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

void corpus_table_of_wide_rows(corpus_file *f)
{
    table_head(f, 1LL << 40, 1, 0, 1);
    corpus_card(f, "TFORM1  = '1099511627776A'");
    corpus_end(f);
}

void corpus_table_of_no_width(corpus_file *f)
{
    table_head(f, 0, 1LL << 60, 0, 0);
    corpus_end(f);
}

void corpus_table_too_many_columns(corpus_file *f)
{
    table_head(f, 8, 1, 0, 100000);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

void corpus_table_wrong_width(corpus_file *f)
{
    table_head(f, 8, 1, 0, 1);
    corpus_card(f, "TFORM1  = '100D'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

void corpus_table_unknown_form(corpus_file *f)
{
    table_head(f, 8, 1, 0, 1);
    corpus_card(f, "TFORM1  = '1Z'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

void corpus_table_huge_heap(corpus_file *f)
{
    table_head(f, 8, 1, (1LL << 62) + (1LL << 61), 1);
    corpus_card(f, "TFORM1  = '1PB'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

void corpus_ascii_table_outside_row(corpus_file *f)
{
    corpus_primary(f, 8, 0, NULL);
    corpus_end(f);
    corpus_card(f, "XTENSION= 'TABLE   '");
    corpus_card(f, "BITPIX  = %20d", 8);
    corpus_card(f, "NAXIS   = %20d", 2);
    corpus_card(f, "NAXIS1  = %20d", 10);
    corpus_card(f, "NAXIS2  = %20d", 1);
    corpus_card(f, "PCOUNT  = %20d", 0);
    corpus_card(f, "GCOUNT  = %20d", 1);
    corpus_card(f, "TFIELDS = %20d", 1);
    corpus_card(f, "TBCOL1  = %20d", -5000);
    corpus_card(f, "TFORM1  = 'I5'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

/* A compressed image of 8 x 4 pixels whose tiling the case chooses. */
static void compressed(corpus_file *f, long long rows, const char *axis, const char *tile)
{
    table_head(f, 8, rows, 100, 1);
    corpus_card(f, "TTYPE1  = 'COMPRESSED_DATA'");
    corpus_card(f, "TFORM1  = '1PB'");
    corpus_card(f, "ZIMAGE  = %20s", "T");
    corpus_card(f, "ZCMPTYPE= 'RICE_1'");
    corpus_card(f, "ZBITPIX = %20d", 16);
    corpus_card(f, "ZNAXIS  = %20d", 2);
    corpus_card(f, "ZNAXIS1 = %20s", axis);
    corpus_card(f, "ZNAXIS2 = %20d", 4);
    corpus_card(f, "ZTILE1  = %20s", tile);
    corpus_card(f, "ZTILE2  = %20d", 1);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

void corpus_tile_of_zero(corpus_file *f)
{
    compressed(f, 4, "8", "0");
}

void corpus_tile_negative(corpus_file *f)
{
    compressed(f, 4, "8", "-8");
}

void corpus_tile_too_wide(corpus_file *f)
{
    compressed(f, 4, "8", "1000000000000");
}

void corpus_tile_rows_differ(corpus_file *f)
{
    compressed(f, 5, "8", "8");
}

void corpus_compressed_giant(corpus_file *f)
{
    compressed(f, 4, "1000000000000", "1");
}

void corpus_compressed_axis_absent(corpus_file *f)
{
    table_head(f, 8, 1, 0, 1);
    corpus_card(f, "TFORM1  = '1PB'");
    corpus_card(f, "ZIMAGE  = %20s", "T");
    corpus_card(f, "ZBITPIX = %20d", 16);
    corpus_card(f, "ZNAXIS  = %20d", 2);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

/* A second ZTILE1 that our look-up does not find, and CFITSIO's would: it divides by it. */
static void tile_hidden(corpus_file *f, const char *card)
{
    table_head(f, 8, 4, 100, 1);
    corpus_card(f, "TTYPE1  = 'COMPRESSED_DATA'");
    corpus_card(f, "TFORM1  = '1PB'");
    corpus_card(f, "ZIMAGE  = %20s", "T");
    corpus_card(f, "ZCMPTYPE= 'RICE_1'");
    corpus_card(f, "ZTILE1  = %20d", 8);
    corpus_card(f, "ZBITPIX = %20d", 16);
    corpus_card(f, "ZNAXIS  = %20d", 2);
    corpus_card(f, "ZNAXIS1 = %20d", 8);
    corpus_card(f, "ZNAXIS2 = %20d", 4);
    corpus_card(f, "%s", card);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

void corpus_tile_twice(corpus_file *f)
{
    tile_hidden(f, "ZTILE1  =                    0");
}

void corpus_tile_in_hierarch(corpus_file *f)
{
    tile_hidden(f, "HIERARCH ZTILE1 = 0");
}

void corpus_tile_in_lower_case(corpus_file *f)
{
    tile_hidden(f, "ztile1  =                    0");
}

/* The same for the word that makes CFITSIO look. */
void corpus_image_in_hierarch(corpus_file *f)
{
    table_head(f, 8, 4, 100, 1);
    corpus_card(f, "TTYPE1  = 'COMPRESSED_DATA'");
    corpus_card(f, "TFORM1  = '1PB'");
    corpus_card(f, "HIERARCH ZIMAGE = T");
    corpus_card(f, "ZCMPTYPE= 'RICE_1'");
    corpus_card(f, "ZBITPIX = %20d", 16);
    corpus_card(f, "ZNAXIS  = %20d", 1);
    corpus_card(f, "ZNAXIS1 = %20d", 4);
    corpus_card(f, "ZTILE1  = %20d", 0);
    corpus_card(f, "ZVAL1   = %20d", 0);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}
