/* corpus.c - the collection of broken FITS files. */
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const long long small[] = {4, 3, 2, 2, 2};
static const float twelve[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static void corpus_text(corpus_file *f, const char *text)
{
    corpus_bytes(f, text, strlen(text));
}

static void sound(corpus_file *f)
{
    corpus_image(f, twelve, 4, 3);
}

static void nothing(corpus_file *f)
{
    corpus_bytes(f, "", 0);
}

static void not_fits(corpus_file *f)
{
    corpus_text(f, "\x89PNG\r\n\x1a\n and so on");
}

static void only_simple(corpus_file *f)
{
    corpus_text(f, "SIMPLE  =                    T");
}

static void empty_primary(corpus_file *f)
{
    corpus_primary(f, 8, 0, small);
    corpus_end(f);
}

static void header_cut(corpus_file *f)
{
    corpus_primary(f, -32, 2, small);
    corpus_card(f, "OBJECT  = 'NGC 1'");
}

static void header_without_end(corpus_file *f)
{
    corpus_primary(f, -32, 2, small);
    while (f->bytes < 5u << 20)
        corpus_card(f, "COMMENT and so on and on");
}

static void data_cut(corpus_file *f)
{
    sound(f);
    f->bytes = 2880 + 20;
}

static void data_absent(corpus_file *f)
{
    sound(f);
    f->bytes = 2880;
}

/* Header blocks should be whole; astronomers' scripts forget. */
static void header_unpadded(corpus_file *f)
{
    corpus_primary(f, 8, 0, small);
    corpus_card(f, "END");
}

static void data_unpadded(corpus_file *f)
{
    sound(f);
    f->bytes = 2880 + 12 * 4;
}

static void trailing_junk(corpus_file *f)
{
    sound(f);
    corpus_bytes(
        f, "some editor left this here, and it goes on for more than a card or two, or three", 80);
}

static void bad_bitpix(corpus_file *f)
{
    corpus_primary(f, 12, 2, small);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void bitpix_is_text(corpus_file *f)
{
    corpus_card(f, "SIMPLE  = %20s", "T");
    corpus_card(f, "BITPIX  = 'large'");
    corpus_card(f, "NAXIS   = 0");
    corpus_end(f);
}

static void zero_axis(corpus_file *f)
{
    corpus_primary(f, -32, 2, (long long[]){0, 3});
    corpus_end(f);
}

static void negative_axis(corpus_file *f)
{
    corpus_primary(f, -32, 2, (long long[]){-4, 3});
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void axes_out_of_order(corpus_file *f)
{
    corpus_card(f, "SIMPLE  = %20s", "T");
    corpus_card(f, "BITPIX  = %20d", -32);
    corpus_card(f, "NAXIS   = %20d", 2);
    corpus_card(f, "NAXIS2  = %20d", 3);
    corpus_card(f, "NAXIS1  = %20d", 4);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void five_axes(corpus_file *f)
{
    corpus_primary(f, -32, 5, small);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void giant(corpus_file *f)
{
    corpus_primary(f, -32, 2, (long long[]){1000000000, 1000000000});
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void overflowing(corpus_file *f)
{
    corpus_primary(f, -64, 4, (long long[]){65536, 65536, 65536, 65537});
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void axis_of_20_digits(corpus_file *f)
{
    corpus_card(f, "SIMPLE  = %20s", "T");
    corpus_card(f, "BITPIX  = %20d", 8);
    corpus_card(f, "NAXIS   = %20d", 1);
    corpus_card(f, "NAXIS1  = 99999999999999999999");
    corpus_end(f);
}

static void random_groups(corpus_file *f)
{
    corpus_primary(f, -32, 2, (long long[]){0, 3});
    corpus_card(f, "GROUPS  = %20s", "T");
    corpus_card(f, "PCOUNT  = %20d", 5);
    corpus_card(f, "GCOUNT  = %20d", 1000000000);
    corpus_end(f);
}

static void too_many_hdus(corpus_file *f)
{
    empty_primary(f);
    for (int i = 0; i < 300; i++) {
        corpus_card(f, "XTENSION= 'IMAGE   '");
        corpus_card(f, "BITPIX  = %20d", 8);
        corpus_card(f, "NAXIS   = %20d", 0);
        corpus_card(f, "PCOUNT  = %20d", 0);
        corpus_card(f, "GCOUNT  = %20d", 1);
        corpus_end(f);
    }
}

static void unknown_extension(corpus_file *f)
{
    empty_primary(f);
    corpus_card(f, "XTENSION= 'A3DTABLE'");
    corpus_card(f, "BITPIX  = %20d", 8);
    corpus_card(f, "NAXIS   = %20d", 0);
    corpus_end(f);
}

/* A binary table of one column, with room for what a case wants to spoil. */
static void table_head(corpus_file *f, long long row_bytes, long long rows, long long heap,
                       int columns)
{
    empty_primary(f);
    corpus_card(f, "XTENSION= 'BINTABLE'");
    corpus_card(f, "BITPIX  = %20d", 8);
    corpus_card(f, "NAXIS   = %20d", 2);
    corpus_card(f, "NAXIS1  = %20lld", row_bytes);
    corpus_card(f, "NAXIS2  = %20lld", rows);
    corpus_card(f, "PCOUNT  = %20lld", heap);
    corpus_card(f, "GCOUNT  = %20d", 1);
    corpus_card(f, "TFIELDS = %20d", columns);
}

static void table_rows_missing(corpus_file *f)
{
    table_head(f, 8, 1000000, 0, 1);
    corpus_card(f, "TFORM1  = '1D'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void table_of_wide_rows(corpus_file *f)
{
    table_head(f, 1ll << 40, 1, 0, 1);
    corpus_card(f, "TFORM1  = '1099511627776A'");
    corpus_end(f);
}

static void table_of_no_width(corpus_file *f)
{
    table_head(f, 0, 1ll << 60, 0, 0);
    corpus_end(f);
}

static void table_too_many_columns(corpus_file *f)
{
    table_head(f, 8, 1, 0, 100000);
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void table_wrong_width(corpus_file *f)
{
    table_head(f, 8, 1, 0, 1);
    corpus_card(f, "TFORM1  = '100D'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void table_unknown_form(corpus_file *f)
{
    table_head(f, 8, 1, 0, 1);
    corpus_card(f, "TFORM1  = '1Z'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void table_huge_heap(corpus_file *f)
{
    table_head(f, 8, 1, (1ll << 62) + (1ll << 61), 1);
    corpus_card(f, "TFORM1  = '1PB'");
    corpus_end(f);
    corpus_bytes(f, NULL, 2880);
}

static void ascii_table_outside_row(corpus_file *f)
{
    empty_primary(f);
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

static void tile_of_zero(corpus_file *f)
{
    compressed(f, 4, "8", "0");
}

static void tile_negative(corpus_file *f)
{
    compressed(f, 4, "8", "-8");
}

static void tile_too_wide(corpus_file *f)
{
    compressed(f, 4, "8", "1000000000000");
}

static void tile_rows_differ(corpus_file *f)
{
    compressed(f, 5, "8", "8");
}

static void compressed_giant(corpus_file *f)
{
    compressed(f, 4, "1000000000000", "1");
}

static void compressed_axis_absent(corpus_file *f)
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

static void tile_twice(corpus_file *f)
{
    tile_hidden(f, "ZTILE1  =                    0");
}

static void tile_in_hierarch(corpus_file *f)
{
    tile_hidden(f, "HIERARCH ZTILE1 = 0");
}

static void tile_in_lower_case(corpus_file *f)
{
    tile_hidden(f, "ztile1  =                    0");
}

/* The same for the word that makes CFITSIO look. */
static void image_in_hierarch(corpus_file *f)
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

static void gzip_sound(corpus_file *f)
{
    sound(f);
    corpus_gzip(f);
}

static void gzip_of_text(corpus_file *f)
{
    corpus_text(f, "not a FITS file, but packed like one");
    corpus_gzip(f);
}

static void gzip_cut(corpus_file *f)
{
    gzip_sound(f);
    f->bytes -= 12;
}

/* 300 MB of zeros behind a sound header, in 300 kB: more than the 256 MiB allowed. */
static void gzip_bomb(corpus_file *f)
{
    corpus_primary(f, 8, 2, (long long[]){15000, 20000});
    corpus_end(f);
    corpus_bytes(f, NULL, 300u << 20);
    corpus_gzip(f);
}

#define ITEM(name, open, words)  \
    {                            \
#name, open, words, name \
    }
const corpus_item corpus_items[] = {
    ITEM(sound, NSKY_OK, NULL),
    ITEM(empty_primary, NSKY_OK, NULL),
    ITEM(header_unpadded, NSKY_OK, NULL),
    ITEM(data_unpadded, NSKY_OK, NULL),
    ITEM(trailing_junk, NSKY_OK, NULL),
    ITEM(gzip_sound, NSKY_OK, NULL),
    ITEM(nothing, NSKY_EDATA, "is empty"),
    ITEM(not_fits, NSKY_EDATA, "not a FITS file"),
    ITEM(only_simple, NSKY_EDATA, "not a FITS file"),
    ITEM(header_cut, NSKY_EDATA, "has no END"),
    ITEM(header_without_end, NSKY_ELIMIT, "has no END"),
    ITEM(data_cut, NSKY_EDATA, "is truncated: header promises 2928 bytes, file has 2900"),
    ITEM(data_absent, NSKY_EDATA, "is truncated"),
    ITEM(bad_bitpix, NSKY_EDATA, "BITPIX = 12"),
    ITEM(bitpix_is_text, NSKY_EDATA, "not BITPIX"),
    ITEM(zero_axis, NSKY_EDATA, "0 pixels long"),
    ITEM(negative_axis, NSKY_EDATA, "-4 pixels long"),
    ITEM(axes_out_of_order, NSKY_EDATA, "NAXIS1"),
    ITEM(five_axes, NSKY_ELIMIT, "5 axes"),
    ITEM(giant, NSKY_ELIMIT, "pixels"),
    ITEM(overflowing, NSKY_ELIMIT, "pixels"),
    ITEM(axis_of_20_digits, NSKY_EDATA, "NAXIS1"),
    ITEM(random_groups, NSKY_EDATA, "random groups"),
    ITEM(too_many_hdus, NSKY_ELIMIT, "more than 256 HDUs"),
    ITEM(unknown_extension, NSKY_EDATA, "A3DTABLE"),
    ITEM(table_rows_missing, NSKY_EDATA, "is truncated"),
    ITEM(table_of_wide_rows, NSKY_ELIMIT, "rows"),
    ITEM(table_of_no_width, NSKY_EDATA, "TFIELDS"),
    ITEM(table_too_many_columns, NSKY_EDATA, "TFIELDS"),
    ITEM(table_wrong_width, NSKY_EDATA, "rows of 800 bytes"),
    ITEM(table_unknown_form, NSKY_EDATA, "TFORM"),
    ITEM(table_huge_heap, NSKY_ELIMIT, "claims"),
    ITEM(ascii_table_outside_row, NSKY_EDATA, "TFORM"),
    ITEM(tile_of_zero, NSKY_EDATA, "ZTILE1"),
    ITEM(tile_negative, NSKY_EDATA, "ZTILE1"),
    ITEM(tile_too_wide, NSKY_EDATA, "ZTILE1"),
    ITEM(tile_rows_differ, NSKY_EDATA, "tiles"),
    ITEM(compressed_giant, NSKY_ELIMIT, "pixels"),
    ITEM(compressed_axis_absent, NSKY_EDATA, "0 pixels long"),
    ITEM(tile_twice, NSKY_OK, NULL),
    ITEM(tile_in_hierarch, NSKY_OK, NULL),
    ITEM(tile_in_lower_case, NSKY_OK, NULL),
    ITEM(image_in_hierarch, NSKY_OK, NULL),
    ITEM(gzip_of_text, NSKY_EDATA, "does not hold a FITS file"),
    ITEM(gzip_cut, NSKY_EDATA, "gzip"),
    ITEM(gzip_bomb, NSKY_ELIMIT, "unpacks to more than"),
};
const size_t corpus_item_count = sizeof corpus_items / sizeof *corpus_items;
