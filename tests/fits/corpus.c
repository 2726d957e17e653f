/* corpus.c - the collection of broken FITS files. */
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus_tables.h"

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

/* 320 MiB of zeros behind a sound header, in 300 kB: more than the 256 MiB allowed. gzip files may
 * be strung together, which makes this one quick to make. */
static void gzip_bomb(corpus_file *f)
{
    corpus_file zeros = {0};

    corpus_primary(f, 8, 2, (long long[]){16384, 20480});
    corpus_end(f);
    corpus_gzip(f);
    corpus_bytes(&zeros, NULL, 16u << 20);
    corpus_gzip(&zeros);
    for (int i = 0; i < 20; i++)
        corpus_bytes(f, zeros.data, zeros.bytes);
    corpus_free(&zeros);
}

const corpus_item corpus_items[] = {
    {"sound", NSKY_OK, NULL, sound},
    {"empty_primary", NSKY_OK, NULL, empty_primary},
    {"header_unpadded", NSKY_OK, NULL, header_unpadded},
    {"data_unpadded", NSKY_OK, NULL, data_unpadded},
    {"trailing_junk", NSKY_OK, NULL, trailing_junk},
    {"gzip_sound", NSKY_OK, NULL, gzip_sound},
    {"nothing", NSKY_EDATA, "is empty", nothing},
    {"not_fits", NSKY_EDATA, "not a FITS file", not_fits},
    {"only_simple", NSKY_EDATA, "not a FITS file", only_simple},
    {"header_cut", NSKY_EDATA, "has no END", header_cut},
    {"header_without_end", NSKY_ELIMIT, "has no END", header_without_end},
    {"data_cut", NSKY_EDATA, "is truncated: header promises 2928 bytes, file has 2900", data_cut},
    {"data_absent", NSKY_EDATA, "is truncated", data_absent},
    {"bad_bitpix", NSKY_EDATA, "BITPIX = 12", bad_bitpix},
    {"bitpix_is_text", NSKY_EDATA, "not BITPIX", bitpix_is_text},
    {"zero_axis", NSKY_EDATA, "0 pixels long", zero_axis},
    {"negative_axis", NSKY_EDATA, "-4 pixels long", negative_axis},
    {"axes_out_of_order", NSKY_EDATA, "NAXIS1", axes_out_of_order},
    {"five_axes", NSKY_ELIMIT, "5 axes", five_axes},
    {"giant", NSKY_ELIMIT, "pixels", giant},
    {"overflowing", NSKY_ELIMIT, "pixels", overflowing},
    {"axis_of_20_digits", NSKY_EDATA, "NAXIS1", axis_of_20_digits},
    {"random_groups", NSKY_EDATA, "random groups", random_groups},
    {"too_many_hdus", NSKY_ELIMIT, "more than 256 HDUs", too_many_hdus},
    {"unknown_extension", NSKY_EDATA, "A3DTABLE", unknown_extension},
    {"table_rows_missing", NSKY_EDATA, "is truncated", corpus_table_rows_missing},
    {"table_of_wide_rows", NSKY_ELIMIT, "rows", corpus_table_of_wide_rows},
    {"table_of_no_width", NSKY_EDATA, "TFIELDS", corpus_table_of_no_width},
    {"table_too_many_columns", NSKY_EDATA, "TFIELDS", corpus_table_too_many_columns},
    {"table_wrong_width", NSKY_EDATA, "rows of 800 bytes", corpus_table_wrong_width},
    {"table_unknown_form", NSKY_EDATA, "TFORM", corpus_table_unknown_form},
    {"table_huge_heap", NSKY_ELIMIT, "claims", corpus_table_huge_heap},
    {"ascii_table_outside_row", NSKY_EDATA, "TFORM", corpus_ascii_table_outside_row},
    {"tile_of_zero", NSKY_EDATA, "ZTILE1", corpus_tile_of_zero},
    {"tile_negative", NSKY_EDATA, "ZTILE1", corpus_tile_negative},
    {"tile_too_wide", NSKY_EDATA, "ZTILE1", corpus_tile_too_wide},
    {"tile_rows_differ", NSKY_EDATA, "tiles", corpus_tile_rows_differ},
    {"compressed_giant", NSKY_ELIMIT, "pixels", corpus_compressed_giant},
    {"compressed_axis_absent", NSKY_EDATA, "0 pixels long", corpus_compressed_axis_absent},
    {"tile_twice", NSKY_OK, NULL, corpus_tile_twice},
    {"tile_in_hierarch", NSKY_OK, NULL, corpus_tile_in_hierarch},
    {"tile_in_lower_case", NSKY_OK, NULL, corpus_tile_in_lower_case},
    {"image_in_hierarch", NSKY_OK, NULL, corpus_image_in_hierarch},
    {"gzip_of_text", NSKY_EDATA, "does not hold a FITS file", gzip_of_text},
    {"gzip_cut", NSKY_EDATA, "gzip", gzip_cut},
    {"gzip_bomb", NSKY_ELIMIT, "unpacks to more than", gzip_bomb},
};
const size_t corpus_item_count = sizeof corpus_items / sizeof *corpus_items;
